//! Where events go: log lines and watchers, on a thread of their own, so that no worker waits for a terminal.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use strowger_admin::{WatchFilter, WatchSender};
use strowger_element::{Event, EventKind, Interest};
use strowger_sip::Time;
use tracing::level_filters::LevelFilter;

use super::event_queue::EventQueue;
use super::lines::{Names, Weight, json_line, weight, words};
use super::log_brake::LogBrake;
use super::log_lines::{LineForm, LogLines, passes};

/// How long lines are gathered while events come.
const GATHERING: Duration = Duration::from_millis(5);

/// How often is looked whether lines that were left out are to be told.
const SUMMARIES_LOOK: Duration = Duration::from_secs(1);

/// Watchers at a time; the oldest goes when one more comes.
const WATCHERS_MAX: usize = 32;

/// Takes events from the workers.
#[derive(Debug)]
pub struct Hub {
    events: EventQueue,
    lost: AtomicU64,
    watchers: Mutex<Vec<Watcher>>,
    /// False while there are surely no watchers.
    watched: AtomicBool,
    names: ArcSwap<Names>,
    /// Lines per second about refusals of one kind.
    refusals_max: AtomicU32,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Watcher {
    filter: WatchFilter,
    sender: WatchSender,
}

impl Hub {
    /// A hub, for one thread in [`Hub::write_lines`].
    pub fn new(names: Names) -> Hub {
        Hub {
            events: EventQueue::default(),
            lost: AtomicU64::new(0),
            watchers: Mutex::new(Vec::new()),
            watched: AtomicBool::new(false),
            names: ArcSwap::from_pointee(names),
            refusals_max: AtomicU32::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// How many lines per second about refusals of one kind are written; 0 is no limit.
    pub fn set_refusals_max(&self, max: u32) {
        self.refusals_max.store(max, Ordering::Relaxed);
    }

    /// Lines about refusals that were not written but counted.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Takes one event; never waits.
    pub fn take(&self, event: Event) {
        if !self.events.push(event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events lost because too many waited, or because their lines could not be written.
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
        self.watched.store(true, Ordering::Relaxed);
    }

    /// True while somebody watches.
    pub fn is_watched(&self) -> bool {
        if !self.watched.load(Ordering::Relaxed) {
            return false;
        }
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.sender.is_closed());
        self.watched.store(!watchers.is_empty(), Ordering::Relaxed);
        !watchers.is_empty()
    }

    /// What the shards should tell now: what passes the level of the log, or everything while somebody watches.
    pub fn interest(&self) -> Interest {
        let level = LevelFilter::current();
        if self.is_watched() || passes(Weight::Detail, level) {
            Interest::ALL
        } else if passes(Weight::Change, level) {
            Interest::DEFAULT
        } else if passes(Weight::Failure, level) {
            Interest::FAILURES.and(Interest::FAILED_CALLS)
        } else {
            Interest::NONE
        }
    }

    /// Takes over new names.
    pub fn set_names(&self, names: Names) {
        self.names.store(Arc::new(names));
    }

    /// Writes log lines and feeds watchers until the process ends; calls `unwatched` when the last watcher has gone.
    /// The first line after a quiet time is written at once, further ones are gathered for [`GATHERING`]: a worker need
    /// not wake this thread for each event of many.
    pub fn write_lines(&self, form: LineForm, unwatched: impl Fn()) {
        let mut lines = LogLines::new(form);
        let mut events = Vec::new();
        let mut brake = LogBrake::default();
        let (mut watched, mut told) = (false, false);
        loop {
            brake.tell(wall(), tell_left_out);
            self.events.take(&mut events);
            if events.is_empty() {
                self.write(&mut lines);
                if core::mem::take(&mut told) {
                    std::thread::sleep(GATHERING);
                } else {
                    self.events.wait(brake.holds().then_some(SUMMARIES_LOOK));
                }
                continue;
            }
            told = true;
            let still = self.is_watched();
            if watched && !still {
                unwatched();
            }
            watched = still;
            self.tell(&events, watched, &mut lines, &mut brake);
        }
    }

    /// Waits until everything that was taken is told, for `limit` at most.
    pub fn finish(&self, limit: Duration) {
        self.events.wait_until_told(limit);
    }

    fn tell(&self, events: &[Event], watched: bool, lines: &mut LogLines, brake: &mut LogBrake) {
        let refusals_max = self.refusals_max.load(Ordering::Relaxed);
        let names = self.names.load();
        // The log has one filter, and this is its level at the moment.
        let level = LevelFilter::current();
        for event in events {
            if passes(weight(event), level) {
                if brake.admits(event, refusals_max) {
                    lines.add(event, &names);
                } else {
                    self.left_out.fetch_add(1, Ordering::Relaxed);
                }
                if lines.is_full() {
                    self.write(lines);
                }
            }
            if watched {
                self.feed(event, &names);
            }
        }
    }

    fn write(&self, lines: &mut LogLines) {
        let lost = lines.write();
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }

    fn feed(&self, event: &Event, names: &Names) {
        let line = json_line(event, &words(event, names));
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(
            |Watcher { filter, sender }| match wanted(filter, event, &line) {
                true => sender.send(&line),
                false => !sender.is_closed(),
            },
        );
    }
}

/// One line for many.
fn tell_left_out(kind: &'static str, status: u16, count: u64) {
    match status {
        0 => tracing::warn!("{count} more lines about {kind} were left out"),
        status => tracing::warn!("{count} more lines about {kind} ({status}) were left out"),
    }
}

fn wall() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time::ZERO + since.unwrap_or_default()
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
