//! REGISTER: judge, make durable, publish, answer (RFC 3261 §10.3; DESIGN §2a rule 9). No transaction is needed: a
//! retransmission is recognised by its binding, and while the change is with the journal by its place in the queue.

use std::borrow::Cow;
use std::sync::Arc;

use strowger_registrar::{
    AddressOfRecord, Admission, Binding, BindingChange, Cause, LocationChange, LocationService,
    Outcome, RegisterReply, Registration, address_of_record, register,
};
use strowger_routing::{SaveOptions, SaveOutcome};
use strowger_sip::{Message, Now, Time};
use strowger_transaction::{Flow, RequestKey, TagSource, write_stateless_reply};

use crate::core::{Core, Parked};
use crate::event::{Event, EventKind, Interest};
use crate::reply::OwnReply;
use crate::seam::{Answer, Output, Query, QueryId};
use crate::text::Text;

/// A change of bindings that waits for its turn or for the journal.
#[derive(Debug)]
pub(crate) enum WaitingChange {
    /// A REGISTER.
    Register(WaitingRegister),
    /// An operator's order to remove all bindings.
    Removal,
}

/// A REGISTER that waits.
#[derive(Debug)]
pub(crate) struct WaitingRegister {
    pub(crate) request: Arc<Message>,
    /// The key of the request, if it is known.
    pub(crate) key: Option<RequestKey>,
    pub(crate) flow: Flow,
    pub(crate) received: Time,
    /// Its connection has closed meanwhile.
    pub(crate) flow_lost: bool,
    /// What a program asks for besides.
    pub(crate) options: SaveOptions,
    /// Header lines of a program for the answer.
    pub(crate) lines: Vec<u8>,
}

impl Core {
    /// Takes in an authorised REGISTER.
    pub(crate) fn register(
        &mut self,
        now: Now,
        flow: Flow,
        request: Arc<Message>,
        key: Option<RequestKey>,
    ) {
        let options = SaveOptions::default();
        self.register_for_program(now, flow, request, key, options, Vec::new());
    }

    /// Takes in a REGISTER that a program wants saved.
    pub(crate) fn register_for_program(
        &mut self,
        now: Now,
        flow: Flow,
        request: Arc<Message>,
        key: Option<RequestKey>,
        options: SaveOptions,
        lines: Vec<u8>,
    ) -> SaveOutcome {
        let waiting = WaitingRegister {
            request,
            key,
            flow,
            received: now.monotonic,
            flow_lost: false,
            options,
            lines,
        };
        let settings = &self.settings;
        match address_of_record(&waiting.request, &|host| settings.record_domain(host)) {
            // A retransmission of one that waits is answered with it.
            Ok(aor) if self.waits(&aor, &waiting.request) => SaveOutcome::Pending,
            Ok(aor) => self.take_turn(now, &aor, WaitingChange::Register(waiting)),
            Err(reply) => {
                self.answer_register(now, &waiting, &reply);
                SaveOutcome::Refused
            }
        }
    }

    /// An operator removes all bindings of an address of record. A failed removal stays visible and is tried again by
    /// the next order.
    pub(crate) fn drop_bindings(&mut self, now: Now, aor: &[u8]) {
        let aor = AddressOfRecord::from_canonical(aor);
        self.take_turn(now, &aor, WaitingChange::Removal);
    }

    /// A connection is gone: bindings that wait and depend on it will appear as lost, and nobody is answered over it.
    pub(crate) fn registrations_flow_closed(&mut self, flow: &Flow) {
        if flow.stream.is_none() {
            return;
        }
        self.registrations.flow_closed(flow);
        for change in self.registrations.requests_mut() {
            if let WaitingChange::Register(waiting) = change
                && waiting.flow.stream == flow.stream
            {
                waiting.flow_lost = true;
            }
        }
    }

    fn take_turn(&mut self, now: Now, aor: &AddressOfRecord, change: WaitingChange) -> SaveOutcome {
        match self.registrations.admit(aor, change) {
            Admission::Go(change) => self.judge(now, aor, change),
            Admission::Waits => SaveOutcome::Pending,
            Admission::Busy(WaitingChange::Register(waiting)) => {
                self.answer_register(now, &waiting, &RegisterReply::busy());
                SaveOutcome::Refused
            }
            Admission::Busy(WaitingChange::Removal) => {
                self.counters.table_full += 1;
                SaveOutcome::Failed
            }
        }
    }

