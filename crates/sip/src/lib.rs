#![forbid(unsafe_code)]
//! SIP syntax: octets to messages and back (RFC 3261 §7, §19, §25). No state, no input or output.

mod time;
mod transport;

pub use time::{Now, Time};
pub use transport::Transport;
