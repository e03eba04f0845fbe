//! Checks of connections: nothing is sent to one of which every shard was told that it is gone. A request within a dialog
//! may name it, in a token that outlives it, and a target that was found before may have it; then the sender is told, and
//! must cope (DESIGN §2a rule 4).

use std::collections::HashMap;

use strowger_sip::{Message, Method, Time};
use strowger_transaction::{Flow, StreamId};

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
