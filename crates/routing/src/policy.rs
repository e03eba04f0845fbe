//! The seam between the element and whoever decides: a [`RoutingPolicy`] is called at the stages of a message's way and
//! acts through a [`RoutingContext`], which it gets as a box and gives back.
//!
//! ```text
//! request ─► Stage::Request ──► relay ──► Stage::Branch (each branch) ──► sent
//! reply ──► Stage::Reply ──► its transaction ──► Stage::TransactionReply ──► response context
//!                                 all branches failed ──► Stage::Failure ──► further branches | a final response
//! ```
//!
//! The context owns the element while the policy runs, so verbs act at once. A policy whose program waits gives the
//! context back with [`Progress::Parked`]; the element keeps it, without itself, until the answer or the deadline.

use std::sync::Arc;

use strowger_sip::{Now, Time};

use crate::context::RoutingContext;
use crate::errand::ErrandAnswer;
use crate::native::{NativePolicy, PolicySettings};

/// Where on its way a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A request that no transaction absorbed.
    Request,
    /// A branch of a relayed request, before it is sent; by the hook that the request named.
    Branch(HookName),
    /// A response, before its transaction is looked for.
    Reply,
    /// A response of a branch, before it counts; by hook.
    TransactionReply(HookName),
    /// All branches have failed, before the best final response is sent; by hook.
    Failure(HookName),
    /// A suspended request goes on in this function.
    Continue(HookName),
    /// Something happened; the hook is called with this name as its argument.
    Event(HookName, &'static str),
}

/// The name of a function of the program, as it was armed.
pub type HookName = Arc<[u8]>;

/// How a run ended, for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The program has ended; what it did, it did.
    Done,
    /// The program failed; the text is for the operator. A request that it left unanswered is answered 500.
    Failed(Box<str>),
    /// The program waits under this number, at the longest until then.
    Parked {
        /// Returned with [`RoutingPolicy::resume`].
        run: u64,
        /// When it goes on at the latest.
        deadline: Time,
    },
}

/// What a policy gives back.
pub struct Routed {
    /// The context that it got.
    pub context: Box<dyn RoutingContext>,
    /// How its program ended.
    pub progress: Progress,
}

impl Routed {
    /// The program has ended.
    pub fn done(context: Box<dyn RoutingContext>) -> Routed {
        Routed {
            context,
            progress: Progress::Done,
        }
    }
}

/// At which stages a policy wants to be asked beyond requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInterest {
    /// [`Stage::Reply`] for every response.
    pub replies: bool,
    /// CANCEL too comes as [`Stage::Request`].
    pub cancels: bool,
    /// Who is told of ACKs to stateless replies that were absorbed (`sl:filtered-ack`).
    pub filtered_acks: Option<HookName>,
    /// Who is told of stateless replies (`sl:local-response`).
    pub local_responses: Option<HookName>,
}

/// Decides what happens to messages. One per shard.
pub trait RoutingPolicy: Send {
    /// A message has come to a stage.
    fn route(&mut self, stage: &Stage, context: Box<dyn RoutingContext>, now: Now) -> Routed;

    /// What a parked run waited for is there (`Some`), or its deadline has come (`None`).
    fn resume(
        &mut self,
        _run: u64,
        _answer: Option<ErrandAnswer>,
        context: Box<dyn RoutingContext>,
        _now: Now,
    ) -> Routed {
        // The program that waited is gone: its request must not be left.
        Routed {
            context,
            progress: Progress::Failed("the program that waited is gone".into()),
        }
    }

    /// True if it has a parked run of this number. After a change of policy the others are ended.
    fn holds(&self, _run: u64) -> bool {
        false
    }

    /// A parked run will not be resumed: its request was cancelled.
    fn abandon(&mut self, _run: u64) {}

    /// A parked run that the policy has ended itself (memory, reload): its request is answered 500.
    fn poll_ended(&mut self) -> Option<(u64, Box<str>)> {
        None
    }

    /// At which stages it wants to be asked.
    fn interest(&self) -> PolicyInterest {
        PolicyInterest::default()
    }

    /// Shows every counter: name, meaning, value.
    fn visit_counters(&self, _f: &mut dyn FnMut(&'static str, &'static str, u64)) {}

    /// For [`PolicyFactory::remake`].
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any>;
}

/// Makes the policy of each shard.
pub trait PolicyFactory: Send + Sync + core::fmt::Debug {
    /// A policy for this shard; `before` is the one that served until now, whose parked runs should finish.
    fn make(
        &self,
        shard: u16,
        seed: u64,
        before: Option<Box<dyn RoutingPolicy>>,
        now: Now,
    ) -> Box<dyn RoutingPolicy>;
}

/// Who decides.
#[derive(Clone, Debug)]
pub enum PolicyChoice {
    /// The native policy.
    Native(PolicySettings),
    /// A program.
    Program(Arc<dyn PolicyFactory>),
}

impl Default for PolicyChoice {
    fn default() -> PolicyChoice {
        PolicyChoice::Native(PolicySettings::default())
    }
}

impl PolicyChoice {
    /// The settings of the native policy, which is chosen by this if it was not.
    pub fn native(&mut self) -> &mut PolicySettings {
        if let PolicyChoice::Program(_) = self {
            *self = PolicyChoice::default();
        }
        match self {
            PolicyChoice::Native(settings) => settings,
            PolicyChoice::Program(_) => unreachable!("it was replaced above"),
        }
    }

    /// The policy for a shard.
    pub fn make(
        &self,
        shard: u16,
        seed: u64,
        before: Option<Box<dyn RoutingPolicy>>,
        now: Now,
    ) -> Box<dyn RoutingPolicy> {
        match self {
            PolicyChoice::Native(settings) => Box::new(NativePolicy::new(settings.clone())),
            PolicyChoice::Program(factory) => factory.make(shard, seed, before, now),
        }
    }
}
