//! A world: elements, user agents, network and services on one virtual clock, driven from one queue of events.
//!
//! ```text
//! pop ─► deliver to element ─► shard ─► outputs ─► checkers ─► network ─► queue
//!    ├─► deliver to agent ───► sends ────────────────────────► network ─► queue
//!    └─► timers, journal, DNS ─► as above
//! ```
//!
//! A seed decides everything. Nothing here reads a clock.

mod elements;
mod tampering;

use core::time::Duration;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_element::{Answer, ConnectId, Input, QueryId};
use strowger_registrar::LocationChange;
use strowger_sip::Time;
use strowger_transaction::{Flow, ListenerId, TransmitBatch, TransmitToken};

use crate::agent::{Agent, AgentTimer, Io, Report};
use crate::checker::{Checker, ErrandCounters};
use crate::network::{Network, NetworkCounters, Partition};
use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::{AgentId, Errand, NodeId};
use crate::queue::Queue;
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::services::Zone;
use crate::trace::{Fate, Trace};

/// What will happen.
#[derive(Debug)]
enum Event {
    Arrive(Packet),
    Unreachable(Packet),
    Shard(NodeId, usize),
    Agent(AgentId, AgentTimer),
    Journal(NodeId, usize, QueryId, Box<LocationChange>),
    Dns(NodeId, usize, QueryId, strowger_resolve::Answer),
    NoConnection(NodeId, usize, ConnectId),
    Join(AgentId),
    Begin(u32),
    Vanish(AgentId),
    Inspect,
}

/// Who listens at an address.
#[derive(Copy, Clone, Debug)]
enum Host {
    Element(NodeId),
    Agent(AgentId),
}

/// Whether an agent is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    /// Its port is closed.
    Gone,
}

/// What a world is made of.
#[derive(Debug)]
pub struct Parts {
    /// The seed, for reports.
    pub seed: u64,
    /// Chance.
    pub random: Random,
    /// The network.
    pub network: Network,
    /// The DNS.
    pub zone: Zone,
    /// The elements.
    pub nodes: Vec<ElementNode>,
    /// The user agents.
    pub agents: Vec<Agent>,
    /// What the users do, numbered from 0.
    pub errands: Vec<Errand>,
    /// Agents that disappear, and when.
    pub vanishing: Vec<(AgentId, Time)>,
    /// Hosts that cannot reach each other for a while.
    pub partitions: Vec<Partition>,
    /// Every datagram is kept.
    pub records: bool,
}

/// A world.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Time,
    queue: Queue<Event>,
    random: Random,
    network: Network,
    zone: Zone,
    nodes: Vec<ElementNode>,
    agents: Vec<Agent>,
    presence: Vec<Presence>,
    hosts: HashMap<SocketAddr, Host>,
    errands: Rc<[Errand]>,
    checker: Checker,
    trace: Trace,
    batch: TransmitBatch,
    sabotage: Option<Sabotage>,
    sabotage_done: bool,
    postponed: u64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The errands.
    pub errands: ErrandCounters,
    /// The network.
    pub network: NetworkCounters,
    /// Virtual time at the end.
    pub ended_at: Time,
    /// Hash of the trace.
    pub trace_hash: u64,
}

