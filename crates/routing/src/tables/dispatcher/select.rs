//! Which destination of a set a request goes to, and which ones after it: the algorithms of `ds_select_dst`.
//!
//! The order within a set is by priority, the highest first, and among equals the last loaded first, as Kamailio
//! 5.6.3 has it. An algorithm names a place to begin; the first usable destination from there on is chosen, and the
//! other usable ones follow in the same direction for failover.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::destination::Destination;
use super::entry::DestinationEntry;

/// An algorithm by its number in scripts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 0: by the Call-ID.
    CallId,
    /// 1: by the From URI.
    From,
    /// 2: by the To URI.
    To,
    /// 3: by the Request-URI.
    RequestUri,
    /// 4: one after the other.
    RoundRobin,
    /// 5: by the digest user; without one, one after the other.
    AuthUser,
    /// 6: by chance.
    Random,
    /// 7: by a text of the script.
    Text,
    /// 8, and any number that is not listed: the first one.
    Priority,
    /// 9: by `weight`, in hundredths.
    Weight,
    /// 10: the fewest calls.
    CallLoad,
    /// 11: by `rweight` among those in use.
    RelativeWeight,
    /// 12: all at once; the order is that of the set.
    All,
}

impl Algorithm {
    /// The algorithm of a number.
    pub fn from_number(number: i64) -> Algorithm {
        match number {
            0 => Algorithm::CallId,
            1 => Algorithm::From,
            2 => Algorithm::To,
            3 => Algorithm::RequestUri,
            4 => Algorithm::RoundRobin,
            5 => Algorithm::AuthUser,
            6 => Algorithm::Random,
            7 => Algorithm::Text,
            9 => Algorithm::Weight,
            10 => Algorithm::CallLoad,
            11 => Algorithm::RelativeWeight,
            12 => Algorithm::All,
            _ => Algorithm::Priority,
        }
    }
}

/// What the algorithms go by.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionKeys<'a> {
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The From URI, or what of it shall count.
    pub from: &'a [u8],
    /// The To URI, or what of it shall count.
    pub to: &'a [u8],
    /// The Request-URI, or what of it shall count.
    pub request_uri: &'a [u8],
    /// The user of the Authorization header field.
    pub auth_user: Option<&'a [u8]>,
    /// The text of the script (`hash_pvar`).
    pub text: &'a [u8],
    /// A number drawn by chance.
    pub random: u64,
    /// True for a request that begins a call: the call load counts it.
    pub begins_call: bool,
    /// Destinations wanted at most, the first included; 0 is all.
    pub limit: usize,
}

/// Why no destination was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum NoDestination {
    /// There is no such set.
    UnknownSet,
    /// No destination of the set is in use, or all have as many calls as they may.
    NoneUsable,
}

impl core::fmt::Display for NoDestination {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            NoDestination::UnknownSet => "there is no such set of destinations",
            NoDestination::NoneUsable => "no destination of the set is in use",
        })
    }
}

impl core::error::Error for NoDestination {}

/// A set of destinations in their order.
#[derive(Debug)]
pub(super) struct DestinationSet {
    pub(super) destinations: Vec<Arc<Destination>>,
    pub(super) turns: Arc<Turns>,
}

/// Where the turns of a set are; they outlive reloads.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: AtomicU64,
    weight: AtomicU64,
    relative_weight: AtomicU64,
}

/// Slots of the weights.
const WEIGHT_SLOTS: u64 = 100;
/// A step that visits all hundred slots before it comes back, far from the last one each time.
const WEIGHT_STEP: u64 = 61;

/// Puts the entries of a set, as they were loaded, into their order.
pub(super) fn into_order(entries: &mut [DestinationEntry]) {
    entries.reverse();
    entries.sort_by_key(|entry| core::cmp::Reverse(entry.priority));
}

impl DestinationSet {
    /// The chosen destination and those after it. `use_default` keeps the last one for when all others have failed.
    pub(super) fn select(
        &self,
        algorithm: Algorithm,
        keys: &SelectionKeys<'_>,
        use_default: bool,
    ) -> Option<Vec<Arc<Destination>>> {
        let usable = |destination: &Arc<Destination>| {
            destination.status().is_usable()
                && (algorithm != Algorithm::CallLoad || destination.takes_calls())
        };
        let (spare, rotating) = match self.destinations.split_last() {
            Some((last, others)) if use_default && !others.is_empty() => (Some(last), others),
            _ => (None, &self.destinations[..]),
        };
        let start = self.start(algorithm, keys, rotating, &usable);
        let (before, from) = rotating.split_at_checked(start).unwrap_or((&[], rotating));
        let mut selected: Vec<Arc<Destination>> = from
            .iter()
            .chain(before)
            .filter(|destination| usable(destination))
            .cloned()
            .collect();
        if keys.limit > 0 {
            selected.truncate(keys.limit);
        }
        if let Some(spare) = spare
            && usable(spare)
            && (keys.limit == 0 || selected.len() < keys.limit)
        {
            selected.push(spare.clone());
        }
        (!selected.is_empty()).then_some(selected)
    }

