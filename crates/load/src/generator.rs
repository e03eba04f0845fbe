//! The machine: begins operations at their pace, hands messages to the two sides, keeps the timers.

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{Limits, Message, Time};
use strowger_transaction::{Flow, ListenerId, TimerSettings, TimerWheel, TransmitBatch};

use crate::called::Leg;
use crate::histogram::Histogram;
use crate::identifier::{Exchange, Identifier};
use crate::operation::{Operation, Stage};
use crate::phase::{Amount, Phase, Task};
use crate::reason::Reason;
use crate::registry::Registry;
use crate::requests::Requests;
use crate::scenario::Scenario;
use crate::settings::Settings;
use crate::statistics::Statistics;
use crate::users::User;

/// Operations that begin in one turn, so that what came meanwhile is read between.
const STARTS_PER_TURN_MAX: u32 = 256;

/// Operations of an open loop that are due within this time of one that begins, begin with it: waking up for each would
/// cost more than all the rest. Their latency counts from then.
const TOGETHER: Duration = Duration::from_micros(500);

/// An operation of an open loop that begins this much after it was due is counted as late.
const LATE: Duration = Duration::from_millis(10);

/// Whose timer fired.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Alarm {
    Operation(u32),
    Leg(u32),
}

/// The load generator.
#[derive(Debug)]
pub struct Generator {
    pub(crate) settings: Settings,
    pub(crate) timers: TimerSettings,
    pub(crate) requests: Requests,
    pub(crate) registry: Registry,
    /// Who calls, if he was named.
    pub(crate) caller: Option<User>,
    pub(crate) phase: Option<Phase>,
    pub(crate) operations: Vec<Operation>,
    /// The called side of each operation; empty unless calls are made.
    pub(crate) legs: Vec<Leg>,
    pub(crate) wheel: TimerWheel<Alarm>,
    pub(crate) statistics: Statistics,
    /// Latencies since they were last taken.
    pub(crate) recent: Histogram,
    pub(crate) idle: Vec<u32>,
    pub(crate) in_flight: u32,
    /// Operations that the phase may still begin.
    remaining: u64,
    stopped: bool,
    /// No operation begins from then on.
    closes_at: Time,
    limits: Limits,
    /// Reused for each datagram.
    buffer: Vec<u8>,
    /// Reused for the name of a user.
    pub(crate) name: Vec<u8>,
    /// Reused for the name of the user who calls.
    pub(crate) caller_name: Vec<u8>,
    /// Reused for header lines, and for messages that are kept.
    pub(crate) lines: Vec<u8>,
}

