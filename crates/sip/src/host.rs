//! Hosts: names, IPv4 addresses, bracketed IPv6 references (RFC 3261 §19.1.1, §25.1 `host`).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io::Write as _;

use crate::charset::{self, HOST};
use crate::field::{Field, Scope};
use crate::scan;
use crate::span::Span;

/// The host of a URI or of sent-by.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A name; its case does not count (see [`Host::eq_ignore_case`]).
    Name(&'a [u8]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host that is the whole of `octets`; IPv6 with or without brackets.
    pub fn parse(octets: &'a [u8]) -> Option<Host<'a>> {
        if octets.first() != Some(&b'[')
            && octets.contains(&b':')
            && let Some(address) = parse_v6(octets)
        {
            return Some(Host::V6(address));
        }
        match Host::parse_at(Field::whole(octets), 0) {
            Some((host, end)) if end == octets.len() => Some(host),
            _ => None,
        }
    }

    /// Reads a host that starts at `at`; the second value is where it ends.
    #[inline(always)]
    pub(crate) fn parse_at<const FOLDS: bool>(
        field: Scope<'a, FOLDS>,
        at: usize,
    ) -> Option<(Host<'a>, usize)> {
        let first = field.get(at)?;
        if first.is_ascii_digit() || first == b'[' {
            return parse_numeric(field, at, first);
        }
        let end = field.host_end(at);
        (end > at).then(|| (Host::Name(field.slice(at, end)), end))
    }

    /// Where the host ends that starts at `at`. Of an IPv4 address the form is looked at alone: three dots between digits.
    #[inline(always)]
    pub(crate) fn end<const FOLDS: bool>(field: Scope<'_, FOLDS>, at: usize) -> Option<usize> {
        let first = field.get(at)?;
        if first == b'[' {
            return Some(parse_numeric(field, at, first)?.1);
        }
        if first.is_ascii_digit()
            && let Some(near) = field.near(at)
        {
            let (len, dots) = scan::dotted(near);
            let end = at + len;
            // One dot after each of one to three digits, and more digits behind the last.
            let without_first = |dots: u32| dots & dots.wrapping_sub(1);
            let last = without_first(without_first(dots));
            let three = last != 0 && without_first(last) == 0;
            let form = len < 16 && three && dots & (dots << 1 | 1 << (len - 1)) == 0;
            if form && !field.get(end).is_some_and(|octet| charset::is(octet, HOST)) {
                return (end <= field.end()).then_some(end);
            }
        }
        Some(Host::parse_at(field, at)?.1)
    }

    /// The host that stands in this place; what looks like an IPv4 address but is none counts as a name.
    #[inline]
    pub(crate) fn in_place(octets: &'a [u8], place: Span) -> Host<'a> {
        let (start, end) = (usize::from(place.start), usize::from(place.end));
        let field: Field<'_> = Field::new(octets, end);
        match Host::parse_at(field, start) {
            Some((host, last)) if last == end => host,
            _ => Host::Name(place.of(octets)),
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Equality by §19.1.4: names without regard to case, addresses by value; a name never equals an address.
    pub fn eq_ignore_case(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => same_name(a, b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            _ => false,
        }
    }

    /// True if the host is the one that `text` names: a name, or an address with or without brackets.
    pub fn is_named(&self, text: &str) -> bool {
        match self {
            Host::Name(name) => same_name(name, text.as_bytes()),
            // An address has one spelling alone.
            Host::V4(address) => {
                let text = match text.as_bytes() {
                    [b'[', inner @ .., b']'] => inner,
                    text => text,
                };
                v4_of_few(text) == Some((u32::from(*address), text.len()))
            }
            Host::V6(address) => {
                text.contains(':') && text.trim_matches(['[', ']']).parse() == Ok(*address)
            }
        }
    }

    /// True if there is no host (URIs that have none).
    pub fn is_empty(&self) -> bool {
        matches!(self, Host::Name(name) if name.is_empty())
    }

    /// Appends the canonical form: names in lower case, IPv6 in brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Host::Name(name) => out.extend(name.iter().map(u8::to_ascii_lowercase)),
            Host::V4(address) => write_v4(out, *address),
            Host::V6(address) => write_v6(out, *address),
        }
    }
}

/// Equality without regard to case; most names are written the same way.
#[inline]
fn same_name(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a == b || a.eq_ignore_ascii_case(b))
}

/// Appends an address as a host: IPv6 in brackets.
pub fn write_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => write_v4(out, address),
        IpAddr::V6(address) => write_v6(out, address),
    }
}

