#![forbid(unsafe_code)]
//! What an operator programs: the verbs of routing, each of which exists once, and the policy that calls them.
//!
//! A [`RoutingPolicy`] decides; a [`RoutingContext`] acts. The native policy is [`NativePolicy`]; script hosts are
//! further policies over the same verbs. What they change of a message is a [`Draft`]; what they share lies in
//! [`tables`].

mod answer;
mod context;
mod draft;
mod errand;
mod native;
mod policy;
mod stateless;
pub mod tables;

pub use answer::{
    Answer, ChallengeOptions, DigestOutcome, ForwardError, How, LookupOutcome, Password,
    ReplyOutcome, SaveOptions, SaveOutcome, TransactionMatch, TransactionView,
};
pub use context::{
    Authentication, ChallengeKind, Lookup, LooseRoute, NativeContext, RoutingContext, SourceView,
    StoredMessage,
};
pub use draft::{
    DRAFT_BRANCHES_MAX, DRAFT_OCTETS_MAX, Draft, DraftTarget, Hooks, RecordRouteDraft,
};
pub use errand::{Errand, ErrandAnswer, HTTP_ANSWER_OCTETS_MAX, HttpRequest, SqlRequest, SqlRows};
pub use native::{Mode, NativePolicy, PolicySettings};
pub use policy::{
    HookName, PolicyChoice, PolicyFactory, PolicyInterest, Progress, Routed, RoutingPolicy, Stage,
};
pub use stateless::{SharedSlStatistics, SlEvent, SlStatistics};
