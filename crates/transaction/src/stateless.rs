//! Replies without a transaction, and the filter for the ACKs to them (RFC 3261 §8.2.7).
//!
//! A stranger costs no memory and gets no retransmissions; a repeated request is answered again, with the same To tag.
//! A request inside a dialog keeps its own To tag in the reply, so the ACK to a refused re-INVITE is not recognised
//! here: it has no transaction either and is dropped or forwarded like any other.

use strowger_sip::{Host, Message, Method, StatusCode, write_response};

use crate::flow::{Flow, TransmitBatch, TransmitToken};
use crate::token::{Secrets, ToTag, is_own_to_tag};
use crate::via::{MaddrRule, response_flow};

/// The To tag of our stateless replies to `request`.
pub fn stateless_to_tag(secrets: &Secrets, request: &Message) -> ToTag {
    with_identity(request, |host, port, branch, call_id| {
        crate::token::stateless_to_tag(secrets, host, port, branch, call_id)
    })
}

/// Appends a reply to `out`. The To tag is added if To has none, but not on 100. `extra` are complete header lines,
/// `body` is Content-Type and octets.
#[allow(
    clippy::too_many_arguments,
    reason = "one call writes one reply; a struct would be built and taken apart"
)]
pub fn write_stateless_reply(
    out: &mut Vec<u8>,
    secrets: &Secrets,
    request: &Message,
    flow: &Flow,
    status: StatusCode,
    reason: Option<&[u8]>,
    extra: &[u8],
    body: Option<(&[u8], &[u8])>,
) {
    let tagged = status != StatusCode::TRYING && request.to_tag().is_none();
    let tag = tagged.then(|| stateless_to_tag(secrets, request));
    write_response(
        out,
        request,
        flow.remote,
        status,
        reason,
        tag.as_ref().map(ToTag::as_bytes),
        extra,
        body,
    );
}

/// Sends a reply to a request that arrived on `flow`.
pub fn reply_statelessly(
    out: &mut TransmitBatch,
    secrets: &Secrets,
    request: &Message,
    flow: &Flow,
    status: StatusCode,
    extra: &[u8],
) {
    let to = response_flow(&request.via(), flow, MaddrRule::Ignore);
    out.push_with(to, TransmitToken::NONE, |octets| {
        write_stateless_reply(octets, secrets, request, flow, status, None, extra, None);
    });
}

/// True if this is the ACK to a failure that we sent without a transaction: it is to be dropped.
pub fn is_ack_for_stateless_reply(secrets: &Secrets, request: &Message) -> bool {
    request.method() == Method::Ack
        && request.to_tag().is_some_and(|tag| {
            with_identity(request, |host, port, branch, call_id| {
                is_own_to_tag(secrets, tag, host, port, branch, call_id)
            })
        })
}

fn with_identity<R>(
    request: &Message,
    use_it: impl FnOnce(&[u8], Option<u16>, &[u8], &[u8]) -> R,
) -> R {
    let via = request.via();
    let branch = via.branch().unwrap_or_default();
    let call_id = request.call_id();
    match via.host() {
        Host::Name(name) => use_it(name, via.port, branch, call_id),
        Host::V4(address) => use_it(&address.octets(), via.port, branch, call_id),
        Host::V6(address) => use_it(&address.octets(), via.port, branch, call_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;
    use strowger_sip::Limits;

    fn message(method: &str, branch: &str, to: &str) -> Message {
        let text = format!(
            "{method} sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.test;branch={branch}\r\n\
             Max-Forwards: 70\r\nTo: {to}\r\nFrom: <sip:alice@example.test>;tag=1928301774\r\n\
             Call-ID: a84b4c76e66710\r\nCSeq: 314159 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(text.into_bytes(), &Limits::default()).expect("valid")
    }

    fn replied(request: &Message, status: StatusCode) -> Message {
        let secrets = Secrets::new([7; 16]);
        let flow = Flow::udp(ListenerId(0), "192.0.2.1:40000".parse().expect("address"));
        let mut out = TransmitBatch::new();
        reply_statelessly(&mut out, &secrets, request, &flow, status, b"");
        assert_eq!(out.sends[0].flow.remote.port(), 5060);
        Message::parse(out.bytes, &Limits::default()).expect("valid")
    }

    #[test]
    fn the_ack_to_a_stateless_failure_is_recognised_by_its_tag() {
        let secrets = Secrets::new([7; 16]);
        let invite = message("INVITE", "z9hG4bKnashds8", "<sip:bob@example.test>");
        let failure = replied(&invite, StatusCode::NOT_FOUND);
        let tag = String::from_utf8(failure.to_tag().expect("tag").to_vec()).expect("text");
        let to = format!("<sip:bob@example.test>;tag={tag}");
        assert!(is_ack_for_stateless_reply(
            &secrets,
            &message("ACK", "z9hG4bKnashds8", &to)
        ));
        assert!(!is_ack_for_stateless_reply(
            &secrets,
            &message("ACK", "z9hG4bKother", &to)
        ));
        assert!(!is_ack_for_stateless_reply(
            &secrets,
            &message("BYE", "z9hG4bKnashds8", &to)
        ));
        assert!(!is_ack_for_stateless_reply(
            &Secrets::new([8; 16]),
            &message("ACK", "z9hG4bKnashds8", &to)
        ));
        let other = "<sip:bob@example.test>;tag=456248";
        assert!(!is_ack_for_stateless_reply(
            &secrets,
            &message("ACK", "z9hG4bKnashds8", other)
        ));
    }

    #[test]
    fn a_repeated_request_gets_the_same_octets() {
        let invite = message("INVITE", "z9hG4bKnashds8", "<sip:bob@example.test>");
        let first = replied(&invite, StatusCode::UNAUTHORIZED);
        assert_eq!(
            first.as_bytes(),
            replied(&invite, StatusCode::UNAUTHORIZED).as_bytes()
        );
    }

    #[test]
    fn a_100_has_no_tag() {
        let invite = message("INVITE", "z9hG4bKnashds8", "<sip:bob@example.test>");
        assert_eq!(replied(&invite, StatusCode::TRYING).to_tag(), None);
    }
}
