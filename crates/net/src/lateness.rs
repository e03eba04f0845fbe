//! Whether a worker keeps up: how long what it reads has waited, and how long its turns take.
//!
//! ```text
//! queue read to its end ─► on time
//! queue never empty for 100 ms ─► ask the kernel how much waits; that much at the present rate takes too long ─► late
//! three turns in a row took too long ─► late for a second
//! late ─► on time: the queue was read to its end, and no turn took too long for a second
//! ```
//!
//! That a queue is never empty says little: so it is under every load that waits for answers. What is dropped before it is
//! parsed does not count: shedding other work would not make a flood of one source shorter.

use core::time::Duration;

use strowger_sip::Time;

/// How long the queue must not have been empty before the kernel is asked, and how often it is asked then.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Turns in a row that must have been too long (3): one may be the scheduler's doing.
const LONG_TURNS: u32 = 3;

/// How long a worker counts as late after such turns.
const LATE_FOR: Duration = Duration::from_secs(1);

/// What the kernel keeps of one datagram, roughly: the packet, its header and what it rounds up to.
const OCTETS_PER_DATAGRAM: u64 = 1_280;

/// How one worker stands.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// Since when the queue was never empty.
    behind_since: Option<Time>,
    /// Datagrams read since then.
    read: u64,
    next_look: Time,
    queue_is_long: bool,
    long_turns: u32,
    late_until: Time,
}

impl Lateness {
    /// A turn has read its datagrams: so many, of which so many were for shards; more waits or not. `waiting` asks the
    /// kernel for the octets that wait.
    pub(crate) fn has_read(
        &mut self,
        now: Time,
        delay_max: Duration,
        (count, taken): (u64, u64),
        more: bool,
        waiting: impl FnOnce() -> u64,
    ) {
        if !more || 2 * taken < count {
            self.behind_since = None;
            self.read = 0;
            self.queue_is_long &= more;
            return;
        }
        self.read += count;
        let since = *self.behind_since.get_or_insert(now);
        if now < since + LOOK_EVERY || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_EVERY;
        let elapsed = u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX);
        let waits = waiting() / OCTETS_PER_DATAGRAM;
        let micros = waits.saturating_mul(elapsed) / self.read.max(1);
        self.queue_is_long = Duration::from_micros(micros) > delay_max;
    }

    /// A turn has ended, sleeping apart.
    pub(crate) fn has_turned(&mut self, now: Time, took: Duration, delay_max: Duration) {
        self.long_turns = match took > delay_max {
            true => self.long_turns + 1,
            false => 0,
        };
        if self.long_turns >= LONG_TURNS {
            self.late_until = now + LATE_FOR;
        }
    }

    /// True if the worker does not keep up.
    pub(crate) fn is_late(&self, now: Time) -> bool {
        self.queue_is_long || now < self.late_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    /// Reads 64 datagrams a millisecond for so long; the kernel says that so many octets wait.
    fn read(lateness: &mut Lateness, from_ms: u64, to_ms: u64, taken: u64, waiting: u64) {
        for ms in from_ms..to_ms {
            lateness.has_read(Time::from_millis(ms), DELAY, (64, taken), true, || waiting);
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_but_short_is_on_time() {
        let mut lateness = Lateness::default();
        // 64,000 a second: 16,000 wait for a quarter of a second.
        read(&mut lateness, 0, 1_000, 64, 1_000 * OCTETS_PER_DATAGRAM);
        assert!(!lateness.is_late(Time::from_millis(1_000)));
    }

    #[test]
    fn a_queue_that_takes_too_long_is_late_until_it_is_empty() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0, 100, 64, u64::MAX / 2);
        assert!(!lateness.is_late(Time::from_millis(100)), "not asked yet");
        read(&mut lateness, 100, 101, 64, 20_000 * OCTETS_PER_DATAGRAM);
        assert!(lateness.is_late(Time::from_millis(101)));
        lateness.has_read(Time::from_millis(102), DELAY, (3, 3), false, || 0);
        assert!(!lateness.is_late(Time::from_millis(102)));
    }

    #[test]
    fn a_flood_that_is_dropped_unparsed_makes_nobody_late() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0, 1_000, 31, u64::MAX / 2);
        assert!(!lateness.is_late(Time::from_millis(1_000)));
    }

    #[test]
    fn three_long_turns_are_late_for_a_second() {
        let mut lateness = Lateness::default();
        let now = Time::from_secs(1);
        for took in [300, 300, 10, 300, 300] {
            lateness.has_turned(now, Duration::from_millis(took), DELAY);
            assert!(!lateness.is_late(now));
        }
        lateness.has_turned(now, Duration::from_millis(251), DELAY);
        assert!(lateness.is_late(now));
        assert!(!lateness.is_late(Time::from_secs(2)));
    }
}
