//! Transformations: `{class.name,parameter,…}`, one after the other, each from a value to a value.
//!
//! Null stays null; a number is read as its decimal text. What was observed on Kamailio 5.6.3 stands in the tests.

mod address;
mod encode;
mod line;
mod param;
mod string;
mod uri;

use std::borrow::Cow;

use super::source::PvSource;
use super::spec::{PvError, PvSpec, number};
use super::value::PvValue;
use crate::substitution::Substitution;
use address::AddressOp;
use encode::EncodeOp;
use line::LineOp;
use param::ParamOp;
use string::StringOp;
use uri::UriOp;

/// Octets that a transformation may make (64 KiB); what would be longer is null.
pub const RESULT_OCTETS_MAX: usize = 64 * 1024;
/// Octets of a text whose prefixes `{s.prefixes}` lists (1,024); of a longer one it is null.
pub const PREFIXED_OCTETS_MAX: usize = 1_024;

/// A transformation, read once.
#[derive(Clone, Debug)]
pub(crate) enum Transform {
    String(StringOp),
    Encode(EncodeOp),
    Uri(UriOp),
    Param(ParamOp),
    Address(AddressOp),
    Line(LineOp),
    Substitute(Box<Substitution>),
    Sql(SqlOp),
}

/// How a value is written in an SQL statement.
#[derive(Copy, Clone, Debug)]
pub(crate) enum SqlOp {
    Value,
    Integer,
    Text,
}

/// A parameter: text as it stands, or a pseudo-variable.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Text(Vec<u8>),
    Value(Box<PvSpec>),
}

impl Argument {
    pub(crate) fn parse(text: &[u8]) -> Result<Argument, PvError> {
        let trimmed = text.trim_ascii();
        if trimmed.first() == Some(&b'$') && trimmed.len() > 1 {
            return Ok(Argument::Value(Box::new(PvSpec::parse(trimmed)?)));
        }
        Ok(Argument::Text(text.to_vec()))
    }

    pub(crate) fn text<'s>(&'s self, source: &'s dyn PvSource) -> Option<Cow<'s, [u8]>> {
        match self {
            Argument::Text(text) => Some(Cow::Borrowed(text)),
            Argument::Value(spec) => match spec.read(source) {
                PvValue::Null => None,
                PvValue::Str(text) => Some(text),
                PvValue::Int(number) => Some(Cow::Owned(number.to_string().into_bytes())),
            },
        }
    }

    pub(crate) fn number(&self, source: &dyn PvSource) -> Option<i64> {
        match self {
            Argument::Text(text) => number(text),
            Argument::Value(spec) => match spec.read(source) {
                PvValue::Int(number) => Some(number),
                PvValue::Str(text) => number(&text),
                PvValue::Null => None,
            },
        }
    }
}

/// The arguments of a transformation while it is read.
pub(crate) struct Arguments<'t> {
    rest: Option<&'t [u8]>,
}

impl<'t> Arguments<'t> {
    /// All of what is left, as it stands.
    pub(crate) fn rest(&mut self) -> Result<&'t [u8], PvError> {
        self.rest
            .take()
            .ok_or_else(|| PvError::new(0, "a parameter is missing"))
    }

    /// What stands before the next comma.
    pub(crate) fn next(&mut self) -> Option<&'t [u8]> {
        let rest = self.rest.take()?;
        match super::uri::split_at(rest, |octet| octet == b',') {
            Some((first, more)) => {
                self.rest = Some(more);
                Some(first)
            }
            None => Some(rest),
        }
    }

    /// A number or a pseudo-variable.
    pub(crate) fn number(&mut self) -> Result<Argument, PvError> {
        let text = self
            .next()
            .ok_or_else(|| PvError::new(0, "a number is missing"))?;
        let argument = Argument::parse(text)?;
        match &argument {
            Argument::Text(text) if number(text).is_none() => {
                Err(PvError::new(0, "a number is expected"))
            }
            _ => Ok(argument),
        }
    }

    /// A text or a pseudo-variable.
    pub(crate) fn text(&mut self) -> Result<Argument, PvError> {
        let text = self
            .next()
            .ok_or_else(|| PvError::new(0, "a parameter is missing"))?;
        Argument::parse(text)
    }
}

