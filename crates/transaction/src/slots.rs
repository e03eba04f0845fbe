//! A slab whose keys carry a generation, grown by pages so that no growth copies what is held. Pages at the end that nobody
//! uses any more are given back: what a flood has taken is not kept for ever.

/// Slots per page.
const PAGE_SLOTS: usize = 1024;
/// End of the list of vacant slots.
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
    Vacant { next: u32 },
    Occupied(T),
}

/// The slab.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    pages: Vec<Vec<Slot<T>>>,
    vacant: u32,
    used: u32,
    length: u32,
    /// Generation of every slot at its first use.
    first_generation: u32,
    /// Pages are given back when no more entries than this are left. Halved with each attempt, so that growth by a page
    /// pays for few of them.
    release_at: u32,
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
            vacant: NONE,
            used: 0,
            length: 0,
            first_generation: first_generation & GENERATION_MASK,
            release_at: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length as usize
    }

    /// What is held, in the order of positions.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        let slots = self.pages.iter().flatten();
        slots.filter_map(|slot| match &slot.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        })
    }

    /// The key of the next entry is known only after this returns.
    pub(crate) fn insert(&mut self, value: T) -> SlotKey {
        self.length += 1;
        let reused = self.vacant;
        if let Some(slot) = self.slot_mut(reused)
            && let Content::Vacant { next } = slot.content
        {
            slot.content = Content::Occupied(value);
            let key = SlotKey {
                slot: reused,
                generation: slot.generation,
            };
            self.vacant = next;
            return key;
        }
        let slot = self.used;
        self.used += 1;
        let generation = self.first_generation;
        let fresh = Slot {
            generation,
            content: Content::Occupied(value),
        };
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_SLOTS => page.push(fresh),
            _ => {
                let mut page = Vec::with_capacity(PAGE_SLOTS);
                page.push(fresh);
                self.pages.push(page);
                self.release_at = self.used / 4;
            }
        }
        SlotKey { slot, generation }
    }

    pub(crate) fn remove(&mut self, key: SlotKey) -> Option<T> {
        let next = self.vacant;
        let slot = self.slot_mut(key.slot)?;
        if slot.generation != key.generation || matches!(slot.content, Content::Vacant { .. }) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
        let content = core::mem::replace(&mut slot.content, Content::Vacant { next });
        self.vacant = key.slot;
        self.length -= 1;
        if self.length <= self.release_at && self.pages.len() > 1 {
            self.release();
        }
        match content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// Gives back the pages at the end that hold nothing, but never the first.
    #[cold]
    fn release(&mut self) {
        self.release_at = self.length / 2;
        let is_vacant = |slot: &Slot<T>| matches!(slot.content, Content::Vacant { .. });
        let before = self.pages.len();
        // Keys of entries that were there must not fit those that come: these begin at a later generation.
        let mut ahead = 0;
        while self.pages.len() > 1
            && let Some(page) = self.pages.pop_if(|page| page.iter().all(is_vacant))
        {
            let distances = page
                .iter()
                .map(|slot| slot.generation.wrapping_sub(self.first_generation) & GENERATION_MASK)
                // Those that began before an earlier release are behind.
                .filter(|distance| *distance <= GENERATION_MASK / 2);
            ahead = distances.fold(ahead, u32::max);
        }
        if self.pages.len() == before {
            return;
        }
        self.first_generation = self.first_generation.wrapping_add(ahead) & GENERATION_MASK;
        self.vacant = NONE;
        self.used = 0;
        for page in &self.pages {
            self.used += page.len() as u32;
        }
        // The first positions are used first, so that the last pages become vacant again.
        let mut position = self.used;
        for slot in self
            .pages
            .iter_mut()
            .rev()
            .flat_map(|page| page.iter_mut().rev())
        {
            position -= 1;
            if let Content::Vacant { next } = &mut slot.content {
                *next = self.vacant;
                self.vacant = position;
            }
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
        self.pages
            .get(position / PAGE_SLOTS)?
            .get(position % PAGE_SLOTS)
    }

    fn slot_mut(&mut self, position: u32) -> Option<&mut Slot<T>> {
        let position = position as usize;
        self.pages
            .get_mut(position / PAGE_SLOTS)?
            .get_mut(position % PAGE_SLOTS)
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

    #[test]
    fn pages_that_hold_nothing_are_given_back_and_old_keys_stay_dead() {
        let mut slots = Slots::beginning_at(GENERATION_MASK - 1);
        let mut dead = Vec::new();
        for round in 0..5 {
            let keys: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
            assert_eq!(slots.pages.len(), 10);
            assert!(dead.iter().all(|key| slots.get(*key).is_none()), "{round}");
            let (kept, gone) = keys.split_at(100);
            for key in gone.iter().rev() {
                assert!(slots.remove(*key).is_some());
            }
            assert_eq!((slots.len(), slots.pages.len()), (100, 1));
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
        assert_eq!((slots.len(), slots.pages.len()), (0, 1));
    }

    #[test]
    fn one_entry_on_the_last_page_keeps_those_before_it_without_being_asked_at_every_removal() {
        let mut slots = Slots::new();
        let keys: Vec<SlotKey> = (0..10_000).map(|n| slots.insert(n)).collect();
        let (last, others) = keys.split_last().expect("keys");
        for key in others {
            slots.remove(*key);
        }
        assert_eq!((slots.pages.len(), slots.get(*last)), (10, Some(&9_999)));
        assert_eq!(slots.release_at, 0);
        slots.remove(*last);
        assert_eq!(slots.pages.len(), 1);
        let again = slots.insert(1);
        assert_eq!(again.slot, 0);
        assert!(keys.iter().all(|key| *key != again));
    }
}