/// A breach of what must hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// When.
    pub at: Time,
    /// What.
    pub reason: String,
    /// What happened last.
    pub last: Vec<String>,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let millis = self.at.as_millis();
        writeln!(f, "seed {} at {millis} ms: {}", self.seed, self.reason)?;
        for line in &self.last {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl World {
    /// Worlds begin here, so that times in their past exist.
    pub const START: Time = Time::from_secs(1);
    /// Between two looks of the checkers at the tables.
    const INSPECTION: Duration = Duration::from_secs(1);
    /// An errand to someone who is not registered waits so long.
    const POSTPONEMENT: Duration = Duration::from_secs(1);
    /// The called devices must be registered so long after the errand begins: till its request has reached them.
    const MARGIN: Duration = Duration::from_secs(36);
    /// After that many postponements of one world something is wrong.
    const POSTPONEMENTS: u64 = 20_000;
    /// Errands that have not ended so long after the last one began never will.
    const PATIENCE: Duration = Duration::from_secs(600);
    /// All timers of transactions that are left when the last errand has ended have ended by then (64*T1 several times,
    /// and expiries).
    const SETTLING: Duration = Duration::from_secs(140);
    /// Events of one run.
    const EVENTS: u64 = 50_000_000;

    /// A world before its first event.
    pub fn new(parts: Parts) -> World {
        let Parts {
            seed,
            mut random,
            mut network,
            zone,
            nodes,
            agents,
            errands,
            vanishing,
            partitions,
            records,
        } = parts;
        for partition in partitions {
            network.cut(partition);
        }
        let elements = nodes.iter().enumerate();
        let mut hosts: HashMap<SocketAddr, Host> = elements
            .map(|(place, node)| (node.address, Host::Element(place)))
            .collect();
        let places = agents.iter().enumerate();
        hosts.extend(places.map(|(place, agent)| (agent.settings.address, Host::Agent(place))));
        let mut queue = Queue::new(random.fork());
        for place in 0..agents.len() {
            let at = Self::START + random.millis(0, 3_000);
            queue.push(at, Event::Join(place));
        }
        for errand in &errands {
            queue.push(errand.start, Event::Begin(errand.number));
        }
        for (agent, at) in vanishing {
            queue.push(at, Event::Vanish(agent));
        }
        queue.push(Self::START, Event::Inspect);
        let mut world = World {
            seed,
            now: Self::START,
            queue,
            random,
            network,
            zone,
            presence: vec![Presence::Here; agents.len()],
            nodes,
            agents,
            hosts,
            checker: Checker::new(errands.len()),
            errands: errands.into(),
            trace: Trace::new(records),
            batch: TransmitBatch::new(),
            sabotage: None,
            sabotage_done: false,
            postponed: 0,
        };
        for node in 0..world.nodes.len() {
            for shard in 0..world.shard_count(node) {
                world.schedule(node, shard);
            }
        }
        world
    }

    /// Puts a fault into the world that a checker must find.
    pub fn sabotage(&mut self, sabotage: Sabotage) {
        self.sabotage = Some(sabotage);
    }

    /// All datagrams that were sent, if the world records.
    pub fn recording(&self) -> &[(Time, Packet)] {
        self.trace.recording()
    }

    /// Runs until everything has ended, or until the first breach.
    pub fn run(&mut self) -> Result<Summary, Box<Failure>> {
        let last = self.errands.iter().map(|errand| errand.start).max();
        let patience = last.unwrap_or(Self::START) + Self::PATIENCE;
        self.run_while(|world| world.now < patience && !world.checker.errands_are_over())?;
        for agent in 0..self.agents.len() {
            let politely = self.random.chance(500);
            self.act(agent, |agent, io| agent.leave(io, politely));
        }
        let end = self.now + Self::SETTLING;
        self.run_while(|world| world.now < end)?;
        let counters = self
            .checker
            .finish(&self.nodes, &self.agents, &self.errands, &self.network);
        self.verdict()?;
        Ok(Summary {
            errands: counters,
            network: self.network.counters.clone(),
            ended_at: self.now,
            trace_hash: self.trace.hash(),
        })
    }

    fn run_while(&mut self, goes_on: impl Fn(&World) -> bool) -> Result<(), Box<Failure>> {
        for _ in 0..Self::EVENTS {
            if !goes_on(self) {
                return Ok(());
            }
            let Some((at, event)) = self.queue.pop() else {
                return Ok(());
            };
            self.now = self.now.max(at);
            self.happen(event);
            self.verdict()?;
        }
        self.checker.fail("the world does not come to rest".into());
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Box<Failure>> {
        match self.checker.breach() {
            None => Ok(()),
            Some(reason) => Err(Box::new(Failure {
                seed: self.seed,
                at: self.now,
                reason: reason.to_string(),
                last: self.trace.last(),
            })),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(packet) => self.arrive(packet),
            Event::Unreachable(packet) => self.unreachable(&packet),
            Event::Shard(node, shard) => self.wake_shard(node, shard),
            Event::Agent(agent, timer) => {
                self.act(agent, |agent, io| agent.wake(io, timer));
            }
            Event::Journal(node, shard, query, change) => {
                let lies = self.sabotage == Some(Sabotage::LyingJournal);
                let Some(element) = self.nodes.get_mut(node) else {
                    return;
                };
                let answer = if lies {
                    Answer::Journaled
                } else {
                    element.journal.commit(&change)
                };
                self.input(node, shard, Input::Completed { query, answer }, None);
            }
            Event::Dns(node, shard, query, answer) => {
                self.input(node, shard, Input::Resolved { query, answer }, None);
            }
            Event::NoConnection(node, shard, request) => {
                self.input(node, shard, Input::ConnectFailed { request }, None);
            }
            Event::Join(agent) => self.act(agent, |agent, io| agent.join(io)),
            Event::Begin(number) => self.begin(number),
            Event::Vanish(agent) => {
                if let Some(presence) = self.presence.get_mut(agent) {
                    *presence = Presence::Gone;
                }
                if let Some(agent) = self.agents.get_mut(agent) {
                    agent.vanish();
                }
            }
            Event::Inspect => {
                self.tamper_with_bindings();
                self.checker.inspect(self.now, &self.nodes);
                self.queue.push(self.now + Self::INSPECTION, Event::Inspect);
            }
        }
    }

    // Network.

    fn transmit(&mut self, packet: Packet) {
        let ways = self.network.carry(self.now, &packet);
        let lost = ways == [None, None];
        let fate = if lost { Fate::Lost } else { Fate::Sent };
        self.trace.note(self.now, fate, &packet);
        for way in ways.into_iter().flatten() {
            self.queue
                .push(self.now + way, Event::Arrive(packet.clone()));
        }
    }

    fn arrive(&mut self, packet: Packet) {
        match self.hosts.get(&packet.to).copied() {
            Some(Host::Element(node)) => {
                self.trace.note(self.now, Fate::Arrived, &packet);
                self.arrive_at_element(node, &packet);
            }
            Some(Host::Agent(agent)) if self.presence.get(agent) == Some(&Presence::Here) => {
                self.trace.note(self.now, Fate::Arrived, &packet);
                self.checker.reached(&packet);
                self.act(agent, |agent, io| agent.receive(io, &packet));
            }
            _ => {
                self.trace.note(self.now, Fate::Refused, &packet);
                if self.network.reports_closed_ports() {
                    let at = self.now + self.random.millis(1, 20);
                    self.queue.push(at, Event::Unreachable(packet));
                }
            }
        }
    }

    /// An ICMP error comes back to the sender; an element learns of it by the branch that the error quotes.
    fn unreachable(&mut self, packet: &Packet) {
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
        self.input(node, usize::from(shard), input, None);
    }

    // Agents.

    fn act(&mut self, place: AgentId, action: impl FnOnce(&mut Agent, &mut Io<'_>)) {
        let here = self.presence.get(place) == Some(&Presence::Here);
        let (mut sends, mut timers, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        let errands = Rc::clone(&self.errands);
        let Some(agent) = self.agents.get_mut(place).filter(|_| here) else {
            return;
        };
        let from = agent.settings.address;
        let mut io = Io {
            now: self.now,
            sends: &mut sends,
            timers: &mut timers,
            reports: &mut reports,
            errands: &errands,
            random: &mut self.random,
        };
        action(agent, &mut io);
        for report in reports {
            self.tell(from, report);
        }
        for (at, timer) in timers {
            self.queue.push(at, Event::Agent(place, timer));
        }
        for (to, octets) in sends {
            let packet = Packet::new(from, to, &octets);
            if packet.message.is_none() {
                let text = String::from_utf8_lossy(&octets);
                self.checker
                    .fail(format!("an agent sent what cannot be parsed: {text}"));
            }
            self.checker.agent_sent(&packet);
            self.transmit(packet);
        }
    }

    fn tell(&mut self, from: SocketAddr, report: Report) {
        let report = match report {
            Report::Wrong(what) => Report::Wrong(format!("{from}: {what}")),
            other => other,
        };
        self.checker.report(report);
    }

    /// Begins an errand, or puts it off until the called devices are registered.
    fn begin(&mut self, number: u32) {
        let errands = Rc::clone(&self.errands);
        let Some(errand) = errands.get(number as usize) else {
            return;
        };
        let ready = errand.callee_is_gone
            || errand.to.iter().all(|place| {
                self.agents
                    .get(*place)
                    .is_some_and(|agent| agent.is_registered(self.now + Self::MARGIN))
            });
        if !ready {
            self.postponed += 1;
            if self.postponed > Self::POSTPONEMENTS {
                self.checker
                    .fail(format!("whoever errand {number} is for never registers"));
            }
            self.queue
                .push(self.now + Self::POSTPONEMENT, Event::Begin(number));
            return;
        }
        let callee = errand
            .to
            .first()
            .and_then(|place| self.agents.get(*place))
            .map(Agent::address_of_record)
            .unwrap_or_default();
        self.checker.began(number);
        self.act(errand.from, |agent, io| agent.begin(io, errand, &callee));
    }
}
