//! The journal: changes of bindings made durable by a thread of its own, in batches.
//!
//! ```text
//! submit -> queue -+-> batch: BEGIN, rows -> [still wanted?] -> COMMIT -> Completion(ok)
//!                  |                              | no: ROLLBACK
//!                  +-- deadline passed ----------> Completion(failed)
//! ```
//!
//! A batch is what queued while the last one was being committed; there is no commit timer. Changes are written in
//! the order in which they were submitted.
//!
//! **What a failure means.** A change that was answered as failed must not come back after a restart:
//!
//! * It was still queued, or its batch had not reached COMMIT: it is dropped or rolled back. Nothing remains.
//! * Its batch was in COMMIT when the deadline passed (a disk that hangs), or COMMIT reported an I/O error: the
//!   outcome is unknown. As soon as the thread gets control back it puts the rows of these addresses of record back as
//!   they were before the batch, in a transaction of its own, and refuses all later batches until that succeeded.
//! * Only if the process is killed between such a late COMMIT and that second transaction can a change survive that
//!   was answered as failed. It is then one that the phone did ask for, and it ends with its expiry.
//!
//! **Where callbacks run.** [`Completion`] is called on the journal's threads, never within `submit`: a full queue is
//! told by `submit`'s result, so that a caller that holds its shard is not entered again.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use strowger_registrar::LocationChange;

use crate::checkpoint::Checkpointer;
use crate::rows::{ListenerNames, RowWriter};
use crate::writer::{Batches, Failure, Faults, no_faults};
use crate::{Database, JournalCounters, StoreError};

/// When a REGISTER may be answered.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// At once; bindings are gone with the process.
    Memory,
    /// When the change has reached the operating system: it survives `kill -9`.
    #[default]
    Process,
    /// When the change has reached the disk: it survives a loss of power.
    Disk,
}

/// Settings of the journal.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// `Process` or `Disk`; with `Memory` there is no journal.
    pub durability: Durability,
    /// Changes that may wait (16,384: three seconds at 5,000 a second); more are refused at once.
    pub queue_max: usize,
    /// How long a change may wait (2 s).
    pub deadline: Duration,
    /// The listeners, so that bindings find theirs again after a change of the configuration.
    pub listeners: ListenerNames,
}

impl Default for JournalSettings {
    fn default() -> JournalSettings {
        JournalSettings {
            durability: Durability::Process,
            queue_max: 16_384,
            deadline: Duration::from_secs(2),
            listeners: ListenerNames::default(),
        }
    }
}

/// Changes in one transaction at most; bounds what a rollback loses and an undo remembers.
pub(crate) const BATCH_CHANGES_MAX: usize = 1_024;
/// Changes committed that call for a checkpoint.
const CHANGES_PER_CHECKPOINT: usize = 16_384;
/// How often within the deadline the queue is looked at for changes that are too old.
const LOOKS_PER_DEADLINE: u32 = 8;

/// Who waits for changes; `T` names one waiting run, such as (shard, `QueryId`).
pub trait Completion<T>: Send + Sync {
    /// These changes are durable (`ok`), or will never be. Must not block.
    fn complete(&self, items: &[T], ok: bool);
}

impl<T, F: Fn(&[T], bool) + Send + Sync> Completion<T> for F {
    fn complete(&self, items: &[T], ok: bool) {
        self(items, ok);
    }
}

/// A change was refused because too many wait; it must be answered as failed.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull<T>(pub T);

/// Takes changes of bindings and makes them durable.
pub struct Journal<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Journal<T> {
    /// Start the journal's threads; `None` for [`Durability::Memory`].
    pub fn start(
        database: &Database,
        settings: JournalSettings,
        completion: impl Completion<T> + 'static,
    ) -> Result<Option<Journal<T>>, StoreError> {
        match settings.durability {
            Durability::Memory => Ok(None),
            _ => Journal::start_with(database, settings, completion, no_faults()).map(Some),
        }
    }

