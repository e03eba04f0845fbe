//! Imports: forms of files, errors with their lines, all or nothing.

use super::*;
use crate::testing::TestFolder;

const SERVED: [&str; 2] = ["example.test", "example.org"];

fn read(text: &str) -> Result<ImportFile, StoreError> {
    ImportFile::read(text.as_bytes(), &SERVED)
}

fn errors(text: &str) -> Vec<String> {
    match read(text) {
        Err(StoreError::Import { errors, .. }) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

fn names(text: &str) -> Vec<String> {
    let file = read(text).expect("a good file");
    file.accounts()
        .iter()
        .map(|account| format!("{}@{}", account.user, account.domain))
        .collect()
}

#[test]
fn columns_may_be_named_or_not() {
    let expected = ["1001@example.test", "1002@example.org"];
    assert_eq!(names("1001,secret\n1002,secret,example.org\n"), expected);
    assert_eq!(
        names("1001,secret\r\n1002@example.org,secret\r\n"),
        expected
    );
    assert_eq!(
        names("name,password,domain\n1001,secret,\n1002,secret,EXAMPLE.ORG"),
        expected
    );
    assert_eq!(
        names("\u{feff}Domain, Username ,password\n,1001,s\nexample.org,1002,s\n"),
        expected
    );
    assert_eq!(
        names("name,ha1_md5\n1001,0123456789abcdef0123456789abcdef\n"),
        expected[..1]
    );
}

#[test]
fn a_user_called_name_needs_no_header() {
    assert_eq!(names("name,secret\n"), ["name@example.test"]);
}

#[test]
fn quotes_keep_commas_and_spaces_of_a_password() {
    let file = read("1001,\" a,\"\"b \"\n").expect("good");
    let expected = account_with_password(&User::parse("1001", &SERVED).expect("good"), " a,\"b ")
        .expect("good");
    assert_eq!(file.accounts(), [expected]);
}

#[test]
fn all_errors_come_at_once_with_their_lines() {
    let text = "1001,secret\n\n,secret\n1002\n1003,secret,elsewhere.test\n1001,again\na b,secret\n1004,x,,,\n";
    assert_eq!(
        errors(text),
        [
            "line 3: bad user name ``: it is empty",
            "line 4: 1002@example.test: no password; expected name,password[,domain]",
            "line 5: the domain `elsewhere.test` is not served here; `domains` has: example.test, example.org",
            "line 6: 1001@example.test stands in line 1 already",
            "line 7: bad user name `a b`: only letters, digits and -_.!~*'()&=+$ may stand in it",
            "line 8: 5 columns, expected at most 3; a comma in a password needs quotes around it",
        ]
    );
}

#[test]
fn unknown_columns_and_bad_hashes_are_errors() {
    assert!(
        errors("name,password,colour\n1001,x,red\n")[0]
            .starts_with("line 1: unknown column `colour`")
    );
    let both = "name,password,ha1_md5\n1001,x,0123456789abcdef0123456789abcdef\n";
    assert_eq!(
        errors(both),
        ["line 2: 1001@example.test: a password or hashes, not both"]
    );
    assert!(errors("name,ha1_md5\n1001,12\n")[0].contains("32 hexadecimal digits"));
}

#[test]
fn text_that_is_not_utf_8_is_an_error_with_its_line() {
    let error = ImportFile::read(&b"1001,secret\n1002,s\xe9cret\n,x\n"[..], &SERVED)
        .expect_err("Latin-1")
        .to_string();
    assert!(
        error.contains("line 2: not UTF-8; save the file as UTF-8"),
        "{error}"
    );
    assert!(error.contains("line 3: "), "{error}");
}

#[test]
fn only_the_first_errors_are_shown() {
    let text = ",x\n".repeat(IMPORT_ERRORS_MAX + 5);
    let error = read(&text).expect_err("bad").to_string();
    assert!(
        error.starts_with("nothing was imported: 105 errors\n"),
        "{error}"
    );
    assert!(error.ends_with("  and 5 more\n"), "{error}");
}

#[test]
fn one_bad_line_imports_nothing() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut accounts = Accounts::open(&database).expect("opens");
    read("1002,old\n")
        .expect("good")
        .apply(&mut accounts, ImportMode::Add)
        .expect("new");

    let file = read("1001,new\n1002,new\n1003,new\n").expect("good");
    let error = file
        .apply(&mut accounts, ImportMode::Add)
        .expect_err("1002 exists")
        .to_string();
    assert_eq!(
        error,
        "nothing was imported: 1 error\n  line 2: the user 1002@example.test exists already\n"
    );
    assert_eq!(accounts.list().expect("read").len(), 1);

    let report = file
        .apply(&mut accounts, ImportMode::Replace)
        .expect("may replace");
    assert_eq!(
        report,
        ImportReport {
            added: 2,
            replaced: 1
        }
    );
    let stored = accounts
        .get(&User::parse("1002", &SERVED).expect("good"))
        .expect("read");
    assert_eq!(stored.as_ref(), file.accounts().get(1));
}

#[test]
fn twenty_thousand_rows_are_one_transaction() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut accounts = Accounts::open(&database).expect("opens");
    let text: String = (0..20_000)
        .map(|number| format!("user{number},password-{number}\n"))
        .collect();
    let report = read(&text)
        .expect("good")
        .apply(&mut accounts, ImportMode::Add)
        .expect("new");
    assert_eq!(report.added, 20_000);
    assert_eq!(accounts.list().expect("read").len(), 20_000);
}
