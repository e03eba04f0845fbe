//! Scenarios: who lives in a world and what they do there, drawn from a seed.
//!
//! Two domains, an element for each; users of one call users of either. An INVITE to the other domain is routed by the
//! DNS and record-routed by both elements.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use strowger_resolve::Record;
use strowger_sip::{Algorithm, Method, Time};

use crate::agent::{Agent, AgentSettings};
use crate::network::{Network, NetworkSettings, Partition};
use crate::node::{ElementNode, ElementPlan};
use crate::plan::{AgentId, Errand, ErrandKind, Middle, Party, Reaction};
use crate::random::Random;
use crate::services::{JournalSettings, Zone, ZoneSettings};
use crate::world::{Parts, World};

/// A scenario before its seed is drawn from.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// Users of each domain; some have two devices.
    pub users_per_domain: usize,
    /// Calls and other requests.
    pub errands: u32,
    /// Mean time between two of them.
    pub spacing: Duration,
    /// Shards of the two elements.
    pub shards: [u16; 2],
    /// The network.
    pub network: NetworkSettings,
    /// The journals.
    pub journal: JournalSettings,
    /// The DNS.
    pub zone: ZoneSettings,
    /// Local identities are challenged.
    pub auth: bool,
    /// SHA-256 is offered beside MD5.
    pub sha256: bool,
    /// Some devices vanish.
    pub vanishing: bool,
    /// The elements lose sight of each other for a while.
    pub partition: bool,
    /// Every datagram is kept.
    pub records: bool,
}

/// The two domains.
const DOMAINS: [&str; 2] = ["a.test", "b.test"];
/// When the first errand begins.
const FIRST: Time = Time::from_secs(12);

impl Scenario {
    /// Two elements with two shards each and a network with 10 % loss, duplication and reordering.
    pub fn bad_network(seed: u64) -> Scenario {
        Scenario {
            seed,
            users_per_domain: 10,
            errands: 1_000,
            spacing: Duration::from_millis(100),
            shards: [2, 2],
            network: NetworkSettings {
                loss_per_mille: 100,
                duplication_per_mille: 50,
                reordering_per_mille: 100,
                ..NetworkSettings::default()
            },
            journal: JournalSettings::default(),
            zone: ZoneSettings::default(),
            auth: true,
            sha256: false,
            vanishing: false,
            partition: false,
            records: false,
        }
    }

    /// Everything drawn from the seed: shards, network, services, authentication.
    pub fn mixed(seed: u64) -> Scenario {
        let mut random = Random::new(seed ^ 0x5ce_a110);
        let bad = random.chance(700);
        let network = NetworkSettings {
            loss_per_mille: random.pick(&[0, 20, 50, 100, 150], 0),
            duplication_per_mille: random.pick(&[0, 20, 100], 0),
            reordering_per_mille: random.pick(&[0, 50, 200], 0),
            delay_max: random.millis(2, 150),
            icmp: random.chance(600),
            ..NetworkSettings::default()
        };
        Scenario {
            users_per_domain: 8,
            errands: 100,
            spacing: random.millis(200, 800),
            shards: [random.pick(&[1, 2, 3, 4], 1), random.pick(&[1, 2, 3, 4], 1)],
            network: if bad {
                network
            } else {
                NetworkSettings::default()
            },
            journal: JournalSettings {
                slow_per_mille: random.pick(&[0, 100], 0),
                failure_per_mille: random.pick(&[0, 0, 50, 200], 0),
                ..JournalSettings::default()
            },
            zone: ZoneSettings {
                silence_per_mille: random.pick(&[0, 0, 100, 400], 0),
                ttl_seconds: random.pick(&[5, 30, 600], 30),
                ..ZoneSettings::default()
            },
            auth: random.chance(700),
            sha256: random.chance(300),
            vanishing: random.chance(500),
            partition: random.chance(200),
            ..Scenario::bad_network(seed)
        }
    }

