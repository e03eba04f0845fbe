//! A server that runs: status, reload, signals, HTTP, events, the trial.

mod support;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use support::{Place, configuration, free_port};

/// Trials look for a free port from 5060 on and bind it later: one at a time.
static TRIAL: Mutex<()> = Mutex::new(());

fn one_trial() -> MutexGuard<'static, ()> {
    TRIAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options(port: u16) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a limit");
    let own = socket.local_addr().expect("an address");
    let request = format!(
        "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKtest{}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@elsewhere.test>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: {own}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        own.port()
    );
    socket
        .send_to(request.as_bytes(), ("127.0.0.1", port))
        .expect("sent");
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn a_server_starts_answers_and_ends_on_a_signal() {
    let place = Place::new();
    let port = free_port();
    place.write("strowger.toml", &configuration(port));
    let server = place.start(&["run"]);
    assert!(options(port).starts_with("SIP/2.0 200 "));
    place.run(&["status"]).must_be(
        0,
        &[
            "listening",
            &format!("udp 127.0.0.1:{port}"),
            "example.test",
            "durability process",
        ],
    );
    place
        .run(&["stats", "options"])
        .must_be(0, &["requests_options", "1"]);
    assert_eq!(server.end(), 0);
    assert!(!place.path().join("data/admin.sock").exists());
    place.run(&["status"]).must_be(4, &["not running"]);
}

