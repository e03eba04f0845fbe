//! One hash table: cells by name that may expire, shared by all shards, striped and bounded.
//!
//! ```text
//! absent --set, load, add with initval--> live --time is up--> expired (reads as absent) --sweep, set--> gone
//! ```
//!
//! Time is the monotonic clock. Cells of a table without `autoexpire` never expire, whatever a script asks.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use foldhash::fast::FixedState;
use strowger_sip::Time;

use super::definition::TableDefinition;
use super::matching::Matching;
use super::{TableError, TableStatistics};
use crate::tables::TableValue;
use crate::tables::locks::{read_lock, write_lock};

/// Cells of one hash table, expired ones that were not swept yet included.
pub const CELLS_MAX: usize = 1_000_000;
/// Octets of the name of a cell.
pub const KEY_OCTETS_MAX: usize = 1_024;
/// Octets of the value of a cell.
pub const VALUE_OCTETS_MAX: usize = 65_536;
/// Octets of names and values in one hash table.
pub const TABLE_OCTETS_MAX: usize = 268_435_456;

/// A hash table under one definition. Tables made by redefinition share the cells.
#[derive(Clone, Debug)]
pub struct HashTable {
    definition: Arc<TableDefinition>,
    cells: Arc<Cells>,
}

/// A cell copied out of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCell {
    /// Its name.
    pub key: Arc<[u8]>,
    /// Its value.
    pub value: TableValue,
    /// When it expires.
    pub expires_at: Option<Time>,
}

#[derive(Debug)]
struct Cells {
    stripes: Box<[RwLock<Stripe>]>,
    hash: FixedState,
    count: AtomicUsize,
    octets: AtomicUsize,
    refused: AtomicU64,
    expired: AtomicU64,
    scans: AtomicU64,
    sweep_at: AtomicUsize,
}

#[derive(Debug)]
struct Stripe {
    by_key: HashMap<Arc<[u8]>, Cell, FixedState>,
    /// No cell of the stripe expires before this.
    earliest: Option<Time>,
}

#[derive(Debug)]
struct Cell {
    value: TableValue,
    expires_at: Option<Time>,
}

impl Cell {
    fn is_live(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > now)
    }
}

impl HashTable {
    /// Locks of a table; each guards an equal share of the cells.
    pub const STRIPES: usize = 64;

    pub(super) fn new(definition: TableDefinition, seed: u64) -> HashTable {
        let hash = FixedState::with_seed(seed);
        let stripe = || Stripe {
            by_key: HashMap::with_hasher(hash.clone()),
            earliest: None,
        };
        HashTable {
            definition: Arc::new(definition),
            cells: Arc::new(Cells {
                stripes: (0..Self::STRIPES).map(|_| RwLock::new(stripe())).collect(),
                hash,
                count: AtomicUsize::new(0),
                octets: AtomicUsize::new(0),
                refused: AtomicU64::new(0),
                expired: AtomicU64::new(0),
                scans: AtomicU64::new(0),
                sweep_at: AtomicUsize::new(0),
            }),
        }
    }

    /// The same cells under another definition.
    pub(super) fn redefined(&self, definition: TableDefinition) -> HashTable {
        HashTable {
            definition: Arc::new(definition),
            cells: self.cells.clone(),
        }
    }

