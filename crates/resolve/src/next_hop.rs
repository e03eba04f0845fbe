//! The next hop as a URI or a Via names it, and the transports this element has (RFC 3263 §4, §5).

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use strowger_sip::{Host, Scheme, Transport, Uri, Via};

use crate::resolution::Target;

/// TARGET of RFC 3263 §4: an address, or a name to ask the DNS about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HopHost {
    /// A numeric address.
    Address(IpAddr),
    /// A name in lower case.
    Name(Box<str>),
}

/// What is to be resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The resource is sips: only TLS will do, and nothing else is ever tried.
    pub secure: bool,
    /// Whom to contact: `maddr` if present, else the host.
    pub host: HopHost,
    /// The explicit port.
    pub port: Option<u16>,
    /// The explicit transport; TLS and WSS here where `secure` says so and the URI says `tcp` or `ws`.
    pub transport: Option<Transport>,
}

/// Why no next hop can be made of a URI.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum NextHopError {
    /// The scheme is not sip or sips.
    Scheme,
    /// The host is absent or not a name the DNS could know.
    Host,
    /// The `transport` parameter names none that is known here.
    Transport,
    /// A sips resource over a transport that cannot be secure.
    Insecure,
}

impl fmt::Display for NextHopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NextHopError::Scheme => "scheme of the next hop is neither sip nor sips",
            NextHopError::Host => "next hop has no usable host",
            NextHopError::Transport => "transport of the next hop is unknown",
            NextHopError::Insecure => "sips next hop over an insecure transport",
        })
    }
}

impl std::error::Error for NextHopError {}

/// Octets of a DNS name, without a final dot (RFC 1035 §2.3.4).
const NAME_OCTETS_MAX: usize = 253;

impl NextHop {
    /// The next hop that a URI names. `secure` is set if the Request-URI is sips, whatever this URI's scheme
    /// (RFC 3261 §16.6 step 7).
    pub fn from_uri(uri: &Uri<'_>, secure: bool) -> Result<NextHop, NextHopError> {
        if !uri.is_sip() {
            return Err(NextHopError::Scheme);
        }
        let secure = secure || uri.scheme == Scheme::Sips;
        let transport = match uri.param(b"transport") {
            Some(token) => Some(Transport::from_token(token).ok_or(NextHopError::Transport)?),
            None => None,
        };
        NextHop::new(
            secure,
            &uri.maddr().unwrap_or(uri.host),
            uri.port,
            transport,
        )
    }

    /// Where a response goes whose flow has failed (RFC 3263 §5): sent-by and the transport of the Via.
    pub fn from_via(via: &Via<'_>) -> Result<NextHop, NextHopError> {
        let transport = via.transport.ok_or(NextHopError::Transport)?;
        NextHop::new(
            transport.is_secure(),
            &via.host(),
            via.port,
            Some(transport),
        )
    }

    /// A next hop from its parts.
    pub fn new(
        secure: bool,
        host: &Host<'_>,
        port: Option<u16>,
        transport: Option<Transport>,
    ) -> Result<NextHop, NextHopError> {
        let transport = match (secure, transport) {
            (true, Some(Transport::Udp)) => return Err(NextHopError::Insecure),
            (true, Some(Transport::Tcp)) => Some(Transport::Tls),
            (true, Some(Transport::Ws)) => Some(Transport::Wss),
            (_, transport) => transport,
        };
        let host = match (host.ip(), host) {
            (Some(address), _) => HopHost::Address(address.to_canonical()),
            (None, Host::Name(name)) => HopHost::Name(dns_name(name).ok_or(NextHopError::Host)?),
            (None, _) => return Err(NextHopError::Host),
        };
        Ok(NextHop {
            secure,
            host,
            port,
            transport,
        })
    }

    /// The one target of a numeric address (RFC 3263 §4.1, §4.2), as a [`crate::Resolution`] would give it; `None` where
    /// a name has to be resolved, or where nothing here reaches the address.
    pub fn numeric_target(&self, local: LocalTransports) -> Option<Target> {
        let HopHost::Address(address) = self.host else {
            return None;
        };
        let transport = self.transport_to(local, Some(address))?;
        let port = self.port.unwrap_or(transport.default_port());
        let sound = !address.is_unspecified() && port != 0;
        sound.then_some(Target {
            transport,
            address: SocketAddr::new(address, port),
            tls_name: None,
            transport_is_free: self.transport_is_free(),
        })
    }

    /// The explicit transport; else UDP, or TLS for sips (RFC 3263 §4.1). Where UDP has no listener TCP will do. `None`
    /// if there is no listener, or none that reaches `address`.
    pub(crate) fn transport_to(
        &self,
        local: LocalTransports,
        address: Option<IpAddr>,
    ) -> Option<Transport> {
        let usable = |transport: &Transport| match address {
            Some(address) => local.reaches(*transport, address),
            None => local.has_transport(*transport),
        };
        match (self.transport, self.secure) {
            (Some(transport), _) => Some(transport).filter(usable),
            (None, true) => Some(Transport::Tls).filter(usable),
            (None, false) => [Transport::Udp, Transport::Tcp].into_iter().find(usable),
        }
    }

    /// True if neither transport nor anything else pins the transport, so that a big request may move to TCP.
    pub const fn transport_is_free(&self) -> bool {
        self.transport.is_none()
    }
}

fn dns_name(name: &[u8]) -> Option<Box<str>> {
    let name = core::str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let sound = !name.is_empty()
        && name.len() <= NAME_OCTETS_MAX
        && name.split('.').all(|label| (1..=63).contains(&label.len()));
    sound.then(|| name.to_ascii_lowercase().into())
}

/// The transports and address families that the element has listeners for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalTransports(u16);

impl LocalTransports {
    /// None.
    pub const fn new() -> LocalTransports {
        LocalTransports(0)
    }
    /// Adds a listener at `address`.
    pub fn insert(&mut self, transport: Transport, address: IpAddr) {
        self.0 |= Self::bit(transport, address.to_canonical().is_ipv4());
    }
    /// True if `address` can be reached over `transport`.
    pub fn reaches(self, transport: Transport, address: IpAddr) -> bool {
        self.has(transport, address.to_canonical().is_ipv4())
    }
    /// True if there is a listener of this transport and address family.
    pub fn has(self, transport: Transport, ipv4: bool) -> bool {
        self.0 & Self::bit(transport, ipv4) != 0
    }
    /// True if there is a listener of this transport.
    pub fn has_transport(self, transport: Transport) -> bool {
        self.has(transport, true) || self.has(transport, false)
    }
    fn bit(transport: Transport, ipv4: bool) -> u16 {
        let index = match transport {
            Transport::Udp => 0,
            Transport::Tcp => 1,
            Transport::Tls => 2,
            Transport::Ws => 3,
            Transport::Wss => 4,
        };
        1 << (index * 2 + u16::from(ipv4))
    }
}