    fn judge(&mut self, now: Now, aor: &AddressOfRecord, waiting: WaitingChange) -> SaveOutcome {
        let bindings = self.shared.location.bindings(aor.as_bytes(), now.monotonic);
        let waiting = match waiting {
            WaitingChange::Register(waiting) => waiting,
            WaitingChange::Removal => {
                let change = LocationChange::removal(aor.clone(), now, bindings);
                self.carry_out(now, change, None, WaitingChange::Removal);
                return SaveOutcome::Deleted;
            }
        };
        let one = waiting.options.one_binding;
        let outcome = register(&Registration {
            request: &waiting.request,
            aor,
            flow: waiting.flow,
            bindings: if one { &[] } else { &bindings },
            room: self.shared.location.room(),
            settings: &self.settings.registrar,
            now,
        });
        self.registrar_counters.count(&outcome);
        match outcome {
            Outcome::Reply(reply) => {
                self.answer_register(now, &waiting, &reply);
                match reply.cause {
                    Cause::Retransmission => SaveOutcome::Updated,
                    Cause::TooManyBindings => SaveOutcome::TooMany,
                    _ if reply.status.is_success() => SaveOutcome::Listed,
                    _ => SaveOutcome::Refused,
                }
            }
            Outcome::Change { mut change, reply } => {
                if waiting.flow_lost {
                    change.mark_flow_lost(&waiting.flow);
                }
                if one {
                    remove_others(&mut change, &bindings);
                }
                let outcome = outcome_of(&change);
                self.carry_out(now, change, Some(reply), WaitingChange::Register(waiting));
                outcome
            }
        }
    }

    /// Publishes a change at once, or once the journal has it.
    fn carry_out(
        &mut self,
        now: Now,
        change: LocationChange,
        reply: Option<RegisterReply>,
        waiting: WaitingChange,
    ) {
        let memory_only = match &waiting {
            WaitingChange::Register(waiting) => waiting.options.memory_only,
            WaitingChange::Removal => false,
        };
        if !self.settings.durable || memory_only || change.is_empty() {
            self.publish(now, &change);
            if let (WaitingChange::Register(waiting), Some(reply)) = (&waiting, &reply) {
                self.answer_register(now, waiting, reply);
            }
            return;
        }
        let query = QueryId(self.next_name());
        self.outputs.push_back(Output::Query {
            query,
            request: Query::Journal(change.clone()),
        });
        self.parked
            .insert(query, Parked::Registration(change.aor.clone()));
        self.registrations.begin(change, reply, waiting);
    }

    /// The journal is done with the change of `aor`.
    pub(crate) fn registration_stored(&mut self, now: Now, aor: &AddressOfRecord, answer: &Answer) {
        let Some((change, mut reply, waiting)) = self.registrations.finish(aor) else {
            return;
        };
        match (answer, &waiting) {
            (Answer::Journaled, _) => {
                self.publish(now, &change);
                if let (WaitingChange::Register(waiting), Some(reply)) = (&waiting, &mut reply) {
                    let bindings = self.shared.location.bindings(aor.as_bytes(), now.monotonic);
                    reply.list(&bindings, now.monotonic, &self.settings.registrar);
                    self.answer_register(now, waiting, reply);
                }
            }
            (Answer::Failed | Answer::Errand(_), WaitingChange::Register(register)) => {
                let reply = RegisterReply::store_failed();
                self.registrar_counters
                    .count(&Outcome::Reply(reply.clone()));
                self.refuse_register(now, register, &reply);
            }
            (Answer::Failed | Answer::Errand(_), WaitingChange::Removal) => {}
        }
        while let Some(waiting) = self.registrations.next(aor) {
            self.judge(now, aor, waiting);
        }
    }

    /// True if a CANCEL means a REGISTER that waits: it is answered 200 and changes nothing (RFC 3261 §9.2).
    pub(crate) fn cancels_register(&self, cancel: &Message) -> bool {
        let settings = &self.settings;
        let Ok(aor) = address_of_record(cancel, &|host| settings.record_domain(host)) else {
            return false;
        };
        self.waits(&aor, cancel)
    }

    /// True if this is the copy of a REGISTER that is with the journal or waits behind one.
    pub(crate) fn register_waits(&self, request: &Message) -> bool {
        let settings = &self.settings;
        !self.registrations.is_empty()
            && address_of_record(request, &|host| settings.record_domain(host))
                .is_ok_and(|aor| self.waits(&aor, request))
    }

    /// True if a REGISTER of this branch and sent-by is with the journal or waits behind one.
    fn waits(&self, aor: &AddressOfRecord, request: &Message) -> bool {
        let via = request.via();
        self.registrations.any(aor, |waiting| match waiting {
            WaitingChange::Register(waiting) => {
                let other = waiting.request.via();
                via.branch()
                    .is_some_and(|branch| other.branch() == Some(branch))
                    && via.host().eq_ignore_case(&other.host())
                    && via.port == other.port
            }
            WaitingChange::Removal => false,
        })
    }

