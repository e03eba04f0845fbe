//! What goes back to whoever sent a relayed request: responses of branches, answers of our own, the answer to its CANCEL
//! (RFC 3261 §16.7 steps 3 to 9, §16.10).

use std::sync::Arc;

use strowger_proxy::{Forward, ResponseChanges};
use strowger_sip::{HeaderName, Message, Now, StatusCode};
use strowger_transaction::{Flow, ServerKey, TagSource, write_stateless_reply};

use crate::core::{Core, Parked};
use crate::counters::ElementCounters;
use crate::relay_table::RelayKey;
use crate::reply::OwnReply;
use crate::run::Run;

impl Core {
    /// Forwards a response of a branch (§16.7).
    pub(crate) fn forward_upstream(&mut self, now: Now, key: RelayKey, forward: &Forward) {
        let Some(relay) = self.relays.get(key) else {
            return;
        };
        let Some(status) = forward.response.status() else {
            return;
        };
        let (server, source, received) = (relay.server, relay.source, relay.received);
        let request = Arc::clone(&relay.request);
        if self.settings.compatibility.own_challenges && !forward.lines.is_empty() {
            let headers = challenges_of(&forward.response, &forward.lines);
            let reply = OwnReply {
                headers: &headers,
                ..OwnReply::of(status)
            };
            self.respond(now, server, received, source, &request, &reply);
            return;
        }
        let changes = ResponseChanges {
            keep_identities: relay.program.is_some(),
            ..ResponseChanges::default()
        };
        let forwarder = &mut self.forwarder;
        let write = |out: &mut Vec<u8>| {
            let (response, lines) = (&forward.response, &forward.lines);
            forwarder.write_response_as(response, lines, source.transport, &changes, out);
        };
        if self
            .transactions
            .respond(now, server, status, write, &mut self.batch)
            .is_ok()
        {
            self.counters.forwarded_by_class[ElementCounters::class(status.get())] += 1;
            if status.is_final() {
                self.event_answered(now, received, source, &request, status);
            }
        }
    }

    /// Answers a relayed request ourselves.
    pub(crate) fn reply_upstream(&mut self, now: Now, key: RelayKey, status: StatusCode) {
        let Some(relay) = self.relays.get(key) else {
            return;
        };
        let (server, source, received) = (relay.server, relay.source, relay.received);
        let request = Arc::clone(&relay.request);
        let (tag, lines) = (TagSource::new(&self.secrets, None), self.own_lines(b""));
        let write = |out: &mut Vec<u8>| {
            write_stateless_reply(out, tag, &request, &source, status, None, &lines, None);
        };
        if self
            .transactions
            .respond(now, server, status, write, &mut self.batch)
            .is_ok()
        {
            self.count_reply(status);
            if status.is_final() {
                self.event_answered(now, received, source, &request, status);
            }
        }
    }

    /// CANCEL (§9.2, §16.10): answered here, and carried on by the response context. One for nothing is 481.
    pub(crate) fn cancel(&mut self, now: Now, flow: Flow, request: &Message) {
        let Some(server) = self.transactions.find_for_cancel(request) else {
            let status = if self.cancels_register(request) {
                StatusCode::OK
            } else {
                self.counters.cancels_unmatched += 1;
                StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST
            };
            return self.answer_cancel(now, flow, request, status);
        };
        self.answer_cancel(now, flow, request, StatusCode::OK);
        if !self.transactions.server_is_pending(server) {
            return;
        }
        let Some(user) = self.transactions.server_user(server) else {
            return;
        };
        let key = RelayKey::unpack(user);
        if self.relays.get(key).is_none() {
            return self.cancel_unrelayed(now, server, user);
        }
        if let Some(relay) = self.relays.get_mut(key) {
            relay.context.cancel(&mut self.actions);
            self.process(now, key);
        }
    }

    /// The answer to a CANCEL.
    pub(crate) fn answer_cancel(
        &mut self,
        now: Now,
        flow: Flow,
        cancel: &Message,
        status: StatusCode,
    ) {
        let reason = self.settings.compatibility.cancel_reason.clone();
        let reply = OwnReply {
            reason: reason
                .as_deref()
                .filter(|_| status == StatusCode::OK)
                .map(str::as_bytes),
            ..OwnReply::of(status)
        };
        self.reply_own(now, now.monotonic, flow, cancel, &reply);
    }

    /// A CANCEL for an INVITE that a program keeps with a transaction and without branches: suspended, or parked.
    fn cancel_unrelayed(&mut self, now: Now, server: ServerKey, user: u64) {
        let number = user & u64::from(u32::MAX);
        let is_this = |run: &Run| run.server == Some(server);
        let mut suspended = self
            .suspended
            .get(&number)
            .is_some_and(|run| is_this(run))
            .then(|| self.suspended.remove(&number))
            .flatten();
        let kept = suspended.is_some();
        let parked = match self.held_requests.get(&user) {
            Some(query) => match self.parked.get_mut(query) {
                Some(Parked::Policy(parked)) => parked.run.as_deref_mut(),
                _ => None,
            },
            None => None,
        };
        let run = match (&mut suspended, parked) {
            (Some(run), _) => &mut **run,
            (None, Some(run)) if is_this(run) => run,
            _ => return,
        };
        if !run.is_invite() || run.answered {
            return;
        }
        run.answered = true;
        run.cancelled = true;
        let (request, flow, received) = (run.request.clone(), run.flow, run.received);
        if let Some(request) = request {
            let reply = OwnReply::of(StatusCode::REQUEST_TERMINATED);
            self.respond(now, server, received, flow, &request, &reply);
        }
        if kept {
            self.counters.suspended_cancelled += 1;
        }
    }
}

/// The challenge lines of a response, and those of the others.
fn challenges_of(response: &Message, others: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        for header in response.headers_named(name) {
            lines.extend_from_slice(response.as_bytes().get(header.line).unwrap_or_default());
        }
    }
    lines.extend_from_slice(others);
    lines
}
