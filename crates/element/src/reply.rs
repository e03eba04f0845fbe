//! Replies of our own without a transaction (RFC 3261 §8.2.7): a stranger costs no memory.

use std::borrow::Cow;

use strowger_sip::{Message, Now, StatusCode, Time};
use strowger_transaction::{
    Flow, MaddrRule, ResponseTarget, TransmitToken, response_target, write_stateless_reply,
};

use crate::element::Element;

impl Element {
    /// What we answer ourselves (RFC 3261 §20.5).
    pub const ALLOW: &[u8] = b"Allow: OPTIONS, REGISTER, CANCEL, ACK\r\n";
    /// Header lines of the answer to OPTIONS (RFC 3261 §11.2).
    pub(crate) const CAPABILITIES: &[u8] = b"Allow: OPTIONS, REGISTER, CANCEL, ACK\r\nAccept: */*\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\nSupported: path, outbound\r\n";

    /// Sends a stateless reply to where the request came from (RFC 3261 §18.2.2, RFC 3581 §4).
    #[allow(
        clippy::too_many_arguments,
        reason = "one call sends one reply; a struct would be built and taken apart"
    )]
    pub(crate) fn reply_stateless(
        &mut self,
        now: Now,
        received: Time,
        flow: Flow,
        request: &Message,
        status: StatusCode,
        reason: Option<&[u8]>,
        headers: &[u8],
    ) {
        let target = match response_target(&request.via(), &flow, true, MaddrRule::Ignore) {
            ResponseTarget::Flow(target) => target,
            ResponseTarget::Connect { .. } => flow,
        };
        let (secrets, lines) = (&self.secrets, self.own_lines(headers));
        self.batch.push_with(target, TransmitToken::NONE, |out| {
            write_stateless_reply(out, secrets, request, &flow, status, reason, &lines, None);
        });
        self.count_reply(status);
        if status.is_final() {
            self.event_answered(now, received, flow, request, status);
        }
    }
    /// Header lines of a response of our own: `headers`, and who we are if that is set.
    pub(crate) fn own_lines<'a>(&self, headers: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.settings.server_header {
            None => Cow::Borrowed(headers),
            Some(server) => Cow::Owned([headers, b"Server: ", server.as_bytes(), b"\r\n"].concat()),
        }
    }
}
