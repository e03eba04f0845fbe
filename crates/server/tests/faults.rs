//! Faults of the program and of its surroundings: a panic, too few descriptors, a log that cannot be written.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use support::{Place, configuration, free_port};

const PATIENCE: Duration = Duration::from_secs(10);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    socket
}

fn request(method: &str, transport: &str, own: SocketAddr, call_id: &str, cseq: u32) -> String {
    format!(
        "{method} sip:example.test SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bK{call_id}{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@elsewhere.test>;tag=1\r\nTo: <sip:example.test>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn ask(socket: &UdpSocket, port: u16, call_id: &str, cseq: u32) -> String {
    let own = socket.local_addr().expect("an address");
    let text = request("OPTIONS", "UDP", own, call_id, cseq);
    socket
        .send_to(text.as_bytes(), ("127.0.0.1", port))
        .expect("sent");
    let mut answer = [0; 4_096];
    let length = socket.recv(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn a_panic_is_answered_500_kept_for_replay_and_leaves_the_rest_running() {
    let place = Place::new();
    let port = free_port();
    place.write("strowger.toml", &configuration(port));
    let fatal = "fatal-call";
    let server = place.start_with(&["run"], &[("STROWGER_DEBUG_PANIC_CALL_ID", fatal)]);
    let socket = socket();
    assert!(ask(&socket, port, fatal, 1).starts_with("SIP/2.0 500 "));
    assert!(ask(&socket, port, "another", 1).starts_with("SIP/2.0 200 "));
    let lost = "its requests in progress are lost, registrations are";
    let log = server.log_with(lost);
    assert!(log.contains(lost), "{log}");
    // What did it is kept as it came, for the server's user alone.
    let folder = place.path().join("data/panics");
    let kept: Vec<_> = std::fs::read_dir(folder).expect("a folder").collect();
    let [Ok(kept)] = &kept[..] else {
        panic!("one file: {kept:?}")
    };
    let octets = std::fs::read(kept.path()).expect("a file");
    let own = socket.local_addr().expect("an address");
    assert_eq!(
        String::from_utf8_lossy(&octets),
        request("OPTIONS", "UDP", own, fatal, 1)
    );
    let mode = kept.metadata().expect("a mode").permissions().mode();
    assert_eq!(mode & 0o077, 0);
    // Its copy is dropped; the next message is answered.
    let copy = request("OPTIONS", "UDP", own, fatal, 1);
    socket
        .send_to(copy.as_bytes(), ("127.0.0.1", port))
        .expect("sent");
    assert!(ask(&socket, port, "another", 2).contains("CSeq: 2 "));
    for (name, value) in [
        ("net_shard_panics", 1),
        ("net_messages_blocked", 1),
        ("net_messages_unserved", 1),
    ] {
        assert_eq!(place.counted(name), value, "{name}");
    }
    place
        .run(&["status"])
        .must_be(0, &["1 panics since the start"]);
    assert_eq!(server.end(), 0);
}

#[test]
fn few_descriptors_leave_udp_and_administration_alone_and_come_back() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "strowger.toml",
        &format!(
            "{}[limits]\nmessage_timeout_ms = 120000\n",
            configuration(port)
        ),
    );
    let server = place.start_limited("ulimit -n 128", &["run"]);
    // 128 less 64 that are kept: from several sources, so that the limit of all is met.
    let mut held = Vec::new();
    for number in 0..200_u16 {
        let from = SocketAddr::from((
            [127, 0, 0, u8::try_from(2 + number / 40).expect("small")],
            0,
        ));
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.bind(&from.into()).expect("bound");
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        socket.connect(&to.into()).expect("a connection");
        held.push(TcpStream::from(socket));
    }
    let udp = socket();
    for cseq in 1..20 {
        assert!(ask(&udp, port, "udp", cseq).starts_with("SIP/2.0 200 "));
    }
    // Four of 64 are kept for connections that we open.
    assert_eq!(place.counted("net_streams_accepted"), 60);
    assert_eq!(place.counted("net_streams_refused_total"), 140);
    drop(held);
    // As soon as the server has seen that they are gone, a new one is served.
    let served = (0..500).any(|cseq| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let own = stream.local_addr().expect("an address");
        let _ = stream.write_all(request("OPTIONS", "TCP", own, "tcp", cseq).as_bytes());
        let mut octets = [0; 4_096];
        let served = stream.read(&mut octets).is_ok_and(|length| length > 0);
        served && octets.starts_with(b"SIP/2.0 200 ")
    });
    assert!(served);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let place = Place::new();
    let port = free_port();
    place.write("strowger.toml", &configuration(port));
    // Everything that is logged is refused: no space left on that device.
    let server = place.start_silent("exec 2>/dev/full", &["run"], port);
    let socket = socket();
    let own = socket.local_addr().expect("an address");
    for cseq in 1..50 {
        assert!(ask(&socket, port, "c", cseq).starts_with("SIP/2.0 200 "));
        // Refused, which is a line of the log.
        let text = request("INVITE", "UDP", own, "i", cseq)
            .replace("sip:example.test SIP", "sip:x@far.test SIP");
        socket
            .send_to(text.as_bytes(), ("127.0.0.1", port))
            .expect("sent");
        let mut answer = [0; 4_096];
        let length = socket.recv(&mut answer).expect("an answer");
        assert!(answer[..length].starts_with(b"SIP/2.0 403 "));
    }
    assert!(place.counted("events_lost") > 0);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_damaged_database_is_moved_aside_and_the_server_serves() {
    let place = Place::new();
    let port = free_port();
    place.write("strowger.toml", &configuration(port));
    let server = place.start(&["run"]);
    place.run(&["user", "add", "1001"]).must_be(0, &["added"]);
    assert_eq!(server.end(), 0);
    let database = place.path().join("data/strowger.db");
    let mut octets = std::fs::read(&database).expect("a database");
    let pages = octets.len() / 2;
    octets[100..pages].fill(0xa5);
    std::fs::write(&database, octets).expect("written");
    let server = place.start(&["run"]);
    assert!(
        server.log().contains("the database was damaged"),
        "{}",
        server.log()
    );
    assert!(ask(&socket(), port, "damaged", 1).starts_with("SIP/2.0 200 "));
    place
        .run(&["status"])
        .must_be(0, &["the database was damaged", "restore a backup"]);
    place.run(&["user", "add", "1002"]).must_be(0, &["added"]);
    assert_eq!(server.end(), 0);
}
