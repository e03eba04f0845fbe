//! `{s.…}`: parts of texts, numbers, searching and replacing.

use std::borrow::Cow;

use super::super::clock::Civil;
use super::super::source::PvSource;
use super::super::spec::{PvError, number};
use super::super::value::PvValue;
use super::{Argument, Arguments, PREFIXED_OCTETS_MAX};

/// A transformation of texts.
#[derive(Clone, Debug)]
pub(crate) enum StringOp {
    Length,
    Integer,
    Substring(Argument, Argument),
    Select(Argument, u8),
    Strip(Argument),
    StripTail(Argument),
    Lower,
    Upper,
    Trim,
    TrimLeft,
    TrimRight,
    RemoveBlanks,
    Remove(Argument),
    Replace(Argument, Argument),
    Before(Argument),
    After(Argument),
    BeforeLast(Argument),
    AfterLast(Argument),
    Count(u8),
    Prefixes {
        most: Option<Argument>,
        quoted: bool,
    },
    Numeric,
    FormatTime(Argument),
    Lines {
        width: Argument,
        pad: Argument,
        blank: u8,
    },
    Unquote,
    Unbracket,
    CoreHash(Option<Argument>),
}

/// The one octet that a parameter consists of; the comma is one that looks like an end.
fn single(arguments: &mut Arguments<'_>) -> Result<u8, PvError> {
    match arguments.rest()?.first() {
        Some(&octet) => Ok(octet),
        None => Err(PvError::new(0, "a character is missing")),
    }
}

