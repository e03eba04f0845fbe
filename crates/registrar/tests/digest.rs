//! The digest server: which credentials pass, and what the others are told.

use strowger_registrar::{
    AuthKind, AuthSettings, Authenticator, ChallengeCause, NonceTable, RealmSettings, Subscriber,
    SubscriberTable, Verdict, own_credentials, owns_identity,
};
use strowger_sip::{
    Algorithm, AnswerInput, Challenge, Host, Limits, Message, Now, Secret, Time, Uri,
};
use strowger_transaction::token::Secrets;

struct World {
    settings: AuthSettings,
    subscribers: SubscriberTable,
    nonces: NonceTable,
    secrets: Secrets,
    now: u64,
    kind: AuthKind,
}

/// One attempt of a client.
#[derive(Clone)]
struct Attempt<'a> {
    user: &'a str,
    password: &'a str,
    nc: u32,
    uri: &'a str,
    cseq: u32,
    branch: &'a str,
    contact: &'a str,
    extra: &'a str,
}

impl Default for Attempt<'_> {
    fn default() -> Self {
        Attempt {
            user: "alice",
            password: "secret",
            nc: 1,
            uri: "sip:example.test",
            cseq: 2,
            branch: "z9hG4bK1",
            contact: "sip:a@192.0.2.4",
            extra: "",
        }
    }
}

impl World {
    fn new() -> World {
        let subscribers = SubscriberTable::new(1);
        for (user, domain, password) in [
            ("alice", "example.test", "secret"),
            ("alice", "example.org", "other"),
        ] {
            subscribers
                .add(Subscriber::from_password(user, domain, password.as_bytes()))
                .expect("room");
        }
        let disabled = Subscriber {
            enabled: false,
            ..Subscriber::from_password("carol", "example.test", b"secret")
        };
        subscribers.add(disabled).expect("room");
        World {
            settings: AuthSettings::default(),
            subscribers,
            nonces: NonceTable::new(16, 1),
            secrets: Secrets::new([7; 16]),
            now: 1_000,
            kind: AuthKind::Www,
        }
    }
    fn authenticator(&self) -> Authenticator<'_> {
        let now = Time::from_secs(self.now);
        Authenticator {
            realm: "example.test",
            kind: self.kind,
            settings: &self.settings,
            subscribers: &self.subscribers,
            nonces: &self.nonces,
            secrets: &self.secrets,
            domain_of: &|uri| {
                let ours =
                    matches!(uri.host, strowger_sip::Host::V4(ip) if ip.octets() == [192, 0, 2, 7]);
                (ours
                    || uri
                        .host
                        .eq_ignore_case(&strowger_sip::Host::Name(b"example.test")))
                .then_some("example.test")
            },
            now: Now {
                monotonic: now,
                wall: now,
            },
        }
    }
    fn challenge_lines(&self, cause: ChallengeCause) -> String {
        let mut out = Vec::new();
        self.authenticator().write_challenge(cause, &mut out);
        String::from_utf8(out).expect("ASCII")
    }
    fn challenge(&self) -> String {
        let lines = self.challenge_lines(ChallengeCause::NoCredentials);
        lines
            .lines()
            .next()
            .and_then(|line| line.split_once(": "))
            .expect("a header line")
            .1
            .to_owned()
    }
    fn answer(&self, challenge: &str, attempt: &Attempt<'_>) -> String {
        let challenge = Challenge::parse(challenge.as_bytes()).expect("a challenge");
        let mut out = Vec::new();
        let input = AnswerInput {
            user: attempt.user.as_bytes(),
            method: b"REGISTER",
            uri: attempt.uri.as_bytes(),
            body: b"",
            cnonce: b"0a4f113b",
            nonce_count: attempt.nc,
        };
        assert!(challenge.write_answer(
            &mut out,
            Secret::Password(attempt.password.as_bytes()),
            &input
        ));
        String::from_utf8(out).expect("ASCII")
    }
    fn request(&self, credentials: &[&str], attempt: &Attempt<'_>) -> Message {
        let name = match self.kind {
            AuthKind::Www => "Authorization",
            AuthKind::Proxy => "Proxy-Authorization",
        };
        let lines: String = credentials
            .iter()
            .map(|value| format!("{name}: {value}\r\n"))
            .collect();
        let (cseq, branch, contact, extra) =
            (attempt.cseq, attempt.branch, attempt.contact, attempt.extra);
        let text = format!(
            "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4;branch={branch}\r\n\
             From: <sip:alice@example.test>;tag=a\r\nTo: <sip:alice@example.test>\r\nCall-ID: c\r\n\
             CSeq: {cseq} REGISTER\r\nContact: <{contact}>\r\n{lines}{extra}Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.into_bytes(), &Limits::default())
            .map_err(|failure| failure.error)
            .expect("parses")
    }
    fn verdict(&self, credentials: &[&str], attempt: &Attempt<'_>) -> Verdict {
        self.authenticator()
            .authenticate(&self.request(credentials, attempt))
    }
    /// Challenge, answer, verdict.
    fn attempt(&self, attempt: &Attempt<'_>) -> String {
        short(&self.verdict(&[&self.answer(&self.challenge(), attempt)], attempt))
    }
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed(subscriber) => format!("passed {}@{}", subscriber.user, subscriber.domain),
        Verdict::Challenge(cause) => format!("{cause:?}"),
        Verdict::Malformed(why) => format!("400 {why}"),
    }
}

