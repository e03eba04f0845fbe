//! The response context: all branches of one server transaction and what is answered upstream (RFC 3261 §16.7 to §16.10,
//! RFC 4320, RFC 6026).
//!
//! ```text
//! branch:   Parked ──start──> Calling ──1xx──> Proceeding ──2xx to INVITE──> Accepted ──terminated──> Ended
//!              │                 └───────────────┴── final, time-out, failure ────────────────────────> Ended
//!              └── abandoned, failed ─────────────────────────────────────────────────────────────────> Ended
//! request:  Open ──6xx, CANCEL, ring limit──> Stopped (no new branches, all others cancelled)
//!           first 2xx, or all branches ended ──> Answered ── no branch alive ──> Finished
//! ```
//!
//! The machine owns no transaction, timer or target set. Events are method calls; what is to be done comes out as
//! [`Action`]s in the order of doing.

use core::time::Duration;

use std::sync::Arc;

use smallvec::SmallVec;
use strowger_sip::{Message, StatusCode};

use crate::best_response::{BestResponse, Choice};
use crate::branch::{Action, Actions, BranchId, BranchState, BranchTimer, Wait};
use crate::settings::ProxySettings;

/// Which rules hold.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any number of 2xx, or one other final response; may be cancelled.
    Invite,
    /// At most one final response, never 408.
    NonInvite,
}

/// Why no branch was made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The request was answered, cancelled, or refused by a 6xx.
    Stopped,
    /// The limit of branches per request.
    Limit,
}

/// Why no further branches are made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stop {
    GlobalFailure,
    RingLimit,
    Cancelled,
}

#[derive(Copy, Clone, Debug)]
struct Branch {
    state: BranchState,
    /// CANCEL was ordered.
    cancelled: bool,
    /// Timer C fired.
    timer_c: bool,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ResponseContext {
    kind: Kind,
    branches: SmallVec<[Branch; 2]>,
    best: BestResponse,
    /// What the request waits for while it has no branch.
    waiting: Option<Wait>,
    more_targets: bool,
    stop: Option<Stop>,
    answered: bool,
    finished: bool,
    /// CANCEL found something that nobody had answered and nobody will: we answer for it, with 487.
    cancelled_ourselves: bool,
    /// Somebody rang.
    rang: bool,
    ring_limit_set: bool,
    timer_c: Duration,
    cancel_limit: Duration,
    ring_limit: Option<Duration>,
    branches_max: usize,
    /// Once all branches have failed a program is asked before the best response is sent.
    asks_program: bool,
    non_invite_408: bool,
    quiet_after_cancel: bool,
    /// The status for which branches are cancelled: a 2xx or 6xx of another branch.
    cancel_cause: Option<StatusCode>,
}

impl ResponseContext {
    /// A context without branches.
    pub fn new(kind: Kind, settings: &ProxySettings) -> ResponseContext {
        ResponseContext {
            kind,
            branches: SmallVec::new(),
            best: BestResponse::default(),
            waiting: None,
            more_targets: false,
            stop: None,
            answered: false,
            finished: false,
            cancelled_ourselves: false,
            rang: false,
            ring_limit_set: false,
            timer_c: Duration::from_secs(settings.timer_c_seconds.into()),
            cancel_limit: Duration::from_millis(settings.cancel_millis_max.into()),
            ring_limit: settings
                .ring_seconds_max
                .map(|seconds| Duration::from_secs(seconds.into())),
            branches_max: settings.branches_max.min(usize::from(u16::MAX)),
            asks_program: false,
            non_invite_408: settings.non_invite_408,
            quiet_after_cancel: settings.quiet_after_cancel,
            cancel_cause: None,
        }
    }

    /// The status of the response for which branches are being cancelled, if there is one (RFC 3326).
    pub fn cancel_cause(&self) -> Option<StatusCode> {
        self.cancel_cause
    }

    /// Says whether a program is asked ([`Action::AskProgram`]) when all branches have failed. It is asked once.
    pub fn ask_program(&mut self, asks: bool) {
        self.asks_program = asks;
    }

    /// Another limit of the ringing time than the configured one.
    pub fn set_ring_limit(&mut self, limit: Option<Duration>) {
        self.ring_limit = limit;
    }

    /// A program adds targets though branches have failed or rang too long: the request begins again, with a ringing
    /// time of its own if one is given. False if it was answered or cancelled.
    pub fn begin_again(&mut self, ring_limit: Option<Duration>, actions: &mut Actions) -> bool {
        if self.answered || self.stop == Some(Stop::Cancelled) {
            return false;
        }
        self.stop = None;
        self.cancel_cause = None;
        self.ring_limit = ring_limit.or(self.ring_limit);
        if core::mem::take(&mut self.ring_limit_set) {
            actions.push(Action::ClearRingLimit);
        }
        true
    }