/// Reads what stands between the braces.
pub(crate) fn parse(text: &[u8]) -> Result<Transform, PvError> {
    let (name, rest) = match super::uri::split_at(text, |octet| octet == b',') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    let mut arguments = Arguments { rest };
    let unknown = || {
        let name = String::from_utf8_lossy(name);
        PvError::new(0, format!("there is no transformation `{name}`"))
    };
    let name = std::str::from_utf8(name).map_err(|_| unknown())?;
    let (class, operation) = name.split_once('.').ok_or_else(unknown)?;
    let transform = match class {
        "s" => match EncodeOp::parse(operation) {
            Some(encode) => Some(Transform::Encode(encode)),
            None => StringOp::parse(operation, &mut arguments)?.map(Transform::String),
        },
        "uri" => UriOp::parse(operation, &mut arguments)?.map(Transform::Uri),
        "param" => ParamOp::parse(operation, &mut arguments)?.map(Transform::Param),
        "tobody" | "nameaddr" => AddressOp::parse(name).map(Transform::Address),
        "line" => LineOp::parse(operation, &mut arguments)?.map(Transform::Line),
        "re" if operation == "subst" => {
            let text = arguments.rest()?;
            let read = Substitution::with_values(text);
            let read = read.map_err(|error| PvError::new(name.len() + 1, error.0))?;
            Some(Transform::Substitute(Box::new(read)))
        }
        "sql" => match operation {
            "val" => Some(Transform::Sql(SqlOp::Value)),
            "val.int" => Some(Transform::Sql(SqlOp::Integer)),
            "val.str" => Some(Transform::Sql(SqlOp::Text)),
            _ => None,
        },
        _ => None,
    };
    transform.ok_or_else(unknown)
}

impl Transform {
    /// The value after the transformation.
    pub(crate) fn apply<'s>(&'s self, value: PvValue<'s>, source: &'s dyn PvSource) -> PvValue<'s> {
        if let Transform::Sql(sql) = self {
            return sql.apply(value);
        }
        if let (Transform::String(StringOp::Integer), PvValue::Int(_)) = (self, &value) {
            return value;
        }
        let text = match value {
            PvValue::Null => return PvValue::Null,
            PvValue::Str(text) => text,
            PvValue::Int(number) => Cow::Owned(number.to_string().into_bytes()),
        };
        let whole = matches!(
            self,
            Transform::Param(_)
                | Transform::Address(_)
                | Transform::Line(_)
                | Transform::Substitute(_)
        );
        if whole && text.is_empty() {
            return PvValue::Null;
        }
        let result = match self {
            Transform::String(operation) => operation.apply(text, source),
            Transform::Encode(operation) => operation.apply(&text),
            Transform::Uri(operation) => operation.apply(&text, source),
            Transform::Param(operation) => operation.apply(&text, source),
            Transform::Address(operation) => operation.apply(&text),
            Transform::Line(operation) => operation.apply(&text, source),
            Transform::Substitute(substitution) => {
                match substitution.apply(&text, &mut |spec, out| spec.read(source).write(out)) {
                    Some(result) => PvValue::owned(result),
                    None => PvValue::Str(text),
                }
            }
            Transform::Sql(_) => PvValue::Null,
        };
        match result {
            PvValue::Str(text) if text.len() > RESULT_OCTETS_MAX => PvValue::Null,
            result => result,
        }
    }
}

impl SqlOp {
    fn apply(self, value: PvValue<'_>) -> PvValue<'_> {
        match (value, self) {
            (PvValue::Null, SqlOp::Value) => PvValue::octets(b"NULL"),
            (PvValue::Null, SqlOp::Integer) => PvValue::octets(b"0"),
            (PvValue::Null, SqlOp::Text) => PvValue::octets(b"''"),
            (PvValue::Int(number), _) => PvValue::owned(number.to_string().into_bytes()),
            (PvValue::Str(text), _) => {
                let mut out = Vec::with_capacity(text.len() + 2);
                out.push(b'\'');
                encode::escape_common(&text, &mut out);
                out.push(b'\'');
                PvValue::owned(out)
            }
        }
    }
}

/// Every transformation, for the coverage page.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    const NAMES: &str = "s.len s.int s.substr s.select s.strip s.striptail s.tolower s.toupper s.trim s.ltrim \
         s.rtrim s.rmws s.rm s.replace s.before s.after s.rbefore s.rafter s.count s.prefixes \
         s.prefixes.quoted s.numeric s.ftime s.fmtlines s.fmtlinet s.unquote s.unbracket s.md5 \
         s.sha256 s.corehash s.encode.hexa s.decode.hexa s.encode.base64 s.decode.base64 \
         s.encode.base64t s.decode.base64t s.encode.base64url s.decode.base64url \
         s.encode.base64urlt s.decode.base64urlt s.escape.common s.unescape.common s.escape.user \
         s.unescape.user s.escape.param s.unescape.param s.escape.csv s.urlencode.param \
         s.urldecode.param uri.user uri.host uri.passwd uri.port uri.params uri.param uri.headers \
         uri.transport uri.ttl uri.uparam uri.maddr uri.method uri.lr uri.r2 uri.scheme \
         uri.tosocket uri.duri uri.saor uri.suri param.value param.in param.valueat param.name \
         param.count tobody.uri tobody.tag tobody.display tobody.params tobody.user tobody.host \
         nameaddr.name nameaddr.uri nameaddr.len line.count line.at line.sw re.subst sql.val \
         sql.val.int sql.val.str";
    NAMES.split_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_known() {
        for name in names() {
            let arguments = match name {
                "re.subst" => ",/a/b/",
                "s.corehash" | "s.prefixes" | "s.prefixes.quoted" => "",
                _ => ",1,1",
            };
            let text = format!("{name}{arguments}");
            assert!(parse(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
