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
mod garbage;
mod incident;
mod journal;
mod network;
mod node;
mod packet;
mod pcap;
mod plan;
mod probes;
mod queue;
mod random;
mod runner;
mod sabotage;
mod scenario;
mod shrink;
mod stream;
mod trace;
mod world;
mod zone;

pub use agent::{Agent, AgentSettings, AgentTimer, Io, Report};
pub use checker::{Checker, ErrandCounters};
pub use incident::{Incident, Scheduled};
pub use journal::{Journal, JournalSettings};
pub use network::{Network, NetworkCounters, NetworkSettings, Partition, ReliableWay};
pub use node::{ElementNode, ElementPlan};
pub use packet::Packet;
pub use pcap::PcapWriter;
pub use plan::{AgentId, Allowed, Errand, ErrandKind, Middle, NodeId, Party, Reaction};
pub use probes::{PROBES, Probe, Probes};
pub use queue::Queue;
pub use random::Random;
pub use runner::{run, run_many, run_with};
pub use sabotage::{Sabotage, Saboteur};
pub use scenario::{Fault, Scenario};
pub use shrink::{RUNS_MAX as SHRINKING_RUNS_MAX, Shrunk, shrink};
pub use stream::{Holder, Stream, StreamNumber, Streams};
pub use trace::{Fate, Trace};
pub use world::{Failure, Parts, Summary, World};
pub use zone::{Zone, ZoneSettings};
