#![forbid(unsafe_code)]
//! Finding the next hop (RFC 3263): from a URI to addresses, ports and transports in the order to try.
//!
//! [`Resolution`] is a machine that asks [`Question`]s and takes [`Answer`]s; [`DnsCache`] keeps answers for all shards.

mod cache;
mod counters;
mod next_hop;
mod question;
mod resolution;
mod settings;
mod srv;

pub use cache::{Cached, DnsCache};
pub use counters::ResolveCounters;
pub use next_hop::{HopHost, LocalTransports, NextHop, NextHopError};
pub use question::{Answer, Question, QuestionKind, Record};
pub use resolution::{FailReason, Resolution, Step, Target};
pub use settings::ResolveSettings;
