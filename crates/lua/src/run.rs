//! What a run is for its driver: what began it, what became of it, what it printed.

use strowger_sip::Time;

use crate::error::ScriptError;
use crate::table::{ExitMarker, Value};

/// A function of the script that is called by name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry(pub(crate) u32);

/// Names a parked run.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitToken {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl WaitToken {
    /// The name as a number.
    pub fn bits(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.generation)
    }

    /// The name that a number stands for.
    pub fn from_bits(bits: u64) -> WaitToken {
        WaitToken {
            slot: (bits >> 32) as u32,
            generation: bits as u32,
        }
    }
}

/// A call of an entry.
#[derive(Copy, Clone, Debug)]
pub struct Call<'a> {
    /// What is called.
    pub entry: Entry,
    /// Arguments.
    pub arguments: &'a [Value],
    /// True if what the function returns is wanted.
    pub wants_results: bool,
}

impl<'a> Call<'a> {
    /// A call without arguments.
    pub fn of(entry: Entry) -> Call<'a> {
        Call {
            entry,
            arguments: &[],
            wants_results: true,
        }
    }

    /// The same with arguments.
    pub fn with(self, arguments: &'a [Value]) -> Call<'a> {
        Call { arguments, ..self }
    }

    /// The same, but nobody reads what the function returns, which is cheaper: [`Outcome::Returned`] is empty.
    pub fn without_results(self) -> Call<'a> {
        Call {
            wants_results: false,
            ..self
        }
    }
}

/// What became of a slice, with the context that the caller lent.
#[derive(Debug)]
pub struct Run<C> {
    /// The context.
    pub context: C,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a slice.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The script returned these values.
    Returned(Vec<Value>),
    /// The script ended by an exit function.
    Exited(ExitMarker),
    /// The run waits.
    Parked {
        /// Its name.
        token: WaitToken,
        /// When it must go on at the latest.
        deadline: Time,
    },
    /// The script failed.
    Failed(Box<ScriptError>),
    /// The route overran too often; nothing was run.
    Quarantined,
    /// The script does not define the entry.
    NoEntry,
    /// No run of this name is parked: it went on already, or was ended.
    Gone,
}

/// A line that a script prints, or a fault that it should know of.
#[derive(Copy, Clone, Debug)]
pub struct LogLine<'a> {
    /// The file of the script; empty if it is not known.
    pub file: &'a str,
    /// The line; 0 if it is not known.
    pub line: u32,
    /// What it says.
    pub text: &'a str,
    /// True for faults (wrong arguments), false for `print`.
    pub fault: bool,
}

/// What became of loading a script.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The context, if one was lent.
    pub context: Option<C>,
    /// The number of the generation, or why the one before stays.
    pub result: Result<u64, Box<ScriptError>>,
}

/// Takes the lines that scripts print.
pub type LogSink = Box<dyn FnMut(LogLine<'_>) + Send>;