    /// The same with a hook that makes the database fail, for tests.
    pub(crate) fn start_with(
        database: &Database,
        settings: JournalSettings,
        completion: impl Completion<T> + 'static,
        faults: Faults,
    ) -> Result<Journal<T>, StoreError> {
        let checkpointer = Checkpointer::new(database)?;
        let rows = RowWriter::new(settings.listeners);
        let mut batches = Batches::new(database, settings.durability, rows, faults)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                in_flight: None,
                stopping: false,
                writer_ended: false,
                to_checkpoint: 0,
                disk_full: false,
                counters: JournalCounters::default(),
            }),
            work: Condvar::new(),
            checkpoint: Condvar::new(),
            ended: Condvar::new(),
            queue_max: settings.queue_max,
            deadline: settings.deadline,
            completion: Box::new(completion),
        });
        let mut journal = Journal {
            shared,
            threads: Vec::new(),
        };
        let wrap = |error| StoreError::io("start a thread for", database.path(), error);
        journal
            .spawn("journal", move |shared| shared.write(&mut batches))
            .map_err(wrap)?;
        journal
            .spawn("checkpoint", move |shared| checkpointer.run(shared))
            .map_err(wrap)?;
        journal
            .spawn("journal-late", Shared::refuse_late)
            .map_err(wrap)?;
        Ok(journal)
    }

    fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce(&Shared<T>) + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || body(&shared))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Queue a change. If the queue is full the waiter comes back, and no callback will name it.
    pub fn submit(&self, waiter: T, change: LocationChange) -> Result<(), QueueFull<T>> {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.shared.queue_max || state.stopping {
            state.counters.queue_full += 1;
            return Err(QueueFull(waiter));
        }
        let due = Instant::now() + self.shared.deadline;
        state.queue.push_back(Waiting {
            waiter,
            change,
            due,
        });
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// What was counted so far.
    pub fn counters(&self) -> JournalCounters {
        let state = self.shared.lock();
        let in_flight = state
            .in_flight
            .as_ref()
            .map_or(0, |batch| batch.waiters.len());
        JournalCounters {
            waiting: (state.queue.len() + in_flight) as u64,
            ..state.counters.clone()
        }
    }
}

impl<T: Send + 'static> Drop for Journal<T> {
    /// Commit what waits, checkpoint, end the threads. A database that hangs is not waited for longer than the deadline.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        self.shared.work.notify_all();
        self.shared.checkpoint.notify_all();
        let patience = self.shared.deadline.saturating_add(Duration::from_secs(1));
        let waited = self
            .shared
            .ended
            .wait_timeout_while(state, patience, |state| !state.writer_ended);
        let ended = waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .writer_ended;
        if ended {
            for thread in self.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

/// Why a checkpoint is made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointReason {
    /// There is enough to move, or some for long enough.
    Due,
    /// The file system is full.
    DiskFull,
}

/// What the journal's threads share.
pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    work: Condvar,
    checkpoint: Condvar,
    ended: Condvar,
    queue_max: usize,
    deadline: Duration,
    completion: Box<dyn Completion<T>>,
}

struct State<T> {
    queue: VecDeque<Waiting<T>>,
    /// The batch being written; taken away by whoever answers it.
    in_flight: Option<InFlight<T>>,
    stopping: bool,
    writer_ended: bool,
    /// Changes committed since the last checkpoint.
    to_checkpoint: usize,
    /// The last batch found the file system full.
    disk_full: bool,
    counters: JournalCounters,
}

struct Waiting<T> {
    waiter: T,
    change: LocationChange,
    due: Instant,
}

struct InFlight<T> {
    waiters: Vec<T>,
    /// When its oldest change has waited too long.
    due: Instant,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writing thread.
    fn write(&self, batches: &mut Batches) {
        while let Some(changes) = self.next_batch(batches) {
            let outcome = batches.run(&changes, || self.lock().in_flight.is_some());
            let answered = {
                let mut state = self.lock();
                let to_checkpoint = state.to_checkpoint;
                let batch = state.in_flight.take();
                let ok = outcome.is_ok() && batch.is_some();
                state.count_batch(changes.len(), batch.is_some(), &outcome);
                // Wakes the checkpointer for the first change, which starts its patience, and when there is enough.
                let crossed = |limit: usize| to_checkpoint < limit && state.to_checkpoint >= limit;
                if crossed(1) || crossed(CHANGES_PER_CHECKPOINT) || state.disk_full {
                    self.checkpoint.notify_one();
                }
                batch.map(|batch| (batch.waiters, ok))
            };
            match answered {
                Some((waiters, ok)) => self.completion.complete(&waiters, ok),
                // Answered as failed while the commit ran.
                None if outcome.is_ok() => batches.undo_last(),
                None => {}
            }
            if batches.try_undo() {
                self.lock().counters.undone += 1;
            }
        }
        batches.try_undo();
        self.lock().writer_ended = true;
        self.ended.notify_all();
        self.checkpoint.notify_all();
    }

