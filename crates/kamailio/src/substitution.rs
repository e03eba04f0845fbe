//! `/expression/replacement/flags`: the form that `#!subst`, `#!substdef` and `{re.subst}` share.
//!
//! The first octet is the delimiter; a backslash before it makes it plain. Flags: `g` every match, `i` either case,
//! `s` the text is one line. In the replacement `\0` is the match, `\1` to `\9` its groups, `\n`, `\r`, `\t` line
//! end, return and tab; where pseudo-variables are allowed, `$` begins one and `\$` is plain.

use core::ops::Range;

use regex::bytes::Regex;

use crate::pattern::{PatternError, PatternFlags, compile};
use crate::pv::{PvSpec, spec_prefix};

/// Octets of one result (64 KiB); what would be longer is left as it was.
pub const SUBSTITUTED_OCTETS_MAX: usize = 64 * 1024;

/// The three parts, not yet interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) expression: Vec<u8>,
    /// Only its delimiters are without their backslash.
    pub(crate) replacement: Vec<u8>,
    pub(crate) flags: Vec<u8>,
}

impl Parts {
    pub(crate) fn read(text: &[u8]) -> Result<Parts, PatternError> {
        let fault = |what: &str| PatternError(what.to_owned());
        let (&delimiter, rest) = text
            .split_first()
            .ok_or_else(|| fault("no `/expression/replacement/`"))?;
        let (expression, rest) =
            until(rest, delimiter).ok_or_else(|| fault("no delimiter ends the expression"))?;
        let (replacement, flags) =
            until(rest, delimiter).ok_or_else(|| fault("no delimiter ends the replacement"))?;
        Ok(Parts {
            expression,
            replacement,
            flags: flags.trim_ascii().to_vec(),
        })
    }
}

/// What stands before the delimiter and what after it.
fn until(text: &[u8], delimiter: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut part = Vec::with_capacity(text.len());
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'\\' if text.get(at + 1) == Some(&delimiter) => {
                part.push(delimiter);
                at += 2;
            }
            b'\\' => {
                part.push(b'\\');
                part.push(*text.get(at + 1)?);
                at += 2;
            }
            octet if octet == delimiter => return Some((part, text.get(at + 1..)?)),
            octet => {
                part.push(octet);
                at += 1;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<u8>),
    Group(usize),
    Value(Box<PvSpec>),
}

/// A substitution, ready to be applied.
#[derive(Clone, Debug)]
pub(crate) struct Substitution {
    pattern: Regex,
    replacement: Vec<Piece>,
    all: bool,
}

impl Substitution {
    /// Reads a substitution whose replacement may hold pseudo-variables.
    pub(crate) fn with_values(text: &[u8]) -> Result<Substitution, PatternError> {
        Substitution::new(&Parts::read(text)?, true)
    }

    pub(crate) fn new(parts: &Parts, values: bool) -> Result<Substitution, PatternError> {
        let mut flags = PatternFlags::default();
        let mut all = false;
        for &flag in &parts.flags {
            match flag {
                b'g' => all = true,
                b'i' => flags.ignore_case = true,
                b's' => flags.single_line = true,
                _ => {
                    let flag = char::from(flag);
                    return Err(PatternError(format!(
                        "the flag `{flag}` is none of g, i, s"
                    )));
                }
            }
        }
        let pattern = compile(&parts.expression, flags)?;
        let replacement = pieces(&parts.replacement, values)?;
        let groups = pattern.captures_len();
        let beyond = replacement.iter().find_map(|piece| match piece {
            Piece::Group(group) if *group >= groups => Some(*group),
            _ => None,
        });
        match beyond {
            Some(group) => Err(PatternError(format!("the expression has no group {group}"))),
            None => Ok(Substitution {
                pattern,
                replacement,
                all,
            }),
        }
    }

    /// The text with its matches replaced; `None` if nothing matches or the result would be too long. `value`
    /// appends a pseudo-variable.
    pub(crate) fn apply(
        &self,
        text: &[u8],
        value: &mut dyn FnMut(&PvSpec, &mut Vec<u8>),
    ) -> Option<Vec<u8>> {
        let changes = self.changes(text, value);
        let written: usize = changes.iter().map(|(_, text)| text.len()).sum();
        let removed: usize = changes.iter().map(|(range, _)| range.len()).sum();
        let length = (text.len() + written).saturating_sub(removed);
        if changes.is_empty() || length > SUBSTITUTED_OCTETS_MAX {
            return None;
        }
        let mut out = Vec::with_capacity(length);
        let mut copied = 0;
        for (range, replacement) in changes {
            out.extend_from_slice(text.get(copied..range.start)?);
            out.extend_from_slice(&replacement);
            copied = range.end;
        }
        out.extend_from_slice(text.get(copied..)?);
        Some(out)
    }

