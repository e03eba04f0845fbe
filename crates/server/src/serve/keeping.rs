//! Tells once when registrations cannot be kept any more, and once when they can again.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
/// The journal's state as an operator cares for it.
#[derive(Debug, Default)]
pub struct Keeping {
    failing: AtomicBool,
    refused: AtomicU64,
}

impl Keeping {
    /// Notes how a batch of this many changes ended; a change of state is logged.
    pub fn note(&self, durable: bool, changes: usize) {
        if !durable {
            let changes = u64::try_from(changes).unwrap_or(u64::MAX);
            self.refused.fetch_add(changes, Ordering::Relaxed);
        }
        if self.failing.swap(!durable, Ordering::Relaxed) != durable {
            return;
        }
        if durable {
            let refused = self.refused.swap(0, Ordering::Relaxed);
            tracing::info!("registrations are kept again; {refused} were refused with 500");
        } else {
            tracing::error!(
                "registrations cannot be kept and are refused with 500: the file system of the data folder is full, or \
                 the database cannot be written; `strowger stats journal` tells which"
            );
        }
    }

    /// True if the last batch could not be kept.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batch_says_how_it_stands() {
        let keeping = Keeping::default();
        keeping.note(true, 1);
        assert!(!keeping.is_failing());
        keeping.note(false, 3);
        keeping.note(false, 2);
        assert!(keeping.is_failing());
        assert_eq!(keeping.refused.load(Ordering::Relaxed), 5);
        keeping.note(true, 1);
        assert!(!keeping.is_failing());
        assert_eq!(keeping.refused.load(Ordering::Relaxed), 0);
    }
}
