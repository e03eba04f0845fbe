//! Messages that made a shard panic: an equal one is dropped for a while, so that its retransmissions do no more harm.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::sync::{Mutex, PoisonError};

use strowger_sip::Time;

/// Messages remembered; the oldest gives way.
const FINGERPRINTS_MAX: usize = 64;

/// How long a message stays blocked.
const BLOCKED_FOR: Duration = Duration::from_secs(600);

/// Fingerprints of messages, empty in a process without bugs.
#[derive(Debug, Default)]
pub(crate) struct Blocklist {
    hasher: RandomState,
    armed: AtomicBool,
    entries: Mutex<VecDeque<(u64, Time)>>,
}

impl Blocklist {
    /// Blocks messages equal to `octets`.
    pub(crate) fn block(&self, octets: &[u8], now: Time) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= FINGERPRINTS_MAX {
            entries.pop_front();
        }
        entries.push_back((self.hasher.hash_one(octets), now + BLOCKED_FOR));
        self.armed.store(true, Ordering::Relaxed);
    }

    /// True if an equal message was blocked less than ten minutes ago. Costs one load while nothing is.
    pub(crate) fn blocks(&self, octets: &[u8], now: Time) -> bool {
        if !self.armed.load(Ordering::Relaxed) {
            return false;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.front().is_some_and(|(_, until)| *until <= now) {
            entries.pop_front();
        }
        self.armed.store(!entries.is_empty(), Ordering::Relaxed);
        let fingerprint = self.hasher.hash_one(octets);
        entries.iter().any(|(blocked, _)| *blocked == fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_message_is_blocked_for_ten_minutes() {
        let list = Blocklist::default();
        assert!(!list.blocks(b"a", Time::ZERO));
        list.block(b"a", Time::ZERO);
        assert!(list.blocks(b"a", Time::from_secs(599)));
        assert!(!list.blocks(b"b", Time::from_secs(599)));
        assert!(!list.blocks(b"a", Time::from_secs(600)));
    }

    #[test]
    fn the_oldest_gives_way() {
        let list = Blocklist::default();
        for octet in 0..=FINGERPRINTS_MAX as u8 {
            list.block(&[octet], Time::ZERO);
        }
        assert!(!list.blocks(&[0], Time::ZERO));
        assert!(list.blocks(&[1], Time::ZERO));
    }
}