    /// Draws the world from its seed.
    pub fn build(&self) -> Parts {
        let mut random = Random::new(self.seed);
        let address = |domain: u8, host: u8, port: u16| {
            SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, domain + 1, 0, host)), port)
        };
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
            add_records(&mut zone, &plan, &mut random);
            nodes.push(ElementNode::new(&plan, &mut random));
        }
        let mut users: Vec<Vec<AgentId>> = Vec::new();
        let mut agents = Vec::new();
        for (place, node) in (0_u8..).zip(&nodes) {
            for number in 0..self.users_per_domain {
                let user = format!("user{number}");
                node.add_account(&user, "secret");
                let devices = if random.chance(200) { 2 } else { 1 };
                let mut own = Vec::new();
                for device in 0..devices {
                    let host = u8::try_from(10 + number * 2 + device).unwrap_or(u8::MAX);
                    own.push(agents.len());
                    agents.push(Agent::new(AgentSettings {
                        address: address(place, host, random.pick(&[5060, 5062, 40_000], 5060)),
                        proxy: node.address,
                        user: user.clone(),
                        domain: node.domain.clone(),
                        password: "secret".into(),
                        device,
                        expires_seconds: random.pick(&[60, 75, 90], 60),
                        reuses_nonce: random.chance(500),
                    }));
                }
                users.push(own);
            }
        }
        let (errands, vanishing) = self.plan(&mut random, &users);
        let partitions = if self.partition {
            let from = FIRST + random.millis(0, 20_000);
            vec![Partition {
                one: address(0, 1, 0).ip(),
                other: address(1, 1, 0).ip(),
                from,
                until: from + random.millis(100, 3_000),
            }]
        } else {
            Vec::new()
        };
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
            records: self.records,
        }
    }

    /// What the users do. The last user of each domain vanishes in some worlds; from then on he is only called.
    fn plan(
        &self,
        random: &mut Random,
        users: &[Vec<AgentId>],
    ) -> (Vec<Errand>, Vec<(AgentId, Time)>) {
        let mut vanishing = Vec::new();
        let mut gone: Vec<AgentId> = Vec::new();
        let half = FIRST + (self.spacing * self.errands / 2);
        if self.vanishing {
            for place in [users.len() / 2, users.len()] {
                let own = place.checked_sub(1).and_then(|place| users.get(place));
                gone.extend(own.into_iter().flatten());
            }
            vanishing.extend(gone.iter().map(|agent| (*agent, half)));
        }
        let mut start = FIRST;
        let mut errands = Vec::new();
        for number in 0..self.errands {
            start = start + random.between(Duration::ZERO, self.spacing * 2);
            let (from, to) = loop {
                let from = usize::try_from(random.below(users.len() as u64)).unwrap_or(0);
                let to = usize::try_from(random.below(users.len() as u64)).unwrap_or(0);
                let caller = users.get(from).and_then(|own| own.first()).copied();
                let (Some(caller), Some(called)) = (caller, users.get(to)) else {
                    continue;
                };
                let callable = start > half || !called.iter().any(|agent| gone.contains(agent));
                if from != to && !gone.contains(&caller) && callable {
                    break (from, to);
                }
            };
            let called = users.get(to).cloned().unwrap_or_default();
            let away = called.iter().any(|agent| gone.contains(agent));
            let foreign = (from < users.len() / 2) != (to < users.len() / 2);
            errands.push(Errand {
                number,
                start,
                from: users
                    .get(from)
                    .and_then(|own| own.first())
                    .copied()
                    .unwrap_or(0),
                kind: kind(random, called.len()),
                to: called,
                callee_is_gone: away,
                dns_may_fail: foreign && self.zone.silence_per_mille > 0,
            });
        }
        (errands, vanishing)
    }
}

/// The records of an element's domain: NAPTR and SRV, SRV alone, or an address alone.
fn add_records(zone: &mut Zone, plan: &ElementPlan, random: &mut Random) {
    let IpAddr::V4(ip) = plan.address.ip() else {
        return;
    };
    let domain = &plan.domain;
    let host = format!("sip.{domain}");
    let service = format!("_sip._udp.{domain}");
    let way = random.below(3);
    if way == 0 {
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
    zone.add(
        &service,
        Record::Srv {
            priority: 10,
            weight: 10,
            port: plan.address.port(),
            target: host.as_str().into(),
        },
    );
    zone.add(&host, Record::A(ip));
}

fn kind(random: &mut Random, devices: usize) -> ErrandKind {
    if random.chance(100) {
        return ErrandKind::Single {
            method: random.pick(
                &[Method::Message, Method::Options, Method::Extension(b"FROB")],
                Method::Message,
            ),
            answered: random.chance(900),
        };
    }
    let reactions: Vec<Reaction> = (0..devices).map(|_| reaction(random)).collect();
    let endless =
        |reaction: &Reaction| matches!(reaction, Reaction::RingForever | Reaction::IgnoreCancel);
    // Someone has to end what rings for ever; now and then that is timer C.
    let must_cancel = reactions.iter().any(endless) && !random.chance(100);
    let cancel_after = (must_cancel || random.chance(80)).then(|| random.millis(0, 6_000));
    let by = |random: &mut Random| random.pick(&[Party::Caller, Party::Callee], Party::Caller);
    let middle = random.chance(250).then(|| Middle {
        by: by(random),
        after: random.millis(500, 3_000),
        method: random.pick(
            &[Method::Info, Method::Invite, Method::Update],
            Method::Info,
        ),
    });
    ErrandKind::Call {
        reactions,
        cancel_after,
        hang_up_by: by(random),
        hang_up_after: random.millis(1_000, 8_000),
        middle,
    }
}

fn reaction(random: &mut Random) -> Reaction {
    match random.below(100) {
        0..60 => Reaction::Answer {
            ring: random.chance(800).then(|| random.millis(0, 800)),
            answer: random.millis(10, 4_000),
        },
        60..66 => Reaction::AnswerTwice {
            answer: random.millis(10, 3_000),
        },
        66..80 => Reaction::Refuse {
            status: random.pick(&[486, 480, 404, 603, 500], 486),
            after: random.millis(10, 3_000),
        },
        80..85 => Reaction::Redirect,
        85..91 => Reaction::RingForever,
        91..95 => Reaction::IgnoreCancel,
        _ => Reaction::Silent,
    }
}

impl World {
    /// Builds and runs a scenario.
    pub fn of(scenario: &Scenario) -> World {
        World::new(scenario.build())
    }
}
