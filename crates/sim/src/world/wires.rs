//! Messages on their way: lost, doubled and overtaken as datagrams, in order on connections.

use core::time::Duration;

use strowger_element::Input;
use strowger_sip::Time;
use strowger_transaction::{Flow, ListenerId, TransmitToken};

use super::{Event, Host, Presence, World};
use crate::packet::Packet;
use crate::stream::{Holder, StreamNumber};
use crate::trace::Fate;

impl World {
    /// A segment that the network loses is sent again by the host after about that long.
    const RESENT_MILLIS: u64 = 250;
    /// The whole of a message on a connection cannot overtake another.
    const NEXT: Duration = Duration::from_nanos(1);

    pub(super) fn transmit(&mut self, packet: Packet) {
        if let Some(stream) = packet.stream {
            return self.write(stream, packet);
        }
        let ways = self.network.carry(self.now, &packet);
        let lost = ways == [None, None];
        let fate = if lost { Fate::Lost } else { Fate::Sent };
        self.trace.note(self.now, fate, &packet);
        for way in ways.into_iter().flatten() {
            self.queue
                .push(self.now + way, Event::Arrive(packet.clone()));
        }
    }

    /// Writes to a connection: what arrives, arrives in order.
    fn write(&mut self, number: StreamNumber, packet: Packet) {
        let Some(side) = self.side_of(number, packet.from) else {
            return;
        };
        let Some(stream) = self.streams.get(number) else {
            return;
        };
        if stream.broken {
            self.trace.note(self.now, Fate::Lost, &packet);
            if let Some(message) = &packet.message {
                self.checker.lost_on_connection(message.call_id());
            }
            return self.give_up_later(number, side);
        }
        let ways = self.network.carry_reliably(self.now, &packet);
        self.trace.note(self.now, Fate::Sent, &packet);
        let resent = Duration::from_millis(Self::RESENT_MILLIS) * ways.resent;
        let earliest = self.now.max(ways.not_before) + ways.delay + resent;
        let Some(end) = self
            .streams
            .get_mut(number)
            .and_then(|stream| stream.ends.get_mut(1 - side))
        else {
            return;
        };
        let at = earliest.max(end.last_arrival + Self::NEXT);
        end.last_arrival = at;
        self.queue.push(at, Event::Arrive(packet));
    }

    /// Whoever writes to a broken connection gives it up when the host's patience ends.
    fn give_up_later(&mut self, number: StreamNumber, side: usize) {
        // A host that is there again knows nothing of the connection, and says so.
        let other = self
            .streams
            .get(number)
            .and_then(|stream| stream.ends.get(1 - side))
            .filter(|end| !end.is_open)
            .map(|end| end.holder);
        let is_back = match other {
            Some(Holder::Element(node, _)) => self.is_up(node),
            Some(Holder::Agent(agent)) => self.presence.get(agent) == Some(&Presence::Here),
            None => false,
        };
        let Some(given_up) = self
            .streams
            .get_mut(number)
            .and_then(|stream| stream.given_up.get_mut(side))
        else {
            return;
        };
        if !core::mem::replace(given_up, true) {
            self.probes.hit("half-open-written");
            let (low, high) = if is_back { (2, 80) } else { (15_000, 60_000) };
            let at = self.now + self.random.millis(low, high);
            self.queue.push(at, Event::Closed(number, side));
        }
    }

    pub(super) fn arrive(&mut self, packet: Packet) {
        if let Some(number) = packet.stream {
            return self.arrive_on_stream(number, &packet);
        }
        match self.hosts.get(&packet.to).copied() {
            Some(Host::Element(node)) if self.is_up(node) => {
                self.trace.note(self.now, Fate::Arrived, &packet);
                self.arrive_at_element(node, &packet);
            }
            Some(Host::Agent(agent)) if self.presence.get(agent) == Some(&Presence::Here) => {
                self.trace.note(self.now, Fate::Arrived, &packet);
                self.checker.reached(&packet);
                self.act(agent, |agent, io| agent.receive(io, &packet));
            }
            host => {
                self.trace.note(self.now, Fate::Refused, &packet);
                let silent = matches!(host, Some(Host::Element(node)) if self.host_is_down(node));
                if self.network.reports_closed_ports() && !silent {
                    let at = self.now + self.random.millis(1, 20);
                    self.queue.push(at, Event::Unreachable(packet));
                }
            }
        }
    }

    fn arrive_on_stream(&mut self, number: StreamNumber, packet: &Packet) {
        let Some(side) = self.side_of(number, packet.to) else {
            return;
        };
        let Some(end) = self
            .streams
            .get(number)
            .and_then(|stream| stream.ends.get(side))
            .filter(|end| end.is_open)
        else {
            return self.trace.note(self.now, Fate::Refused, packet);
        };
        let holder = end.holder;
        self.trace.note(self.now, Fate::Arrived, packet);
        match holder {
            Holder::Element(node, _) => self.arrive_at_element(node, packet),
            Holder::Agent(agent) => {
                self.checker.reached(packet);
                self.act(agent, |agent, io| agent.receive(io, packet));
            }
        }
    }

    /// An ICMP error comes back to the sender; an element learns of it by the branch that the error quotes.
    pub(super) fn unreachable(&mut self, packet: &Packet) {
        let Some(Host::Element(node)) = self.hosts.get(&packet.from).copied() else {
            return;
        };
        let branch = packet
            .message
            .as_ref()
            .and_then(|message| message.via().branch());
        let (Some(branch), Some(element)) = (branch, self.nodes.get(node)) else {
            return;
        };
        let Some(shard) = element.ingress.shard_for_branch(branch) else {
            return;
        };
        let input = Input::TransmitFailed {
            flow: Flow::udp(ListenerId(0), packet.to),
            token: TransmitToken::NONE,
            branch: Some(branch.into()),
        };
        self.watch.unreachable(&mut self.probes, node, packet);
        self.input(node, usize::from(shard), input, None);
    }

    /// When the hosts of two addresses can reach each other again.
    pub(super) fn reachable_at(
        &self,
        one: std::net::SocketAddr,
        other: std::net::SocketAddr,
    ) -> Time {
        self.network.reachable_at(self.now, one.ip(), other.ip())
    }
}
