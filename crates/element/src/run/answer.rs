//! Answers as programs ask for them.

use std::sync::Arc;

use strowger_proxy::ResponseChanges;
use strowger_routing::{Answer, How, ReplyOutcome, SlEvent};
use strowger_sip::{Method, StatusCode};
use strowger_transaction::{Flow, ListenerId, TransmitToken, marked_via_target};

use super::{Run, Subject};
use crate::reply::OwnReply;

impl Run {
    pub(super) fn program_answer(&mut self, answer: &Answer<'_>) -> ReplyOutcome {
        self.apply_rport();
        let Some(request) = self.request.clone() else {
            return ReplyOutcome::Failed;
        };
        if request.method() == Method::Ack {
            let core = self.core_mut();
            core.shared.sl.count(core.shard, SlEvent::Failed);
            return ReplyOutcome::Failed;
        }
        if self.answered {
            self.core_mut().counters.double_answers_refused += 1;
            return ReplyOutcome::Refused;
        }
        let mut headers = answer.headers.to_vec();
        headers.extend_from_slice(&self.draft.reply_lines);
        if answer.status.class() == 3 {
            self.write_targets(&mut headers);
        }
        let reply = OwnReply {
            status: answer.status,
            reason: answer.reason,
            headers: &headers,
            body: answer.body,
            force_rport: self.draft.force_rport,
            is_error_reply: answer.is_error_reply,
            key: self.key,
        };
        if self.relay.is_some() {
            return self.answer_relayed(&reply);
        }
        let stateless = match answer.how {
            How::Stateless => true,
            How::Either => self.server.is_none(),
            How::Stateful => false,
        };
        if !stateless && self.server.is_none() && !self.program_new_transaction() {
            return ReplyOutcome::Failed;
        }
        self.answered = answer.status.is_final();
        let (now, received, flow) = (self.now, self.received, self.flow);
        if stateless {
            self.core_mut()
                .reply_own(now, received, flow, &request, &reply);
            return ReplyOutcome::Sent;
        }
        let sent = self.server.is_some_and(|server| {
            self.core_mut()
                .respond(now, server, received, flow, &request, &reply)
        });
        if sent {
            self.replied = answer.status.get();
            ReplyOutcome::Sent
        } else {
            ReplyOutcome::Refused
        }
    }

    /// Answers a relayed request through its transaction.
    fn answer_relayed(&mut self, reply: &OwnReply<'_>) -> ReplyOutcome {
        let (now, subject) = (self.now, self.subject);
        let Some(key) = self.relay else {
            return ReplyOutcome::Failed;
        };
        let core = self.core_mut();
        let Some(relay) = core.relays.get(key) else {
            return ReplyOutcome::Refused;
        };
        let (server, source, received) = (relay.server, relay.source, relay.received);
        let request = Arc::clone(&relay.request);
        if !core.respond(now, server, received, source, &request, reply) {
            return ReplyOutcome::Refused;
        }
        if reply.status.is_final() {
            self.answered = true;
            if !matches!(subject, Subject::Failure(_)) {
                self.core_mut().answered_by_program(now, key);
            }
        }
        ReplyOutcome::Sent
    }

    /// The targets as one Contact: the Request-URI only if it was changed, and the further branches.
    fn write_targets(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let first = (!self.draft.target.uri.is_empty()).then_some(&self.draft.target);
        for target in first.into_iter().chain(&self.draft.branches) {
            out.extend_from_slice(if out.len() == start {
                b"Contact: "
            } else {
                b", "
            });
            out.push(b'<');
            out.extend_from_slice(&target.uri);
            out.push(b'>');
            if let Some(q) = target.q.filter(|q| *q < 1_000) {
                out.extend_from_slice(format!(";q={}.{:03}", q / 1_000, q % 1_000).as_bytes());
                while out.last() == Some(&b'0') {
                    out.pop();
                }
            }
        }
        if out.len() > start {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Forwards the response of this run now, whatever its transaction does.
    pub(super) fn program_forward_response(
        &mut self,
        status: Option<StatusCode>,
        reason: Option<&[u8]>,
    ) -> bool {
        let Some(response) = self.response.clone() else {
            return false;
        };
        let back = match self.relay.and_then(|key| self.core().relays.get(key)) {
            Some(relay) => Some(relay.source),
            None => self.way_back(&response),
        };
        let Some(back) = back else {
            return false;
        };
        let changes = ResponseChanges {
            status,
            reason,
            keep_identities: true,
        };
        let core = self.core_mut();
        let forwarder = &mut core.forwarder;
        let mut written = false;
        core.batch.push_with(back, TransmitToken::NONE, |out| {
            written = forwarder.write_response_as(&response, b"", back.transport, &changes, out);
        });
        if !written {
            core.batch.sends.pop();
        }
        written
    }

    /// Where the second Via says that a response goes, over datagrams.
    fn way_back(&self, response: &strowger_sip::Message) -> Option<Flow> {
        let via = response.vias().nth(1)?.ok()?;
        let (transport, remote) = marked_via_target(&via)?;
        let listener: ListenerId = self.core().settings.listener_towards(transport, &remote)?;
        (!transport.is_reliable()).then(|| Flow::udp(listener, remote))
    }
}