/// The decimal digits of each octet with a dot behind them, and how many octets that is.
static DOTTED: [([u8; 4], u8); 256] = {
    let mut table = [([b'.'; 4], 0); 256];
    let mut i = 0;
    while i < 256 {
        let digits = [
            b'0' + (i / 100) as u8,
            b'0' + (i / 10 % 10) as u8,
            b'0' + (i % 10) as u8,
        ];
        let skip = if i >= 100 {
            0
        } else {
            if i >= 10 { 1 } else { 2 }
        };
        let mut at = skip;
        while at < 3 {
            table[i].0[at - skip] = digits[at];
            at += 1;
        }
        table[i].1 = 4 - skip as u8;
        i += 1;
    }
    table
};

/// Puts an address into `text`: how many octets it takes. What is behind them is of no meaning.
#[inline(always)]
pub(crate) fn dotted_quad(text: &mut [u8; 16], address: Ipv4Addr) -> usize {
    let mut len = 0;
    for octet in address.octets() {
        let (dotted, count) = &DOTTED[usize::from(octet)];
        if let Some(place) = text.get_mut(len..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *dotted;
        }
        len += usize::from(*count);
    }
    len - 1
}

fn write_v4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let mut text = [0; 16];
    let len = dotted_quad(&mut text, address);
    out.extend_from_slice(text.get(..len).unwrap_or_default());
}

fn write_v6(out: &mut Vec<u8>, address: Ipv6Addr) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "[{address}]");
}

/// Longest IPv6 reference: eight groups, the last two as an IPv4 address, a colon too many, brackets.
const REFERENCE_OCTETS_MAX: usize = 48;

/// Reads an address, or a name that begins with a digit.
#[inline]
fn parse_numeric<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    first: u8,
) -> Option<(Host<'_>, usize)> {
    if first == b'[' {
        let field = field.until(at + REFERENCE_OCTETS_MAX);
        let close = field.find(at, b']');
        if close == field.end() {
            return None;
        }
        return Some((Host::V6(parse_v6(field.slice(at + 1, close))?), close + 1));
    }
    if let Some((address, end)) = parse_v4_at(field, at)
        && !field.get(end).is_some_and(|octet| charset::is(octet, HOST))
    {
        return Some((Host::V4(address), end));
    }
    let end = field.host_end(at);
    let name = field.slice(at, end);
    // A last label of digits alone can only be meant as an address (§25.1 `toplabel`).
    let last = name
        .rsplit(|&octet| octet == b'.')
        .next()
        .unwrap_or_default();
    if name.contains(&b'.') && last.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((Host::Name(name), end))
}

/// Reads an IPv4 address and where it ends.
#[inline(always)]
fn parse_v4_at<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    start: usize,
) -> Option<(Ipv4Addr, usize)> {
    let (address, len) = match field.near(start) {
        Some(near) => v4_of_near(near)?,
        None => v4_of_few(field.slice(start, field.end()))?,
    };
    (start + len <= field.end()).then(|| (Ipv4Addr::from(address), start + len))
}

/// The address that these octets begin with, and how many of them it takes.
#[inline(always)]
fn v4_of_near(near: &[u8; 16]) -> Option<(u32, usize)> {
    let (len, dots) = scan::dotted(near);
    let without_first = |dots: u32| dots & dots.wrapping_sub(1);
    let (second, third) = (without_first(dots), without_first(without_first(dots)));
    if third == 0 || without_first(third) != 0 {
        return None;
    }
    let place = |dots: u32| dots.trailing_zeros() as usize;
    let a = decimal_octet(near, 0, place(dots))?;
    let b = decimal_octet(near, place(dots) + 1, place(second))?;
    let c = decimal_octet(near, place(second) + 1, place(third))?;
    let d = decimal_octet(near, place(third) + 1, len)?;
    Some((a << 24 | b << 16 | c << 8 | d, len))
}

/// The same of fewer than sixteen octets, or of as many as an address can have.
#[inline(always)]
fn v4_of_few(octets: &[u8]) -> Option<(u32, usize)> {
    let mut near = [0; 16];
    let few = octets.get(..16).unwrap_or(octets);
    near.get_mut(..few.len())?.copy_from_slice(few);
    v4_of_near(&near)
}