    /// The status that the request would be answered with now.
    pub fn outcome(&self) -> StatusCode {
        let best = self.best.status();
        match (self.stop, best) {
            // A 487 that we brought about ourselves says nothing.
            (Some(Stop::RingLimit), Some((StatusCode::REQUEST_TERMINATED, _)) | None) => {
                StatusCode::REQUEST_TIMEOUT
            }
            (_, Some((status, _))) => status,
            (_, None) => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The program has ended; `answered` if it sent a final response itself. Its further targets were announced with
    /// [`ResponseContext::set_more_targets`].
    pub fn program_ended(&mut self, answered: bool, actions: &mut Actions) {
        self.waiting = None;
        if answered {
            self.answered = true;
            if core::mem::take(&mut self.ring_limit_set) {
                actions.push(Action::ClearRingLimit);
            }
        }
        self.settle(actions);
    }

    /// A program has sent a final response while branches are under way: they are given up.
    pub fn answered_by_program(&mut self, actions: &mut Actions) {
        if self.answered {
            return;
        }
        self.answered = true;
        self.asks_program = false;
        if core::mem::take(&mut self.ring_limit_set) {
            actions.push(Action::ClearRingLimit);
        }
        if self.waiting.is_none() {
            self.cancel_pending(actions);
            self.settle(actions);
        }
    }

    /// Cancels what is under way; the best response is sent once all have ended.
    pub fn cancel_branches(&mut self, actions: &mut Actions) {
        self.cancel_pending(actions);
        self.settle(actions);
    }

    /// The final response that would be sent now: its status, and the response itself if somebody sent it.
    pub fn best(&self) -> Option<(StatusCode, Option<&Message>)> {
        self.best.peek()
    }

    /// The request as a whole waits: a route is parked, a journal is asked.
    pub fn park(&mut self, wait: Wait) {
        self.waiting = Some(wait);
    }

    /// The wait is over. False if the request was cancelled or answered meanwhile: nothing may be started any more.
    pub fn resume(&mut self) -> bool {
        self.waiting = None;
        self.may_start()
    }

    /// Says whether the target set has untried targets.
    pub fn set_more_targets(&mut self, more: bool) {
        self.more_targets = more;
    }

    /// A new branch, parked.
    pub fn add_branch(
        &mut self,
        wait: Wait,
        actions: &mut Actions,
    ) -> Result<BranchId, StartError> {
        if !self.may_start() {
            return Err(StartError::Stopped);
        }
        if self.branches.len() >= self.branches_max {
            actions.counters.branches_limited += 1;
            return Err(StartError::Limit);
        }
        let id = BranchId(self.branches.len() as u16);
        self.branches.push(Branch {
            state: BranchState::Parked(wait),
            cancelled: false,
            timer_c: false,
        });
        Ok(id)
    }

    /// A parked branch now waits for something else. False if it was given up.
    pub fn wait(&mut self, id: BranchId, wait: Wait) -> bool {
        match self.branch(id) {
            Some(branch) if matches!(branch.state, BranchState::Parked(_)) => {
                branch.state = BranchState::Parked(wait);
                true
            }
            _ => false,
        }
    }

    /// A parked branch is being sent. False if it was given up: do not send.
    pub fn start(&mut self, id: BranchId, actions: &mut Actions) -> bool {
        let Some(branch) = self
            .branch(id)
            .filter(|branch| matches!(branch.state, BranchState::Parked(_)))
        else {
            return false;
        };
        branch.state = BranchState::Calling;
        actions.counters.branches_started += 1;
        if self.kind == Kind::Invite {
            actions.push(Action::SetTimer(id, BranchTimer::C, self.timer_c));
            if let Some(limit) = self.ring_limit.filter(|_| !self.ring_limit_set) {
                self.ring_limit_set = true;
                actions.push(Action::SetRingLimit(limit));
            }
        }
        true
    }

    /// A branch that failed (time-out without response, 503, transport error) is to be sent to the next address of its
    /// target instead (RFC 3263 §4.3). False if it may not: report the failure then.
    pub fn retry(&mut self, id: BranchId, wait: Wait, actions: &mut Actions) -> bool {
        let may_start = self.may_start();
        match self.branch(id) {
            Some(branch)
                if may_start
                    && !branch.cancelled
                    && !branch.timer_c
                    && matches!(branch.state, BranchState::Calling | BranchState::Proceeding) =>
            {
                branch.state = BranchState::Parked(wait);
                if self.kind == Kind::Invite {
                    actions.push(Action::ClearTimer(id));
                }
                true
            }
            Some(branch) if may_start && matches!(branch.state, BranchState::Parked(_)) => {
                branch.state = BranchState::Parked(wait);
                true
            }
            _ => false,
        }
    }

    /// A response of a branch. A final one counts also if it comes from an address that [`ResponseContext::retry`] gave
    /// up; a provisional one does not.
    pub fn response(&mut self, id: BranchId, response: Arc<Message>, actions: &mut Actions) {
        let Some(status) = response.status() else {
            return;
        };
        if let (Some(BranchState::Parked(wait)), true) = (self.state(id), status.is_final()) {
            actions.push(Action::Abandon(id, wait));
        }
        if status.is_provisional() {
            self.provisional(id, status, response, actions);
        } else if status.is_success() {
            self.success(id, response, actions);
        } else if self.end(id, actions) && !self.answered {
            let suppressed = self.kind == Kind::NonInvite
                && status == StatusCode::REQUEST_TIMEOUT
                && !self.non_invite_408;
            if suppressed {
                self.best.offer_own(id, status);
            } else {
                self.best
                    .offer(id, status, response, self.stop == Some(Stop::Cancelled));
            }
            if status.class() == 6 {
                self.cancel_cause = Some(status);
                self.stop_for(Stop::GlobalFailure, actions);
            }
            self.settle(actions);
        } else {
            self.settle(actions);
        }
    }

    /// All contacts of a branch's 3xx response were added to the target set: the response itself is not kept.
    pub fn recursed(&mut self, id: BranchId, actions: &mut Actions) {
        self.end(id, actions);
        self.more_targets = true;
        self.settle(actions);
    }

    /// A branch had no final response in time (timers B and F).
    pub fn timeout(&mut self, id: BranchId, actions: &mut Actions) {
        actions.counters.branches_timed_out += 1;
        self.fail(id, StatusCode::REQUEST_TIMEOUT, actions);
    }

    /// A branch could not be sent, or broke (§16.9).
    pub fn transport_error(&mut self, id: BranchId, actions: &mut Actions) {
        actions.counters.branches_failed += 1;
        self.fail(id, StatusCode::SERVICE_UNAVAILABLE, actions);
    }

    /// A branch could not be started; `status` is what its target is taken to have answered.
    pub fn failed_to_start(&mut self, id: BranchId, status: StatusCode, actions: &mut Actions) {
        actions.counters.branches_failed += 1;
        self.fail(id, status, actions);
    }

    /// The timer of a branch fired (§16.8, §9.1). Only branches of an INVITE have one.
    pub fn timer(&mut self, id: BranchId, actions: &mut Actions) {
        let (invite, cancel_limit) = (self.kind == Kind::Invite, self.cancel_limit);
        let Some(branch) = self.branch(id).filter(|_| invite) else {
            return;
        };
        match branch.state {
            BranchState::Calling | BranchState::Proceeding if branch.cancelled => {
                actions.counters.cancels_ignored += 1;
                self.give_up(id, actions);
            }
            BranchState::Proceeding => {
                branch.timer_c = true;
                branch.cancelled = true;
                actions.counters.timer_c_fired += 1;
                actions.counters.branches_cancelled += 1;
                actions.push(Action::Cancel(id));
                actions.push(Action::SetTimer(id, BranchTimer::Cancelled, cancel_limit));
            }
            BranchState::Calling => {
                branch.timer_c = true;
                actions.counters.timer_c_fired += 1;
                self.give_up(id, actions);
            }
            BranchState::Parked(_) | BranchState::Accepted | BranchState::Ended => {}
        }
    }

    /// The ringing time is over: cancel everything, then answer 480, or 408 if nobody rang.
    pub fn ring_limit(&mut self, actions: &mut Actions) {
        if self.kind == Kind::Invite && !self.answered && self.stop.is_none() {
            actions.counters.ring_limit_fired += 1;
            self.stop_for(Stop::RingLimit, actions);
            self.settle(actions);
        }
    }

    /// CANCEL from upstream (§16.10). Its 200 is the element's affair.
    pub fn cancel(&mut self, actions: &mut Actions) {
        if self.kind == Kind::Invite && !self.answered {
            let unsent = self.waiting.is_some()
                || self
                    .branches
                    .iter()
                    .any(|branch| matches!(branch.state, BranchState::Parked(_)))
                || !self.branches.iter().any(Branch::is_pending);
            self.cancelled_ourselves |= unsent;
            if let Some(wait) = self.waiting.take() {
                actions.push(Action::AbandonRequest(wait));
            }
            self.stop_for(Stop::Cancelled, actions);
            self.settle(actions);
        }
    }

    /// The client transaction of a branch is gone.
    pub fn terminated(&mut self, id: BranchId, actions: &mut Actions) {
        match self.branch(id) {
            Some(branch) if branch.state == BranchState::Accepted => {
                branch.state = BranchState::Ended
            }
            _ => return,
        }
        self.settle(actions);
    }

    /// Draws the conclusion if nothing is under way: the next group, or the best response. Call it after a group was
    /// started, whether or not that gave a branch.
    pub fn settle(&mut self, actions: &mut Actions) {
        if self.finished || self.waiting.is_some() || self.branches.iter().any(Branch::is_pending) {
            return;
        }
        if !self.answered {
            if self.stop.is_none() && self.more_targets {
                self.more_targets = false;
                actions.push(Action::StartNextGroup);
                return;
            }
            if core::mem::take(&mut self.asks_program) {
                self.waiting = Some(Wait::Script);
                actions.push(Action::AskProgram);
                return;
            }
            self.answer_best(actions);
        }
        if !self
            .branches
            .iter()
            .any(|branch| branch.state == BranchState::Accepted)
        {
            self.finished = true;
            actions.push(Action::Finished);
        }
    }

    /// True once a final response was sent, or decidedly none will be.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// True once nothing more will come.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// True if a new branch would be accepted, limits apart.
    pub fn may_start(&self) -> bool {
        !self.answered && self.stop.is_none()
    }

    /// True after a CANCEL from upstream.
    pub fn is_cancelled(&self) -> bool {
        self.stop == Some(Stop::Cancelled)
    }

    /// Where a branch stands.
    pub fn state(&self, id: BranchId) -> Option<BranchState> {
        self.branches
            .get(usize::from(id.0))
            .map(|branch| branch.state)
    }

    /// Branches made so far.
    pub fn branch_count(&self) -> usize {
        self.branches.len()
    }

    fn branch(&mut self, id: BranchId) -> Option<&mut Branch> {
        self.branches.get_mut(usize::from(id.0))
    }

    fn provisional(
        &mut self,
        id: BranchId,
        status: StatusCode,
        response: Arc<Message>,
        actions: &mut Actions,
    ) {
        let (kind, timer_c, cancel_limit) = (self.kind, self.timer_c, self.cancel_limit);
        let Some(branch) = self.branch(id).filter(|branch| branch.is_sent()) else {
            return;
        };
        let first = branch.state == BranchState::Calling;
        branch.state = BranchState::Proceeding;
        if kind == Kind::Invite {
            if branch.cancelled {
                // The CANCEL that was held leaves now.
                if first {
                    actions.push(Action::SetTimer(id, BranchTimer::Cancelled, cancel_limit));
                }
            } else if status != StatusCode::TRYING {
                actions.push(Action::SetTimer(id, BranchTimer::C, timer_c));
            }
        }
        if status != StatusCode::TRYING {
            self.rang = true;
            let cancelled = self.branch(id).is_some_and(|branch| branch.cancelled);
            let quiet = cancelled && self.quiet_after_cancel;
            if !self.answered && !quiet {
                actions.forward(id, response, Vec::new());
            }
        }
    }

    fn success(&mut self, id: BranchId, response: Arc<Message>, actions: &mut Actions) {
        if self.kind == Kind::NonInvite {
            if self.end(id, actions) && !self.answered {
                self.answered = true;
                actions.forward(id, response, Vec::new());
                self.cancel_pending(actions);
            }
            self.settle(actions);
            return;
        }
        // A 2xx to INVITE is forwarded whatever was before (§16.7 step 5), also after its branch was given up.
        let finished = self.finished;
        let Some(branch) = self.branch(id) else {
            return;
        };
        match branch.state {
            BranchState::Calling | BranchState::Proceeding => actions.push(Action::ClearTimer(id)),
            BranchState::Parked(_) | BranchState::Accepted | BranchState::Ended => {}
        }
        if !finished {
            branch.state = BranchState::Accepted;
        }
        let first = !self.answered;
        self.answered = true;
        self.best = BestResponse::default();
        actions.forward(id, response, Vec::new());
        if first {
            if core::mem::take(&mut self.ring_limit_set) {
                actions.push(Action::ClearRingLimit);
            }
            self.cancel_cause = Some(StatusCode::OK);
            self.cancel_pending(actions);
        } else {
            actions.counters.successes_repeated += 1;
        }
    }

    /// Ends a branch; false if it was over already.
    fn end(&mut self, id: BranchId, actions: &mut Actions) -> bool {
        let invite = self.kind == Kind::Invite;
        let Some(branch) = self.branch(id).filter(|branch| branch.is_pending()) else {
            return false;
        };
        if branch.is_sent() && invite {
            actions.push(Action::ClearTimer(id));
        }
        branch.state = BranchState::Ended;
        true
    }

    fn fail(&mut self, id: BranchId, status: StatusCode, actions: &mut Actions) {
        if self.end(id, actions) && !self.answered {
            self.best.offer_own(id, status);
        }
        self.settle(actions);
    }

    /// Drops a branch whose peer does not answer.
    fn give_up(&mut self, id: BranchId, actions: &mut Actions) {
        actions.push(Action::Terminate(id));
        if let Some(branch) = self.branch(id) {
            branch.state = BranchState::Ended;
        }
        self.best.offer_own(id, StatusCode::REQUEST_TIMEOUT);
        self.settle(actions);
    }

    fn stop_for(&mut self, stop: Stop, actions: &mut Actions) {
        if self.stop != Some(Stop::Cancelled) {
            self.stop = Some(stop);
        }
        self.cancel_pending(actions);
    }

    /// Parked branches end here; of an INVITE those that were sent are cancelled.
    fn cancel_pending(&mut self, actions: &mut Actions) {
        let (kind, cancel_limit) = (self.kind, self.cancel_limit);
        for (index, branch) in self.branches.iter_mut().enumerate() {
            let id = BranchId(index as u16);
            match branch.state {
                BranchState::Parked(wait) => {
                    branch.state = BranchState::Ended;
                    actions.counters.branches_abandoned += 1;
                    actions.push(Action::Abandon(id, wait));
                }
                BranchState::Calling | BranchState::Proceeding
                    if kind == Kind::Invite && !branch.cancelled =>
                {
                    branch.cancelled = true;
                    actions.counters.branches_cancelled += 1;
                    actions.push(Action::Cancel(id));
                    if branch.state == BranchState::Proceeding {
                        actions.push(Action::SetTimer(id, BranchTimer::Cancelled, cancel_limit));
                    }
                }
                _ => {}
            }
        }
    }

    fn answer_best(&mut self, actions: &mut Actions) {
        self.answered = true;
        if core::mem::take(&mut self.ring_limit_set) {
            actions.push(Action::ClearRingLimit);
        }
        let best = self.best.status();
        let status = best.map_or(StatusCode::REQUEST_TIMEOUT, |(status, _)| status);
        let received = best.is_some_and(|(status, received)| {
            received && status != StatusCode::SERVICE_UNAVAILABLE
        });
        let terminated = status == StatusCode::REQUEST_TERMINATED;
        let timer_c = self.branches.iter().any(|branch| branch.timer_c);
        let instead = match self.stop {
            Some(Stop::Cancelled) if status.class() == 6 || (received && terminated) => None,
            Some(Stop::Cancelled) if self.cancelled_ourselves || !received => {
                Some(StatusCode::REQUEST_TERMINATED)
            }
            // A 487 that we brought about ourselves says nothing to the caller.
            Some(Stop::RingLimit)
                if terminated || !received || status == StatusCode::REQUEST_TIMEOUT =>
            {
                Some(if self.rang {
                    StatusCode::TEMPORARILY_UNAVAILABLE
                } else {
                    StatusCode::REQUEST_TIMEOUT
                })
            }
            None if terminated && timer_c => Some(StatusCode::REQUEST_TIMEOUT),
            _ => None,
        };
        if let Some(status) = instead {
            actions.push(Action::Reply(status));
            return;
        }
        match (self.best.choose(), self.kind) {
            (Choice::Received(branch, response, lines), _) => {
                actions.forward(branch, response, lines)
            }
            (Choice::Own(status), _) => actions.push(Action::Reply(status)),
            (Choice::TimedOut, Kind::Invite) => {
                actions.push(Action::Reply(StatusCode::REQUEST_TIMEOUT))
            }
            (Choice::TimedOut, Kind::NonInvite) if self.non_invite_408 => {
                actions.push(Action::Reply(StatusCode::REQUEST_TIMEOUT))
            }
            (Choice::TimedOut, Kind::NonInvite) => {
                actions.counters.finals_suppressed += 1;
                actions.push(Action::Silence);
            }
        }
    }
}

impl Branch {
    const fn is_sent(&self) -> bool {
        matches!(self.state, BranchState::Calling | BranchState::Proceeding)
    }
    const fn is_pending(&self) -> bool {
        matches!(
            self.state,
            BranchState::Parked(_) | BranchState::Calling | BranchState::Proceeding
        )
    }
}