impl Generator {
    /// A generator that sends from the ports `callers`, in `ListenerId` order, and is called at `called`, whose
    /// `ListenerId` follows theirs. `run` tells the run from others.
    pub fn new(
        settings: Settings,
        callers: &[SocketAddr],
        called: Option<SocketAddr>,
        run: u32,
    ) -> Generator {
        let timers = TimerSettings {
            timer_b: settings.answer_timeout,
            timer_f: settings.answer_timeout,
            ..TimerSettings::default()
        };
        Generator {
            requests: Requests::new(&settings, callers, called, run),
            registry: Registry::new(settings.users.count()),
            caller: settings
                .from
                .as_deref()
                .map(|uri| settings.users.caller(uri)),
            settings,
            timers,
            phase: None,
            operations: Vec::new(),
            legs: Vec::new(),
            wheel: TimerWheel::new(),
            statistics: Statistics::default(),
            recent: Histogram::default(),
            idle: Vec::new(),
            in_flight: 0,
            remaining: 0,
            stopped: false,
            closes_at: Time::MAX,
            limits: Limits::default(),
            buffer: Vec::new(),
            name: Vec::new(),
            caller_name: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Begins a phase. The one before must have finished, or what it has under way is counted here.
    pub fn begin(&mut self, now: Time, phase: Phase) {
        self.phase = Some(phase);
        self.statistics = Statistics::new(now);
        self.recent.clear();
        self.stopped = false;
        let waiting = match self.has_user_alone() {
            true => self.registry.enqueue(phase.task == Task::Leave),
            false => u64::from(self.settings.users.count()),
        };
        (self.remaining, self.closes_at) = match phase.amount {
            Amount::Operations(count) => (count, Time::MAX),
            Amount::Duration(duration) => (u64::MAX, now + duration),
            Amount::Users => (waiting, Time::MAX),
        };
    }

    /// The figures of the phase under way.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The latencies recorded since the last call.
    pub fn take_recent(&mut self) -> Histogram {
        core::mem::take(&mut self.recent)
    }

    /// Operations that have begun and not ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// True if nothing is under way and nothing will begin.
    pub fn is_finished(&self, now: Time) -> bool {
        self.in_flight == 0 && !self.is_open(now)
    }

    /// True if the limit of failures ended the phase, or would.
    pub fn has_failed_too_often(&self) -> bool {
        self.settings
            .failures_max
            .is_some_and(|max| self.statistics.findings() >= max)
    }

    fn end_after_failures(&mut self, now: Time, batch: &mut TransmitBatch) {
        if !self.stopped && self.has_failed_too_often() {
            self.stop(now, batch);
        }
    }

    /// Lets no further operation begin; calls that stand get their BYE now.
    pub fn stop(&mut self, now: Time, batch: &mut TransmitBatch) {
        self.remaining = 0;
        self.stopped = true;
        for slot in 0..self.operations.len() as u32 {
            let talks = |operation: &Operation| matches!(operation.stage, Stage::Talking);
            if self.operation(slot).is_some_and(talks) {
                self.release(now, slot, batch);
            }
        }
    }

    /// Gives up what is under way.
    pub fn abandon(&mut self, now: Time) {
        self.remaining = 0;
        for slot in 0..self.operations.len() as u32 {
            match self.operation(slot).map(|operation| &operation.stage) {
                None | Some(Stage::Idle) => {}
                Some(Stage::Settling) => {
                    self.forget_leg(slot);
                    self.free(slot);
                }
                Some(_) => self.fail(now, slot, Reason::Abandoned, None),
            }
        }
    }

    /// A datagram arrived at a port.
    pub fn handle_datagram(
        &mut self,
        now: Time,
        port: ListenerId,
        remote: SocketAddr,
        octets: &[u8],
        batch: &mut TransmitBatch,
    ) {
        self.statistics.messages_received += 1;
        self.statistics.octets_received += octets.len() as u64;
        let at_called_side = u32::from(port.0) >= self.requests.ports();
        if !at_called_side && remote != self.settings.target {
            self.statistics.strays += 1;
            return;
        }
        let mut buffer = core::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.extend_from_slice(octets);
        match Message::parse(buffer, &self.limits) {
            Ok(message) => {
                match (message.is_request(), at_called_side) {
                    (false, false) => {
                        self.handle_response(now, port.0, &message, octets.len(), batch)
                    }
                    (true, true) => {
                        let flow = Flow::udp(port, remote);
                        self.handle_request(now, flow, &message, octets.len(), batch);
                    }
                    _ => self.statistics.strays += 1,
                }
                self.buffer = message.into_bytes();
            }
            Err(_) => self.statistics.note(Reason::Malformed, octets),
        }
        self.end_after_failures(now, batch);
    }

    /// An ICMP error came back for a datagram with that branch in its topmost Via.
    pub fn handle_unreachable(&mut self, now: Time, branch: &[u8], batch: &mut TransmitBatch) {
        let Some(identifier) = Identifier::read(branch, &self.requests.branch_prefix) else {
            return;
        };
        let is_it = |operation: &Operation| operation.awaits(identifier);
        if self.operation(identifier.slot).is_some_and(is_it) {
            self.fail(now, identifier.slot, Reason::Unreachable, None);
        }
        self.end_after_failures(now, batch);
    }

    /// Begins what is due, sends again what was lost, ends what took too long.
    pub fn handle_timeout(&mut self, now: Time, batch: &mut TransmitBatch) {
        while let Some((key, alarm)) = self.wheel.pop_due(now) {
            match alarm {
                Alarm::Operation(slot) => self.operation_alarm(now, slot, key, batch),
                Alarm::Leg(slot) => self.leg_alarm(now, slot, key, batch),
            }
        }
        self.end_after_failures(now, batch);
        let mut horizon = now;
        for _ in 0..STARTS_PER_TURN_MAX {
            let due = self.next_due(now).filter(|due| *due <= horizon);
            if !due.is_some_and(|due| self.start(now, due.min(now), batch)) {
                break;
            }
            horizon = now + TOGETHER;
        }
    }

    /// When [`Generator::handle_timeout`] is to be called next; `None`: not before something arrives.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        match (self.next_due(now), self.wheel.next_deadline()) {
            (Some(due), Some(deadline)) => Some(due.min(deadline)),
            (due, deadline) => due.or(deadline),
        }
    }

