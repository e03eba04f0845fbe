//! Arguments of a call and how they are brought into the kinds of the parameters.

use std::fmt;

use super::row::{Kind, Parameter};
use super::value::{Value, format_number, parse_number};

/// One argument.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Arg {
    /// Left out, or nil.
    #[default]
    Absent,
    /// An integer.
    Int(i64),
    /// Octets.
    Text(Vec<u8>),
    /// Anything else, where the parameter accepts it.
    Other(Value),
}

impl From<&Value> for Arg {
    fn from(value: &Value) -> Arg {
        match value {
            Value::Nil => Arg::Absent,
            Value::Int(number) => Arg::Int(*number),
            Value::Text(octets) => Arg::Text(octets.clone()),
            other => Arg::Other(other.clone()),
        }
    }
}

impl Arg {
    /// True if there is none.
    pub fn is_absent(&self) -> bool {
        matches!(self, Arg::Absent)
    }

    /// Name of what it is.
    fn kind_name(&self) -> &'static str {
        match self {
            Arg::Absent => "nil",
            Arg::Int(_) => "number",
            Arg::Text(_) => "string",
            Arg::Other(value) => value.kind_name(),
        }
    }

    /// Makes it of this kind; false if it cannot be.
    pub(crate) fn coerce(&mut self, kind: Kind) -> bool {
        let coerced = match (kind, &*self) {
            (_, Arg::Absent)
            | (Kind::Any, _)
            | (Kind::Int, Arg::Int(_))
            | (Kind::Text, Arg::Text(_)) => {
                return true;
            }
            (Kind::Int, Arg::Text(octets)) => parse_number(octets).and_then(whole).map(Arg::Int),
            (Kind::Int, Arg::Other(Value::Number(number))) => whole(*number).map(Arg::Int),
            (Kind::Text, Arg::Int(number)) => Some(Arg::Text(number.to_string().into_bytes())),
            (Kind::Text, Arg::Other(Value::Number(number))) => {
                Some(Arg::Text(format_number(*number).into_bytes()))
            }
            (Kind::Int | Kind::Text, Arg::Other(_)) => None,
        };
        match coerced {
            Some(argument) => {
                *self = argument;
                true
            }
            None => false,
        }
    }
}

/// The integer part, if there is one that fits.
fn whole(number: f64) -> Option<i64> {
    // Beyond 2^63 there is no i64; NaN compares false.
    (number.abs() < 9.2e18).then_some(number as i64)
}

/// The arguments of a call, coerced: as many as there are parameters.
#[derive(Copy, Clone, Debug)]
pub struct Args<'a>(&'a [Arg]);

impl<'a> Args<'a> {
    /// Wraps coerced arguments.
    pub fn new(arguments: &'a [Arg]) -> Self {
        Args(arguments)
    }

    /// Argument `index` as an integer; 0 if it was left out.
    pub fn int(&self, index: usize) -> i64 {
        self.optional_int(index).unwrap_or(0)
    }

    /// Argument `index` as octets; empty if it was left out.
    pub fn text(&self, index: usize) -> &'a [u8] {
        self.optional_text(index).unwrap_or(b"")
    }

    /// Argument `index`, if it is an integer.
    pub fn optional_int(&self, index: usize) -> Option<i64> {
        match self.0.get(index) {
            Some(Arg::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// Argument `index`, if it is octets.
    pub fn optional_text(&self, index: usize) -> Option<&'a [u8]> {
        match self.0.get(index) {
            Some(Arg::Text(octets)) => Some(octets),
            _ => None,
        }
    }

    /// Argument `index` as it came.
    pub fn get(&self, index: usize) -> Option<&'a Arg> {
        self.0.get(index).filter(|argument| !argument.is_absent())
    }
}

/// Why a function was not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentFault {
    /// Too few or too many.
    Count {
        /// How many came.
        given: usize,
        /// How many are needed.
        least: usize,
        /// How many are possible.
        most: usize,
    },
    /// One has the wrong kind.
    Kind {
        /// Its place, from 1.
        place: usize,
        /// Name of the parameter.
        name: &'static str,
        /// What it accepts.
        wanted: Kind,
        /// What came.
        given: &'static str,
    },
}

impl ArgumentFault {
    pub(crate) fn wrong_kind(index: usize, parameter: &Parameter, given: &Arg) -> Self {
        ArgumentFault::Kind {
            place: index + 1,
            name: parameter.name,
            wanted: parameter.kind,
            given: given.kind_name(),
        }
    }
}

impl fmt::Display for ArgumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentFault::Count { given, least, most } if least == most => {
                write!(f, "wrong argument count: {given} given, {most} needed")
            }
            ArgumentFault::Count { given, least, most } => {
                write!(
                    f,
                    "wrong argument count: {given} given, {least} to {most} needed"
                )
            }
            ArgumentFault::Kind {
                place,
                name,
                wanted,
                given,
            } => {
                let wanted = match wanted {
                    Kind::Int => "an integer",
                    Kind::Text => "a string",
                    Kind::Any => "a value",
                };
                write!(f, "argument {place} ({name}) is {given}, not {wanted}")
            }
        }
    }
}
