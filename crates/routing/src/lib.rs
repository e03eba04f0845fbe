#![forbid(unsafe_code)]
//! What an operator programs: the verbs of routing, each of which exists once, and the policy that calls them.
//!
//! A [`RoutingPolicy`] decides; a [`RoutingContext`] acts. The native policy is [`NativePolicy`]; script hosts are
//! further policies over the same verbs.

mod context;
mod native;

pub use context::{
    Authentication, ChallengeKind, Lookup, LooseRoute, RoutingContext, RoutingPolicy,
};
pub use native::{Mode, NativePolicy, PolicySettings};