impl StringOp {
    pub(crate) fn parse(
        name: &str,
        arguments: &mut Arguments<'_>,
    ) -> Result<Option<StringOp>, PvError> {
        let optional = |arguments: &mut Arguments<'_>| match arguments.next() {
            Some(text) => Argument::parse(text).map(Some),
            None => Ok(None),
        };
        Ok(Some(match name {
            "len" => StringOp::Length,
            "int" => StringOp::Integer,
            "substr" => StringOp::Substring(arguments.number()?, arguments.number()?),
            "select" => StringOp::Select(arguments.number()?, single(arguments)?),
            "strip" => StringOp::Strip(arguments.number()?),
            "striptail" => StringOp::StripTail(arguments.number()?),
            "tolower" => StringOp::Lower,
            "toupper" => StringOp::Upper,
            "trim" => StringOp::Trim,
            "ltrim" => StringOp::TrimLeft,
            "rtrim" => StringOp::TrimRight,
            "rmws" => StringOp::RemoveBlanks,
            "rm" => StringOp::Remove(arguments.text()?),
            "replace" => StringOp::Replace(arguments.text()?, arguments.text()?),
            "before" => StringOp::Before(Argument::parse(arguments.rest()?)?),
            "after" => StringOp::After(Argument::parse(arguments.rest()?)?),
            "rbefore" => StringOp::BeforeLast(Argument::parse(arguments.rest()?)?),
            "rafter" => StringOp::AfterLast(Argument::parse(arguments.rest()?)?),
            "count" => StringOp::Count(single(arguments)?),
            "prefixes" => StringOp::Prefixes {
                most: optional(arguments)?,
                quoted: false,
            },
            "prefixes.quoted" => StringOp::Prefixes {
                most: optional(arguments)?,
                quoted: true,
            },
            "numeric" => StringOp::Numeric,
            "ftime" => StringOp::FormatTime(Argument::parse(arguments.rest()?)?),
            "fmtlines" | "fmtlinet" => StringOp::Lines {
                width: arguments.number()?,
                pad: arguments.number()?,
                blank: if name == "fmtlines" { b' ' } else { b'\t' },
            },
            "unquote" => StringOp::Unquote,
            "unbracket" => StringOp::Unbracket,
            "corehash" => StringOp::CoreHash(optional(arguments)?),
            _ => return Ok(None),
        }))
    }

    pub(crate) fn apply<'s>(
        &'s self,
        text: Cow<'s, [u8]>,
        source: &'s dyn PvSource,
    ) -> PvValue<'s> {
        self.applied(text, source).unwrap_or_default()
    }

    /// `None` is null.
    fn applied<'s>(&'s self, text: Cow<'s, [u8]>, source: &'s dyn PvSource) -> Option<PvValue<'s>> {
        let length = i64::try_from(text.len()).ok()?;
        Some(match self {
            StringOp::Length => PvValue::Int(length),
            StringOp::Integer if text.is_empty() => PvValue::Int(0),
            StringOp::Integer => PvValue::Int(integer(&text)?),
            StringOp::Substring(start, count) => {
                let (start, count) = (start.number(source)?, count.number(source)?);
                return substring(&text, length, start, count).map(kept);
            }
            StringOp::Select(index, separator) => {
                selected(&text, index.number(source)?, *separator)
            }
            StringOp::Strip(count) => {
                let count = usize::try_from(count.number(source)?.max(0)).ok()?;
                kept(text.get(count..).unwrap_or_default())
            }
            StringOp::StripTail(count) => {
                let count = usize::try_from(count.number(source)?.max(0)).ok()?;
                kept(text.get(..text.len().saturating_sub(count))?)
            }
            StringOp::Lower => PvValue::owned(text.to_ascii_lowercase()),
            StringOp::Upper => PvValue::owned(text.to_ascii_uppercase()),
            StringOp::Trim => kept(text.trim_ascii()),
            StringOp::TrimLeft => kept(text.trim_ascii_start()),
            StringOp::TrimRight => kept(text.trim_ascii_end()),
            StringOp::RemoveBlanks => PvValue::owned(
                text.iter()
                    .copied()
                    .filter(|octet| !octet.is_ascii_whitespace())
                    .collect(),
            ),
            StringOp::Remove(what) => PvValue::owned(replaced(&text, &what.text(source)?, b"")),
            StringOp::Replace(what, by) => {
                PvValue::owned(replaced(&text, &what.text(source)?, &by.text(source)?))
            }
            StringOp::Before(mark) => {
                let at = find(&text, &mark.text(source)?);
                kept(text.get(..at.unwrap_or(text.len()))?)
            }
            StringOp::After(mark) => {
                let mark = mark.text(source)?;
                kept(
                    find(&text, &mark)
                        .and_then(|at| text.get(at + mark.len()..))
                        .unwrap_or_default(),
                )
            }
            StringOp::BeforeLast(mark) => {
                let at = find_last(&text, &mark.text(source)?);
                kept(text.get(..at.unwrap_or(text.len()))?)
            }
            StringOp::AfterLast(mark) => {
                let mark = mark.text(source)?;
                kept(
                    find_last(&text, &mark)
                        .and_then(|at| text.get(at + mark.len()..))
                        .unwrap_or_default(),
                )
            }
            StringOp::Count(octet) => PvValue::Int(
                i64::try_from(text.iter().filter(|other| *other == octet).count()).ok()?,
            ),
            StringOp::Prefixes { most, quoted } => {
                let most = match most {
                    Some(most) => usize::try_from(most.number(source)?).ok()?,
                    None => text.len(),
                };
                return prefixes(&text, most, *quoted);
            }
            StringOp::Numeric => {
                PvValue::owned(text.iter().copied().filter(u8::is_ascii_digit).collect())
            }
            StringOp::FormatTime(format) => {
                let seconds = number(&text)?;
                let mut out = Vec::new();
                Civil::from_unix(seconds.clamp(-62_135_596_800, 253_402_300_799))
                    .write(&format.text(source)?, &mut out);
                PvValue::owned(out)
            }
            StringOp::Lines { width, pad, blank } => {
                return lines(&text, width.number(source)?, pad.number(source)?, *blank);
            }
            StringOp::Unquote => kept(unwrapped(&text, b"\"'", b"\"'")),
            StringOp::Unbracket => kept(unwrapped(&text, b"<([{", b">)]}")),
            StringOp::CoreHash(size) => {
                let hash = i64::from(core_hash(&text));
                let size = match size {
                    Some(size) => size.number(source).filter(|size| *size > 0),
                    None => None,
                };
                let hash = size.map_or(hash, |size| hash % size);
                PvValue::owned(hash.to_string().into_bytes())
            }
        })
    }
}

