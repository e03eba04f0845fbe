#![forbid(unsafe_code)]
//! Transport-layer rules, the transaction machines and stateless replies (RFC 3261 §17, §18, §8.2.7; RFC 6026; RFC 4320).
//!
//! [`Transactions`] holds what one shard has under way. The machines ([`invite_client`], [`non_invite_client`],
//! [`invite_server`], [`non_invite_server`]) are values that know time and nothing else; the tables around them keep
//! octets and send them. [`token`] has the branches and tags that are recognised without state, [`via`] where a
//! response goes, [`stateless`] the replies that keep nothing.

mod counters;
mod derived_request;
mod flow;
pub mod invite_client;
pub mod invite_server;
mod key_index;
pub mod machine;
pub mod non_invite_client;
pub mod non_invite_server;
mod packed_flow;
pub mod page_set;
mod request_key;
mod settings;
mod sip_hash;
mod slots;
pub mod stateless;
pub mod survivors;
pub mod token;
mod transactions;
pub mod via;
mod wheel;

pub use counters::TransactionCounters;
pub use flow::{Flow, ListenerId, StreamId, Transmit, TransmitBatch, TransmitToken};
pub use request_key::{MethodTag, RequestKey};
pub use settings::{TableLimits, TimerSettings};
pub use slots::SlotKey;
pub use stateless::{TagSource, reply_statelessly, write_stateless_reply};
pub use token::{BranchMode, BranchToken, Home, SecretKey, Secrets, TokenError};
pub use transactions::{
    CancelOutcome, ClientKey, ClientStart, RequestMatch, RespondError, ResponseMatch, ServerKey,
    ShardIdentity, Stray, TableFull, TransactionEvent, Transactions,
};
pub use via::{MaddrRule, ResponseTarget, marked_via_target, response_flow, response_target};
pub use wheel::{TimerKey, TimerWheel};