#[test]
fn the_right_password_passes_by_either_header_field() {
    for kind in [AuthKind::Www, AuthKind::Proxy] {
        let world = World {
            kind,
            ..World::new()
        };
        assert_eq!(
            world.attempt(&Attempt::default()),
            "passed alice@example.test"
        );
    }
}

#[test]
fn user_with_domain_passes_too() {
    let world = World::new();
    for (user, outcome) in [
        ("alice@example.test", "passed alice@example.test"),
        ("alice@EXAMPLE.TEST", "Wrong"),
        ("alice@example.org", "Wrong"),
    ] {
        assert_eq!(
            world.attempt(&Attempt {
                user,
                ..Attempt::default()
            }),
            outcome,
            "{user}"
        );
    }
}

#[test]
fn unknown_disabled_and_wrong_look_alike() {
    let world = World::new();
    for (user, password) in [
        ("alice", "x"),
        ("nobody", "secret"),
        ("carol", "secret"),
        ("alice", "other"),
        ("", ""),
    ] {
        assert_eq!(
            world.attempt(&Attempt {
                user,
                password,
                ..Attempt::default()
            }),
            "Wrong",
            "{user}"
        );
    }
    let challenges = [ChallengeCause::NoCredentials, ChallengeCause::Wrong]
        .map(|cause| world.challenge_lines(cause));
    let [first, second] = challenges.map(|lines| {
        lines
            .split("nonce=\"")
            .map(|part| part.split_at(10).1.len())
            .collect::<Vec<_>>()
    });
    assert_eq!(first, second);
}

#[test]
fn credentials_of_others_are_passed_over() {
    let world = World::new();
    let attempt = Attempt::default();
    assert_eq!(short(&world.verdict(&[], &attempt)), "NoCredentials");
    assert_eq!(
        short(&world.verdict(&["NoOneKnowsThisScheme opaque-data=here"], &attempt)),
        "NoCredentials"
    );
    let good = world.answer(&world.challenge(), &attempt);
    let foreign = world.answer(
        &world.challenge().replace("example.test", "example.net"),
        &attempt,
    );
    assert_eq!(
        short(&world.verdict(&[&foreign], &attempt)),
        "NoCredentials"
    );
    assert_eq!(
        short(&world.verdict(&[&foreign, &good], &attempt)),
        "passed alice@example.test"
    );
    let wrong = world.answer(
        &world.challenge(),
        &Attempt {
            password: "x",
            ..attempt.clone()
        },
    );
    let good = world.answer(&world.challenge(), &attempt);
    assert_eq!(
        short(&world.verdict(&[&wrong, &good], &attempt)),
        "passed alice@example.test"
    );
    let proxy = World {
        kind: AuthKind::Proxy,
        ..World::new()
    };
    let request = world.request(&[&good], &attempt);
    assert_eq!(
        short(&proxy.authenticator().authenticate(&request)),
        "NoCredentials",
        "the other header field"
    );
}

#[test]
fn only_what_was_offered_is_accepted() {
    let world = World::new();
    let attempt = Attempt::default();
    let challenge = world.challenge();
    for (from, to) in [
        ("algorithm=MD5", "algorithm=SHA-256"),
        ("algorithm=MD5", "algorithm=MD5-sess"),
        ("qop=\"auth\"", "qop=\"auth-int\""),
        (", qop=\"auth\"", ""),
    ] {
        let answer = world.answer(&challenge.replace(from, to), &attempt);
        assert_eq!(
            short(&world.verdict(&[&answer], &attempt)),
            "NotOffered",
            "{to}"
        );
    }
}

#[test]
fn malformed_credentials_are_told_so() {
    let world = World::new();
    let attempt = Attempt::default();
    let good = world.answer(&world.challenge(), &attempt);
    for (from, to) in [
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("username=", "user="),
        ("realm=", "realm"),
    ] {
        let broken = good.replace(from, to);
        assert_eq!(
            short(&world.verdict(&[&broken], &attempt)),
            "400 Bad Credentials",
            "{to}"
        );
    }
}

