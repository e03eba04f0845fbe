//! A slab whose keys carry a generation, grown by pages so that no growth copies what is held. Pages that hold nothing are
//! given back, each for itself: what a flood has taken is not kept for ever, and no removal pays for more than one page.

use crate::page_set::PageSet;

/// Slots per page: few, as one entry that lives long keeps its page.
const PAGE_SLOTS: usize = 32;
/// End of the list of vacant slots of a page.
const NONE: u32 = u32::MAX;

/// Names an entry; a key outlives its entry harmlessly, because a reused slot has another generation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey {
    /// Position.
    pub slot: u32,
    /// How often the position was used before, modulo 2^31.
    pub generation: u32,
}

/// Generations use 31 bits, so that a key and one more bit fit 64.
pub(crate) const GENERATION_MASK: u32 = u32::MAX >> 1;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    /// `next` is the place of the next vacant slot of the page.
    Vacant {
        next: u32,
    },
    Occupied(T),
}

/// Slots that stand and go together.
#[derive(Debug)]
struct Page<T> {
    /// Empty while the page is given back; never grown beyond [`PAGE_SLOTS`].
    slots: Vec<Slot<T>>,
    /// Place of the first vacant slot, [`NONE`] for none.
    vacant: u32,
    occupied: u32,
    /// Generation of a slot at its first use since the page was made or given back: none of the keys that were given out
    /// before fits.
    first_generation: u32,
}

impl<T> Page<T> {
    /// Puts a value in, and says where and with which generation. The page has room.
    fn insert(&mut self, value: T) -> (u32, u32) {
        self.occupied += 1;
        let place = self.vacant;
        if let Some(slot) = self.slots.get_mut(place as usize)
            && let Content::Vacant { next } = slot.content
        {
            slot.content = Content::Occupied(value);
            self.vacant = next;
            return (place, slot.generation);
        }
        if self.slots.capacity() == 0 {
            self.slots.reserve_exact(PAGE_SLOTS);
        }
        let generation = self.first_generation;
        let place = self.slots.len() as u32;
        self.slots.push(Slot {
            generation,
            content: Content::Occupied(value),
        });
        (place, generation)
    }

    fn remove(&mut self, place: u32, generation: u32) -> Option<T> {
        let slot = self.slots.get_mut(place as usize)?;
        if slot.generation != generation || matches!(slot.content, Content::Vacant { .. }) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
        let vacant = Content::Vacant { next: self.vacant };
        let content = core::mem::replace(&mut slot.content, vacant);
        self.vacant = place;
        self.occupied -= 1;
        match content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    fn is_full(&self) -> bool {
        self.occupied as usize >= PAGE_SLOTS
    }

    /// Gives the memory back. The page is vacant.
    #[cold]
    fn release(&mut self) {
        let first = self.first_generation;
        let uses = self.slots.iter();
        let uses = uses.map(|slot| slot.generation.wrapping_sub(first) & GENERATION_MASK);
        self.first_generation = first.wrapping_add(uses.max().unwrap_or(0)) & GENERATION_MASK;
        self.slots = Vec::new();
        self.vacant = NONE;
    }
}

/// The slab.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    pages: Vec<Page<T>>,
    /// Pages that stand and have room.
    with_room: PageSet,
    /// Pages that were given back.
    released: PageSet,
    /// A vacant page that was kept: the next one that becomes vacant is given back.
    spare: Option<u32>,
    length: u32,
    /// Generation of the slots of a new page at their first use.
    first_generation: u32,
}

impl<T> Slots<T> {
    /// What an entry takes.
    #[cfg(test)]
    pub(crate) const SLOT_OCTETS: usize = size_of::<Slot<T>>();

    pub(crate) const fn new() -> Slots<T> {
        Slots::beginning_at(0)
    }

