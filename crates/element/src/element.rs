//! One shard: a machine without sockets, clock or threads, composed of the protocol layers and a policy (DESIGN §2, §4).
//!
//! ```text
//! Input ─► Core ─► PolicyCall ─► policy, which owns the core in a Run ─► conclude ─► Core ─► Output
//! ```

use std::sync::Arc;

use strowger_routing::{Progress, Routed, RoutingPolicy, Stage};
use strowger_sip::{Now, SpareMessages, Time};
use strowger_transaction::TransmitBatch;
use strowger_transaction::token::Secrets;

use crate::call::{Arrival, PolicyCall};
use crate::core::Core;
use crate::counters::ElementCounters;
use crate::run::{Run, Subject};
use crate::seam::{Input, Output};
use crate::settings::Settings;
use crate::shared::Shared;

/// One shard of a SIP element.
pub struct Element {
    /// Lent to the run of the policy; otherwise always here.
    core: Option<Box<Core>>,
    policy: Box<dyn RoutingPolicy>,
    /// A run that ended, to be used again.
    spare: Option<Box<Run>>,
    seed: u64,
}

impl Element {
    /// What we answer ourselves (RFC 3261 §20.5).
    pub const ALLOW: &[u8] = Core::ALLOW;

    /// Calls of the policy for one input; what is left waits for the next turn of the shard.
    pub const CALLS_PER_INPUT_MAX: usize = 1_000;

    /// A shard with these settings. `seed` makes hash tables and choices of equal weight unpredictable to peers.
    pub fn new(
        settings: Arc<Settings>,
        shared: Arc<Shared>,
        secrets: Secrets,
        shard: u16,
        seed: u64,
    ) -> Element {
        let start = Now {
            monotonic: Time::ZERO,
            wall: Time::ZERO,
        };
        let policy = settings.policy.make(shard, seed, None, start);
        let mut core = Box::new(Core::new(settings, shared, secrets, shard, seed));
        core.policy_interest = policy.interest();
        Element {
            core: Some(core),
            policy,
            spare: None,
            seed,
        }
    }

    /// The counters of this shard.
    pub fn counters(&self) -> &ElementCounters {
        &self.core().counters
    }

