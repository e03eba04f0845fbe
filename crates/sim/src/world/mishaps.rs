//! Incidents as they happen: crashes and restarts, shards replaced, clocks set, connections cut, garbage on the wire.

use core::time::Duration;

use super::{Event, World};
use crate::incident::Incident;
use crate::packet::Packet;
use crate::plan::{AgentId, NodeId};
use crate::stream::Holder;

impl World {
    pub(super) fn befall(&mut self, incident: Incident) {
        self.incidents += 1;
        match incident {
            Incident::Crash { node, down, host } => self.crash(node, down, host),
            Incident::Panic { node, shard } => self.replace(node, shard),
            Incident::ClockJump { node, seconds } => {
                self.probes.hit(if seconds < 0 {
                    "clock-set-back"
                } else {
                    "clock-set-forward"
                });
                if let Some(element) = self.nodes.get_mut(node) {
                    element.jump(seconds);
                }
            }
            Incident::Reset { agent } => self.watch.reset_at_register(agent),
            Incident::HalfOpen { agent } => self.break_connection(agent),
            Incident::Garbage { agent, messages } => self.spread_garbage(agent, messages),
        }
    }

    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(node).is_some_and(|node| node.is_up)
    }

    pub(super) fn host_is_down(&self, node: NodeId) -> bool {
        self.nodes
            .get(node)
            .is_some_and(|node| !node.is_up && node.host_is_down)
    }

    fn crash(&mut self, node: NodeId, down: Duration, host: bool) {
        if !self.is_up(node) {
            return;
        }
        self.checker.lost_element(self.now, node);
        let Some(element) = self.nodes.get_mut(node) else {
            return;
        };
        self.watch.crash(&mut self.probes, node, element);
        element.crash(host);
        for (number, side) in self.streams.of_element(node) {
            let other = self
                .streams
                .get(number)
                .and_then(|stream| stream.ends.get(1 - side));
            if let Some(Holder::Agent(agent)) = other.map(|end| end.holder) {
                self.note_lost_connection(agent);
            }
            // A host that is away does not even reset its connections.
            if host && let Some(stream) = self.streams.get_mut(number) {
                stream.broken = true;
            }
            self.close_end(number, side);
        }
        self.streams.forget_names(node);
        self.checker.forget_flows(node);
        self.queue.push(self.now + down, Event::Restart(node));
    }

    pub(super) fn restart(&mut self, node: NodeId) {
        let now = self.now;
        let Some(element) = self.nodes.get_mut(node) else {
            return;
        };
        element.restart(now);
        if let Some(element) = self.nodes.get(node) {
            if !element.shared.location.is_empty() {
                self.probes.hit("restart-with-bindings");
            }
            self.checker.restarted(now, node, element);
        }
        for shard in 0..self.shard_count(node) {
            self.schedule(node, shard);
        }
    }

    fn replace(&mut self, node: NodeId, shard: usize) {
        if !self.is_up(node) {
            return;
        }
        let shard = shard % self.shard_count(node).max(1);
        self.checker.lost_element(self.now, node);
        if let Some(element) = self.nodes.get_mut(node) {
            self.watch
                .shard_panics(&mut self.probes, node, shard, element);
            element.replace_shard(shard);
        }
        self.schedule(node, shard);
    }

    /// A connection is reset: the agent knows at once, the element soon.
    pub(super) fn reset(&mut self, agent: AgentId) {
        let Some((number, side)) = self.streams.of_agent(agent, None) else {
            return;
        };
        self.probes.hit("connection-reset");
        self.note_lost_connection(agent);
        self.close_end(number, side);
        self.lose_connection(agent);
    }

    /// A connection becomes half-open: nothing gets through, and nobody is told.
    fn break_connection(&mut self, agent: AgentId) {
        let Some((number, _)) = self.streams.of_agent(agent, None) else {
            return;
        };
        self.note_lost_connection(agent);
        if let Some(stream) = self.streams.get_mut(number) {
            stream.broken = true;
        }
    }

    /// An agent's host sends its proxy what was on the wire before, changed here and there.
    fn spread_garbage(&mut self, agent: AgentId, messages: u32) {
        let Some(settings) = self.agents.get(agent).map(|agent| agent.settings.clone()) else {
            return;
        };
        for _ in 0..messages {
            let Some(seen) = self.trace.some(&mut self.random) else {
                return;
            };
            if let Some(octets) = crate::garbage::from(&seen, &mut self.random) {
                let packet = Packet::new(settings.address, settings.proxy, &octets);
                self.transmit(packet);
            }
        }
    }
}
