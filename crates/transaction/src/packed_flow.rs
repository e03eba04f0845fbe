//! A flow as a held transaction keeps it: 36 octets where [`Flow`] takes 56.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use strowger_sip::Transport;

use crate::flow::{Flow, ListenerId, StreamId};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedFlow {
    /// An IPv4 address lies in the last four octets.
    address: [u8; 16],
    scope: u32,
    stream_slot: u32,
    stream_generation: u32,
    stream_worker: u16,
    port: u16,
    listener: u16,
    transport: Transport,
    marks: Marks,
}

/// What the other fields mean, bit by bit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Marks(u8);

impl Marks {
    const V4: u8 = 1;
    const STREAM: u8 = 2;
    const DEAD: u8 = 4;
    const AWAITED: u8 = 8;

    const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }
}

impl PackedFlow {
    pub(crate) fn new(flow: &Flow) -> PackedFlow {
        let (address, scope, is_v4) = match flow.remote {
            SocketAddr::V4(remote) => (remote.ip().to_ipv6_mapped().octets(), 0, true),
            SocketAddr::V6(remote) => (remote.ip().octets(), remote.scope_id(), false),
        };
        let stream = flow.stream.unwrap_or(StreamId {
            worker: 0,
            slot: 0,
            generation: 0,
        });
        PackedFlow {
            address,
            scope,
            stream_slot: stream.slot,
            stream_generation: stream.generation,
            stream_worker: stream.worker,
            port: flow.remote.port(),
            listener: flow.listener.0,
            transport: flow.transport,
            marks: Marks(
                (u8::from(is_v4) * Marks::V4) | (u8::from(flow.stream.is_some()) * Marks::STREAM),
            ),
        }
    }

    pub(crate) fn unpack(&self) -> Flow {
        let remote = if self.marks.has(Marks::V4) {
            let [.., a, b, c, d] = self.address;
            SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), self.port))
        } else {
            let address = Ipv6Addr::from(self.address);
            SocketAddr::V6(SocketAddrV6::new(address, self.port, 0, self.scope))
        };
        Flow {
            transport: self.transport,
            listener: ListenerId(self.listener),
            remote,
            stream: self.stream(),
        }
    }

    pub(crate) fn stream(&self) -> Option<StreamId> {
        self.marks.has(Marks::STREAM).then_some(StreamId {
            worker: self.stream_worker,
            slot: self.stream_slot,
            generation: self.stream_generation,
        })
    }

    /// The connection is gone: nothing can be sent.
    pub(crate) const fn is_dead(&self) -> bool {
        self.marks.has(Marks::DEAD)
    }

    pub(crate) const fn mark_dead(&mut self) {
        self.marks.0 |= Marks::DEAD;
    }

    /// The user was told that nothing can be sent, and may bring another flow.
    pub(crate) const fn is_another_awaited(&self) -> bool {
        self.marks.has(Marks::AWAITED)
    }

    pub(crate) const fn await_another(&mut self, is_awaited: bool) {
        if is_awaited {
            self.marks.0 |= Marks::AWAITED;
        } else {
            self.marks.0 &= !Marks::AWAITED;
        }
    }

    pub(crate) const fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_flow_comes_back_as_it_was() {
        let stream = Some(StreamId {
            worker: 3,
            slot: 70_000,
            generation: 9,
        });
        for remote in [
            "192.0.2.1:5060",
            "[2001:db8::1]:5061",
            "[::ffff:192.0.2.1]:1",
            "[fe80::1%7]:5060",
        ] {
            for stream in [None, stream] {
                let remote: SocketAddr = remote.parse().expect("address");
                let transport = if stream.is_some() {
                    Transport::Tls
                } else {
                    Transport::Udp
                };
                let flow = Flow {
                    transport,
                    listener: ListenerId(2),
                    remote,
                    stream,
                };
                assert_eq!(PackedFlow::new(&flow).unpack(), flow);
            }
        }
        assert_eq!(size_of::<PackedFlow>(), 36);
    }
}