/// One to three digits, as a number up to 255. A leading zero would be octal to some and decimal to others.
#[inline(always)]
fn decimal_octet(near: &[u8; 16], from: usize, to: usize) -> Option<u32> {
    let count = to.wrapping_sub(from);
    // The last one begins at the twelfth octet at the latest.
    let octets = near.get(from..)?.first_chunk::<4>()?;
    if count == 1 {
        return Some(u32::from(octets[0] & 0x0f));
    }
    if !(2..=3).contains(&count) || octets[0] == b'0' {
        return None;
    }
    // The last digit becomes the highest octet; what is not a digit falls off.
    let digits = (u32::from_le_bytes(*octets) << (8 * (4 - count))) & 0x0f0f_0f00;
    let value = (digits >> 24) + 10 * (digits >> 16 & 0xff) + 100 * (digits >> 8 & 0xff);
    (value <= 255).then_some(value)
}

/// Reads an IPv6 address. The three colons that the grammar of RFC 2373 allowed before an
/// embedded IPv4 address are taken as two (RFC 5118 §4.10).
fn parse_v6(octets: &[u8]) -> Option<Ipv6Addr> {
    let text = core::str::from_utf8(octets).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let at = text.find(":::")?;
    if text.len() > 48 {
        return None;
    }
    let mut fixed = String::with_capacity(text.len());
    fixed.push_str(text.get(..at)?);
    fixed.push_str(text.get(at + 1..)?);
    fixed.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_told_apart() {
        assert_eq!(
            Host::parse(b"192.0.2.1"),
            Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1)))
        );
        assert_eq!(
            Host::parse(b"192.0.2.1.example"),
            Some(Host::Name(b"192.0.2.1.example"))
        );
        assert_eq!(
            Host::parse(b"3com.example"),
            Some(Host::Name(b"3com.example"))
        );
        assert_eq!(Host::parse(b"[2001:db8::1]"), Host::parse(b"2001:db8:0::1"));
        assert_eq!(Host::parse(b"localhost"), Some(Host::Name(b"localhost")));
    }

    #[test]
    fn an_address_reads_the_same_with_and_without_octets_behind_it() {
        for text in [
            "192.0.2.1",
            "1.2.3.4",
            "255.255.255.255",
            "0.0.0.0",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1234",
            "1.2.3",
            "1.2.3.",
            "1..2.3",
            "1.2.3.4.5",
            "1.2.3.4.",
            "00.1.2.3",
            "999.1.1.1",
            "1.2.3.4x",
        ] {
            let longer = format!("{text};and more octets");
            let alone = parse_v4_at(Field::whole(text.as_bytes()), 0);
            assert_eq!(
                alone,
                parse_v4_at(Field::whole(longer.as_bytes()), 0),
                "{text}"
            );
        }
    }

    #[test]
    fn a_text_names_a_host_in_any_case_and_with_or_without_brackets() {
        for (host, text) in [
            (&b"example.com"[..], "Example.COM"),
            (b"192.0.2.1", "192.0.2.1"),
            (b"192.0.2.1", "[192.0.2.1]"),
            (b"[2001:db8::1]", "2001:db8:0::1"),
            (b"[2001:db8::1]", "[2001:DB8::1]"),
        ] {
            let host = Host::parse(host).expect("a host");
            assert!(host.is_named(text), "{text}");
            for other in [
                "example.org",
                "192.0.2.10",
                "[192.0.2.10]",
                "::",
                "[",
                "]",
                "",
            ] {
                assert!(!host.is_named(other), "{other}");
            }
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            &b"192.0.2.256"[..],
            b"192.0.2",
            b"1.2.3.4.5",
            b"192.0.2.010",
            b"[2001:db8::g]",
            b"[::1",
            b"",
            b"a b",
        ] {
            assert_eq!(Host::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn three_colons_before_an_embedded_address_are_two() {
        assert_eq!(
            Host::parse(b"[2001:db8:::192.0.2.1]"),
            Host::parse(b"[2001:db8::192.0.2.1]")
        );
    }

    #[test]
    fn writes_the_canonical_form() {
        let mut out = Vec::new();
        for host in [&b"ExAmple.COM"[..], b"192.0.2.1", b"[2001:DB8:0:0::1]"] {
            if let Some(host) = Host::parse(host) {
                host.write(&mut out);
                out.push(b' ');
            }
        }
        assert_eq!(out, b"example.com 192.0.2.1 [2001:db8::1] ");
    }
}
