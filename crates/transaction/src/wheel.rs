//! A hierarchical timer wheel: arming, moving and cancelling cost the same however many timers wait.
//!
//! Eight levels of 64 lists; a timer lies on the level of the highest base-64 digit in which its tick differs from
//! the wheel's position, and moves down as the position enters its list. All timers of one tick are therefore always
//! in one list, in the order in which they were armed, so the order of firing is (tick, arming) and the same in every
//! run. A timer never fires early, and at most one tick late.

use core::num::NonZeroU32;
use core::time::Duration;
use strowger_sip::Time;

use crate::slots::{SlotKey, Slots};

const DIGIT_BITS: u32 = 6;
const LISTS: usize = 1 << DIGIT_BITS;
/// Ticks of 48 bits: more than [`Time`] can hold at the finest resolution.
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;

/// Names an armed timer. A key of a timer that fired or was cancelled is harmless.
pub type TimerKey = SlotKey;

#[derive(Debug)]
struct Entry<P> {
    tick: Tick,
    next: Link,
    previous: u32,
    payload: P,
}

/// A tick in halves, so that an entry needs no more than the alignment of `u32`.
#[derive(Copy, Clone, Debug)]
struct Tick([u32; 2]);

impl Tick {
    const fn new(tick: u64) -> Tick {
        Tick([(tick >> 32) as u32, tick as u32])
    }
    const fn get(self) -> u64 {
        (self.0[0] as u64) << 32 | self.0[1] as u64
    }
}

/// A slot or [`NONE`], moved up by two: zero stays free, and the compiler marks vacant slots with it.
#[derive(Copy, Clone, Debug)]
struct Link(NonZeroU32);

impl Link {
    const fn new(slot: u32) -> Link {
        match NonZeroU32::new(slot.wrapping_add(2)) {
            Some(moved) => Link(moved),
            None => Link(NonZeroU32::MIN),
        }
    }
    const fn get(self) -> u32 {
        self.0.get().wrapping_sub(2)
    }
}

#[derive(Copy, Clone, Debug)]
struct List {
    head: u32,
    tail: u32,
    /// Earliest tick put in since the list was last empty: never later than the earliest one still there.
    earliest: u64,
}

const EMPTY: List = List {
    head: NONE,
    tail: NONE,
    earliest: u64::MAX,
};

/// The wheel; `P` is what a timer says when it fires.
#[derive(Debug)]
pub struct TimerWheel<P> {
    entries: Slots<Entry<P>>,
    lists: Vec<List>,
    occupied: [u64; LEVELS],
    position: u64,
    tick_nanos: u64,
}

impl<P: Copy> TimerWheel<P> {
    /// What an armed timer takes.
    #[cfg(test)]
    pub(crate) const ENTRY_OCTETS: usize = Slots::<Entry<P>>::SLOT_OCTETS;

    /// Finest resolution: 100 µs.
    pub const TICK_MIN: Duration = Duration::from_micros(100);

    /// A wheel with ticks of 1 ms.
    pub fn new() -> TimerWheel<P> {
        TimerWheel::with_tick(Duration::from_millis(1))
    }

    /// A wheel with other ticks, at least [`TimerWheel::TICK_MIN`].
    pub fn with_tick(tick: Duration) -> TimerWheel<P> {
        let tick = tick.max(Self::TICK_MIN);
        TimerWheel {
            entries: Slots::new(),
            lists: vec![EMPTY; LEVELS * LISTS],
            occupied: [0; LEVELS],
            position: 0,
            tick_nanos: u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Timers that are armed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Arms a timer. A deadline in the past fires at the next [`TimerWheel::pop_due`].
    pub fn arm(&mut self, deadline: Time, payload: P) -> TimerKey {
        let tick = self.tick_of(deadline);
        let key = self.entries.insert(Entry {
            tick: Tick::new(tick),
            next: Link::new(NONE),
            previous: NONE,
            payload,
        });
        self.link(key.slot, tick);
        key
    }

    /// Moves an armed timer; it counts as armed now. False if it already fired or was cancelled.
    pub fn rearm(&mut self, key: TimerKey, deadline: Time) -> bool {
        if self.entries.get(key).is_none() {
            return false;
        }
        self.unlink(key.slot);
        let tick = self.tick_of(deadline);
        if let Some(entry) = self.entries.at_mut(key.slot) {
            entry.tick = Tick::new(tick);
        }
        self.link(key.slot, tick);
        true
    }

    /// Gives an armed timer something else to say.
    pub fn set_payload(&mut self, key: TimerKey, payload: P) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.payload = payload;
        }
    }

