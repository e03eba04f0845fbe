//! The parts of the tree of sources: prefixes, nodes with their counts, and the queue of a stripe.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use strowger_sip::Time;

use super::PikeSettings;

/// Nodes that are looked at to find one to evict.
const EVICTION_STEPS_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Stripe {
    pub(super) nodes: HashMap<Prefix, Node, FixedState>,
    /// Each node once, in the order in which they were made or last looked at, with the time it was passed by then.
    pub(super) oldest: VecDeque<(Time, Prefix)>,
}

/// The first octets of an address.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Prefix {
    pub(super) octets: [u8; 16],
    pub(super) len: u8,
    pub(super) is_v6: bool,
}

#[derive(Copy, Clone, Debug)]
pub(super) struct Node {
    pub(super) unit: u64,
    pub(super) previous: u32,
    pub(super) current: u32,
    pub(super) passed_at: Time,
    pub(super) blocked: bool,
}

impl Stripe {
    /// Removes the node that was passed longest ago, or one that nearly was.
    pub(super) fn evict(&mut self) -> bool {
        for step in 1..=EVICTION_STEPS_MAX {
            let Some((queued_at, prefix)) = self.oldest.pop_front() else {
                return false;
            };
            let last = step == EVICTION_STEPS_MAX;
            if self.remove_or_requeue(prefix, |node| last || node.passed_at == queued_at) {
                return true;
            }
        }
        false
    }

    /// Removes a node that was taken from the queue if `goes` says so, else puts it back at the end.
    pub(super) fn remove_or_requeue(
        &mut self,
        prefix: Prefix,
        goes: impl FnOnce(&Node) -> bool,
    ) -> bool {
        let Some(node) = self.nodes.get(&prefix) else {
            return false;
        };
        if goes(node) {
            return self.nodes.remove(&prefix).is_some();
        }
        self.oldest.push_back((node.passed_at, prefix));
        false
    }
}

/// The settings at one moment.
pub(super) struct Limits {
    pub(super) now: Time,
    pub(super) unit: u64,
    pub(super) inner: u32,
    pub(super) leaf: u32,
    pub(super) remove_latency: Duration,
}

impl Limits {
    pub(super) fn new(settings: &PikeSettings, now: Time) -> Limits {
        Limits {
            now,
            unit: now.as_secs() / u64::from(settings.sampling_time_unit_seconds),
            inner: settings.requests_per_unit / 4,
            leaf: settings.requests_per_unit,
            remove_latency: Duration::from_secs(u64::from(settings.remove_latency_seconds)),
        }
    }
    pub(super) fn is_over(&self, passed_at: Time) -> bool {
        passed_at + self.remove_latency <= self.now
    }
    pub(super) fn is_forgotten(&self, node: &Node) -> bool {
        self.is_over(node.passed_at)
    }
}

impl Node {
    /// Brings the counts to the present unit. A block ends with the first unit that begins under the limit.
    pub(super) fn roll(&mut self, limits: &Limits) {
        // Another worker's clock reading may be a little newer than ours.
        let Some(units @ 1..) = limits.unit.checked_sub(self.unit) else {
            return;
        };
        self.previous = if units == 1 { self.current } else { 0 };
        self.current = 0;
        self.unit = limits.unit;
        if !self.reaches(limits.leaf) {
            self.blocked = false;
        }
    }
    pub(super) fn reaches(&self, bound: u32) -> bool {
        let mean = (u64::from(self.previous) + u64::from(self.current)) / 2;
        self.previous >= bound || self.current >= bound || mean >= u64::from(bound)
    }
}

impl Prefix {
    pub(super) fn whole(address: IpAddr) -> Prefix {
        let mut octets = [0; 16];
        let (len, is_v6) = match address.to_canonical() {
            IpAddr::V4(address) => {
                for (place, octet) in octets.iter_mut().zip(address.octets()) {
                    *place = octet;
                }
                (4, false)
            }
            IpAddr::V6(address) => {
                octets = address.octets();
                (16, true)
            }
        };
        Prefix { octets, len, is_v6 }
    }
    pub(super) fn full_len(&self) -> u8 {
        if self.is_v6 { 16 } else { 4 }
    }
    pub(super) fn cut(&self, len: u8) -> Prefix {
        let mut octets = [0; 16];
        for (place, octet) in octets.iter_mut().zip(self.octets).take(usize::from(len)) {
            *place = octet;
        }
        Prefix {
            octets,
            len,
            is_v6: self.is_v6,
        }
    }
    pub(super) fn address(&self) -> IpAddr {
        let [a, b, c, d, ..] = self.octets;
        if self.is_v6 {
            IpAddr::from(self.octets)
        } else {
            IpAddr::from([a, b, c, d])
        }
    }
}
