//! Finds slots by key: chained buckets whose links lie in the entries themselves, so that an entry costs eight octets
//! here. Grown one bucket at a time (linear hashing), so that no insertion pays for all the others.

/// End of a chain.
pub(crate) const NONE: u32 = u32::MAX;
const BUCKETS_MIN: u32 = 64;

/// Entries that know their hash and the next entry of their chain.
pub(crate) trait Links {
    fn hash(&self, slot: u32) -> u64;
    fn next(&self, slot: u32) -> u32;
    fn set_next(&mut self, slot: u32, next: u32);
}

#[derive(Debug)]
pub(crate) struct KeyIndex {
    heads: Vec<u32>,
    /// Buckets that were there when this round of splitting began, minus one; a power of two minus one.
    mask: u32,
    length: u32,
}

impl KeyIndex {
    pub(crate) fn new() -> KeyIndex {
        KeyIndex {
            heads: vec![NONE; BUCKETS_MIN as usize],
            mask: BUCKETS_MIN - 1,
            length: 0,
        }
    }

    fn bucket(&self, hash: u64) -> usize {
        let wide = hash as u32 & (self.mask << 1 | 1);
        let bucket = if (wide as usize) < self.heads.len() {
            wide
        } else {
            wide & self.mask
        };
        bucket as usize
    }

    /// The first slot of the chain that `fits` accepts.
    pub(crate) fn find<L: Links>(
        &self,
        links: &L,
        hash: u64,
        fits: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let mut slot = *self.heads.get(self.bucket(hash))?;
        while slot != NONE {
            if fits(slot) {
                return Some(slot);
            }
            slot = links.next(slot);
        }
        None
    }

    pub(crate) fn insert<L: Links>(&mut self, links: &mut L, slot: u32) {
        self.length += 1;
        if self.length as usize > self.heads.len() {
            self.split(links);
        }
        self.push(links, self.bucket(links.hash(slot)), slot);
    }

    pub(crate) fn remove<L: Links>(&mut self, links: &mut L, slot: u32) {
        let after = links.next(slot);
        let bucket = self.bucket(links.hash(slot));
        let Some(head) = self.heads.get_mut(bucket) else {
            return;
        };
        if *head == slot {
            *head = after;
            self.length -= 1;
            return;
        }
        let mut previous = *head;
        while previous != NONE {
            let next = links.next(previous);
            if next == slot {
                links.set_next(previous, after);
                self.length -= 1;
                return;
            }
            previous = next;
        }
    }

    fn push<L: Links>(&mut self, links: &mut L, bucket: usize, slot: u32) {
        if let Some(head) = self.heads.get_mut(bucket) {
            links.set_next(slot, *head);
            *head = slot;
        }
    }

    /// Adds a bucket and moves to it what belongs there from the one bucket that held it so far.
    fn split<L: Links>(&mut self, links: &mut L) {
        let source = self.heads.len() & self.mask as usize;
        self.heads.push(NONE);
        let Some(head) = self.heads.get_mut(source) else {
            return;
        };
        let mut slot = core::mem::replace(head, NONE);
        while slot != NONE {
            let next = links.next(slot);
            self.push(links, self.bucket(links.hash(slot)), slot);
            slot = next;
        }
        if self.heads.len() > (self.mask as usize) << 1 | 1 {
            self.mask = self.mask << 1 | 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entries(Vec<(u64, u32)>);

    impl Links for Entries {
        fn hash(&self, slot: u32) -> u64 {
            self.0[slot as usize].0
        }
        fn next(&self, slot: u32) -> u32 {
            self.0[slot as usize].1
        }
        fn set_next(&mut self, slot: u32, next: u32) {
            self.0[slot as usize].1 = next;
        }
    }

    #[test]
    fn everything_is_found_while_growing_and_nothing_after_removal() {
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let mut entries = Entries((0..5000).map(|n| (hash(n), NONE)).collect());
        let mut index = KeyIndex::new();
        let found = |index: &KeyIndex, entries: &Entries, slot: u32| {
            index
                .find(entries, entries.hash(slot), |candidate| candidate == slot)
                .is_some()
        };
        for slot in 0..5000 {
            index.insert(&mut entries, slot);
            assert!(found(&index, &entries, slot) && found(&index, &entries, slot / 2));
        }
        for slot in (0..5000).step_by(3) {
            index.remove(&mut entries, slot);
        }
        for slot in 0..5000 {
            assert_eq!(found(&index, &entries, slot), slot % 3 != 0, "{slot}");
        }
    }
}
