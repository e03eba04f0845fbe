//! What this run knows of its users: their sequence numbers, who is registered, and who has a REGISTER under way.

use std::collections::VecDeque;

#[derive(Copy, Clone, Debug, Default)]
struct Entry {
    cseq: u32,
    registered: bool,
}

/// All users of a run.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: Vec<Entry>,
    /// Users without a REGISTER under way, the one who waited longest first.
    waiting: VecDeque<u32>,
    /// Whose turn it is where users are shared.
    turn: u32,
}

impl Registry {
    pub(crate) fn new(count: u32) -> Registry {
        Registry {
            entries: vec![Entry::default(); count.max(1) as usize],
            waiting: VecDeque::new(),
            turn: 0,
        }
    }

    /// Each user waits once more, or each who is registered; returns how many.
    pub(crate) fn enqueue(&mut self, only_registered: bool) -> u64 {
        self.waiting.clear();
        let wanted = (0_u32..)
            .zip(&self.entries)
            .filter(|(_, entry)| entry.registered || !only_registered)
            .map(|(user, _)| user);
        self.waiting.extend(wanted);
        self.waiting.len() as u64
    }

    /// A user who has nothing under way, for himself until [`Registry::give_back`].
    pub(crate) fn take(&mut self) -> Option<u32> {
        self.waiting.pop_front()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn give_back(&mut self, user: u32) {
        self.waiting.push_back(user);
    }

    /// The next user in turn, shared with others.
    pub(crate) fn next_in_turn(&mut self) -> u32 {
        let user = self.turn;
        self.turn = (user + 1) % u32::try_from(self.entries.len()).unwrap_or(u32::MAX).max(1);
        user
    }

    /// The sequence number of the user's next REGISTER (RFC 3261 §10.2.4).
    pub(crate) fn next_cseq(&mut self, user: u32) -> u32 {
        let Some(entry) = self.entries.get_mut(user as usize) else {
            return 1;
        };
        entry.cseq += 1;
        entry.cseq
    }

    pub(crate) fn set_registered(&mut self, user: u32, registered: bool) {
        if let Some(entry) = self.entries.get_mut(user as usize) {
            entry.registered = registered;
        }
    }
}
