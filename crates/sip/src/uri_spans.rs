//! Where the parts of a sip or sips Request-URI lie within its message, so that nobody has to read it again.

use crate::host::Host;
use crate::host_span::HostSpan;
use crate::params::Params;
use crate::span::Span;
use crate::uri::{Scheme, Uri};

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
