//! The clients against a server of the test's own, on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread::JoinHandle;
use std::time::Instant;

use clap::Parser;
use strowger_sip::{
    Algorithm, Credentials, Frame, Limits, MessageBuilder, StreamFramer, ha1, write_challenge,
};

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Line<A: Args> {
    #[command(flatten)]
    args: A,
}

fn args<A: Args>(words: &[&str]) -> A {
    Line::parse_from(std::iter::once("strowger").chain(words.iter().copied())).args
}

/// Answers `count` datagrams with what `answer` makes of them, in turn; `None` is silence.
fn udp_server(
    count: usize,
    mut answer: impl FnMut(usize, &Message) -> Option<Vec<u8>> + Send + 'static,
) -> (SocketAddr, JoinHandle<Vec<Message>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let address = socket.local_addr().expect("bound");
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 65_535];
        let mut seen = Vec::new();
        for number in 0..count {
            let (length, from) = socket.recv_from(&mut buffer).expect("a request");
            let message =
                Message::parse(buffer[..length].to_vec(), &Limits::default()).expect("SIP");
            if let Some(response) = answer(number, &message) {
                socket.send_to(&response, from).expect("sent");
            }
            seen.push(message);
        }
        seen
    });
    (address, thread)
}

/// The same over one TCP connection.
fn tcp_server(
    listener: TcpListener,
    count: usize,
    mut answer: impl FnMut(usize, &Message) -> Vec<u8> + Send + 'static,
) -> JoinHandle<Vec<Message>> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut framer = StreamFramer::new(&Limits::default());
        let (mut buffer, mut seen) = ([0; 4096], Vec::new());
        while seen.len() < count {
            match framer.next_frame().expect("framed") {
                Some(Frame::Message(octets)) => {
                    let message = Message::parse(octets, &Limits::default()).expect("SIP");
                    stream
                        .write_all(&answer(seen.len(), &message))
                        .expect("sent");
                    seen.push(message);
                }
                Some(_) => {}
                None => {
                    let length = stream.read(&mut buffer).expect("octets");
                    assert!(length > 0, "the client went away");
                    framer.push(&buffer[..length]);
                }
            }
        }
        seen
    })
}

fn respond(request: &Message, status: StatusCode) -> MessageBuilder {
    MessageBuilder::response_to(request, status, Some(b"tag"))
}

fn challenge(request: &Message, status: StatusCode, name: HeaderName, stale: bool) -> Vec<u8> {
    let mut value = Vec::new();
    write_challenge(&mut value, b"example.test", b"nonce", Algorithm::Md5, stale);
    respond(request, status).header(name, value).finish()
}

/// True if the credentials of a request are those of 1001 with the password `secret`.
fn is_good(request: &Message, name: HeaderName) -> bool {
    let header = request.header(name).expect("credentials");
    let credentials = Credentials::parse(header.value).expect("well-formed");
    assert_eq!(&*credentials.uri, request.request_uri());
    let key = ha1(Algorithm::Md5, b"1001", b"example.test", b"secret");
    let expected =
        credentials.expected_response(key.as_bytes(), request.method().as_bytes(), request.body());
    &*credentials.user == b"1001"
        && expected.is_some_and(|expected| expected.as_bytes() == &*credentials.response)
}

#[test]
fn ping_shows_who_answers() {
    let (address, server) = udp_server(1, |_, request| {
        Some(
            respond(request, StatusCode::OK)
                .header(HeaderName::Server, "s/1\x1b[31m")
                .header(HeaderName::Allow, "OPTIONS")
                .finish(),
        )
    });
    let report = send_options(&args(&[&format!("sip:{address}")])).expect("answered");
    assert_eq!((report.status, report.code()), (200, 0));
    let text = report.to_text();
    assert!(
        text.starts_with(&format!("200 OK from udp:{address} in ")),
        "{text}"
    );
    assert!(
        text.contains("\n  Server: s/1\u{fffd}[31m\n  Allow: OPTIONS\n"),
        "{text:?}"
    );
    assert_eq!(report.to_json()["allow"], "OPTIONS");
    let requests = server.join().expect("no panic");
    assert_eq!(requests[0].from().uri, b"sip:anonymous@anonymous.invalid");
    assert_eq!(requests[0].to().uri, b"sip:127.0.0.1");
    assert_eq!(
        requests[0].request_uri(),
        format!("sip:{address}").as_bytes()
    );
}