    /// How the table is defined.
    pub fn definition(&self) -> &TableDefinition {
        &self.definition
    }
    /// Cells held, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.cells.count.load(Ordering::Relaxed)
    }
    /// True if there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a cell; `initval` for one that is absent or has expired.
    pub fn get(&self, key: &[u8], now: Time) -> Option<TableValue> {
        let stripe = read_lock(self.stripe(key));
        let live = stripe.by_key.get(key).filter(|cell| cell.is_live(now));
        live.map(|cell| cell.value.clone())
            .or(self.definition.initval.map(TableValue::Int))
    }

    /// Puts a number into a cell.
    pub fn set_int(&self, key: &[u8], number: i64, now: Time) -> Result<(), TableError> {
        self.set(key, TableValue::Int(number), now)
    }
    /// Puts octets into a cell.
    pub fn set_text(&self, key: &[u8], octets: &[u8], now: Time) -> Result<(), TableError> {
        if octets.len() > VALUE_OCTETS_MAX {
            return self.refuse(TableError::ValueTooLong);
        }
        self.set(key, TableValue::text(octets), now)
    }
    /// Puts a value into a cell. Its time begins anew, unless the table says `updateexpire=0`.
    pub fn set(&self, key: &[u8], value: TableValue, now: Time) -> Result<(), TableError> {
        let mut stripe = write_lock(self.stripe(key));
        let kept = match stripe.by_key.get(key) {
            Some(cell) if cell.is_live(now) && !self.definition.updateexpire => {
                Some(cell.expires_at)
            }
            _ => None,
        };
        let expires_at = kept.unwrap_or_else(|| self.fresh_expiry(now));
        self.put(&mut stripe, key, value, expires_at)
    }
    /// Puts a value into a cell that expires `seconds` from now, as [`HashTable::set_expiry`] would have it.
    pub fn set_expiring(
        &self,
        key: &[u8],
        value: TableValue,
        seconds: u64,
        now: Time,
    ) -> Result<(), TableError> {
        let mut stripe = write_lock(self.stripe(key));
        let expires_at = self.expiry_after(seconds, now);
        self.put(&mut stripe, key, value, expires_at)
    }
    /// Puts a value into a cell as it was stored, with its own end; none is never.
    pub fn load(
        &self,
        key: &[u8],
        value: TableValue,
        expires_at: Option<Time>,
    ) -> Result<(), TableError> {
        let mut stripe = write_lock(self.stripe(key));
        self.put(&mut stripe, key, value, expires_at)
    }

    /// Lets a cell expire `seconds` from now, or never if that is 0. False if the cell is absent or the table keeps
    /// its cells for ever: a table without `autoexpire` has no expiry to set.
    pub fn set_expiry(&self, key: &[u8], seconds: u64, now: Time) -> bool {
        if self.definition.autoexpire_seconds == 0 {
            return false;
        }
        let mut stripe = write_lock(self.stripe(key));
        let expires_at = self.expiry_after(seconds, now);
        let Some(cell) = stripe.by_key.get_mut(key).filter(|cell| cell.is_live(now)) else {
            return false;
        };
        cell.expires_at = expires_at;
        stripe.note_expiry(expires_at);
        true
    }
    /// Seconds until a cell expires, begun ones counted; `None` if it is absent or never does.
    pub fn expires_in(&self, key: &[u8], now: Time) -> Option<u64> {
        let stripe = read_lock(self.stripe(key));
        let cell = stripe.by_key.get(key).filter(|cell| cell.is_live(now))?;
        let left = cell.expires_at?.saturating_since(now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// Adds one to a cell: [`HashTable::add`].
    pub fn increment(&self, key: &[u8], now: Time) -> Result<Option<i64>, TableError> {
        self.add(key, 1, now)
    }
    /// Takes one from a cell: [`HashTable::add`].
    pub fn decrement(&self, key: &[u8], now: Time) -> Result<Option<i64>, TableError> {
        self.add(key, -1, now)
    }
    /// Adds to the number in a cell and returns the sum, in one step. An absent cell begins at `initval`; without it,
    /// and where the cell holds octets, nothing happens.
    pub fn add(&self, key: &[u8], delta: i64, now: Time) -> Result<Option<i64>, TableError> {
        let mut stripe = write_lock(self.stripe(key));
        let fresh = self.fresh_expiry(now);
        if let Some(cell) = stripe.by_key.get_mut(key).filter(|cell| cell.is_live(now)) {
            let TableValue::Int(number) = &mut cell.value else {
                return Ok(None);
            };
            *number = number.saturating_add(delta);
            let sum = *number;
            if self.definition.updateexpire {
                cell.expires_at = fresh;
                stripe.note_expiry(fresh);
            }
            return Ok(Some(sum));
        }
        let Some(initval) = self.definition.initval else {
            return Ok(None);
        };
        let sum = initval.saturating_add(delta);
        self.put(&mut stripe, key, TableValue::Int(sum), fresh)?;
        Ok(Some(sum))
    }

    /// Removes a cell; false if there was none.
    pub fn remove(&self, key: &[u8]) -> bool {
        let mut stripe = write_lock(self.stripe(key));
        let removed = stripe.by_key.remove_entry(key);
        if let Some((key, cell)) = &removed {
            self.forget(key, cell);
        }
        removed.is_some()
    }
    /// Removes all cells.
    pub fn reset(&self) {
        for stripe in &self.cells.stripes {
            let mut stripe = write_lock(stripe);
            for (key, cell) in &stripe.by_key {
                self.forget(key, cell);
            }
            stripe.by_key.clear();
            stripe.by_key.shrink_to_fit();
            stripe.earliest = None;
        }
    }

    /// True if a cell has a name like this.
    pub fn any_name(&self, wanted: &Matching<'_>, now: Time) -> bool {
        if let Matching::Equal(key) = wanted {
            let stripe = read_lock(self.stripe(key));
            return stripe
                .by_key
                .get(*key)
                .is_some_and(|cell| cell.is_live(now));
        }
        self.scan(now).any(|cell| wanted.matches_name(&cell.key))
    }
    /// True if a cell has a value like this.
    pub fn any_value(&self, wanted: &Matching<'_>, now: Time) -> bool {
        self.scan(now).any(|cell| wanted.matches_value(&cell.value))
    }
    /// How many cells have names like this.
    pub fn count_names(&self, wanted: &Matching<'_>, now: Time) -> usize {
        self.scan(now)
            .filter(|cell| wanted.matches_name(&cell.key))
            .count()
    }
    /// How many cells have values like this.
    pub fn count_values(&self, wanted: &Matching<'_>, now: Time) -> usize {
        self.scan(now)
            .filter(|cell| wanted.matches_value(&cell.value))
            .count()
    }
    /// Removes the cells with names like this; says how many.
    pub fn remove_names(&self, wanted: &Matching<'_>, now: Time) -> usize {
        self.scan(now)
            .filter(|cell| wanted.matches_name(&cell.key) && self.remove(&cell.key))
            .count()
    }
    /// Removes the cells with values like this; says how many. One that changed meanwhile stays.
    pub fn remove_values(&self, wanted: &Matching<'_>, now: Time) -> usize {
        self.scan(now)
            .filter(|cell| {
                wanted.matches_value(&cell.value) && self.remove_unchanged(&cell.key, &cell.value)
            })
            .count()
    }

    /// All live cells, in the order of their names.
    pub fn dump(&self, now: Time) -> Vec<ListedCell> {
        let mut cells: Vec<ListedCell> = self.scan(now).collect();
        cells.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        cells
    }
    /// The live cell that follows a name, in the order of names; the first one if none is given. The whole table is
    /// walked, so an iterator of many steps is better made from [`HashTable::dump`].
    pub fn next_after(&self, key: Option<&[u8]>, now: Time) -> Option<ListedCell> {
        self.scan(now)
            .filter(|cell| key.is_none_or(|key| &*cell.key > key))
            .min_by(|a, b| a.key.cmp(&b.key))
    }
    /// How the cells spread.
    pub fn statistics(&self) -> TableStatistics {
        let sizes = self
            .cells
            .stripes
            .iter()
            .map(|stripe| read_lock(stripe).by_key.len());
        let (least, most) = sizes.fold((usize::MAX, 0), |(least, most), size| {
            (least.min(size), most.max(size))
        });
        TableStatistics {
            slots: Self::STRIPES,
            cells: self.len(),
            cells_in_slot_most: most,
            cells_in_slot_least: least,
            octets: self.cells.octets.load(Ordering::Relaxed),
            refused: self.cells.refused.load(Ordering::Relaxed),
            expired: self.cells.expired.load(Ordering::Relaxed),
            scans: self.cells.scans.load(Ordering::Relaxed),
        }
    }

    /// Removes expired cells from stripes in turn until `budget` cells have been looked at; returns them. Reads pass
    /// over expired cells anyway.
    pub fn sweep(&self, now: Time, budget: usize) -> Vec<ListedCell> {
        let mut expired = Vec::new();
        let mut seen = 0;
        for _ in 0..Self::STRIPES {
            if seen >= budget {
                break;
            }
            let at = self.cells.sweep_at.fetch_add(1, Ordering::Relaxed) % Self::STRIPES;
            let Some(stripe) = self.cells.stripes.get(at) else {
                break;
            };
            if read_lock(stripe)
                .earliest
                .is_none_or(|earliest| earliest > now)
            {
                continue;
            }
            let mut stripe = write_lock(stripe);
            seen += stripe.by_key.len().max(1);
            self.sweep_stripe(&mut stripe, now, &mut expired);
        }
        self.cells
            .expired
            .fetch_add(expired.len() as u64, Ordering::Relaxed);
        expired.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        expired
    }

    fn sweep_stripe(&self, stripe: &mut Stripe, now: Time, expired: &mut Vec<ListedCell>) {
        let mut earliest = None::<Time>;
        stripe.by_key.retain(|key, cell| {
            if cell.is_live(now) {
                if let Some(at) = cell.expires_at {
                    earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                }
                return true;
            }
            self.forget(key, cell);
            expired.push(ListedCell {
                key: key.clone(),
                value: cell.value.clone(),
                expires_at: cell.expires_at,
            });
            false
        });
        stripe.earliest = earliest;
        if stripe.by_key.capacity() > 64 && stripe.by_key.len() < stripe.by_key.capacity() / 4 {
            stripe.by_key.shrink_to_fit();
        }
    }

    /// Copies stripe after stripe, so that nothing is locked while a caller looks at the cells.
    fn scan(&self, now: Time) -> impl Iterator<Item = ListedCell> {
        self.cells.scans.fetch_add(1, Ordering::Relaxed);
        self.cells.stripes.iter().flat_map(move |stripe| {
            let stripe = read_lock(stripe);
            let live = stripe.by_key.iter().filter(|(_, cell)| cell.is_live(now));
            live.map(|(key, cell)| ListedCell {
                key: key.clone(),
                value: cell.value.clone(),
                expires_at: cell.expires_at,
            })
            .collect::<Vec<_>>()
        })
    }

    fn remove_unchanged(&self, key: &[u8], value: &TableValue) -> bool {
        let mut stripe = write_lock(self.stripe(key));
        match stripe.by_key.get(key) {
            Some(cell) if cell.value == *value => self.forget(key, cell),
            _ => return false,
        }
        stripe.by_key.remove(key);
        true
    }

    fn put(
        &self,
        stripe: &mut Stripe,
        key: &[u8],
        value: TableValue,
        expires_at: Option<Time>,
    ) -> Result<(), TableError> {
        let octets = value.octets();
        if key.len() > KEY_OCTETS_MAX {
            return self.refuse(TableError::KeyTooLong);
        }
        if octets > VALUE_OCTETS_MAX {
            return self.refuse(TableError::ValueTooLong);
        }
        let held = self.cells.octets.load(Ordering::Relaxed);
        if let Some(cell) = stripe.by_key.get_mut(key) {
            let old = cell.value.octets();
            if octets > old && held + (octets - old) > TABLE_OCTETS_MAX {
                return self.refuse(TableError::TooManyOctets);
            }
            self.cells.octets.fetch_add(octets, Ordering::Relaxed);
            self.cells.octets.fetch_sub(old, Ordering::Relaxed);
            *cell = Cell { value, expires_at };
        } else {
            if held + key.len() + octets > TABLE_OCTETS_MAX {
                return self.refuse(TableError::TooManyOctets);
            }
            if self.cells.count.fetch_add(1, Ordering::Relaxed) >= CELLS_MAX {
                self.cells.count.fetch_sub(1, Ordering::Relaxed);
                return self.refuse(TableError::TooManyCells);
            }
            self.cells
                .octets
                .fetch_add(key.len() + octets, Ordering::Relaxed);
            stripe.by_key.insert(key.into(), Cell { value, expires_at });
        }
        stripe.note_expiry(expires_at);
        Ok(())
    }

    /// Takes a cell that is going from the counts.
    fn forget(&self, key: &[u8], cell: &Cell) {
        self.cells.count.fetch_sub(1, Ordering::Relaxed);
        self.cells
            .octets
            .fetch_sub(key.len() + cell.value.octets(), Ordering::Relaxed);
    }

    fn refuse<T>(&self, error: TableError) -> Result<T, TableError> {
        self.cells.refused.fetch_add(1, Ordering::Relaxed);
        Err(error)
    }

    fn fresh_expiry(&self, now: Time) -> Option<Time> {
        self.expiry_after(u64::from(self.definition.autoexpire_seconds), now)
    }

    fn expiry_after(&self, seconds: u64, now: Time) -> Option<Time> {
        (self.definition.autoexpire_seconds > 0 && seconds > 0)
            .then(|| now + Duration::from_secs(seconds))
    }

    fn stripe(&self, key: &[u8]) -> &RwLock<Stripe> {
        // The maps use the low bits and the top seven of the same hash.
        &self.cells.stripes[(self.cells.hash.hash_one(key) >> 40) as usize % Self::STRIPES]
    }
}

impl Stripe {
    fn note_expiry(&mut self, expires_at: Option<Time>) {
        if let Some(at) = expires_at {
            self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
