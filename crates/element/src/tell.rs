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
            from: address(request.from().uri),
            to: address(request.to().uri),
            call_id: Text::new(request.call_id()),
            detail: Text::new(detail),
        }));
    }
}

/// `user@host` of a URI; the URI itself if it is not SIP.
fn address(octets: &[u8]) -> Text {
    match plain_address(octets) {
        Some(address) => Text::new(address),
        None => any_address(octets),
    }
}

/// `user@host` as it stands in a sip URI without password whose host has no capitals: most have none.
fn plain_address(octets: &[u8]) -> Option<&[u8]> {
    let rest = octets.strip_prefix(b"sip:")?;
    let at = rest.iter().position(|octet| matches!(octet, b'@' | b':'))?;
    let host = rest.get(at + 1..)?;
    let plain = |octet: &u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    let length = host
        .iter()
        .position(|octet| !plain(octet))
        .unwrap_or(host.len());
    let followed = matches!(host.get(length), None | Some(b':' | b';'));
    let sound = at > 0 && rest.get(at) == Some(&b'@') && length > 0 && followed;
    rest.get(..at + 1 + length).filter(|_| sound)
}

fn any_address(octets: &[u8]) -> Text {
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

    #[test]
    fn an_address_reads_the_same_in_the_short_way() {
        for (uri, plain) in [
            ("sip:alice@example.test", true),
            ("sip:alice@192.0.2.7:5070;transport=tcp", true),
            ("sip:+1%20;x=y@example.test;lr", true),
            ("sip:alice@Example.test", false),
            ("sip:alice:secret@example.test", false),
            ("sip:example.test", false),
            ("sip:[2001:db8::1]:5060", false),
            ("sip:alice@[2001:db8::1]", false),
            ("sip:@example.test", false),
            ("sips:alice@example.test", false),
            ("tel:+1-201", false),
        ] {
            assert_eq!(plain_address(uri.as_bytes()).is_some(), plain, "{uri}");
            assert_eq!(
                address(uri.as_bytes()).as_bytes(),
                any_address(uri.as_bytes()).as_bytes(),
                "{uri}"
            );
        }
    }
}
