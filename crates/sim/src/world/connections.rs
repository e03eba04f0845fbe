//! Connections: agents and elements open them, either end closes them, and each end hears of it in its own time
//! (RFC 3261 §18.1.1, §18.2.2).

use core::time::Duration;
use std::net::SocketAddr;

use strowger_element::{ConnectId, Input};
use strowger_transaction::Flow;

use super::{Addressee, Event, Host, Presence, World};
use crate::packet::Packet;
use crate::plan::{AgentId, NodeId};
use crate::stream::{Holder, STREAM_LISTENER, Side, StreamNumber};

impl World {
    /// Shards hear one after another that a connection is gone, so far apart.
    const TELLING_MICROS_MAX: u64 = 200;
    /// Ports of the opening ends.
    const EPHEMERAL: u16 = 20_000;

    /// The side of a connection that has this address.
    pub(super) fn side_of(&self, number: StreamNumber, address: SocketAddr) -> Option<Side> {
        let stream = self.streams.get(number)?;
        stream.ends.iter().position(|end| end.address == address)
    }

    fn ephemeral(&mut self, of: SocketAddr) -> SocketAddr {
        let port = Self::EPHEMERAL + (self.streams.count() % 20_000) as u16;
        SocketAddr::new(of.ip(), port)
    }

    /// An agent sends over its newest connection to this address, or over a new one.
    pub(super) fn send_over_stream(&mut self, place: AgentId, to: SocketAddr, octets: &[u8]) {
        let open = self.streams.of_agent(place, Some(to));
        let Some((number, side)) = open.or_else(|| self.open_for_agent(place, to)) else {
            return self.refuse_agent(place);
        };
        let Some(stream) = self.streams.get(number) else {
            return;
        };
        let (Some(own), Some(other)) = (stream.ends.get(side), stream.ends.get(1 - side)) else {
            return;
        };
        let packet = Packet::new(own.address, other.address, octets).on(number);
        self.checker.agent_sent(self.now, &packet);
        self.transmit(packet);
    }

    /// Nobody is there. The agent tries again after a while, however much it has to say.
    fn refuse_agent(&mut self, place: AgentId) {
        let Some(refused) = self.refused.get_mut(place) else {
            return;
        };
        if !core::mem::replace(refused, true) {
            let at = self.now + self.random.millis(300, 1_500);
            self.queue.push(at, Event::Refused(place));
        }
    }

    pub(super) fn try_again(&mut self, place: AgentId) {
        if let Some(refused) = self.refused.get_mut(place) {
            *refused = false;
        }
        self.lose_connection(place);
    }

    fn open_for_agent(&mut self, place: AgentId, to: SocketAddr) -> Option<(StreamNumber, Side)> {
        let Some(Host::Element(node)) = self.hosts.get(&to).copied() else {
            return None;
        };
        if !self.is_up(node) {
            return None;
        }
        let own = self.agents.get(place)?.settings.address;
        let from = self.ephemeral(own);
        let name = self.streams.name(node);
        let ends = [
            (Holder::Agent(place), from),
            (Holder::Element(node, name), to),
        ];
        // The first message comes after the handshake.
        let at = self.now + self.random.millis(2, 80);
        Some((self.streams.open(at, ends), 0))
    }

    /// An element wants a connection: the one that is open, or a new one.
    pub(super) fn connect(&mut self, from: Addressee, request: ConnectId, remote: SocketAddr) {
        if let Some(flow) = self.streams.to_remote(from.node, remote) {
            self.probes.hit("connection-used-again");
            let input = Input::Connected { request, flow };
            return self.tell_later(self.now, from, input);
        }
        let at = self.now + self.random.millis(1, 80);
        self.queue.push(at, Event::Dial(from, request, remote));
    }

