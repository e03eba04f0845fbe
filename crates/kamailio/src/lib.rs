#![forbid(unsafe_code)]
//! The Kamailio door: what Kamailio users write, read by their own rules, in front of verbs that exist once.
//!
//! * [`cfg`] reads the configuration part of a `kamailio.cfg` and reports what it means here.
//! * [`pv`] reads and evaluates pseudo-variables with their transformations.
//! * [`sl`] counts stateless replies as the `sl` module does, and knows its replies to internal errors.
//! * [`kemi`] runs scripts: a table of functions, one row each, over the verbs of routing.
//! * [`table`] lists the functions that published scripts call, and writes the page of what is covered.
//! * [`KamailioProfile`] names what is done on purpose otherwise than the RFC.

pub mod cfg;
pub mod kemi;
mod pattern;
mod profile;
pub mod pv;
pub mod sl;
mod substitution;
pub mod table;

pub use pattern::{PATTERN_OCTETS_MAX, PatternError, PatternFlags, compile};
pub use profile::KamailioProfile;
