//! The relayed requests of one shard, by keys that are never used twice. Room that a flood has taken is given back.

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

/// One place of the table.
#[derive(Debug)]
struct Place<T> {
    serial: u32,
    /// None while it is free.
    value: Option<T>,
}

/// The table. Entries are put in and dropped where they lie: they are big.
#[derive(Debug)]
pub(crate) struct RelayTable<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    next_serial: u32,
    max: usize,
    /// Room is given back when no more entries than this are left; halved with each attempt, set anew by growth.
    release_at: usize,
}

impl<T> RelayTable<T> {
    /// An empty table of at most `max` entries.
    pub(crate) const fn new(max: usize) -> RelayTable<T> {
        RelayTable {
            places: Vec::new(),
            free: Vec::new(),
            next_serial: 0,
            max,
            release_at: 0,
        }
    }
    /// Puts an entry in; `None` if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<RelayKey> {
        if self.len() >= self.max {
            return None;
        }
        self.next_serial = self.next_serial.wrapping_add(1);
        let serial = self.next_serial;
        let slot = match self.free.pop() {
            Some(slot) => {
                let place = self.places.get_mut(slot as usize)?;
                place.serial = serial;
                place.value = Some(value);
                slot
            }
            None => {
                let slot = u32::try_from(self.places.len()).ok()?;
                if self.places.len() == self.places.capacity() {
                    self.release_at = self.places.len() / 2;
                }
                let value = Some(value);
                self.places.push(Place { serial, value });
                slot
            }
        };
        Some(RelayKey { slot, serial })
    }
    /// The entry, if it is still there.
    pub(crate) fn get_mut(&mut self, key: RelayKey) -> Option<&mut T> {
        let place = self.places.get_mut(key.slot as usize)?;
        match &mut place.value {
            Some(value) if place.serial == key.serial => Some(value),
            _ => None,
        }
    }
    /// The entry, if it is still there.
    pub(crate) fn get(&self, key: RelayKey) -> Option<&T> {
        let place = self.places.get(key.slot as usize)?;
        place.value.as_ref().filter(|_| place.serial == key.serial)
    }
    /// Drops the entry.
    pub(crate) fn remove(&mut self, key: RelayKey) {
        if self.get(key).is_none() {
            return;
        }
        if let Some(place) = self.places.get_mut(key.slot as usize) {
            place.value = None;
            self.free.push(key.slot);
        }
        if self.len() <= self.release_at && self.places.capacity() > KEPT {
            self.release_at = self.len() / 2;
            self.give_back();
        }
    }
    /// Gives back the room behind the last entry.
    #[cold]
    fn give_back(&mut self) {
        let used = self.places.iter().rposition(|place| place.value.is_some());
        self.places.truncate(used.map_or(0, |last| last + 1));
        self.places.shrink_to_fit();
        let left = self.places.len();
        self.free.retain(|slot| (*slot as usize) < left);
        self.free.shrink_to_fit();
    }
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
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
        assert!(table.places.capacity() < 100, "{}", table.places.capacity());
        assert!(
            kept.iter()
                .zip(0..)
                .all(|(key, n)| table.get(*key) == Some(&n))
        );
        let again = table.insert(0);
        assert!(keys.iter().all(|key| Some(*key) != again));
    }
}
