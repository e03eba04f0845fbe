//! The driver's side of the seam: messages, timers and answers go into shards, and what they ask for is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use strowger_element::{Answer, Input, Output, Query, QueryId};
use strowger_sip::{Message, Time};
use strowger_transaction::{Flow, ListenerId, TransmitToken};

use super::{Addressee, Event, World};
use crate::packet::Packet;
use crate::plan::NodeId;

impl World {
    pub(super) fn shard_count(&self, node: NodeId) -> usize {
        self.nodes.get(node).map_or(0, |node| node.shards.len())
    }

    pub(super) fn addressee(&self, node: NodeId, shard: usize) -> Addressee {
        Addressee {
            node,
            shard,
            incarnation: self.nodes.get(node).map_or(0, |node| node.incarnation),
        }
    }

    /// An input for later; it is for this process alone.
    pub(super) fn tell_later(&mut self, at: Time, to: Addressee, input: Input) {
        self.queue.push(at, Event::Input(to, Box::new(input)));
    }

    pub(super) fn late_input(&mut self, to: Addressee, input: Input) {
        if !self.is_current(to) {
            return;
        }
        if let Input::Resolved { query, .. } = &input {
            self.watch.resolved(to.node, to.shard, *query);
        }
        let told = match &input {
            Input::FlowClosed { flow } => flow.stream,
            _ => None,
        };
        self.input(to.node, to.shard, input, None);
        if let (Some(stream), Some(element)) = (told, self.nodes.get(to.node)) {
            self.checker.told(self.now, to.node, element, stream);
        }
    }

    fn is_current(&self, to: Addressee) -> bool {
        self.nodes
            .get(to.node)
            .is_some_and(|node| node.is_up && node.incarnation == to.incarnation)
    }

    pub(super) fn journal_is_done(&mut self, to: Addressee, query: QueryId, number: u64) {
        if !self.is_current(to) {
            return;
        }
        let lies = self
            .saboteur
            .as_ref()
            .is_some_and(|saboteur| saboteur.forgets_changes());
        let Some(element) = self.nodes.get_mut(to.node) else {
            return;
        };
        let journal = &mut element.journal;
        let aor = journal.aor_of(number);
        let answer = if lies {
            journal.forget(number)
        } else {
            journal.commit(number)
        };
        self.watch.journaled(to.node, to.shard, query);
        self.input(to.node, to.shard, Input::Completed { query, answer }, None);
        if let Some(element) = self.nodes.get(to.node) {
            self.checker.published(self.now, to.node, element, &aor);
        }
        if self.random.chance(Self::ANSWERED_TWICE_PER_MILLE) {
            let answer = Answer::Journaled;
            self.tell_later(self.now, to, Input::Completed { query, answer });
        }
    }

    /// Answers of the journal that come once more.
    const ANSWERED_TWICE_PER_MILLE: u32 = 5;

