//! When two URIs are the same (RFC 3261 §19.1.4).

use crate::charset;
use crate::params::Params;
use crate::uri::{Scheme, Unescaped, Uri, is_reserved};

/// Parameters that must be in both URIs or in neither. `transport` belongs to them: its absence leaves the
/// transport open, and the section's examples tell it apart.
const NEVER_IGNORED: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

impl Uri<'_> {
    /// True if both name the same resource by the rules of §19.1.4. Not transitive: parameters that stand in
    /// one URI alone do not count. Schemes other than sip and sips: equal octets, the scheme without case;
    /// tel: equal numbers without visual separators.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
                optional_eq(self.user, other.user, false)
                    && optional_eq(self.password, other.password, false)
                    && self.host.eq_ignore_case(&other.host)
                    && self.port == other.port
                    && parameters_match(self.parameters, other.parameters)
                    && headers_match(self.headers, other.headers)
            }
            (Scheme::Tel, Scheme::Tel) => {
                digits(self.user).eq(digits(other.user))
                    && all_in(self.parameters, other.parameters)
                    && all_in(other.parameters, self.parameters)
            }
            (Scheme::Urn, Scheme::Urn) => self.opaque.eq_ignore_ascii_case(other.opaque),
            (Scheme::Other(a), Scheme::Other(b)) => {
                a.eq_ignore_ascii_case(b) && self.opaque == other.opaque
            }
            _ => false,
        }
    }
}

fn digits(number: Option<&[u8]>) -> impl Iterator<Item = u8> {
    let octets = number.unwrap_or_default().iter();
    octets
        .filter(|octet| !matches!(octet, b'-' | b'.' | b'(' | b')'))
        .map(u8::to_ascii_lowercase)
}

fn optional_eq(a: Option<&[u8]>, b: Option<&[u8]>, ignore_case: bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => escaped_eq(a, b, ignore_case),
        _ => false,
    }
}

/// Equality where an octet outside of `reserved` equals its escape.
fn escaped_eq(a: &[u8], b: &[u8], ignore_case: bool) -> bool {
    let canonical = |(octet, escaped): (u8, bool)| {
        let octet = if ignore_case {
            octet.to_ascii_lowercase()
        } else {
            octet
        };
        (octet, escaped && is_reserved(octet))
    };
    Unescaped(a).map(canonical).eq(Unescaped(b).map(canonical))
}

fn parameters_match(a: Params<'_>, b: Params<'_>) -> bool {
    let agree = |from: Params<'_>, to: Params<'_>| {
        from.iter().all(|param| match find(to, param.name) {
            // Of a name that stands twice (not allowed, §19.1.1) the first counts, or a URI would differ from itself.
            Some(other) => {
                optional_eq(param.value, other, true)
                    || find(from, param.name).is_some_and(|first| optional_eq(first, other, true))
            }
            None => !NEVER_IGNORED
                .iter()
                .any(|name| escaped_eq(param.name, name, true)),
        })
    };
    agree(a, b) && agree(b, a)
}

fn all_in(a: Params<'_>, b: Params<'_>) -> bool {
    a.iter().all(|param| {
        let first = find(a, param.name).unwrap_or(param.value);
        find(b, param.name).is_some_and(|other| optional_eq(first, other, true))
    })
}

fn find<'a>(params: Params<'a>, name: &[u8]) -> Option<Option<&'a [u8]>> {
    params
        .iter()
        .find(|param| escaped_eq(param.name, name, true))
        .map(|param| param.value)
}

/// Every header of one is in the other. Values are compared without regard to case: the rules of each header
/// field (§20) would be finer, but a URI with headers in a binding is rare and a false difference is harmless.
fn headers_match(a: &[u8], b: &[u8]) -> bool {
    let covers = |from: &[u8], to: &[u8]| {
        headers(from).all(|(name, value)| {
            headers(to)
                .any(|(other, its)| escaped_eq(name, other, true) && escaped_eq(value, its, true))
        })
    };
    headers(a).count() == headers(b).count() && covers(a, b) && covers(b, a)
}

fn headers(part: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    part.split(|&octet| octet == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            (
                charset::trim(pair.get(..end).unwrap_or_default()),
                pair.get(end + 1..).unwrap_or_default(),
            )
        })
}