    /// Where to begin.
    fn start(
        &self,
        algorithm: Algorithm,
        keys: &SelectionKeys<'_>,
        rotating: &[Arc<Destination>],
        usable: &dyn Fn(&Arc<Destination>) -> bool,
    ) -> usize {
        let count = rotating.len() as u64;
        let place = |hash: u64| hash.checked_rem(count).unwrap_or(0) as usize;
        match algorithm {
            Algorithm::CallId => place(stable_hash(keys.call_id)),
            Algorithm::From => place(stable_hash(keys.from)),
            Algorithm::To => place(stable_hash(keys.to)),
            Algorithm::RequestUri => place(stable_hash(keys.request_uri)),
            Algorithm::Text => place(stable_hash(keys.text)),
            Algorithm::AuthUser => match keys.auth_user {
                Some(user) => place(stable_hash(user)),
                None => self.turn(rotating, usable),
            },
            Algorithm::RoundRobin => self.turn(rotating, usable),
            Algorithm::Random => place(keys.random),
            Algorithm::Priority | Algorithm::All => 0,
            Algorithm::Weight => self.by_weight(rotating),
            Algorithm::RelativeWeight => self.by_relative_weight(rotating, usable),
            Algorithm::CallLoad => fewest_calls(rotating, usable),
        }
    }

    /// The next usable destination; the one after it begins the next turn.
    fn turn(
        &self,
        rotating: &[Arc<Destination>],
        usable: &dyn Fn(&Arc<Destination>) -> bool,
    ) -> usize {
        let count = rotating.len();
        let mut chosen = 0;
        let _ = self
            .turns
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                let start = next.checked_rem(count as u64)? as usize;
                chosen = (start..count)
                    .chain(0..start)
                    .find(|place| rotating.get(*place).is_some_and(usable))?;
                Some(chosen as u64 + 1)
            });
        chosen
    }

    /// What is missing to a hundred goes to the last one that has a weight.
    fn by_weight(&self, rotating: &[Arc<Destination>]) -> usize {
        let turn = self.turns.weight.fetch_add(1, Ordering::Relaxed);
        let slot = (turn % WEIGHT_SLOTS) * WEIGHT_STEP % WEIGHT_SLOTS;
        let mut end = 0;
        let mut last = 0;
        for (place, destination) in rotating.iter().enumerate() {
            let weight = u64::from(destination.attributes().weight);
            end += weight;
            if slot < end {
                return place;
            }
            if weight > 0 {
                last = place;
            }
        }
        last
    }

    fn by_relative_weight(
        &self,
        rotating: &[Arc<Destination>],
        usable: &dyn Fn(&Arc<Destination>) -> bool,
    ) -> usize {
        let weight_of = |destination: &Arc<Destination>| {
            if usable(destination) {
                u64::from(destination.attributes().rweight)
            } else {
                0
            }
        };
        let total: u64 = rotating.iter().map(weight_of).sum();
        let turn = self.turns.relative_weight.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = (turn.checked_rem(total)).map(|turn| turn * step_of(total) % total) else {
            return 0;
        };
        let mut end = 0;
        let place = rotating.iter().position(|destination| {
            end += weight_of(destination);
            slot < end
        });
        place.unwrap_or(0)
    }
}

fn fewest_calls(
    rotating: &[Arc<Destination>],
    usable: &dyn Fn(&Arc<Destination>) -> bool,
) -> usize {
    let candidates = rotating.iter().enumerate();
    candidates
        .filter(|(_, destination)| usable(destination))
        .min_by_key(|(_, destination)| destination.calls())
        .map_or(0, |(place, _)| place)
}

/// A step of about the golden ratio of `total` that has no divisor in common with it.
fn step_of(total: u64) -> u64 {
    let from = (total * 618 / 1_000).max(1);
    (from..from + total)
        .find(|step| greatest_common_divisor(*step, total) == 1)
        .unwrap_or(1)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// FNV-1a with a finish that spreads the last octets: the same over restarts and nodes, so a key keeps its destination.
fn stable_hash(octets: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for octet in octets {
        hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
