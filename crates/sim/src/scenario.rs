//! Scenarios: who lives in a world and what they do there, drawn from a seed.
//!
//! Two domains, an element for each; users of one call users of either. An INVITE to the other domain is routed by the
//! DNS and record-routed by both elements.

mod build;
mod errands;
mod faults;

use core::time::Duration;
use std::collections::BTreeSet;

use strowger_sip::Time;

use crate::journal::JournalSettings;
use crate::network::NetworkSettings;
use crate::random::Random;
use crate::world::World;
use crate::zone::ZoneSettings;
pub use faults::Fault;

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
    /// The DNS names a server first that is not there.
    pub dead_servers: bool,
    /// Local identities are challenged.
    pub auth: bool,
    /// SHA-256 is offered beside MD5.
    pub sha256: bool,
    /// Devices that speak over connections, in thousandths.
    pub streams_per_mille: u32,
    /// Devices behind a NAT, in thousandths.
    pub nat_per_mille: u32,
    /// Some devices vanish.
    pub vanishing: bool,
    /// The elements lose sight of each other for a while.
    pub partition: bool,
    /// Processes that end and begin anew.
    pub crashes: u32,
    /// Shards that are replaced.
    pub panics: u32,
    /// Wall clocks that are set.
    pub clock_jumps: u32,
    /// Connections that are reset.
    pub resets: u32,
    /// Connections that become half-open.
    pub half_opens: u32,
    /// Hosts that send garbage.
    pub garbage: u32,
    /// Errands left out, by number: to find out which of them a failure needs.
    pub skipped_errands: BTreeSet<u32>,
    /// Incidents left out, by place.
    pub skipped_incidents: BTreeSet<usize>,
    /// Every datagram is kept.
    pub records: bool,
}

/// The two domains.
const DOMAINS: [&str; 2] = ["a.test", "b.test"];
/// When the first errand begins.
const FIRST: Time = Time::from_secs(12);

impl Scenario {
    /// Kinds of fault that a mixed scenario has at least, and at most.
    pub const FAULTS: (usize, usize) = (3, 7);

    /// Nothing goes wrong.
    pub fn quiet(seed: u64) -> Scenario {
        Scenario {
            seed,
            users_per_domain: 10,
            errands: 100,
            spacing: Duration::from_millis(1_100),
            shards: [2, 2],
            network: NetworkSettings::default(),
            journal: JournalSettings::default(),
            zone: ZoneSettings::default(),
            dead_servers: false,
            auth: true,
            sha256: false,
            streams_per_mille: 0,
            nat_per_mille: 0,
            vanishing: false,
            partition: false,
            crashes: 0,
            panics: 0,
            clock_jumps: 0,
            resets: 0,
            half_opens: 0,
            garbage: 0,
            skipped_errands: BTreeSet::new(),
            skipped_incidents: BTreeSet::new(),
            records: false,
        }
    }

    /// Two elements with two shards each and a network with 10 % loss, duplication and reordering.
    pub fn bad_network(seed: u64) -> Scenario {
        Scenario {
            errands: 1_000,
            spacing: Duration::from_millis(100),
            network: NetworkSettings {
                loss_per_mille: 100,
                duplication_per_mille: 50,
                reordering_per_mille: 100,
                ..NetworkSettings::default()
            },
            ..Scenario::quiet(seed)
        }
    }

    /// Everything drawn from the seed: shards, authentication, and several kinds of fault.
    pub fn mixed(seed: u64) -> Scenario {
        let mut random = Random::new(seed ^ 0x5ce_a110);
        let mut scenario = Scenario {
            spacing: random.millis(600, 1_400),
            shards: [random.pick(&[1, 2, 3, 4], 1), random.pick(&[1, 2, 3, 4], 1)],
            auth: random.chance(700),
            sha256: random.chance(300),
            streams_per_mille: random.pick(&[0, 200, 500], 0),
            nat_per_mille: random.pick(&[0, 300], 0),
            ..Scenario::quiet(seed)
        };
        scenario.network.delay_max = random.millis(2, 150);
        scenario.network.icmp = random.chance(600);
        scenario.zone.ttl_seconds = random.pick(&[5, 30, 600], 30);
        let mut kinds = Fault::ALL.to_vec();
        let (least, most) = Self::FAULTS;
        let count = least + usize::try_from(random.below((most - least + 1) as u64)).unwrap_or(0);
        while scenario.faults().len() < count && !kinds.is_empty() {
            let place = usize::try_from(random.below(kinds.len() as u64)).unwrap_or(0);
            let fault = kinds.swap_remove(place);
            scenario.add(fault, &mut random);
        }
        scenario
    }

    /// How long the errands begin.
    fn span(&self) -> Duration {
        self.spacing * self.errands
    }
}

impl World {
    /// Builds a scenario.
    pub fn of(scenario: &Scenario) -> World {
        World::new(scenario.build())
    }
}
