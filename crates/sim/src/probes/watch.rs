//! Finds rare paths in what elements are given and what they send and ask.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use strowger_element::QueryId;
use strowger_sip::{HeaderName, Message, Method, Time};

use super::Probes;
use crate::agent::Agent;
use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::{AgentId, Errand, NodeId};

type Octets = Box<[u8]>;
type Asked = (NodeId, usize, QueryId);

/// An INVITE out of a dialog, as it was seen at one element.
#[derive(Debug, Default)]
struct Invite {
    sent_to: Vec<SocketAddr>,
    provisional: bool,
    success: bool,
    failures: u32,
    cancelled: bool,
    unreachable: bool,
    finals: BTreeSet<Octets>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub struct ProbeWatch {
    /// Call-IDs that wait for the DNS.
    dns: BTreeMap<Asked, Octets>,
    /// Branches of REGISTERs that are with the journal.
    journal: BTreeMap<Asked, Octets>,
    invites: BTreeMap<(NodeId, Octets), Invite>,
    /// Elements that have begun anew.
    restarted: BTreeSet<NodeId>,
    /// Dialogs that existed by then.
    survivors: BTreeSet<(NodeId, Octets)>,
    resets: BTreeSet<AgentId>,
    /// Requests within dialogs: element, Call-ID, CSeq.
    in_dialog: BTreeSet<(NodeId, Octets, u32)>,
}

impl ProbeWatch {
    /// An element asks the DNS while it handles a message.
    pub fn asked(&mut self, node: NodeId, shard: usize, query: QueryId, given: Option<&Packet>) {
        let call_id = given.and_then(|given| Some(given.message.as_ref()?.call_id().into()));
        self.dns
            .insert((node, shard, query), call_id.unwrap_or_default());
    }

    /// The DNS has answered.
    pub fn resolved(&mut self, node: NodeId, shard: usize, query: QueryId) {
        self.dns.remove(&(node, shard, query));
    }

    /// An element asks its journal while it handles a message.
    pub fn journaling(
        &mut self,
        node: NodeId,
        shard: usize,
        query: QueryId,
        given: Option<&Packet>,
    ) {
        let branch = given
            .and_then(|given| given.message.as_ref()?.via().branch())
            .unwrap_or_default();
        self.journal.insert((node, shard, query), branch.into());
    }

    /// The journal has answered.
    pub fn journaled(&mut self, node: NodeId, shard: usize, query: QueryId) {
        self.journal.remove(&(node, shard, query));
    }

    /// An element is given a message.
    pub fn given(
        &mut self,
        probes: &mut Probes,
        _now: Time,
        node: NodeId,
        packet: &Packet,
        message: &Message,
    ) {
        let branch = message.via().branch().unwrap_or_default();
        if message.method() == Method::Register {
            if self.journal.values().any(|other| **other == *branch) {
                probes.hit("register-repeated-while-journal-pending");
            }
            return;
        }
        if Errand::number_in(message.call_id()).is_none() {
            return;
        }
        if message.is_request() && message.to_tag().is_some() {
            let (call_id, number) = (message.call_id().into(), message.cseq().number);
            self.in_dialog.insert((node, call_id, number));
        }
        let waits = self
            .dns
            .iter()
            .any(|((one, ..), call)| *one == node && **call == *message.call_id());
        let key = (node, Octets::from(message.call_id()));
        if message.is_request() && message.method() == Method::Invite && waits {
            probes.hit("invite-repeated-while-dns-pending");
        }
        if message.is_request() && message.method() == Method::Cancel {
            let invite = self.invites.entry(key).or_default();
            if waits {
                probes.hit("cancel-while-dns-pending");
            }
            match (invite.success, invite.provisional, invite.failures) {
                (true, ..) => probes.hit("cancel-after-success"),
                (false, true, 0) => probes.hit("cancel-while-ringing"),
                (false, false, 0) if !invite.sent_to.is_empty() => {
                    probes.hit("cancel-before-provisional");
                }
                _ => {}
            }
            invite.cancelled = true;
        } else if let Some(status) = message
            .status()
            .filter(|_| message.method() == Method::Invite && packet.from != packet.to)
        {
            let invite = self.invites.entry(key).or_default();
            match status.get() {
                100 => {}
                101..200 => invite.provisional = true,
                200..300 => {
                    if invite.cancelled && !invite.success {
                        probes.hit("success-after-cancel");
                    }
                    invite.success = true;
                }
                _ => invite.failures += 1,
            }
            if status.get() >= 200 {
                let said: Octets = [branch, &status.get().to_be_bytes()].concat().into();
                let others = invite
                    .finals
                    .iter()
                    .any(|other| other.starts_with(branch) && *other != said);
                if others {
                    probes.hit("final-contradicted");
                }
                invite.finals.insert(said);
            }
        }
    }

