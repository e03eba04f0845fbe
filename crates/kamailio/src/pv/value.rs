//! The value of a pseudo-variable: null, a number, or octets.

use std::borrow::Cow;
use std::fmt;

/// A value as a script sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PvValue<'a> {
    /// Nothing; nil in Lua.
    #[default]
    Null,
    /// A number.
    Int(i64),
    /// Octets, which need not be UTF-8.
    Str(Cow<'a, [u8]>),
}

impl<'a> PvValue<'a> {
    /// Octets that live elsewhere.
    pub const fn octets(octets: &'a [u8]) -> PvValue<'a> {
        PvValue::Str(Cow::Borrowed(octets))
    }

    /// Octets made here.
    pub const fn owned(octets: Vec<u8>) -> PvValue<'a> {
        PvValue::Str(Cow::Owned(octets))
    }

    /// Octets, or null.
    pub fn maybe(octets: Option<&'a [u8]>) -> PvValue<'a> {
        octets.map_or(PvValue::Null, PvValue::octets)
    }

    /// True for null.
    pub const fn is_null(&self) -> bool {
        matches!(self, PvValue::Null)
    }

    /// The number, if it is one; octets are not read as one.
    pub const fn int(&self) -> Option<i64> {
        match self {
            PvValue::Int(number) => Some(*number),
            PvValue::Null | PvValue::Str(_) => None,
        }
    }

    /// The octets; a number in decimal; `None` for null.
    pub fn text(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            PvValue::Null => None,
            PvValue::Int(number) => Some(Cow::Owned(number.to_string().into_bytes())),
            PvValue::Str(octets) => Some(Cow::Borrowed(octets)),
        }
    }

    /// The same with octets of its own.
    pub fn into_owned(self) -> PvValue<'static> {
        match self {
            PvValue::Null => PvValue::Null,
            PvValue::Int(number) => PvValue::Int(number),
            PvValue::Str(octets) => PvValue::Str(Cow::Owned(octets.into_owned())),
        }
    }

    /// Appends it as text; null as `<null>`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            PvValue::Null => out.extend_from_slice(b"<null>"),
            PvValue::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            PvValue::Str(octets) => out.extend_from_slice(octets),
        }
    }
}

impl From<i64> for PvValue<'_> {
    fn from(number: i64) -> Self {
        PvValue::Int(number)
    }
}

impl<'a> From<&'a str> for PvValue<'a> {
    fn from(text: &'a str) -> Self {
        PvValue::octets(text.as_bytes())
    }
}

impl fmt::Display for PvValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PvValue::Null => f.write_str("<null>"),
            PvValue::Int(number) => number.fmt(f),
            PvValue::Str(octets) => f.write_str(&String::from_utf8_lossy(octets)),
        }
    }
}
