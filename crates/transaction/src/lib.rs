#![forbid(unsafe_code)]
//! Transport-layer rules, the transaction machines and stateless replies (RFC 3261 §17, §18, §8.2.7; RFC 6026; RFC 4320).

mod flow;

pub use flow::{Flow, ListenerId, StreamId, Transmit, TransmitBatch, TransmitToken};
