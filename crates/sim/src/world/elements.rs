//! The driver's side of the seam: messages, timers and answers go into shards, and what they ask for is done.

use std::sync::Arc;

use strowger_element::{Input, Output, Query};
use strowger_sip::Message;
use strowger_transaction::{Flow, ListenerId};

use super::{Event, World};
use crate::packet::Packet;
use crate::plan::NodeId;
use crate::sabotage::Sabotage;

impl World {
    pub(super) fn shard_count(&self, node: NodeId) -> usize {
        self.nodes.get(node).map_or(0, |node| node.shards.len())
    }

    pub(super) fn arrive_at_element(&mut self, node: NodeId, packet: &Packet) {
        let Some(element) = self.nodes.get(node) else {
            return;
        };
        if !element.ingress.admit(packet.from, self.now) {
            return;
        }
        self.checker.reached(packet);
        let flow = Flow::udp(ListenerId(0), packet.from);
        let Some(message) = &packet.message else {
            return self.refuse(node, &flow, packet);
        };
        let mut shard = usize::from(element.ingress.shard_for(message));
        if self.sabotage == Some(Sabotage::WrongShard) && message.is_response() {
            shard = (shard + 1) % element.shards.len().max(1);
        }
        self.checker.given(self.now, node, packet);
        let message = Arc::new(Message::clone(message));
        self.input(node, shard, Input::Received { flow, message }, Some(packet));
    }

    /// What cannot be parsed is answered before any shard, or dropped.
    fn refuse(&mut self, node: NodeId, flow: &Flow, packet: &Packet) {
        let Some(element) = self.nodes.get(node) else {
            return;
        };
        let limits = element.ingress.limits();
        let Err(failure) = Message::parse(packet.octets.to_vec(), &limits) else {
            return;
        };
        let mut out = Vec::new();
        if element.ingress.refuse(&failure, flow, &mut out) {
            let answer = Packet::new(packet.to, packet.from, &out);
            self.transmit(answer);
        }
    }

    pub(super) fn wake_shard(&mut self, node: NodeId, shard: usize) {
        let forgets = self.sabotage == Some(Sabotage::ForgetTimers)
            && shard == 1
            && self.checker.errands_are_over();
        let now = self.now;
        let Some(element) = self.nodes.get_mut(node) else {
            return;
        };
        let clocks = element.now(now);
        let Some((machine, wake)) = element.shards.get_mut(shard) else {
            return;
        };
        // An earlier wake-up may have taken its place.
        if *wake != Some(now) || forgets {
            return;
        }
        *wake = None;
        machine.handle_timeout(clocks);
        self.drain(node, shard, None);
    }

    pub(super) fn input(
        &mut self,
        node: NodeId,
        shard: usize,
        input: Input,
        given: Option<&Packet>,
    ) {
        let now = self.now;
        let Some(element) = self.nodes.get_mut(node) else {
            return;
        };
        let clocks = element.now(now);
        if let Some((machine, _)) = element.shards.get_mut(shard) {
            machine.handle_input(clocks, input);
        }
        self.drain(node, shard, given);
    }

    fn drain(&mut self, node: NodeId, shard: usize, given: Option<&Packet>) {
        let mut sent = Vec::new();
        let mut batch = core::mem::take(&mut self.batch);
        while let Some(element) = self.nodes.get_mut(node) {
            let from = element.address;
            let Some(output) = element
                .shards
                .get_mut(shard)
                .and_then(|(machine, _)| machine.poll_output(&mut batch))
            else {
                break;
            };
            for transmit in &batch.sends {
                let to = transmit.flow.remote;
                sent.push(Packet::new(from, to, batch.message(transmit)));
            }
            batch.clear();
            self.output(node, shard, output);
        }
        self.batch = batch;
        if let Some(sabotage) = self.sabotage {
            sent = sabotage.tamper(sent, &mut self.sabotage_done);
        }
        if let Some(element) = self.nodes.get(node) {
            for packet in &sent {
                self.checker.sent(self.now, node, element, packet);
            }
        }
        self.checker.handled(self.now, node, given, &sent);
        for packet in sent {
            self.transmit(packet);
        }
        self.schedule(node, shard);
    }

    fn output(&mut self, node: NodeId, shard: usize, output: Output) {
        match output {
            Output::Transmit | Output::Event(_) => {}
            Output::Close { .. } => {
                self.checker
                    .fail("an element closed a connection that it never had".into());
            }
            Output::Connect { request, .. } => {
                // Nobody here listens on a stream.
                let at = self.now + self.random.millis(1, 50);
                self.queue
                    .push(at, Event::NoConnection(node, shard, request));
            }
            Output::Resolve { query, question } => {
                if let Some((at, answer)) = self.zone.ask(self.now, &question) {
                    self.queue.push(at, Event::Dns(node, shard, query, answer));
                }
            }
            Output::ToShard { .. } => {}
            // No program runs in these worlds, and nobody else has errands.
            Output::Query {
                request: Query::Errand(_),
                ..
            } => {}
            Output::Query {
                query,
                request: Query::Journal(change),
            } => {
                if let Some(element) = self.nodes.get_mut(node) {
                    let at = element.journal.submit(self.now);
                    let change = Box::new(change);
                    self.queue
                        .push(at, Event::Journal(node, shard, query, change));
                }
            }
        }
    }

    /// Sees to it that a shard is woken when it asks for it.
    pub(super) fn schedule(&mut self, node: NodeId, shard: usize) {
        let Some((machine, wake)) = self
            .nodes
            .get_mut(node)
            .and_then(|node| node.shards.get_mut(shard))
        else {
            return;
        };
        let due = machine.poll_timeout().map(|due| due.max(self.now));
        if *wake == due {
            return;
        }
        *wake = due;
        if let Some(due) = due {
            self.queue.push(due, Event::Shard(node, shard));
        }
    }
}
