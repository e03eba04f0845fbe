//! The end of a server: what rings may be answered, what is new is refused, a second signal cuts it short.

mod support;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Place, Running, configuration, free_port};

/// A phone at a port of its own.
struct Phone {
    name: &'static str,
    socket: UdpSocket,
    server: u16,
}

impl Phone {
    fn new(name: &'static str, server: u16) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a limit");
        Phone {
            name,
            socket,
            server,
        }
    }

    fn request(&self, method: &str, uri: &str, to: &str, cseq: u32, more: &str) -> String {
        let (name, own) = (self.name, self.socket.local_addr().expect("an address"));
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{name}{method}{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{name}@example.test>;tag={name}\r\nTo: {to}\r\nCall-ID: {name}-{own}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{name}@{own}>\r\n{more}Content-Length: 0\r\n\r\n"
        )
    }

    fn send(&self, text: &str) {
        let to = ("127.0.0.1", self.server);
        self.socket.send_to(text.as_bytes(), to).expect("sent");
    }

    fn receive(&self) -> String {
        let mut octets = [0; 8_192];
        let length = self.socket.recv(&mut octets).expect("a message");
        String::from_utf8_lossy(&octets[..length]).into_owned()
    }

    /// The next message that begins so; what comes before it is passed over.
    fn receive_one(&self, start: &str) -> String {
        loop {
            let message = self.receive();
            if message.starts_with(start) {
                return message;
            }
        }
    }

    fn answer(&self, request: &str, status: &str) {
        let own = self.socket.local_addr().expect("an address");
        let mut answer = format!("SIP/2.0 {status}\r\n");
        for line in request.lines() {
            match line.split(':').next().unwrap_or_default() {
                "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => {
                    answer += &format!("{line}\r\n");
                }
                "To" => answer += &format!("{line};tag=there\r\n"),
                _ => {}
            }
        }
        answer += &format!(
            "Contact: <sip:{}@{own}>\r\nContent-Length: 0\r\n\r\n",
            self.name
        );
        self.send(&answer);
    }
}

/// A server with a call that rings: the caller, the called, and the INVITE as it came there.
fn ringing(place: &Place, limits: &str) -> (Running, Phone, Phone, String) {
    let port = free_port();
    let text = configuration(port);
    place.write(
        "strowger.toml",
        &format!("{text}[auth]\nrequired = false\n[limits]\n{limits}"),
    );
    let server = place.start(&["run"]);
    let (alice, bob) = (Phone::new("alice", port), Phone::new("bob", port));
    let own = "<sip:bob@example.test>";
    bob.send(&bob.request("REGISTER", "sip:example.test", own, 1, ""));
    bob.receive_one("SIP/2.0 200 ");
    alice.send(&alice.request("INVITE", "sip:bob@example.test", own, 1, ""));
    let invite = bob.receive_one("INVITE ");
    bob.answer(&invite, "180 Ringing");
    alice.receive_one("SIP/2.0 180 ");
    (server, alice, bob, invite)
}

fn options(phone: &Phone, cseq: u32) -> String {
    phone.send(&phone.request(
        "OPTIONS",
        "sip:example.test",
        "<sip:example.test>",
        cseq,
        "",
    ));
    phone.receive_one("SIP/2.0 ")
}

/// Waits until the server lets nothing new in.
fn until_refused(phone: &Phone) {
    for cseq in 100..1_000 {
        let answer = options(phone, cseq);
        if answer.starts_with("SIP/2.0 503 ") {
            assert!(answer.contains("\r\nRetry-After: "), "{answer}");
            return;
        }
    }
    panic!("the server lets everything in");
}

#[test]
fn a_ringing_call_is_answered_after_the_signal_and_the_server_ends_then() {
    let place = Place::new();
    let (server, alice, bob, invite) = ringing(&place, "drain_seconds = 60\n");
    let stranger = Phone::new("carol", alice.server);
    assert!(options(&stranger, 1).starts_with("SIP/2.0 "));
    server.signal(Signal::SIGTERM);
    until_refused(&stranger);
    // What the administration sees meanwhile.
    place
        .run(&["status"])
        .must_be(0, &["NOT READY: the server is ending"]);
    bob.answer(&invite, "200 OK");
    let answered = alice.receive_one("SIP/2.0 200 ");
    assert!(answered.contains("tag=there"));
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains("1 requests in progress may go on for 60 s"),
        "{log}"
    );
    assert!(!log.contains("cut off"), "{log}");
    // The registration is kept.
    let server = place.start(&["run"]);
    assert!(server.log().contains("1 registrations"), "{}", server.log());
}

#[test]
fn a_second_signal_cuts_the_end_short() {
    let place = Place::new();
    let (server, alice, _bob, _) = ringing(&place, "drain_seconds = 3600\n");
    server.signal(Signal::SIGTERM);
    until_refused(&alice);
    server.signal(Signal::SIGINT);
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains("a second signal: 1 requests are cut off"),
        "{log}"
    );
}

#[test]
fn the_end_waits_no_longer_than_it_was_told() {
    let place = Place::new();
    let began = Instant::now();
    let (server, ..) = ringing(&place, "drain_seconds = 1\n");
    server.signal(Signal::SIGTERM);
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("1 requests are cut off"), "{log}");
    assert!(began.elapsed() < Duration::from_secs(30));
}
