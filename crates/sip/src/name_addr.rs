//! name-addr and addr-spec with parameters: From, To, Route, Record-Route, Path and more (RFC 3261 §20.10, §25.1).

use core::ops::Range;
use std::borrow::Cow;

use crate::charset::{self, TOKEN};
use crate::error::{FieldError, UriError};
use crate::field::{Field, Scope};
use crate::params::{self, Params, is_named};
use crate::quoted;
use crate::span::Span;
use crate::uri::{self, Uri};

/// An address with its display name and parameters.
#[derive(Clone, Debug)]
pub struct NameAddr<'a> {
    /// The display name as it stands, with its quotes; empty if absent (see [`NameAddr::display_name_unquoted`]).
    pub display_name: &'a [u8],
    /// The URI as it stands, without angle brackets.
    pub uri: &'a [u8],
    /// The parameters of the header field (not those of the URI).
    pub params: Params<'a>,
    /// Where the value lies in the octets it was read from, without surrounding LWS.
    pub range: Range<usize>,
    /// True if the URI stands in angle brackets.
    pub bracketed: bool,
    pub(crate) uri_start: usize,
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// Reads the first value of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<NameAddr<'a>, FieldError> {
        NameAddr::parse_at(octets, octets.len(), 0)
    }

    pub(crate) fn parse_at(
        octets: &'a [u8],
        end: usize,
        at: usize,
    ) -> Result<NameAddr<'a>, FieldError> {
        let mut spans = NameAddrSpans::NONE;
        scan(Field::new(octets, end), at, usize::MAX, &mut spans)?;
        Ok(NameAddr::from_spans(octets, &spans))
    }

    #[inline]
    pub(crate) fn from_spans(octets: &'a [u8], spans: &NameAddrSpans) -> NameAddr<'a> {
        NameAddr {
            display_name: spans.display_name.of(octets),
            uri: spans.uri.of(octets),
            params: Params::new(spans.params.of(octets)),
            range: spans.whole.range(),
            bracketed: spans.bracketed,
            uri_start: usize::from(spans.uri.start),
            tag: spans.tag.of_present(octets),
        }
    }

    /// The display name as text: quotes and escapes taken off.
    pub fn display_name_unquoted(&self) -> Cow<'a, [u8]> {
        quoted::unquote(self.display_name)
    }

    /// The URI, read.
    pub fn uri_parsed(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// Where the URI lies in the octets the value was read from.
    pub fn uri_range(&self) -> Range<usize> {
        self.uri_start..self.uri_start + self.uri.len()
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }
}

/// Where the parts of an address lie.
#[derive(Clone, Debug)]
pub(crate) struct NameAddrSpans {
    pub(crate) whole: Span,
    pub(crate) display_name: Span,
    pub(crate) uri: Span,
    pub(crate) params: Span,
    pub(crate) tag: Span,
    pub(crate) bracketed: bool,
}

impl NameAddrSpans {
    /// Nothing read.
    pub(crate) const NONE: NameAddrSpans = NameAddrSpans {
        whole: Span::ABSENT,
        display_name: Span::ABSENT,
        uri: Span::ABSENT,
        params: Span::ABSENT,
        tag: Span::ABSENT,
        bracketed: false,
    };
}

/// Reads the address at `at` into `spans`, of which nothing must have been read.
#[inline(never)]
pub(crate) fn scan<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    parameters_max: usize,
    spans: &mut NameAddrSpans,
) -> Result<(), FieldError> {
    let start = field.skip_lws(at);
    let first = field.get(start).ok_or(FieldError::Empty)?;
    let mut open = start;
    let mut bracketed = true;
    if first == b'"' {
        let quote_end = field.quoted_end(start).ok_or(FieldError::Quotes)?;
        spans.display_name = Span::new(start, quote_end);
        open = field.skip_lws(quote_end);
        if field.get(open) != Some(b'<') {
            return Err(FieldError::DisplayName);
        }
    } else if first != b'<' {
        let token_end = field.token_end(start);
        if field.has(token_end, b" <") {
            open = token_end + 1;
            spans.display_name = Span::new(start, token_end);
        } else if field.get(token_end) == Some(b':') {
            bracketed = false;
        } else {
            open = display_name_end(field, token_end)?;
            let name = charset::trim_end(field.slice(start, open)).len();
            spans.display_name = Span::new(start, start + name);
        }
    }
    spans.bracketed = bracketed;
    let mut end = if bracketed {
        let uri_end = field.uri_end(open + 1);
        if field.get(uri_end) != Some(b'>') {
            return Err(bracket_error(field, uri_end));
        }
        spans.uri = Span::new(open + 1, uri_end);
        if !field.has(open + 1, b"sip:") {
            uri::split_scheme(field.slice(open + 1, uri_end))?;
        }
        uri_end + 1
    } else {
        let uri_end = field.value_end(open);
        spans.uri = Span::new(open, uri_end);
        let uri = field.slice(open, uri_end);
        uri::split_scheme(uri)?;
        if uri.contains(&b'?') {
            // A URI with a question mark has to stand in brackets (§20.10).
            return Err(FieldError::Uri(UriError::Headers));
        }
        uri_end
    };
    let params_start = end;
    let mut count = 0;
    while !field.ends_at(end) {
        let (value_start, value_end) = match params::simple(field, end, b";tag=") {
            Some(value) => value,
            None => {
                let Some(param) = params::scan(field, end)? else {
                    break;
                };
                end = param.end;
                if !is_named(field.slice(param.name_start, param.name_end), b"tag") {
                    count += 1;
                    continue;
                }
                (param.value_start, param.end)
            }
        };
        count += 1;
        end = value_end;
        if !spans.tag.is_absent() {
            return Err(FieldError::RepeatedParameter);
        }
        if value_start == 0 || value_start == value_end {
            return Err(FieldError::Parameter);
        }
        spans.tag = Span::new(value_start, value_end);
    }
    if count > parameters_max {
        return Err(FieldError::TooManyParameters);
    }
    if !field.ends_at(end) {
        let rest = field.skip_lws(end);
        if field.get(rest).is_some_and(|octet| octet != b',') {
            return Err(FieldError::Trailing);
        }
    }
    spans.params = Span::new(params_start, end);
    spans.whole = Span::new(start, end);
    Ok(())
}