/// A part of a text that may live shorter than the result.
fn kept<'s>(part: &[u8]) -> PvValue<'s> {
    PvValue::owned(part.to_vec())
}

/// A whole number of 32 bits: null if there is anything else, or too much.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    number(text).filter(|number| i32::try_from(*number).is_ok())
}

/// `start` counts from the end if negative; a `count` of 0 goes to the end.
fn substring(text: &[u8], length: i64, start: i64, count: i64) -> Option<&[u8]> {
    let start = if start < 0 {
        start.checked_add(length)?
    } else {
        start
    };
    if !(0..length).contains(&start) || count < 0 {
        return None;
    }
    let end = if count == 0 {
        length
    } else {
        start.saturating_add(count).min(length)
    };
    text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The field at `index`, from the end if negative; empty if there are not so many.
fn selected<'s>(text: &[u8], index: i64, separator: u8) -> PvValue<'s> {
    let mut fields = text.split(|octet| *octet == separator);
    let field = if let Ok(index) = usize::try_from(index) {
        fields.nth(index)
    } else {
        let back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        text.rsplit(|octet| *octet == separator).nth(back - 1)
    };
    kept(field.unwrap_or_default())
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return None;
    }
    text.windows(part.len()).position(|window| window == part)
}

fn find_last(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return None;
    }
    text.windows(part.len()).rposition(|window| window == part)
}

fn replaced(text: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, part) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(by);
        rest = rest.get(at + part.len()..).unwrap_or_default();
        if out.len() > super::RESULT_OCTETS_MAX {
            break;
        }
    }
    out.extend_from_slice(rest);
    out
}

/// The beginnings of the text from one octet on, with commas.
fn prefixes<'s>(text: &[u8], most: usize, quoted: bool) -> Option<PvValue<'s>> {
    if text.len() > PREFIXED_OCTETS_MAX {
        return None;
    }
    let mut out = Vec::new();
    for end in 1..=most.min(text.len()) {
        if end > 1 {
            out.push(b',');
        }
        out.extend_from_slice(if quoted { b"'" } else { b"" });
        out.extend_from_slice(text.get(..end)?);
        out.extend_from_slice(if quoted { b"'" } else { b"" });
        if out.len() > super::RESULT_OCTETS_MAX {
            return None;
        }
    }
    Some(PvValue::owned(out))
}

/// The text in lines of `width` octets; every line but the first begins with `pad` blanks, which count.
fn lines<'s>(text: &[u8], width: i64, pad: i64, blank: u8) -> Option<PvValue<'s>> {
    let width = usize::try_from(width).ok().filter(|width| *width > 0)?;
    let pad = usize::try_from(pad).ok().filter(|pad| *pad < width)?;
    if text.len() <= width {
        return Some(kept(text));
    }
    let mut out = Vec::with_capacity(text.len() * 2);
    for (index, chunk) in text.chunks(width - pad).enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\r\n");
            out.extend(std::iter::repeat_n(blank, pad));
        }
        out.extend_from_slice(chunk);
    }
    Some(PvValue::owned(out))
}

/// The text without the pair of marks around it.
fn unwrapped<'t>(text: &'t [u8], open: &[u8], close: &[u8]) -> &'t [u8] {
    if let [first, inside @ .., last] = text {
        let pair = open
            .iter()
            .zip(close)
            .any(|(open, close)| open == first && close == last);
        if pair {
            return inside;
        }
    }
    text
}

/// The hash of 32 bits that Kamailio spreads texts with: four octets at a time, highest first.
fn core_hash(text: &[u8]) -> u32 {
    let mut hash = 0_u32;
    for chunk in text.chunks(4) {
        let word = chunk.iter().fold(0_u32, |word, octet| {
            (word << 8).wrapping_add(u32::from(*octet))
        });
        hash = hash.wrapping_add(word ^ (word >> 3));
    }
    hash.wrapping_add(hash >> 11)
        .wrapping_add(hash >> 13)
        .wrapping_add(hash >> 23)
}