    /// An element sends a message, maybe because it was given one.
    pub fn sent(
        &mut self,
        probes: &mut Probes,
        node: NodeId,
        packet: &Packet,
        given: Option<&Packet>,
    ) {
        let Some(message) = &packet.message else {
            return;
        };
        let status = message.status().map_or(0, |status| status.get());
        let says = |name, word: &str| {
            message
                .header(name)
                .is_some_and(|header| String::from_utf8_lossy(header.value).contains(word))
        };
        let forwarded = given
            .and_then(|given| given.message.as_ref())
            .is_some_and(|given| given.is_response());
        match status {
            401 if says(HeaderName::WwwAuthenticate, "stale=true") => probes.hit("stale-nonce"),
            407 if says(HeaderName::ProxyAuthenticate, "stale=true") => probes.hit("stale-nonce"),
            500 if message.method() == Method::Register => probes.hit("register-500"),
            480 if !forwarded && self.is_in_dialog(node, message) => probes.hit("dead-flow-480"),
            482 if !forwarded => probes.hit("loop-482"),
            _ => {}
        }
        if !message.is_request() || Errand::number_in(message.call_id()).is_none() {
            return;
        }
        let key = (node, Octets::from(message.call_id()));
        if message.to_tag().is_some() {
            if self.survivors.remove(&key) {
                probes.hit("dialog-after-restart");
            }
            return;
        }
        if message.method() != Method::Invite {
            return;
        }
        let invite = self.invites.entry(key).or_default();
        if invite.sent_to.contains(&packet.to) {
            return;
        }
        if !invite.sent_to.is_empty() {
            probes.hit(if invite.unreachable {
                "transmit-failed-next-target"
            } else if invite.failures > 0 {
                "serial-fork-fallback"
            } else {
                "parallel-fork"
            });
        }
        invite.sent_to.push(packet.to);
    }

    /// An ICMP error reaches an element.
    pub fn unreachable(&mut self, _probes: &mut Probes, node: NodeId, packet: &Packet) {
        if let Some(message) = &packet.message
            && message.method() == Method::Invite
            && let Some(invite) = self.invites.get_mut(&(node, message.call_id().into()))
        {
            invite.unreachable = true;
        }
    }

    /// A process ends.
    pub fn crash(&mut self, probes: &mut Probes, node: NodeId, _element: &ElementNode) {
        for ((one, call_id), invite) in &self.invites {
            if *one != node {
                continue;
            }
            if invite.provisional && !invite.success && invite.failures == 0 {
                probes.hit("crash-while-ringing");
            }
            if invite.success {
                self.survivors.insert((node, call_id.clone()));
            }
        }
        let of_node = |(one, ..): &&Asked| *one == node;
        if self.dns.keys().any(|asked| of_node(&asked)) {
            probes.hit("crash-while-dns-pending");
        }
        if self.journal.keys().any(|asked| of_node(&asked)) {
            probes.hit("crash-while-journal-pending");
        }
        self.dns.retain(|asked, _| asked.0 != node);
        self.journal.retain(|asked, _| asked.0 != node);
        self.restarted.insert(node);
    }

    /// A shard panics.
    pub fn shard_panics(
        &mut self,
        probes: &mut Probes,
        node: NodeId,
        shard: usize,
        element: &ElementNode,
    ) {
        if element
            .shards
            .get(shard)
            .is_some_and(|(machine, _)| !machine.is_idle())
        {
            probes.hit("shard-replaced-with-work");
        }
        let waits = |asked: &Asked| asked.0 == node && asked.1 == shard;
        if self.journal.keys().any(waits) {
            probes.hit("shard-replaced-while-journal-pending");
        }
    }

    /// The connection of this agent is to be reset when its next change of bindings is with the journal.
    pub fn reset_at_register(&mut self, agent: AgentId) {
        self.resets.insert(agent);
    }

    /// The agent whose connection is to be reset now that this message was handled.
    pub fn take_reset(&mut self, packet: &Packet, agents: &[Agent]) -> Option<AgentId> {
        if self.resets.is_empty() || packet.stream.is_none() {
            return None;
        }
        let branch = packet.message.as_ref()?.via().branch()?;
        if !self.journal.values().any(|other| **other == *branch) {
            return None;
        }
        let sender = self.resets.iter().copied().find(|agent| {
            agents
                .get(*agent)
                .is_some_and(|agent| agent.settings.address.ip() == packet.from.ip())
        })?;
        self.resets.remove(&sender);
        Some(sender)
    }

    fn is_in_dialog(&self, node: NodeId, answer: &Message) -> bool {
        let (call_id, number) = (answer.call_id().into(), answer.cseq().number);
        self.in_dialog.contains(&(node, call_id, number))
    }
}
