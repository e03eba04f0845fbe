#![forbid(unsafe_code)]
//! A load generator for SIP servers, without sockets and clock: operations of one [`Scenario`] at a pace, every message
//! checked (RFC 3261 §8, §10, §13, §15, §17, §22).
//!
//! ```text
//! driver ── datagram ──► Generator::handle_datagram(now, …)      ICMP error ──► handle_unreachable
//! driver ── time ──────► Generator::handle_timeout(now)
//! driver ◄── time ────── Generator::poll_timeout()
//! ```
//!
//! What is to be sent is written into the driver's `TransmitBatch`. A run is a list of [`Phase`]s, begun one after the
//! other with [`Generator::begin`]; [`Generator::statistics`] says what came of the one under way.

mod called;
mod caller;
mod challenge;
mod check;
mod client;
mod dialog;
mod exchange;
mod generator;
mod histogram;
mod identifier;
mod operation;
mod pace;
mod phase;
mod reason;
mod registry;
mod requests;
mod scenario;
mod settings;
mod statistics;
mod template;
#[cfg(test)]
mod tests;
mod users;

pub use generator::Generator;
pub use histogram::Histogram;
pub use pace::{IN_FLIGHT_MAX, Pace, RATE_PER_SECOND_MAX};
pub use phase::{Amount, Phase, Task, phases};
pub use reason::Reason;
pub use scenario::Scenario;
pub use settings::Settings;
pub use statistics::{Finding, Statistics};
pub use users::{USERS_MAX, User, Users};
