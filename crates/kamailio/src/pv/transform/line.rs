//! `{line.…}`: lines of a body.

use super::super::source::PvSource;
use super::super::spec::PvError;
use super::super::value::PvValue;
use super::{Argument, Arguments};

/// A transformation of lines.
#[derive(Clone, Debug)]
pub(crate) enum LineOp {
    Count,
    At(Argument),
    StartsWith(Argument),
}

impl LineOp {
    pub(crate) fn parse(
        name: &str,
        arguments: &mut Arguments<'_>,
    ) -> Result<Option<LineOp>, PvError> {
        Ok(Some(match name {
            "count" => LineOp::Count,
            "at" => LineOp::At(arguments.number()?),
            "sw" => LineOp::StartsWith(Argument::parse(arguments.rest()?)?),
            _ => return Ok(None),
        }))
    }

    pub(crate) fn apply<'s>(&self, text: &[u8], source: &dyn PvSource) -> PvValue<'s> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = || {
            text.split(|octet| *octet == b'\n')
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        };
        let owned = |line: Option<&[u8]>| PvValue::owned(line.unwrap_or_default().to_vec());
        match self {
            // A string: observed on 5.6.3.
            LineOp::Count if text.is_empty() => PvValue::octets(b"0"),
            LineOp::Count => PvValue::owned(lines().count().to_string().into_bytes()),
            LineOp::At(index) => match index.number(source) {
                Some(index) => match usize::try_from(index) {
                    Ok(index) => owned(lines().nth(index)),
                    Err(_) => {
                        let lines: Vec<&[u8]> = lines().collect();
                        let back = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
                        owned(
                            lines
                                .len()
                                .checked_sub(back)
                                .and_then(|at| lines.get(at).copied()),
                        )
                    }
                },
                None => PvValue::Null,
            },
            LineOp::StartsWith(start) => match start.text(source) {
                Some(start) => owned(lines().find(|line| line.starts_with(&start))),
                None => PvValue::Null,
            },
        }
    }
}