    fn publish(&mut self, now: Now, change: &LocationChange) {
        self.shared.location.publish(change);
        if !self.interest.wants(Interest::REGISTRATIONS) {
            return;
        }
        for step in &change.steps {
            let (kind, binding) = match step {
                BindingChange::Put {
                    binding,
                    replaced: None,
                } => (EventKind::Registered, binding),
                BindingChange::Put {
                    binding,
                    replaced: Some(_),
                } => (EventKind::Refreshed, binding),
                BindingChange::Remove(binding) => (EventKind::Unregistered, binding),
            };
            self.event_binding(now, kind, &change.aor, binding);
        }
    }

    /// A binding expired.
    pub(crate) fn event_expired(&mut self, now: Now, aor: &AddressOfRecord, binding: &Binding) {
        if self.interest.wants(Interest::REGISTRATIONS) {
            self.event_binding(now, EventKind::Unregistered, aor, binding);
        }
    }

    fn event_binding(
        &mut self,
        now: Now,
        kind: EventKind,
        aor: &AddressOfRecord,
        binding: &Binding,
    ) {
        let flow = binding.flow();
        let user = Text::new(
            aor.as_bytes()
                .strip_prefix(b"sip:")
                .unwrap_or(aor.as_bytes()),
        );
        self.outputs.push_back(Output::Event(Event {
            kind,
            wall: now.wall,
            elapsed: core::time::Duration::ZERO,
            status: 200,
            transport: flow.transport,
            source: flow.remote,
            method: Text::new(b"REGISTER"),
            from: user,
            to: user,
            call_id: Text::new(binding.call_id()),
            detail: Text::new(binding.contact()),
        }));
    }

    /// A refusal that another try might not meet is kept in a transaction: a retransmission gets the same answer, or
    /// the client would hear two (§17.2.2).
    fn refuse_register(&mut self, now: Now, waiting: &WaitingRegister, reply: &RegisterReply) {
        if waiting.flow_lost {
            return;
        }
        let (request, flow) = (&waiting.request, &waiting.flow);
        let key = self.transactions.request_key(request);
        let made =
            self.transactions
                .create_server(now, key, request, flow, u64::MAX, &mut self.batch);
        let Ok(server) = made else {
            return self.answer_register(now, waiting, reply);
        };
        let (source, lines) = (
            TagSource::new(&self.secrets, Some(key)),
            self.own_lines(&reply.headers),
        );
        let (status, reason) = (reply.status, reply.reason.map(str::as_bytes));
        let write = |out: &mut Vec<u8>| {
            write_stateless_reply(out, source, request, flow, status, reason, &lines, None);
        };
        // A transaction that has just begun takes a final response.
        let _ = self
            .transactions
            .respond(now, server, status, write, &mut self.batch);
        self.count_reply(status);
        self.event_answered(now, waiting.received, *flow, request, status);
    }

    fn answer_register(&mut self, now: Now, waiting: &WaitingRegister, reply: &RegisterReply) {
        // Over a connection that is gone nobody can be answered.
        if waiting.options.no_reply || waiting.flow_lost {
            return;
        }
        let headers = if waiting.lines.is_empty() {
            Cow::Borrowed(&reply.headers[..])
        } else {
            Cow::Owned([&reply.headers[..], &waiting.lines].concat())
        };
        let reply = OwnReply {
            reason: reply.reason.map(str::as_bytes),
            headers: &headers,
            key: waiting.key,
            ..OwnReply::of(reply.status)
        };
        self.reply_own(
            now,
            waiting.received,
            waiting.flow,
            &waiting.request,
            &reply,
        );
    }
}

/// What a change does to the bindings.
fn outcome_of(change: &LocationChange) -> SaveOutcome {
    let mut outcome = SaveOutcome::Listed;
    for step in &change.steps {
        match step {
            BindingChange::Put { replaced: None, .. } => return SaveOutcome::Inserted,
            BindingChange::Put { .. } => outcome = SaveOutcome::Updated,
            BindingChange::Remove(_) if outcome == SaveOutcome::Listed => {
                outcome = SaveOutcome::Deleted;
            }
            BindingChange::Remove(_) => {}
        }
    }
    outcome
}

/// The bindings that the change does not name go with it.
fn remove_others(change: &mut LocationChange, bindings: &[Binding]) {
    for binding in bindings {
        let named = change.steps.iter().any(|step| match step {
            BindingChange::Put { binding: other, .. } | BindingChange::Remove(other) => {
                other.same_key(binding)
            }
        });
        if !named {
            change.steps.push(BindingChange::Remove(binding.clone()));
        }
    }
}
