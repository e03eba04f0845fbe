//! The vocabulary of the response context: branches, what they wait for, and what is to be done.

use core::time::Duration;

use std::sync::Arc;

use smallvec::SmallVec;
use strowger_sip::{Message, StatusCode};

use crate::counters::ProxyCounters;

/// Names a branch of a response context, in the order of their making.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u16);

/// What a request or a branch waits for before anything is sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// A script that is parked.
    Script,
    /// The DNS.
    Dns,
    /// A connection that is being opened.
    Connect,
    /// The journal.
    Journal,
}

/// Where a branch stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum BranchState {
    /// Nothing was sent yet.
    Parked(Wait),
    /// Sent; no response.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx to INVITE came; its repetitions and those of other forks may still come.
    Accepted,
    /// Over.
    Ended,
}

/// The timers of a branch; there is one at a time.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum BranchTimer {
    /// Timer C (RFC 3261 §16.8).
    C,
    /// The wait for the final response of a cancelled branch (RFC 3261 §9.1).
    Cancelled,
}

/// What the element is to do, in order.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward the response in [`Actions::take_forward`].
    Forward,
    /// Answer with a response of our own.
    Reply(StatusCode),
    /// End the server transaction without a response (RFC 4320 §4.2).
    Silence,
    /// Cancel a branch; the transaction holds the CANCEL until a provisional response came.
    Cancel(BranchId),
    /// Forget what a branch waits for; nothing was sent, nothing is to be sent.
    Abandon(BranchId, Wait),
    /// Forget what the request as a whole waits for.
    AbandonRequest(Wait),
    /// Drop the client transaction of a branch.
    Terminate(BranchId),
    /// All branches have failed: ask the program, then call `program_ended`.
    AskProgram,
    /// Take the next group of the target set, add its branches, then call `settle`.
    StartNextGroup,
    /// Start, or start anew, the timer of a branch.
    SetTimer(BranchId, BranchTimer, Duration),
    /// Stop the timer of a branch, if it runs.
    ClearTimer(BranchId),
    /// Start the timer of the whole ringing time.
    SetRingLimit(Duration),
    /// Stop it, if it runs.
    ClearRingLimit,
    /// Nothing more will come; the context may go.
    Finished,
}

/// A response to send upstream.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The branch it came on.
    pub branch: BranchId,
    /// The response as received, our Via still on top.
    pub response: Arc<Message>,
    /// Complete header lines to add: challenges of other branches (RFC 3261 §16.7 step 7).
    pub lines: Vec<u8>,
}

/// What one event gives: actions to drain with [`Actions::pop`]. A shard keeps one and uses it for every event.
#[derive(Debug, Default)]
pub struct Actions {
    list: SmallVec<[Action; 8]>,
    drained: usize,
    forward: Option<Forward>,
    /// What was counted, over all events.
    pub counters: ProxyCounters,
}

impl Actions {
    /// None.
    pub fn new() -> Actions {
        Actions::default()
    }

    /// The next action, in the order of their making.
    pub fn pop(&mut self) -> Option<Action> {
        let action = self.list.get(self.drained).copied();
        if action.is_some() {
            self.drained += 1;
        } else {
            self.list.clear();
            self.drained = 0;
        }
        action
    }

    /// The response that [`Action::Forward`] speaks of.
    pub fn take_forward(&mut self) -> Option<Forward> {
        self.forward.take()
    }

    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    pub(crate) fn forward(&mut self, branch: BranchId, response: Arc<Message>, lines: Vec<u8>) {
        self.forward = Some(Forward {
            branch,
            response,
            lines,
        });
        self.push(Action::Forward);
    }
}
