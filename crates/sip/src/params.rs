//! Parameters: `;name` and `;name=value`, of URIs and of header fields (RFC 3261 §19.1.1, §25.1 `generic-param`).

use crate::error::FieldError;
use crate::field::{Field, Scope};
use crate::quoted;

/// One parameter.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name; its case does not count.
    pub name: &'a [u8],
    /// The value as it stands, quotes included; `None` without `=`.
    pub value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// The value without its quotes; escapes inside stay (see [`crate::unquote`]).
    pub fn value_unquoted(&self) -> Option<&'a [u8]> {
        self.value.map(quoted::strip_quotes)
    }
}

/// A run of parameters, empty or beginning with `;`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// Parameters in `octets`, which should begin with `;`. Reading stops at the first malformed one.
    pub const fn new(octets: &'a [u8]) -> Params<'a> {
        Params(octets)
    }

    /// The octets.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// True without parameters.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The parameters in their order.
    pub fn iter(&self) -> ParamsIter<'a> {
        ParamsIter {
            octets: self.0,
            at: 0,
        }
    }

    /// The first parameter of that name.
    pub fn get(&self, name: &[u8]) -> Option<Param<'a>> {
        self.iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// True if there is a parameter of that name.
    pub fn has(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first parameter of that name, without quotes.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.get(name)?.value_unquoted()
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = Param<'a>;
    type IntoIter = ParamsIter<'a>;
    fn into_iter(self) -> ParamsIter<'a> {
        self.iter()
    }
}

/// Walks over [`Params`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Iterator for ParamsIter<'a> {
    type Item = Param<'a>;
    fn next(&mut self) -> Option<Param<'a>> {
        match scan(Field::whole(self.octets), self.at) {
            Ok(Some(raw)) => {
                self.at = raw.end;
                let name = self.octets.get(raw.name_start..raw.name_end)?;
                let value = match raw.value_start {
                    0 => None,
                    start => Some(self.octets.get(start..raw.end)?),
                };
                Some(Param { name, value })
            }
            _ => {
                self.at = self.octets.len();
                None
            }
        }
    }
}

/// Where a parameter lies; `value_start` is 0 without a value.
pub(crate) struct RawParam {
    pub(crate) name_start: usize,
    pub(crate) name_end: usize,
    pub(crate) value_start: usize,
    pub(crate) end: usize,
}

/// Reads one parameter from `at`, where LWS may stand before `;`. `None` if there is no `;`.
#[inline(always)]
pub(crate) fn scan<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
) -> Result<Option<RawParam>, FieldError> {
    let mut semicolon = at;
    match field.get(at) {
        Some(b';') => {}
        Some(octet) if octet <= b' ' => {
            semicolon = field.skip_lws(at);
            if field.get(semicolon) != Some(b';') {
                return Ok(None);
            }
        }
        _ => return Ok(None),
    }
    let mut name_start = semicolon + 1;
    let mut name_end = field.name_end(name_start);
    if name_end == name_start {
        name_start = field.skip_lws(name_start);
        name_end = field.name_end(name_start);
        if name_end == name_start {
            return Err(FieldError::Parameter);
        }
    }
    let mut equals = name_end;
    if field.get(equals).is_some_and(|octet| octet <= b' ') {
        equals = field.skip_lws(equals);
    }
    if field.get(equals) != Some(b'=') {
        return Ok(Some(RawParam {
            name_start,
            name_end,
            value_start: 0,
            end: name_end,
        }));
    }
    let value_start = match field.get(equals + 1) {
        Some(octet) if octet <= b' ' => value_behind_space(field, equals + 1),
        _ => equals + 1,
    };
    let end = if field.get(value_start) == Some(b'"') {
        field.quoted_end(value_start).ok_or(FieldError::Quotes)?
    } else {
        field.value_end(value_start)
    };
    Ok(Some(RawParam {
        name_start,
        name_end,
        value_start,
        end,
    }))
}

/// Where a value begins that white space stands before; the white space before no value belongs to what follows, or to
/// nothing.
#[cold]
#[inline(never)]
fn value_behind_space<const FOLDS: bool>(field: Scope<'_, FOLDS>, space: usize) -> usize {
    let at = field.skip_lws(space);
    match field.get(at) {
        Some(b'"') => at,
        _ if field.value_end(at) > at => at,
        _ => space,
    }
}

/// Reads a parameter that begins with these octets, `;name=`, and whose value is not quoted and not empty:
/// where the value starts and ends.
#[inline(always)]
pub(crate) fn simple<const N: usize, const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    begin: &[u8; N],
) -> Option<(usize, usize)> {
    if !field.has(at, begin) {
        return None;
    }
    let end = field.value_end(at + N);
    (end > at + N).then_some((at + N, end))
}

/// True if `name` is `expected`, which is in lower case.
#[inline(always)]
pub(crate) fn is_named<const N: usize>(name: &[u8], expected: &[u8; N]) -> bool {
    name == expected || (name.len() == N && name.eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted_and_spaced() {
        let params = Params::new(b" ;\r\n tag = 98asjd8 ; x=\"a;b\\\"c\";flag;e=");
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all.len(), 4);
        assert_eq!(params.value(b"TAG"), Some(&b"98asjd8"[..]));
        assert_eq!(params.value(b"x"), Some(&b"a;b\\\"c"[..]));
        assert!(params.has(b"flag"));
        assert_eq!(params.get(b"flag").and_then(|param| param.value), None);
        assert_eq!(params.value(b"e"), Some(&b""[..]));
    }

    #[test]
    fn an_empty_parameter_is_an_error() {
        assert!(matches!(
            scan(Field::whole(b";;x"), 0),
            Err(FieldError::Parameter)
        ));
        assert!(matches!(
            scan(Field::whole(b";x=\"a"), 0),
            Err(FieldError::Quotes)
        ));
    }
}
