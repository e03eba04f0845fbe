//! In which order the datagrams of a batch leave: what goes to one peer together, so that it can leave in one segmented
//! send; peers in the order of their first message, so that a 100 is not overtaken by what the forwarded request brings
//! about.

use std::net::IpAddr;

use strowger_transaction::{Flow, Transmit};

/// Peers remembered at a time. Of two that share a place the later one is remembered; its messages and those of the other
/// leave in more runs then.
const PEERS: usize = 256;

/// Arranges batches; keeps its memory.
pub(crate) struct SendOrder {
    /// The last message to a peer, at the place of the peer.
    last: Vec<Last>,
    batch: u32,
    links: Vec<Link>,
}

#[derive(Copy, Clone, Default)]
struct Last {
    batch: u32,
    place: u32,
}

/// One message in the chain of those to its peer.
struct Link {
    begins: bool,
    next: Option<u32>,
}

impl SendOrder {
    pub(crate) fn new() -> SendOrder {
        SendOrder {
            last: vec![Last::default(); PEERS],
            batch: 0,
            links: Vec::new(),
        }
    }

    /// Appends the places of all datagrams of `sends` to `order`.
    pub(crate) fn arrange(&mut self, sends: &[Transmit], order: &mut Vec<u32>) {
        let datagrams = (0u32..).zip(sends);
        let mut datagrams = datagrams.filter(|(_, send)| send.flow.stream.is_none());
        if sends.len() <= 2 {
            order.extend(datagrams.map(|(place, _)| place));
            return;
        }
        self.begin();
        for (place, send) in &mut datagrams {
            // What is no datagram is in no chain.
            let no_chain = || Link {
                begins: false,
                next: None,
            };
            self.links.resize_with(place as usize, no_chain);
            let follows = self.follow(sends, place, &send.flow);
            self.links.push(Link {
                begins: !follows,
                next: None,
            });
        }
        for (place, link) in (0u32..).zip(&self.links) {
            let mut next = link.begins.then_some(place);
            while let Some(place) = next {
                order.push(place);
                next = self.links.get(place as usize).and_then(|link| link.next);
            }
        }
    }

    fn begin(&mut self) {
        self.links.clear();
        self.batch = self.batch.wrapping_add(1);
        if self.batch == 0 {
            self.last.fill(Last::default());
            self.batch = 1;
        }
    }

    /// Makes `place` the last message to its peer; true if it follows another.
    fn follow(&mut self, sends: &[Transmit], place: u32, flow: &Flow) -> bool {
        let Some(last) = self.last.get_mut(peer_place(flow)) else {
            return false;
        };
        let this = Last {
            batch: self.batch,
            place,
        };
        let before = core::mem::replace(last, this);
        let is_same = |send: &&Transmit| {
            send.flow.listener == flow.listener && send.flow.remote == flow.remote
        };
        let before = Some(before.place as usize).filter(|_| before.batch == self.batch);
        let link = before
            .filter(|before| sends.get(*before).as_ref().is_some_and(is_same))
            .and_then(|before| self.links.get_mut(before));
        match link {
            Some(link) => {
                link.next = Some(place);
                true
            }
            None => false,
        }
    }
}

/// Where a peer is remembered. Spreads ports and addresses; a peer that aims at another's place only costs it runs.
fn peer_place(flow: &Flow) -> usize {
    let address = match flow.remote.ip() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits >> 64) as u64 ^ bits as u64
        }
    };
    let port = u64::from(flow.remote.port()) << 16 | u64::from(flow.listener.0);
    let mixed = (address ^ port << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % PEERS
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use strowger_transaction::{ListenerId, StreamId, TransmitToken};

    use super::*;

    fn sends(ports: &[u16]) -> Vec<Transmit> {
        let sends = ports.iter().map(|port| Transmit {
            flow: Flow::udp(ListenerId(0), SocketAddr::from(([192, 0, 2, 1], *port))),
            range: 0..0,
            token: TransmitToken::NONE,
        });
        sends.collect()
    }

    fn order(arranger: &mut SendOrder, ports: &[u16]) -> Vec<u32> {
        let mut order = Vec::new();
        arranger.arrange(&sends(ports), &mut order);
        order
    }

    #[test]
    fn what_goes_to_one_peer_leaves_together() {
        let mut arranger = SendOrder::new();
        assert_eq!(
            order(&mut arranger, &[9, 5, 9, 5, 7, 9]),
            [0, 2, 5, 1, 3, 4]
        );
        assert_eq!(order(&mut arranger, &[5, 5, 9]), [0, 1, 2]);
        assert_eq!(order(&mut arranger, &[5, 9]), [0, 1]);
        assert_eq!(order(&mut arranger, &[]), [0; 0]);
    }

    #[test]
    fn every_datagram_leaves_once_and_in_the_order_of_its_peer() {
        let ports: Vec<u16> = (0..5_000u32).map(|i| (i * i % 1_009) as u16).collect();
        let order = order(&mut SendOrder::new(), &ports);
        let mut all = order.clone();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..5_000));
        for port in 0..1_009 {
            let to_one = order
                .iter()
                .filter(|place| ports.get(**place as usize) == Some(&port));
            assert!(to_one.is_sorted());
        }
    }

    #[test]
    fn messages_for_connections_are_left_out() {
        let mut sends = sends(&[5, 9, 5, 9]);
        let stream = StreamId {
            worker: 0,
            slot: 0,
            generation: 0,
        };
        sends
            .iter_mut()
            .skip(1)
            .take(2)
            .for_each(|send| send.flow.stream = Some(stream));
        let mut order = Vec::new();
        SendOrder::new().arrange(&sends, &mut order);
        assert_eq!(order, [0, 3]);
    }
}
