//! Whether a worker lets datagrams gather before it reads them.
//!
//! Under a load of tens of thousands of messages a second that come one by one, falling asleep and waking up for each of
//! them costs more than to answer it. A worker that sees this pauses for a moment before it looks again, as network cards do
//! with their interrupts: what came meanwhile is read at once. A slow load never pauses, and a fast one that fills batches
//! by itself has no need to.

use core::time::Duration;

use strowger_sip::Time;

/// Turns that begin within this time of each other are close.
const CLOSE: Duration = Duration::from_micros(200);

/// A turn with so many datagrams (16) has no need of more.
const ENOUGH: u64 = 16;

/// Close turns in a row with few datagrams after which the worker pauses (32).
const TURNS: u32 = 32;

/// How the turns of one worker followed each other.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    last_turn: Time,
    close: u32,
}

impl Gathering {
    /// A turn has read so many datagrams. True if the worker is to pause before the next.
    pub(crate) fn has_read(&mut self, now: Time, count: u64) -> bool {
        let gap = now.saturating_since(self.last_turn);
        self.last_turn = now;
        self.close = match count {
            1..ENOUGH if gap <= CLOSE => (self.close + 1).min(TURNS),
            _ => 0,
        };
        self.close == TURNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns so many microseconds apart with so many datagrams; true if the last is followed by a pause.
    fn pauses(gathering: &mut Gathering, start: u64, turns: u64, apart: u64, count: u64) -> bool {
        let mut pauses = false;
        for turn in 0..turns {
            let micros = start + turn * apart;
            pauses = gathering.has_read(Time::from_nanos(micros * 1_000), count);
        }
        pauses
    }

    #[test]
    fn a_load_that_comes_one_by_one_is_gathered() {
        let mut gathering = Gathering::default();
        assert!(
            !pauses(&mut gathering, 1_000, 32, 20, 1),
            "the first is far from any other"
        );
        assert!(pauses(&mut gathering, 2_000, 64, 20, 1));
        assert!(
            pauses(&mut gathering, 3_360, 1, 100, 8),
            "the pause itself does not end it"
        );
    }

    #[test]
    fn a_slow_load_is_not() {
        assert!(!pauses(&mut Gathering::default(), 1_000, 1_000, 500, 1));
    }

    #[test]
    fn neither_is_one_that_fills_batches() {
        assert!(!pauses(&mut Gathering::default(), 1_000, 1_000, 50, 64));
    }
}
