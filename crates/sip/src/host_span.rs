//! A host of a message, read once and kept in little space.

use core::net::Ipv4Addr;

use crate::host::Host;
use crate::span::Span;

/// A name or an IPv6 reference by its place, or an IPv4 address; the default is the absent name.
#[derive(Copy, Clone, Debug)]
pub(crate) enum HostSpan {
    Name(Span),
    V4(Ipv4Addr),
    /// With its brackets; read again when it is asked for.
    V6(Span),
}

impl HostSpan {
    /// No host.
    pub(crate) const ABSENT: HostSpan = HostSpan::Name(Span::ABSENT);

    /// What was read, and where it stands.
    #[inline(always)]
    pub(crate) fn of(host: &Host<'_>, place: Span) -> HostSpan {
        match *host {
            Host::Name(_) => HostSpan::Name(place),
            Host::V4(address) => HostSpan::V4(address),
            Host::V6(_) => HostSpan::V6(place),
        }
    }

    /// The host in the octets of its message.
    #[inline(always)]
    pub(crate) fn host(self, octets: &[u8]) -> Host<'_> {
        match self {
            HostSpan::Name(name) => Host::Name(name.of(octets)),
            HostSpan::V4(address) => Host::V4(address),
            HostSpan::V6(place) => reference(place.of(octets)),
        }
    }
}

#[cold]
fn reference(octets: &[u8]) -> Host<'_> {
    Host::parse(octets).unwrap_or(Host::Name(octets))
}

impl Default for HostSpan {
    fn default() -> HostSpan {
        HostSpan::ABSENT
    }
}
