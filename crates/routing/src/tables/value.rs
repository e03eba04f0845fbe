//! What a cell of a table holds: a number or octets.

use core::fmt;
use std::sync::Arc;

/// A value in a table that scripts share. Copies share their octets.
#[derive(Clone, PartialEq, Eq)]
pub enum TableValue {
    /// A number.
    Int(i64),
    /// Octets; scripts see them as text.
    Text(Arc<[u8]>),
}

impl TableValue {
    /// A value of octets.
    pub fn text(octets: &[u8]) -> TableValue {
        TableValue::Text(octets.into())
    }
    /// The number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            TableValue::Int(number) => Some(*number),
            TableValue::Text(_) => None,
        }
    }
    /// The octets, if it has some.
    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            TableValue::Int(_) => None,
            TableValue::Text(octets) => Some(octets),
        }
    }
    /// Octets held beside the cell itself.
    pub(super) fn octets(&self) -> usize {
        self.as_text().map_or(0, <[u8]>::len)
    }
}

impl fmt::Debug for TableValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableValue::Int(number) => write!(f, "{number}"),
            TableValue::Text(octets) => write!(f, "\"{}\"", octets.escape_ascii()),
        }
    }
}

impl From<i64> for TableValue {
    fn from(number: i64) -> TableValue {
        TableValue::Int(number)
    }
}

impl From<&[u8]> for TableValue {
    fn from(octets: &[u8]) -> TableValue {
        TableValue::text(octets)
    }
}