#[test]
fn a_refusal_is_exit_code_1() {
    let (address, server) = udp_server(1, |_, request| {
        Some(respond(request, StatusCode::NOT_FOUND).finish())
    });
    let report = send_options(&args(&[&format!("sip:1009@{address}")])).expect("answered");
    assert_eq!((report.status, report.code()), (404, 1));
    assert!(report.to_text().contains("there is no such user or domain"));
    server.join().expect("no panic");
}

#[test]
fn a_lost_request_is_sent_again() {
    let (address, server) = udp_server(3, |number, request| {
        (number == 2).then(|| respond(request, StatusCode::OK).finish())
    });
    let hop = NextHop::of(&SipUri::parse(&address.to_string()).expect("good")).expect("numeric");
    let connection = Connection::open(&hop, PATIENCE).expect("open");
    let mut peer = Peer::new(connection, PATIENCE).with_t1(Duration::from_millis(5));
    let name = || "sip:x@example.test".to_owned();
    let mut request = Request::new(Method::Options, name(), name(), name()).expect("random");
    let mut login = Login::new(Vec::new(), None);
    let answer = exchange::send(&mut peer, &mut request, &mut login).expect("answered");
    assert_eq!(answer.message.status(), Some(StatusCode::OK));
    let requests = server.join().expect("no panic");
    assert!(
        requests
            .iter()
            .all(|request| request.as_bytes() == requests[0].as_bytes())
    );
}

#[test]
fn silence_ends_with_a_failure() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound");
    let failure =
        send_options(&args(&[&address.to_string(), "--timeout", "1"])).expect_err("silence");
    assert_eq!(failure.exit, Exit::Failed);
    assert_eq!(
        failure.message,
        format!("no answer from udp:{address} within 1 s")
    );
}

#[test]
fn a_port_without_a_listener_is_told_at_once() {
    for transport in ["udp", "tcp"] {
        // Bound and closed again: nobody else is there now.
        let address = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("bound");
        let uri = format!("sip:{address};transport={transport}");
        let failure = send_options(&args(&[&uri])).expect_err("nobody there");
        assert_eq!(
            failure.message,
            format!("nobody listens at {transport}:{address}")
        );
    }
}

#[test]
fn register_answers_a_challenge_and_lists_the_contacts() {
    let (address, server) = udp_server(2, |number, request| {
        if number == 0 {
            return Some(challenge(
                request,
                StatusCode::UNAUTHORIZED,
                HeaderName::WwwAuthenticate,
                false,
            ));
        }
        assert!(is_good(request, HeaderName::Authorization));
        let own = request
            .header(HeaderName::Contact)
            .expect("a contact")
            .value
            .to_vec();
        let contacts = [&own[..], b";expires=300, <sip:1001@192.0.2.7>;expires=20"].concat();
        Some(
            respond(request, StatusCode::OK)
                .header(HeaderName::Contact, contacts)
                .finish(),
        )
    });
    let (report, peer, ..) = send_register(&args(&[
        &format!("sip:1001@{address}"),
        "--password",
        "secret",
    ]))
    .expect("answered");
    assert_eq!(report.code(), 0);
    let own = format!("sip:1001@{}", peer.connection().local());
    assert_eq!(
        report.lines,
        [
            format!("{own} for 300 s"),
            "sip:1001@192.0.2.7 for 20 s".to_owned()
        ]
    );
    assert_eq!(report.to_json()["contacts"][1]["expires"], 20);
    let requests = server.join().expect("no panic");
    assert_eq!(
        requests[1].request_uri(),
        format!("sip:{address}").as_bytes()
    );
    assert_eq!(requests[1].to().uri, b"sip:1001@127.0.0.1");
    assert_eq!(requests[0].call_id(), requests[1].call_id());
    assert_eq!(
        (requests[0].cseq().number, requests[1].cseq().number),
        (1, 2)
    );
}

