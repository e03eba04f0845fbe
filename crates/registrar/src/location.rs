//! The location service: which bindings an address of record has (RFC 3261 §10, §16.5).
//!
//! [`LocationTable`] is the truth for reads. It is shared by all shards, striped, and bounded. Each address of record
//! has one writer (its shard), so a change computed from the published bindings can be published as steps. A lookup
//! copies bindings out and holds no lock afterwards; copies share their text with the table.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::FixedState;
use smallvec::SmallVec;
use strowger_sip::Time;
use strowger_transaction::Flow;

use crate::aor::AddressOfRecord;
use crate::binding::Binding;
use crate::change::{BindingChange, LocationChange};
use crate::stream_index::StreamIndex;

/// Bindings copied out of the table.
pub type Bindings = SmallVec<[Binding; 2]>;

/// Where bindings are kept.
pub trait LocationService: Send + Sync {
    /// The targets of an address of record: live bindings that can be reached, by `q` descending, then the most
    /// recent first. A stream binding whose connection is gone is left out.
    fn lookup(&self, aor: &[u8], now: Time) -> Bindings;
    /// All live bindings in the order in which they were added.
    fn bindings(&self, aor: &[u8], now: Time) -> Bindings;
    /// Makes a change visible as a whole.
    fn publish(&self, change: &LocationChange);
    /// Marks the bindings that depend on a connection that is gone; says how many.
    fn mark_flow_lost(&self, flow: &Flow) -> usize;
    /// Bindings that may still be added; a REGISTER that needs more is refused before it changes anything.
    fn room(&self) -> usize;
}

/// Limits of a [`LocationTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationLimits {
    /// Bindings in all (4,000,000). REGISTERs in progress may exceed it by what they add.
    pub bindings_max: usize,
}

impl Default for LocationLimits {
    fn default() -> LocationLimits {
        LocationLimits {
            bindings_max: 4_000_000,
        }
    }
}

/// What the location table did, summed over its stripes.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct LocationCounters {
    /// Addresses of record that have bindings now.
    pub aors: u64,
    /// Bindings now, expired ones that were not swept yet included.
    pub bindings: u64,
    /// Lookups.
    pub lookups: u64,
    /// Lookups that found no target.
    pub lookups_empty: u64,
    /// Bindings added.
    pub bindings_added: u64,
    /// Bindings updated.
    pub bindings_updated: u64,
    /// Bindings removed by REGISTER or by an operator.
    pub bindings_removed: u64,
    /// Bindings that expired.
    pub bindings_expired: u64,
    /// Bindings whose connection was lost.
    pub flows_lost: u64,
}

impl LocationCounters {
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "location_aors",
            "Addresses of record that have bindings.",
            self.aors,
        );
        f("location_bindings", "Bindings.", self.bindings);
        f(
            "location_lookups_total",
            "Lookups of an address of record.",
            self.lookups,
        );
        f(
            "location_lookups_empty_total",
            "Lookups that found no target.",
            self.lookups_empty,
        );
        f(
            "location_bindings_added_total",
            "Bindings added.",
            self.bindings_added,
        );
        f(
            "location_bindings_updated_total",
            "Bindings updated.",
            self.bindings_updated,
        );
        f(
            "location_bindings_removed_total",
            "Bindings removed on request.",
            self.bindings_removed,
        );
        f(
            "location_bindings_expired_total",
            "Bindings that expired.",
            self.bindings_expired,
        );
        f(
            "location_flows_lost_total",
            "Bindings whose connection was lost.",
            self.flows_lost,
        );
    }
}

/// The location table.
#[derive(Debug)]
pub struct LocationTable {
    stripes: Box<[Stripe]>,
    streams: StreamIndex,
    hash: FixedState,
    bindings: AtomicUsize,
    limits: LocationLimits,
    sweep_at: AtomicUsize,
}

