//! Replies without a transaction, and the filter for the ACKs to them (RFC 3261 §8.2.7).
//!
//! A stranger costs no memory and gets no retransmissions; a repeated request is answered again, with the same To tag.
//! A request inside a dialog keeps its own To tag in the reply, so the ACK to a refused re-INVITE is not recognised
//! here: it has no transaction either and is dropped or forwarded like any other.

use strowger_sip::{Message, Method, StatusCode, write_response};

use crate::flow::{Flow, TransmitBatch, TransmitToken};
use crate::request_key::{KeyClass, KeyMaker, RequestKey};
use crate::token::{SecretKey, Secrets, ToTag, is_own_to_tag, to_tag};
use crate::via::response_flow;

/// What the To tag of a reply is made from: a function of the request and a secret, so that a repeated request gets the
/// same tag from every worker, also after a restart.
#[derive(Copy, Clone, Debug)]
pub struct TagSource<'a> {
    /// The first makes tags.
    pub secrets: &'a Secrets,
    /// The key that [`crate::Transactions`] gave the request, if it was asked.
    pub key: Option<RequestKey>,
}

impl<'a> TagSource<'a> {
    /// Both parts.
    pub const fn new(secrets: &'a Secrets, key: Option<RequestKey>) -> TagSource<'a> {
        TagSource { secrets, key }
    }

    /// The To tag of our replies to `request`. CANCEL has that of its INVITE (RFC 3261 §9.2).
    pub fn to_tag(&self, request: &Message) -> ToTag {
        let secret = &self.secrets.current;
        let key = match self.key {
            Some(key) if request.method() != Method::Cancel => key,
            _ => self.key_of(request, secret),
        };
        to_tag(secret, key, request.call_id())
    }

    /// True if this is the ACK to a failure that we sent without a transaction: it is to be dropped.
    pub fn is_ack_for_stateless_reply(&self, request: &Message) -> bool {
        request.method() == Method::Ack
            && request.to_tag().is_some_and(|tag| {
                let key = |secret: &SecretKey| self.key_of(request, secret);
                is_own_to_tag(self.secrets, tag, key, request.call_id())
            })
    }

    #[inline(never)]
    fn key_of(&self, request: &Message, secret: &SecretKey) -> RequestKey {
        match (self.key, request.method()) {
            (_, Method::Cancel) => KeyMaker::new(secret).key(request, KeyClass::Invite),
            (Some(key), _) if secret.id == self.secrets.current.id => key,
            (_, method) => KeyMaker::new(secret).key(request, KeyClass::of(method)),
        }
    }
}

/// Appends a reply to `out`. The To tag is added if To has none, but not on 100. `extra` are complete header lines,
/// `body` is Content-Type and octets.
#[allow(
    clippy::too_many_arguments,
    reason = "one call writes one reply; a struct would be built and taken apart"
)]
pub fn write_stateless_reply(
    out: &mut Vec<u8>,
    source: TagSource<'_>,
    request: &Message,
    flow: &Flow,
    status: StatusCode,
    reason: Option<&[u8]>,
    extra: &[u8],
    body: Option<(&[u8], &[u8])>,
) {
    let tagged = status != StatusCode::TRYING && request.to_tag().is_none();
    let tag = tagged.then(|| source.to_tag(request));
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
    let source = TagSource { secrets, key: None };
    let to = response_flow(request, flow);
    out.push_with(to, TransmitToken::NONE, |octets| {
        write_stateless_reply(octets, source, request, flow, status, None, extra, None);
    });
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

    fn tag(secrets: &Secrets, request: &Message) -> ToTag {
        TagSource { secrets, key: None }.to_tag(request)
    }

    #[test]
    fn the_ack_to_a_stateless_failure_is_recognised_by_its_tag() {
        let secrets = Secrets::new([7; 16]);
        let invite = message("INVITE", "z9hG4bKnashds8", "<sip:bob@example.test>");
        let failure = replied(&invite, StatusCode::NOT_FOUND);
        let tag = String::from_utf8(failure.to_tag().expect("tag").to_vec()).expect("text");
        let to = format!("<sip:bob@example.test>;tag={tag}");
        let is_own = |secrets: &Secrets, method, branch, to: &str| {
            let source = TagSource { secrets, key: None };
            source.is_ack_for_stateless_reply(&message(method, branch, to))
        };
        assert!(is_own(&secrets, "ACK", "z9hG4bKnashds8", &to));
        assert!(is_own(&secrets, "ACK", "z9hG4bKNASHDS8", &to));
        assert!(!is_own(&secrets, "ACK", "z9hG4bKother", &to));
        assert!(!is_own(&secrets, "BYE", "z9hG4bKnashds8", &to));
        let other = Secrets::new([8; 16]);
        assert!(!is_own(&other, "ACK", "z9hG4bKnashds8", &to));
        let other = "<sip:bob@example.test>;tag=456248";
        assert!(!is_own(&secrets, "ACK", "z9hG4bKnashds8", other));
    }

    #[test]
    fn the_tag_is_read_with_either_secret_and_whether_or_not_the_key_is_known() {
        let old = SecretKey {
            id: 1,
            key: [3; 16],
        };
        let new = SecretKey {
            id: 2,
            key: [4; 16],
        };
        let before = Secrets {
            current: old,
            previous: None,
        };
        let after = Secrets {
            current: new,
            previous: Some(old),
        };
        let invite = message("INVITE", "z9hG4bKnashds8", "<sip:bob@example.test>");
        let (earlier, later) = (tag(&before, &invite), tag(&after, &invite));
        assert_ne!(earlier, later);
        for tag in [earlier, later] {
            let tag = String::from_utf8_lossy(tag.as_bytes()).into_owned();
            let ack = message(
                "ACK",
                "z9hG4bKnashds8",
                &format!("<sip:bob@example.test>;tag={tag}"),
            );
            let known = KeyMaker::new(&new).key(&ack, KeyClass::Invite);
            for key in [None, Some(known)] {
                let source = TagSource {
                    secrets: &after,
                    key,
                };
                assert!(source.is_ack_for_stateless_reply(&ack), "{tag}");
            }
        }
    }

    #[test]
    fn cancel_is_answered_with_the_tag_of_its_invite() {
        let secrets = Secrets::new([7; 16]);
        let to = "<sip:bob@example.test>";
        let [invite, cancel, other] = [
            message("INVITE", "z9hG4bKnashds8", to),
            message("CANCEL", "z9hG4bKnashds8", to),
            message("CANCEL", "z9hG4bKother", to),
        ];
        assert_eq!(tag(&secrets, &invite), tag(&secrets, &cancel));
        assert_ne!(tag(&secrets, &invite), tag(&secrets, &other));
        // The key of a CANCEL's own transaction does not matter.
        let key = Some(KeyMaker::new(&secrets.current).key(&cancel, KeyClass::Cancel));
        let source = TagSource {
            secrets: &secrets,
            key,
        };
        assert_eq!(source.to_tag(&cancel), tag(&secrets, &invite));
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
