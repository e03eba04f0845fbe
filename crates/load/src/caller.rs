//! The calling side: what responses mean for their operations (RFC 3261 §8.1.3, §13.2.2, §17.1).

use strowger_sip::{Message, Method, Time};
use strowger_transaction::TransmitBatch;

use crate::challenge::write_credentials;
use crate::check;
use crate::dialog::{write_failure_ack, write_in_dialog};
use crate::exchange::context;
use crate::generator::Generator;
use crate::identifier::{Exchange, Identifier, read_number};
use crate::operation::Stage;
use crate::phase::Task;
use crate::reason::Reason;
use crate::scenario::Scenario;

impl Generator {
    /// A response came from the target to a port of ours.
    pub(crate) fn handle_response(
        &mut self,
        now: Time,
        port: u16,
        message: &Message,
        datagram_octets: usize,
        batch: &mut TransmitBatch,
    ) {
        let branch = message.branch().unwrap_or_default();
        let found = Identifier::read(branch, &self.requests.branch_prefix);
        let Some(identifier) = found.filter(|found| (found.slot as usize) < self.operations.len())
        else {
            self.statistics.strays += 1;
            return;
        };
        let status = message.status().map_or(0, |status| status.get());
        let statistics = &mut self.statistics;
        check::response(message, datagram_octets, &mut |reason| {
            statistics.note(reason, message.as_bytes());
        });
        if !self
            .operation(identifier.slot)
            .is_some_and(|operation| operation.awaits(identifier))
        {
            self.repeated_response(port, identifier, message, status, batch);
            return;
        }
        self.check_request(identifier.slot, message);
        if status < 200 {
            self.statistics.provisional += 1;
            self.provisional_response(now, identifier.slot);
        } else {
            *self.statistics.statuses.entry(status).or_default() += 1;
            self.final_response(now, identifier, message, status, batch);
        }
    }

    /// Notes a response that does not repeat what its request had.
    fn check_request(&mut self, slot: u32, message: &Message) {
        let call_id = message.call_id();
        let call = call_id
            .strip_prefix(self.requests.call_id_prefix.as_slice())
            .and_then(read_number);
        let Some(operation) = self.operation(slot) else {
            return;
        };
        let method = match operation.stage {
            Stage::Asking(Exchange::Release, _) => "BYE",
            _ => self.method(),
        };
        let cseq = message.cseq();
        let same = call == Some(operation.call)
            && cseq.number == operation.cseq
            && cseq.method.as_bytes() == method.as_bytes();
        if !same {
            self.statistics
                .note(Reason::OtherRequest, message.as_bytes());
        }
    }

