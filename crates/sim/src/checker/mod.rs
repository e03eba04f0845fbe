//! What must hold in every run, whatever the network does. The first breach ends the run.
//!
//! The checkers see what elements are given and what they send, what reaches each host, what agents tell, the tables of
//! bindings and the journals; they look into no machine.

mod bindings;
mod errands;
mod flows;
mod wire;

use strowger_sip::Time;
use strowger_transaction::{Flow, StreamId};

use crate::agent::{Agent, Report};
use crate::network::Network;
use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::{AgentId, Errand, NodeId};
use bindings::BindingChecker;
use errands::ErrandChecker;
pub use errands::ErrandCounters;
use flows::FlowChecker;
use wire::WireChecker;

/// Counters of what a shard holds.
const HELD: [&str; 6] = [
    "relays",
    "parked",
    "suspended",
    "server_transactions",
    "client_transactions",
    "register_pending",
];

/// All checkers of a world.
#[derive(Debug)]
pub struct Checker {
    wire: WireChecker,
    bindings: BindingChecker,
    errands: ErrandChecker,
    flows: FlowChecker,
    breach: Option<String>,
}

impl Checker {
    /// Checkers for a world with these errands.
    pub fn new(errands: &[Errand], homes: &[NodeId]) -> Checker {
        Checker {
            wire: WireChecker::default(),
            bindings: BindingChecker::default(),
            errands: ErrandChecker::new(errands, homes),
            flows: FlowChecker::default(),
            breach: None,
        }
    }

    /// The first breach.
    pub fn breach(&self) -> Option<&str> {
        self.breach.as_deref()
    }

    fn take(&mut self, result: Result<(), String>) {
        if let (Err(reason), None) = (result, &self.breach) {
            self.breach = Some(reason);
        }
    }

    /// Something outside of the checkers is wrong.
    pub fn fail(&mut self, reason: String) {
        self.take(Err(reason));
    }

    /// An element is about to be given a datagram.
    pub fn given(&mut self, now: Time, node: NodeId, packet: &Packet) {
        if let Some(message) = &packet.message {
            self.bindings.given(now, node, message);
            self.flows.given(now, node, message);
        }
    }

    /// An element sent these while it handled a datagram, or something else.
    pub fn handled(
        &mut self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        given: Option<&Packet>,
        sent: &[Packet],
    ) {
        let disturbed = given
            .and_then(|given| given.message.as_ref())
            .is_some_and(|message| self.errands.is_disturbed(message.call_id()));
        let result = self.wire.handled(now, node, element, given, sent);
        if !disturbed {
            self.take(result);
        }
    }

    /// An element sent a datagram.
    pub fn sent(&mut self, now: Time, node: NodeId, element: &ElementNode, packet: &Packet) {
        let result = self.wire.sent(packet, element);
        self.take(result);
        if let Some(message) = &packet.message {
            let result = self.bindings.sent(now, node, element, message);
            self.take(result);
        }
    }

    /// A datagram of an element reached its host.
    pub fn reached(&mut self, packet: &Packet) {
        let result = self.wire.reached(packet);
        self.take(result);
    }

    /// An agent sent a datagram.
    pub fn agent_sent(&mut self, now: Time, packet: &Packet) {
        self.errands.saw(now, packet);
    }

    /// An agent told something.
    pub fn report(&mut self, report: Report) {
        let result = self.errands.report(report);
        self.take(result);
    }

    /// An errand has begun, maybe under bad omens.
    pub fn began(&mut self, now: Time, number: u32, disturbed: bool) {
        self.errands.began(now, number, disturbed);
    }

    /// An element was lost, or one of its shards.
    pub fn lost_element(&mut self, now: Time, node: NodeId) {
        self.errands.disturb(now, Some(node), None);
    }

    /// The connection of an agent was lost.
    pub fn lost_connection(&mut self, now: Time, agent: AgentId) {
        self.errands.disturb(now, None, Some(agent));
    }

    /// A message with this Call-ID was written to a connection that led nowhere.
    pub fn lost_on_connection(&mut self, call_id: &[u8]) {
        self.errands.disturb_call(call_id);
    }

    /// An element begins anew with what its journal holds.
    pub fn restarted(&mut self, now: Time, node: NodeId, element: &ElementNode) {
        let result = self.bindings.restarted(now, node, element);
        self.take(result);
    }

    /// Every shard of an element will know at `at` that a connection is gone.
    pub fn flow_closed(&mut self, node: NodeId, flow: Flow, at: Time) {
        self.flows.closed(node, &flow, at);
    }

    /// A shard was told that a connection is gone.
    pub fn told(&mut self, now: Time, node: NodeId, element: &ElementNode, stream: StreamId) {
        let result = self.flows.told(now, node, element, stream);
        self.take(result);
    }

    /// A change of bindings may have become visible.
    pub fn published(&mut self, now: Time, node: NodeId, element: &ElementNode, aor: &[u8]) {
        let result = self.flows.published(now, node, element, aor);
        self.take(result);
    }

    /// An element begins anew and gives out the names of connections again.
    pub fn forget_flows(&mut self, node: NodeId) {
        self.flows.forget(node);
    }

    /// An element sent something on a connection that is not there.
    pub fn sent_to_closed(&mut self, now: Time, node: NodeId, flow: Flow, packet: &Packet) {
        let result = self.flows.sent(now, node, &flow, packet);
        self.take(result);
    }

    /// Successes whose transaction was lost with its shard, and that were dropped.
    pub fn orphans(&self) -> u64 {
        self.wire.orphans
    }

    /// True if every errand that began has ended, with its dialogs.
    pub fn errands_are_over(&self) -> bool {
        self.errands.are_over()
    }

    /// Looks at the tables.
    pub fn inspect(&mut self, now: Time, nodes: &[ElementNode]) {
        let result = self.bindings.inspect(now, nodes);
        self.take(result);
    }

    /// A binding that must be there now, for a test that takes it away.
    pub fn some_binding(&self, now: Time) -> Option<(NodeId, Box<[u8]>)> {
        self.bindings.some_sure(now)
    }

    /// The end of the run: nothing may be left.
    pub fn finish(
        &mut self,
        nodes: &[ElementNode],
        agents: &[Agent],
        errands: &[Errand],
        network: &Network,
    ) -> ErrandCounters {
        let (counters, result) = self.errands.finish(errands, network);
        self.take(result);
        for (place, node) in nodes.iter().enumerate() {
            for (shard, (element, _)) in node.shards.iter().enumerate() {
                if !element.is_idle() {
                    let mut left = String::new();
                    element.visit_counters(&mut |name, _, value| {
                        if value > 0 && HELD.contains(&name) {
                            left += &format!(" {name}={value}");
                        }
                    });
                    self.fail(format!(
                        "element {place}, shard {shard} still holds something:{left}"
                    ));
                }
                // Shard 0 sweeps the bindings once a second for ever.
                if shard > 0 && element.poll_timeout().is_some() {
                    self.fail(format!("element {place}, shard {shard} still has a timer"));
                }
            }
            if !node.shared.location.is_empty() {
                self.fail(format!(
                    "element {place} still has {} bindings after all have expired",
                    node.shared.location.len()
                ));
            }
        }
        for agent in agents {
            if !agent.is_idle() {
                self.fail(format!(
                    "{} at {} still has something open",
                    agent.settings.user, agent.settings.address
                ));
            }
        }
        counters
    }
}
