//! Mishaps of a world beside what its network and services do all the time: what happens, to whom, when.

use core::time::Duration;

use strowger_sip::Time;

use crate::plan::{AgentId, NodeId};

/// What happens.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The process of an element ends without a word and begins anew.
    Crash {
        /// Which.
        node: NodeId,
        /// How long it is away.
        down: Duration,
        /// The whole host is: nobody reports a closed port.
        host: bool,
    },
    /// A shard panics and is replaced.
    Panic {
        /// Of which element.
        node: NodeId,
        /// Which; counted round.
        shard: usize,
    },
    /// Someone sets the wall clock of an element.
    ClockJump {
        /// Which.
        node: NodeId,
        /// By so much.
        seconds: i64,
    },
    /// The connection of an agent is reset at both ends.
    Reset {
        /// Whose.
        agent: AgentId,
    },
    /// What is written to the connection of an agent vanishes from now on; nobody is told.
    HalfOpen {
        /// Whose.
        agent: AgentId,
    },
    /// A host sends what was on the wire before, changed at random.
    Garbage {
        /// Whose.
        agent: AgentId,
        /// How many messages.
        messages: u32,
    },
}

/// An incident and its time.
pub type Scheduled = (Time, Incident);
