//! Connections over which mutated messages go: each carries a few, then another is opened, as most do not survive long.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections open at a time.
const OPEN: usize = 8;
/// Messages that one connection carries at most: what has lost its framing swallows what follows.
const MESSAGES_MAX: u32 = 12;
/// Source addresses in turn, so that ports do not run out.
const SOURCES: u8 = 64;
/// How long a connection may take to open, or to accept octets.
const PATIENCE: Duration = Duration::from_millis(500);

struct Open {
    stream: TcpStream,
    carried: u32,
}

/// The connections.
pub struct Streams {
    target: SocketAddr,
    open: Vec<Option<Open>>,
    turn: usize,
    source: u8,
    buffer: Vec<u8>,
    /// Connections opened.
    pub opened: u64,
    /// Connections that could not be opened.
    pub refused: u64,
    /// Octets sent.
    pub octets_sent: u64,
    /// Octets received.
    pub octets_received: u64,
}

impl Streams {
    /// None yet.
    pub fn new(target: SocketAddr) -> Streams {
        Streams {
            target,
            open: (0..OPEN).map(|_| None).collect(),
            turn: 0,
            source: 0,
            buffer: vec![0; 65_536],
            opened: 0,
            refused: 0,
            octets_sent: 0,
            octets_received: 0,
        }
    }

    /// Sends one message over the next connection; false if it could not be sent whole.
    pub fn send(&mut self, message: &[u8]) -> bool {
        self.turn = (self.turn + 1) % OPEN;
        if self.open.get(self.turn).is_some_and(Option::is_none) {
            let stream = self.connect();
            self.opened += u64::from(stream.is_some());
            self.refused += u64::from(stream.is_none());
            if let Some(place) = self.open.get_mut(self.turn) {
                *place = stream.map(|stream| Open { stream, carried: 0 });
            }
        }
        let Some(place) = self.open.get_mut(self.turn) else {
            return false;
        };
        let Some(open) = place.as_mut() else {
            return false;
        };
        open.carried += 1;
        let sent = open.stream.write_all(message).is_ok();
        self.octets_sent += if sent { message.len() as u64 } else { 0 };
        if !sent || open.carried >= MESSAGES_MAX {
            // What has come is read, so that the end is an orderly one.
            self.octets_received += drain(&mut open.stream, &mut self.buffer).0;
            *place = None;
        }
        sent
    }

    fn connect(&mut self) -> Option<TcpStream> {
        self.source = (self.source + 1) % SOURCES;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).ok()?;
        let own = SocketAddr::from((Ipv4Addr::new(127, 0, 5, self.source + 1), 0));
        socket.bind(&own.into()).ok()?;
        socket.connect_timeout(&self.target.into(), PATIENCE).ok()?;
        let stream = TcpStream::from(socket);
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }

    /// Reads what has come on all of them; those that have ended are let go.
    pub fn receive(&mut self) {
        for place in &mut self.open {
            let Some(open) = place.as_mut() else { continue };
            let (octets, ended) = drain(&mut open.stream, &mut self.buffer);
            self.octets_received += octets;
            if ended {
                *place = None;
            }
        }
    }
}

/// Reads what is there: its octets, and whether the connection has ended.
fn drain(stream: &mut TcpStream, buffer: &mut [u8]) -> (u64, bool) {
    let mut octets = 0;
    if stream.set_nonblocking(true).is_err() {
        return (0, true);
    }
    let ended = loop {
        match stream.read(buffer) {
            Ok(0) => break true,
            Ok(length) => octets += length as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break true,
        }
    };
    (octets, ended || stream.set_nonblocking(false).is_err())
}
