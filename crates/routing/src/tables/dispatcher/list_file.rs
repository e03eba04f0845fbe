//! The list of destinations as a file: `setid destination flags priority attributes` in each line.
//!
//! All but the first two may be left out; `#` begins a comment.

use core::fmt;

use super::entry::{DestinationEntry, DestinationError};

/// Destinations of all sets.
pub const DESTINATIONS_MAX: usize = 16_384;
/// Lines of a list that are reported as wrong; the others are counted.
pub const LIST_ERRORS_MAX: usize = 100;

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListErrors {
    /// The first errors, in the order of lines.
    pub errors: Vec<ListError>,
    /// How many there are in all.
    pub total: usize,
}

/// One line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: LineError,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// There is a set but no destination.
    NoDestination,
    /// A column is no number, or none that fits.
    BadNumber {
        /// The column.
        column: &'static str,
        /// Its text.
        value: String,
    },
    /// It is no destination.
    Destination(DestinationError),
    /// Something follows the attributes.
    Trailing(String),
    /// There are [`DESTINATIONS_MAX`] destinations before it.
    TooMany,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::NoDestination => f.write_str("a SIP URI must follow the number of the set"),
            LineError::BadNumber { column, value } => {
                write!(f, "`{}` is not a number for {column}", value.escape_debug())
            }
            LineError::Destination(error) => error.fmt(f),
            LineError::Trailing(text) => write!(
                f,
                "`{}` follows the attributes; they have no spaces",
                text.escape_debug()
            ),
            LineError::TooMany => write!(f, "more than {DESTINATIONS_MAX} destinations"),
        }
    }
}

impl fmt::Display for ListErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "line {}: {}", error.line, error.reason)?;
        }
        match self.total.saturating_sub(self.errors.len()) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

impl core::error::Error for ListErrors {}

/// Reads a list; all lines that are wrong are told at once.
pub fn parse_list(text: &str) -> Result<Vec<DestinationEntry>, ListErrors> {
    let mut entries = Vec::new();
    let mut wrong = ListErrors {
        errors: Vec::new(),
        total: 0,
    };
    for (index, line) in text.lines().enumerate() {
        let reason = match parse_line(line) {
            Ok(None) => continue,
            Ok(Some(_)) if entries.len() >= DESTINATIONS_MAX => LineError::TooMany,
            Ok(Some(entry)) => {
                entries.push(entry);
                continue;
            }
            Err(reason) => reason,
        };
        wrong.total += 1;
        if wrong.errors.len() < LIST_ERRORS_MAX {
            wrong.errors.push(ListError {
                line: index + 1,
                reason,
            });
        }
    }
    match wrong.total {
        0 => Ok(entries),
        _ => Err(wrong),
    }
}

fn parse_line(line: &str) -> Result<Option<DestinationEntry>, LineError> {
    fn number<N: core::str::FromStr>(
        column: &'static str,
        value: Option<&str>,
    ) -> Result<Option<N>, LineError> {
        let bad = |value: &str| LineError::BadNumber {
            column,
            value: value.to_owned(),
        };
        value
            .map(|value| value.parse().map_err(|_| bad(value)))
            .transpose()
    }
    let mut words = line
        .split_ascii_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let Some(set) = number("the set", words.next())? else {
        return Ok(None);
    };
    let uri = words.next().ok_or(LineError::NoDestination)?;
    let flags = number("flags", words.next())?.unwrap_or(0);
    let priority = number("priority", words.next())?.unwrap_or(0);
    let attributes = words.next().unwrap_or_default();
    if let Some(more) = words.next() {
        return Err(LineError::Trailing(more.to_owned()));
    }
    DestinationEntry::new(set, uri, flags, priority, attributes)
        .map(Some)
        .map_err(LineError::Destination)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_two_to_five_columns() {
        let entries = parse_list(
            "# sets\n\n2 sip:192.0.2.1:5080;transport=tcp 0 10 class=4;prefix=448\n1 sip:192.0.2.2\n1\tsips:gw.example.org 8 # spare\n",
        )
        .expect("a list");
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    entry.set,
                    &*entry.uri,
                    entry.flags,
                    entry.priority,
                    entry.attributes.as_str(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (
                    2,
                    "sip:192.0.2.1:5080;transport=tcp",
                    0,
                    10,
                    "class=4;prefix=448"
                ),
                (1, "sip:192.0.2.2", 0, 0, ""),
                (1, "sips:gw.example.org", 8, 0, "")
            ]
        );
    }

    #[test]
    fn all_wrong_lines_are_told_at_once() {
        let wrong =
            parse_list("x sip:a\n1\n1 192.0.2.1\n1 sip:a b\n1 sip:a 0 0 x=1 y=2\n1 sip:ok\n")
                .expect_err("no list");
        assert_eq!(
            wrong.to_string(),
            "line 1: `x` is not a number for the set\n\
             line 2: a SIP URI must follow the number of the set\n\
             line 3: `192.0.2.1` is not a sip or sips URI of at most 512 octets\n\
             line 4: `b` is not a number for flags\n\
             line 5: `y=2` follows the attributes; they have no spaces\n"
        );
    }

    #[test]
    fn a_list_is_bounded() {
        let text = "1 sip:192.0.2.1\n".repeat(DESTINATIONS_MAX + 150);
        let wrong = parse_list(&text).expect_err("too long");
        assert_eq!((wrong.errors.len(), wrong.total), (LIST_ERRORS_MAX, 150));
    }
}