    /// Slots whose generations begin with this number, so that keys of an earlier slab (of this process before a
    /// restart, of a shard before it panicked) do not fit entries of this one.
    pub(crate) const fn beginning_at(first_generation: u32) -> Slots<T> {
        Slots {
            pages: Vec::new(),
            with_room: PageSet::new(),
            released: PageSet::new(),
            spare: None,
            length: 0,
            first_generation: first_generation & GENERATION_MASK,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length as usize
    }

    /// What is held, in the order of positions.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        let slots = self.pages.iter().flat_map(|page| &page.slots);
        slots.filter_map(|slot| match &slot.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        })
    }

    /// The positions of what is held. Pages that were given back cost nothing here.
    pub(crate) fn positions(&self) -> Vec<u32> {
        let mut positions = Vec::with_capacity(self.len());
        for number in self.released.absent(self.pages.len() as u32) {
            let Some(page) = self.pages.get(number as usize) else {
                continue;
            };
            for (place, slot) in (0u32..).zip(&page.slots) {
                if matches!(slot.content, Content::Occupied(_)) {
                    positions.push(number * PAGE_SLOTS as u32 + place);
                }
            }
        }
        positions
    }

    /// The key of the next entry is known only after this returns.
    pub(crate) fn insert(&mut self, value: T) -> SlotKey {
        let number = match self.with_room.first() {
            Some(number) => number,
            None => self.stand_up(),
        };
        self.length += 1;
        let Some(page) = self.pages.get_mut(number as usize) else {
            unreachable!("only pages that are there have room");
        };
        let (place, generation) = page.insert(value);
        if page.is_full() {
            self.with_room.remove(number);
        }
        SlotKey {
            slot: number * PAGE_SLOTS as u32 + place,
            generation,
        }
    }

    /// Makes a page that has room: one that was given back, or a new one.
    #[cold]
    fn stand_up(&mut self) -> u32 {
        let number = self.released.first().unwrap_or_else(|| {
            self.pages.push(Page {
                slots: Vec::new(),
                vacant: NONE,
                occupied: 0,
                first_generation: self.first_generation,
            });
            self.pages.len() as u32 - 1
        });
        self.released.remove(number);
        self.with_room.insert(number);
        number
    }

    /// Moves an entry to an earlier page, where it has another key; `None` if no earlier page has room.
    pub(crate) fn move_forward(&mut self, key: SlotKey) -> Option<SlotKey> {
        let room = self.with_room.first()?;
        if room >= key.slot / PAGE_SLOTS as u32 {
            return None;
        }
        self.remove(key).map(|value| self.insert(value))
    }

    pub(crate) fn remove(&mut self, key: SlotKey) -> Option<T> {
        let number = key.slot / PAGE_SLOTS as u32;
        let page = self.pages.get_mut(number as usize)?;
        let was_full = page.is_full();
        let value = page.remove(key.slot % PAGE_SLOTS as u32, key.generation)?;
        let is_vacant = page.occupied == 0;
        self.length -= 1;
        if was_full {
            self.with_room.insert(number);
        }
        if is_vacant {
            self.has_become_vacant(number);
        }
        Some(value)
    }

    /// Keeps one vacant page, so that a count that goes up and down by one costs no page each time.
    #[cold]
    fn has_become_vacant(&mut self, number: u32) {
        let is_vacant = |number: u32| {
            let page = self.pages.get(number as usize);
            page.is_some_and(|page| page.occupied == 0)
        };
        if self
            .spare
            .is_none_or(|spare| spare == number || !is_vacant(spare))
        {
            self.spare = Some(number);
            return;
        }
        if let Some(page) = self.pages.get_mut(number as usize) {
            page.release();
            self.with_room.remove(number);
            self.released.insert(number);
        }
    }

    pub(crate) fn get(&self, key: SlotKey) -> Option<&T> {
        let slot = self.slot(key.slot)?;
        match &slot.content {
            Content::Occupied(value) if slot.generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: SlotKey) -> Option<&mut T> {
        let slot = self.slot_mut(key.slot)?;
        match &mut slot.content {
            Content::Occupied(value) if slot.generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Whatever occupies the position now.
    pub(crate) fn at(&self, position: u32) -> Option<&T> {
        match &self.slot(position)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// Whatever occupies the position now.
    pub(crate) fn at_mut(&mut self, position: u32) -> Option<&mut T> {
        match &mut self.slot_mut(position)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// The key of whatever occupies the position now.
    pub(crate) fn key_at(&self, position: u32) -> Option<SlotKey> {
        let slot = self.slot(position)?;
        match slot.content {
            Content::Occupied(_) => Some(SlotKey {
                slot: position,
                generation: slot.generation,
            }),
            Content::Vacant { .. } => None,
        }
    }

    fn slot(&self, position: u32) -> Option<&Slot<T>> {
        let position = position as usize;
        let page = self.pages.get(position / PAGE_SLOTS)?;
        page.slots.get(position % PAGE_SLOTS)
    }

    fn slot_mut(&mut self, position: u32) -> Option<&mut Slot<T>> {
        let position = position as usize;
        let page = self.pages.get_mut(position / PAGE_SLOTS)?;
        page.slots.get_mut(position % PAGE_SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_reach_the_new_entry() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(second.slot, first.slot);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
        assert_eq!(slots.key_at(second.slot), Some(second));
    }

    #[test]
    fn entries_survive_growth_over_pages() {
        let mut slots = Slots::new();
        let keys: Vec<SlotKey> = (0..3000).map(|n| slots.insert(n)).collect();
        assert_eq!(slots.len(), 3000);
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(slots.get(*key), Some(&n));
        }
        for key in &keys {
            slots.remove(*key);
        }
        assert_eq!(slots.len(), 0);
        assert_eq!(slots.at(17), None);
    }

    /// Pages whose memory is held.
    fn standing<T>(slots: &Slots<T>) -> usize {
        let pages = slots.pages.iter();
        pages.filter(|page| page.slots.capacity() > 0).count()
    }

    #[test]
    fn pages_that_hold_nothing_are_given_back_and_old_keys_stay_dead() {
        let mut slots = Slots::beginning_at(GENERATION_MASK - 1);
        let mut dead = Vec::new();
        for round in 0..5 {
            let keys: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
            let pages = 10_000_usize.div_ceil(PAGE_SLOTS);
            assert_eq!((standing(&slots), slots.pages.len()), (pages, pages));
            assert!(dead.iter().all(|key| slots.get(*key).is_none()), "{round}");
            let (kept, gone) = keys.split_at(100);
            for key in gone.iter().rev() {
                assert!(slots.remove(*key).is_some());
            }
            let pages = 100_usize.div_ceil(PAGE_SLOTS) + 1;
            assert_eq!((slots.len(), standing(&slots)), (100, pages), "and a spare");
            assert!(
                kept.iter()
                    .zip(0..)
                    .all(|(key, n)| slots.get(*key) == Some(&n))
            );
            for key in kept {
                slots.remove(*key);
            }
            dead.extend(keys);
        }
        assert_eq!((slots.len(), standing(&slots)), (0, 1));
    }

    #[test]
    fn one_entry_on_the_last_page_keeps_that_page_only() {
        let mut slots = Slots::new();
        let keys: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
        let (last, others) = keys.split_last().expect("keys");
        for key in others {
            slots.remove(*key);
        }
        assert_eq!((standing(&slots), slots.get(*last)), (2, Some(&9_999)));
        assert_eq!(slots.values().collect::<Vec<_>>(), [&9_999]);
        // What comes uses the pages that stand; then those that were given back, with keys that are new.
        let again: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
        let pages = 10_000_usize.div_ceil(PAGE_SLOTS);
        assert_eq!((standing(&slots), slots.pages.len()), (pages, pages));
        assert!(others.iter().all(|key| slots.get(*key).is_none()));
        assert!(
            (0..)
                .zip(&again)
                .all(|(n, key)| slots.get(*key) == Some(&n))
        );
    }

    #[test]
    fn a_count_that_goes_up_and_down_over_the_end_of_a_page_makes_no_page_each_time() {
        let mut slots = Slots::new();
        let _kept: Vec<SlotKey> = (0..PAGE_SLOTS).map(|n| slots.insert(n)).collect();
        for _ in 0..10 {
            let key = slots.insert(0);
            assert_eq!((slots.remove(key), standing(&slots)), (Some(0), 2));
        }
    }

    #[test]
    fn what_is_moved_forward_empties_the_last_pages() {
        let mut slots = Slots::new();
        let keys: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
        let (kept, gone): (Vec<SlotKey>, Vec<SlotKey>) =
            keys.into_iter().partition(|key| key.slot % 100 == 99);
        for key in gone {
            slots.remove(key);
        }
        assert!(standing(&slots) >= 100);
        let mut moved = 0;
        for key in kept.iter().rev() {
            let Some(now) = slots.move_forward(*key) else {
                break;
            };
            assert_eq!(
                (slots.get(*key), slots.get(now)),
                (None, Some(&(key.slot as i32)))
            );
            moved += 1;
        }
        let pages = 100_usize.div_ceil(PAGE_SLOTS);
        assert!(standing(&slots) <= pages + 1, "{}", standing(&slots));
        assert!((90..100).contains(&moved), "{moved}");
        // What stays on the first pages has its key.
        assert_eq!(slots.get(kept[0]), Some(&99));
    }
}