#[test]
fn a_wrong_password_is_tried_once() {
    let (address, server) = udp_server(2, |_, request| {
        Some(challenge(
            request,
            StatusCode::UNAUTHORIZED,
            HeaderName::WwwAuthenticate,
            false,
        ))
    });
    let report = send_register(&args(&[
        &format!("sip:1001@{address}"),
        "--password",
        "wrong",
    ]))
    .expect("answered")
    .0;
    assert_eq!((report.status, report.code()), (401, 1));
    assert!(report.to_text().contains("the password is wrong"));
    server.join().expect("no panic");
}

#[test]
fn a_stale_nonce_is_no_refusal() {
    let (address, server) = udp_server(3, |number, request| match number {
        0 | 1 => Some(challenge(
            request,
            StatusCode::UNAUTHORIZED,
            HeaderName::WwwAuthenticate,
            number == 1,
        )),
        _ => Some(respond(request, StatusCode::OK).finish()),
    });
    let report = send_register(&args(&[
        &format!("sip:1001@{address}"),
        "--password",
        "secret",
    ]))
    .expect("answered")
    .0;
    assert_eq!(
        (report.status, report.lines),
        (200, vec!["no contact is registered".to_owned()])
    );
    server.join().expect("no panic");
}

#[test]
fn a_brief_expiry_is_raised_to_what_the_registrar_accepts() {
    let (address, server) = udp_server(2, |number, request| match number {
        0 => Some(
            respond(request, StatusCode::INTERVAL_TOO_BRIEF)
                .header(HeaderName::MinExpires, "60")
                .finish(),
        ),
        _ => Some(respond(request, StatusCode::OK).finish()),
    });
    send_register(&args(&[&format!("sip:1001@{address}"), "--expires", "5"])).expect("answered");
    let requests = server.join().expect("no panic");
    let expires: Vec<_> = requests
        .iter()
        .map(|request| request.expires().ok().flatten())
        .collect();
    assert_eq!(expires, [Some(5), Some(60)]);
}

#[test]
fn a_query_carries_no_contact() {
    let (address, server) = udp_server(1, |_, request| {
        Some(respond(request, StatusCode::OK).finish())
    });
    send_register(&args(&[&format!("sip:1001@{address}"), "--query"])).expect("answered");
    let requests = server.join().expect("no panic");
    assert!(
        !requests[0].has_header(HeaderName::Contact)
            && !requests[0].has_header(HeaderName::Expires)
    );
}

#[test]
fn message_answers_a_proxy_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = tcp_server(listener, 2, |number, request| match number {
        0 => challenge(
            request,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            HeaderName::ProxyAuthenticate,
            false,
        ),
        _ => respond(request, StatusCode::ACCEPTED).finish(),
    });
    let to = format!("sip:1002@{address};transport=tcp");
    let words = [
        &to,
        "hé\nllo",
        "--from",
        "sip:1001@example.test",
        "--password",
        "secret",
    ];
    let report = send_message(&args(&words)).expect("answered");
    assert_eq!((report.status, report.code()), (202, 0));
    let requests = server.join().expect("no panic");
    assert!(is_good(&requests[1], HeaderName::ProxyAuthorization));
    assert_eq!(requests[1].body(), "hé\nllo".as_bytes());
    assert_eq!(requests[1].from().uri, b"sip:1001@example.test");
}

#[test]
fn a_long_message_goes_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let server = tcp_server(listener, 1, |_, request| {
        respond(request, StatusCode::OK).finish()
    });
    let report = send_message(&args(&[&format!("sip:1002@{address}"), &"x".repeat(1_000)]))
        .expect("answered");
    assert_eq!(report.peer, format!("tcp:{address}"));
    server.join().expect("no panic");
}