    /// Where the text matches, and what takes the place of each match; no more than a result may hold.
    pub(crate) fn changes(
        &self,
        text: &[u8],
        value: &mut dyn FnMut(&PvSpec, &mut Vec<u8>),
    ) -> Vec<(Range<usize>, Vec<u8>)> {
        let mut changes = Vec::new();
        let mut written = 0;
        for captures in self.pattern.captures_iter(text) {
            let Some(whole) = captures.get(0) else { break };
            let mut out = Vec::new();
            for piece in &self.replacement {
                match piece {
                    Piece::Text(octets) => out.extend_from_slice(octets),
                    Piece::Group(group) => {
                        let group = captures.get(*group).map(|group| group.as_bytes());
                        out.extend_from_slice(group.unwrap_or_default());
                    }
                    Piece::Value(spec) => value(spec, &mut out),
                }
            }
            written += out.len();
            changes.push((whole.range(), out));
            if !self.all || written > SUBSTITUTED_OCTETS_MAX {
                break;
            }
        }
        changes
    }
}

fn pieces(text: &[u8], values: bool) -> Result<Vec<Piece>, PatternError> {
    let mut out = Vec::new();
    let mut plain = Vec::new();
    let mut at = 0;
    while let Some(&octet) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        at += 1;
        match octet {
            b'\\' => {
                let escaped = text.get(at).copied().unwrap_or(b'\\');
                at += 1;
                match escaped {
                    b'0'..=b'9' => {
                        flush(&mut plain, &mut out);
                        out.push(Piece::Group(usize::from(escaped - b'0')));
                    }
                    b'n' => plain.push(b'\n'),
                    b'r' => plain.push(b'\r'),
                    b't' => plain.push(b'\t'),
                    _ => plain.push(escaped),
                }
            }
            b'$' if values => {
                let (spec, length) =
                    spec_prefix(rest).map_err(|error| PatternError(error.to_string()))?;
                flush(&mut plain, &mut out);
                out.push(Piece::Value(Box::new(spec)));
                at += length - 1;
            }
            _ => plain.push(octet),
        }
    }
    flush(&mut plain, &mut out);
    Ok(out)
}

fn flush(plain: &mut Vec<u8>, out: &mut Vec<Piece>) {
    if !plain.is_empty() {
        out.push(Piece::Text(std::mem::take(plain)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(substitution: &str, text: &str) -> String {
        let substitution = Parts::read(substitution.as_bytes())
            .and_then(|parts| Substitution::new(&parts, false))
            .expect("a substitution");
        let result = substitution.apply(text.as_bytes(), &mut |_, _| {});
        String::from_utf8(result.unwrap_or_else(|| text.into())).expect("text")
    }

    #[test]
    fn replaces_the_first_or_every_match() {
        assert_eq!(applied("/,/-/", "a,b,c"), "a-b,c");
        assert_eq!(applied("/,/-/g", "a,b,c"), "a-b-c");
        assert_eq!(applied("!B!x!i", "abc"), "axc");
    }

    #[test]
    fn groups_and_escapes_of_the_replacement() {
        assert_eq!(applied(r"/b(.)d/<\0\1\\\n>/", "abcde"), "a<bcdc\\\n>e");
        assert_eq!(applied(r"/a\/b/x\/y/", "a/b"), "x/y");
    }

    #[test]
    fn an_empty_replacement_deletes() {
        assert_eq!(applied("/abc//", "abc"), "");
        assert_eq!(applied("/^/x/", "abc"), "xabc");
    }

    #[test]
    fn faults_are_told() {
        let fault = |text: &str| {
            Parts::read(text.as_bytes())
                .and_then(|parts| Substitution::new(&parts, false))
                .expect_err("a fault")
                .0
        };
        insta::assert_snapshot!(
            ["", "/a", "/a/b", "/a/b/q", "/a/\\1/", "/(/b/"].map(fault).join("\n"),
            @r"
        no `/expression/replacement/`
        no delimiter ends the expression
        no delimiter ends the replacement
        the flag `q` is none of g, i, s
        the expression has no group 1
        unclosed group
        "
        );
    }
}
