//! Databases and files as people have them, read and put in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_kamailio::cfg::Value;

use super::*;

/// A folder with a database of db_text, an address file and a list of destinations.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("strowger-{name}-{}", std::process::id()));
    let database = folder.join("db");
    std::fs::create_dir_all(&database).expect("a folder");
    for (file, text) in [
        (
            "db/subscriber",
            "id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string) \n\
             1:alice:kam.test:secret:x:y\n2:bob:b.test:secret:x:y\n",
        ),
        (
            "db/htable",
            "id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int) \n\
             1:one:0:1:5:0\n2:old:0:0:gone:10\n",
        ),
        ("a.list", "1 10.0.0.0 8 0 trunk\n"),
        ("d.list", "1 sip:192.0.2.1 0 5\n2 sip:192.0.2.2\n"),
    ] {
        std::fs::write(folder.join(file), text).expect("a file");
    }
    folder
}

fn config(folder: &Path, parameters: &[(&str, &str, Value)]) -> Config {
    let mut config = crate::trial::defaults(Path::new(""));
    config.file = folder.join("kamailio.cfg").display().to_string();
    config.domains = vec!["kam.test".into(), "b.test".into()];
    let mut script = Script::new(Path::new("main.lua"));
    for (module, name, value) in parameters {
        script.add_parameter(module, name, value.clone());
    }
    config.script = Some(Arc::new(script));
    config
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn now() -> Now {
    Now {
        monotonic: Time::from_secs(1),
        wall: Time::from_secs(1_000),
    }
}

#[test]
fn everything_that_modules_name_is_read_and_put_in_place() {
    let folder = folder("stores");
    let config = config(
        &folder,
        &[
            ("auth_db", "db_url", text("text://db")),
            ("auth_db", "calculate_ha1", Value::Integer(1)),
            ("permissions", "address_file", text("a.list")),
            ("dispatcher", "list_file", text("d.list")),
            ("htable", "db_url", text("text://db")),
            (
                "htable",
                "htable",
                text("t=>size=4;autoexpire=9;dbtable=htable"),
            ),
            ("htable", "htable", text("plain=>size=4;odd=1")),
            ("pike", "reqs_density_per_unit", Value::Integer(16)),
            ("pv", "shvset", text("debug=i:1")),
        ],
    );
    let stores = Stores::read(&config).expect("stores");
    let accounts = stores.accounts.iter();
    let accounts: Vec<String> = accounts
        .map(|one| format!("{}@{}", one.user, one.domain))
        .collect();
    // Without domains every account is one of the first; one of another of ours is there under its own too.
    assert_eq!(accounts, ["alice@kam.test", "bob@b.test", "bob@kam.test"]);
    assert_eq!(stores.warnings.len(), 1, "{:?}", stores.warnings);
    let tables = ScriptTables::new(1);
    let faults = stores.fill(config.script.as_deref(), &tables, now());
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(tables.address_groups.len(), 1);
    assert_eq!(tables.dispatcher.list().len(), 2);
    assert_eq!(tables.pike.settings().requests_per_unit, 16);
    assert_eq!(tables.shared_values.get(b"debug"), Some(TableValue::Int(1)));
    let table = tables.hash_tables.table(b"t").expect("a table");
    let at = now().monotonic;
    assert_eq!(table.get(b"one", at), Some(TableValue::Int(5)));
    assert_eq!(table.get(b"old", at), None, "it expired long ago");
    // Cells that a script has set stay over a reload; the method of the table reads them again.
    table.set_int(b"mine", 7, at).expect("room");
    let again = Stores::read(&config).expect("stores");
    again.fill(config.script.as_deref(), &tables, now());
    assert!(table.get(b"mine", at).is_some());
    let count = reload_hash_table(&config, &tables.hash_tables, "t", now());
    assert_eq!(count, Ok(2));
    assert!(table.get(b"mine", at).is_none());
    assert!(reload_hash_table(&config, &tables.hash_tables, "plain", now()).is_err());
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn what_cannot_be_read_is_told_at_once() {
    let folder = folder("stores-bad");
    std::fs::write(folder.join("a.list"), "x 10.0.0.0\n").expect("a file");
    let config = config(
        &folder,
        &[
            (
                "auth_db",
                "db_url",
                text("mysql://kam:secret@localhost/kam"),
            ),
            ("permissions", "address_file", text("a.list")),
            ("dispatcher", "list_file", text("absent.list")),
            ("htable", "htable", text("nothing")),
        ],
    );
    let errors = Stores::read(&config).expect_err("errors");
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(!errors.iter().any(|one| one.contains("secret")));
    let _ = std::fs::remove_dir_all(folder);
}
