//! A world: elements, user agents, network and services on one virtual clock, driven from one queue of events.
//!
//! ```text
//! pop ─► deliver to element ─► shard ─► outputs ─► checkers ─► network ─► queue
//!    ├─► deliver to agent ───► sends ────────────────────────► network ─► queue
//!    └─► timers, journal, DNS ─► as above
//! ```
//!
//! A seed decides everything. Nothing here reads a clock.

mod agents;
mod connections;
mod elements;
mod mishaps;
mod tampering;
mod wires;

use core::time::Duration;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_element::{ConnectId, Input, QueryId};
use strowger_sip::Time;
use strowger_transaction::TransmitBatch;

use crate::agent::{Agent, AgentTimer};
use crate::checker::{Checker, ErrandCounters};
use crate::incident::{Incident, Scheduled};
use crate::network::{Network, NetworkCounters, Partition};
use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::{AgentId, Errand, NodeId};
use crate::probes::{ProbeWatch, Probes};
use crate::queue::Queue;
use crate::random::Random;
use crate::sabotage::{Sabotage, Saboteur};
use crate::stream::{Side, StreamNumber, Streams};
use crate::trace::Trace;
use crate::zone::Zone;

/// A shard of a process that may be gone by the time: element, shard, and which of its processes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Addressee {
    node: NodeId,
    shard: usize,
    incarnation: u32,
}

/// What will happen.
#[derive(Debug)]
enum Event {
    Arrive(Packet),
    Unreachable(Packet),
    Shard(NodeId, usize),
    Agent(AgentId, AgentTimer),
    Journal(Addressee, QueryId, u64),
    Input(Addressee, Box<Input>),
    /// An element's connection attempt arrives at its peer.
    Dial(Addressee, ConnectId, SocketAddr),
    /// An end of a connection hears that the other is gone.
    Closed(StreamNumber, Side),
    /// An agent's connection was refused.
    Refused(AgentId),
    /// An agent has given its connections up.
    HungUp(AgentId),
    Join(AgentId),
    Begin(u32),
    Vanish(AgentId),
    Happens(Incident),
    Restart(NodeId),
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
    /// What else happens.
    pub incidents: Vec<Scheduled>,
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
    streams: Streams,
    zone: Zone,
    nodes: Vec<ElementNode>,
    agents: Vec<Agent>,
    presence: Vec<Presence>,
    /// Agents whose connection was lost and that have not registered since.
    unsteady: Vec<bool>,
    /// Agents that were refused a connection and will try again.
    refused: Vec<bool>,
    hosts: HashMap<SocketAddr, Host>,
    errands: Rc<[Errand]>,
    checker: Checker,
    probes: Probes,
    watch: ProbeWatch,
    trace: Trace,
    batch: TransmitBatch,
    saboteur: Option<Saboteur>,
    postponed: u64,
    incidents: u64,
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
    /// What happened besides.
    pub incidents: u64,
    /// Rare paths that were taken.
    pub probes: Probes,
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

impl Failure {
    /// The errand that the reason names, if it names one.
    pub fn errand(&self) -> Option<u32> {
        let (_, rest) = self.reason.split_once("errand ")?;
        rest.split(|letter: char| !letter.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    }

    /// Seed, time and reason in one line.
    pub fn headline(&self) -> String {
        let millis = self.at.as_millis();
        format!("seed {} at {millis} ms: {}", self.seed, self.reason)
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{}", self.headline())?;
        // What happened at the end says nothing about an errand that ended long before.
        if self.errand().is_some() {
            return Ok(());
        }
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
    const PATIENCE: Duration = Duration::from_secs(900);
    /// All timers of transactions that are left when the last errand has ended have ended by then (64*T1 several times,
    /// and expiries).
    const SETTLING: Duration = Duration::from_secs(140);
    /// The same where a shard was lost that would have cancelled what it asked for: timer C, a CANCEL without an answer, a
    /// failure without an ACK.
    const SETTLING_MAX: Duration = Duration::from_secs(330);
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
            incidents,
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
        for errand in errands.iter().filter(|errand| !errand.skipped) {
            queue.push(errand.start, Event::Begin(errand.number));
        }
        for (agent, at) in vanishing {
            queue.push(at, Event::Vanish(agent));
        }
        for (at, incident) in incidents {
            queue.push(at, Event::Happens(incident));
        }
        queue.push(Self::START, Event::Inspect);
        let home = |agent: &Agent| {
            nodes
                .iter()
                .position(|node| node.address == agent.settings.proxy)
        };
        let homes: Vec<NodeId> = agents
            .iter()
            .map(|agent| home(agent).unwrap_or(0))
            .collect();
        let mut world = World {
            seed,
            now: Self::START,
            queue,
            random,
            network,
            streams: Streams::default(),
            zone,
            presence: vec![Presence::Here; agents.len()],
            unsteady: vec![false; agents.len()],
            refused: vec![false; agents.len()],
            nodes,
            agents,
            hosts,
            checker: Checker::new(&errands, &homes),
            probes: Probes::default(),
            watch: ProbeWatch::default(),
            errands: errands.into(),
            trace: Trace::new(records),
            batch: TransmitBatch::new(),
            saboteur: None,
            postponed: 0,
            incidents: 0,
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
        self.saboteur = Some(Saboteur::new(sabotage));
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
        // What a lost shard had asked others for they hold until timer C.
        let latest = self.now + Self::SETTLING_MAX;
        self.run_while(|world| world.now < end || (world.now < latest && !world.is_idle()))?;
        let counters = self
            .checker
            .finish(&self.nodes, &self.agents, &self.errands, &self.network);
        self.verdict()?;
        for node in &self.nodes {
            self.probes.count_counters(node);
        }
        let zone = &self.zone;
        for (name, times) in [
            ("dns-silent", zone.silences),
            ("dns-lied", zone.lies),
            ("success-without-transaction", self.checker.orphans()),
        ] {
            self.probes.add(name, times);
        }
        Ok(Summary {
            errands: counters,
            network: self.network.counters.clone(),
            ended_at: self.now,
            trace_hash: self.trace.hash(),
            incidents: self.incidents,
            probes: self.probes.clone(),
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

    fn is_idle(&self) -> bool {
        let mut shards = self.nodes.iter().flat_map(|node| &node.shards);
        shards.all(|(element, _)| element.is_idle())
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
            Event::Journal(to, query, number) => self.journal_is_done(to, query, number),
            Event::Input(to, input) => self.late_input(to, *input),
            Event::Dial(from, request, remote) => self.dialled(from, request, remote),
            Event::Closed(stream, side) => self.hear_of_close(stream, side),
            Event::Refused(agent) => self.try_again(agent),
            Event::HungUp(agent) => self.act(agent, |agent, io| agent.disconnected(io)),
            Event::Join(agent) => self.act(agent, |agent, io| agent.join(io)),
            Event::Begin(number) => self.begin(number),
            Event::Vanish(agent) => self.vanish(agent),
            Event::Happens(incident) => self.befall(incident),
            Event::Restart(node) => self.restart(node),
            Event::Inspect => {
                self.tamper_with_bindings();
                self.checker.inspect(self.now, &self.nodes);
                self.queue.push(self.now + Self::INSPECTION, Event::Inspect);
            }
        }
    }
}
