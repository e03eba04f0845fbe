//! Whether a worker keeps up, and what part of the new requests is to be refused so that it does.
//!
//! ```text
//! queue read to its end ─► keeps up
//! queue never empty for 100 ms ─► the kernel is asked every 100 ms: how much waits, how much was dropped
//! what waits takes too long at the present rate, or something was dropped twice in a row ─► late
//! three turns in a row took too long ─► late
//! late at three looks in a row ─► a tenth more of what is new is refused at each; else a twentieth less, until nothing is
//! ```
//!
//! One look that finds it late is no overload: the scheduler may have given the processor to others for a third of a second,
//! and what waited meanwhile is soon read. That a queue is never empty says little: so it is under every load that waits for answers. What is dropped before it is
//! parsed does not count: shedding other work would not make a flood of one source shorter.

use core::time::Duration;

use strowger_sip::Time;

/// How long the queue must not have been empty before the kernel is asked, and how often it is asked then.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Turns in a row that must have been too long (3): one may be the scheduler's doing.
const LONG_TURNS: u32 = 3;

/// The time between two looks is at least so many times what asking the kernel took (20): the table it reads holds a row
/// for each UDP socket of the host, and may be long.
const LOOK_PART: u32 = 20;

/// And never more than this (500 ms): the shards forget within two seconds what they were told.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);

/// Looks in a row at which the kernel had dropped something, before the worker counts as late (2): one may be a burst.
const DROPPING_LOOKS: u32 = 2;

/// Looks in a row that must have found the worker late before anything is refused (3).
const LATE_LOOKS: u32 = 3;

/// Of a hundred new requests, how many more are refused at each look that finds the worker late.
const MORE_PERCENT: u8 = 10;

/// And how many less at each that does not.
const LESS_PERCENT: u8 = 5;

/// What the kernel keeps of one datagram, roughly: the packet, its header and what it rounds up to.
const OCTETS_PER_DATAGRAM: u64 = 1_280;

/// What the kernel says of a socket.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Octets that wait, as it counts them.
    pub(crate) octets: u64,
    /// Datagrams dropped since the socket was made, because too many waited.
    pub(crate) dropped: u64,
}

/// How one worker stands.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// Since when the queue was never empty.
    behind_since: Option<Time>,
    /// Datagrams read since the time beside it: since then, or since the last look.
    read: (u64, Time),
    /// Datagrams read since the last look, and those of them that were for shards.
    since_look: (u64, u64),
    last_look: Option<Time>,
    /// What asking the kernel took the last time.
    asking: Duration,
    dropped: u64,
    dropping_looks: u32,
    late_looks: u32,
    long_turns: u32,
    percent: u8,
}

impl Lateness {
    /// A turn has read its datagrams: so many, of which so many were for shards; more waits or not. `ask` asks the kernel
    /// what waits. True if it is to be told what part of the new requests is refused.
    pub(crate) fn has_read(
        &mut self,
        now: Time,
        delay_max: Duration,
        (count, taken): (u64, u64),
        more: bool,
        ask: impl FnOnce() -> Queue,
    ) -> bool {
        self.since_look.0 += count;
        self.since_look.1 += taken;
        if more {
            if self.behind_since.is_none() {
                self.behind_since = Some(now);
                self.read = (0, now);
            }
            self.read.0 += count;
        } else {
            self.behind_since = None;
        }
        let is_behind = self
            .behind_since
            .is_some_and(|since| since + LOOK_EVERY <= now);
        let is_late = is_behind || self.percent > 0 || self.long_turns >= LONG_TURNS;
        let every = self.look_every();
        let is_due = self.last_look.is_none_or(|last| last + every <= now);
        if !is_late || !is_due {
            return false;
        }
        let late = self.look(now, delay_max, ask());
        let before = self.percent;
        self.percent = match late {
            true if self.late_looks < LATE_LOOKS => before,
            true => before.saturating_add(MORE_PERCENT).min(100),
            false => before.saturating_sub(LESS_PERCENT),
        };
        before > 0 || self.percent > 0
    }

