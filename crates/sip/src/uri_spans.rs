//! Where the parts of a sip or sips URI lie within its message, so that nobody has to read it again.

use crate::host::Host;
use crate::host_span::HostSpan;
use crate::params::Params;
use crate::span::Span;
use crate::uri::{Scheme, Uri};

/// The parts of a sip or sips URI without a header part; the default is none that was kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct UriSpans {
    whole: Span,
    secure: bool,
    has_user: bool,
    has_password: bool,
    user: Span,
    password: Span,
    host: HostSpan,
    port: Option<u16>,
    parameters: Span,
}

impl UriSpans {
    /// Keeps what was read from these octets; nothing of another scheme.
    #[inline]
    pub(crate) fn of(uri: &Uri<'_>, octets: &[u8]) -> UriSpans {
        if !uri.is_sip() {
            return UriSpans::default();
        }
        let span = |part: &[u8]| {
            let start = part.as_ptr().addr().wrapping_sub(octets.as_ptr().addr());
            Span::new(start, start.wrapping_add(part.len()))
        };
        UriSpans {
            whole: span(uri.as_bytes()),
            secure: uri.scheme == Scheme::Sips,
            has_user: uri.user.is_some(),
            has_password: uri.password.is_some(),
            user: span(uri.user.unwrap_or(uri.as_bytes())),
            password: span(uri.password.unwrap_or(uri.as_bytes())),
            host: match uri.host {
                Host::Name(name) => HostSpan::Name(span(name)),
                Host::V4(address) => HostSpan::V4(address),
                Host::V6(address) => HostSpan::V6(address),
            },
            port: uri.port,
            parameters: if uri.parameters.as_bytes().is_empty() {
                Span::ABSENT
            } else {
                span(uri.parameters.as_bytes())
            },
        }
    }

    /// The URI in the octets of its message; `None` if none was kept.
    #[inline]
    pub(crate) fn uri<'a>(&self, octets: &'a [u8]) -> Option<Uri<'a>> {
        let raw = self.whole.of_present(octets)?;
        let (scheme, opaque) = if self.secure {
            (Scheme::Sips, raw.get(b"sips:".len()..)?)
        } else {
            (Scheme::Sip, raw.get(b"sip:".len()..)?)
        };
        Some(Uri {
            scheme,
            user: self.has_user.then(|| self.user.of(octets)),
            password: self.has_password.then(|| self.password.of(octets)),
            host: self.host.of(octets),
            port: self.port,
            parameters: Params::new(self.parameters.of(octets)),
            headers: b"",
            opaque,
            raw,
        })
    }
}
