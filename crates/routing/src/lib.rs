#![forbid(unsafe_code)]
//! What an operator programs: the verbs of routing, each of which exists once, and the policy that calls them.
//!
//! A [`RoutingPolicy`] decides; a [`RoutingContext`] acts. The native policy is [`NativePolicy`]; script hosts are
//! further policies over the same verbs. What scripts of all shards share is in [`tables`].

mod context;
mod native;
pub mod tables;

pub use context::{
    Authentication, ChallengeKind, Lookup, LooseRoute, RoutingContext, RoutingPolicy,
};
pub use native::{Mode, NativePolicy, PolicySettings};