#[test]
fn reload_takes_all_or_nothing() {
    let place = Place::new();
    let good = configuration(free_port());
    place.write("strowger.toml", &good);
    let server = place.start(&["run"]);
    place.write("strowger.toml", &format!("{good}[proxxy]\n"));
    let refused = place.run(&["reload"]);
    insta::assert_snapshot!(refused.shown(&[]));
    // By signal: the log says what is wrong, and the server goes on.
    server.signal(Signal::SIGHUP);
    place.run(&["user", "list"]).must_be(3, &["proxxy"]);
    place.write(
        "strowger.toml",
        &format!("{good}[[user]]\nname = \"dora\"\npassword = \"x\"\n"),
    );
    place.run(&["reload"]).must_be(0, &["reloaded"]);
    place
        .run(&["user", "list"])
        .must_be(0, &["dora@example.test"]);
    place.write("strowger.toml", &good.replace("workers = 1", "workers = 2"));
    place
        .run(&["reload"])
        .must_be(0, &["needs a restart", "workers"]);
    place.run(&["user", "list"]).must_be(0, &["no accounts"]);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_broken_file_beside_the_folder_of_the_trial_is_seen_for_what_it_is() {
    let place = Place::new();
    // The folder that `init` proposes is that of the trial.
    let good = configuration(free_port()).replace("./data", "./strowger-data");
    place.write("strowger.toml", &good);
    let server = place.start(&["run"]);
    place.run(&["user", "add", "1001"]).must_be(0, &["added"]);
    place.write("strowger.toml", &good.replace("workers", "wrokers"));
    for arguments in [&["reload"][..], &["user", "add", "1002"]] {
        let refused = place.run(arguments);
        refused.must_be(3, &["did you mean `workers`?", "nothing was changed"]);
        assert!(!refused.err.contains("error: error"), "{refused:?}");
    }
    // Looking at the server needs no file.
    place.run(&["status"]).must_be(0, &["strowger.toml"]);
    place
        .run(&["reg", "drop", "1001"])
        .must_be(0, &["dropped 0 registrations"]);
    place
        .run(&["reg", "drop", "1009"])
        .must_be(1, &["no user 1009@example.test"]);
    assert_eq!(server.end(), 0);
    // The trial makes its own accounts beside those of the configuration.
    let _alone = one_trial();
    let trial = place.start_until(&[], "For real use");
    assert_eq!(trial.log().matches("   password ").count(), 2);
    place
        .run(&["reload"])
        .must_be(1, &["no configuration file"]);
    assert_eq!(trial.end(), 0);
}

#[test]
fn the_trial_as_json_and_without_a_file_to_reload() {
    let place = Place::new();
    let _alone = one_trial();
    let trial = place.start_until(&["--json"], "added");
    let log = trial.log();
    let line = log.lines().find(|line| line.starts_with('{'));
    let value: serde_json::Value = serde_json::from_str(line.expect("a line")).expect("JSON");
    assert_eq!(value["added"][0]["user"], "1001@localhost");
    place
        .run(&["reload"])
        .must_be(1, &["no configuration file", "strowger init"]);
    assert_eq!(trial.end(), 0);
}

fn get(port: u16, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a limit");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn registrations_of_several_pages_are_listed_whole_and_in_order() {
    const USERS: usize = 2_300;
    let place = Place::new();
    let port = free_port();
    place.write(
        "strowger.toml",
        &format!("{}[auth]\nrequired = false\n", configuration(port)),
    );
    let server = place.start(&["run"]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a limit");
    let own = socket.local_addr().expect("an address");
    for number in 0..USERS {
        let user = format!("u{number:04}@example.test");
        let request = format!(
            "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}>;tag=1\r\nTo: <sip:{user}>\r\nCall-ID: {number}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:a@{own}>, <sip:b@{own}>\r\nContent-Length: 0\r\n\r\n"
        );
        socket
            .send_to(request.as_bytes(), ("127.0.0.1", port))
            .expect("sent");
        let length = socket.recv(&mut [0; 4096]).expect("an answer");
        assert!(length > 0);
    }
    let listed = place.run(&["reg", "list", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&listed.out).expect("JSON");
    let rows = value["registrations"].as_array().expect("a list");
    let mut users: Vec<_> = rows.iter().filter_map(|row| row["user"].as_str()).collect();
    assert_eq!((users.len(), users.is_sorted()), (2 * USERS, true));
    users.dedup();
    assert_eq!(users.len(), USERS);
    assert_eq!(value["total"], 2 * USERS);
    place
        .run(&["reg", "list", "u22", "--json"])
        .must_be(0, &["\"total\":200"]);
    place
        .run(&["reg", "list", "--limit", "3"])
        .must_be(0, &["u0001@example.test", "… and 4597 more"]);
    place
        .run(&["reg", "list", "nobody"])
        .must_be(0, &["no user with `nobody` in the name is registered"]);
    place
        .run(&["stats", "nothing-like-it"])
        .must_be(0, &["no counter has `nothing-like-it`"]);
    assert_eq!(server.end(), 0);
}

#[test]
fn http_is_read_only_and_knows_its_names() {
    let place = Place::new();
    let admin = free_port();
    place.write(
        "strowger.toml",
        &format!(
            "{}[admin]\nlisten = \"127.0.0.1:{admin}\"\n",
            configuration(free_port())
        ),
    );
    let _server = place.start(&["run"]);
    let host = format!("127.0.0.1:{admin}");
    let metrics = get(admin, "/metrics", &host);
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(
        metrics.contains("# TYPE strowger_requests_total counter"),
        "{metrics}"
    );
    assert!(get(admin, "/health", &host).contains("{\"ok\":true}"));
    assert!(get(admin, "/ready", &host).contains("{\"ready\":true}"));
    assert!(get(admin, "/v1/status", &host).contains("example.test"));
    assert!(get(admin, "/v1/status", "evil.test").starts_with("HTTP/1.1 403"));
    for hidden in ["/v1/users", "/v1/reload", "/v1/watch", "/v1/registrations"] {
        assert!(
            get(admin, hidden, &host).starts_with("HTTP/1.1 404"),
            "{hidden}"
        );
    }
}

#[test]
fn memory_keeps_nothing_and_still_has_its_socket() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        &configuration(free_port()).replace("./data", "memory"),
    );
    place
        .run(&["user", "add", "1001"])
        .must_be(4, &["kept in memory"]);
    let server = place.start(&["run"]);
    place.run(&["user", "add", "1001"]).must_be(0, &["added"]);
    place
        .run(&["user", "add", "1001"])
        .must_be(1, &["exists already"]);
    place.run(&["status"]).must_be(0, &["memory"]);
    assert_eq!(server.end(), 0);
    assert!(!place.path().join("data").exists());
}

#[test]
fn the_log_can_be_json() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        &format!("{}[log]\nformat = \"json\"\n", configuration(free_port())),
    );
    let server = place.start(&["run"]);
    let log = server.log();
    let last = log.lines().last().expect("a line");
    let value: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(value["message"], "ready");
}

#[test]
fn the_trial_keeps_its_accounts_and_shows_passwords_once() {
    let place = Place::new();
    let _alone = one_trial();
    let first = place.start_until(&[], "For real use");
    let shown = first.log();
    assert_eq!(shown.matches("   password ").count(), 2, "{shown}");
    assert!(
        shown.contains("ping sip:127.0.0.1")
            && shown.contains(" register ")
            && shown.contains(" message "),
        "{shown}"
    );
    place
        .run(&["status"])
        .must_be(0, &["the trial", "localhost", "accounts        2"]);
    place
        .run(&["user", "list"])
        .must_be(0, &["1001@localhost", "1002@localhost"]);
    assert_eq!(first.end(), 0);
    let second = place.start_until(&[], "For real use");
    assert!(
        second.log().contains("user passwd 1001"),
        "{}",
        second.log()
    );
    assert_eq!(second.end(), 0);
}
