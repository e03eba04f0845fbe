#![forbid(unsafe_code)]
//! One sans-IO machine composed of the protocol layers: a shard of a SIP element (DESIGN §2).
//!
//! A driver hands in [`Input`]s, drains [`Output`]s and calls [`Core::handle_timeout`]; see [`seam`].

mod admission;
mod branch;
mod call;
mod conclude;
mod connect;
mod contacts;
mod core;
mod counters;
mod element;
mod event;
mod ingress;
mod park;
mod program;
mod registration;
mod relay;
mod relay_table;
mod reply;
mod response;
mod run;
pub mod seam;
mod server;
mod settings;
mod shared;
mod sources;
mod stateless;
mod tell;
mod text;
mod timer;
mod transmit;
mod upstream;

pub use admission::{Admission, AdmissionSettings};
pub use counters::ElementCounters;
pub use element::Element;
pub use event::{Event, EventKind, Interest};
pub use ingress::{Admits, Ingress, shard_of_call};
pub use seam::{Answer, Command, ConnectId, Input, Output, Query, QueryId, ShardMessage};
pub use settings::{Compatibility, Listener, MalformedReasons, Settings};
pub use shared::Shared;
pub use sources::{Prefix, SourceLimits, SourceTable};
pub use text::{Text, write_displayed};
