//! Where events go: log lines and watchers, on a thread of their own, so that no worker waits for a terminal.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use strowger_admin::{WatchFilter, WatchSender};
use strowger_element::{Event, EventKind, Interest};

use super::lines::{Names, Weight, json_line, weight, words};

/// Events that wait to be written; further ones are lost and counted.
pub const EVENTS_WAITING_MAX: usize = 16_384;
/// Watchers at a time; the oldest goes when one more comes.
const WATCHERS_MAX: usize = 32;

/// Takes events from the workers.
#[derive(Debug)]
pub struct Hub {
    events: SyncSender<Event>,
    lost: AtomicU64,
    watchers: Mutex<Vec<Watcher>>,
    names: ArcSwap<Names>,
}

#[derive(Debug)]
struct Watcher {
    filter: WatchFilter,
    sender: WatchSender,
}

impl Hub {
    /// A hub, and the receiver for [`Hub::write_lines`].
    pub fn new(names: Names) -> (Arc<Hub>, Receiver<Event>) {
        let (events, receiver) = sync_channel(EVENTS_WAITING_MAX);
        let hub = Hub {
            events,
            lost: AtomicU64::new(0),
            watchers: Mutex::new(Vec::new()),
            names: ArcSwap::from_pointee(names),
        };
        (Arc::new(hub), receiver)
    }

    /// Takes one event; never waits.
    pub fn take(&self, event: Event) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events lost because too many waited.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Adds a watcher.
    pub fn watch(&self, filter: WatchFilter, sender: WatchSender) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.len() >= WATCHERS_MAX {
            watchers.remove(0);
        }
        watchers.push(Watcher { filter, sender });
    }

    /// True while somebody watches.
    pub fn is_watched(&self) -> bool {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.sender.is_closed());
        !watchers.is_empty()
    }

    /// What the shards should tell now.
    pub fn interest(&self) -> Interest {
        if self.is_watched() || tracing::enabled!(tracing::Level::DEBUG) {
            Interest::ALL
        } else {
            Interest::DEFAULT
        }
    }

    /// Takes over new names.
    pub fn set_names(&self, names: Names) {
        self.names.store(Arc::new(names));
    }

    /// Writes log lines and feeds watchers until the process ends; calls `unwatched` when the last watcher has gone.
    pub fn write_lines(&self, events: &Receiver<Event>, unwatched: impl Fn()) {
        let mut watched = false;
        while let Ok(event) = events.recv() {
            let words = words(&event, &self.names.load());
            log(&event, &words);
            self.feed(&event, &words);
            let still = self.is_watched();
            if watched && !still {
                unwatched();
            }
            watched = still;
        }
    }

    fn feed(&self, event: &Event, words: &str) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.is_empty() {
            return;
        }
        let line = json_line(event, words);
        watchers.retain(
            |Watcher { filter, sender }| match wanted(filter, event, &line) {
                true => sender.send(&line),
                false => !sender.is_closed(),
            },
        );
    }
}

fn wanted(filter: &WatchFilter, event: &Event, line: &str) -> bool {
    // A refreshed binding or an answered call has its request's line already.
    let once = !matches!(event.kind, EventKind::Refreshed);
    let fails = !filter.failures || weight(event) == Weight::Failure || event.status >= 400;
    once && fails
        && filter
            .contains
            .as_deref()
            .is_none_or(|text| line.contains(text))
}

fn log(event: &Event, words: &str) {
    let call_id = tracing::field::display(&event.call_id);
    match weight(event) {
        Weight::Failure => tracing::warn!(call_id, "{words}"),
        Weight::Change => tracing::info!(call_id, "{words}"),
        Weight::Detail => tracing::debug!(call_id, "{words}"),
    }
}
