//! `{param.…}`: lists of `name=value`, separated by semicolons or another mark; values may be quoted.

use super::super::source::PvSource;
use super::super::spec::PvError;
use super::super::value::PvValue;
use super::{Argument, Arguments};

/// A transformation of parameter lists.
#[derive(Clone, Debug)]
pub(crate) enum ParamOp {
    Value(Argument, u8),
    In(Argument, u8),
    ValueAt(Argument, u8),
    Name(Argument, u8),
    Count(u8),
}

fn separator(arguments: &mut Arguments<'_>) -> u8 {
    arguments
        .rest()
        .ok()
        .and_then(|rest| rest.trim_ascii().first().copied())
        .unwrap_or(b';')
}

impl ParamOp {
    pub(crate) fn parse(
        name: &str,
        arguments: &mut Arguments<'_>,
    ) -> Result<Option<ParamOp>, PvError> {
        let text = |arguments: &mut Arguments<'_>| {
            let text = arguments
                .next()
                .ok_or_else(|| PvError::new(0, "a name is missing"))?;
            Argument::parse(text.trim_ascii())
        };
        Ok(Some(match name {
            "value" => ParamOp::Value(text(arguments)?, separator(arguments)),
            "in" => ParamOp::In(text(arguments)?, separator(arguments)),
            "valueat" => ParamOp::ValueAt(arguments.number()?, separator(arguments)),
            "name" => ParamOp::Name(arguments.number()?, separator(arguments)),
            "count" => ParamOp::Count(separator(arguments)),
            _ => return Ok(None),
        }))
    }

    pub(crate) fn apply<'s>(&self, text: &[u8], source: &dyn PvSource) -> PvValue<'s> {
        let separator = match self {
            ParamOp::Value(_, separator)
            | ParamOp::In(_, separator)
            | ParamOp::ValueAt(_, separator)
            | ParamOp::Name(_, separator)
            | ParamOp::Count(separator) => *separator,
        };
        let params = split(text, separator);
        let owned = |part: Option<&[u8]>| PvValue::owned(part.unwrap_or_default().to_vec());
        // The last of a name counts: observed on 5.6.3.
        let named = |name: &[u8]| {
            params
                .iter()
                .rev()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        match self {
            ParamOp::Count(_) => PvValue::Int(i64::try_from(params.len()).unwrap_or(i64::MAX)),
            ParamOp::Value(name, _) => match name.text(source) {
                Some(name) => owned(named(&name).map(|(_, value)| *value)),
                None => PvValue::Null,
            },
            ParamOp::In(name, _) => match name.text(source) {
                Some(name) => PvValue::Int(i64::from(named(&name).is_some())),
                None => PvValue::Null,
            },
            ParamOp::ValueAt(index, _) => match index.number(source) {
                Some(index) => owned(at(&params, index).map(|(_, value)| value)),
                None => PvValue::Null,
            },
            ParamOp::Name(index, _) => match index.number(source) {
                Some(index) => owned(at(&params, index).map(|(name, _)| name)),
                None => PvValue::Null,
            },
        }
    }
}

type Pair<'t> = (&'t [u8], &'t [u8]);

fn at<'t>(params: &[Pair<'t>], index: i64) -> Option<Pair<'t>> {
    let place = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => params
            .len()
            .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    params.get(place).copied()
}

/// Names and values; quotes around values are taken off.
fn split(text: &[u8], separator: u8) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, &octet) in text.iter().chain(std::iter::once(&separator)).enumerate() {
        let ends = octet == separator && (!quoted || at == text.len());
        if ends {
            let param = text.get(start..at).unwrap_or_default().trim_ascii();
            start = at + 1;
            if !param.is_empty() {
                pairs.push(pair(param));
            }
        }
        quoted ^= octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
    }
    pairs
}

fn pair(param: &[u8]) -> Pair<'_> {
    let (name, value) =
        super::super::uri::split_at(param, |octet| octet == b'=').unwrap_or((param, b""));
    let value = value.trim_ascii();
    let inside = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    (name.trim_ascii(), inside.unwrap_or(value))
}
