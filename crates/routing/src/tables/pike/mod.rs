//! Floods by source address: Kamailio's `pike_check_req`, number for number.
//!
//! Requests are counted in a tree of the octets of addresses. A node counts only the requests whose address has no
//! deeper node yet; the last octet's node is the leaf of one address. Counts are of the present and the last
//! sampling unit, and a count is over a bound if either of them or their mean reaches it.
//!
//! ```text
//! limit x, bound of an inner node x/4, bound of a leaf x
//! no node             --request--> node of the first octet, count 1
//! inner node, no child --request--> count + 1; over x/4: child of the next octet, count that of the parent - 1
//! leaf                --request--> count + 1; over x: NewlyBlocked, then Blocked until a unit is quiet
//! ```
//!
//! So a new IPv4 address with x = 16 is answered 4 + 1 + 1 + 15 = 21 times at once, one with a neighbour in its /24
//! 16 times, in its /16 17 times, in its /8 18 times. Measured with Kamailio 5.6.3, also the end of a block: the
//! first unit after one that stayed under x. A node goes when no request passed it for the remove latency.

mod tree;

use core::net::IpAddr;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use foldhash::fast::FixedState;
use strowger_sip::Time;

use super::locks::lock;
use tree::{Limits, Node, Prefix, Stripe};

/// Nodes of the tree of sources, about 40 MB. When it is full, the node that was passed longest ago makes room.
pub const PIKE_NODES_MAX: usize = 262_144;
/// What makes a flood.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PikeSettings {
    /// Seconds in which requests are counted (`sampling_time_unit`).
    pub sampling_time_unit_seconds: u32,
    /// Requests of one address in that time (`reqs_density_per_unit`).
    pub requests_per_unit: u32,
    /// Seconds without a request after which an address is forgotten (`remove_latency`).
    pub remove_latency_seconds: u32,
}

impl Default for PikeSettings {
    fn default() -> PikeSettings {
        PikeSettings {
            sampling_time_unit_seconds: 2,
            requests_per_unit: 30,
            remove_latency_seconds: 120,
        }
    }
}

/// What to do with a request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum PikeVerdict {
    /// Go on: `pike_check_req` returns 1.
    Ok,
    /// The source floods, and did not a moment ago: -2.
    NewlyBlocked,
    /// The source still floods: -1.
    Blocked,
}

/// A source as `pike.top` shows it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PikeSource {
    /// Its address.
    pub address: IpAddr,
    /// Requests in the last unit.
    pub previous: u32,
    /// Requests in this unit.
    pub current: u32,
    /// True while it is blocked.
    pub blocked: bool,
}

/// The tree, shared by all shards, striped by the first octet of addresses.
#[derive(Debug)]
pub struct Pike {
    stripes: Box<[Mutex<Stripe>]>,
    nodes: AtomicUsize,
    sweep_at: AtomicUsize,
    sampling_time_unit_seconds: AtomicU32,
    requests_per_unit: AtomicU32,
    remove_latency_seconds: AtomicU32,
    checked: AtomicU64,
    newly_blocked: AtomicU64,
    blocked: AtomicU64,
    evicted: AtomicU64,
}

impl Pike {
    /// Locks of the tree: one for each first octet of IPv4 and of IPv6 addresses.
    pub const STRIPES: usize = 512;

    /// An empty tree. `seed` spreads the nodes in their stripes.
    pub fn new(settings: PikeSettings, seed: u64) -> Pike {
        let hash = FixedState::with_seed(seed);
        let pike = Pike {
            stripes: (0..Self::STRIPES)
                .map(|_| {
                    Mutex::new(Stripe {
                        nodes: HashMap::with_hasher(hash.clone()),
                        oldest: VecDeque::new(),
                    })
                })
                .collect(),
            nodes: AtomicUsize::new(0),
            sweep_at: AtomicUsize::new(0),
            sampling_time_unit_seconds: AtomicU32::new(0),
            requests_per_unit: AtomicU32::new(0),
            remove_latency_seconds: AtomicU32::new(0),
            checked: AtomicU64::new(0),
            newly_blocked: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        };
        pike.configure(settings);
        pike
    }

    /// Changes what makes a flood, from the next request on. Zeros count as one.
    pub fn configure(&self, settings: PikeSettings) {
        let store = |place: &AtomicU32, value: u32| place.store(value.max(1), Ordering::Relaxed);
        store(
            &self.sampling_time_unit_seconds,
            settings.sampling_time_unit_seconds,
        );
        store(&self.requests_per_unit, settings.requests_per_unit);
        store(
            &self.remove_latency_seconds,
            settings.remove_latency_seconds,
        );
    }

    /// What makes a flood.
    pub fn settings(&self) -> PikeSettings {
        PikeSettings {
            sampling_time_unit_seconds: self.sampling_time_unit_seconds.load(Ordering::Relaxed),
            requests_per_unit: self.requests_per_unit.load(Ordering::Relaxed),
            remove_latency_seconds: self.remove_latency_seconds.load(Ordering::Relaxed),
        }
    }

