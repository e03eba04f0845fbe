//! What is left when nearly all has ended is moved together. A single response that outlives thousands of others would keep
//! the memory around it from being given back; many of them, a large part of what a flood has taken.

use super::Transactions;
use super::kept::Kept;
use crate::key_index::KeyIndex;

/// When to look after what is left.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    /// The most server transactions that were held since it was done last.
    most: usize,
}

impl Survivors {
    /// More than so many are never moved: it is done in one go (4,096).
    const MOVED_MAX: usize = 4_096;
    /// So many times as many were held before (8).
    const BEFORE_FOR_EACH: usize = 8;
    /// Fewer than so many are no flood (256).
    const FLOOD: usize = 256;

    /// Notes that one of `held` server transactions ends; true if what is left should be moved.
    #[inline]
    fn one_ends(&mut self, held: usize) -> bool {
        self.most = self.most.max(held);
        let few = held <= Self::MOVED_MAX
            && held * Self::BEFORE_FOR_EACH <= self.most
            && self.most >= Self::FLOOD;
        if few {
            self.most = held;
        }
        few
    }
}

impl Transactions {
    /// Notes that a server transaction ends.
    #[inline]
    pub(super) fn server_ends(&mut self) {
        if self.survivors.one_ends(self.servers.len()) {
            self.move_together();
        }
    }

    #[cold]
    fn move_together(&mut self) {
        // All are held twice until the end: what is given back first would be handed out again at once.
        let mut before = Vec::new();
        let mut renew = |octets: &mut Box<[u8]>| {
            let copy = octets.clone();
            before.push(core::mem::replace(octets, copy));
        };
        for server in self.servers.values_mut() {
            if let Kept::Response(octets) = &mut server.kept {
                renew(octets);
            }
        }
        for client in self.clients.values_mut() {
            if let Some(octets) = &mut client.octets {
                renew(octets);
            }
        }
        self.server_index = KeyIndex::new();
        for slot in self.servers.positions() {
            self.server_index.insert(&mut self.servers, slot);
        }
        self.counters.gatherings += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Survivors;

    #[test]
    fn what_is_left_is_moved_when_most_has_ended_and_not_each_time() {
        let mut survivors = Survivors::default();
        let moved: Vec<usize> = (1..=100_000)
            .rev()
            .filter(|held| survivors.one_ends(*held))
            .collect();
        assert_eq!(moved, [4_096, 512, 64]);
    }

    #[test]
    fn nothing_is_moved_while_as_many_come_as_go() {
        let mut survivors = Survivors::default();
        assert!(!(0..1_000).any(|n| survivors.one_ends(2_000 + n % 7)));
    }
}
