//! Where the parts of a sip or sips Request-URI lie within its message, so that nobody has to read it again.

use crate::field::Field;
use crate::host::Host;
use crate::host_span::HostSpan;
use crate::params::Params;
use crate::span::Span;
use crate::uri::{Scheme, Uri, parameters_end};

/// The parts of a sip or sips URI without a header part; the default is none that was kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct UriSpans {
    scheme: Kept,
    user: Span,
    password: Span,
    host: HostSpan,
    port: Option<u16>,
    /// Parameters go on from here to the end of the URI.
    parameters_start: u16,
}

/// Who a sip or sips Request-URI names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RequestTarget<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port, if it is there.
    pub port: Option<u16>,
    /// True if there is a user.
    pub has_user: bool,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    Nothing,
    Sip,
    Sips,
}

impl UriSpans {
    /// Keeps what was read from these octets, which end with the URI; nothing of another scheme.
    #[inline(always)]
    pub(crate) fn of(uri: &Uri<'_>, octets: &[u8]) -> UriSpans {
        let scheme = match (uri.scheme, uri.password) {
            // An empty password cannot be told from none.
            (_, Some(b"")) => Kept::Nothing,
            (Scheme::Sip, _) => Kept::Sip,
            (Scheme::Sips, _) => Kept::Sips,
            _ => Kept::Nothing,
        };
        let span = |part: &[u8]| {
            let start = part.as_ptr().addr().wrapping_sub(octets.as_ptr().addr());
            Span::new(start, start.wrapping_add(part.len()))
        };
        // A name is a slice of the octets; a reference runs from behind the user to the port.
        let host = match uri.host {
            Host::Name(name) => span(name),
            Host::V4(_) => Span::ABSENT,
            Host::V6(_) => reference(octets, uri.opaque.len()),
        };
        UriSpans {
            scheme,
            user: uri.user.map_or(Span::ABSENT, span),
            password: uri.password.map_or(Span::ABSENT, span),
            host: HostSpan::of(&uri.host, host),
            port: uri.port,
            parameters_start: (octets.len() - uri.parameters.as_bytes().len()) as u16,
        }
    }

    /// Reads the sip URI that is the rest of the field from `start` on, if nothing in it is unusual: no password, escape or
    /// header part, no IPv6. `None` says no more than that it has to be read by [`Uri::parse_at`].
    #[inline(always)]
    pub(crate) fn plain(field: Field<'_>, start: usize) -> Option<UriSpans> {
        let user_start = start + b"sip:".len();
        if !field.has(start, b"sip:") {
            return None;
        }
        let (user_end, mut escapes) = field.user_end(user_start);
        let has_user = field.get(user_end) == Some(b'@') && user_end > user_start;
        let (user, host_start) = match has_user {
            true => (Span::new(user_start, user_end), user_end + 1),
            false => (Span::ABSENT, user_start),
        };
        if field.get(host_start)? == b'[' {
            return None;
        }
        let (host, mut at) = Host::parse_at(field, host_start)?;
        let host = HostSpan::of(&host, Span::new(host_start, at));
        let mut port = None;
        if field.get(at) == Some(b':') {
            let (number, end) = field.port(at + 1)?;
            (port, at) = (Some(number), end);
        }
        let parameters_start = at as u16;
        if at != field.end() {
            at = parameters_end(field, at, &mut escapes).ok()?;
        }
        (at == field.end() && !escapes).then_some(UriSpans {
            scheme: Kept::Sip,
            user,
            password: Span::ABSENT,
            host,
            port,
            parameters_start,
        })
    }

    /// True for a sip or sips URI without parameters and headers, of the length `end` says.
    #[inline]
    pub(crate) fn is_plain(&self, end: u16) -> bool {
        self.scheme != Kept::Nothing && self.parameters_start == end
    }

    /// True for a sip or sips URI.
    #[inline]
    pub(crate) fn is_sip(&self) -> bool {
        self.scheme != Kept::Nothing
    }

    /// Who is named, in the octets of the message.
    #[inline]
    pub(crate) fn target<'a>(&self, octets: &'a [u8]) -> Option<RequestTarget<'a>> {
        self.is_sip().then(|| RequestTarget {
            host: self.host.host(octets),
            port: self.port,
            has_user: !self.user.is_absent(),
        })
    }

    /// The URI, whole, in the octets of its message; `None` if none was kept.
    #[inline]
    pub(crate) fn uri<'a>(&self, octets: &'a [u8], whole: Span) -> Option<Uri<'a>> {
        let raw = whole.of(octets);
        let (scheme, opaque) = match self.scheme {
            Kept::Nothing => return None,
            Kept::Sip => (Scheme::Sip, raw.get(b"sip:".len()..)?),
            Kept::Sips => (Scheme::Sips, raw.get(b"sips:".len()..)?),
        };
        let parameters = Span {
            start: self.parameters_start,
            end: whole.end,
        };
        Some(Uri {
            scheme,
            user: self.user.of_present(octets),
            password: self.password.of_present(octets),
            host: self.host.host(octets),
            port: self.port,
            parameters: Params::new(parameters.of(octets)),
            headers: b"",
            opaque,
            raw,
        })
    }
}

/// Where the bracketed host of a URI stands whose opaque part ends with the octets.
#[cold]
fn reference(octets: &[u8], opaque_len: usize) -> Span {
    let start = octets.len().saturating_sub(opaque_len);
    let find = |octet: u8, from: usize| {
        let rest = octets.get(from..).unwrap_or_default();
        memchr::memchr(octet, rest).map_or(octets.len(), |at| from + at)
    };
    let open = find(b'[', start);
    Span::new(open, (find(b']', open) + 1).min(octets.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_is_read_as_any_other() {
        for (uri, is_plain) in [
            ("sip:alice@example.test", true),
            ("sip:alice@192.0.2.7:5070;transport=udp;lr", true),
            ("sip:192.0.2.7", true),
            ("sip:example.test:5060", true),
            ("sip:a;b=c@example.test;d", true),
            ("sip:1@1.2.3", false),
            ("sip:@example.test", false),
            ("sip:alice@", false),
            ("sip:", false),
            ("sip:alice@example.test:", false),
            ("sip:alice@example.test:99999", false),
            ("sip:alice@example.test;", false),
            ("sip:alice@example.test x", false),
            ("sip:a@b@c", false),
            // Left to who reads all.
            ("SIP:alice@example.test", false),
            ("sips:alice@example.test", false),
            ("sip:alice:5060@example.test", false),
            ("sip:a%20b@example.test", false),
            ("sip:alice@example.test?subject=x", false),
            ("sip:alice@[2001:db8::1]", false),
            ("tel:+1-201", false),
        ] {
            for behind in ["", " SIP/2.0\r\nVia: SIP/2.0/UDP h;a@b\r\n"] {
                let octets = format!("OPTIONS {uri}{behind}").into_bytes();
                let field = Field::new(&octets, 8 + uri.len());
                let plain = UriSpans::plain(field, 8);
                assert_eq!(plain.is_some(), is_plain, "{uri}{behind}");
                let Some(plain) = plain else { continue };
                let read = Uri::parse(uri.as_bytes()).expect("valid");
                let kept = plain.uri(&octets, Span::new(8, 8 + uri.len()));
                assert_eq!(format!("{:?}", kept.expect("kept")), format!("{read:?}"));
            }
        }
    }
}
