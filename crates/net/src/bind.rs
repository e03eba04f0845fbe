//! Binds the listeners, so that a wrong address is an error before anything runs (RFC 3261 §18.2.1).

use core::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use strowger_sip::Transport;

use crate::driver::{BoundListener, ListenerSockets};
use crate::settings::{ListenerSettings, NetSettings, StreamSettings};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Most listeners of one process.
pub const LISTENERS_MAX: usize = 4_096;

/// A listener could not be bound; nothing stays bound.
#[derive(Debug)]
pub struct BindError {
    /// The listener.
    pub listener: ListenerSettings,
    /// The cause.
    pub cause: io::Error,
}

impl BindError {
    /// What to try, in a sentence.
    pub fn hint(&self) -> &'static str {
        match self.cause.kind() {
            io::ErrorKind::AddrInUse => {
                "another program uses this address and port; `ss -lnp` shows which"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
            }
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this host has the address; `ip address` lists them"
            }
            io::ErrorKind::Unsupported => "this build listens on udp and tcp",
            _ => "check the address",
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenerSettings { transport, address } = &self.listener;
        write!(
            f,
            "cannot listen on {}:{address}: {} ({})",
            transport.as_param(),
            self.cause,
            self.hint()
        )
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Entry point: binds listeners.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Binds all listeners of `settings`. Worker and shard counts of zero count as one.
    pub fn bind(mut settings: NetSettings) -> Result<Bound, BindError> {
        settings.workers = settings.workers.max(1);
        settings.shards = settings.shards.max(1);
        let mut listeners = Vec::with_capacity(settings.listeners.len());
        for (place, listener) in settings.listeners.iter().enumerate() {
            let bound = if place < LISTENERS_MAX {
                bind_listener(listener, &settings)
            } else {
                Err(io::Error::other("too many listeners"))
            };
            listeners.push(bound.map_err(|cause| BindError {
                listener: listener.clone(),
                cause,
            })?);
        }
        let connections_max = connections_max(&settings.streams);
        Ok(Bound {
            settings,
            listeners,
            connections_max,
        })
    }
}

/// Listeners that are bound but not read yet.
pub struct Bound {
    pub(crate) settings: NetSettings,
    pub(crate) listeners: Vec<BoundListener>,
    pub(crate) connections_max: usize,
}

impl Bound {
    /// The addresses bound, in `ListenerId` order; port 0 has become the port that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .map(|listener| listener.address)
            .collect()
    }

    /// The limit of connections after it was lowered to what the limit of open files allows.
    pub fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// The smallest receive buffer among the UDP sockets, in octets of payload as asked for; compare it with
    /// [`NetSettings::datagram_buffer_octets`]. `None` without UDP listeners.
    pub fn datagram_buffer_octets(&self) -> Option<usize> {
        let sockets = self
            .listeners
            .iter()
            .filter_map(|listener| match &listener.sockets {
                ListenerSockets::Datagram(sockets) => Some(sockets),
                ListenerSockets::Stream(_) => None,
            });
        // Linux reports twice what it grants, to account for its own book-keeping.
        let granted = |socket: &UdpSocket| {
            nix::sys::socket::getsockopt(socket, sockopt::RcvBuf)
                .ok()
                .map(|size| size / 2)
        };
        sockets.flatten().filter_map(granted).min()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

fn bind_listener(listener: &ListenerSettings, settings: &NetSettings) -> io::Result<BoundListener> {
    if listener.address.ip().is_unspecified() {
        let text = "a wildcard stands for several addresses and must be expanded";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let (sockets, address) = match listener.transport {
        Transport::Udp => {
            let (sockets, address) = bind_datagram(listener.address, settings)?;
            (ListenerSockets::Datagram(sockets), address)
        }
        Transport::Tcp => {
            let socket = bind_stream(listener.address)?;
            let address = socket.local_addr()?;
            (ListenerSockets::Stream(Mutex::new(Some(socket))), address)
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(BoundListener {
        transport: listener.transport,
        address,
        sockets,
    })
}

/// One socket per worker. The first is bound without `SO_REUSEPORT`, so that another process on that port is an
/// error and not a partner; only then may the others of this process join it.
fn bind_datagram(
    address: SocketAddr,
    settings: &NetSettings,
) -> io::Result<(Vec<UdpSocket>, SocketAddr)> {
    let first = datagram_socket(address, settings.datagram_buffer_octets)?;
    first.bind(&SockAddr::from(address))?;
    let first = UdpSocket::from(first);
    let bound = first.local_addr()?;
    if settings.workers > 1 {
        setsockopt(&first, sockopt::ReusePort, &true)?;
    }
    let mut sockets = vec![first];
    for _ in 1..settings.workers {
        let socket = datagram_socket(address, settings.datagram_buffer_octets)?;
        setsockopt(&socket, sockopt::ReusePort, &true)?;
        socket.bind(&SockAddr::from(bound))?;
        sockets.push(socket.into());
    }
    Ok((sockets, bound))
}

/// A datagram socket with buffers of `octets`, as far as the system grants them, that hears of ICMP errors.
pub(crate) fn datagram_socket(address: SocketAddr, octets: usize) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    }
    // Beyond the system's limit only with a capability; without it the kernel grants what it may.
    if setsockopt(&socket, sockopt::RcvBufForce, &octets).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &octets)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &octets).is_err() {
        setsockopt(&socket, sockopt::SndBuf, &octets)?;
    }
    Ok(socket)
}

fn bind_stream(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // Old connections of an earlier run may still be ending; a listener of another process is an error all the same.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Raises the process's limit of open files as far as it may and needs to, and returns how many connections fit.
fn connections_max(settings: &StreamSettings) -> usize {
    let reserved = StreamSettings::FILES_RESERVED;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return settings.connections_max;
    };
    let wanted = (settings.connections_max as u64)
        .saturating_add(reserved)
        .min(hard);
    let limit = if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        wanted
    } else {
        soft
    };
    usize::try_from(limit.saturating_sub(reserved))
        .unwrap_or(usize::MAX)
        .min(settings.connections_max)
}
