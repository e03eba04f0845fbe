//! Media types: Content-Type and Accept (RFC 3261 §20.1, §20.15).

use crate::charset::{self, LWS, TOKEN};
use crate::contact::parse_q;
use crate::error::FieldError;
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::list::ListItems;
use crate::message::Message;
use crate::params::{self, Params};

/// A media type or range.
#[derive(Copy, Clone, Debug)]
pub struct MediaType<'a> {
    /// The type, `*` in a range.
    pub kind: &'a [u8],
    /// The subtype, `*` in a range.
    pub subtype: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads a value that is the whole of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<MediaType<'a>, FieldError> {
        let octets = charset::trim(octets);
        let kind_end = charset::skip(octets, 0, TOKEN);
        let slash = charset::skip(octets, kind_end, LWS);
        if kind_end == 0 || octets.get(slash) != Some(&b'/') {
            return Err(FieldError::Syntax);
        }
        let subtype_start = charset::skip(octets, slash + 1, LWS);
        let subtype_end = charset::skip(octets, subtype_start, TOKEN);
        if subtype_end == subtype_start {
            return Err(FieldError::Syntax);
        }
        let mut end = subtype_end;
        while let Some(param) = params::scan(Field::whole(octets), end)? {
            end = param.end;
        }
        if end != octets.len() {
            return Err(FieldError::Trailing);
        }
        Ok(MediaType {
            kind: octets.get(..kind_end).unwrap_or_default(),
            subtype: octets.get(subtype_start..subtype_end).unwrap_or_default(),
            params: Params::new(octets.get(subtype_end..).unwrap_or_default()),
        })
    }

    /// True for this type and subtype, without regard to case and parameters.
    pub fn is(&self, kind: &[u8], subtype: &[u8]) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// True if this range covers the type.
    pub fn covers(&self, kind: &[u8], subtype: &[u8]) -> bool {
        (self.kind == b"*" || self.kind.eq_ignore_ascii_case(kind))
            && (self.subtype == b"*" || self.subtype.eq_ignore_ascii_case(subtype))
    }
}

impl Message {
    /// Content-Type; `None` if absent.
    pub fn content_type(&self) -> Option<Result<MediaType<'_>, FieldError>> {
        self.header(HeaderName::ContentType)
            .map(|header| MediaType::parse(header.value))
    }

    /// True if Accept covers the type with a preference above 0. Without Accept that is `application/sdp` alone; an
    /// empty Accept covers nothing (§20.1).
    pub fn accepts(&self, kind: &[u8], subtype: &[u8]) -> bool {
        if !self.has_header(HeaderName::Accept) {
            return kind.eq_ignore_ascii_case(b"application")
                && subtype.eq_ignore_ascii_case(b"sdp");
        }
        self.headers_named(HeaderName::Accept)
            .flat_map(|header| ListItems::new(header.value))
            .any(|item| {
                MediaType::parse(item).is_ok_and(|range| {
                    range.covers(kind, subtype)
                        && range
                            .params
                            .value(b"q")
                            .is_none_or(|q| parse_q(q) != Some(0))
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_parameters() {
        let media = MediaType::parse(b"multipart/mixed ; boundary=\"a;b\"").expect("valid");
        assert!(media.is(b"Multipart", b"MIXED"));
        assert_eq!(media.params.value(b"boundary"), Some(&b"a;b"[..]));
        assert!(MediaType::parse(b"text").is_err());
        assert!(MediaType::parse(b"text/").is_err());
        assert!(MediaType::parse(b"*/*").expect("valid").covers(b"a", b"b"));
    }
}
