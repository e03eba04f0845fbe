//! Before and after a run of the policy: what it is about, and what becomes of its message.

use std::sync::Arc;

use strowger_routing::Stage;
use strowger_sip::{Message, Method, Now, StatusCode};
use strowger_transaction::{Flow, ListenerId};

use crate::branch::BranchRef;
use crate::call::PolicyCall;
use crate::core::Core;
use crate::event::{EventKind, Interest};
use crate::program::draft_target_of;
use crate::relay_table::RelayKey;
use crate::reply::OwnReply;
use crate::run::{Run, Subject, changed_message};
use crate::timer::ElementTimer;

impl Core {
    /// How long a suspended request is kept; then it is answered 408, or 500 where that is not allowed.
    pub const SUSPENDED_SECONDS_MAX: u64 = 120;
    /// How often one request may continue itself.
    pub const CONTINUATIONS_MAX: u8 = 16;

    /// Makes the run of a call; gives `spare` back if what it was about is gone.
    pub(crate) fn begin_call(
        &mut self,
        now: Now,
        call: PolicyCall,
        mut spare: Box<Run>,
    ) -> Result<(Stage, Box<Run>), Box<Run>> {
        let run = &mut spare;
        run.now = now;
        run.received = now.monotonic;
        self.messages += 1;
        run.number = self.messages;
        let stage = match call {
            PolicyCall::Branch(at) => {
                let stage = self.begin_branch_run(at, run);
                if stage.is_none() && self.branch_waits(at) {
                    self.begin_branch(now, at);
                    self.process(now, at.relay);
                }
                stage
            }
            PolicyCall::Failure(key) => {
                let stage = self.begin_failure_run(key, run);
                if stage.is_none()
                    && let Some(relay) = self.relays.get_mut(key)
                {
                    // The hook was taken away meanwhile.
                    relay.context.program_ended(false, &mut self.actions);
                    self.process(now, key);
                }
                stage
            }
            PolicyCall::TransactionReply { at, message } => {
                self.begin_transaction_reply_run(at, message, run)
            }
            PolicyCall::Reply { flow, message } => {
                run.subject = Subject::Reply;
                run.flow = flow;
                run.relay = self.relay_of_response(&message);
                run.response = Some(message);
                Some(Stage::Reply)
            }
            PolicyCall::Event {
                hook,
                name,
                flow,
                message,
            } => {
                run.subject = Subject::Event;
                run.flow = flow;
                run.answered = true;
                run.request = Some(message);
                Some(Stage::Event(hook, name))
            }
            PolicyCall::Resume { .. } | PolicyCall::Abandon(_) | PolicyCall::Continue(..) => None,
        };
        match stage {
            Some(stage) => Ok((stage, spare)),
            None => {
                spare.recycle();
                Err(spare)
            }
        }
    }

    fn begin_branch_run(&mut self, at: BranchRef, run: &mut Run) -> Option<Stage> {
        let relay = self.relays.get_mut(at.relay)?;
        let branch = relay.branches.get(usize::from(at.branch.0))?;
        let program = relay.program.as_deref_mut()?;
        let hook = program.draft.hooks.branch.clone()?;
        let mut draft = program.draft.clone();
        draft.target = draft_target_of(&branch.target);
        draft.branches.clear();
        run.set_draft(draft);
        run.number = program.number;
        run.subject = Subject::Branch(at);
        run.flow = relay.source;
        run.relay = Some(at.relay);
        run.request = Some(Arc::clone(&relay.request));
        Some(Stage::Branch(hook))
    }

    fn begin_failure_run(&mut self, key: RelayKey, run: &mut Run) -> Option<Stage> {
        let relay = self.relays.get_mut(key)?;
        let program = relay.program.as_deref_mut()?;
        let hook = program.draft.hooks.failure.take()?;
        let mut draft = program.draft.clone();
        draft.branches.clear();
        run.set_draft(draft);
        run.number = program.number;
        run.subject = Subject::Failure(key);
        run.flow = relay.source;
        run.relay = Some(key);
        run.request = Some(Arc::clone(&relay.request));
        Some(Stage::Failure(hook))
    }

    fn begin_transaction_reply_run(
        &mut self,
        at: BranchRef,
        message: Arc<Message>,
        run: &mut Run,
    ) -> Option<Stage> {
        let relay = self.relays.get_mut(at.relay)?;
        let branch = relay.branches.get(usize::from(at.branch.0))?;
        let program = relay.program.as_deref_mut()?;
        let hook = program.draft.hooks.reply.clone()?;
        let mut draft = strowger_routing::Draft {
            flags: program.draft.flags,
            ..strowger_routing::Draft::default()
        };
        draft.target = draft_target_of(&branch.target);
        run.set_draft(draft);
        run.number = program.number;
        run.subject = Subject::TransactionReply(at);
        run.flow = branch
            .sent_on
            .unwrap_or_else(|| Flow::udp(ListenerId(0), relay.source.remote));
        run.relay = Some(at.relay);
        run.request = Some(Arc::clone(&relay.request));
        run.response = Some(message);
        Some(Stage::TransactionReply(hook))
    }

