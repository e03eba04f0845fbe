//! Both kinds of databases, with the columns that Debian's Kamailio 5.6.3 makes.

use strowger_registrar::Ha1;

use super::*;
use crate::StoreError;
use crate::testing::TestFolder;

const SUBSCRIBER: &str =
    "id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string) ";
const ADDRESS: &str = "id(int,auto) grp(int) ip_addr(string) mask(int) port(int) tag(string,null) ";
const DISPATCHER: &str = "id(int,auto) setid(int) destination(string) flags(int) priority(int) attrs(string) description(string) ";
const HTABLE: &str =
    "id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int) ";
const LOCATION: &str = "id(int,auto) ruid(string) username(string) domain(string,null) contact(string) received(string,null) path(string,null) expires(int) q(double) callid(string) cseq(int) last_modified(int) flags(int) cflags(int) user_agent(string) socket(string,null) methods(int,null) instance(string,null) reg_id(int) server_id(int) connection_id(int) keepalive(int) partition(int) ";

/// HA1 of `alice:example.org:secret` by MD5.
fn ha1_digits() -> String {
    let hashes = Ha1::from_password(b"alice", b"example.org", b"secret");
    let octets = hashes.md5.expect("MD5 is always made");
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn text(folder: &TestFolder, table: &str, header: &str, rows: &[&str]) -> KamailioDatabase {
    let content = format!("{header}\n{}\n", rows.join("\n"));
    fs::write(folder.path().join(table), content).expect("the folder can be written");
    let url = format!("text://{}", folder.path().display());
    KamailioDatabase::open(&url, Path::new("/")).expect("the folder is there")
}

fn sqlite(folder: &TestFolder, statements: &str) -> KamailioDatabase {
    let path = folder.path().join("kamailio.sqlite");
    let connection = rusqlite::Connection::open(&path).expect("the folder can be written");
    connection.execute_batch(statements).expect("good SQL");
    let url = format!("sqlite://{}", path.display());
    KamailioDatabase::open(&url, Path::new("/")).expect("the file is there")
}

#[test]
fn urls_say_which_kind_it_is() {
    let folder = TestFolder::new();
    fs::create_dir(folder.path().join("db")).expect("a folder");
    let relative = KamailioDatabase::open("text://db", folder.path());
    assert_eq!(
        relative.expect("it is there"),
        KamailioDatabase::Text(folder.path().join("db"))
    );
    let says = |url: &str| {
        KamailioDatabase::open(url, folder.path())
            .expect_err("no database")
            .to_string()
    };
    let mysql = says("mysql://kamailio:kamailiorw@localhost/kamailio");
    assert!(
        mysql.contains("`mysql`") && mysql.contains("sqlite:///file"),
        "{mysql}"
    );
    assert!(!mysql.contains("kamailiorw"), "{mysql}");
    assert!(says("text://").contains("names no path"));
    assert!(says("sqlite:///nowhere/at/all").contains("/nowhere/at/all"));
}

#[test]
fn hashes_of_text_tables_become_accounts() {
    let folder = TestFolder::new();
    let row = format!("1:alice:example.org:x:{}:\\0", ha1_digits());
    let database = text(&folder, "subscriber", SUBSCRIBER, &[&row]);
    let subscribers = database
        .subscribers(&SubscriberColumns::default())
        .expect("good rows");
    let [alice] = &subscribers[..] else {
        panic!("one row: {subscribers:?}");
    };
    assert_eq!(
        (alice.password.as_deref(), alice.ha1b.as_deref()),
        (None, None)
    );
    assert_eq!(alice.line, 2);
    assert!(!format!("{alice:?}").contains(&ha1_digits()));
    let account = alice.account("unused.example").expect("a good account");
    assert_eq!(&*account.domain, "example.org");
    let expected = Ha1::from_password(b"alice", b"example.org", b"secret");
    assert_eq!(account.ha1.md5, expected.md5);
    assert_eq!(account.ha1.sha256, None);
}

#[test]
fn plain_passwords_become_accounts() {
    let folder = TestFolder::new();
    let row = r"1:bob::se\:cret:x:x";
    let database = text(&folder, "subscriber", SUBSCRIBER, &[row]);
    let columns = SubscriberColumns {
        calculate_ha1: true,
        ..SubscriberColumns::default()
    };
    let subscribers = database.subscribers(&columns).expect("good rows");
    let account = subscribers
        .first()
        .map(|bob| bob.account("Example.org"))
        .expect("one row")
        .expect("a good account");
    assert_eq!((&*account.user, &*account.domain), ("bob", "example.org"));
    assert_eq!(
        account.ha1,
        Ha1::from_password(b"bob", b"example.org", b"se:cret")
    );
}

#[test]
fn accounts_of_sqlite_are_read() {
    let folder = TestFolder::new();
    let database = sqlite(
        &folder,
        &format!(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, realm TEXT, hash TEXT);
             INSERT INTO users VALUES (2, 'bob', NULL, '{0}{0}'), (1, 'alice', 'example.org', '{0}');",
            ha1_digits()
        ),
    );
    let columns = SubscriberColumns {
        table: "users".to_owned(),
        user: "name".to_owned(),
        domain: "realm".to_owned(),
        ha1: "hash".to_owned(),
        ..SubscriberColumns::default()
    };
    let subscribers = database.subscribers(&columns).expect("good rows");
    let users: Vec<_> = subscribers.iter().map(|one| one.user.as_str()).collect();
    assert_eq!(users, ["alice", "bob"], "in the order of id");
    let accounts: Vec<_> = subscribers
        .iter()
        .map(|one| one.account("example.net").expect("a good account"))
        .collect();
    let kinds: Vec<_> = accounts
        .iter()
        .map(|one| {
            (
                &*one.domain,
                one.ha1.md5.is_some(),
                one.ha1.sha256.is_some(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [("example.org", true, false), ("example.net", false, true)]
    );
}

#[test]
fn bad_hashes_and_names_are_errors() {
    let subscriber = KamailioSubscriber {
        user: "alice".to_owned(),
        domain: None,
        password: None,
        ha1: Some("beef".to_owned()),
        ha1b: None,
        line: 2,
    };
    assert!(matches!(
        subscriber.account("a.example"),
        Err(StoreError::BadPassword(_))
    ));
    let nameless = KamailioSubscriber {
        user: "two words".to_owned(),
        ..subscriber
    };
    assert!(matches!(
        nameless.account("a.example"),
        Err(StoreError::BadUser { .. })
    ));
}

#[test]
fn addresses_are_read() {
    let folder = TestFolder::new();
    let rows = [
        "1:1:192.0.2.1:32:0:trunk",
        "",
        r"2:3:2001\:db8\:\::32:5060:",
    ];
    let database = text(&folder, "address", ADDRESS, &rows[..2]);
    let addresses = database
        .addresses(&AddressColumns::default())
        .expect("good rows");
    let trunk = KamailioAddress {
        group: 1,
        address: "192.0.2.1".to_owned(),
        mask: 32,
        port: 0,
        tag: Some("trunk".to_owned()),
        line: 2,
    };
    assert_eq!(addresses, std::slice::from_ref(&trunk));
    let database = text(&folder, "address", ADDRESS, &[rows[0], rows[1], rows[2]]);
    let addresses = database
        .addresses(&AddressColumns::default())
        .expect("good rows");
    let network = KamailioAddress {
        group: 3,
        address: "2001:db8::".to_owned(),
        port: 5_060,
        tag: None,
        line: 4,
        ..trunk
    };
    assert_eq!(addresses.get(1), Some(&network));
}

#[test]
fn destinations_are_read_from_both_kinds() {
    let expected = KamailioDestination {
        set: 1,
        uri: "sip:127.0.0.1:7001".to_owned(),
        flags: 8,
        priority: 5,
        attributes: "weight=50;duid=a".to_owned(),
        line: 2,
    };
    let folder = TestFolder::new();
    let row = r"1:1:sip\:127.0.0.1\:7001:8:5:weight=50;duid=a:first";
    let database = text(&folder, "dispatcher", DISPATCHER, &[row]);
    let columns = DispatcherColumns::default();
    assert_eq!(
        database.destinations(&columns).expect("good rows"),
        std::slice::from_ref(&expected)
    );
    let database = sqlite(
        &folder,
        "CREATE TABLE dispatcher (id INTEGER PRIMARY KEY, setid INTEGER, destination VARCHAR(192), flags INTEGER, priority INTEGER, attrs VARCHAR(128), description TEXT);
         INSERT INTO dispatcher VALUES (7, 1, 'sip:127.0.0.1:7001', 8, 5, 'weight=50;duid=a', 'first');",
    );
    let destinations = database.destinations(&columns).expect("good rows");
    assert_eq!(
        destinations,
        [KamailioDestination {
            line: 1,
            ..expected
        }]
    );
}

#[test]
fn cells_and_arrays_are_read() {
    let folder = TestFolder::new();
    let rows = [
        "1:arr:1:0:first:0",
        "2:arr:1:0:second:0",
        "3:plain:0:1:42:1700000000",
        r"4:esc:0:0:a\:b\\c\td:0",
    ];
    let database = text(&folder, "htable", HTABLE, &rows);
    let cells = database
        .cells(&HashTableColumns::default())
        .expect("good rows");
    let shown: Vec<_> = cells
        .iter()
        .map(|cell| format!("{} {:?} {:?}", cell.key, cell.value, cell.expires_at))
        .collect();
    assert_eq!(
        shown,
        [
            r#"arr[0] Text("first") None"#,
            r#"arr[1] Text("second") None"#,
            "plain Int(42) Some(1700000000)",
            r#"esc Text("a:b\\c\td") None"#,
            "arr::size Int(2) None",
        ]
    );
}

#[test]
fn locations_are_read() {
    let folder = TestFolder::new();
    let row = r"1:ul-1:alice:example.org:sip\:alice@192.0.2.5\:5062:sip\:198.51.100.1\:4000::1700000600:-1.00:abc@host:2:0:0:64:phone:udp\:192.0.2.1\:5060:8063::0:0:-1:1:0";
    let database = text(&folder, "location", LOCATION, &[row]);
    let locations = database.locations("location").expect("good rows");
    let [alice] = &locations[..] else {
        panic!("one row: {locations:?}");
    };
    assert_eq!(alice.contact, "sip:alice@192.0.2.5:5062");
    assert_eq!(alice.received.as_deref(), Some("sip:198.51.100.1:4000"));
    assert_eq!((alice.expires_at, alice.cseq), (Some(1_700_000_600), 2));
    assert_eq!(
        (alice.path.as_deref(), alice.instance.as_deref()),
        (None, None)
    );
    let database = sqlite(
        &folder,
        "CREATE TABLE location (id INTEGER PRIMARY KEY, username TEXT, contact TEXT, expires TIMESTAMP, q REAL, callid TEXT, cseq INTEGER);
         INSERT INTO location VALUES (1, 'bob', 'sip:bob@192.0.2.6', '2023-11-14 22:13:20', 0.5, 'x', 3);",
    );
    let locations = database.locations("location").expect("good rows");
    let first = locations.first().map(|one| (one.expires_at, one.q));
    assert_eq!(first, Some((Some(1_700_000_000), 0.5)));
}

#[test]
fn errors_name_file_and_lines() {
    let folder = TestFolder::new();
    let rows = [
        "1:x:192.0.2.1:32:0:",
        "2:1:192.0.2.1:32",
        "3:1::32:0:",
        "4:1:192.0.2.1:32:70000:",
    ];
    let database = text(&folder, "address", ADDRESS, &rows);
    let error = database
        .addresses(&AddressColumns::default())
        .expect_err("bad rows")
        .to_string();
    let path = folder.path().join("address");
    assert_eq!(
        error,
        format!(
            "{}: table `address`\n  line 2: `x` is not a group number\n  line 3: 4 fields for 6 columns; a colon in a text needs a backslash before it\n  line 4: there is no address\n  line 5: `70000` is not a port",
            path.display()
        )
    );
}

#[test]
fn missing_tables_and_columns_are_named() {
    let folder = TestFolder::new();
    let database = text(&folder, "address", "id(int) grp(int)", &[]);
    let says = |result: Result<Vec<KamailioAddress>, KamailioError>| {
        result.expect_err("no such thing").to_string()
    };
    let error = says(database.addresses(&AddressColumns::default()));
    assert!(
        error.contains("no column `ip_addr`; it has: id, grp"),
        "{error}"
    );
    let elsewhere = AddressColumns {
        table: "nowhere".to_owned(),
        ..AddressColumns::default()
    };
    assert!(says(database.addresses(&elsewhere)).contains("nowhere"));
    let database = sqlite(&folder, "CREATE TABLE address (grp INTEGER);");
    let error = says(database.addresses(&AddressColumns::default()));
    assert!(error.contains("no column `ip_addr`"), "{error}");
    let error = says(database.addresses(&elsewhere));
    assert!(error.contains("has no table `nowhere`"), "{error}");
    let database = text(&folder, "address", "1:1:192.0.2.1:32:0:", &[]);
    let error = says(database.addresses(&AddressColumns::default()));
    assert!(
        error.contains("line 1: `1:1:192.0.2.1:32:0:` does not define a column"),
        "{error}"
    );
}
