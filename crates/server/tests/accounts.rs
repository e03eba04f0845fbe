//! Account commands without a server, and with one.

mod support;

use support::{Place, configuration, free_port};

#[test]
fn the_file_of_init_passes_check_and_is_not_overwritten() {
    let place = Place::new();
    let made = place.run(&[
        "init",
        "--domain",
        "pbx.example.test",
        "--listen",
        "udp:127.0.0.1:5070",
    ]);
    insta::assert_snapshot!(made.shown(&[]));
    place.run(&["check"]).must_be(0, &["strowger.toml is good"]);
    place
        .run(&["init"])
        .must_be(1, &["exists already", "--force"]);
    place
        .run(&["init", "--force", "--domain", "b.test"])
        .must_be(0, &["b.test"]);
    place
        .run(&["init", "-c", "x.toml", "--domain", "my_pbx"])
        .must_be(2, &["my-pbx"]);
    assert!(!place.path().join("x.toml").exists());
}

/// The same words and exit codes whether a server runs or not.
fn accounts_are_managed(place: &Place) {
    let added = place.run(&["user", "add", "1001", "1002@example.test"]);
    added.must_be(
        0,
        &[
            "added 1001@example.test",
            "added 1002@example.test",
            "shown once",
        ],
    );
    place
        .run(&["user", "add", "1001"])
        .must_be(1, &["1001@example.test exists already", "user passwd"]);
    place
        .run_with_input(&["user", "add", "bob", "--password-stdin"], "s3cret\n")
        .must_be(0, &["added bob@example.test"]);
    place
        .run_with_input(&["user", "add", "eve", "--password-stdin"], "")
        .must_be(1, &["no password"]);
    place.run(&["user", "add", "a b"]).must_be(1, &["a b"]);
    place
        .run(&["user", "add", "x@elsewhere.test"])
        .must_be(1, &["elsewhere.test", "not served"]);
    place
        .run(&["user", "passwd", "bob", "--random"])
        .must_be(0, &["changed bob@example.test"]);
    place
        .run(&["user", "passwd", "bob"])
        .must_be(1, &["--password-stdin"]);
    place
        .run_with_input(&["user", "passwd", "nobody", "--password-stdin"], "x\n")
        .must_be(1, &["no user nobody@example.test"]);
    place
        .run(&["user", "del", "nobody"])
        .must_be(1, &["no user nobody@example.test", "user list"]);
    place
        .run(&["user", "del", "1002"])
        .must_be(0, &["deleted 1002@example.test"]);
    let listed = place.run(&["user", "list", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&listed.out).expect("JSON");
    let users: Vec<&str> = value["users"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["user"].as_str())
        .collect();
    assert_eq!(users, ["1001@example.test", "bob@example.test"]);
    place.write("users.csv", "name,password\ni1,a\ni2,b\n1001,c\n");
    place
        .run(&["user", "import", "users.csv"])
        .must_be(1, &["nothing was imported", "1001@example.test"]);
    place
        .run(&["user", "import", "users.csv", "--replace"])
        .must_be(0, &["2 accounts added", "1 replaced"]);
    place.write("bad.csv", "name,password\nfine,a\n,b\nx@elsewhere.test,c\n");
    place
        .run(&["user", "import", "bad.csv"])
        .must_be(1, &["nothing was imported", "line 3", "line 4"]);
    place
        .run(&["user", "import", "absent.csv"])
        .must_be(1, &["absent.csv"]);
    place
        .run(&["user", "list", "fine"])
        .must_be(0, &["no accounts"]);
}

#[test]
fn accounts_are_managed_without_a_server() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    accounts_are_managed(&place);
}

#[test]
fn accounts_are_managed_through_a_running_server() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    let server = place.start(&["run"]);
    accounts_are_managed(&place);
    assert_eq!(server.end(), 0);
    place
        .run(&["user", "list"])
        .must_be(0, &["1001@example.test", "i2@example.test"]);
}

#[test]
fn accounts_of_the_file_are_changed_there() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        &format!(
            "{}[[user]]\nname = \"bob\"\npassword = \"x\"\n",
            configuration(free_port())
        ),
    );
    let refused = place.run(&["user", "del", "bob"]);
    insta::assert_snapshot!(refused.shown(&[]));
    place
        .run(&["user", "list"])
        .must_be(0, &["bob@example.test", "configuration"]);
}

#[test]
fn of_several_users_all_are_added_or_deleted_or_none() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    let manage = || {
        place.run(&["user", "add", "a"]).must_be(0, &["added a@"]);
        for wrong in ["a", "x y", "c@elsewhere.test"] {
            let refused = place.run(&["user", "add", "b", wrong]);
            refused.must_be(1, &[]);
            assert!(!refused.out.contains("password"), "{refused:?}");
        }
        place
            .run(&["user", "add", "b", "b"])
            .must_be(2, &["named twice"]);
        place
            .run(&["user", "list", "b@"])
            .must_be(0, &["no accounts"]);
        place
            .run(&["user", "del", "a", "b"])
            .must_be(1, &["no user b@example.test"]);
        place.run(&["user", "list"]).must_be(0, &["a@example.test"]);
        place
            .run(&["user", "add", "b", "c"])
            .must_be(0, &["added b@", "added c@"]);
        place
            .run(&["user", "del", "a", "b", "c"])
            .must_be(0, &["deleted a@", "deleted c@"]);
    };
    manage();
    let _server = place.start(&["run"]);
    manage();
}

#[test]
fn an_account_of_the_file_counts_before_a_stored_one_and_all_say_so() {
    let place = Place::new();
    let file = configuration(free_port());
    place.write("strowger.toml", &file);
    place
        .run_with_input(&["user", "add", "bob", "--password-stdin"], "stored\n")
        .must_be(0, &["added"]);
    let both = format!(
        "{file}[[user]]\nname = \"bob\"\nha1_md5 = \"{}\"\n",
        "0".repeat(32)
    );
    place.write("strowger.toml", &both);
    let checked = place.run(&["check"]);
    insta::assert_snapshot!(checked.shown(&[]));
    let server = place.start(&["run"]);
    let words = "user bob@example.test stands in strowger.toml:6 and in the data folder";
    assert!(server.log().contains(words), "{}", server.log());
    place.run(&["status"]).must_be(0, &[words]);
    place
        .run(&["user", "list"])
        .must_be(0, &["MD5  ", "configuration"]);
    // Without the file's account the stored one counts again.
    place.write("strowger.toml", &file);
    place.run(&["reload"]).must_be(0, &["reloaded"]);
    place
        .run(&["user", "list"])
        .must_be(0, &["MD5, SHA-256", "store"]);
    assert!(!place.run(&["status"]).out.contains("warning"));
    place.write("strowger.toml", &both);
    place.run(&["reload"]).must_be(0, &["reloaded", words]);
    assert_eq!(server.end(), 0);
}

#[test]
fn twenty_thousand_rows_are_imported_in_one_go() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    let rows: String = (0..20_000).map(|n| format!("i{n},secret-{n}\n")).collect();
    place.write("users.csv", &rows);
    let server = place.start(&["run"]);
    place
        .run(&["user", "import", "users.csv"])
        .must_be(0, &["20000 accounts added"]);
    place
        .run(&["status", "--json"])
        .must_be(0, &["\"accounts\":20000"]);
    drop(server);
}