    /// What a request is left to the element for, once its policy has ended.
    pub(crate) fn request_ended(&mut self, now: Now, run: &mut Run, failed: Option<&str>) {
        let Some(request) = run.request.clone() else {
            return;
        };
        let method = request.method();
        if let Some(why) = failed {
            self.counters.program_failures += 1;
            if !run.answered && method != Method::Ack && method != Method::Cancel {
                self.program_failed(now, run, &request, why);
            }
        }
        if !run.answered {
            self.left_unanswered(now, run, &request);
        }
        if let Some(server) = run.server.take() {
            self.end_server(now, run, server, &request);
        }
    }

    fn program_failed(&mut self, now: Now, run: &mut Run, request: &Message, _why: &str) {
        if self.settings.compatibility.silent_on_program_failure {
            return;
        }
        run.answered = true;
        let reply = OwnReply::of(StatusCode::SERVER_INTERNAL_ERROR);
        match run.server {
            Some(server) => {
                self.respond(now, server, run.received, run.flow, request, &reply);
            }
            None => self.reply_own(now, run.received, run.flow, request, &reply),
        }
    }

    /// The policy neither answered nor forwarded a request. A CANCEL is carried out all the same; of the others the
    /// operator is told.
    fn left_unanswered(&mut self, now: Now, run: &mut Run, request: &Message) {
        self.counters.discarded += 1;
        match request.method() {
            Method::Cancel => {
                run.answered = true;
                return self.cancel(now, run.flow, request);
            }
            Method::Ack => return,
            _ if run.cancelled => return,
            _ => {}
        }
        self.counters.unanswered += 1;
        let wanted = Interest::FAILURES.and(Interest::REQUESTS);
        if self.interest.wants(wanted) && self.is_program() {
            let why = b"the program neither answered nor forwarded it";
            let kind = EventKind::Dropped;
            self.event_request(now, run.received, run.flow, request, kind, 0, why);
        }
    }

    /// A transaction that the program began and left: it must not stay for ever.
    fn end_server(
        &mut self,
        now: Now,
        run: &Run,
        server: strowger_transaction::ServerKey,
        request: &Message,
    ) {
        if !self.transactions.server_is_pending(server) {
            return;
        }
        if run.answered {
            // Its answer left without it.
            return self.transactions.release_server(server);
        }
        let reply = OwnReply::of(StatusCode::SERVER_INTERNAL_ERROR);
        self.respond(now, server, run.received, run.flow, request, &reply);
    }

    /// A run has ended. Gives it back to be used again, unless it is kept.
    pub(crate) fn conclude(
        &mut self,
        now: Now,
        mut run: Box<Run>,
        failed: Option<&str>,
    ) -> Option<Box<Run>> {
        match run.subject {
            Subject::Request if run.suspended && failed.is_none() => {
                let hook = run.continued_in.take();
                run.continuations += u8::from(hook.is_some());
                match hook {
                    Some(hook) if run.continuations <= Self::CONTINUATIONS_MAX => {
                        self.calls.push_back(PolicyCall::Continue(run, hook));
                    }
                    Some(_) => {
                        run.suspended = false;
                        self.request_ended(now, &mut run, Some("it continues itself for ever"));
                        return Some(run);
                    }
                    None => self.keep_suspended(now, run),
                }
                return None;
            }
            Subject::Request => self.request_ended(now, &mut run, failed),
            Subject::Branch(at) => self.branch_asked(now, at, &mut run, failed),
            Subject::Reply => self.reply_asked(now, &mut run),
            Subject::TransactionReply(at) => self.transaction_reply_asked(now, at, &mut run),
            Subject::Failure(key) => self.failure_asked(now, key, &mut run),
            Subject::Event => {}
        }
        self.counters.program_failures +=
            u64::from(failed.is_some() && run.subject != Subject::Request);
        Some(run)
    }

    fn keep_suspended(&mut self, now: Now, mut run: Box<Run>) {
        let number = run.number & u64::from(u32::MAX);
        let limit = core::time::Duration::from_secs(Self::SUSPENDED_SECONDS_MAX);
        let ends = now.monotonic + limit;
        self.timers.arm(ends, ElementTimer::Suspended(number));
        run.suspended_until = ends;
        self.suspended.insert(number, run);
    }