    /// True if the worker is late.
    fn look(&mut self, now: Time, delay_max: Duration, queue: Queue) -> bool {
        // A look long ago says nothing of what was dropped lately.
        let fresh_for = (3 * self.look_every()).max(2 * delay_max);
        let is_fresh = self.last_look.is_some_and(|last| now < last + fresh_for);
        let is_ours = 2 * self.since_look.1 >= self.since_look.0;
        self.dropping_looks = match is_fresh && is_ours && queue.dropped > self.dropped {
            true => self.dropping_looks + 1,
            false => 0,
        };
        self.last_look = Some(now);
        self.dropped = queue.dropped;
        self.since_look = (0, 0);
        let (read, since) = core::mem::replace(&mut self.read, (0, now));
        let elapsed = match self.behind_since {
            Some(_) => u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX),
            None => 0,
        };
        let waits = queue.octets / OCTETS_PER_DATAGRAM;
        let micros = waits.saturating_mul(elapsed) / read.max(1);
        let is_long = is_ours && Duration::from_micros(micros) > delay_max;
        let is_late = is_long || self.dropping_looks >= DROPPING_LOOKS;
        // They have taken longer than that many looks.
        let turns_were_long = core::mem::take(&mut self.long_turns) >= LONG_TURNS;
        self.late_looks = match is_late {
            _ if turns_were_long => LATE_LOOKS,
            true if is_fresh => self.late_looks + 1,
            late => u32::from(late),
        };
        self.late_looks > 0
    }

    /// Asking the kernel took so long.
    pub(crate) fn has_asked(&mut self, took: Duration) {
        self.asking = took;
    }

    fn look_every(&self) -> Duration {
        (self.asking * LOOK_PART).clamp(LOOK_EVERY, LOOK_EVERY_MAX)
    }

    /// A turn has ended, sleeping apart.
    pub(crate) fn has_turned(&mut self, took: Duration, delay_max: Duration) {
        self.long_turns = match took > delay_max {
            true => self.long_turns + 1,
            // What three turns have said stands until it was looked at.
            false if self.long_turns >= LONG_TURNS => self.long_turns,
            false => 0,
        };
    }

    /// Of a hundred new requests, how many are refused.
    pub(crate) fn percent(&self) -> u8 {
        self.percent
    }

    /// When to look again though nothing came.
    pub(crate) fn next_look(&self) -> Option<Time> {
        let last = self.last_look.filter(|_| self.percent > 0)?;
        Some(last + self.look_every())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    /// Reads 64 datagrams a millisecond for so long; the kernel says that so many wait, and drops so many a millisecond.
    fn read(
        lateness: &mut Lateness,
        ms: core::ops::Range<u64>,
        taken: u64,
        waits: u64,
        drops: u64,
    ) {
        for at in ms {
            let queue = || Queue {
                octets: waits * OCTETS_PER_DATAGRAM,
                dropped: drops * at,
            };
            lateness.has_read(Time::from_millis(at), DELAY, (64, taken), true, queue);
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_but_short_is_on_time() {
        let mut lateness = Lateness::default();
        // 64,000 a second: 16,000 wait for a quarter of a second.
        read(&mut lateness, 0..1_000, 64, 1_000, 0);
        assert_eq!(lateness.percent(), 0);
    }

    #[test]
    fn a_queue_that_takes_too_long_is_late_and_a_tenth_more_is_refused_at_each_look() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0..100, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 0, "not asked yet");
        read(&mut lateness, 100..300, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 0, "two looks may be the scheduler's");
        read(&mut lateness, 300..301, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 10);
        read(&mut lateness, 301..601, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 40);
        // It keeps up: a twentieth less at each look, until all are let in.
        for look in 1..=7 {
            let now = Time::from_millis(601 + 100 * look);
            assert!(lateness.has_read(now, DELAY, (3, 3), false, Queue::default));
        }
        assert_eq!(lateness.percent(), 5);
        assert_eq!(lateness.next_look(), Some(Time::from_millis(1_401)));
        assert!(lateness.has_read(
            Time::from_millis(1_401),
            DELAY,
            (0, 0),
            false,
            Queue::default
        ));
        assert_eq!((lateness.percent(), lateness.next_look()), (0, None));
        assert!(!lateness.has_read(
            Time::from_millis(1_501),
            DELAY,
            (0, 0),
            false,
            Queue::default
        ));
    }

    #[test]
    fn what_was_read_long_ago_does_not_hide_that_reading_is_slow_now() {
        let mut lateness = Lateness::default();
        // 64,000 a second for a minute, never empty; then two datagrams in ten milliseconds, of 3,000 that wait.
        read(&mut lateness, 0..60_000, 64, 3_000, 0);
        assert_eq!(lateness.percent(), 0);
        let queue = || Queue {
            octets: 3_000 * OCTETS_PER_DATAGRAM,
            dropped: 0,
        };
        for at in (60_000..60_500).step_by(10) {
            lateness.has_read(Time::from_millis(at), DELAY, (2, 2), true, queue);
        }
        assert!(lateness.percent() >= 10, "{}", lateness.percent());
    }

    #[test]
    fn a_kernel_that_drops_again_and_again_makes_late_and_one_burst_does_not() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0..201, 64, 1_000, 1);
        assert_eq!(
            lateness.percent(),
            0,
            "the second look finds the first drops"
        );
        read(&mut lateness, 201..501, 64, 1_000, 1);
        assert_eq!(lateness.percent(), 10);
        let mut burst = Lateness::default();
        read(&mut burst, 0..150, 64, 1_000, 0);
        let dropped = |_| Queue {
            octets: 0,
            dropped: 5_000,
        };
        for at in 200..1_000 {
            burst.has_read(Time::from_millis(at), DELAY, (64, 64), true, || dropped(()));
        }
        assert_eq!(burst.percent(), 0);
    }

    #[test]
    fn a_flood_that_is_dropped_unparsed_makes_nobody_late() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0..1_000, 31, 100_000, 10);
        assert_eq!(lateness.percent(), 0);
    }

    #[test]
    fn a_third_of_a_second_without_a_processor_refuses_nothing() {
        let mut lateness = Lateness::default();
        for stall in [0, 1_000, 2_000, 3_000] {
            // Nothing is read for 300 ms; what has waited is read within a few milliseconds.
            read(&mut lateness, stall..stall + 1, 64, 200, 0);
            read(&mut lateness, stall + 300..stall + 304, 64, 200, 0);
            let queue = || Queue::default();
            let now = Time::from_millis(stall + 304);
            lateness.has_read(now, DELAY, (8, 8), false, queue);
            assert_eq!(lateness.percent(), 0);
        }
    }

    #[test]
    fn a_kernel_that_takes_long_to_ask_is_asked_less_often() {
        let mut lateness = Lateness::default();
        read(&mut lateness, 0..301, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 10);
        lateness.has_asked(Duration::from_millis(20));
        read(&mut lateness, 301..700, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 10, "the next look is due after 400 ms");
        read(&mut lateness, 700..701, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 20);
        // Whatever it takes, what is refused is said again before it is forgotten.
        lateness.has_asked(Duration::from_millis(300));
        read(&mut lateness, 701..1_201, 64, 20_000, 0);
        assert_eq!(lateness.percent(), 30);
    }

    #[test]
    fn three_long_turns_make_late_once() {
        let mut lateness = Lateness::default();
        let look = |lateness: &mut Lateness, second| {
            lateness.has_read(
                Time::from_secs(second),
                DELAY,
                (1, 1),
                false,
                Queue::default,
            );
            lateness.percent()
        };
        for took in [300, 300, 10, 300, 300] {
            lateness.has_turned(Duration::from_millis(took), DELAY);
            assert_eq!(look(&mut lateness, 1), 0);
        }
        lateness.has_turned(Duration::from_millis(251), DELAY);
        lateness.has_turned(Duration::from_millis(1), DELAY);
        assert_eq!(look(&mut lateness, 2), 10);
        assert_eq!(look(&mut lateness, 3), 5);
    }
}