/// Position of `<` after a display name of tokens. Octets from 0x80 are let pass: names in UTF-8 without
/// quotes are met.
fn display_name_end<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
) -> Result<usize, FieldError> {
    let mut at = at;
    loop {
        match field.get(at) {
            Some(b'<') => return Ok(at),
            Some(octet) if octet >= 0x80 || charset::is(octet, TOKEN) || field.is_lws(octet) => {
                at += 1;
            }
            _ => return Err(FieldError::DisplayName),
        }
    }
}

#[cold]
fn bracket_error<const FOLDS: bool>(field: Scope<'_, FOLDS>, at: usize) -> FieldError {
    if field.find(at, b'>') < field.end() {
        FieldError::Uri(UriError::Octet)
    } else {
        FieldError::Brackets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_behind_an_empty_value_is_no_part_of_it() {
        for octets in [&b"<sip:a@h>;q= "[..], b"<sip:a@h>;q=\t, <sip:b@h>"] {
            let address = NameAddr::parse(octets).expect("sound");
            assert_eq!(address.params.as_bytes(), b";q=");
            assert_eq!(
                octets.get(address.range.clone()),
                Some(&b"<sip:a@h>;q="[..])
            );
        }
        let address = NameAddr::parse(b"<sip:a@h>;q= ;tag=1").expect("sound");
        assert_eq!(address.tag(), Some(&b"1"[..]));
    }

    fn error(octets: &[u8]) -> Option<FieldError> {
        NameAddr::parse(octets).err()
    }

    #[test]
    fn parameters_of_the_uri_stay_inside_the_brackets() {
        let address =
            NameAddr::parse(b"\"A, \\\"B\\\"\"<sip:a@b;x=1?y=z>;tag=t1 , next").expect("valid");
        assert_eq!(address.uri, b"sip:a@b;x=1?y=z");
        assert_eq!(address.display_name_unquoted().as_ref(), b"A, \"B\"");
        assert_eq!(address.tag(), Some(&b"t1"[..]));
        assert!(address.params.get(b"x").is_none());
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_field() {
        let address = NameAddr::parse(b"\r\n sip:vivekg@example.com ;   tag    = 1918181833n")
            .expect("valid");
        assert_eq!(address.uri, b"sip:vivekg@example.com");
        assert_eq!(address.tag(), Some(&b"1918181833n"[..]));
        assert!(!address.bracketed);
    }

    #[test]
    fn display_names_may_be_several_tokens() {
        let address =
            NameAddr::parse(b"token1~` token2'+_ token3*%!.- <sip:m@example.com>").expect("valid");
        assert_eq!(address.display_name, b"token1~` token2'+_ token3*%!.-");
        assert_eq!(
            NameAddr::parse("Jürgen <sip:j@h>".as_bytes())
                .expect("valid")
                .display_name,
            "Jürgen".as_bytes()
        );
    }

    #[test]
    fn malformed_addresses_are_refused() {
        assert_eq!(
            error(b"\"Mr. J. User <sip:j.user@example.com>"),
            Some(FieldError::Quotes)
        );
        assert_eq!(
            error(b"\"W\" < sip:t.watson@example.org >"),
            Some(FieldError::Uri(UriError::Octet))
        );
        assert_eq!(
            error(b"Bell, Alexander <sip:a@h>"),
            Some(FieldError::DisplayName)
        );
        assert_eq!(error(b"<sip:a@h"), Some(FieldError::Brackets));
        assert_eq!(
            error(b"sip:a@h?Route=x"),
            Some(FieldError::Uri(UriError::Headers))
        );
        assert_eq!(
            error(b"<sip:a@h>;tag=a;tag=b"),
            Some(FieldError::RepeatedParameter)
        );
        assert_eq!(error(b"<sip:a@h>;tag="), Some(FieldError::Parameter));
        assert_eq!(error(b"<sip:a@h> x"), Some(FieldError::Trailing));
        assert_eq!(error(b"ralph@example.com"), Some(FieldError::DisplayName));
        assert_eq!(error(b" "), Some(FieldError::Empty));
    }
}
