//! The relayed requests of one shard, by keys that are never used twice. Room that a flood has taken is given back.

use slab::Slab;

/// Names one relayed request.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RelayKey {
    slot: u32,
    serial: u32,
}

impl RelayKey {
    /// As the `user` of a transaction.
    pub(crate) const fn pack(self) -> u64 {
        ((self.slot as u64) << 32) | self.serial as u64
    }
    /// From the `user` of a transaction.
    pub(crate) const fn unpack(user: u64) -> RelayKey {
        RelayKey {
            slot: (user >> 32) as u32,
            serial: user as u32,
        }
    }
}

/// Room that is never given back.
const KEPT: usize = 64;

/// The table.
#[derive(Debug)]
pub(crate) struct RelayTable<T> {
    slots: Slab<(u32, T)>,
    next_serial: u32,
    max: usize,
    /// Room is given back when no more entries than this are left; halved with each attempt, set anew by growth.
    release_at: usize,
}

impl<T> RelayTable<T> {
    /// An empty table of at most `max` entries.
    pub(crate) const fn new(max: usize) -> RelayTable<T> {
        RelayTable {
            slots: Slab::new(),
            next_serial: 0,
            max,
            release_at: 0,
        }
    }
    /// Puts an entry in; `None` if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<RelayKey> {
        if self.slots.len() >= self.max {
            return None;
        }
        self.next_serial = self.next_serial.wrapping_add(1);
        let serial = self.next_serial;
        if self.slots.len() == self.slots.capacity() {
            self.release_at = self.slots.len() / 2;
        }
        let slot = u32::try_from(self.slots.insert((serial, value))).ok()?;
        Some(RelayKey { slot, serial })
    }
    /// The entry, if it is still there.
    pub(crate) fn get_mut(&mut self, key: RelayKey) -> Option<&mut T> {
        self.slots
            .get_mut(key.slot as usize)
            .filter(|(serial, _)| *serial == key.serial)
            .map(|(_, value)| value)
    }
    /// The entry, if it is still there.
    pub(crate) fn get(&self, key: RelayKey) -> Option<&T> {
        self.slots
            .get(key.slot as usize)
            .filter(|(serial, _)| *serial == key.serial)
            .map(|(_, value)| value)
    }
    /// Takes the entry out.
    pub(crate) fn remove(&mut self, key: RelayKey) -> Option<T> {
        self.get(key)?;
        let removed = self.slots.try_remove(key.slot as usize);
        if self.slots.len() <= self.release_at && self.slots.capacity() > KEPT {
            self.release_at = self.slots.len() / 2;
            self.slots.shrink_to_fit();
        }
        removed.map(|(_, value)| value)
    }
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_and_keys_of_what_is_left_hold() {
        let mut table = RelayTable::new(100_000);
        let keys: Vec<RelayKey> = (0..10_000).filter_map(|n| table.insert(n)).collect();
        let (kept, gone) = keys.split_at(10);
        for key in gone.iter().rev() {
            table.remove(*key);
        }
        assert!(table.slots.capacity() < 100, "{}", table.slots.capacity());
        assert!(
            kept.iter()
                .zip(0..)
                .all(|(key, n)| table.get(*key) == Some(&n))
        );
        let again = table.insert(0);
        assert!(keys.iter().all(|key| Some(*key) != again));
    }
}
