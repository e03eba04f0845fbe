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

/// Places of one page.
const PAGE: usize = 64;

/// One place of the table.
#[derive(Debug)]
struct Place<T> {
    serial: u32,
    /// None while it is free.
    value: Option<T>,
}

/// The table. Entries are big: they are put in and dropped where they lie, in pages, so that growing moves none.
#[derive(Debug)]
pub(crate) struct RelayTable<T> {
    pages: Vec<Vec<Place<T>>>,
    free: Vec<u32>,
    length: usize,
    next_serial: u32,
    max: usize,
    /// Room is given back when no more entries than this are left; halved with each attempt, set anew by growth.
    release_at: usize,
}

impl<T> RelayTable<T> {
    /// An empty table of at most `max` entries.
    pub(crate) const fn new(max: usize) -> RelayTable<T> {
        RelayTable {
            pages: Vec::new(),
            free: Vec::new(),
            length: 0,
            next_serial: 0,
            max,
            release_at: 0,
        }
    }
    /// Puts an entry in; `None` if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<RelayKey> {
        if self.length >= self.max {
            return None;
        }
        self.next_serial = self.next_serial.wrapping_add(1);
        let serial = self.next_serial;
        let slot = match self.free.pop() {
            Some(slot) => {
                let place = self.place_mut(slot)?;
                place.serial = serial;
                place.value = Some(value);
                slot
            }
            None => self.append(serial, value)?,
        };
        self.length += 1;
        Some(RelayKey { slot, serial })
    }
    /// Puts an entry behind all others; none is free.
    fn append(&mut self, serial: u32, value: T) -> Option<u32> {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
            self.release_at = self.length / 2;
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut()?;
        let slot = u32::try_from(before + page.len()).ok()?;
        let value = Some(value);
        page.push(Place { serial, value });
        Some(slot)
    }
    fn place_mut(&mut self, slot: u32) -> Option<&mut Place<T>> {
        let slot = slot as usize;
        self.pages.get_mut(slot / PAGE)?.get_mut(slot % PAGE)
    }
    /// The entry, if it is still there.
    pub(crate) fn get_mut(&mut self, key: RelayKey) -> Option<&mut T> {
        let place = self.place_mut(key.slot)?;
        match &mut place.value {
            Some(value) if place.serial == key.serial => Some(value),
            _ => None,
        }
    }
    /// The entry, if it is still there.
    pub(crate) fn get(&self, key: RelayKey) -> Option<&T> {
        let slot = key.slot as usize;
        let place = self.pages.get(slot / PAGE)?.get(slot % PAGE)?;
        place.value.as_ref().filter(|_| place.serial == key.serial)
    }
    /// Drops the entry.
    pub(crate) fn remove(&mut self, key: RelayKey) {
        if self.get(key).is_none() {
            return;
        }
        if let Some(place) = self.place_mut(key.slot) {
            place.value = None;
            self.free.push(key.slot);
            self.length -= 1;
        }
        if self.length <= self.release_at && self.pages.len() > 1 {
            self.give_back();
        }
    }
    /// Gives back the pages at the end that hold nothing, but never the first.
    #[cold]
    fn give_back(&mut self) {
        self.release_at = self.length / 2;
        let is_free = |page: &mut Vec<Place<T>>| page.iter().all(|place| place.value.is_none());
        while self.pages.len() > 1 && self.pages.pop_if(is_free).is_some() {}
        let left = self.pages.len() * PAGE;
        self.free.retain(|slot| (*slot as usize) < left);
        self.free.shrink_to_fit();
        // The first places are used first, so that the last pages become free again.
        self.free.sort_unstable_by(|a, b| b.cmp(a));
    }
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.length
    }
    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
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
        assert_eq!(table.pages.len(), 1);
        assert_eq!(table.len(), kept.len());
        assert!(
            kept.iter()
                .zip(0..)
                .all(|(key, n)| table.get(*key) == Some(&n))
        );
        let again = table.insert(0);
        assert!(keys.iter().all(|key| Some(*key) != again));
    }
}
