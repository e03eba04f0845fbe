//! What the policy is to be asked: made by the core, carried out by [`crate::Element`].

use std::sync::Arc;

use strowger_routing::{ErrandAnswer, HookName};
use strowger_sip::Message;
use strowger_transaction::{Flow, RequestKey};

use crate::branch::BranchRef;
use crate::park::ParkedRun;
use crate::relay_table::RelayKey;
use crate::run::Run;

/// A request that no transaction absorbed.
pub(crate) struct Arrival {
    pub(crate) flow: Flow,
    pub(crate) message: Arc<Message>,
    pub(crate) key: Option<RequestKey>,
}

/// Something to ask or tell the policy.
pub(crate) enum PolicyCall {
    /// A branch is about to be sent.
    Branch(BranchRef),
    /// A response has come.
    Reply {
        /// The flow it came on.
        flow: Flow,
        /// The response.
        message: Arc<Message>,
    },
    /// A response of a branch has come, before it counts.
    TransactionReply {
        /// The branch.
        at: BranchRef,
        /// The response.
        message: Arc<Message>,
    },
    /// All branches have failed.
    Failure(RelayKey),
    /// A parked run goes on.
    Resume {
        /// The run.
        parked: Box<ParkedRun>,
        /// What it waited for; `None` at its deadline.
        answer: Option<ErrandAnswer>,
    },
    /// A parked run does not go on.
    Abandon(u64),
    /// A suspended request goes on in a function of the program.
    Continue(Box<Run>, HookName),
    /// Something happened to a message.
    Event {
        /// The function to call.
        hook: HookName,
        /// What happened.
        name: &'static str,
        /// The flow of the message.
        flow: Flow,
        /// The message.
        message: Arc<Message>,
    },
}