    /// When the next operation begins, if there is room for it.
    fn next_due(&self, now: Time) -> Option<Time> {
        let phase = self.phase.as_ref()?;
        let alone = self.has_user_alone();
        if !self.is_open(now)
            || self.in_flight >= phase.pace.in_flight_max()
            || (alone && !self.registry.has_waiting())
        {
            return None;
        }
        let due = phase
            .pace
            .due(self.statistics.begun, self.statistics.started);
        Some(due.unwrap_or(now))
    }

    /// True if the phase was told to end before its time.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// True while operations may begin, now or when they are due.
    fn is_open(&self, now: Time) -> bool {
        let pace = self.phase.as_ref().map(|phase| phase.pace);
        let due = pace.and_then(|pace| pace.due(self.statistics.begun, self.statistics.started));
        self.remaining > 0 && now < self.closes_at && due.is_none_or(|due| due < self.closes_at)
    }

    /// True if an operation of this phase has its user for itself.
    pub(crate) fn has_user_alone(&self) -> bool {
        let task = self.phase.as_ref().map(|phase| phase.task);
        task != Some(Task::Scenario) || self.settings.scenario.registers()
    }

    /// True if an INVITE begins an operation of this phase.
    pub(crate) fn invites(&self) -> bool {
        let task = self.phase.as_ref().map(|phase| phase.task);
        task == Some(Task::Scenario) && self.settings.scenario.method() == "INVITE"
    }

    /// The method of the request that begins an operation of this phase.
    pub(crate) fn method(&self) -> &'static str {
        match self.phase.as_ref().map(|phase| phase.task) {
            Some(Task::Scenario) => self.settings.scenario.method(),
            _ => "REGISTER",
        }
    }

    fn start(&mut self, now: Time, due: Time, batch: &mut TransmitBatch) -> bool {
        let alone = self.has_user_alone();
        let user = match alone {
            true => self.registry.take(),
            false => Some(self.registry.next_in_turn()),
        };
        let Some(user) = user else { return false };
        let cseq = match alone {
            true => self.registry.next_cseq(user),
            false => 1,
        };
        let slot = self.idle.pop().unwrap_or_else(|| {
            self.operations.push(Operation::new());
            self.legs.push(Leg::default());
            self.operations.len() as u32 - 1
        });
        self.remaining = self.remaining.saturating_sub(1);
        self.in_flight += 1;
        self.statistics.started += 1;
        self.statistics.last_begun = now;
        if now.saturating_since(due) > LATE {
            self.statistics.late += 1;
        }
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return false;
        };
        operation.generation = operation.generation.wrapping_add(1);
        operation.due = due;
        operation.user = user;
        operation.cseq = cseq;
        let first = Identifier {
            slot,
            generation: operation.generation,
            exchange: Exchange::First,
        };
        // A registration keeps its Call-ID (RFC 3261 §10.2.4).
        operation.call = match alone {
            true => u64::from(user),
            false => first.to_number(),
        };
        self.name.clear();
        self.settings.users.write_name(user, &mut self.name);
        self.lines.clear();
        self.write_request(slot, Exchange::First);
        self.ask(now, slot, Exchange::First, batch);
        true
    }

    /// The port that an operation uses.
    pub(crate) fn port_of(&self, slot: u32) -> u16 {
        (slot % self.requests.ports().max(1)) as u16
    }

    pub(crate) fn flow_of(&self, slot: u32) -> Flow {
        Flow::udp(ListenerId(self.port_of(slot)), self.settings.target)
    }

    pub(crate) fn operation(&self, slot: u32) -> Option<&Operation> {
        self.operations.get(slot as usize)
    }

    /// True if calls are made in this phase.
    pub(crate) fn calls(&self) -> bool {
        self.settings.scenario == Scenario::Call && self.invites()
    }
}
