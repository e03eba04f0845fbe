//! Settings of an element: immutable, validated as a whole by whoever builds them, swapped as one `Arc`.

use std::net::SocketAddr;

use strowger_proxy::ProxySettings;
use strowger_registrar::{AuthSettings, RegistrarSettings};
use strowger_resolve::ResolveSettings;
use strowger_routing::PolicyChoice;
use strowger_sip::{Host, Limits, Transport};
use strowger_transaction::{ListenerId, TableLimits, TimerSettings};

use crate::admission::AdmissionSettings;
use crate::sources::SourceLimits;

/// One listening address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its transport.
    pub transport: Transport,
    /// The bound address; never a wildcard (those are expanded before).
    pub address: SocketAddr,
    /// Host and port to write into Via and Record-Route instead of the bound address.
    pub advertised: Option<(Box<str>, u16)>,
}

/// Reasons of the 400 to requests that cannot be parsed; `None` says it in our words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MalformedReasons {
    /// CSeq has another method than the request line.
    pub cseq_method: Option<Box<str>>,
    /// Content-Length is more than there is.
    pub content_length: Option<Box<str>>,
}

/// Habits of other servers, which a door selects; natively all are off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// An INVITE that is relayed is answered 100 at once, with this reason.
    pub trying_reason: Option<Box<str>>,
    /// The reason of the 200 to a CANCEL.
    pub cancel_reason: Option<Box<str>>,
    /// A next hop that cannot be found is 478, one that cannot be reached 477.
    pub failure_statuses: bool,
    /// A request whose program failed is left without an answer instead of answered 500.
    pub silent_on_program_failure: bool,
    /// Of several 401 or 407 one of our own is made, with the challenges of all.
    pub own_challenges: bool,
    /// Malformed requests are answered with these reasons.
    pub malformed: MalformedReasons,
}

/// All settings of one element.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Number of shards; fixed while the process lives.
    pub shards: u16,
    /// Node number in tokens; 0 without a cluster.
    pub node: u16,
    /// Listeners; a `ListenerId` is an index here.
    pub listeners: Vec<Listener>,
    /// Local domains in lower case; the first is the default.
    pub domains: Vec<Box<str>>,
    /// Limits of the parser.
    pub message: Limits,
    /// Transaction timers.
    pub timers: TimerSettings,
    /// Sizes of the transaction tables, per shard.
    pub transactions: TableLimits,
    /// Per-source limits.
    pub sources: SourceLimits,
    /// What is said to those who are not let in.
    pub admission: AdmissionSettings,
    /// Digest authentication.
    pub auth: AuthSettings,
    /// Registrar.
    pub registrar: RegistrarSettings,
    /// Proxy.
    pub proxy: ProxySettings,
    /// Finding the next hop.
    pub resolve: ResolveSettings,
    /// Who decides: the native policy or a program.
    pub policy: PolicyChoice,
    /// Every domain counts as the first for bindings and accounts (`use_domain=0` of others).
    pub one_domain: bool,
    /// Habits of others.
    pub compatibility: Compatibility,
    /// True if a REGISTER waits for the journal before its 200.
    pub durable: bool,
    /// Value of a Server header field in our own responses; none by default.
    pub server_header: Option<Box<str>>,
}

impl Settings {
    /// The local domain that a URI host stands for: itself if it is one, the first domain if it is a listening or
    /// advertised address of ours; `None` for a foreign host.
    pub fn domain_of(&self, host: &Host<'_>) -> Option<&str> {
        let named = self.named_domain(host);
        match named {
            Some(domain) => Some(domain),
            None if self.is_own_host(host) => {
                Some(self.domains.first().map_or("", |domain| domain))
            }
            None => None,
        }
    }

    /// The domain under which bindings and accounts of users at this host are kept; `None` for a foreign host.
    pub fn record_domain(&self, host: &Host<'_>) -> Option<&str> {
        if self.one_domain {
            return self.domains.first().map(|domain| &**domain);
        }
        self.domain_of(host)
    }

    fn named_domain(&self, host: &Host<'_>) -> Option<&str> {
        let mut domains = self.domains.iter();
        domains
            .find(|domain| host.is_named(domain))
            .map(|domain| &**domain)
    }

    fn names_domain(&self, host: &Host<'_>) -> bool {
        self.named_domain(host).is_some()
    }

    /// True if the host is a bound or advertised address of one of the listeners.
    pub fn is_own_host(&self, host: &Host<'_>) -> bool {
        let ip = host.ip().map(|ip| ip.to_canonical());
        self.listeners.iter().any(|listener| {
            ip.is_some_and(|ip| listener.address.ip().to_canonical() == ip)
                || listener
                    .advertised
                    .as_ref()
                    .is_some_and(|(name, _)| host.is_named(name))
        })
    }

    /// True if this is the port of a listener, bound or advertised, or absent and a default port is.
    fn is_own_port(&self, port: Option<u16>) -> bool {
        self.listeners.iter().any(|listener| {
            let port = port.unwrap_or_else(|| listener.transport.default_port());
            listener.address.port() == port
                || listener
                    .advertised
                    .as_ref()
                    .is_some_and(|(_, advertised)| *advertised == port)
        })
    }

    /// True if a Request-URI with this host and port is for us: one of our listeners, or a local domain. Another port of
    /// one of our addresses is another element (a phone beside us, a gateway).
    pub fn is_own_target(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        if self.is_own_host(host) {
            return self.is_own_port(port) || (port.is_none() && self.names_domain(host));
        }
        self.names_domain(host)
    }

    /// True if a Route with this host and port names us: one of our listeners, or a local domain on one of our ports.
    pub fn is_own_route(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        if self.is_own_host(host) {
            return self.is_own_port(port);
        }
        let own_port = |port| {
            self.listeners
                .iter()
                .any(|listener| listener.address.port() == port)
        };
        self.names_domain(host) && port.is_none_or(own_port)
    }

    /// A listener by its id.
    pub fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.get(usize::from(id.0))
    }

    /// The listener to send from: one of this transport and the address family of `remote`; loopback peers prefer loopback listeners.
    pub fn listener_towards(
        &self,
        transport: Transport,
        remote: &SocketAddr,
    ) -> Option<ListenerId> {
        let fits = |listener: &Listener| {
            listener.transport == transport
                && listener.address.is_ipv4() == remote.ip().to_canonical().is_ipv4()
        };
        let position = self
            .listeners
            .iter()
            .position(|listener| {
                fits(listener) && listener.address.ip().is_loopback() == remote.ip().is_loopback()
            })
            .or_else(|| self.listeners.iter().position(fits))?;
        u16::try_from(position).ok().map(ListenerId)
    }
}