    /// A suspended request was not continued in time.
    pub(crate) fn suspended_too_long(&mut self, now: Now, number: u64) {
        // A timer of an earlier suspension says nothing.
        let due = |run: &Run| run.suspended_until <= now.monotonic;
        if !self.suspended.get(&number).is_some_and(|run| due(run)) {
            return;
        }
        let Some(mut run) = self.suspended.remove(&number) else {
            return;
        };
        self.counters.deadlines_passed += 1;
        run.suspended = false;
        let invite = run.is_invite();
        if let (Some(request), Some(server)) = (run.request.clone(), run.server) {
            let status = if invite {
                StatusCode::REQUEST_TIMEOUT
            } else {
                StatusCode::SERVER_INTERNAL_ERROR
            };
            let reply = OwnReply::of(status);
            self.respond(now, server, run.received, run.flow, &request, &reply);
        }
    }

    fn branch_asked(&mut self, now: Now, at: BranchRef, run: &mut Run, failed: Option<&str>) {
        let Some(relay) = self.relays.get_mut(at.relay) else {
            return;
        };
        let draft = core::mem::take(&mut run.draft);
        // A function that fails changes nothing; the branch is sent all the same, and the failure is counted.
        if failed.is_some() {
            if self.branch_waits(at) {
                self.begin_branch(now, at);
                self.process(now, at.relay);
            }
            return;
        }
        let dropped = draft.dropped;
        let Some(branch) = relay.branches.get_mut(usize::from(at.branch.0)) else {
            return;
        };
        let target = &draft.target;
        branch.target.uri = (&*target.uri).into();
        branch.target.destination = target.destination.clone();
        branch.target.path = target.path.clone();
        branch.target.flow = target.flow;
        branch.target.flow_required = target.flow_required;
        branch.target.listener = target.listener;
        branch.target.flags = target.flags;
        branch.draft = Some(Box::new(draft));
        if dropped {
            self.branch_failed(at, StatusCode::SERVER_INTERNAL_ERROR);
        } else if self.branch_waits(at) {
            self.begin_branch(now, at);
        }
        self.process(now, at.relay);
    }

    fn reply_asked(&mut self, now: Now, run: &mut Run) {
        let Some(response) = self.response_of(run) else {
            return;
        };
        if run.draft.dropped {
            self.counters.responses += 1;
            self.counters.responses_dropped += 1;
            return;
        }
        self.response(now, response);
    }

    fn transaction_reply_asked(&mut self, now: Now, at: BranchRef, run: &mut Run) {
        let flags = (run.draft.flags, run.draft.target.flags);
        if let Some(relay) = self.relays.get_mut(at.relay) {
            if let Some(branch) = relay.branches.get_mut(usize::from(at.branch.0)) {
                branch.target.flags = flags.1;
            }
            if let Some(program) = relay.program.as_deref_mut() {
                program.draft.flags = flags.0;
                let armed = core::mem::take(&mut run.draft.hooks);
                let hooks = &mut program.draft.hooks;
                hooks.reply = armed.reply.or(hooks.reply.take());
                hooks.failure = armed.failure.or(hooks.failure.take());
                relay
                    .context
                    .ask_program(program.draft.hooks.failure.is_some());
            }
        }
        let Some(response) = self.response_of(run) else {
            return;
        };
        let provisional = response.status().is_some_and(StatusCode::is_provisional);
        if run.draft.dropped && provisional {
            self.counters.responses_dropped += 1;
            return;
        }
        self.heard(now, at, response);
    }

    /// The response of a run, with the changes of its draft.
    fn response_of(&self, run: &mut Run) -> Option<Arc<Message>> {
        let response = run.response.take()?;
        let changed = if run.draft.edits.is_empty() {
            None
        } else {
            changed_message(&run.draft.edits, &response, self)
        };
        Some(match changed {
            Some(changed) => Arc::new(changed),
            None => response,
        })
    }

    fn failure_asked(&mut self, now: Now, key: RelayKey, run: &mut Run) {
        let draft = core::mem::take(&mut run.draft);
        let Some(relay) = self.relays.get_mut(key) else {
            return;
        };
        if let Some(program) = relay.program.as_deref_mut() {
            program.parked = None;
            program.draft = draft;
            program.draft.branches.clear();
            // A function that arms itself again without a new target would be asked for ever.
            let goes_on = run.forwarded && !run.answered && relay.context.may_start();
            if !goes_on {
                program.draft.hooks.failure = None;
            }
            relay
                .context
                .ask_program(program.draft.hooks.failure.is_some());
        }
        if run.forwarded && !run.answered {
            relay.context.set_more_targets(true);
        }
        relay.context.program_ended(run.answered, &mut self.actions);
        self.process(now, key);
    }

    /// True if a program decides, not the native policy.
    pub(crate) fn is_program(&self) -> bool {
        matches!(
            self.settings.policy,
            strowger_routing::PolicyChoice::Program(_)
        )
    }

    /// The relay that a response belongs to.
    fn relay_of_response(&mut self, response: &Message) -> Option<RelayKey> {
        let user = self.transactions.user_of_response(response)?;
        let key = RelayKey::unpack(user);
        self.relays.get(key).map(|_| key)
    }
}
