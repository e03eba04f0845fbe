//! KEMI: Kamailio's script interface. A Lua script calls `KSR.module.function`; each is a row of one table, whose
//! functions act on a [`KemiRun`].
//!
//! ```text
//! element ─ context ─► KemiPolicy ─ KemiRun ─► script host ─► rows ─► verbs of the context
//!                          ▲                                    │
//!                          └──── context, outcome ◄─────────────┘
//! ```

mod answers;
mod change;
mod door;
#[cfg(test)]
pub(crate) mod fake;
mod glob;
mod kept;
mod policy;
pub mod rows;
mod run;
mod sdp;
mod source;

pub use answers::answers;
pub use change::{CHANGED_OCTETS_MAX, CHANGES_MAX};
pub use door::{KemiDoor, KemiLog, LogLevel, ScriptSource};
pub use kept::Kept;
pub use policy::{KemiFactory, KemiPolicy, KemiSurroundings};
pub use run::{KemiRun, RoutePlace, ShardState};
