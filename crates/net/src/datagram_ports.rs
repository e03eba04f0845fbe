//! UDP ports of a program that is no server: no workers and shards, one thread that waits, receives and sends in
//! batches (RFC 3261 §18). The load generator stands on it.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use strowger_sip::Time;
use strowger_transaction::{ListenerId, TransmitBatch};

use crate::bind::datagram_socket;
use crate::clock::Clock;
use crate::counters::{Meter, NetCounters};
use crate::datagram_receive::{DatagramReceiver, ERRORS_MAX};
use crate::datagram_send::{DatagramSender, Outlet};
use crate::quoted_branch::quoted_branch;

/// Ports of one program; a descriptor each.
pub const PORTS_MAX: usize = 256;

/// Receive calls for one port in a row, so that timers and other ports get their turn.
const RECEIVE_CALLS_MAX: usize = 4;

/// How exactly the kernel wakes this thread, in nanoseconds; its default of 50 µs would be seen in latencies.
const TIMER_SLACK_NANOS: u64 = 1_000;

/// Something that a port received.
#[derive(Copy, Clone, Debug)]
pub enum Arrival<'a> {
    /// A datagram and who sent it.
    Datagram(SocketAddr, &'a [u8]),
    /// An ICMP error: a datagram of ours, whose topmost Via had this branch, did not arrive.
    Unreachable(&'a [u8]),
}

/// The ports.
pub struct DatagramPorts {
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
    /// What the last wait found: readable, errors.
    ready: Vec<(bool, bool)>,
    receiver: DatagramReceiver,
    sender: DatagramSender,
    segmentation: AtomicBool,
    meter: Meter,
    clock: Clock,
}

impl DatagramPorts {
    /// Binds `count` ports that the kernel chooses, at most [`PORTS_MAX`], with buffers of `buffer_octets` each.
    ///
    /// # Errors
    /// A socket cannot be opened or bound.
    pub fn bind(address: IpAddr, count: usize, buffer_octets: usize) -> io::Result<DatagramPorts> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..count.min(PORTS_MAX) {
            let address = SocketAddr::new(address, 0);
            let socket = datagram_socket(address, buffer_octets)?;
            socket.bind(&address.into())?;
            let socket = UdpSocket::from(socket);
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        // Without it latencies are less exact, no more.
        let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
        Ok(DatagramPorts {
            ready: vec![(false, false); sockets.len()],
            sockets,
            addresses,
            receiver: DatagramReceiver::new(),
            sender: DatagramSender::new(),
            segmentation: AtomicBool::new(true),
            meter: Meter::default(),
            clock: Clock::new(),
        })
    }

    /// The addresses, in `ListenerId` order.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Time since the ports were bound.
    pub fn now(&self) -> Time {
        self.clock.monotonic()
    }

    /// Waits until something arrives, but not longer than `limit`, nor longer than until a signal.
    ///
    /// # Errors
    /// The kernel refuses to wait.
    pub fn wait(&mut self, limit: Duration) -> io::Result<()> {
        let mut files: Vec<PollFd<'_>> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
            .collect();
        match ppoll(&mut files, Some(TimeSpec::from_duration(limit)), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let found = files.iter().map(|file| {
            let events = file.revents().unwrap_or(PollFlags::empty());
            (
                events.contains(PollFlags::POLLIN),
                events.contains(PollFlags::POLLERR),
            )
        });
        self.ready.clear();
        self.ready.extend(found);
        Ok(())
    }

    /// Hands what has arrived to `take`, with the port and the time; returns how many datagrams that were.
    pub fn receive(&mut self, mut take: impl FnMut(ListenerId, Time, Arrival<'_>)) -> usize {
        let mut total = 0;
        for place in 0..self.sockets.len() {
            let port = ListenerId(place as u16);
            let (readable, errors) = self.ready.get(place).copied().unwrap_or_default();
            let Some(socket) = self.sockets.get(place) else {
                continue;
            };
            if errors {
                let now = self.clock.monotonic();
                // Of a segmented send the kernel reports the first datagram alone.
                self.segmentation.store(false, Ordering::Relaxed);
                while self.receiver.receive_errors(socket, |_, quoted| {
                    if let Some(branch) = quoted_branch(quoted) {
                        take(port, now, Arrival::Unreachable(branch));
                    }
                }) == ERRORS_MAX
                {}
            }
            let v6 = self.addresses.get(place).is_some_and(SocketAddr::is_ipv6);
            let mut calls = if readable { RECEIVE_CALLS_MAX } else { 0 };
            while calls > 0 {
                calls -= 1;
                // Errors end the turn of this port: they are read from the queue of errors in the next.
                let Ok(received) = self.receiver.receive(socket, v6) else {
                    break;
                };
                let now = self.clock.monotonic();
                total += received.count;
                for datagram in self.receiver.datagrams() {
                    let octets = self.receiver.octets(datagram);
                    take(port, now, Arrival::Datagram(datagram.remote, octets));
                }
                if !received.more {
                    break;
                }
            }
        }
        total
    }

    /// Sends all datagrams of a batch; what a full buffer takes away is lost like on a network.
    pub fn send(&mut self, batch: &TransmitBatch) {
        let sockets = &self.sockets;
        let outlet = Outlet {
            socket: &|listener| sockets.get(usize::from(listener)),
            segmentation: &self.segmentation,
            meter: &self.meter,
        };
        self.sender.send(batch, &outlet);
    }

    /// What was sent so far, and what could not be.
    pub fn counters(&self) -> NetCounters {
        let mut sum = NetCounters::default();
        self.meter.add_to(&mut sum);
        sum
    }
}

impl core::fmt::Debug for DatagramPorts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DatagramPorts")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// The own address that packets to `target` leave from.
///
/// # Errors
/// There is no route.
pub fn address_towards(target: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a datagram socket sends nothing: it only finds the route.
    let probe = UdpSocket::bind(SocketAddr::new(any, 0))?;
    probe.connect(target)?;
    Ok(probe.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use strowger_transaction::{Flow, TransmitToken};

    fn ports(count: usize) -> DatagramPorts {
        DatagramPorts::bind(IpAddr::from([127, 0, 0, 1]), count, 1 << 16).expect("loopback")
    }

    #[test]
    fn datagrams_go_from_port_to_port() {
        let mut ports = ports(2);
        let to = ports.addresses()[1];
        let mut batch = TransmitBatch::new();
        for octets in [&b"first"[..], b"other"] {
            batch.push(Flow::udp(ListenerId(0), to), TransmitToken::NONE, octets);
        }
        ports.send(&batch);
        ports.wait(Duration::from_secs(5)).expect("waits");
        let from = ports.addresses()[0];
        let mut found = Vec::new();
        ports.receive(|port, _, arrival| match arrival {
            Arrival::Datagram(remote, octets) => {
                assert_eq!((port, remote), (ListenerId(1), from));
                found.push(octets.to_vec());
            }
            Arrival::Unreachable(branch) => panic!("{branch:?}"),
        });
        assert_eq!(found, [b"first", b"other"]);
        assert_eq!(ports.counters().datagrams_sent, 2);
    }

    #[test]
    fn a_port_without_a_listener_is_told_with_the_branch() {
        let closed = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = closed.local_addr().expect("bound");
        drop(closed);
        let mut ports = ports(1);
        let mut batch = TransmitBatch::new();
        let octets = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\n\r\n";
        batch.push(Flow::udp(ListenerId(0), to), TransmitToken::NONE, octets);
        ports.send(&batch);
        ports.wait(Duration::from_secs(5)).expect("waits");
        let mut branches = Vec::new();
        ports.receive(|_, _, arrival| {
            if let Arrival::Unreachable(branch) = arrival {
                branches.push(branch.to_vec());
            }
        });
        assert_eq!(branches, [b"z9hG4bK1"]);
    }

    #[test]
    fn loopback_is_reached_from_loopback() {
        let target = "127.0.0.1:9".parse().expect("an address");
        assert_eq!(
            address_towards(target).expect("a route"),
            IpAddr::from([127, 0, 0, 1])
        );
    }
}
