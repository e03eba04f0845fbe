//! Classes of octets, one table look-up per test (RFC 3261 §25.1).

use crate::scan;

/// `token`: names of header fields, methods, parameters.
pub(crate) const TOKEN: u16 = 1;
/// `hostname`; underscore too, which names in the field carry.
pub(crate) const HOST: u16 = 2;
/// `user` and `password` of a URI, `%` included; `#` and octets from 0x80 too, which phones send unescaped.
pub(crate) const USER: u16 = 4;
/// `paramchar` of a URI, `%` included, and octets from 0x80.
pub(crate) const URI_PARAM: u16 = 8;
/// A parameter name as far as it has to end somewhere: [`VALUE`] without `=`.
pub(crate) const NAME_RUN: u16 = 16;
/// `LWS`: space, tab and the CR LF of a fold.
pub(crate) const LWS: u16 = 32;
/// An unquoted value of a header parameter: no control, space or one of `; , " < >`.
pub(crate) const VALUE: u16 = 64;
/// What no URI of any scheme goes beyond: no control, space or one of `" < >`.
pub(crate) const URI: u16 = 128;
/// Everything but controls, space and DEL.
pub(crate) const VISIBLE: u16 = 256;
/// [`URI_PARAM`] without `%`.
pub(crate) const URI_PARAM_PLAIN: u16 = 1024;
/// Everything beyond CR.
pub(crate) const NO_CONTROL: u16 = 512;

/// `hostname` in lower case, without the underscore.
pub(crate) const PLAIN_HOST: u16 = 2048;

const fn build() -> [u16; 256] {
    let mut table = [0_u16; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut class = 0;
        let alphanumeric = b.is_ascii_alphanumeric();
        let mark = matches!(
            b,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        );
        let unreserved = alphanumeric || mark;
        if alphanumeric
            || matches!(
                b,
                b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
            )
        {
            class |= TOKEN;
        }
        if alphanumeric || matches!(b, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        if unreserved
            || b >= 0x80
            || matches!(
                b,
                b'%' | b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#'
            )
        {
            class |= USER;
        }
        if unreserved
            || b >= 0x80
            || matches!(b, b'%' | b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
        {
            class |= URI_PARAM;
        }
        if matches!(b, b' ' | b'\t' | b'\r' | b'\n') {
            class |= LWS;
        }
        if b > b' ' && !matches!(b, b';' | b',' | b'"' | b'<' | b'>') {
            class |= VALUE;
            if b != b'=' {
                class |= NAME_RUN;
            }
        }
        if b > b' ' && !matches!(b, b'"' | b'<' | b'>') {
            class |= URI;
        }
        if b > b' ' && b != 0x7f {
            class |= VISIBLE;
        }
        if class & URI_PARAM != 0 && b != b'%' {
            class |= URI_PARAM_PLAIN;
        }
        if b > b'\r' {
            class |= NO_CONTROL;
        }
        if b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.') {
            class |= PLAIN_HOST;
        }
        table[i] = class;
        i += 1;
    }
    table
}

static CLASS: [u16; 256] = build();

/// True if `octet` belongs to one of the classes in `mask`.
#[inline(always)]
pub(crate) fn is(octet: u8, mask: u16) -> bool {
    CLASS[octet as usize] & mask != 0
}

/// The first position from `at` whose octet is in none of the classes of `mask`.
#[inline(always)]
pub(crate) fn skip(octets: &[u8], mut at: usize, mask: u16) -> usize {
    while let Some(&octet) = octets.get(at) {
        if !is(octet, mask) {
            break;
        }
        at += 1;
    }
    at
}

/// True if every octet is in a class of `mask`.
#[inline]
pub(crate) fn all(octets: &[u8], mask: u16) -> bool {
    octets.iter().all(|&octet| is(octet, mask))
}

/// Without leading and trailing LWS.
#[inline]
pub(crate) fn trim(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let [first, tail @ ..] = rest {
        if !is(*first, LWS) {
            break;
        }
        rest = tail;
    }
    trim_end(rest)
}

/// Without trailing LWS.
#[inline]
pub(crate) fn trim_end(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let [head @ .., last] = rest {
        if !is(*last, LWS) {
            break;
        }
        rest = head;
    }
    rest
}

/// A decimal number of at most `max`, which is below 2^32; digits only, at least one, and no more than nineteen.
#[inline]
pub(crate) fn decimal(octets: &[u8], max: u64) -> Option<u64> {
    if octets.is_empty() || octets.len() > 19 {
        return None;
    }
    let mut number = 0_u64;
    for &octet in octets {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits stay below 2^64.
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (number <= max).then_some(number)
}

/// The value of a hexadecimal digit.
#[inline]
pub(crate) fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// True if every `%` is followed by two hexadecimal digits.
pub(crate) fn escapes_are_sound(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(at) = memchr::memchr(b'%', rest) {
        match rest.get(at + 1..at + 3) {
            Some([high, low]) if hex_digit(*high).is_some() && hex_digit(*low).is_some() => {}
            _ => return false,
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

/// Appends a decimal number.
#[inline]
pub(crate) fn write_decimal(out: &mut Vec<u8>, number: u64) {
    match number {
        0..10 => out.push(b'0' + number as u8),
        10..100 => out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]),
        _ => write_long_decimal(out, number),
    }
}

#[inline(never)]
fn write_long_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends a value that must stay in its field: CR, LF and NUL become spaces.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    let start = out.len();
    out.extend_from_slice(value);
    blank_line_breaks(out.get_mut(start..).unwrap_or_default());
}

/// Turns CR, LF and NUL into spaces.
#[inline]
pub(crate) fn blank_line_breaks(octets: &mut [u8]) {
    let first = scan::control(octets, 0);
    if first < octets.len() {
        blank_from(octets, first);
    }
}

#[cold]
fn blank_from(octets: &mut [u8], first: usize) {
    for octet in octets.iter_mut().skip(first) {
        if matches!(*octet, b'\r' | b'\n' | 0) {
            *octet = b' ';
        }
    }
}