    /// Names and values of the counters of this shard and its layers.
    pub fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.core().visit_counters(f);
        self.policy.visit_counters(f);
    }

    /// True if nothing is held: no transaction, relay, wait or pending registration.
    pub fn is_idle(&self) -> bool {
        self.core().is_idle()
    }

    /// Requests that are not done: their senders wait for a final response, or for us to hear their ACK. Looks at all
    /// transactions: to be asked while the server ends, not while it serves.
    pub fn in_progress(&self) -> usize {
        self.core().in_progress()
    }

    /// Takes in what happened. Drain [`Element::poll_output`] afterwards.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Received { flow, message } if message.is_request() => {
                if let Some(arrival) = self.core_mut().request(now, flow, message) {
                    self.arrived(now, arrival);
                }
            }
            Input::Reconfigure(settings) => self.reconfigure(now, settings),
            input => self.core_mut().handle_input(now, input),
        }
        self.serve(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.core_mut().handle_timeout(now);
        self.serve(now);
    }

    /// When [`Element::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        if !self.core().calls.is_empty() {
            return Some(Time::ZERO);
        }
        self.core().poll_timeout()
    }

    /// The next thing to do for the driver. Messages to send are moved into `batch`.
    pub fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output> {
        self.core_mut().poll_output(batch)
    }

    /// Moves the messages that nobody holds any more to `spare`, so that others are read into their memory.
    pub fn take_spare_messages(&mut self, spare: &mut SpareMessages) {
        spare.append(&mut self.core_mut().spare_messages);
    }

    fn core(&self) -> &Core {
        match &self.core {
            Some(core) => core,
            None => unreachable!("the core is lent for the time of a call only"),
        }
    }

    fn core_mut(&mut self) -> &mut Core {
        match &mut self.core {
            Some(core) => core,
            None => unreachable!("the core is lent for the time of a call only"),
        }
    }

    fn reconfigure(&mut self, now: Now, settings: Arc<Settings>) {
        let shard = self.core().shard;
        let before = core::mem::replace(
            &mut self.policy,
            Box::new(strowger_routing::NativePolicy::default()),
        );
        self.policy = settings.policy.make(shard, self.seed, Some(before), now);
        let interest = self.policy.interest();
        let Some(core) = &mut self.core else {
            unreachable!("the core is lent for the time of a call only");
        };
        // Runs of a policy that is gone must not go on in another.
        core.end_foreign_runs(now, &|run| self.policy.holds(run));
        core.policy_interest = interest;
        core.handle_input(now, Input::Reconfigure(settings));
    }

    /// Asks the policy what is to be asked, and lets transactions say what they did, until there is nothing left.
    fn serve(&mut self, now: Now) {
        for _ in 0..Self::CALLS_PER_INPUT_MAX {
            self.core_mut().transaction_events(now);
            let Some(call) = self.core_mut().calls.pop_front() else {
                return;
            };
            self.carry_out(now, call);
        }
        // Others have their turn first; the shard is due again at once.
        self.core_mut().counters.calls_put_off += 1;
    }

    fn arrived(&mut self, now: Now, arrival: Arrival) {
        let mut run = self.spare.take().unwrap_or_default();
        run.begin(now, arrival, self.core_mut());
        self.call(now, &Stage::Request, run);
    }

    fn carry_out(&mut self, now: Now, call: PolicyCall) {
        match call {
            PolicyCall::Resume { mut parked, answer } => {
                self.core_mut().unpark(&parked);
                let Some(mut run) = parked.run.take() else {
                    return;
                };
                run.now = now;
                run.core = self.core.take();
                let routed = self.policy.resume(parked.id, answer, run, now);
                self.ended(now, routed);
            }
            PolicyCall::Abandon(id) => self.policy.abandon(id),
            PolicyCall::Continue(mut run, hook) => {
                run.now = now;
                run.suspended = false;
                self.call(now, &Stage::Continue(hook), run);
            }
            call => {
                let spare = self.spare.take().unwrap_or_default();
                match self.core_mut().begin_call(now, call, spare) {
                    Ok((stage, run)) => self.call(now, &stage, run),
                    Err(spare) => self.spare = Some(spare),
                }
            }
        }
    }

    fn call(&mut self, now: Now, stage: &Stage, mut run: Box<Run>) {
        run.core = self.core.take();
        let routed = self.policy.route(stage, run, now);
        self.ended(now, routed);
    }

    fn ended(&mut self, now: Now, routed: Routed) {
        let Routed { context, progress } = routed;
        let Ok(mut run) = context.into_any().downcast::<Run>() else {
            unreachable!("a policy gives back the context that it got");
        };
        self.core = run.core.take();
        let core = self.core_mut();
        self.spare = match progress {
            Progress::Parked { run: id, deadline } => {
                core.park_run(now, run, id, deadline);
                None
            }
            Progress::Done if matches!(run.subject, Subject::Request) && run.is_plain() => {
                core.request_ended(now, &mut run, None);
                Some(run)
            }
            Progress::Done => core.conclude(now, run, None),
            Progress::Failed(why) => core.conclude(now, run, Some(&why)),
        };
        if let Some(run) = &mut self.spare {
            let request = run.request.take();
            run.recycle();
            if let (Some(core), Some(request)) = (&mut self.core, request) {
                core.spare_messages.put(request);
            }
        }
        while let Some((id, why)) = self.policy.poll_ended() {
            self.core_mut().run_was_ended(now, id, &why);
        }
    }
}

impl core::fmt::Debug for Element {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Element")
            .field("core", &self.core.as_ref().map(|core| core.shard))
            .finish_non_exhaustive()
    }
}
