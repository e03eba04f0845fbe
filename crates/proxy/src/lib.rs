#![forbid(unsafe_code)]
//! The proxy of RFC 3261 §16 as machines without transactions or sockets; the element joins them to both.
//!
//! A request passes [`validate()`], [`RoutePlan`] and a [`TargetSet`]; its responses meet in a [`ResponseContext`];
//! [`Forwarder`] writes what leaves.

mod best_response;
mod branch;
mod counters;
mod forward;
mod hash_keys;
mod loop_hash;
pub mod max_breadth;
mod record_route;
mod recursion;
mod response_context;
mod route;
mod settings;
mod stateless;
mod target_set;
#[cfg(test)]
mod tests;
mod validate;

pub use branch::{Action, Actions, BranchId, BranchState, BranchTimer, Forward, Wait};
pub use counters::ProxyCounters;
pub use forward::{
    Forwarder, Forwarding, LocalSide, Program, RecordRouting, ResponseChanges, is_secure, next_hop,
};
pub use hash_keys::HashKeys;
pub use loop_hash::LoopHash;
pub use record_route::{DialogHop, Direction, RecordRouteToken, Side, is_record_routed};
pub use recursion::{Recursion, recurse};
pub use response_context::{Kind, ResponseContext, StartError};
pub use route::{Ownership, RoutePlan};
pub use settings::{Fork, ProxySettings};
pub use stateless::{request_hash, stateless_branch};
pub use target_set::{Added, Target, TargetSet};
pub use validate::{Checks, Refusal, Validated, has_looped, validate, write_refusal_lines};
