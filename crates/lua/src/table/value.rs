//! Values that cross between programs and verbs, and what a verb answers.

use std::borrow::Cow;

use smallvec::SmallVec;
use strowger_sip::Time;

/// Octets of a string that an answer holds without memory of its own: most values of a message are shorter.
const SHORT_OCTETS: usize = 32;

/// A value of a program, independent of its language.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number.
    Number(f64),
    /// Octets.
    Text(Vec<u8>),
    /// Keys and values in order.
    Table(Vec<(Value, Value)>),
}

impl Value {
    /// A string.
    pub fn text(text: impl AsRef<[u8]>) -> Value {
        Value::Text(text.as_ref().to_vec())
    }

    /// A list: a table with keys from 1.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Value {
        Value::Table((1..).map(Value::Int).zip(values).collect())
    }

    /// Name of its kind, as scripts name it.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::Number(_) => "number",
            Value::Text(_) => "string",
            Value::Table(_) => "table",
        }
    }
}

/// What a verb answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Ret {
    /// A number: positive for yes, negative for no.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// Nothing.
    None,
    /// A string that was made for this call.
    Text(SmallVec<[u8; SHORT_OCTETS]>),
    /// A string of the program, answered again and again: a VM makes it once.
    Known(&'static [u8]),
    /// Any one value.
    Value(Value),
    /// The run waits. Only rows with `yields` may answer this.
    Wait(Wait),
    /// An error is raised in the program.
    Error(Cow<'static, str>),
}

impl Ret {
    /// A string that was made for this call.
    pub fn text(octets: impl Into<Vec<u8>>) -> Ret {
        Ret::Text(SmallVec::from_vec(octets.into()))
    }

    /// A copy of octets that live elsewhere.
    pub fn copied(octets: &[u8]) -> Ret {
        Ret::Text(SmallVec::from_slice(octets))
    }

    /// A string, or nothing.
    pub fn optional_text(octets: Option<impl Into<Vec<u8>>>) -> Ret {
        octets.map_or(Ret::Value(Value::Nil), Ret::text)
    }
}

/// How a run waits: until it is resumed, or until the deadline, when the function answers `at_deadline`.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// When waiting ends.
    pub deadline: Time,
    /// What the function then answers.
    pub at_deadline: Vec<Value>,
}

/// Reads a number as Lua does: decimal or hexadecimal, blanks around it allowed.
pub fn parse_number(octets: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(octets).ok()?;
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let number = match hexadecimal {
        Some(digits) if digits.starts_with(['+', '-']) => return None,
        Some(digits) => u64::from_str_radix(digits, 16).ok()? as f64,
        // The parser of the language knows words (inf, nan) that are not numbers in a script.
        None if digits.starts_with(|one: char| one.is_ascii_digit() || one == '.') => {
            digits.parse().ok()?
        }
        None => return None,
    };
    Some(if negative { -number } else { number })
}

/// Writes a number as Lua does (`%.14g`).
pub fn format_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 && number.is_finite() {
        return if number.abs() < 1e14 {
            format!("{number:.0}")
        } else {
            general(number)
        };
    }
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    general(number)
}

/// 14 significant digits, in scientific form below 1e-4 and from 1e14.
fn general(number: f64) -> String {
    let scientific = format!("{number:.13e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..14).contains(&exponent) {
        let decimals = usize::try_from(13 - exponent).unwrap_or(0);
        return trim_zeros(&format!("{number:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        for (number, text) in [
            (5.0, "5"),
            (-0.5, "-0.5"),
            (0.1, "0.1"),
            (1e14, "1e+14"),
            (12_345_678_901_234.0, "12345678901234"),
            (1e100, "1e+100"),
            (1.5e-7, "1.5e-07"),
            (1.0 / 3.0, "0.33333333333333"),
        ] {
            assert_eq!(format_number(number), text);
        }
    }

    #[test]
    fn numbers_are_read_as_the_language_reads_them() {
        for (text, number) in [
            (" 12 ", Some(12.0)),
            ("-3", Some(-3.0)),
            ("0x1F", Some(31.0)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("", None),
            ("12a", None),
            ("inf", None),
            ("0x", None),
        ] {
            assert_eq!(parse_number(text.as_bytes()), number, "{text}");
        }
    }
}