    fn provisional_response(&mut self, now: Time, slot: u32) {
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return;
        };
        let stage = core::mem::replace(&mut operation.stage, Stage::Idle);
        let Stage::Asking(exchange, client) = stage else {
            operation.stage = stage;
            return;
        };
        let (client, step) = client.on_provisional(context(&self.timers, now));
        operation.stage = Stage::Asking(exchange, client);
        self.follow(slot, step);
    }

    fn final_response(
        &mut self,
        now: Time,
        identifier: Identifier,
        message: &Message,
        status: u16,
        batch: &mut TransmitBatch,
    ) {
        let slot = identifier.slot;
        let invite = message.method() == Method::Invite;
        if invite && status >= 300 {
            self.acknowledge_failure(identifier, message, batch);
        }
        match (identifier.exchange, status) {
            (Exchange::Release, 200..=299) => {
                if let Some(operation) = self.operation(slot) {
                    self.statistics.release.record(now - operation.asked_at);
                }
                self.succeed(now, slot);
            }
            (Exchange::Release, _) => self.fail(now, slot, Reason::Status(status), Some(message)),
            (Exchange::First, 401 | 407) if !self.is_expected(status) => {
                self.prove(now, slot, message, status, batch);
            }
            (Exchange::Proof, 401 | 407) if !self.is_expected(status) => {
                self.fail(now, slot, Reason::PasswordRefused, Some(message));
            }
            (Exchange::First, 200..=299) if self.must_be_challenged() => {
                self.fail(now, slot, Reason::ChallengeMissing, Some(message));
            }
            _ if !self.is_expected(status) => {
                self.fail(now, slot, Reason::Status(status), Some(message));
            }
            (_, 200..=299) if invite => self.answered(now, identifier, message, batch),
            _ => {
                if status < 300 && self.has_user_alone() {
                    self.check_contacts(slot, message);
                }
                self.record_latency(now, slot);
                self.succeed(now, slot);
            }
        }
    }

    /// True if a final status is what the phase wants.
    fn is_expected(&self, status: u16) -> bool {
        match self.phase.as_ref().map(|phase| phase.task) {
            Some(Task::Scenario) => self.settings.is_expected(status),
            _ => (200..300).contains(&status),
        }
    }

    fn must_be_challenged(&self) -> bool {
        let task = self.phase.as_ref().map(|phase| phase.task);
        task == Some(Task::Scenario) && self.settings.scenario == Scenario::RegisterAuth
    }

    fn record_latency(&mut self, now: Time, slot: u32) {
        if let Some(operation) = self.operation(slot) {
            let latency = now - operation.due;
            self.statistics.latency.record(latency);
            self.recent.record(latency);
        }
    }

    /// A 2xx to a REGISTER.
    fn check_contacts(&mut self, slot: u32, message: &Message) {
        let Some(user) = self.operation(slot).map(|operation| operation.user) else {
            return;
        };
        let removed = self
            .phase
            .as_ref()
            .is_some_and(|phase| phase.task == Task::Leave);
        self.registry.set_registered(user, !removed);
        self.name.clear();
        self.settings.users.write_name(user, &mut self.name);
        self.lines.clear();
        self.requests.write_contact(&self.name, &mut self.lines);
        let statistics = &mut self.statistics;
        check::registered(message, &self.lines, removed, &mut |reason| {
            statistics.note(reason, message.as_bytes());
        });
    }

    /// The same request once more, with credentials.
    fn prove(
        &mut self,
        now: Time,
        slot: u32,
        message: &Message,
        status: u16,
        batch: &mut TransmitBatch,
    ) {
        // In `register` nobody has credentials; nor has a caller who is none of the users, unless he was named.
        let task = self.phase.as_ref().map(|phase| phase.task);
        let (scenario, alone) = (self.settings.scenario, self.has_user_alone());
        let register = task == Some(Task::Scenario) && scenario == Scenario::Register;
        if register || (!alone && self.caller.is_none() && !scenario.has_called_side()) {
            self.fail(now, slot, Reason::Status(status), Some(message));
            return;
        }
        let Some(operation) = self.operation(slot) else {
            return;
        };
        let (user, generation) = (operation.user, operation.generation);
        let users = &self.settings.users;
        let (digest_user, own) = match &self.caller {
            Some(caller) if !alone => (caller.name.clone(), caller.password.as_deref()),
            _ => {
                let who = if alone { user } else { users.after(user) };
                (users.name(who), users.password(who))
            }
        };
        let Some(password) = own.or(self.settings.password.as_deref()) else {
            self.fail(now, slot, Reason::PasswordMissing, Some(message));
            return;
        };
        let cnonce = crate::identifier::digits(u64::from(generation) << 32 | u64::from(slot));
        let mut lines = Vec::new();
        let uri = operation
            .request
            .split(|octet| *octet == b' ')
            .nth(1)
            .unwrap_or_default();
        let request = (self.method(), uri, &b""[..]);
        let answered = write_credentials(
            &mut lines,
            message,
            digest_user.as_bytes(),
            password.as_bytes(),
            request,
            &cnonce,
        );
        self.lines = lines;
        if !answered {
            self.fail(now, slot, Reason::ChallengeUnusable, Some(message));
            return;
        }
        let next = alone.then(|| self.registry.next_cseq(user));
        if let Some(operation) = self.operations.get_mut(slot as usize) {
            operation.cseq = next.unwrap_or(operation.cseq + 1);
        }
        self.name.clear();
        self.settings.users.write_name(user, &mut self.name);
        self.write_request(slot, Exchange::Proof);
        self.ask(now, slot, Exchange::Proof, batch);
    }

    fn acknowledge_failure(
        &mut self,
        identifier: Identifier,
        message: &Message,
        batch: &mut TransmitBatch,
    ) {
        let (port, flow) = (self.port_of(identifier.slot), self.flow_of(identifier.slot));
        self.send_with(flow, batch, |out, requests| {
            write_failure_ack(out, requests, port, identifier, message);
        });
    }

    /// A 2xx to INVITE: acknowledged, and the call stands.
    fn answered(
        &mut self,
        now: Time,
        identifier: Identifier,
        message: &Message,
        batch: &mut TransmitBatch,
    ) {
        let slot = identifier.slot;
        let record_route = self.settings.record_route && self.calls();
        let statistics = &mut self.statistics;
        check::answered(message, record_route, &mut |reason| {
            statistics.note(reason, message.as_bytes());
        });
        self.record_latency(now, slot);
        let (port, flow) = (self.port_of(slot), self.flow_of(slot));
        let Some(operation) = self.operations.get_mut(slot as usize) else {
            return;
        };
        let exchange = |exchange| Identifier {
            exchange,
            ..identifier
        };
        operation.ack.clear();
        let acknowledged = write_in_dialog(
            &mut operation.ack,
            &self.requests,
            port,
            exchange(Exchange::Acknowledgement),
            ("ACK", operation.cseq),
            message,
        );
        if !acknowledged || message.to_tag().is_none() {
            self.fail(now, slot, Reason::DialogImpossible, Some(message));
            return;
        }
        operation.cseq += 1;
        operation.request.clear();
        write_in_dialog(
            &mut operation.request,
            &self.requests,
            port,
            exchange(Exchange::Release),
            ("BYE", operation.cseq),
            message,
        );
        operation.stage = Stage::Talking;
        let ack = core::mem::take(&mut operation.ack);
        self.send_with(flow, batch, |out, _| out.extend_from_slice(&ack));
        if let Some(operation) = self.operations.get_mut(slot as usize) {
            operation.ack = ack;
        }
        match self.settings.hold.is_zero() || self.is_stopped() {
            true => self.release(now, slot, batch),
            false => self.arm(slot, now + self.settings.hold),
        }
    }

    /// A response to an exchange that has ended.
    fn repeated_response(
        &mut self,
        port: u16,
        identifier: Identifier,
        message: &Message,
        status: u16,
        batch: &mut TransmitBatch,
    ) {
        if identifier.exchange == Exchange::Acknowledgement {
            self.statistics
                .note(Reason::AckAnswered, message.as_bytes());
            return;
        }
        if status < 200 {
            return;
        }
        self.statistics.repeated += 1;
        if message.method() != Method::Invite {
            return;
        }
        let flow = strowger_transaction::Flow::udp(
            strowger_transaction::ListenerId(port),
            self.settings.target,
        );
        if status >= 300 {
            self.acknowledge_failure(identifier, message, batch);
            return;
        }
        let Some(operation) = self.operations.get_mut(identifier.slot as usize) else {
            return;
        };
        if operation.generation == identifier.generation && !operation.ack.is_empty() {
            let ack = core::mem::take(&mut operation.ack);
            self.send_with(flow, batch, |out, _| out.extend_from_slice(&ack));
            if let Some(operation) = self.operations.get_mut(identifier.slot as usize) {
                operation.ack = ack;
            }
        }
    }
}
