//! The network between the nodes: datagrams are lost, doubled, delayed and overtaken, as the seed has it.

use core::time::Duration;
use std::collections::HashMap;
use std::net::IpAddr;

use strowger_sip::Time;

use crate::packet::Packet;
use crate::random::Random;

/// How bad the network is. Rates in thousandths, each for every datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Datagrams that vanish.
    pub loss_per_mille: u32,
    /// Datagrams that arrive twice.
    pub duplication_per_mille: u32,
    /// Datagrams held back, so that later ones overtake them.
    pub reordering_per_mille: u32,
    /// Shortest way.
    pub delay_min: Duration,
    /// Longest way of a datagram that is not held back.
    pub delay_max: Duration,
    /// How long one is held back at most.
    pub reordering_delay_max: Duration,
    /// A datagram to a closed port is answered with an ICMP error; else it vanishes.
    pub icmp: bool,
}

impl Default for NetworkSettings {
    fn default() -> NetworkSettings {
        NetworkSettings {
            loss_per_mille: 0,
            duplication_per_mille: 0,
            reordering_per_mille: 0,
            delay_min: Duration::from_millis(1),
            delay_max: Duration::from_millis(20),
            reordering_delay_max: Duration::from_millis(300),
            icmp: true,
        }
    }
}

/// Two hosts that cannot reach each other for a while.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// One of them.
    pub one: IpAddr,
    /// The other.
    pub other: IpAddr,
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
}

impl Partition {
    fn cuts(&self, now: Time, a: IpAddr, b: IpAddr) -> bool {
        (self.from..self.until).contains(&now)
            && ((self.one, self.other) == (a, b) || (self.one, self.other) == (b, a))
    }
}

/// How a message gets through on a connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ReliableWay {
    /// Not before a partition ends.
    pub not_before: Time,
    /// How long it is on its way.
    pub delay: Duration,
    /// How often it was lost and sent again by the host.
    pub resent: u32,
}

/// What the network did.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Datagrams handed in.
    pub sent: u64,
    /// Lost ones.
    pub lost: u64,
    /// Doubled ones.
    pub duplicated: u64,
    /// Those held back.
    pub held_back: u64,
    /// Those cut off by a partition.
    pub cut: u64,
    /// Messages on connections among those handed in.
    pub on_connections: u64,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    settings: NetworkSettings,
    random: Random,
    partitions: Vec<Partition>,
    lost_by_call: HashMap<Box<[u8]>, u32>,
    /// What it did.
    pub counters: NetworkCounters,
}

impl Network {
    /// A network.
    pub fn new(settings: NetworkSettings, random: Random) -> Network {
        Network {
            settings,
            random,
            partitions: Vec::new(),
            lost_by_call: HashMap::new(),
            counters: NetworkCounters::default(),
        }
    }

    /// True if closed ports are reported.
    pub fn reports_closed_ports(&self) -> bool {
        self.settings.icmp
    }

    /// Adds a partition.
    pub fn cut(&mut self, partition: Partition) {
        self.partitions.push(partition);
    }

    /// Datagrams of this Call-ID that were lost so far. What a call makes of its plan is judged with this in mind.
    pub fn lost_of_call(&self, call_id: &[u8]) -> u32 {
        self.lost_by_call.get(call_id).copied().unwrap_or(0)
    }

    /// How long each copy of a datagram is on its way: none, one or two copies.
    pub fn carry(&mut self, now: Time, packet: &Packet) -> [Option<Duration>; 2] {
        self.counters.sent += 1;
        let (from, to) = (packet.from.ip(), packet.to.ip());
        if self
            .partitions
            .iter()
            .any(|partition| partition.cuts(now, from, to))
        {
            self.counters.cut += 1;
            self.note_loss(packet);
            return [None, None];
        }
        let twice = self.random.chance(self.settings.duplication_per_mille);
        self.counters.duplicated += u64::from(twice);
        let copies = [self.way(), if twice { self.way() } else { None }];
        if copies == [None, None] {
            self.counters.lost += 1;
            self.note_loss(packet);
        }
        copies
    }

    /// How a message gets through on a connection: late, but it does.
    pub fn carry_reliably(&mut self, now: Time, packet: &Packet) -> ReliableWay {
        /// A host gives up long after that; here it gets through.
        const RESENT_MAX: u32 = 5;
        self.counters.sent += 1;
        self.counters.on_connections += 1;
        let mut resent = 0;
        while resent < RESENT_MAX && self.random.chance(self.settings.loss_per_mille) {
            resent += 1;
        }
        let (low, high) = (self.settings.delay_min, self.settings.delay_max);
        ReliableWay {
            not_before: self.reachable_at(now, packet.from.ip(), packet.to.ip()),
            delay: self.random.between(low, high),
            resent,
        }
    }

    /// When these hosts can reach each other: now, unless they are cut off.
    pub fn reachable_at(&self, now: Time, one: IpAddr, other: IpAddr) -> Time {
        let cut = |partition: &&Partition| partition.cuts(now, one, other);
        let ends = self
            .partitions
            .iter()
            .filter(cut)
            .map(|partition| partition.until);
        ends.max().unwrap_or(now)
    }

    fn way(&mut self) -> Option<Duration> {
        if self.random.chance(self.settings.loss_per_mille) {
            return None;
        }
        let mut delay = self
            .random
            .between(self.settings.delay_min, self.settings.delay_max);
        if self.random.chance(self.settings.reordering_per_mille) {
            self.counters.held_back += 1;
            delay += self
                .random
                .between(Duration::ZERO, self.settings.reordering_delay_max);
        }
        Some(delay)
    }

    fn note_loss(&mut self, packet: &Packet) {
        if let Some(message) = &packet.message {
            *self
                .lost_by_call
                .entry(message.call_id().into())
                .or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Packet {
        let address = |text: &str| text.parse().expect("an address");
        Packet::new(address("192.0.2.1:1"), address("192.0.2.2:2"), b"x")
    }

    #[test]
    fn loss_and_duplication_are_as_asked() {
        let settings = NetworkSettings {
            loss_per_mille: 100,
            duplication_per_mille: 50,
            ..NetworkSettings::default()
        };
        let mut network = Network::new(settings, Random::new(3));
        let copies: usize = (0..10_000)
            .map(|_| {
                network
                    .carry(Time::ZERO, &packet())
                    .iter()
                    .flatten()
                    .count()
            })
            .sum();
        assert!((9_250..9_650).contains(&copies), "{copies}");
    }

    #[test]
    fn a_partition_cuts_both_ways_and_ends() {
        let mut network = Network::new(NetworkSettings::default(), Random::new(3));
        network.cut(Partition {
            one: packet().to.ip(),
            other: packet().from.ip(),
            from: Time::from_secs(1),
            until: Time::from_secs(2),
        });
        let arrives =
            |network: &mut Network, at| network.carry(at, &packet()).iter().flatten().count();
        assert_eq!(arrives(&mut network, Time::ZERO), 1);
        assert_eq!(arrives(&mut network, Time::from_secs(1)), 0);
        assert_eq!(arrives(&mut network, Time::from_secs(2)), 1);
    }
}
