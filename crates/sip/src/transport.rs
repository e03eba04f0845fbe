//! The transports of Via and of the `transport` URI parameter (RFC 3261 §18, §19.1.1; RFC 7118 for WS and WSS).

/// A transport protocol that the element may use.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams over UDP.
    Udp,
    /// A TCP stream.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket over TCP.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// Reads a transport token, ignoring case (RFC 3261 §7.3.1).
    pub fn from_token(token: &[u8]) -> Option<Transport> {
        [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
        ]
        .into_iter()
        .find(|transport| transport.as_str().as_bytes().eq_ignore_ascii_case(token))
    }
    /// The token of the Via header field, in upper case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
    /// The value of a `transport` URI parameter, in lower case.
    pub const fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }
    /// True for all but UDP: reliable, framed by Content-Length, bound to a connection.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }
    /// True if the hop is protected by TLS.
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
    /// The port used where none is named (RFC 3261 §19.1.2, RFC 7118 §4).
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}