#[test]
fn the_digest_uri_must_name_the_same_resource() {
    let world = World::new();
    for (uri, passes) in [
        ("sip:example.test:5060", true),
        ("sip:192.0.2.7:5060", true),
        ("sip:192.0.2.8:5060", false),
        ("sip:EXAMPLE.test;transport=tcp", true),
        ("sips:example.test", false),
        ("sip:example.org", false),
        ("sip:bob@example.test", false),
        ("tel:+1", false),
    ] {
        let outcome = world.attempt(&Attempt {
            uri,
            ..Attempt::default()
        });
        assert_eq!(outcome.starts_with("passed"), passes, "{uri}: {outcome}");
    }
}

#[test]
fn a_nonce_lives_for_its_time_and_then_is_stale() {
    let mut world = World::new();
    let challenge = world.challenge();
    let attempt = Attempt::default();
    world.now = 1_300;
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &attempt)], &attempt)),
        "passed alice@example.test"
    );
    world.now = 1_301;
    let late = Attempt {
        nc: 2,
        ..attempt.clone()
    };
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &late)], &late)),
        "Stale"
    );
    let wrong = Attempt {
        password: "x",
        ..late
    };
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &wrong)], &wrong)),
        "Wrong",
        "only who knows the password is told"
    );
    assert!(
        world
            .challenge_lines(ChallengeCause::Stale)
            .contains("stale=true")
    );
    world.nonces = NonceTable::new(16, 2);
    world.now = 1_000;
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &attempt)], &attempt)),
        "Stale",
        "after a restart"
    );
}

#[test]
fn without_qop_a_nonce_must_be_ours_and_young_all_the_same() {
    let mut world = World::new();
    world.settings.qop_required = false;
    // A challenge without qop is answered without a count.
    let brief = |world: &World| {
        let mut out = Vec::new();
        world
            .authenticator()
            .write_brief_challenge(false, false, &mut out);
        let line = String::from_utf8(out).expect("ASCII");
        let (_, value) = line.trim_end().split_once(": ").expect("a header line");
        value.to_owned()
    };
    let attempt = Attempt::default();
    let challenge = brief(&world);
    let answer = world.answer(&challenge, &attempt);
    assert!(!answer.contains("nc="), "{answer}");
    assert_eq!(
        short(&world.verdict(&[&answer], &attempt)),
        "passed alice@example.test"
    );
    world.now = 1_301;
    assert_eq!(short(&world.verdict(&[&answer], &attempt)), "Stale", "old");
    world.now = 1_000;
    let forged = r#"Digest realm="example.test", nonce="of-my-choice", algorithm=MD5"#;
    assert_eq!(
        short(&world.verdict(&[&world.answer(forged, &attempt)], &attempt)),
        "Stale",
        "forged"
    );
    world.nonces = NonceTable::new(16, 2);
    assert_eq!(
        short(&world.verdict(&[&answer], &attempt)),
        "Stale",
        "of another run"
    );
}

#[test]
fn a_retransmission_passes_also_if_its_nonce_has_aged_meanwhile() {
    let mut world = World::new();
    let challenge = world.challenge();
    let first = Attempt::default();
    let answer = world.answer(&challenge, &first);
    world.now = 1_299;
    assert_eq!(
        short(&world.verdict(&[&answer], &first)),
        "passed alice@example.test"
    );
    world.now = 1_302;
    assert_eq!(
        short(&world.verdict(&[&answer], &first)),
        "passed alice@example.test",
        "who hears a 200 must not hear a challenge"
    );
    let other = Attempt {
        branch: "z9hG4bK2",
        ..first.clone()
    };
    assert_eq!(short(&world.verdict(&[&answer], &other)), "Stale");
    let next = Attempt {
        nc: 2,
        ..first.clone()
    };
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &next)], &next)),
        "Stale"
    );
    world.now = 1_333;
    assert_eq!(
        short(&world.verdict(&[&answer], &first)),
        "Stale",
        "64*T1 later nobody sends it again"
    );
}

#[test]
fn a_count_is_used_once_and_a_retransmission_is_not_a_second_use() {
    let world = World::new();
    let challenge = world.challenge();
    let first = Attempt::default();
    let answer = world.answer(&challenge, &first);
    assert_eq!(
        short(&world.verdict(&[&answer], &first)),
        "passed alice@example.test"
    );
    assert_eq!(
        short(&world.verdict(&[&answer], &first)),
        "passed alice@example.test",
        "a retransmission"
    );
    for replay in [
        Attempt {
            cseq: 3,
            ..first.clone()
        },
        Attempt {
            branch: "z9hG4bK2",
            ..first.clone()
        },
        Attempt {
            contact: "sip:thief@203.0.113.9",
            ..first.clone()
        },
    ] {
        assert_eq!(short(&world.verdict(&[&answer], &replay)), "Replayed");
    }
    let next = Attempt {
        nc: 2,
        cseq: 3,
        ..first
    };
    assert_eq!(
        short(&world.verdict(&[&world.answer(&challenge, &next)], &next)),
        "passed alice@example.test"
    );
}

