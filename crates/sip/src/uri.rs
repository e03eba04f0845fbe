//! URIs: sip and sips in full, tel by its parts, all others as scheme and opaque part (RFC 3261 §19.1).

use crate::Transport;
use crate::charset::{self, URI, URI_PARAM, URI_PARAM_PLAIN, USER};
use crate::error::UriError;
use crate::field::Field;
use crate::host::Host;
use crate::params::Params;

/// The scheme of a URI.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel`
    Tel,
    /// `urn`
    Urn,
    /// Any other.
    Other(&'a [u8]),
}

/// A URI, as slices of the octets it was read from.
#[derive(Copy, Clone, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme<'a>,
    /// The user part with its escapes; the number of a tel URI.
    pub user: Option<&'a [u8]>,
    /// The password with its escapes.
    pub password: Option<&'a [u8]>,
    /// The host; [`Host::is_empty`] where the scheme has none.
    pub host: Host<'a>,
    /// The port, if it is there.
    pub port: Option<u16>,
    /// The parameters of a sip, sips or tel URI.
    pub parameters: Params<'a>,
    /// What follows `?`, without it; empty if absent.
    pub headers: &'a [u8],
    /// What follows the colon of the scheme.
    pub opaque: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI that is the whole of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Uri<'a>, UriError> {
        Uri::parse_at(Field::whole(octets), 0)
    }

    /// Reads a URI from `start` to the end of the field.
    #[inline(always)]
    pub(crate) fn parse_at(field: Field<'a>, start: usize) -> Result<Uri<'a>, UriError> {
        let raw = field.slice(start, field.end());
        let (scheme, opaque) = split_scheme(raw)?;
        let uri = Uri {
            scheme,
            user: None,
            password: None,
            host: Host::Name(b""),
            port: None,
            parameters: Params::new(b""),
            headers: b"",
            opaque,
            raw,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => parse_sip(uri, field, field.end() - opaque.len()),
            Scheme::Tel => parse_tel(uri),
            Scheme::Urn | Scheme::Other(_) => {
                if charset::all(opaque, URI) {
                    Ok(uri)
                } else {
                    Err(UriError::Octet)
                }
            }
        }
    }

    /// The octets it was read from.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// True for sip and sips.
    pub const fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The value of a parameter; `None` if it is absent or has no value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.parameters.get(name)?.value
    }

    /// True if the parameter is there, with or without a value.
    pub fn has_param(&self, name: &[u8]) -> bool {
        self.parameters.has(name)
    }

    /// The `transport` parameter, if it names a transport in use here.
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_token(self.param(b"transport")?)
    }

    /// True if `lr` says that the element it names routes loosely (§16.12).
    pub fn lr(&self) -> bool {
        self.has_param(b"lr")
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.param(b"maddr")?)
    }

    /// The port, or the default of the scheme (5060, 5061).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Sips {
            5061
        } else {
            5060
        })
    }

    /// Appends the canonical address of record: `sip:`, the user with only the needed escapes, `@`, and the
    /// host in lower case, without port, password and parameters (§10.3 step 5). A sips URI names the same
    /// resource, so the scheme is always sip. A tel URI keeps its number without visual separators.
    pub fn write_address_of_record(&self, out: &mut Vec<u8>) {
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                out.extend_from_slice(b"sip:");
                if let Some(user) = self.user {
                    write_user(out, user);
                    out.push(b'@');
                }
                self.host.write(out);
            }
            Scheme::Tel => {
                out.extend_from_slice(b"tel:");
                let number = self.user.unwrap_or_default().iter();
                out.extend(
                    number
                        .filter(|octet| !matches!(octet, b'-' | b'.' | b'(' | b')'))
                        .map(u8::to_ascii_lowercase),
                );
            }
            Scheme::Urn | Scheme::Other(_) => out.extend_from_slice(self.raw),
        }
    }
}

/// The user part as its owner would say it: `%HH` decoded. Two users are the same if these octets are.
pub fn unescape(octets: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if !octets.contains(&b'%') {
        return std::borrow::Cow::Borrowed(octets);
    }
    Unescaped(octets)
        .map(|(octet, _)| octet)
        .collect::<Vec<u8>>()
        .into()
}

/// Appends a user part with every octet escaped that may not stand there unescaped.
pub fn write_escaped_user(out: &mut Vec<u8>, user: &[u8]) {
    for &octet in user {
        write_user_octet(out, octet);
    }
}

fn write_user(out: &mut Vec<u8>, user: &[u8]) {
    for (octet, escaped) in Unescaped(user) {
        // A reserved octet and its escape are different (§19.1.4), so each stays what it is.
        if escaped && is_reserved(octet) {
            write_escape(out, octet);
        } else {
            write_user_octet(out, octet);
        }
    }
}

fn write_user_octet(out: &mut Vec<u8>, octet: u8) {
    if octet < 0x80 && octet != b'%' && octet != b'#' && charset::is(octet, USER) {
        out.push(octet);
    } else {
        write_escape(out, octet);
    }
}

fn write_escape(out: &mut Vec<u8>, octet: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[
        b'%',
        DIGITS[usize::from(octet >> 4)],
        DIGITS[usize::from(octet & 15)],
    ]);
}

/// The set `reserved` of RFC 2396 §2.2, for which octet and escape are not equivalent.
pub(crate) fn is_reserved(octet: u8) -> bool {
    matches!(
        octet,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b','
    )
}

/// Octets with their escapes decoded, and whether they were escaped.
pub(crate) struct Unescaped<'a>(pub(crate) &'a [u8]);

