//! What is left when nearly all has ended is moved together. A single response that outlives thousands of others would keep
//! the memory around it from being given back; many of them, a large part of what a flood has taken.

use super::Transactions;
use super::kept::Kept;
use crate::key_index::KeyIndex;

/// When to look after what is left of one table.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    /// The most transactions that were held since it was done last.
    most: usize,
}

impl Survivors {
    /// More than so many are never moved: it is done in one go (4,096).
    const MOVED_MAX: usize = 4_096;
    /// So many times as many were held before (8).
    const BEFORE_FOR_EACH: usize = 8;
    /// Fewer than so many are no flood (256).
    const FLOOD: usize = 256;

    /// Notes that a transaction has ended and so many are left; true if those should be moved.
    #[inline]
    fn one_ended(&mut self, left: usize) -> bool {
        self.most = self.most.max(left);
        let few = left <= Self::MOVED_MAX
            && left * Self::BEFORE_FOR_EACH <= self.most
            && self.most >= Self::FLOOD;
        if few {
            self.most = left;
        }
        few
    }
}

impl Transactions {
    /// Notes that a server transaction has ended.
    #[inline]
    pub(super) fn server_ended(&mut self) {
        if self.left_servers.one_ended(self.servers.len()) {
            self.move_servers();
        }
    }

    /// Notes that a client transaction has ended.
    #[inline]
    pub(super) fn client_ended(&mut self) {
        if self.left_clients.one_ended(self.clients.len()) {
            self.move_clients();
        }
    }

    #[cold]
    fn move_servers(&mut self) {
        let kept = self.servers.values_mut();
        renew(kept.filter_map(|server| match &mut server.kept {
            Kept::Response(octets) => Some(octets),
            Kept::Request(_) => None,
        }));
        self.server_index = KeyIndex::new();
        for slot in self.servers.positions() {
            self.server_index.insert(&mut self.servers, slot);
        }
        self.counters.gatherings += 1;
    }

    #[cold]
    fn move_clients(&mut self) {
        let clients = self.clients.values_mut();
        renew(clients.filter_map(|client| client.octets.as_mut()));
        self.counters.gatherings += 1;
    }
}

/// Puts copies in the place of all. They are held twice until the end: what is given back first would be handed out again at
/// once.
fn renew<'a>(all: impl Iterator<Item = &'a mut Box<[u8]>>) {
    let mut before = Vec::new();
    for octets in all {
        let copy = octets.clone();
        before.push(core::mem::replace(octets, copy));
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
            .filter(|held| survivors.one_ended(*held))
            .collect();
        assert_eq!(moved, [4_096, 512, 64]);
    }

    #[test]
    fn nothing_is_moved_while_as_many_come_as_go() {
        let mut survivors = Survivors::default();
        assert!(!(0..1_000).any(|n| survivors.one_ended(2_000 + n % 7)));
    }
}
