//! The one socket of a client: UDP connected to its peer, or TCP (RFC 3261 §18).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use strowger_sip::{Frame, Limits, Message, StreamFramer, Transport};

use super::target::NextHop;
use crate::exit::{Exit, Failure};

/// Octets read at a time; the largest datagram.
const READ_OCTETS: usize = 65_535;
/// The shortest wait that a socket can be asked for; zero would mean for ever.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// A socket to one peer.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    local: SocketAddr,
    remote: SocketAddr,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream, StreamFramer),
}

impl Connection {
    /// Connects to the first address that takes it.
    pub fn open(hop: &NextHop, timeout: Duration) -> Result<Connection, Failure> {
        let mut last = None;
        for remote in &hop.addresses {
            match Connection::open_one(hop.transport, *remote, timeout) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some((*remote, error)),
            }
        }
        let (remote, error) =
            last.unwrap_or_else(|| (([0, 0, 0, 0], 0).into(), ErrorKind::NotFound.into()));
        Err(unreachable(hop.transport, remote, &error))
    }

    fn open_one(
        transport: Transport,
        remote: SocketAddr,
        timeout: Duration,
    ) -> io::Result<Connection> {
        let (socket, local) = match transport.is_reliable() {
            true => {
                let stream = TcpStream::connect_timeout(&remote, timeout)?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                (
                    Socket::Tcp(stream, StreamFramer::new(&Limits::default())),
                    local,
                )
            }
            false => {
                let any = match remote {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any)?;
                // Connected, so that it knows its own address and hears of ICMP errors.
                socket.connect(remote)?;
                let local = socket.local_addr()?;
                (Socket::Udp(socket), local)
            }
        };
        Ok(Connection {
            socket,
            local,
            remote,
            buffer: vec![0; READ_OCTETS],
        })
    }

    /// The transport.
    pub fn transport(&self) -> Transport {
        match self.socket {
            Socket::Udp(_) => Transport::Udp,
            Socket::Tcp(..) => Transport::Tcp,
        }
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's address.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The failure to tell when this error ended an exchange.
    pub fn failure(&self, error: &io::Error) -> Failure {
        unreachable(self.transport(), self.remote, error)
    }

    /// Sends octets.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.send(octets).map(drop),
            Socket::Tcp(stream, _) => stream.write_all(octets),
        }
    }

    /// The next message; `None` when `until` has come. What is no message is dropped.
    pub fn receive(&mut self, until: Instant) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = self.framed()? {
                return Ok(Some(message));
            }
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(None);
            }
            let octets = match self.read(wait.max(WAIT_MIN)) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                read => read?,
            };
            let received = self.buffer.get(..octets).unwrap_or_default();
            match &mut self.socket {
                Socket::Udp(_) => {
                    if let Ok(message) = Message::parse(received.to_vec(), &Limits::default()) {
                        return Ok(Some(message));
                    }
                }
                Socket::Tcp(..) if octets == 0 => return Err(ErrorKind::ConnectionReset.into()),
                Socket::Tcp(_, framer) => framer.push(received),
            }
        }
    }

    fn read(&mut self, wait: Duration) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Udp(socket) => {
                socket.set_read_timeout(Some(wait))?;
                socket.recv(&mut self.buffer)
            }
            Socket::Tcp(stream, _) => {
                stream.set_read_timeout(Some(wait))?;
                stream.read(&mut self.buffer)
            }
        }
    }

    /// A whole message of the stream, if one is there; keep-alives are answered on the way (RFC 5626 §3.5.1).
    fn framed(&mut self) -> io::Result<Option<Message>> {
        let Socket::Tcp(stream, framer) = &mut self.socket else {
            return Ok(None);
        };
        loop {
            match framer.next_frame() {
                Ok(None) => return Ok(None),
                Ok(Some(Frame::KeepAlivePing)) => stream.write_all(b"\r\n")?,
                Ok(Some(Frame::KeepAlivePong)) => {}
                Ok(Some(Frame::Message(octets))) => {
                    if let Ok(message) = Message::parse(octets, &Limits::default()) {
                        return Ok(Some(message));
                    }
                }
                Err(error) => {
                    return Err(io::Error::new(ErrorKind::InvalidData, error.to_string()));
                }
            }
        }
    }
}

/// `udp:127.0.0.1:5060`
pub fn place(transport: Transport, address: SocketAddr) -> String {
    format!("{}:{address}", transport.as_param())
}

fn unreachable(transport: Transport, remote: SocketAddr, error: &io::Error) -> Failure {
    let place = place(transport, remote);
    let failure = |text: String| Failure::new(Exit::Failed, text);
    match error.kind() {
        ErrorKind::ConnectionRefused => failure(format!("nobody listens at {place}"))
            .fix("start the server, or check address, port and transport"),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            failure(format!("no connection to {place} in time"))
                .fix("check the address, and firewalls on the way")
        }
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            failure(format!("{place} closed the connection"))
        }
        _ => {
            let text = error.to_string();
            failure(format!(
                "{place} cannot be reached: {}",
                text.split(" (os error").next().unwrap_or_default()
            ))
        }
    }
}
