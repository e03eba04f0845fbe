//! Accounts: names, domains, passwords, changes.

use super::*;
use crate::testing::TestFolder;

const SERVED: [&str; 2] = ["example.test", "example.org"];

fn user(text: &str) -> User {
    User::parse(text, &SERVED).expect("a good name")
}

fn account(text: &str, password: &str) -> Subscriber {
    account_with_password(&user(text), password).expect("a good password")
}

#[test]
fn a_bare_name_is_of_the_first_domain() {
    assert_eq!(user("1001").to_string(), "1001@example.test");
    assert_eq!(user("1001@EXAMPLE.org").to_string(), "1001@example.org");
}

#[test]
fn names_are_checked() {
    for (bad, reason) in [
        ("", "it is empty"),
        ("@example.test", "it is empty"),
        ("a@b@example.test", "it has two @ signs"),
        ("a b", "only letters"),
        ("a,b", "only letters"),
        ("é", "only letters"),
        ("a%41", "only letters"),
        ("a\r\nb", "only letters"),
    ] {
        let error = User::parse(bad, &SERVED).expect_err(bad).to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = User::parse(&"x".repeat(65), &SERVED)
        .expect_err("too long")
        .to_string();
    assert!(error.contains("longer than 64 octets"), "{error}");
    let error = User::parse("1001@elsewhere.test", &SERVED)
        .expect_err("not served")
        .to_string();
    assert_eq!(
        error,
        "the domain `elsewhere.test` is not served here; `domains` has: example.test, example.org"
    );
}

#[test]
fn passwords_are_checked() {
    for bad in ["", "a\nb", &"x".repeat(257)] {
        assert!(matches!(
            account_with_password(&user("1001"), bad),
            Err(StoreError::BadPassword(_))
        ));
    }
}

#[test]
fn an_account_lives_and_ends() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut accounts = Accounts::open(&database).expect("opens");
    accounts.add(&account("1001", "secret")).expect("new");
    accounts
        .add(&account("1001@example.org", "secret"))
        .expect("another domain");
    let error = accounts
        .add(&account("1001", "other"))
        .expect_err("exists")
        .to_string();
    assert!(
        error.contains("the user 1001@example.test exists already"),
        "{error}"
    );
    assert_eq!(
        accounts.get(&user("1001")).expect("read"),
        Some(account("1001", "secret"))
    );

    accounts
        .change(&account("1001", "longer secret"))
        .expect("exists");
    assert_eq!(
        accounts.get(&user("1001")).expect("read"),
        Some(account("1001", "longer secret"))
    );
    assert!(matches!(
        accounts.change(&account("1002", "x")),
        Err(StoreError::UnknownUser(_))
    ));

    let names: Vec<_> = accounts.list().expect("read").iter().map(name_of).collect();
    assert_eq!(names, ["1001@example.org", "1001@example.test"]);

    accounts.delete(&user("1001")).expect("exists");
    let error = accounts
        .delete(&user("1001"))
        .expect_err("gone")
        .to_string();
    assert_eq!(
        error,
        "there is no user 1001@example.test; `user list` shows all"
    );
}

#[test]
fn the_password_is_in_no_file() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut accounts = Accounts::open(&database).expect("opens");
    accounts
        .add(&account("1001", "correct-horse-battery"))
        .expect("new");
    for file in std::fs::read_dir(folder.path()).expect("readable") {
        let octets = std::fs::read(file.expect("readable").path()).expect("readable");
        assert!(!octets.windows(13).any(|window| window == b"correct-horse"));
    }
}

#[test]
fn two_processes_may_change_accounts_at_once() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let beside = Database::open_for_accounts(&folder.data()).expect("no lock needed");
    std::thread::scope(|scope| {
        for (database, domain) in [(&database, "example.test"), (&beside, "example.org")] {
            scope.spawn(move || {
                let mut accounts = Accounts::open(database).expect("opens");
                for number in 0..200 {
                    accounts
                        .add(&account(&format!("{number}@{domain}"), "secret"))
                        .expect("added");
                }
            });
        }
    });
    assert_eq!(
        Accounts::open(&beside)
            .expect("opens")
            .list()
            .expect("read")
            .len(),
        400
    );
}

#[test]
fn hashes_made_elsewhere_are_taken() {
    let (md5, sha256) = ("0123456789ABCDEF".repeat(2), "00ff".repeat(16));
    let hashes = Hashes {
        ha1_md5: Some(&md5),
        ha1_sha256: Some(&sha256),
        ..Hashes::default()
    };
    let account = account_with_hashes(&user("1001"), &hashes).expect("good");
    assert_eq!(account.ha1.md5.map(|octets| octets[0]), Some(0x01));
    assert_eq!(digits_of(account.ha1.sha256), Some(sha256));
    assert_eq!(account.ha1_with_domain, Ha1::default());
    for bad in [
        Hashes {
            ha1_md5: Some("xyz"),
            ..Hashes::default()
        },
        Hashes::default(),
    ] {
        assert!(account_with_hashes(&user("1001"), &bad).is_err());
    }
}