    /// Wait for work and make it the batch in flight; `None` when all is done and the journal ends.
    fn next_batch(&self, batches: &mut Batches) -> Option<Vec<LocationChange>> {
        let mut state = self.lock();
        while state.queue.is_empty() {
            if state.stopping {
                return None;
            }
            if !batches.has_undo() {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.work.wait_timeout(state, self.deadline);
            let (waited, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if timeout.timed_out() {
                drop(state);
                let undone = batches.try_undo();
                state = self.lock();
                state.counters.undone += u64::from(undone);
            }
        }
        let count = state.queue.len().min(BATCH_CHANGES_MAX);
        let mut waiters = Vec::with_capacity(count);
        let mut changes = Vec::with_capacity(count);
        let due = state
            .queue
            .front()
            .map_or_else(Instant::now, |first| first.due);
        for waiting in state.queue.drain(..count) {
            waiters.push(waiting.waiter);
            changes.push(waiting.change);
        }
        state.in_flight = Some(InFlight { waiters, due });
        Some(changes)
    }

    /// The thread that answers what has waited too long. Late by an eighth of the deadline at most.
    fn refuse_late(&self) {
        let mut state = self.lock();
        while !state.writer_ended {
            let pause = self.deadline / LOOKS_PER_DEADLINE;
            state = self
                .ended
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            let late = state.take_late(Instant::now());
            if !late.is_empty() {
                drop(state);
                self.completion.complete(&late, false);
                state = self.lock();
            }
        }
    }

    /// Wait until there is something to move and either enough of it or `patience` has passed. `None` when the
    /// journal ends.
    pub(crate) fn wait_for_checkpoint(&self, patience: Duration) -> Option<CheckpointReason> {
        let idle = |state: &mut State<T>, enough: usize| {
            state.to_checkpoint < enough && !state.disk_full && !state.writer_ended
        };
        let state = self
            .checkpoint
            .wait_while(self.lock(), |state| idle(state, 1));
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let enough = |state: &mut State<T>| idle(state, CHANGES_PER_CHECKPOINT);
        let waited = self.checkpoint.wait_timeout_while(state, patience, enough);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.writer_ended {
            return None;
        }
        if std::mem::take(&mut state.disk_full) {
            return Some(CheckpointReason::DiskFull);
        }
        state.to_checkpoint = 0;
        Some(CheckpointReason::Due)
    }

    /// Count rows of expired bindings that were deleted.
    pub(crate) fn purged(&self, rows: usize) {
        self.lock().counters.purged += rows as u64;
    }

    /// Count a checkpoint.
    pub(crate) fn checkpointed(&self, ok: bool) {
        let mut state = self.lock();
        match ok {
            true => state.counters.checkpoints += 1,
            false => state.counters.checkpoint_errors += 1,
        }
    }
}

impl<T> State<T> {
    fn count_batch(&mut self, changes: usize, answered: bool, outcome: &Result<(), Failure>) {
        let counters = &mut self.counters;
        match outcome {
            Ok(()) => {
                counters.batches += 1;
                counters.committed += changes as u64;
                counters.batch_largest = counters.batch_largest.max(changes as u64);
                self.to_checkpoint += changes;
                self.disk_full = false;
            }
            Err(failure) => {
                self.disk_full = *failure == Failure::DiskFull;
                counters.failed += if answered { changes as u64 } else { 0 };
                counters.disk_full += u64::from(*failure == Failure::DiskFull);
                counters.database_errors += u64::from(*failure == Failure::Database);
            }
        }
    }

    fn take_late(&mut self, now: Instant) -> Vec<T> {
        let mut late = match self.in_flight.take_if(|batch| batch.due <= now) {
            Some(batch) => batch.waiters,
            None => Vec::new(),
        };
        while let Some(waiting) = self.queue.pop_front_if(|waiting| waiting.due <= now) {
            late.push(waiting.waiter);
        }
        self.counters.late += late.len() as u64;
        late
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
