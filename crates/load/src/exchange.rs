//! What every operation goes through: its request is sent, sent again, answered or given up, and its slot becomes free
//! (RFC 3261 §17.1).

use strowger_sip::{Message, Time};
use strowger_transaction::machine::{Actions, Alarm as StepAlarm, Context, Step};
use strowger_transaction::{Flow, TimerKey, TimerSettings, TransmitBatch, TransmitToken};

use crate::client::Client;
use crate::generator::{Alarm, Generator};
use crate::identifier::{Exchange, Identifier};
use crate::operation::Stage;
use crate::phase::Amount;
use crate::reason::Reason;
use crate::requests::Requests;
use crate::template::Values;

impl Generator {
    /// Writes the request of this phase for an operation, with `self.lines` as further header lines and for the user
    /// whose name is in `self.name`.
    pub(crate) fn write_request(&mut self, slot: u32, exchange: Exchange) {
        let port = self.port_of(slot);
        let (Some(operation), Some(phase)) = (self.operations.get_mut(slot as usize), &self.phase)
        else {
            return;
        };
        let identifier = Identifier {
            slot,
            generation: operation.generation,
            exchange,
        };
        self.caller_name.clear();
        if self.settings.scenario.has_called_side() {
            let users = &self.settings.users;
            users.write_name(users.after(operation.user), &mut self.caller_name);
        }
        operation.request.clear();
        if let Some(template) = self.requests.template(port, phase.task) {
            let values = Values {
                branch: identifier.to_number(),
                call: operation.call,
                cseq: operation.cseq,
                user: &self.name,
                caller: &self.caller_name,
                lines: &self.lines,
            };
            template.write(&mut operation.request, &values);
        }
    }

    /// Sends the request of an operation and waits for its response.
    pub(crate) fn ask(
        &mut self,
        now: Time,
        slot: u32,
        exchange: Exchange,
        batch: &mut TransmitBatch,
    ) {
        let invites = exchange != Exchange::Release && self.invites();
        let (client, step) = Client::start(invites, context(&self.timers, now));
        let give_up_at = now + self.settings.answer_timeout;
        if let Some(operation) = self.operations.get_mut(slot as usize) {
            operation.stage = Stage::Asking(exchange, client);
            operation.asked_at = now;
            operation.give_up_at = give_up_at;
        }
        self.send_request(slot, batch);
        self.follow(slot, step);
    }

    pub(crate) fn operation_alarm(
        &mut self,
        now: Time,
        slot: u32,
        key: TimerKey,
        batch: &mut TransmitBatch,
    ) {
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return;
        };
        if operation.timer != Some(key) {
            return;
        }
        operation.timer = None;
        match core::mem::replace(&mut operation.stage, Stage::Idle) {
            Stage::Asking(exchange, client) => {
                let (client, step) = client.on_timer(context(&self.timers, now));
                operation.stage = Stage::Asking(exchange, client);
                if step.actions.has(Actions::TIMEOUT) || now >= operation.give_up_at {
                    self.fail(now, slot, Reason::TimedOut, None);
                    return;
                }
                if step.actions.has(Actions::SEND_REQUEST) {
                    self.statistics.retransmissions += 1;
                    self.send_request(slot, batch);
                }
                self.follow(slot, step);
            }
            Stage::Talking => {
                operation.stage = Stage::Talking;
                self.release(now, slot, batch);
            }
            other => operation.stage = other,
        }
    }

    /// Sends the BYE of a call.
    pub(crate) fn release(&mut self, now: Time, slot: u32, batch: &mut TransmitBatch) {
        self.ask(now, slot, Exchange::Release, batch);
    }

    /// Arms the timer that a machine asks for; without one, the end of all patience.
    pub(crate) fn follow(&mut self, slot: u32, step: Step) {
        match step.alarm {
            StepAlarm::Keep => {}
            StepAlarm::At(deadline) => self.arm(slot, deadline),
            StepAlarm::Stop => {
                let give_up_at = self.operation(slot).map(|operation| operation.give_up_at);
                self.arm(slot, give_up_at.unwrap_or(Time::MAX));
            }
        }
    }

    pub(crate) fn arm(&mut self, slot: u32, deadline: Time) {
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return;
        };
        let moved = operation
            .timer
            .is_some_and(|key| self.wheel.rearm(key, deadline));
        if !moved {
            operation.timer = Some(self.wheel.arm(deadline, Alarm::Operation(slot)));
        }
    }

    /// The operation went as it should.
    pub(crate) fn succeed(&mut self, now: Time, slot: u32) {
        self.statistics.succeeded += 1;
        self.end(now, slot);
    }

    /// The operation failed; `message` is the one that says so.
    pub(crate) fn fail(&mut self, now: Time, slot: u32, reason: Reason, message: Option<&Message>) {
        self.statistics.failed += 1;
        let request = self
            .operation(slot)
            .map(|operation| operation.request.as_slice());
        let example = message
            .map_or(request.unwrap_or_default(), Message::as_bytes)
            .to_vec();
        self.statistics.note(reason, &example);
        self.forget_leg(slot);
        self.end(now, slot);
    }

    fn end(&mut self, now: Time, slot: u32) {
        self.statistics.ended = now;
        if self.leg_waits(slot) {
            if let Some(operation) = self.operations.get_mut(slot as usize) {
                operation.stage = Stage::Settling;
            }
            self.disarm(slot);
        } else {
            self.free(slot);
        }
    }

    /// Makes the slot free for the next operation.
    pub(crate) fn free(&mut self, slot: u32) {
        let user_again = self.has_user_alone() && self.has_turns();
        self.disarm(slot);
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return;
        };
        operation.stage = Stage::Idle;
        if user_again {
            self.registry.give_back(operation.user);
        }
        self.idle.push(slot);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// False where each user has one turn only.
    fn has_turns(&self) -> bool {
        let amount = self.phase.as_ref().map(|phase| phase.amount);
        amount != Some(Amount::Users)
    }

    fn disarm(&mut self, slot: u32) {
        let timer = self
            .operations
            .get_mut(slot as usize)
            .and_then(|operation| operation.timer.take());
        if let Some(key) = timer {
            self.wheel.cancel(key);
        }
    }

    fn send_request(&mut self, slot: u32, batch: &mut TransmitBatch) {
        let flow = self.flow_of(slot);
        if let Some(operation) = self.operations.get(slot as usize) {
            self.statistics.messages_sent += 1;
            self.statistics.octets_sent += operation.request.len() as u64;
            batch.push(flow, TransmitToken::NONE, &operation.request);
        }
    }

    /// Sends what `write` appends.
    pub(crate) fn send_with(
        &mut self,
        flow: Flow,
        batch: &mut TransmitBatch,
        write: impl FnOnce(&mut Vec<u8>, &Requests),
    ) {
        let requests = &self.requests;
        let range = batch.push_with(flow, TransmitToken::NONE, |out| write(out, requests));
        self.statistics.messages_sent += 1;
        self.statistics.octets_sent += range.len() as u64;
    }
}

/// What a machine may look at.
pub(crate) fn context(timers: &TimerSettings, now: Time) -> Context<'_> {
    Context {
        now,
        reliable: false,
        timers,
    }
}