impl Iterator for Unescaped<'_> {
    type Item = (u8, bool);
    fn next(&mut self) -> Option<(u8, bool)> {
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (charset::hex_digit(*high), charset::hex_digit(*low))
        {
            self.0 = rest;
            return Some((high << 4 | low, true));
        }
        let (&octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some((octet, false))
    }
}

/// The scheme and what follows its colon.
#[inline]
pub(crate) fn split_scheme(octets: &[u8]) -> Result<(Scheme<'_>, &[u8]), UriError> {
    if let Some((first, rest)) = octets.split_first_chunk::<4>()
        && u32::from_le_bytes(*first) | 0x0020_2020 == u32::from_le_bytes(*b"sip:")
    {
        return Ok((Scheme::Sip, rest));
    }
    other_scheme(octets)
}

fn other_scheme(octets: &[u8]) -> Result<(Scheme<'_>, &[u8]), UriError> {
    let colon = octets
        .iter()
        .position(|&octet| octet == b':')
        .ok_or(UriError::Scheme)?;
    let (name, rest) = octets.split_at_checked(colon).ok_or(UriError::Scheme)?;
    let rest = rest.get(1..).unwrap_or_default();
    let sound = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'));
    if !sound || rest.is_empty() {
        return Err(UriError::Scheme);
    }
    Ok(match name {
        _ if name.eq_ignore_ascii_case(b"sips") => (Scheme::Sips, rest),
        _ if name.eq_ignore_ascii_case(b"tel") => (Scheme::Tel, rest),
        _ if name.eq_ignore_ascii_case(b"urn") => (Scheme::Urn, rest),
        _ => (Scheme::Other(name), rest),
    })
}

/// Reads what follows the scheme of a sip or sips URI, from `start` to the end of the field.
#[inline(always)]
fn parse_sip<'a>(mut uri: Uri<'a>, field: Field<'a>, start: usize) -> Result<Uri<'a>, UriError> {
    let mut at = start;
    let (user_end, mut escapes) = field.user_end(start);
    let sign = match field.get(user_end) {
        Some(b'@') => user_end,
        _ => field.find(user_end, b'@'),
    };
    if sign < field.end() {
        if user_end == start {
            return Err(UriError::UserInfo);
        }
        uri.user = Some(field.slice(start, user_end));
        if user_end != sign {
            let password = field.slice(user_end + 1, sign);
            if field.get(user_end) != Some(b':') || !charset::all(password, USER) {
                return Err(UriError::UserInfo);
            }
            escapes |= password.contains(&b'%');
            uri.password = Some(password);
        }
        at = sign + 1;
    }
    (uri.host, at) = Host::parse_at(field, at).ok_or(UriError::Host)?;
    if field.get(at) == Some(b':') {
        let (port, end) = field.port(at + 1).ok_or(UriError::Port)?;
        uri.port = Some(port);
        at = end;
    }
    let end = parameters_end(field, at, &mut escapes)?;
    uri.parameters = Params::new(field.slice(at, end));
    match field.get(end) {
        None => {}
        Some(b'?') => {
            let headers = field.slice(end + 1, field.end());
            if headers.is_empty() || !headers.iter().all(|&octet| is_header_octet(octet)) {
                return Err(UriError::Headers);
            }
            escapes |= headers.contains(&b'%');
            uri.headers = headers;
        }
        Some(b':') if end == at => return Err(UriError::Port),
        Some(_) if end == at => return Err(UriError::Host),
        Some(_) => return Err(UriError::Parameter),
    }
    if escapes && !charset::escapes_are_sound(uri.raw) {
        return Err(UriError::Escape);
    }
    Ok(uri)
}

/// An octet of the header part: `hname`, `hvalue`, `=` or `&` (§25.1 `headers`).
fn is_header_octet(octet: u8) -> bool {
    matches!(octet, b'?' | b'=') || charset::is(octet, URI_PARAM)
}

/// Where the parameters that begin at `at` end.
#[inline(always)]
pub(crate) fn parameters_end(
    field: Field<'_>,
    at: usize,
    escapes: &mut bool,
) -> Result<usize, UriError> {
    let mut at = at;
    while field.get(at) == Some(b';') {
        let name = at + 1;
        at = name;
        loop {
            while field
                .get(at)
                .is_some_and(|octet| charset::is(octet, URI_PARAM_PLAIN))
            {
                at += 1;
            }
            match field.get(at) {
                Some(b'%') => *escapes = true,
                // Within a value it is not in the grammar, but harmless and met.
                Some(b'=') if at > name => {}
                _ => break,
            }
            at += 1;
        }
        if at == name {
            return Err(UriError::Parameter);
        }
    }
    Ok(at)
}

/// Inlined: called, it would keep the URI of everybody else in memory.
#[inline(always)]
fn parse_tel(mut uri: Uri<'_>) -> Result<Uri<'_>, UriError> {
    let end = memchr::memchr(b';', uri.opaque).unwrap_or(uri.opaque.len());
    let (number, parameters) = uri.opaque.split_at_checked(end).ok_or(UriError::UserInfo)?;
    let dialable = |octet: &u8| {
        octet.is_ascii_hexdigit() || matches!(octet, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#')
    };
    // Separators alone are no number (RFC 3966 §3).
    let is_digit = |octet: &u8| octet.is_ascii_hexdigit() || matches!(octet, b'*' | b'#');
    if !number.iter().all(dialable) || !number.iter().any(is_digit) {
        return Err(UriError::UserInfo);
    }
    let mut escapes = false;
    if parameters_end(Field::whole(parameters), 0, &mut escapes)? != parameters.len() {
        return Err(UriError::Parameter);
    }
    uri.user = Some(number);
    uri.parameters = Params::new(parameters);
    Ok(uri)
}
