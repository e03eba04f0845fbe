//! Events on their way from the workers to the thread that tells of them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use strowger_element::Event;

/// Events that wait to be told; further ones are lost and counted.
pub const EVENTS_WAITING_MAX: usize = 16_384;

/// Events for which room is kept when a burst is over.
const KEPT_MAX: usize = 1_024;

/// A bounded queue whose reader takes all that waits at once.
#[derive(Debug, Default)]
pub struct EventQueue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<Event>,
    /// True while the reader sleeps.
    asleep: bool,
}

impl EventQueue {
    /// Appends an event; false if too many wait. The lock is held for a move, and sometimes for making room.
    pub fn push(&self, event: Event) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() >= EVENTS_WAITING_MAX {
            return false;
        }
        waiting.events.push(event);
        let asleep = core::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.filled.notify_one();
        }
        true
    }

    /// Puts what waits in the place of `events`, which may be nothing.
    pub fn take(&self, events: &mut Vec<Event>) {
        events.clear();
        events.shrink_to(KEPT_MAX);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::swap(&mut waiting.events, events);
    }

    /// Sleeps until something waits, for `limit` at most if there is one.
    pub fn wait(&self, limit: Option<Duration>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.events.is_empty() {
            waiting.asleep = true;
            self.emptied.notify_all();
            let Some(limit) = limit else {
                let woken = self.filled.wait(waiting);
                waiting = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let woken = self.filled.wait_timeout(waiting, limit);
            drop(woken.unwrap_or_else(PoisonError::into_inner));
            return;
        }
    }
}

impl EventQueue {
    /// Waits until the reader has told of everything and sleeps, for `limit` at most. False if it has not by then.
    pub fn wait_until_told(&self, limit: Duration) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |waiting: &mut Waiting| !waiting.events.is_empty() || !waiting.asleep;
        let waited = self.emptied.wait_timeout_while(waiting, limit, busy);
        let (waiting, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        !outcome.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use strowger_element::EventKind;

    use super::*;
    use crate::serve::lines::tests::event;

    #[test]
    fn the_reader_takes_all_that_waits_in_order() {
        let queue = EventQueue::default();
        let mut taken = Vec::new();
        assert!(queue.push(event(EventKind::CallAnswered)));
        assert!(queue.push(event(EventKind::CallEnded)));
        queue.wait(None);
        queue.take(&mut taken);
        let kinds: Vec<EventKind> = taken.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::CallAnswered, EventKind::CallEnded]);
        queue.take(&mut taken);
        assert!(taken.is_empty());
    }

    #[test]
    fn a_full_queue_takes_no_more_until_it_is_read() {
        let queue = EventQueue::default();
        for _ in 0..EVENTS_WAITING_MAX {
            assert!(queue.push(event(EventKind::CallEnded)));
        }
        assert!(!queue.push(event(EventKind::CallEnded)));
        queue.take(&mut Vec::new());
        assert!(queue.push(event(EventKind::CallEnded)));
    }

    #[test]
    fn the_end_waits_for_what_was_not_told_yet() {
        let queue = EventQueue::default();
        assert!(queue.push(event(EventKind::CallEnded)));
        assert!(!queue.wait_until_told(Duration::ZERO));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                queue.take(&mut Vec::new());
                queue.wait(None);
            });
            assert!(queue.wait_until_told(Duration::from_secs(60)));
            assert!(queue.push(event(EventKind::CallEnded)));
        });
    }

    #[test]
    fn a_reader_that_sleeps_is_woken() {
        let queue = EventQueue::default();
        std::thread::scope(|scope| {
            scope.spawn(|| queue.wait(None));
            assert!(queue.push(event(EventKind::CallEnded)));
        });
    }
}