    /// Disarms a timer and returns its payload.
    pub fn cancel(&mut self, key: TimerKey) -> Option<P> {
        self.entries.get(key)?;
        self.unlink(key.slot);
        self.entries.remove(key).map(|entry| entry.payload)
    }

    /// When [`TimerWheel::pop_due`] is to be called next: never after the earliest deadline. Earlier only if the
    /// earliest timer of a distant list was cancelled or moved; that call then fires nothing.
    pub fn next_deadline(&self) -> Option<Time> {
        let (level, index) = self.first_list()?;
        let earliest = self.lists.get(level * LISTS + index)?.earliest;
        Some(Time::from_nanos(earliest.saturating_mul(self.tick_nanos)))
    }

    /// Takes the earliest timer that is due.
    pub fn pop_due(&mut self, now: Time) -> Option<(TimerKey, P)> {
        let now = now.as_nanos() / self.tick_nanos;
        while let Some((level, index)) = self.first_list() {
            let shift = DIGIT_BITS * level as u32;
            let above = self.position >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
            let start = above | (index as u64) << shift;
            if start > now {
                break;
            }
            self.position = start;
            if level > 0 {
                self.spread(level * LISTS + index);
                continue;
            }
            let head = self.lists.get(index)?.head;
            let key = self.entries.key_at(head)?;
            self.unlink(head);
            return self.entries.remove(key).map(|entry| (key, entry.payload));
        }
        self.position = self.position.max(now);
        None
    }

    /// The list that holds the earliest timers. Lower levels come first: what lies higher differs in a higher digit.
    fn first_list(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|&lists| lists != 0)?;
        Some((level, self.occupied.get(level)?.trailing_zeros() as usize))
    }

    /// Rounded up, and never before the position.
    fn tick_of(&self, deadline: Time) -> u64 {
        deadline
            .as_nanos()
            .div_ceil(self.tick_nanos)
            .max(self.position)
    }

    fn place(&self, tick: u64) -> (usize, usize) {
        let differing = tick ^ self.position;
        let level = (63 - (differing | 1).leading_zeros()) / DIGIT_BITS;
        let index = (tick >> (level * DIGIT_BITS)) as usize % LISTS;
        (level as usize % LEVELS, index)
    }

    /// Moves the timers of a list that the position has entered to lower levels, keeping their order.
    fn spread(&mut self, from: usize) {
        let Some(list) = self.lists.get_mut(from) else {
            return;
        };
        let mut next = core::mem::replace(list, EMPTY).head;
        if let Some(lists) = self.occupied.get_mut(from / LISTS) {
            *lists &= !(1 << (from % LISTS));
        }
        while let Some(entry) = self.entries.at(next) {
            let (current, tick) = (next, entry.tick.get());
            next = entry.next.get();
            self.link(current, tick);
        }
    }

    fn link(&mut self, slot: u32, tick: u64) {
        let (level, index) = self.place(tick);
        let Some(list) = self.lists.get_mut(level * LISTS + index) else {
            return;
        };
        let tail = list.tail;
        list.tail = slot;
        if tail == NONE {
            list.head = slot;
            if let Some(lists) = self.occupied.get_mut(level) {
                *lists |= 1 << index;
            }
        }
        list.earliest = list.earliest.min(tick);
        if let Some(last) = self.entries.at_mut(tail) {
            last.next = Link::new(slot);
        }
        if let Some(entry) = self.entries.at_mut(slot) {
            entry.next = Link::new(NONE);
            entry.previous = tail;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entries.at(slot) else {
            return;
        };
        let (next, previous) = (entry.next.get(), entry.previous);
        let (level, index) = self.place(entry.tick.get());
        let Some(list) = self.lists.get_mut(level * LISTS + index) else {
            return;
        };
        if previous == NONE {
            list.head = next;
        }
        if next == NONE {
            list.tail = previous;
        }
        if list.head == NONE {
            *list = EMPTY;
            if let Some(lists) = self.occupied.get_mut(level) {
                *lists &= !(1 << index);
            }
        }
        if let Some(before) = self.entries.at_mut(previous) {
            before.next = Link::new(next);
        }
        if let Some(after) = self.entries.at_mut(next) {
            after.previous = previous;
        }
    }
}

impl<P: Copy> Default for TimerWheel<P> {
    fn default() -> TimerWheel<P> {
        TimerWheel::new()
    }
}

#[cfg(test)]
mod tests;
