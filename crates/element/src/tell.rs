//! Building events: only if the interest mask asks for them.

use strowger_sip::{Message, Method, Now, StatusCode, Time, Uri};
use strowger_transaction::Flow;

use crate::core::Core;
use crate::event::{Event, EventKind, Interest};
use crate::run::elapsed;
use crate::seam::Output;
use crate::text::Text;

impl Core {
    /// A request got its final answer.
    pub(crate) fn event_answered(
        &mut self,
        now: Now,
        received: Time,
        flow: Flow,
        request: &Message,
        status: StatusCode,
    ) {
        let dialogs = &self.shared.scripts.dialogs;
        dialogs.answered(request, status, now.monotonic);
        if self.interest == Interest::NONE {
            return;
        }
        let code = status.get();
        let challenge = code == 401 || code == 407;
        let failed = code >= 300 && !challenge;
        let call = match request.method() {
            Method::Invite if request.to_tag().is_some() || challenge => None,
            Method::Invite if failed => Some(EventKind::CallFailed),
            Method::Invite => Some(EventKind::CallAnswered),
            Method::Bye if !failed && !challenge => Some(EventKind::CallEnded),
            _ => None,
        };
        let calls = match failed {
            true => Interest::FAILED_CALLS,
            false => Interest::CALLS,
        };
        let call = call.filter(|_| self.interest.wants(calls));
        if let Some(kind) = call {
            self.event_request(now, received, flow, request, kind, code, b"");
        }
        // A failed call is told once to who asks for failures and calls.
        let told = failed && call.is_some();
        let wanted = self.interest.wants(Interest::REQUESTS)
            || (failed && !told && self.interest.wants(Interest::FAILURES));
        if wanted {
            self.event_request(now, received, flow, request, EventKind::Answered, code, b"");
        }
    }

    /// Something happened to a request.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call builds one event; a struct would be the event itself"
    )]
    pub(crate) fn event_request(
        &mut self,
        now: Now,
        received: Time,
        flow: Flow,
        request: &Message,
        kind: EventKind,
        status: u16,
        detail: &[u8],
    ) {
        self.outputs.push_back(Output::Event(Event {
            kind,
            wall: now.wall,
            elapsed: elapsed(now, received),
            status,
            transport: flow.transport,
            source: flow.remote,
            method: Text::new(request.method().as_bytes()),
            from: request
                .plain_from_address()
                .map_or_else(|| address(request.from().uri), Text::new),
            to: request
                .plain_to_address()
                .map_or_else(|| address(request.to().uri), Text::new),
            call_id: Text::new(request.call_id()),
            detail: Text::new(detail),
        }));
    }
}

/// `user@host` of a URI; the URI itself if it is not SIP.
fn address(octets: &[u8]) -> Text {
    match Uri::parse(octets) {
        Ok(uri) if uri.is_sip() => {
            let mut text = Text::EMPTY;
            if let Some(user) = uri.user {
                text.push(user);
                text.push(b"@");
            }
            text.push_host(&uri.host);
            text
        }
        _ => Text::new(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strowger_sip::Limits;

    #[test]
    fn an_address_reads_the_same_in_the_short_way() {
        for uri in [
            "sip:alice@example.test",
            "sip:alice@192.0.2.7:5070;transport=tcp",
            "sip:+1%20;x=y@example.test;lr",
            "sip:alice@Example.test",
            "sip:alice:secret@example.test",
            "sip:example.test",
            "sip:alice@[2001:db8::1]",
            "sips:alice@example.test",
            "tel:+1-201",
        ] {
            let text = format!(
                "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <{uri}>;tag=1\r\nTo: <{uri}>\r\n\
                 Call-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let message = Message::parse(text.into_bytes(), &Limits::default()).expect("valid");
            let long = address(uri.as_bytes());
            for short in [message.plain_from_address(), message.plain_to_address()] {
                assert!(short.is_none_or(|short| short == long.as_bytes()), "{uri}");
            }
        }
    }
}
