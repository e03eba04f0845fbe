//! A host of a message, read once and kept.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::host::Host;
use crate::span::Span;

/// A name by its place, or an address; the default is the absent name.
#[derive(Copy, Clone, Debug)]
pub(crate) enum HostSpan {
    Name(Span),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl HostSpan {
    /// No host.
    pub(crate) const ABSENT: HostSpan = HostSpan::Name(Span::ABSENT);

    /// The host in the octets of its message.
    #[inline(always)]
    pub(crate) fn of(self, octets: &[u8]) -> Host<'_> {
        match self {
            HostSpan::Name(name) => Host::Name(name.of(octets)),
            HostSpan::V4(address) => Host::V4(address),
            HostSpan::V6(address) => Host::V6(address),
        }
    }
}

impl Default for HostSpan {
    fn default() -> HostSpan {
        HostSpan::ABSENT
    }
}
