//! CSeq and RAck (RFC 3261 §20.16, §8.1.1.5; RFC 3262 §7.2).

use crate::charset::{self, LWS};
use crate::error::FieldError;
use crate::field::Field;
use crate::method::Method;
use crate::span::Span;

/// Sequence numbers stay below 2^31 (§8.1.1.5).
pub const CSEQ_MAX: u32 = 0x7fff_ffff;

/// Digits of a sequence number, leading zeros included: no more than 64 bits hold.
const DIGITS_MAX: usize = 19;

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
        let (number, method) = scan(Field::whole(octets), 0)?;
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

/// Reads number and method from `at` to the end.
#[inline]
pub(crate) fn scan(field: Field<'_>, at: usize) -> Result<(u32, Span), FieldError> {
    let start = field.skip_lws(at);
    let mut number = 0_u64;
    let mut digits_end = start;
    while let Some(octet @ b'0'..=b'9') = field.get(digits_end) {
        // Wraps only beyond the digits that are allowed below.
        number = number
            .wrapping_mul(10)
            .wrapping_add(u64::from(octet - b'0'));
        digits_end += 1;
    }
    if digits_end == start || digits_end - start > DIGITS_MAX || number > u64::from(CSEQ_MAX) {
        return Err(FieldError::Number);
    }
    let method_start = match field.get(digits_end) {
        Some(b' ') => field.skip_lws(digits_end + 1),
        _ => field.skip_lws(digits_end),
    };
    let method_end = field.token_end(method_start);
    if method_start == digits_end || method_end == method_start {
        return Err(FieldError::Method);
    }
    if method_end != field.end() && field.skip_lws(method_end) != field.end() {
        return Err(FieldError::Trailing);
    }
    Ok((number as u32, Span::new(method_start, method_end)))
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
