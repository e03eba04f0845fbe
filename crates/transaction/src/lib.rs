#![forbid(unsafe_code)]
//! Transport-layer rules, the transaction machines and stateless replies (RFC 3261 §17, §18, §8.2.7; RFC 6026; RFC 4320).

mod flow;
pub mod invite_client;
pub mod invite_server;
pub mod machine;
pub mod non_invite_client;
pub mod non_invite_server;
mod settings;
mod slots;
pub mod token;
mod wheel;

pub use flow::{Flow, ListenerId, StreamId, Transmit, TransmitBatch, TransmitToken};
pub use settings::{TableLimits, TimerSettings};
pub use slots::SlotKey;
pub use token::Secrets;
pub use wheel::{TimerKey, TimerWheel};