    /// A connection attempt arrives.
    pub(super) fn dialled(&mut self, from: Addressee, request: ConnectId, remote: SocketAddr) {
        let Some(own) = self
            .nodes
            .get(from.node)
            .filter(|node| node.is_up && node.incarnation == from.incarnation)
            .map(|node| node.address)
        else {
            return;
        };
        let again_at = self.reachable_at(own, remote);
        if again_at > self.now {
            return self
                .queue
                .push(again_at, Event::Dial(from, request, remote));
        }
        let back = self.now + self.random.millis(1, 40);
        if let Some(flow) = self.streams.to_remote(from.node, remote) {
            return self.tell_later(back, from, Input::Connected { request, flow });
        }
        let holder = match self.hosts.get(&remote).copied() {
            Some(Host::Agent(agent)) => {
                let here = self.presence.get(agent) == Some(&Presence::Here);
                let listens = self
                    .agents
                    .get(agent)
                    .is_some_and(|agent| agent.settings.is_reliable());
                (here && listens).then_some(Holder::Agent(agent))
            }
            Some(Host::Element(node)) if self.is_up(node) => {
                let name = self.streams.name(node);
                Some(Holder::Element(node, name))
            }
            _ => None,
        };
        let Some(holder) = holder else {
            self.probes.hit("connect-refused");
            // A host that reports nothing lets the attempt run into its limit.
            if self.network.reports_closed_ports() {
                self.tell_later(back, from, Input::ConnectFailed { request });
            }
            return;
        };
        let local = self.ephemeral(own);
        let name = self.streams.name(from.node);
        let ends = [(Holder::Element(from.node, name), local), (holder, remote)];
        let number = self.streams.open(back, ends);
        if let Some(flow) = self.streams.get(number).and_then(|stream| stream.flow(0)) {
            debug_assert_eq!(flow.listener, STREAM_LISTENER);
            self.probes.hit("connection-opened-by-element");
            self.tell_later(back, from, Input::Connected { request, flow });
        }
    }

    /// Closes an end; the other hears of it once all that was written has arrived.
    pub(super) fn close_end(&mut self, number: StreamNumber, side: Side) {
        if !self.streams.close(number, side) {
            return;
        }
        let Some(stream) = self.streams.get(number) else {
            return;
        };
        let Some(other) = stream.ends.get(1 - side).filter(|_| !stream.broken) else {
            return;
        };
        let at = other.last_arrival.max(self.now) + Duration::from_millis(1);
        let at = at + self.random.millis(0, 20);
        self.queue.push(at, Event::Closed(number, 1 - side));
    }

    /// An end hears that the other is gone, or gives it up.
    pub(super) fn hear_of_close(&mut self, number: StreamNumber, side: Side) {
        let Some(stream) = self.streams.get(number) else {
            return;
        };
        let flow = stream.flow(side);
        let Some(holder) = stream.ends.get(side).map(|end| end.holder) else {
            return;
        };
        if !self.streams.close(number, side) {
            return;
        }
        match (holder, flow) {
            (Holder::Element(node, _), Some(flow)) => self.tell_of_close(node, flow),
            (Holder::Agent(agent), _) => self.lose_connection(agent),
            (Holder::Element(..), None) => {}
        }
    }

    /// Every shard hears that a flow has ended; the first shard, which marks the bindings of all, hears of it last.
    pub(super) fn tell_of_close(&mut self, node: NodeId, flow: Flow) {
        let mut at = self.now;
        let mut order: Vec<usize> = (0..self.shard_count(node)).rev().collect();
        if self
            .saboteur
            .as_ref()
            .is_some_and(|saboteur| saboteur.tells_first_shard_first())
        {
            order.reverse();
        }
        let slow = if self.saboteur.is_some() { 400 } else { 1 };
        let mut last = at;
        for shard in order {
            last = at;
            let to = self.addressee(node, shard);
            self.tell_later(at, to, Input::FlowClosed { flow });
            let micros = 1 + self.random.below(Self::TELLING_MICROS_MAX) * slow;
            at = at + Duration::from_micros(micros);
        }
        self.checker.flow_closed(node, flow, last);
    }

    /// The connections of an agent are gone, as it knows now: it registers anew.
    pub(super) fn lose_connection(&mut self, agent: AgentId) {
        if self.streams.of_agent(agent, None).is_some() {
            return;
        }
        self.note_lost_connection(agent);
        self.act(agent, |agent, io| agent.disconnected(io));
    }

    pub(super) fn note_lost_connection(&mut self, agent: AgentId) {
        if let Some(unsteady) = self.unsteady.get_mut(agent) {
            *unsteady = true;
        }
        self.checker.lost_connection(self.now, agent);
    }

    /// An agent gives all its connections up.
    pub(super) fn hang_up(&mut self, agent: AgentId) {
        while let Some((number, side)) = self.streams.of_agent(agent, None) {
            self.close_end(number, side);
        }
        self.note_lost_connection(agent);
    }
}
