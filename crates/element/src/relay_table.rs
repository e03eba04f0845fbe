//! The relayed requests of one shard, by keys that are never used twice. Room that a flood has taken is given back.

use strowger_transaction::page_set::PageSet;

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

/// Places of one page, one for each bit of a word: few, as one entry that lives long keeps its page.
const PAGE: usize = u16::BITS as usize;

/// One place of the table.
#[derive(Debug)]
struct Place<T> {
    serial: u32,
    /// None while it is free.
    value: Option<T>,
}

/// Places that stand and go together.
#[derive(Debug)]
struct Page<T> {
    /// Empty while the page is given back.
    places: Vec<Place<T>>,
    /// A bit for each place that holds something.
    used: u16,
}

/// The table. Entries are big: they are put in and dropped where they lie, in pages, so that growing moves none. The first
/// pages are used first, and a page that holds nothing is given back, but for one that is kept.
#[derive(Debug)]
pub(crate) struct RelayTable<T> {
    pages: Vec<Page<T>>,
    /// Pages that stand and have room.
    with_room: PageSet,
    /// Pages that were given back.
    released: PageSet,
    /// A page that held nothing and was kept: the next one is given back.
    spare: Option<u32>,
    length: usize,
    next_serial: u32,
    max: usize,
}

impl<T> RelayTable<T> {
    /// What a page takes.
    #[cfg(test)]
    pub(crate) const PAGE_OCTETS: usize = PAGE * size_of::<Place<T>>();

    /// An empty table of at most `max` entries.
    pub(crate) const fn new(max: usize) -> RelayTable<T> {
        RelayTable {
            pages: Vec::new(),
            with_room: PageSet::new(),
            released: PageSet::new(),
            spare: None,
            length: 0,
            next_serial: 0,
            max,
        }
    }
    /// Puts an entry in; `None` if the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<RelayKey> {
        if self.length >= self.max {
            return None;
        }
        let number = match self.with_room.first() {
            Some(number) => number,
            None => self.stand_up()?,
        };
        let serial = self.next_serial.wrapping_add(1);
        let page = self.pages.get_mut(number as usize)?;
        let place = page.used.trailing_ones();
        let value = Some(value);
        // The first free place is one that was used before, or the one behind all others.
        match page.places.get_mut(place as usize) {
            Some(place) => {
                place.serial = serial;
                place.value = value;
            }
            None => page.places.push(Place { serial, value }),
        }
        page.used |= 1 << place;
        if page.used == u16::MAX {
            self.with_room.remove(number);
        }
        self.next_serial = serial;
        self.length += 1;
        let slot = number * PAGE as u32 + place;
        Some(RelayKey { slot, serial })
    }
    /// Makes a page that has room: one that was given back, or a new one.
    #[cold]
    fn stand_up(&mut self) -> Option<u32> {
        let number = match self.released.first() {
            Some(number) => number,
            None => {
                self.pages.push(Page {
                    places: Vec::new(),
                    used: 0,
                });
                u32::try_from(self.pages.len() - 1).ok()?
            }
        };
        let page = self.pages.get_mut(number as usize)?;
        page.places.reserve_exact(PAGE);
        self.released.remove(number);
        self.with_room.insert(number);
        Some(number)
    }
    fn place_mut(&mut self, slot: u32) -> Option<&mut Place<T>> {
        let slot = slot as usize;
        let page = self.pages.get_mut(slot / PAGE)?;
        page.places.get_mut(slot % PAGE)
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
        let place = self.pages.get(slot / PAGE)?.places.get(slot % PAGE)?;
        place.value.as_ref().filter(|_| place.serial == key.serial)
    }
    /// Calls `f` with all that is held, in the order of places. Pages that were given back cost nothing here.
    pub(crate) fn each(&mut self, mut f: impl FnMut(&mut T)) {
        for number in self.released.absent(self.pages.len() as u32) {
            if let Some(page) = self.pages.get_mut(number as usize) {
                let values = page.places.iter_mut();
                values
                    .filter_map(|place| place.value.as_mut())
                    .for_each(&mut f);
            }
        }
    }
    /// Drops the entry.
    pub(crate) fn remove(&mut self, key: RelayKey) {
        if self.get(key).is_none() {
            return;
        }
        let number = key.slot / PAGE as u32;
        let Some(page) = self.pages.get_mut(number as usize) else {
            return;
        };
        let place = key.slot % PAGE as u32;
        if let Some(place) = page.places.get_mut(place as usize) {
            place.value = None;
        }
        let was_full = page.used == u16::MAX;
        page.used &= !(1 << place);
        let is_vacant = page.used == 0;
        self.length -= 1;
        if was_full {
            self.with_room.insert(number);
        }
        if is_vacant {
            self.has_become_vacant(number);
        }
    }
    /// Keeps one vacant page, so that a count that goes up and down by one costs no page each time.
    fn has_become_vacant(&mut self, number: u32) {
        let is_vacant = |number: u32| {
            let page = self.pages.get(number as usize);
            page.is_some_and(|page| page.used == 0)
        };
        let spare = self.spare.filter(|spare| *spare != number);
        if !spare.is_some_and(is_vacant) {
            self.spare = Some(number);
        } else if let Some(page) = self.pages.get_mut(number as usize) {
            page.places = Vec::new();
            self.with_room.remove(number);
            self.released.insert(number);
        }
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

    fn standing<T>(table: &RelayTable<T>) -> usize {
        let pages = table.pages.iter();
        pages.filter(|page| page.places.capacity() > 0).count()
    }

    #[test]
    fn a_flood_over_a_steady_load_leaves_no_pages_behind() {
        let mut table = RelayTable::new(100_000);
        let mut load: Vec<RelayKey> = (0..500).filter_map(|n| table.insert(n)).collect();
        let flood: Vec<RelayKey> = (0..10_000).filter_map(|n| table.insert(n)).collect();
        load.extend((0..500).filter_map(|n| table.insert(n)));
        for key in flood {
            table.remove(key);
        }
        // The load goes on: one comes, the oldest goes.
        for n in 0..2_000 {
            load.extend(table.insert(n));
            table.remove(load.remove(0));
        }
        assert_eq!(table.len(), 1_000);
        assert!(standing(&table) <= 1_000 / PAGE + 2, "{}", standing(&table));
    }

    #[test]
    fn room_is_given_back_and_keys_of_what_is_left_hold() {
        let mut table = RelayTable::new(100_000);
        let keys: Vec<RelayKey> = (0..10_000).filter_map(|n| table.insert(n)).collect();
        let (kept, gone) = keys.split_at(10);
        for key in gone.iter().rev() {
            table.remove(*key);
        }
        assert_eq!(standing(&table), 2, "that of what is left, and a spare one");
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
