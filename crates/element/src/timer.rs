//! Timers of the element itself; those of transactions are in their own wheel.

use crate::relay_table::RelayKey;
use strowger_resolve::Answer;
use strowger_sip::{Now, Time};

use crate::branch::BranchRef;
use crate::core::Core;
use crate::seam::{ConnectId, QueryId};

/// What is due.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ElementTimer {
    /// Expired bindings are swept, a few at a time.
    Sweep,
    /// Timer C of a branch (RFC 3261 §16.6 step 11).
    TimerC(BranchRef),
    /// The limit of ringing of a relayed INVITE.
    Ring(RelayKey),
    /// A question to the DNS has waited long enough.
    Query(QueryId),
    /// A connection has been awaited long enough.
    Connect(ConnectId),
    /// A parked INVITE is answered 100.
    ParkedTrying(QueryId),
    /// A suspended request has waited long enough.
    Suspended(u64),
    /// A branch had no response in the time that a program gave it.
    NoResponse(BranchRef),
}

impl Core {
    /// Between two sweeps.
    const SWEEP_SECONDS: u64 = 1;
    /// Bindings looked at in one sweep.
    const SWEEP_BUDGET: usize = 20_000;

    pub(crate) fn timer(&mut self, now: Now, timer: ElementTimer) {
        match timer {
            ElementTimer::Sweep => self.sweep(now),
            ElementTimer::TimerC(branch) => self.timer_c(now, branch),
            ElementTimer::Ring(relay) => self.ring_limit(now, relay),
            ElementTimer::Query(query) => {
                if let Some(parked) = self.parked.remove(&query) {
                    self.counters.deadlines_passed += 1;
                    self.dns_answered(now, query, parked, Answer::Failed);
                }
            }
            ElementTimer::Connect(request) => self.connect_deadline(now, request),
            ElementTimer::ParkedTrying(query) => self.parked_trying(now, query),
            ElementTimer::Suspended(number) => self.suspended_too_long(now, number),
            ElementTimer::NoResponse(branch) => self.no_response(now, branch),
        }
    }

    fn sweep(&mut self, now: Now) {
        for (aor, binding) in self
            .shared
            .location
            .sweep(now.monotonic, Self::SWEEP_BUDGET)
        {
            self.event_expired(now, &aor, &binding);
        }
        let next = Time::from_secs(now.monotonic.as_secs().saturating_add(Self::SWEEP_SECONDS));
        self.timers.arm(next, ElementTimer::Sweep);
    }
}
