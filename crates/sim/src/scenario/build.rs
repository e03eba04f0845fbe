//! From a scenario to a world: elements, the DNS, users and their devices, incidents.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use strowger_resolve::Record;
use strowger_sip::{Algorithm, Transport};

use super::{DOMAINS, FIRST, Scenario};
use crate::agent::{Agent, AgentSettings};
use crate::incident::{Incident, Scheduled};
use crate::network::{Network, Partition};
use crate::node::{ElementNode, ElementPlan};
use crate::plan::AgentId;
use crate::random::Random;
use crate::world::Parts;
use crate::zone::Zone;

/// A user: his devices, and how they are tried.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) devices: Vec<AgentId>,
    pub(super) serial: bool,
    /// His contact is a user of the other domain, and that one's contact is he.
    pub(super) circle: bool,
}

fn address(domain: u8, host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, domain + 1, 0, host)), port)
}

impl Scenario {
    /// Draws the world from its seed.
    pub fn build(&self) -> Parts {
        let mut random = Random::new(self.seed);
        let mut nodes = Vec::new();
        let mut zone = Zone::new(self.zone.clone(), random.fork());
        for (place, (domain, shards)) in (0_u8..).zip(DOMAINS.iter().zip(self.shards)) {
            let mut algorithms = vec![Algorithm::Md5];
            if self.sha256 {
                algorithms.insert(0, Algorithm::Sha256);
            }
            let plan = ElementPlan {
                address: address(place, 1, 5060),
                domain: (*domain).to_string(),
                shards,
                auth: self.auth,
                algorithms,
                journal: self.journal.clone(),
            };
            let dead = self
                .dead_servers
                .then(|| Ipv4Addr::new(10, place + 1, 0, 2));
            add_records(&mut zone, &plan, dead, &mut random);
            nodes.push(ElementNode::new(&plan, &mut random));
        }
        let mut agents = Vec::new();
        let mut users = Vec::new();
        for (place, node) in (0_u8..).zip(&mut nodes) {
            for number in 0..self.users_per_domain {
                let user = format!("user{number}");
                users.push(self.add_user(place, number, &user, node, &mut agents, &mut random));
            }
        }
        let mut circles = Vec::new();
        for (place, node) in (0_u8..).zip(&mut nodes) {
            circles.push(add_circle(place, node, &mut agents, &mut random));
        }
        let (errands, vanishing) = self.plan(&mut random.fork(), &users, &circles);
        let partitions = if self.partition {
            let from = FIRST + random.between(Duration::ZERO, self.span());
            vec![Partition {
                one: address(0, 1, 0).ip(),
                other: address(1, 1, 0).ip(),
                from,
                until: from + random.millis(100, 3_000),
            }]
        } else {
            Vec::new()
        };
        let incidents = self.incidents(&mut random.fork(), &agents);
        Parts {
            seed: self.seed,
            network: Network::new(self.network.clone(), random.fork()),
            random,
            zone,
            nodes,
            agents,
            errands,
            vanishing,
            partitions,
            incidents,
            records: self.records,
        }
    }

    fn add_user(
        &self,
        place: u8,
        number: usize,
        user: &str,
        node: &mut ElementNode,
        agents: &mut Vec<Agent>,
        random: &mut Random,
    ) -> User {
        node.add_account(user, "secret");
        let devices = if random.chance(250) { 2 } else { 1 };
        let serial = devices == 2 && random.chance(500);
        let mut own = Vec::new();
        for device in 0..devices {
            let host = u8::try_from(10 + number * 2 + device).unwrap_or(u8::MAX);
            own.push(agents.len());
            let streams = random.chance(self.streams_per_mille);
            let nat = random.chance(self.nat_per_mille);
            agents.push(Agent::new(AgentSettings {
                address: address(place, host, random.pick(&[5060, 5062, 40_000], 5060)),
                proxy: node.address,
                user: user.to_string(),
                domain: node.domain.clone(),
                password: "secret".into(),
                device,
                expires_seconds: random.pick(&[60, 75, 90], 60),
                reuses_nonce: random.chance(500),
                transport: if streams {
                    Transport::Tcp
                } else {
                    Transport::Udp
                },
                private: nat.then(|| {
                    let host = Ipv4Addr::new(192, 168, place, host);
                    SocketAddr::new(IpAddr::V4(host), 5060)
                }),
                q: serial.then_some(if device == 0 { "0.9" } else { "0.4" }),
                forwards_to: None,
            }));
        }
        User {
            devices: own,
            serial,
            circle: false,
        }
    }

    /// How many incidents there are, those left out included.
    pub fn incident_count(&self) -> usize {
        let count = self.crashes
            + self.panics
            + self.clock_jumps
            + self.resets
            + self.half_opens
            + self.garbage;
        usize::try_from(count).unwrap_or(0)
    }

