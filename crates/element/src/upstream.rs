//! What goes back to whoever sent a relayed request: responses of branches, answers of our own, the answer to its CANCEL
//! (RFC 3261 §16.7 steps 3 to 9, §16.10).

use std::sync::Arc;

use strowger_proxy::Forward;
use strowger_sip::{Message, Now, StatusCode};
use strowger_transaction::{Flow, write_stateless_reply};

use crate::counters::ElementCounters;
use crate::element::Element;
use crate::relay_table::RelayKey;

impl Element {
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
        let forwarder = &mut self.forwarder;
        let write = |out: &mut Vec<u8>| {
            forwarder.write_response(&forward.response, &forward.lines, source.transport, out);
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
        let (secrets, lines) = (&self.secrets, self.own_lines(b""));
        let write = |out: &mut Vec<u8>| {
            write_stateless_reply(out, secrets, &request, &source, status, None, &lines, None);
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
            return self.reply_stateless(now, now.monotonic, flow, request, status, None, b"");
        };
        self.reply_stateless(now, now.monotonic, flow, request, StatusCode::OK, None, b"");
        if !self.transactions.server_is_pending(server) {
            return;
        }
        let Some(key) = self.transactions.server_user(server).map(RelayKey::unpack) else {
            return;
        };
        if let Some(relay) = self.relays.get_mut(key) {
            relay.context.cancel(&mut self.actions);
            self.process(now, key);
        }
    }
}