#[derive(Debug)]
struct Stripe {
    entries: RwLock<Entries>,
    lookups: AtomicU64,
    lookups_empty: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    // Boxed, so that the free slots of the map stay small.
    by_aor: HashMap<AddressOfRecord, Box<SmallVec<[Binding; 1]>>, FixedState>,
    /// No binding of the stripe expires before this.
    earliest: Option<Time>,
    added: u64,
    updated: u64,
    removed: u64,
    expired: u64,
    flows_lost: u64,
}

impl LocationTable {
    /// Locks of the table; each guards an equal share of the addresses of record.
    pub const STRIPES: usize = 1_024;

    /// An empty table. `seed` spreads the addresses of record over the stripes.
    pub fn new(limits: LocationLimits, seed: u64) -> LocationTable {
        let hash = FixedState::with_seed(seed);
        let stripe = || Stripe {
            entries: RwLock::new(Entries {
                by_aor: HashMap::with_hasher(hash.clone()),
                ..Entries::default()
            }),
            lookups: AtomicU64::new(0),
            lookups_empty: AtomicU64::new(0),
        };
        LocationTable {
            stripes: (0..Self::STRIPES).map(|_| stripe()).collect(),
            streams: StreamIndex::new(hash.clone()),
            hash,
            bindings: AtomicUsize::new(0),
            limits,
            sweep_at: AtomicUsize::new(0),
        }
    }