    pub(super) fn arrive_at_element(&mut self, node: NodeId, packet: &Packet) {
        let Some(element) = self.nodes.get(node).filter(|element| element.is_up) else {
            return;
        };
        let flow = match packet.stream {
            None => Some(Flow::udp(ListenerId(0), packet.from)),
            Some(number) => self
                .side_of(number, packet.to)
                .and_then(|side| self.streams.get(number)?.flow(side)),
        };
        let Some(flow) = flow else {
            return;
        };
        if packet.stream.is_none() && !element.ingress.admit(packet.from, self.now) {
            return;
        }
        self.checker.reached(packet);
        let Some(message) = &packet.message else {
            return self.refuse(node, &flow, packet);
        };
        let mut shard = usize::from(element.ingress.shard_for(message));
        if let Some(saboteur) = &mut self.saboteur {
            shard = saboteur.shard_for(message, shard, element.shards.len());
        }
        self.checker.given(self.now, node, packet);
        self.watch
            .given(&mut self.probes, self.now, node, packet, message);
        let message = Arc::new(Message::clone(message));
        let input = Input::Received { flow, message };
        self.input(node, shard, input, Some(packet));
        if let Some(agent) = self.watch.take_reset(packet, &self.agents) {
            self.reset(agent);
        }
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
            self.probes.hit("malformed-refused");
            let mut answer = Packet::new(packet.to, packet.from, &out);
            answer.stream = packet.stream;
            self.transmit(answer);
        } else {
            self.probes.hit("malformed-dropped");
        }
    }

    pub(super) fn wake_shard(&mut self, node: NodeId, shard: usize) {
        let is_over = self.checker.errands_are_over();
        let forgets = self
            .saboteur
            .as_mut()
            .is_some_and(|saboteur| saboteur.forgets_timer(shard, is_over));
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
        let outcome = catch_unwind(AssertUnwindSafe(|| machine.handle_timeout(clocks)));
        self.drain(node, shard, outcome.is_err(), None);
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
        let Some((machine, _)) = element.shards.get_mut(shard) else {
            return;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| machine.handle_input(clocks, input)));
        self.drain(node, shard, outcome.is_err(), given);
    }

    fn drain(&mut self, node: NodeId, shard: usize, panicked: bool, given: Option<&Packet>) {
        if panicked {
            let what = given.map_or_else(String::new, Packet::describe);
            return self
                .checker
                .fail(format!("element {node}, shard {shard} panicked: {what}"));
        }
        let mut sent = Vec::new();
        let mut batch = core::mem::take(&mut self.batch);
        let to = self.addressee(node, shard);
        while let Some(element) = self.nodes.get_mut(node) {
            let Some(output) = element
                .shards
                .get_mut(shard)
                .and_then(|(machine, _)| machine.poll_output(&mut batch))
            else {
                break;
            };
            for transmit in &batch.sends {
                let octets = batch.message(transmit);
                sent.extend(self.address(to, transmit.flow, transmit.token, octets));
            }
            batch.clear();
            self.output(to, output, given);
        }
        self.batch = batch;
        if let Some(saboteur) = &mut self.saboteur {
            sent = saboteur.tamper(sent);
        }
        if let Some(element) = self.nodes.get(node) {
            for packet in &sent {
                self.checker.sent(self.now, node, element, packet);
                self.watch.sent(&mut self.probes, node, packet, given);
            }
            self.checker.handled(self.now, node, element, given, &sent);
        }
        for packet in sent {
            self.transmit(packet);
        }
        self.schedule(node, shard);
    }

    /// A message of an element with its addresses; what has no connection any more is told to the shard instead.
    fn address(
        &mut self,
        from: Addressee,
        flow: Flow,
        token: TransmitToken,
        octets: &[u8],
    ) -> Option<Packet> {
        let element = self.nodes.get(from.node)?;
        let epoch = element.epochs.get(from.shard).copied();
        let mut packet = Packet::new(element.address, flow.remote, octets);
        packet.epoch = epoch;
        if flow.stream.is_none() {
            return Some(packet);
        }
        match self.streams.of_flow(from.node, &flow) {
            Some((number, side)) => {
                let own = self.streams.get(number)?.ends.get(side)?.address;
                packet.from = own;
                packet.stream = Some(number);
            }
            None => {
                // Seen by the checkers as sent; it goes nowhere.
                packet.stream = Some(crate::stream::StreamNumber(usize::MAX));
                self.probes.hit("written-to-closed-connection");
                self.checker
                    .sent_to_closed(self.now, from.node, flow, &packet);
                if token != TransmitToken::NONE {
                    let input = Input::TransmitFailed {
                        flow,
                        token,
                        branch: None,
                    };
                    self.tell_later(self.now, from, input);
                }
            }
        }
        Some(packet)
    }

    fn output(&mut self, from: Addressee, output: Output, given: Option<&Packet>) {
        match output {
            Output::Transmit | Output::Event(_) => {}
            Output::Close { flow } => {
                if let Some((number, side)) = self.streams.of_flow(from.node, &flow) {
                    self.close_end(number, side);
                    self.tell_of_close(from.node, flow);
                }
            }
            Output::Connect {
                request, remote, ..
            } => self.connect(from, request, remote),
            Output::Resolve { query, question } => {
                self.watch.asked(from.node, from.shard, query, given);
                if let Some((at, answer)) = self.zone.ask(self.now, &question) {
                    self.tell_later(at, from, Input::Resolved { query, answer });
                }
            }
            Output::ToShard { .. } => panic!("no element speaks to another shard yet; carry it"),
            // No program runs in these worlds, and nobody else has errands.
            Output::Query {
                request: Query::Errand(_),
                ..
            } => {}
            Output::Query {
                query,
                request: Query::Journal(change),
            } => {
                self.watch.journaling(from.node, from.shard, query, given);
                if let Some(element) = self.nodes.get_mut(from.node) {
                    let (at, number) = element.journal.submit(self.now, change);
                    self.queue.push(at, Event::Journal(from, query, number));
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