#[test]
fn challenges_are_the_realms_in_its_order() {
    let mut world = World::new();
    let realm = RealmSettings {
        realm: "example.test".into(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
    };
    world.settings.realms.push(realm);
    let lines = world.challenge_lines(ChallengeCause::NoCredentials);
    let nonce = lines.split('"').nth(3).expect("a nonce").to_owned();
    insta::assert_snapshot!(
        "challenge_of_two_algorithms",
        lines.replace(&nonce, "NONCE")
    );
    world.kind = AuthKind::Proxy;
    let lines = world.challenge_lines(ChallengeCause::Stale);
    let nonce = lines.split('"').nth(3).expect("a nonce").to_owned();
    insta::assert_snapshot!("stale_proxy_challenge", lines.replace(&nonce, "NONCE"));
    world.kind = AuthKind::Www;
    let attempt = Attempt::default();
    for line in world.challenge_lines(ChallengeCause::NoCredentials).lines() {
        let challenge = line.split_once(": ").expect("a header line").1;
        let answer = world.answer(
            challenge,
            &Attempt {
                nc: 1,
                ..attempt.clone()
            },
        );
        let verdict = short(&world.verdict(&[&answer], &attempt));
        assert!(
            ["passed alice@example.test", "Replayed"].contains(&verdict.as_str()),
            "one nonce for both: {verdict}"
        );
    }
}

fn domain_of(uri: &Uri<'_>) -> Option<&'static str> {
    match uri.host {
        Host::Name(name) if name.eq_ignore_ascii_case(b"example.test") => Some("example.test"),
        Host::V4(address) if address.is_loopback() => Some("example.test"),
        _ => None,
    }
}

#[test]
fn the_user_owns_the_identities_that_the_request_claims() {
    let alice = Subscriber::from_password("alice", "example.test", b"x");
    let owns = |method: &str, from: &str, to: &str, extra: &str| {
        let text = format!(
            "{method} sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\nFrom: <{from}>;tag=a\r\n\
             To: <{to}>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        let message = Message::parse(text.into_bytes(), &Limits::default())
            .map_err(|failure| failure.error)
            .expect("parses");
        owns_identity(&alice, &message, &domain_of)
    };
    let (alice, bob) = ("sip:alice@example.test", "sip:bob@example.test");
    assert!(owns("INVITE", alice, bob, ""));
    assert!(owns("INVITE", "sips:%61lice@Example.Test:5061;x", bob, ""));
    assert!(
        owns("INVITE", "sip:alice@127.0.0.1:5060", bob, ""),
        "our own address stands for the domain"
    );
    assert!(!owns("INVITE", bob, alice, ""));
    assert!(
        !owns("INVITE", "sip:Alice@example.test", bob, ""),
        "user names have case"
    );
    assert!(!owns("INVITE", "sip:alice@example.org", bob, ""));
    assert!(!owns("INVITE", "tel:+1", bob, ""));
    assert!(owns("REGISTER", alice, alice, ""));
    assert!(
        !owns("REGISTER", alice, bob, ""),
        "third-party registration"
    );
    assert!(owns(
        "INVITE",
        alice,
        bob,
        "P-Preferred-Identity: \"A\" <sip:alice@example.test>\r\n"
    ));
    assert!(!owns(
        "INVITE",
        alice,
        bob,
        "P-Preferred-Identity: <sip:bob@example.test>\r\n"
    ));
    assert!(!owns(
        "INVITE",
        alice,
        bob,
        "P-Preferred-Identity: <sip:alice@example.test>, <tel:+1>\r\n"
    ));
}

#[test]
fn credentials_of_our_realms_are_found_for_removal() {
    let world = World::new();
    let good = world.answer(&world.challenge(), &Attempt::default());
    let foreign = good.replace("example.test", "example.net");
    let extra = format!(
        "Proxy-Authorization: {good}\r\nProxy-Authorization: {foreign}\r\nAuthorization: Other x=y\r\n"
    );
    let request = world.request(
        &[&good],
        &Attempt {
            extra: &extra,
            ..Attempt::default()
        },
    );
    let ours = |realm: &[u8]| realm == b"example.test";
    let found: Vec<_> = own_credentials(&request, &ours)
        .map(|header| header.name)
        .collect();
    assert_eq!(
        found,
        [
            strowger_sip::HeaderName::Authorization,
            strowger_sip::HeaderName::ProxyAuthorization
        ]
    );
}
