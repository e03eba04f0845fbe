#![forbid(unsafe_code)]
//! A deterministic world for whole SIP elements: virtual time, a network that loses, doubles and reorders, slow and
//! failing services, simulated user agents with transactions of their own, and checkers that hold in every run.
//!
//! ```
//! use strowger_sim::{Scenario, World};
//! let scenario = Scenario { errands: 5, ..Scenario::mixed(1) };
//! let summary = World::new(scenario.build()).run().expect("nothing is broken");
//! assert_eq!(summary.errands.errands, 5);
//! ```

mod agent;
mod checker;
mod network;
mod node;
mod packet;
mod pcap;
mod plan;
mod queue;
mod random;
mod sabotage;
mod scenario;
mod services;
mod trace;
mod world;

pub use agent::{Agent, AgentSettings, AgentTimer, Io, Report};
pub use checker::{Checker, ErrandCounters};
pub use network::{Network, NetworkCounters, NetworkSettings, Partition};
pub use node::{ElementNode, ElementPlan};
pub use packet::Packet;
pub use pcap::PcapWriter;
pub use plan::{AgentId, Allowed, Errand, ErrandKind, Middle, NodeId, Party, Reaction};
pub use queue::Queue;
pub use random::Random;
pub use sabotage::Sabotage;
pub use scenario::Scenario;
pub use services::{Journal, JournalSettings, Zone, ZoneSettings};
pub use trace::{Fate, Trace};
pub use world::{Failure, Parts, Summary, World};
