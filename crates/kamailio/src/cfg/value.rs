//! The value of a global parameter, a module parameter or a custom variable.

use std::fmt;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number; the words yes, no, on, off, true and false are 1 and 0.
    Integer(i64),
    /// A string in quotes, after substitutions.
    Text(String),
    /// A bare word, `LOG_LOCAL0`.
    Word(String),
}

impl Value {
    /// The number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Text(_) | Value::Word(_) => None,
        }
    }

    /// The text or word, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Integer(_) => None,
            Value::Text(text) | Value::Word(text) => Some(text),
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Integer(_) => "a number",
            Value::Text(_) => "a string",
            Value::Word(_) => "a word",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(number) => number.fmt(f),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Word(word) => f.write_str(word),
        }
    }
}

/// 1 or 0 for the words that stand for them.
pub(crate) fn truth(word: &str) -> Option<i64> {
    match word {
        "yes" | "true" | "on" | "enable" => Some(1),
        "no" | "false" | "off" | "disable" => Some(0),
        _ => None,
    }
}
