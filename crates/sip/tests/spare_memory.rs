//! A message that is read into the memory of another has nothing of it.

use std::sync::Arc;

use strowger_sip::{HeaderName, Limits, Message};

fn invite(more: &str) -> Vec<u8> {
    format!(
        "INVITE sip:b@example.test;x=y SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>;tag=2\r\n{more}Call-ID: c\r\nCSeq: 1 INVITE\r\n\
         Content-Length: 4\r\n\r\nbody"
    )
    .into_bytes()
}

const OPTIONS: &[u8] = b"OPTIONS tel:+1 SIP/2.0\r\nv: SIP/2.0/TCP h\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: d\r\nCSeq: 7 OPTIONS\r\n\r\n";

#[test]
fn nothing_of_the_earlier_message_is_left() {
    let limits = Limits::default();
    let many = "Record-Route: <sip:r;lr>\r\n".repeat(60);
    let spare = Message::parse_shared(invite(&many), &limits).expect("valid");
    let message = Message::parse_into(spare, OPTIONS, &limits).expect("valid");
    let alone = Message::parse(OPTIONS.to_vec(), &limits).expect("valid");
    assert_eq!(message.as_bytes(), OPTIONS);
    assert_eq!(message.header_count(), alone.header_count());
    for name in HeaderName::ALL {
        assert_eq!(
            message.headers_named(*name).count(),
            alone.headers_named(*name).count(),
            "{name}"
        );
    }
    assert_eq!(message.to_tag(), None);
    assert_eq!(message.content_length(), None);
    assert_eq!(message.max_forwards(), Ok(None));
    assert_eq!(message.cseq(), alone.cseq());
    assert_eq!(message.branch(), None);
    assert!(!message.is_sip_request_uri());
    assert!(message.body().is_empty());
}

#[test]
fn a_message_that_is_still_held_stays_as_it_is() {
    let limits = Limits::default();
    let held = Message::parse_shared(invite(""), &limits).expect("valid");
    let message = Message::parse_into(Arc::clone(&held), OPTIONS, &limits).expect("valid");
    assert_eq!(held.as_bytes(), invite(""));
    assert_eq!(message.as_bytes(), OPTIONS);
}

#[test]
fn what_is_malformed_is_refused_as_ever() {
    let limits = Limits::default();
    for octets in [
        &b"\r\n\r\n"[..],
        b"",
        b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n",
    ] {
        let spare = Message::parse_shared(invite(""), &limits).expect("valid");
        let error = Message::parse_into(spare, octets, &limits).expect_err("malformed");
        let alone = Message::parse(octets.to_vec(), &limits).expect_err("malformed");
        assert_eq!(error.error, alone.error);
        let answerable =
            |message: Option<Box<Message>>| message.map(|message| message.into_bytes());
        assert_eq!(answerable(error.message), answerable(alone.message));
    }
}