    /// Faults, incidents and errands, a line each.
    pub fn describe(&self) -> String {
        let parts = self.build();
        let mut text = format!(
            "  seed {}, shards {:?}, auth {}, faults {:?}\n  network {:?}\n",
            self.seed,
            self.shards,
            self.auth,
            self.faults(),
            self.network
        );
        let seconds = |at: strowger_sip::Time| at.as_nanos() as f64 / 1e9;
        for partition in &parts.partitions {
            text += &format!("  {partition:?}\n");
        }
        for (at, incident) in &parts.incidents {
            text += &format!("  {:11.6} {incident:?}\n", seconds(*at));
        }
        for errand in parts.errands.iter().filter(|errand| !errand.skipped) {
            let name = |agent: &AgentId| {
                parts.agents.get(*agent).map_or_else(String::new, |agent| {
                    let settings = &agent.settings;
                    format!("{}@{}/{}", settings.user, settings.domain, settings.address)
                })
            };
            let to: Vec<String> = errand.to.iter().map(name).collect();
            text += &format!(
                "  {:11.6} errand {}: {} to {}: {:?}\n",
                seconds(errand.start),
                errand.number,
                name(&errand.from),
                to.join(" and "),
                errand.kind
            );
        }
        text
    }

    fn incidents(&self, random: &mut Random, agents: &[Agent]) -> Vec<Scheduled> {
        let mut all = Vec::new();
        let at = |random: &mut Random| FIRST + random.between(Duration::ZERO, self.span());
        let streams: Vec<AgentId> = (0..agents.len())
            .filter(|place| {
                agents
                    .get(*place)
                    .is_some_and(|agent| agent.settings.is_reliable())
            })
            .collect();
        // A clock that is set and a process that begins anew would move expiries: they befall different elements.
        let crashing = usize::try_from(random.below(2)).unwrap_or(0);
        for _ in 0..self.crashes {
            let incident = Incident::Crash {
                node: crashing,
                down: Self::down(random),
                host: random.chance(300),
            };
            all.push((at(random), incident));
        }
        for _ in 0..self.panics {
            let incident = Incident::Panic {
                node: usize::try_from(random.below(2)).unwrap_or(0),
                shard: usize::try_from(random.below(12)).unwrap_or(0),
            };
            all.push((at(random), incident));
        }
        for _ in 0..self.clock_jumps {
            let incident = Incident::ClockJump {
                node: 1 - crashing,
                seconds: random.pick(&[3_600, -3_600, 86_400, -90, 5], 3_600),
            };
            all.push((at(random), incident));
        }
        for _ in 0..self.resets {
            let agent = random.pick(&streams, 0);
            all.push((at(random), Incident::Reset { agent }));
        }
        for _ in 0..self.half_opens {
            let agent = random.pick(&streams, 0);
            all.push((at(random), Incident::HalfOpen { agent }));
        }
        for _ in 0..self.garbage {
            let incident = Incident::Garbage {
                agent: usize::try_from(random.below(agents.len() as u64)).unwrap_or(0),
                messages: random.pick(&[1, 5, 20], 1),
            };
            all.push((at(random), incident));
        }
        let kept = |(place, _): &(usize, Scheduled)| !self.skipped_incidents.contains(place);
        let kept = all.into_iter().enumerate().filter(kept);
        kept.map(|(_, incident)| incident).collect()
    }
}

/// A user whose contact is a user of the other domain. His device only keeps that contact registered.
fn add_circle(
    place: u8,
    node: &mut ElementNode,
    agents: &mut Vec<Agent>,
    random: &mut Random,
) -> User {
    node.add_account("circle", "secret");
    let other = DOMAINS
        .get(1 - usize::from(place))
        .copied()
        .unwrap_or_default();
    let number = agents.len();
    agents.push(Agent::new(AgentSettings {
        address: address(place, 200, 5060),
        proxy: node.address,
        user: "circle".into(),
        domain: node.domain.clone(),
        password: "secret".into(),
        device: 0,
        expires_seconds: 90,
        reuses_nonce: random.chance(500),
        transport: Transport::Udp,
        q: None,
        private: None,
        forwards_to: Some(format!("sip:circle@{other}")),
    }));
    User {
        devices: vec![number],
        serial: false,
        circle: true,
    }
}

/// The records of an element's domain: NAPTR and SRV, SRV alone, or an address alone. A server that is not there comes
/// first.
fn add_records(zone: &mut Zone, plan: &ElementPlan, dead: Option<Ipv4Addr>, random: &mut Random) {
    let IpAddr::V4(ip) = plan.address.ip() else {
        return;
    };
    let domain = &plan.domain;
    let host = format!("sip.{domain}");
    let service = format!("_sip._udp.{domain}");
    let way = random.below(3);
    if way == 0 && dead.is_none() {
        return zone.add(domain, Record::A(ip));
    }
    if way == 1 {
        zone.add(
            domain,
            Record::Naptr {
                order: 10,
                preference: 10,
                flags: "s".into(),
                services: "SIP+D2U".into(),
                regexp: "".into(),
                replacement: service.as_str().into(),
            },
        );
    }
    let mut server = |priority: u16, target: &str, ip: Ipv4Addr| {
        let record = Record::Srv {
            priority,
            weight: 10,
            port: plan.address.port(),
            target: target.into(),
        };
        zone.add(&service, record);
        zone.add(target, Record::A(ip));
    };
    server(10, &host, ip);
    if let Some(dead) = dead {
        server(5, &format!("dead.{domain}"), dead);
    }
}
