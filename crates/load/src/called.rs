//! The called side: answers what the server brings, checks it, and repeats a 200 to INVITE until its ACK comes
//! (RFC 3261 §13.3.1.4).

use core::time::Duration;

use strowger_sip::{Message, Method, StatusCode, Time, write_response};
use strowger_transaction::{Flow, TimerKey, TransmitBatch};

use crate::check;
use crate::generator::{Alarm, Generator};
use crate::identifier::{DIGITS, Identifier, digits, read_number};
use crate::operation::Stage;
use crate::reason::Reason;
use crate::requests::SESSION;

/// The called side of one call.
#[derive(Debug, Default)]
pub(crate) struct Leg {
    /// The 200, repeated until the ACK comes.
    answer: Vec<u8>,
    flow: Option<Flow>,
    timer: Option<TimerKey>,
    interval: Duration,
    give_up_at: Time,
}

impl Generator {
    /// A request came to the port where users are reached.
    pub(crate) fn handle_request(
        &mut self,
        now: Time,
        flow: Flow,
        message: &Message,
        datagram_octets: usize,
        batch: &mut TransmitBatch,
    ) {
        let Some(identifier) = self.call_of(message) else {
            self.statistics.strays += 1;
            return;
        };
        let operation = self
            .operation(identifier.slot)
            .filter(|operation| operation.generation == identifier.generation);
        // Of an operation that has ended the user is no longer known.
        let user = operation.map(|operation| operation.user);
        let mut contact = core::mem::take(&mut self.lines);
        contact.clear();
        if let Some(user) = user {
            self.name.clear();
            self.settings.users.write_name(user, &mut self.name);
            self.requests.write_contact(&self.name, &mut contact);
        }
        let (statistics, record_route) = (&mut self.statistics, self.settings.record_route);
        let known = user.is_some().then_some(contact.as_slice());
        check::called(
            message,
            datagram_octets,
            known,
            record_route,
            &mut |reason| {
                statistics.note(reason, message.as_bytes());
            },
        );
        let tag = digits(identifier.to_number());
        match message.method() {
            Method::Invite if user.is_some() => {
                self.answer_invite(now, identifier.slot, flow, message, &contact, &tag, batch);
            }
            Method::Ack => self.acknowledged(identifier),
            Method::Bye | Method::Message | Method::Options => {
                self.send_with(flow, batch, |out, _| {
                    let ok = StatusCode::OK;
                    write_response(out, message, flow.remote, ok, None, Some(&tag), b"", None);
                });
            }
            // A retransmission for an operation that has ended.
            Method::Invite => self.statistics.strays += 1,
            _ => self
                .statistics
                .note(Reason::CalledMethod, message.as_bytes()),
        }
        self.lines = contact;
    }

    /// The operation that a request at the called side belongs to.
    fn call_of(&self, message: &Message) -> Option<Identifier> {
        let call = message
            .call_id()
            .strip_prefix(self.requests.call_id_prefix.as_slice())?;
        Identifier::from_number(read_number(call)?)
    }

    #[allow(clippy::too_many_arguments, reason = "all that one answer is made of")]
    fn answer_invite(
        &mut self,
        now: Time,
        slot: u32,
        flow: Flow,
        message: &Message,
        contact: &[u8],
        tag: &[u8; DIGITS],
        batch: &mut TransmitBatch,
    ) {
        let lines = [b"Contact: <", contact, b">\r\n"].concat();
        let write = |out: &mut Vec<u8>, status, body| {
            write_response(
                out,
                message,
                flow.remote,
                status,
                None,
                Some(tag),
                &lines,
                body,
            );
        };
        self.send_with(flow, batch, |out, _| write(out, StatusCode::RINGING, None));
        let session = Some((&b"application/sdp"[..], SESSION.as_bytes()));
        let Some(leg) = self.legs.get_mut(slot as usize) else {
            return;
        };
        leg.answer.clear();
        write(&mut leg.answer, StatusCode::OK, session);
        leg.flow = Some(flow);
        leg.interval = self.timers.t1;
        leg.give_up_at = now + self.timers.t1 * 64;
        let deadline = now + leg.interval;
        let moved = leg.timer.is_some_and(|key| self.wheel.rearm(key, deadline));
        if !moved {
            leg.timer = Some(self.wheel.arm(deadline, Alarm::Leg(slot)));
        }
        self.send_answer(slot, batch);
    }

    fn send_answer(&mut self, slot: u32, batch: &mut TransmitBatch) {
        let Some(leg) = self.legs.get_mut(slot as usize) else {
            return;
        };
        let Some(flow) = leg.flow else { return };
        let answer = core::mem::take(&mut leg.answer);
        self.send_with(flow, batch, |out, _| out.extend_from_slice(&answer));
        if let Some(leg) = self.legs.get_mut(slot as usize) {
            leg.answer = answer;
        }
    }

    /// The ACK came.
    fn acknowledged(&mut self, identifier: Identifier) {
        let slot = identifier.slot;
        let Some(operation) = self
            .operation(slot)
            .filter(|operation| operation.generation == identifier.generation)
        else {
            return;
        };
        let settling = matches!(operation.stage, Stage::Settling);
        self.forget_leg(slot);
        if settling {
            self.free(slot);
        }
    }

    pub(crate) fn leg_alarm(
        &mut self,
        now: Time,
        slot: u32,
        key: TimerKey,
        batch: &mut TransmitBatch,
    ) {
        let t2 = self.timers.t2;
        let Some(leg) = self
            .legs
            .get_mut(slot as usize)
            .filter(|leg| leg.timer == Some(key))
        else {
            return;
        };
        leg.timer = None;
        if now >= leg.give_up_at {
            let answer = core::mem::take(&mut leg.answer);
            self.statistics.note(Reason::CalledAckMissing, &answer);
            if self
                .operation(slot)
                .is_some_and(|operation| matches!(operation.stage, Stage::Settling))
            {
                self.free(slot);
            }
            return;
        }
        leg.interval = (leg.interval * 2).min(t2);
        let deadline = (now + leg.interval).min(leg.give_up_at);
        leg.timer = Some(self.wheel.arm(deadline, Alarm::Leg(slot)));
        self.statistics.called_retransmissions += 1;
        self.send_answer(slot, batch);
    }

    /// True if the called side of an operation waits for its ACK.
    pub(crate) fn leg_waits(&self, slot: u32) -> bool {
        self.legs
            .get(slot as usize)
            .is_some_and(|leg| leg.timer.is_some())
    }

    /// The called side of an operation waits no more.
    pub(crate) fn forget_leg(&mut self, slot: u32) {
        let timer = self
            .legs
            .get_mut(slot as usize)
            .and_then(|leg| leg.timer.take());
        if let Some(key) = timer {
            self.wheel.cancel(key);
        }
    }
}
