//! The script host: Lua scripts of a shard, their budgets, their waits; and the table of functions that they call.
//!
//! A door (KEMI, FreeSWITCH) fills a [`FunctionTable`] with rows. A [`ScriptHost`] makes a VM of it, loads a script and
//! calls its functions. A call lends an owned context, which the functions act on at once, and gets it back with the
//! [`Outcome`]:
//!
//! ```text
//!            call / run_file                      resume / time_out
//!   idle ------------------------> running <--------------------------- parked
//!                                    | | \                                 ^  | abandon, retire_previous,
//!             Returned, Exited,      | |  \__ a function waits: Parked ____|  | memory short: poll_ended
//!             Failed, NoEntry <------+ |                                      v
//!                                      +-- time or memory used up: Failed    gone
//! ```
//!
//! The crate knows no SIP, has no clock and opens no socket: time comes with each call, CPU time through a
//! [`BudgetClock`], files through a [`ScriptFolder`].
#![forbid(unsafe_code)]

mod clock;
mod counters;
mod error;
mod host;
mod lint;
mod parked;
mod pattern;
mod quarantine;
mod run;
mod settings;
mod source;
mod table;
mod vm;

pub use clock::{BudgetClock, InstructionClock};
pub use counters::LuaCounters;
pub use error::{ErrorKind, Excerpt, ScriptError};
pub use host::ScriptHost;
pub use lint::{Answers, Finding, check, check_answers};
pub use run::{Call, Entry, Loaded, LogLine, LogSink, Outcome, Run, WaitToken};
pub use settings::{HostSettings, HostingForm};
pub use source::{DiskFolder, MemoryFolder, ScriptFolder};
pub use table::{
    Arg, Args, ArgumentFault, Class, ExitMarker, FaultAnswer, FunctionTable, Kind, Parameter,
    Prelude, Ret, Returns, Row, Signature, Tolerance, Value, Wait, format_number, parse_number,
};
