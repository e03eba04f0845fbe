//! A rule of an address group, from columns of a table or from a line of an address file.

use core::fmt;
use core::net::IpAddr;
use std::sync::Arc;

/// Rules of all address groups.
pub const ADDRESS_RULES_MAX: usize = 262_144;
/// Lines of an address file that are reported as wrong; the others are counted.
pub const ADDRESS_ERRORS_MAX: usize = 100;

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressHost {
    /// A network, or one address if all bits count.
    Network {
        /// Any address of it.
        address: IpAddr,
        /// Leading bits that count, at most 32 or 128.
        bits: u8,
    },
    /// A name, compared as it is written: nothing is resolved.
    Name(Box<str>),
}

/// A rule: this host, on this port, belongs to that group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// The group.
    pub group: i64,
    /// The host.
    pub host: AddressHost,
    /// The port; 0 is any.
    pub port: u16,
    /// What a script is told.
    pub tag: Option<Arc<str>>,
}

/// Why something is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// The address is empty.
    NoAddress,
    /// The mask is longer than the address.
    BadMask {
        /// The address.
        address: String,
        /// The mask.
        mask: String,
    },
    /// A number is none, or does not fit.
    BadNumber {
        /// What it is for.
        what: &'static str,
        /// As given.
        value: String,
    },
    /// There are [`ADDRESS_RULES_MAX`] rules.
    TooManyRules,
    /// Something follows the tag.
    Trailing(String),
    /// Lines of a file, by number from 1; the first [`ADDRESS_ERRORS_MAX`] of them.
    Lines {
        /// What is wrong with them.
        lines: Vec<(usize, AddressError)>,
        /// How many there are in all.
        total: usize,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::NoAddress => f.write_str("there is no address"),
            AddressError::BadMask { address, mask } => write!(
                f,
                "`{}` is not a number of bits of {}",
                mask.escape_debug(),
                address.escape_debug()
            ),
            AddressError::BadNumber { what, value } => {
                write!(f, "`{}` is not a {what}", value.escape_debug())
            }
            AddressError::TooManyRules => write!(f, "more than {ADDRESS_RULES_MAX} addresses"),
            AddressError::Trailing(text) => write!(
                f,
                "`{}` follows the tag; a tag has no spaces",
                text.escape_debug()
            ),
            AddressError::Lines { lines, total } => {
                for (line, error) in lines {
                    writeln!(f, "line {line}: {error}")?;
                }
                match total.saturating_sub(lines.len()) {
                    0 => Ok(()),
                    more => writeln!(f, "and {more} more"),
                }
            }
        }
    }
}

impl core::error::Error for AddressError {}

impl AddressRule {
    /// A rule from the columns of the table. A mask of 0 is that of one address; one in the address, `10.0.0.0/8`,
    /// goes before the column.
    pub fn new(
        group: i64,
        address: &str,
        mask: u8,
        port: u16,
        tag: Option<&str>,
    ) -> Result<AddressRule, AddressError> {
        let address = address.trim();
        let (name, mask) = match address.split_once('/') {
            Some((name, bits)) => match bits.parse() {
                Ok(bits) => (name, Some(bits)),
                Err(_) => return Err(bad_mask(name, bits)),
            },
            None => (address, Some(mask).filter(|mask| *mask > 0)),
        };
        if name.is_empty() {
            return Err(AddressError::NoAddress);
        }
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => {
                let full = full_bits(address);
                let bits = mask.unwrap_or(full);
                if bits > full {
                    return Err(bad_mask(name, &bits.to_string()));
                }
                AddressHost::Network { address, bits }
            }
            Err(_) => AddressHost::Name(name.into()),
        };
        Ok(AddressRule {
            group,
            host,
            port,
            tag: tag.filter(|tag| !tag.is_empty()).map(Arc::from),
        })
    }

    /// Reads an address file: `group address [mask [port [tag]]]` in each line, `#` begins a comment.
    pub fn parse_file(text: &str) -> Result<Vec<AddressRule>, AddressError> {
        let (mut rules, mut lines, mut total) = (Vec::new(), Vec::new(), 0);
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            match AddressRule::parse_line(line) {
                Ok(Some(_)) if rules.len() >= ADDRESS_RULES_MAX => {
                    return Err(AddressError::TooManyRules);
                }
                Ok(Some(rule)) => rules.push(rule),
                Ok(None) => {}
                Err(error) => {
                    total += 1;
                    if lines.len() < ADDRESS_ERRORS_MAX {
                        lines.push((number + 1, error));
                    }
                }
            }
        }
        match total {
            0 => Ok(rules),
            total => Err(AddressError::Lines { lines, total }),
        }
    }

    fn parse_line(line: &str) -> Result<Option<AddressRule>, AddressError> {
        fn number<N: core::str::FromStr>(
            what: &'static str,
            value: Option<&str>,
        ) -> Result<Option<N>, AddressError> {
            let bad = |value: &str| AddressError::BadNumber {
                what,
                value: value.to_owned(),
            };
            value
                .map(|value| value.parse().map_err(|_| bad(value)))
                .transpose()
        }
        let mut words = line.split_ascii_whitespace();
        let Some(group) = number("group number", words.next())? else {
            return Ok(None);
        };
        let address = words.next().unwrap_or_default();
        let mask = number("number of bits", words.next())?.unwrap_or(0);
        let port = number("port", words.next())?.unwrap_or(0);
        let tag = words.next();
        if let Some(more) = words.next() {
            return Err(AddressError::Trailing(more.to_owned()));
        }
        AddressRule::new(group, address, mask, port, tag).map(Some)
    }
}

fn bad_mask(address: &str, mask: &str) -> AddressError {
    AddressError::BadMask {
        address: address.to_owned(),
        mask: mask.to_owned(),
    }
}

pub(super) fn full_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_line_and_reason() {
        let error = AddressRule::parse_file("1 10.0.0.1 33\nx 10.0.0.1\n1\n1 10.0.0.1 32 0 a b\n")
            .expect_err("no rules");
        assert_eq!(
            error.to_string(),
            "line 1: `33` is not a number of bits of 10.0.0.1\nline 2: `x` is not a group number\n\
             line 3: there is no address\nline 4: `b` follows the tag; a tag has no spaces\n"
        );
    }
}
