//! Checks of connections: nothing is sent to one of which every shard was told that it is gone. A request within a dialog
//! may name it, in a token that outlives it, and a target that was found before may have it; then the sender is told, and
//! must cope (DESIGN §2a rule 4).

use std::collections::HashMap;

use strowger_registrar::{Binding, LocationService};
use strowger_sip::{Message, Method, Time};
use strowger_transaction::{Flow, StreamId};

use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::NodeId;

#[derive(Debug, Default)]
pub(super) struct FlowChecker {
    /// Since when all shards know.
    closed: HashMap<(NodeId, StreamId), Time>,
    /// When an element was first given a request: its Call-ID and CSeq. That is when it found the targets.
    given: HashMap<(NodeId, Box<[u8]>, u32), Time>,
}

impl FlowChecker {
    /// All shards will have been told at `at`.
    pub(super) fn closed(&mut self, node: NodeId, flow: &Flow, at: Time) {
        if let Some(stream) = flow.stream {
            self.closed.insert((node, stream), at);
        }
    }

    /// An element is given a message.
    pub(super) fn given(&mut self, now: Time, node: NodeId, message: &Message) {
        if message.is_request() {
            let key = (node, message.call_id().into(), message.cseq().number);
            self.given.entry(key).or_insert(now);
        }
    }

    /// A process begins anew, and with it its names.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.closed.retain(|(one, _), _| *one != node);
    }

    /// A shard was told that a connection is gone. After the last one no binding may lead there any more.
    pub(super) fn told(
        &self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        stream: StreamId,
    ) -> Result<(), String> {
        if self.closed.get(&(node, stream)).is_none_or(|at| *at > now) {
            return Ok(());
        }
        for (aor, bindings) in element.shared.location.list(now, None, usize::MAX) {
            self.lead_somewhere(now, node, aor.as_bytes(), &bindings)?;
        }
        Ok(())
    }

    /// Bindings were published.
    pub(super) fn published(
        &self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        aor: &[u8],
    ) -> Result<(), String> {
        let bindings = element.shared.location.bindings(aor, now);
        self.lead_somewhere(now, node, aor, &bindings)
    }

    fn lead_somewhere(
        &self,
        now: Time,
        node: NodeId,
        aor: &[u8],
        bindings: &[Binding],
    ) -> Result<(), String> {
        for binding in bindings.iter().filter(|binding| !binding.flow_lost()) {
            let stream = binding.flow().stream;
            let closed = stream.and_then(|stream| self.closed.get(&(node, stream)));
            if closed.is_some_and(|at| *at <= now) {
                return Err(format!(
                    "a binding leads to a connection that is gone: {} of {}",
                    String::from_utf8_lossy(binding.contact()),
                    String::from_utf8_lossy(aor)
                ));
            }
        }
        Ok(())
    }

    /// An element sent something on a connection that is not there.
    pub(super) fn sent(
        &self,
        now: Time,
        node: NodeId,
        flow: &Flow,
        packet: &Packet,
    ) -> Result<(), String> {
        let told = flow
            .stream
            .and_then(|stream| self.closed.get(&(node, stream)));
        let Some(at) = told.filter(|at| **at <= now) else {
            return Ok(());
        };
        let named_by_token = packet.message.as_ref().is_some_and(|message| {
            message.is_request() && (message.to_tag().is_some() || message.method() == Method::Ack)
        });
        // One target after another: the later ones were looked up with the first.
        let looked_up_before = packet.message.as_ref().is_some_and(|message| {
            let key = (node, message.call_id().into(), message.cseq().number);
            message.is_request() && self.given.get(&key).is_some_and(|given| given <= at)
        });
        if named_by_token || looked_up_before {
            return Ok(());
        }
        Err(format!(
            "element {node} sent to a connection that all its shards knew to be closed for {} ms: {}",
            now.saturating_since(*at).as_millis(),
            packet.describe()
        ))
    }
}
