//! `digest_header`: the value of a header field with challenge or credentials (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! * Credentials written for a challenge are read as written, and prove what was meant: a holder of the same secret
//!   computes the same response, a holder of another does not.
//! * What is written again of what was read is read as the same.
//! * The digest server lets nobody pass who has not had a nonce of ours: such a value cannot be in the input.

use strowger_registrar::{
    AuthKind, AuthSettings, Authenticator, NonceTable, Subscriber, SubscriberTable,
    Verdict as AuthVerdict,
};
use strowger_sip::{
    AnswerInput, Challenge, Credentials, Host, Limits, Message, Now, Secret, Time,
    digest_parameter, ha1, write_challenge, write_quoted,
};
use strowger_transaction::token::Secrets;

use crate::Verdict;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let challenged =
        Challenge::parse(input).is_ok_and(|challenge| challenge_is_answered(&challenge));
    let credentials = Credentials::parse(input);
    let claimed = credentials.as_ref().is_ok_and(Credentials::is_digest);
    if let Ok(credentials) = &credentials {
        are_written_again(credentials);
    }
    for name in [&b"realm"[..], b"nonce", b"uri", b"response", b"nc"] {
        let _ = digest_parameter(input, name);
    }
    let judged = nobody_passes(input);
    match (challenged || claimed, judged) {
        (_, true) => Verdict::Deep,
        (true, _) => Verdict::Read,
        _ => Verdict::Refused,
    }
}

/// A text as it comes out of quotes.
fn plain(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|octet| {
            if b"\r\n\0".contains(octet) {
                b' '
            } else {
                *octet
            }
        })
        .collect()
}

/// A client answers; the server reads what the client meant.
fn challenge_is_answered(challenge: &Challenge<'_>) -> bool {
    let request = AnswerInput {
        user: b"ali\"ce\\",
        method: b"INVITE",
        uri: b"sip:bob@example.test",
        body: b"v=0\r\n",
        cnonce: b"0a4f113b",
        nonce_count: 0x1f,
    };
    let mut out = Vec::new();
    if !challenge.write_answer(&mut out, Secret::Password(b"secret"), &request) {
        assert!(out.is_empty());
        assert!(!challenge.is_digest() || challenge.algorithm.is_none());
        return false;
    }
    let credentials = Credentials::parse(&out).expect("what we write we read");
    assert_eq!(*credentials.user, *request.user);
    assert_eq!(*credentials.realm, *plain(&challenge.realm));
    assert_eq!(*credentials.nonce, *plain(&challenge.nonce));
    assert_eq!(
        credentials.opaque.as_deref().map(<[u8]>::to_vec),
        challenge.opaque.as_deref().map(plain)
    );
    let algorithm = credentials.algorithm.expect("it was known to the client");
    // What was blanked on its way is another text for the hash.
    let is_unchanged = *plain(&challenge.realm) == *challenge.realm
        && *plain(&challenge.nonce) == *challenge.nonce;
    for (password, is_right) in [(&b"secret"[..], true), (b"Secret", false)] {
        let key = ha1(algorithm, request.user, &challenge.realm, password);
        let expected = credentials
            .expected_response(key.as_bytes(), request.method, request.body)
            .expect("algorithm and qop are known");
        if is_unchanged {
            assert_eq!(expected.as_bytes() == &*credentials.response, is_right);
        }
    }
    let mut again = Vec::new();
    write_challenge(
        &mut again,
        &challenge.realm,
        &challenge.nonce,
        algorithm,
        challenge.stale,
    );
    let read = Challenge::parse(&again).expect("what we write we read");
    assert_eq!(*read.realm, *plain(&challenge.realm));
    assert_eq!(*read.nonce, *plain(&challenge.nonce));
    assert_eq!(
        (read.algorithm, read.stale),
        (challenge.algorithm, challenge.stale)
    );
    assert!(read.qop_auth && !read.qop_auth_int);
    true
}

fn are_written_again(credentials: &Credentials<'_>) {
    if !credentials.is_digest() {
        return;
    }
    let mut out = b"Digest username=".to_vec();
    write_quoted(&mut out, &credentials.user);
    for (name, value) in [
        (", realm=", &credentials.realm),
        (", nonce=", &credentials.nonce),
        (", uri=", &credentials.uri),
        (", response=", &credentials.response),
        (", cnonce=", &credentials.cnonce),
    ] {
        out.extend_from_slice(name.as_bytes());
        write_quoted(&mut out, value);
    }
    if let Some(algorithm) = credentials.algorithm {
        out.extend_from_slice(format!(", algorithm={}", algorithm.as_str()).as_bytes());
    }
    let again = Credentials::parse(&out).expect("what is written is read");
    assert_eq!(*again.user, *plain(&credentials.user));
    assert_eq!(*again.realm, *plain(&credentials.realm));
    assert_eq!(*again.uri, *plain(&credentials.uri));
    assert_eq!(*again.response, *plain(&credentials.response));
    assert_eq!(
        credentials.nonce_count().is_some(),
        credentials.nc.len() == 8 && credentials.nc.iter().all(u8::is_ascii_hexdigit)
    );
}

/// The value in a REGISTER of alice; true if there were credentials to judge.
fn nobody_passes(value: &[u8]) -> bool {
    let octets = [
        &b"REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n\
           From: <sip:alice@example.test>;tag=1\r\nTo: <sip:alice@example.test>\r\n\
           Call-ID: c\r\nCSeq: 1 REGISTER\r\nAuthorization: "[..],
        value,
        b"\r\n\r\n",
    ]
    .concat();
    let Ok(request) = Message::parse(octets, &Limits::default()) else {
        return false;
    };
    let subscribers = SubscriberTable::new(1);
    let alice = Subscriber::from_password("alice", "example.test", b"secret");
    subscribers.add(alice).expect("there is room for one");
    let settings = AuthSettings::default();
    let nonces = NonceTable::new(4, 1);
    let secrets = Secrets::new([7; 16]);
    let authenticator = Authenticator {
        realm: "example.test",
        kind: AuthKind::Www,
        settings: &settings,
        subscribers: &subscribers,
        nonces: &nonces,
        secrets: &secrets,
        domain_of: &|uri| {
            let ours = Host::Name(b"example.test");
            uri.host.eq_ignore_case(&ours).then_some("example.test")
        },
        now: Now {
            monotonic: Time::from_secs(100),
            wall: Time::from_secs(1_800_000_000),
        },
    };
    match authenticator.authenticate(&request) {
        AuthVerdict::Passed(_) => panic!("somebody passed without a nonce of ours"),
        AuthVerdict::Challenge(cause) => {
            let mut out = Vec::new();
            authenticator.write_challenge(cause, &mut out);
            assert!(out.starts_with(b"WWW-Authenticate: Digest ") && out.ends_with(b"\r\n"));
            cause != strowger_registrar::ChallengeCause::NoCredentials
        }
        AuthVerdict::Malformed(why) => {
            assert!(!why.is_empty());
            true
        }
    }
}
