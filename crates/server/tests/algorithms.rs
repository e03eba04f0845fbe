//! Digest algorithms by realm and by user: what is offered depends on the realm alone, what is accepted on both.

mod support;

use std::net::UdpSocket;
use std::time::Duration;

use strowger_sip::{Algorithm, AnswerInput, Challenge, HeaderName, Limits, Message, Secret};
use support::{Place, configuration, free_port};

/// Two domains; the second offers SHA-256 before MD5.
fn two_realms(port: u16) -> String {
    let file = configuration(port).replace(
        "domains = [\"example.test\"]",
        "domains = [\"example.test\", \"example.org\"]",
    );
    format!("{file}[[realm]]\nname = \"Example.org\"\nalgorithms = [\"SHA-256\", \"MD5\"]\n")
}

/// A phone that registers `user` of `domain`.
struct Phone {
    socket: UdpSocket,
    port: u16,
    user: &'static str,
    domain: &'static str,
    sent: u32,
}

impl Phone {
    fn new(port: u16, user: &'static str, domain: &'static str) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a limit");
        socket.connect(("127.0.0.1", port)).expect("an address");
        Phone {
            socket,
            port,
            user,
            domain,
            sent: 0,
        }
    }

    fn register(&mut self, credentials: &str) -> Message {
        self.sent += 1;
        let (user, domain, number) = (self.user, self.domain, self.sent);
        let own = self.socket.local_addr().expect("an address");
        let request = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number}-{}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag=1\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: {own}-{user}\r\n\
             CSeq: {number} REGISTER\r\nContact: <sip:{user}@{own}>\r\n{credentials}Content-Length: 0\r\n\r\n",
            self.port
        );
        self.socket.send(request.as_bytes()).expect("sent");
        let mut answer = [0; 4096];
        let length = self.socket.recv(&mut answer).expect("an answer");
        Message::parse(answer[..length].to_vec(), &Limits::default()).expect("a response")
    }

    /// The algorithms of a challenge, in order.
    fn offered(response: &Message) -> Vec<Algorithm> {
        let lines = response.headers_named(HeaderName::WwwAuthenticate);
        let parsed = lines.filter_map(|one| Challenge::parse(one.value).ok()?.algorithm);
        parsed.collect()
    }

    /// Registers with this password and algorithm; the status.
    fn log_in(&mut self, password: &str, algorithm: Algorithm) -> u16 {
        let asked = self.register("");
        let challenge = asked
            .headers_named(HeaderName::WwwAuthenticate)
            .filter_map(|one| Challenge::parse(one.value).ok())
            .find(|one| one.algorithm == Some(algorithm))
            .expect("the algorithm is offered");
        let uri = format!("sip:{}", self.domain);
        let input = AnswerInput {
            user: self.user.as_bytes(),
            method: b"REGISTER",
            uri: uri.as_bytes(),
            body: b"",
            cnonce: b"c",
            nonce_count: 1,
        };
        let mut value = Vec::new();
        challenge.write_answer(&mut value, Secret::Password(password.as_bytes()), &input);
        let line = format!("Authorization: {}\r\n", String::from_utf8_lossy(&value));
        self.register(&line).status().expect("a status").get()
    }
}

#[test]
fn each_realm_offers_its_own_algorithms() {
    let place = Place::new();
    let port = free_port();
    place.write("strowger.toml", &two_realms(port));
    let server = place.start(&["run"]);
    let offered = |domain| Phone::offered(&Phone::new(port, "alice", domain).register(""));
    assert_eq!(offered("example.test"), [Algorithm::Md5]);
    assert_eq!(offered("example.org"), [Algorithm::Sha256, Algorithm::Md5]);
    place
        .run(&["status"])
        .must_be(0, &["example.org: SHA-256, MD5"]);
    // A reload changes it for the requests that follow.
    place.write("strowger.toml", &configuration(port));
    place.run(&["reload"]).must_be(0, &["reloaded"]);
    assert_eq!(offered("example.test"), [Algorithm::Md5]);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_user_of_sha_256_alone_is_refused_with_md5_and_looks_like_nobody() {
    let place = Place::new();
    let port = free_port();
    let file = two_realms(port);
    place.write(
        "strowger.toml",
        &format!(
            "{file}[[user]]\nname = \"carol@example.org\"\npassword = \"secret\"\nalgorithms = [\"SHA-256\"]\n"
        ),
    );
    let add = |user: &str, more: &[&str]| {
        let arguments = [&["user", "add", user, "--password-stdin"], more].concat();
        place
            .run_with_input(&arguments, "secret\n")
            .must_be(0, &["added"]);
    };
    add("both@example.org", &[]);
    add("alice@example.org", &["--algorithms", "SHA-256"]);
    let _server = place.start(&["run"]);
    // Through the server too.
    add("bob@example.org", &["--algorithms", "SHA-256"]);
    for user in ["alice", "bob", "carol"] {
        let mut phone = Phone::new(port, user, "example.org");
        assert_eq!(phone.log_in("secret", Algorithm::Md5), 401, "{user}");
        assert_eq!(phone.log_in("secret", Algorithm::Sha256), 200, "{user}");
    }
    let mut phone = Phone::new(port, "both", "example.org");
    assert_eq!(phone.log_in("secret", Algorithm::Md5), 200);
    assert_eq!(phone.log_in("secret", Algorithm::Sha256), 200);
    // Nobody learns from the offer who exists or what his account allows.
    let mut nobody = Phone::new(port, "nobody", "example.org");
    assert_eq!(nobody.log_in("secret", Algorithm::Md5), 401);
    let offers = ["alice", "both", "nobody"]
        .map(|user| Phone::offered(&Phone::new(port, user, "example.org").register("")));
    assert!(offers.iter().all(|one| *one == offers[0]), "{offers:?}");
}

#[test]
fn a_new_password_keeps_the_algorithms_unless_others_are_named() {
    let place = Place::new();
    place.write("strowger.toml", &two_realms(free_port()));
    let manage = || {
        place
            .run(&["user", "add", "a@example.org", "--algorithms", "SHA-256"])
            .must_be(0, &["added"]);
        place
            .run(&["user", "passwd", "a@example.org", "--random"])
            .must_be(0, &["changed"]);
        place
            .run(&["user", "list", "--json"])
            .must_be(0, &["\"algorithms\":[\"SHA-256\"]"]);
        place
            .run(&[
                "user",
                "passwd",
                "a@example.org",
                "--random",
                "--algorithms",
                "MD5,SHA-256",
            ])
            .must_be(0, &["changed"]);
        place
            .run(&["user", "list", "--json"])
            .must_be(0, &["\"algorithms\":[\"MD5\",\"SHA-256\"]"]);
        // Nobody could log in so: the realm offers MD5 alone.
        place
            .run(&["user", "add", "b", "--algorithms", "SHA-256"])
            .must_be(1, &["example.test offers MD5 alone", "[[realm]]"]);
        place
            .run(&["user", "add", "b", "--algorithms", "MD4"])
            .must_be(2, &["MD4", "SHA-256"]);
        place
            .run(&["user", "del", "a@example.org"])
            .must_be(0, &["deleted"]);
    };
    manage();
    let _server = place.start(&["run"]);
    manage();
}
