//! Opening a data folder: what is made, what is refused, what is replaced.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::accounts::{Accounts, User, account_with_password};
use crate::testing::TestFolder;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn makes_the_folder_and_its_files_private() {
    let folder = TestFolder::new();
    let data = DataFolder::open(folder.path().join("a/b")).expect("made");
    let lock = data.lock().expect("free");
    let opened = Database::open_for_service(&data, &lock, 1).expect("made");
    let _connection = opened.database.connect().expect("opens");
    assert_eq!(mode(data.path()), 0o700);
    for file in fs::read_dir(data.path()).expect("readable") {
        let path = file.expect("readable").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(data.path().join("strowger.db-wal").exists());
}

#[test]
fn refuses_a_file_in_the_place_of_the_folder() {
    let folder = TestFolder::new();
    let path = folder.path().join("data");
    fs::write(&path, "").expect("written");
    for path in [path.clone(), path.join("below")] {
        let error = DataFolder::open(path)
            .expect_err("a file is no folder")
            .to_string();
        assert!(
            error.contains("/data is not a folder; move that file away"),
            "{error}"
        );
    }
}

#[test]
fn says_why_a_folder_cannot_be_made() {
    let error = DataFolder::open("/proc/strowger")
        .expect_err("nobody can make folders there")
        .to_string();
    assert!(
        error.starts_with("cannot create the data folder /proc/strowger: "),
        "{error}"
    );
    assert!(!error.contains("os error"), "{error}");
}

#[test]
fn refuses_a_second_instance_and_names_the_first() {
    let folder = TestFolder::new();
    let lock = folder.data().lock().expect("free");
    let error = folder.data().lock().expect_err("held").to_string();
    assert!(
        error.contains(&format!(
            "another Strowger (process {}) runs",
            std::process::id()
        )),
        "{error}"
    );
    drop(lock);
    folder.data().lock().expect("free again");
}

/// Run one test of this program as a process of its own, which finds `FOLDER` in its environment; waits until it has
/// printed `line`.
pub(crate) fn child(test: &str, folder: &TestFolder, line: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("STROWGER_TEST_FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = child.stdout.take().expect("piped");
    let found = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .any(|text| text.contains(line));
    assert!(found, "the other process ended before it said `{line}`");
    child
}

#[test]
fn holds_the_lock_until_killed() {
    if let Ok(folder) = std::env::var("STROWGER_TEST_FOLDER") {
        let _lock = DataFolder::open(folder)
            .expect("there")
            .lock()
            .expect("free");
        println!("\nlocked");
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

#[test]
fn the_lock_vanishes_with_a_killed_process() {
    let folder = TestFolder::new();
    let mut other = child(
        "database::tests::holds_the_lock_until_killed",
        &folder,
        "locked",
    );
    let error = folder
        .data()
        .lock()
        .expect_err("held by the other")
        .to_string();
    assert!(
        error.contains(&format!("process {}", other.id())),
        "{error}"
    );
    other.kill().expect("killed");
    other.wait().expect("gone");
    folder.data().lock().expect("free");
}

#[test]
fn moves_a_file_that_is_no_database_aside() {
    let folder = TestFolder::new();
    let data = folder.data();
    fs::write(
        data.database(),
        "this is not a database, and long enough to be one ".repeat(50),
    )
    .expect("written");
    let error = Database::open_for_accounts(&data).expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(data.database().exists());

    let lock = data.lock().expect("free");
    let opened = Database::open_for_service(&data, &lock, 1_700_000_000).expect("replaced");
    let warning = opened.warnings.first().expect("a warning").to_string();
    assert!(
        warning.contains("strowger.db.corrupt-1700000000"),
        "{warning}"
    );
    assert!(warning.contains("0 accounts and 0 bindings"), "{warning}");
    assert!(
        folder
            .path()
            .join("strowger.db.corrupt-1700000000")
            .exists()
    );
    Accounts::open(&opened.database).expect("usable");
}

#[test]
fn saves_the_accounts_of_a_damaged_database() {
    let folder = TestFolder::new();
    let (database, lock) = folder.open();
    let mut accounts = Accounts::open(&database).expect("opens");
    let many: Vec<_> = (0..2_000)
        .map(|number| User::new(&format!("{number}"), None, &["example.test"]).expect("good"))
        .map(|user| account_with_password(&user, "secret").expect("good"))
        .collect();
    assert!(accounts.add_all(&many, false).expect("added").is_empty());
    drop(accounts);
    // The last connection moved the log into the database; now spoil a page in the middle.
    let mut octets = fs::read(database.path()).expect("readable");
    let middle = octets.len() / 2 / 4096 * 4096;
    octets
        .iter_mut()
        .skip(middle)
        .take(4096)
        .for_each(|octet| *octet = 0xA5);
    fs::write(database.path(), octets).expect("written");

    let opened = Database::open_for_service(&folder.data(), &lock, 5).expect("replaced");
    let [
        Warning::Replaced {
            accounts: saved, ..
        },
    ] = opened.warnings.as_slice()
    else {
        panic!("{:?}", opened.warnings);
    };
    let kept = Accounts::open(&opened.database)
        .expect("opens")
        .list()
        .expect("whole")
        .len();
    assert_eq!(kept as u64, *saved);
    assert!((1_900..2_000).contains(&kept), "{kept} of 2000 accounts");
}

#[test]
fn refuses_a_database_of_a_newer_version() {
    let folder = TestFolder::new();
    let (database, lock) = folder.open();
    database
        .connect()
        .expect("opens")
        .pragma_update(None, "user_version", 99)
        .expect("written");
    let error = Database::open_for_service(&folder.data(), &lock, 1)
        .expect_err("newer")
        .to_string();
    assert!(
        error.contains("made by a newer Strowger (schema 99"),
        "{error}"
    );
}

#[test]
fn leaves_databases_of_other_programs_alone() {
    let folder = TestFolder::new();
    let path = folder.data().database();
    let other = Connection::open(&path).expect("made");
    other
        .execute_batch("CREATE TABLE subscriber (username TEXT)")
        .expect("made");
    drop(other);
    let lock = folder.data().lock().expect("free");
    let error = Database::open_for_service(&folder.data(), &lock, 1).expect_err("not ours");
    assert!(matches!(error, StoreError::Foreign(_)), "{error}");
    let names = fs::read_dir(folder.path()).expect("readable").count();
    let other = Connection::open(&path).expect("still there");
    other
        .execute("INSERT INTO subscriber VALUES ('x')", [])
        .expect("untouched");
    assert!(names >= 2);
}

#[test]
fn opens_again_what_it_made() {
    let folder = TestFolder::new();
    drop(folder.open());
    drop(folder.open());
}

#[test]
fn errors_of_the_database_say_what_to_do() {
    use rusqlite::ffi;
    for (code, words) in [
        (
            ffi::SQLITE_READONLY,
            "cannot be written; check the permissions",
        ),
        (ffi::SQLITE_FULL, "no space left for x.db; free some space"),
        (ffi::SQLITE_BUSY, "held by another process; try again"),
        (ffi::SQLITE_CORRUPT, "is damaged"),
        (ffi::SQLITE_NOTADB, "is damaged"),
        (
            ffi::SQLITE_IOERR_WRITE,
            "cannot test in the database x.db: ",
        ),
    ] {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        let text = StoreError::sqlite("test", Path::new("x.db"), error).to_string();
        assert!(text.contains(words), "{text}");
    }
}