#[test]
fn the_server_may_be_another_than_the_domain() {
    let (address, server) = udp_server(1, |_, request| {
        Some(respond(request, StatusCode::OK).finish())
    });
    let server_uri = format!("sip:{address}");
    let words = ["sip:1002@nowhere.invalid", "hello", "--server", &server_uri];
    assert_eq!(send_message(&args(&words)).expect("answered").code(), 0);
    assert_eq!(
        server.join().expect("no panic")[0].request_uri(),
        b"sip:1002@nowhere.invalid"
    );
}

#[test]
fn a_phone_that_stays_answers_and_repeats_its_answers() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let address = socket.local_addr().expect("bound");
    let hop = NextHop::of(&SipUri::parse(&address.to_string()).expect("good")).expect("numeric");
    let peer = Peer::new(Connection::open(&hop, PATIENCE).expect("open"), PATIENCE);
    let local = peer.connection().local();
    let name = || "sip:1001@example.test".to_owned();
    let request = Request::new(Method::Register, name(), name(), name()).expect("random");
    let mut phone = stay::Phone::new(peer, request, Login::new(Vec::new(), None));
    let mut ask = |method: &str, branch: &str| {
        let octets = format!(
            "{method} sip:1001@{local} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{branch}\r\n\
             From: <sip:1002@example.test>;tag=1\r\nTo: <sip:1001@example.test>\r\nCall-ID: c\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(octets.as_bytes(), local).expect("sent");
        assert!(phone.answer_next(Instant::now() + PATIENCE).expect("alive"));
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).expect("an answer");
        Message::parse(buffer[..length].to_vec(), &Limits::default()).expect("SIP")
    };
    let first = ask("MESSAGE", "1");
    assert_eq!(first.status(), Some(StatusCode::OK));
    assert_eq!(ask("MESSAGE", "1").as_bytes(), first.as_bytes());
    assert_ne!(ask("MESSAGE", "2").to_tag(), first.to_tag());
    assert_eq!(ask("OPTIONS", "3").status(), Some(StatusCode::OK));
    assert_eq!(ask("INVITE", "4").status(), Some(StatusCode::BUSY_HERE));
    assert_eq!(
        ask("PUBLISH", "5").status(),
        Some(StatusCode::METHOD_NOT_ALLOWED)
    );
}

#[test]
fn uris_are_checked_before_anything_is_sent() {
    for (bad, part) in [
        ("sips:1001@example.test", "sips needs TLS"),
        ("tel:+1555", "is no sip URI"),
        (
            "sip:1001@example.test;transport=ws",
            "only transport=udp and transport=tcp",
        ),
        ("sip:", "is no SIP URI"),
        ("1001@exa mple", "is no SIP URI"),
    ] {
        let failure = SipUri::parse(bad).expect_err(bad);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    let failure = send_register(&args(&["sip:127.0.0.1"]))
        .err()
        .expect("no user");
    assert_eq!(failure.exit, Exit::Usage);
}

#[test]
fn a_uri_has_its_forms() {
    let uri = SipUri::parse("1001@[::1]:5070;transport=tcp?Subject=x").expect("good");
    assert_eq!(uri.request_uri(), "sip:1001@[::1]:5070;transport=tcp");
    assert_eq!(uri.registrar(), "sip:[::1]:5070;transport=tcp");
    assert_eq!(uri.address_of_record(), "sip:1001@[::1]");
    let hop = NextHop::of(&uri).expect("numeric");
    assert_eq!(
        (hop.transport.as_param(), hop.addresses),
        ("tcp", vec!["[::1]:5070".parse().expect("good")])
    );
}

#[test]
fn a_name_without_address_is_a_failure() {
    let failure = NextHop::of(&SipUri::parse("sip:x@nowhere.invalid").expect("good"))
        .expect_err("no such name");
    assert_eq!(failure.message, "the name nowhere.invalid has no address");
}
