//! How often a shard may be restarted: one that panics again and again rests, so that a bug costs no more than this.

use core::time::Duration;

use strowger_sip::Time;

/// Restarts of one shard within [`RESTARTS_WITHIN`] (5); after them it takes no messages until the oldest is so long ago.
const RESTARTS_MAX: usize = 5;

/// The time in which restarts are counted.
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// The latest restarts of one shard.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    /// A ring.
    latest: [Option<Time>; RESTARTS_MAX],
    next: usize,
    rests_until: Option<Time>,
}

impl Restarts {
    /// Notes a restart. If there were too many, how long the shard rests.
    pub(crate) fn note(&mut self, now: Time) -> Option<Duration> {
        if let Some(place) = self.latest.get_mut(self.next) {
            *place = Some(now);
        }
        self.next = (self.next + 1) % RESTARTS_MAX;
        // What stands at the next place is the oldest.
        let oldest = self.latest.get(self.next).copied().flatten()?;
        let until = oldest + RESTARTS_WITHIN;
        if until <= now {
            return None;
        }
        self.rests_until = Some(until);
        Some(until - now)
    }

    /// True while the shard takes no messages.
    pub(crate) fn rests(&mut self, now: Time) -> bool {
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
        }
        self.rests_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_restarts_in_ten_seconds_make_a_rest() {
        let mut restarts = Restarts::default();
        for second in 0..4 {
            assert_eq!(restarts.note(Time::from_secs(100 + second)), None);
            assert!(!restarts.rests(Time::from_secs(100 + second)));
        }
        let rest = restarts.note(Time::from_secs(104));
        assert_eq!(rest, Some(Duration::from_secs(6)));
        assert!(restarts.rests(Time::from_secs(109)));
        assert!(!restarts.rests(Time::from_secs(110)));
        // Seldom ones never do.
        for minute in 3..20 {
            assert_eq!(restarts.note(Time::from_secs(60 * minute)), None);
        }
    }
}
