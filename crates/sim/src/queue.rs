//! What will happen, in order of time. Among equal times the seed decides, then the order of arrival.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use strowger_sip::Time;

use crate::random::Random;

/// Events by time.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    sequence: u64,
    random: Random,
}

#[derive(Debug)]
struct Entry<E> {
    at: Time,
    tie: u32,
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (Time, u32, u64) {
        (self.at, self.tie, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap's greatest is the earliest.
        other.key().cmp(&self.key())
    }
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new(random: Random) -> Queue<E> {
        Queue {
            heap: BinaryHeap::new(),
            sequence: 0,
            random,
        }
    }

    /// Adds an event.
    pub fn push(&mut self, at: Time, event: E) {
        self.sequence += 1;
        let tie = self.random.next() as u32;
        self.heap.push(Entry {
            at,
            tie,
            sequence: self.sequence,
            event,
        });
    }

    /// When the next event is.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_first_and_equal_times_as_the_seed_has_it() {
        let order = |seed| {
            let mut queue = Queue::new(Random::new(seed));
            queue.push(Time::from_secs(2), 100);
            for number in 0..8 {
                queue.push(Time::from_secs(1), number);
            }
            core::iter::from_fn(|| queue.pop().map(|(_, event)| event)).collect::<Vec<_>>()
        };
        let (one, two) = (order(1), order(2));
        assert_eq!(one.last(), Some(&100));
        assert_eq!(one, order(1));
        assert_ne!(one, two);
    }
}