    /// Counts a request. An IPv4-mapped IPv6 address counts as its IPv4 address.
    pub fn check(&self, source: IpAddr, now: Time) -> PikeVerdict {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let settings = self.settings();
        let limits = Limits::new(&settings, now);
        let whole = Prefix::whole(source);
        let mut stripe = lock(self.stripe(&whole));
        let verdict = self.count(&mut stripe, whole, &limits);
        match verdict {
            PikeVerdict::Ok => {}
            PikeVerdict::NewlyBlocked => {
                self.newly_blocked.fetch_add(1, Ordering::Relaxed);
            }
            PikeVerdict::Blocked => {
                self.blocked.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict
    }

    /// Nodes of the tree.
    pub fn len(&self) -> usize {
        self.nodes.load(Ordering::Relaxed)
    }
    /// True if no address is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sources whose whole address is in the tree, by count, the highest first, then by address.
    pub fn list(&self, now: Time) -> Vec<PikeSource> {
        let settings = self.settings();
        let limits = Limits::new(&settings, now);
        let mut sources = Vec::new();
        for stripe in &self.stripes {
            let stripe = lock(stripe);
            let leaves = stripe.nodes.iter().filter(|(prefix, node)| {
                prefix.len == prefix.full_len() && !limits.is_forgotten(node)
            });
            sources.extend(leaves.map(|(prefix, node)| {
                let mut node = *node;
                node.roll(&limits);
                PikeSource {
                    address: prefix.address(),
                    previous: node.previous,
                    current: node.current,
                    blocked: node.blocked,
                }
            }));
        }
        let sum = |source: &PikeSource| u64::from(source.previous) + u64::from(source.current);
        sources
            .sort_unstable_by(|a, b| sum(b).cmp(&sum(a)).then_with(|| a.address.cmp(&b.address)));
        sources
    }

    /// Forgets addresses without a request for the remove latency, looking at `budget` nodes at most.
    pub fn sweep(&self, now: Time, budget: usize) -> usize {
        let settings = self.settings();
        let limits = Limits::new(&settings, now);
        let (mut seen, mut removed) = (0, 0);
        for _ in 0..Self::STRIPES {
            if seen >= budget {
                break;
            }
            let at = self.sweep_at.fetch_add(1, Ordering::Relaxed) % Self::STRIPES;
            let Some(stripe) = self.stripes.get(at) else {
                break;
            };
            let mut stripe = lock(stripe);
            while seen < budget
                && let Some((passed_at, prefix)) = stripe.oldest.front().copied()
                && limits.is_over(passed_at)
            {
                seen += 1;
                stripe.oldest.pop_front();
                removed += usize::from(
                    stripe.remove_or_requeue(prefix, |node| limits.is_over(node.passed_at)),
                );
            }
        }
        self.nodes.fetch_sub(removed, Ordering::Relaxed);
        removed
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        f(
            "pike_nodes",
            "Nodes in the tree of sources.",
            self.len() as u64,
        );
        f(
            "pike_checked_total",
            "Requests whose source was checked for floods.",
            load(&self.checked),
        );
        f(
            "pike_newly_blocked_total",
            "Sources found to flood.",
            load(&self.newly_blocked),
        );
        f(
            "pike_blocked_total",
            "Requests of sources known to flood.",
            load(&self.blocked),
        );
        f(
            "pike_evicted_total",
            "Nodes forgotten early because the tree was full.",
            load(&self.evicted),
        );
    }

    fn count(&self, stripe: &mut Stripe, whole: Prefix, limits: &Limits) -> PikeVerdict {
        // Down to the deepest node of the address.
        let mut deepest = None;
        for len in 1..=whole.full_len() {
            let prefix = whole.cut(len);
            match stripe.nodes.get_mut(&prefix) {
                Some(node) if !limits.is_forgotten(node) => {
                    node.roll(limits);
                    node.passed_at = limits.now;
                    deepest = Some((len, node.current));
                }
                _ => break,
            }
        }
        let Some((len, _)) = deepest else {
            self.insert(stripe, whole.cut(1), 1, limits);
            return PikeVerdict::Ok;
        };
        let Some(node) = stripe.nodes.get_mut(&whole.cut(len)) else {
            return PikeVerdict::Ok;
        };
        node.current = node.current.saturating_add(1);
        if len == whole.full_len() {
            if !node.reaches(limits.leaf) {
                return PikeVerdict::Ok;
            }
            let known = core::mem::replace(&mut node.blocked, true);
            return if known {
                PikeVerdict::Blocked
            } else {
                PikeVerdict::NewlyBlocked
            };
        }
        if node.reaches(limits.inner) {
            let inherited = node.current - 1;
            // A leaf counts its own requests only.
            let count = if len + 1 == whole.full_len() {
                0
            } else {
                inherited
            };
            self.insert(stripe, whole.cut(len + 1), count, limits);
        }
        PikeVerdict::Ok
    }

    /// Makes a node, or begins an outdated one anew.
    fn insert(&self, stripe: &mut Stripe, prefix: Prefix, count: u32, limits: &Limits) {
        let node = Node {
            unit: limits.unit,
            previous: 0,
            current: count,
            passed_at: limits.now,
            blocked: false,
        };
        if let Some(old) = stripe.nodes.get_mut(&prefix) {
            *old = node;
            return;
        }
        if self.nodes.fetch_add(1, Ordering::Relaxed) >= PIKE_NODES_MAX {
            self.evicted.fetch_add(1, Ordering::Relaxed);
            self.nodes.fetch_sub(1, Ordering::Relaxed);
            // A stripe without nodes has nothing to give; its sources pass unseen until others are swept.
            if !stripe.evict() {
                return;
            }
        }
        stripe.nodes.insert(prefix, node);
        stripe.oldest.push_back((limits.now, prefix));
    }

    fn stripe(&self, prefix: &Prefix) -> &Mutex<Stripe> {
        let [first, ..] = prefix.octets;
        &self.stripes[usize::from(first) + if prefix.is_v6 { 256 } else { 0 }]
    }
}

#[cfg(test)]
#[path = "pike_tests.rs"]
mod tests;
