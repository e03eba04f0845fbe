//! Replies of our own, without a transaction (RFC 3261 §8.2.7), where a stranger costs no memory, or through one.

use std::borrow::Cow;
use std::sync::Arc;

use strowger_routing::{PolicyChoice, SlEvent};
use strowger_sip::{Message, Method, Now, StatusCode, Time};
use strowger_transaction::{
    Flow, RequestKey, ServerKey, TagSource, TransmitToken, response_flow, write_stateless_reply,
};

use crate::core::Core;

/// What a reply of our own says.
#[derive(Copy, Clone, Debug)]
pub(crate) struct OwnReply<'a> {
    pub(crate) status: StatusCode,
    pub(crate) reason: Option<&'a [u8]>,
    /// Complete header lines.
    pub(crate) headers: &'a [u8],
    /// Content-Type and octets.
    pub(crate) body: Option<(&'a [u8], &'a [u8])>,
    /// It goes to the source port, whether or not the request asked for that.
    pub(crate) force_rport: bool,
    /// It answers an internal error.
    pub(crate) is_error_reply: bool,
    /// The key of the request, if it is known: the To tag is made of it.
    pub(crate) key: Option<RequestKey>,
}

impl<'a> OwnReply<'a> {
    /// A status, nothing else.
    pub(crate) const fn of(status: StatusCode) -> OwnReply<'a> {
        OwnReply {
            status,
            reason: None,
            headers: b"",
            body: None,
            force_rport: false,
            is_error_reply: false,
            key: None,
        }
    }
}

/// Where a reply of our own goes (RFC 3261 §18.2.2, RFC 3581 §4).
#[inline(always)]
fn target_of(flow: &Flow, request: &Message, reply: &OwnReply<'_>) -> Flow {
    match reply.force_rport {
        true => *flow,
        false => response_flow(request, flow),
    }
}

impl Core {
    /// What we answer ourselves (RFC 3261 §20.5).
    pub const ALLOW: &[u8] = b"Allow: OPTIONS, REGISTER, CANCEL, ACK\r\n";
    /// Header lines of the answer to OPTIONS (RFC 3261 §11.2).
    pub(crate) const CAPABILITIES: &[u8] = b"Allow: OPTIONS, REGISTER, CANCEL, ACK\r\nAccept: */*\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\nSupported: path, outbound\r\n";

    /// Sends a stateless reply: status, reason and header lines.
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
        let reply = OwnReply {
            reason,
            headers,
            ..OwnReply::of(status)
        };
        self.reply_own(now, received, flow, request, &reply);
    }

    /// Sends a stateless reply to where the request came from (RFC 3261 §18.2.2, RFC 3581 §4).
    pub(crate) fn reply_own(
        &mut self,
        now: Now,
        received: Time,
        flow: Flow,
        request: &Message,
        reply: &OwnReply<'_>,
    ) {
        let lines = self.own_lines(reply.headers);
        let length = self.write_own(&flow, request, reply, &lines);
        let asked = request.as_bytes().len();
        // The bindings are told to who has shown that they are his.
        let is_known = reply.status == StatusCode::OK
            && request.method() == Method::Register
            && matches!(&self.settings.policy, PolicyChoice::Native(policy) if policy.auth_required);
        let may = |core: &Core, length| {
            let target = target_of(&flow, request, reply);
            core.may_answer(now, target, (asked, length))
        };
        if 2 * length > 3 * asked && !is_known && !may(self, length) {
            // What the RFCs only recommend is left out; a challenge or the reason of a refusal cannot be.
            let least = match request.method() {
                Method::Options if reply.status == StatusCode::OK => b"".as_slice(),
                _ => reply.headers,
            };
            self.batch.drop_last();
            let length = self.write_own(&flow, request, reply, least);
            if !may(self, length) {
                self.batch.drop_last();
                self.counters.answers_withheld += 1;
                return;
            }
            self.counters.answers_shortened += 1;
        }
        let code = reply.status.get();
        let is_error_reply = reply.is_error_reply;
        self.shared.sl.count(
            self.shard,
            SlEvent::Sent {
                code,
                is_error_reply,
            },
        );
        self.count_reply(reply.status);
        if reply.status.is_final() {
            self.event_answered(now, received, flow, request, reply.status);
        }
        if let Some(hook) = self.policy_interest.local_responses.clone() {
            self.tell_program(hook, "sl:local-response", flow, Arc::new(request.clone()));
        }
    }

    /// Puts a stateless reply into the batch: how long it is.
    #[inline(always)]
    fn write_own(
        &mut self,
        flow: &Flow,
        request: &Message,
        reply: &OwnReply<'_>,
        lines: &[u8],
    ) -> usize {
        let Core { secrets, batch, .. } = self;
        let start = batch.bytes.len();
        write_stateless_reply(
            &mut batch.bytes,
            TagSource::new(secrets, reply.key),
            request,
            flow,
            reply.status,
            reply.reason,
            lines,
            reply.body,
        );
        let target = target_of(flow, request, reply);
        batch.push_written(start, target, TransmitToken::NONE).len()
    }

    /// True if an answer without state may go to a source that asked with so many octets. What a program answers is its
    /// affair.
    fn may_answer(&self, now: Now, target: Flow, lengths: (usize, usize)) -> bool {
        let limits = &self.settings.sources;
        let sources = &self.shared.sources;
        target.transport.is_reliable()
            || self.is_program()
            || sources.may_answer(target.remote, lengths, limits, now.monotonic)
    }

    /// Sends a reply through the server transaction of the request. False if that had its final response.
    pub(crate) fn respond(
        &mut self,
        now: Now,
        server: ServerKey,
        received: Time,
        flow: Flow,
        request: &Message,
        reply: &OwnReply<'_>,
    ) -> bool {
        let (source, lines) = (
            TagSource::new(&self.secrets, reply.key),
            self.own_lines(reply.headers),
        );
        let write = |out: &mut Vec<u8>| {
            write_stateless_reply(
                out,
                source,
                request,
                &flow,
                reply.status,
                reply.reason,
                &lines,
                reply.body,
            );
        };
        let sent = self
            .transactions
            .respond(now, server, reply.status, write, &mut self.batch)
            .is_ok();
        if sent {
            self.count_reply(reply.status);
            if reply.status.is_final() {
                self.event_answered(now, received, flow, request, reply.status);
            }
        }
        sent
    }

    /// Header lines of a response of our own: `headers`, and who we are if that is set.
    pub(crate) fn own_lines<'a>(&self, headers: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.settings.server_header {
            None => Cow::Borrowed(headers),
            Some(server) => Cow::Owned([headers, b"Server: ", server.as_bytes(), b"\r\n"].concat()),
        }
    }
}
