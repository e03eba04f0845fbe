//! CSeq and RAck (RFC 3261 §20.16, §8.1.1.5; RFC 3262 §7.2).

use crate::charset::{self, LWS};
use crate::error::FieldError;
use crate::field::{Field, Scope};
use crate::method::Method;
use crate::span::Span;

/// Sequence numbers stay below 2^31 (§8.1.1.5).
pub const CSEQ_MAX: u32 = 0x7fff_ffff;

/// The CSeq of a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a value that is the whole of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<CSeq<'a>, FieldError> {
        let Scanned { number, method, .. } = scan(Field::whole(octets), 0, b"")?;
        Ok(CSeq {
            number,
            method: Method::from_bytes(method.of(octets)),
        })
    }
}

/// The RAck of a PRACK.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq of the response that is confirmed.
    pub rseq: u32,
    /// The CSeq of the response that is confirmed.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a value that is the whole of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<RAck<'a>, FieldError> {
        let octets = charset::trim(octets);
        let end = octets
            .iter()
            .position(|octet| !octet.is_ascii_digit())
            .unwrap_or(octets.len());
        let (digits, rest) = octets.split_at_checked(end).unwrap_or_default();
        let rseq = charset::decimal(digits, u64::from(u32::MAX)).ok_or(FieldError::Number)? as u32;
        if !rest.first().is_some_and(|&octet| charset::is(octet, LWS)) {
            return Err(FieldError::Syntax);
        }
        Ok(RAck {
            rseq,
            cseq: CSeq::parse(charset::trim(rest))?,
        })
    }
}

/// The parts of a CSeq.
pub(crate) struct Scanned {
    pub(crate) number: u32,
    pub(crate) method: Span,
    /// True if the method is the expected one.
    pub(crate) expected: bool,
}

/// Reads number and method from `at` to the end. `expected` is the method that is likely, or empty.
#[inline]
pub(crate) fn scan<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    expected: &[u8],
) -> Result<Scanned, FieldError> {
    let start = field.skip_lws(at);
    let (number, digits_end) = field.number(start).ok_or(FieldError::Number)?;
    if number > u64::from(CSEQ_MAX) {
        return Err(FieldError::Number);
    }
    let method_start = match field.get(digits_end) {
        Some(b' ') => field.skip_lws(digits_end + 1),
        _ => field.skip_lws(digits_end),
    };
    if method_start == digits_end {
        return Err(FieldError::Method);
    }
    // That of the request mostly, and a token therefore.
    let likely_end = method_start + expected.len();
    if field.ends_at(likely_end)
        && !expected.is_empty()
        && field.slice(method_start, likely_end) == expected
    {
        let method = Span::new(method_start, likely_end);
        return Ok(Scanned {
            number: number as u32,
            method,
            expected: true,
        });
    }
    let method_end = field.token_end(method_start);
    if method_end == method_start {
        return Err(FieldError::Method);
    }
    if !field.ends_at(method_end) && !field.ends_at(field.skip_lws(method_end)) {
        return Err(FieldError::Trailing);
    }
    let method = Span::new(method_start, method_end);
    let expected = field.slice(method_start, method_end) == expected;
    Ok(Scanned {
        number: number as u32,
        method,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_two_to_the_31() {
        assert_eq!(
            CSeq::parse(b"2147483647 INVITE"),
            Ok(CSeq {
                number: CSEQ_MAX,
                method: Method::Invite
            })
        );
        assert_eq!(CSeq::parse(b"2147483648 INVITE"), Err(FieldError::Number));
        assert_eq!(
            CSeq::parse(b"36893488147419103232 REGISTER"),
            Err(FieldError::Number)
        );
        assert_eq!(
            CSeq::parse(b"0009\r\n  INVITE").map(|cseq| cseq.number),
            Ok(9)
        );
    }

    #[test]
    fn number_and_method_are_both_needed() {
        for bad in [
            &b"INVITE"[..],
            b"1",
            b"1INVITE",
            b"1 INVITE x",
            b"-1 INVITE",
            b"",
        ] {
            assert!(CSeq::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn rack_names_the_response() {
        let rack = RAck::parse(b"776656 1 INVITE").expect("valid");
        assert_eq!(
            (rack.rseq, rack.cseq.number, rack.cseq.method),
            (776_656, 1, Method::Invite)
        );
        assert!(RAck::parse(b"1 INVITE").is_err());
    }
}