    /// Bindings held, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.bindings.load(Ordering::Relaxed)
    }
    /// True if there is no binding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a binding as it was stored, at start-up. One whose connection cannot exist any more must say `flow_lost`.
    pub fn restore(&self, aor: &AddressOfRecord, binding: Binding) {
        let mut entries = self.write(aor.as_bytes());
        self.put(&mut entries, aor, None, binding);
    }

    /// Removes expired bindings from stripes in turn until `budget` bindings have been looked at; returns them.
    ///
    /// Reads skip expired bindings anyway; this frees their memory. Any shard may call it, now and then.
    pub fn sweep(&self, now: Time, budget: usize) -> Vec<(AddressOfRecord, Binding)> {
        let mut expired = Vec::new();
        let mut seen = 0;
        for _ in 0..self.stripes.len() {
            if seen >= budget {
                break;
            }
            let index = self.sweep_at.fetch_add(1, Ordering::Relaxed) % self.stripes.len();
            let Some(stripe) = self.stripes.get(index) else {
                break;
            };
            if read_lock(&stripe.entries)
                .earliest
                .is_none_or(|earliest| earliest > now)
            {
                continue;
            }
            seen += self.sweep_stripe(&mut write_lock(&stripe.entries), now, &mut expired);
        }
        expired
    }

    /// Copies out addresses of record and their live bindings, in the order of their octets: those after `after`, at
    /// most `limit`. The whole table is walked once per call, so ask for many at a time.
    pub fn list(
        &self,
        now: Time,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Vec<(AddressOfRecord, Bindings)> {
        let mut names: Vec<AddressOfRecord> = Vec::new();
        for stripe in &self.stripes {
            let entries = read_lock(&stripe.entries);
            names.extend(
                entries
                    .by_aor
                    .keys()
                    .filter(|aor| after.is_none_or(|after| aor.as_bytes() > after))
                    .cloned(),
            );
        }
        names.sort_unstable();
        let listed = names.into_iter().map(|aor| {
            let bindings = self.bindings(aor.as_bytes(), now);
            (aor, bindings)
        });
        listed
            .filter(|(_, bindings)| !bindings.is_empty())
            .take(limit)
            .collect()
    }

    /// The counters as they are now.
    pub fn counters(&self) -> LocationCounters {
        let mut sum = LocationCounters {
            bindings: self.len() as u64,
            ..LocationCounters::default()
        };
        for stripe in &self.stripes {
            sum.lookups += stripe.lookups.load(Ordering::Relaxed);
            sum.lookups_empty += stripe.lookups_empty.load(Ordering::Relaxed);
            let entries = read_lock(&stripe.entries);
            sum.aors += entries.by_aor.len() as u64;
            sum.bindings_added += entries.added;
            sum.bindings_updated += entries.updated;
            sum.bindings_removed += entries.removed;
            sum.bindings_expired += entries.expired;
            sum.flows_lost += entries.flows_lost;
        }
        sum
    }

    fn sweep_stripe(
        &self,
        entries: &mut Entries,
        now: Time,
        out: &mut Vec<(AddressOfRecord, Binding)>,
    ) -> usize {
        let (mut seen, before, mut earliest) = (0, out.len(), None::<Time>);
        entries.by_aor.retain(|aor, bindings| {
            seen += bindings.len();
            let first = out.len();
            bindings.retain(|binding| {
                let live = binding.is_live(now);
                if live {
                    let expires_at = binding.expires_at();
                    earliest =
                        Some(earliest.map_or(expires_at, |earliest| earliest.min(expires_at)));
                } else {
                    out.push((aor.clone(), binding.clone()));
                }
                live
            });
            for (_, binding) in out.iter().skip(first) {
                if !shares_stream(bindings, binding) {
                    self.unindex(aor, binding);
                }
            }
            !bindings.is_empty()
        });
        entries.earliest = earliest;
        let gone = out.len() - before;
        entries.expired += gone as u64;
        self.bindings.fetch_sub(gone, Ordering::Relaxed);
        // A stripe that was full once gives its memory back.
        if entries.by_aor.capacity() > 64 && entries.by_aor.len() < entries.by_aor.capacity() / 4 {
            entries.by_aor.shrink_to_fit();
        }
        seen.max(1)
    }

    /// The change was computed without the bindings that had expired; one of those with the key of a new binding
    /// would otherwise stand beside it.
    fn drop_expired(&self, entries: &mut Entries, aor: &AddressOfRecord, now: Time) {
        let Some(bindings) = entries.by_aor.get_mut(aor.as_bytes()) else {
            return;
        };
        while let Some(at) = bindings.iter().position(|binding| !binding.is_live(now)) {
            let old = bindings.remove(at);
            entries.expired += 1;
            self.bindings.fetch_sub(1, Ordering::Relaxed);
            if !shares_stream(bindings, &old) {
                self.unindex(aor, &old);
            }
        }
    }

    fn put(
        &self,
        entries: &mut Entries,
        aor: &AddressOfRecord,
        replaced: Option<&Binding>,
        binding: Binding,
    ) {
        let expires_at = binding.expires_at();
        entries.earliest = Some(
            entries
                .earliest
                .map_or(expires_at, |earliest| earliest.min(expires_at)),
        );
        // The index shares the name with the map.
        let held = entries.by_aor.get_key_value(aor.as_bytes());
        self.index(held.map_or(aor, |(held, _)| held), &binding);
        let bindings = match entries.by_aor.get_mut(aor.as_bytes()) {
            Some(bindings) => bindings,
            None => entries.by_aor.entry(aor.clone()).or_default(),
        };
        let old = replaced.unwrap_or(&binding);
        if let Some(place) = bindings.iter_mut().find(|held| held.same_key(old)) {
            let old = core::mem::replace(place, binding);
            let moved = old.flow().stream != place.flow().stream;
            entries.updated += 1;
            if moved && !shares_stream(bindings, &old) {
                self.unindex(aor, &old);
            }
        } else {
            bindings.push(binding);
            entries.added += 1;
            self.bindings.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remove(&self, entries: &mut Entries, binding: &Binding, aor: &AddressOfRecord) {
        let Some(bindings) = entries.by_aor.get_mut(aor.as_bytes()) else {
            return;
        };
        let Some(at) = bindings.iter().position(|held| held.same_key(binding)) else {
            return;
        };
        let old = bindings.remove(at);
        entries.removed += 1;
        self.bindings.fetch_sub(1, Ordering::Relaxed);
        if !shares_stream(bindings, &old) {
            self.unindex(aor, &old);
        }
    }

    fn index(&self, aor: &AddressOfRecord, binding: &Binding) {
        if binding.needs_stream()
            && !binding.flow_lost()
            && let Some(stream) = binding.flow().stream
        {
            self.streams.insert(stream, aor);
        }
    }

    fn unindex(&self, aor: &AddressOfRecord, binding: &Binding) {
        if let Some(stream) = binding.flow().stream {
            self.streams.remove(stream, aor);
        }
    }

    fn stripe(&self, aor: &[u8]) -> &Stripe {
        // The maps use the low bits and the top seven of the same hash.
        &self.stripes[(self.hash.hash_one(aor) >> 40) as usize % Self::STRIPES]
    }

    fn write(&self, aor: &[u8]) -> RwLockWriteGuard<'_, Entries> {
        write_lock(&self.stripe(aor).entries)
    }
}

impl LocationService for LocationTable {
    fn lookup(&self, aor: &[u8], now: Time) -> Bindings {
        let mut found = self.bindings(aor, now);
        found.retain(|binding| !(binding.flow_lost() && binding.needs_stream()));
        found.sort_by(|a, b| b.q().cmp(&a.q()).then(b.updated_at().cmp(&a.updated_at())));
        let stripe = self.stripe(aor);
        stripe.lookups.fetch_add(1, Ordering::Relaxed);
        if found.is_empty() {
            stripe.lookups_empty.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    fn bindings(&self, aor: &[u8], now: Time) -> Bindings {
        let entries = read_lock(&self.stripe(aor).entries);
        match entries.by_aor.get(aor) {
            Some(bindings) => bindings
                .iter()
                .filter(|binding| binding.is_live(now))
                .cloned()
                .collect(),
            None => Bindings::new(),
        }
    }

    fn publish(&self, change: &LocationChange) {
        let mut entries = self.write(change.aor.as_bytes());
        self.drop_expired(&mut entries, &change.aor, change.now.monotonic);
        for step in &change.steps {
            match step {
                BindingChange::Put { binding, replaced } => {
                    self.put(
                        &mut entries,
                        &change.aor,
                        replaced.as_ref(),
                        binding.clone(),
                    );
                }
                BindingChange::Remove(binding) => self.remove(&mut entries, binding, &change.aor),
            }
        }
        if entries
            .by_aor
            .get(change.aor.as_bytes())
            .is_some_and(|bindings| bindings.is_empty())
        {
            entries.by_aor.remove(change.aor.as_bytes());
        }
    }

    fn mark_flow_lost(&self, flow: &Flow) -> usize {
        let Some(stream) = flow.stream else { return 0 };
        let names = self.streams.take(stream);
        let mut marked = 0;
        for aor in names {
            let mut entries = self.write(aor.as_bytes());
            let mut lost = 0;
            for binding in entries
                .by_aor
                .get_mut(aor.as_bytes())
                .into_iter()
                .flat_map(|bindings| bindings.iter_mut())
            {
                if binding.flow().stream == Some(stream)
                    && binding.needs_stream()
                    && !binding.flow_lost()
                {
                    binding.set_flow_lost();
                    lost += 1;
                }
            }
            entries.flows_lost += lost as u64;
            marked += lost;
        }
        marked
    }

    fn room(&self) -> usize {
        self.limits.bindings_max.saturating_sub(self.len())
    }
}

/// True if one of the bindings depends on the connection of `gone`.
fn shares_stream(bindings: &[Binding], gone: &Binding) -> bool {
    let stream = gone.flow().stream;
    bindings.iter().any(|held| held.flow().stream == stream)
}

// A poisoned lock: a panic elsewhere must not take the registrar down; every mutation above leaves valid entries.
fn read_lock(lock: &RwLock<Entries>) -> RwLockReadGuard<'_, Entries> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock(lock: &RwLock<Entries>) -> RwLockWriteGuard<'_, Entries> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
