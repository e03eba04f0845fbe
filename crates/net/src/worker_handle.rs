//! What other threads see of a worker: its mailbox, its alarm clock and its counters.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use crate::counters::Meter;
use crate::seam::Input;
use crate::stream::Stream;

/// Something another thread asks of a worker.
pub(crate) enum Task {
    /// Take this connection: poll it, read it, mind its deadlines.
    Adopt {
        /// The connection.
        stream: Arc<Stream>,
        /// True if a peer opened it, false if we do.
        accepted: bool,
    },
    /// Hand this input to a shard.
    Deliver(u16, Box<Input>),
}

/// A worker as other threads see it.
pub(crate) struct WorkerHandle {
    waker: Waker,
    mail: Mutex<Vec<Task>>,
    has_mail: AtomicBool,
    /// Nanoseconds until which the worker sleeps; 0 while it is awake.
    asleep_until: AtomicU64,
    /// Of a hundred new requests, how many this worker wants refused, because it does not keep up.
    refused_percent: AtomicU8,
    pub(crate) meter: Meter,
}

impl WorkerHandle {
    pub(crate) fn new(waker: Waker) -> WorkerHandle {
        WorkerHandle {
            waker,
            mail: Mutex::default(),
            has_mail: AtomicBool::new(false),
            asleep_until: AtomicU64::new(0),
            refused_percent: AtomicU8::new(0),
            meter: Meter::default(),
        }
    }

    /// Leaves a task and wakes the worker if it sleeps.
    pub(crate) fn post(&self, task: Task) {
        self.mail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
        self.has_mail.store(true, Ordering::SeqCst);
        self.wake_before(0);
    }

    /// Wakes the worker if it means to sleep beyond `nanos`. Called after what it must see has been stored: the
    /// worker looks again between saying that it sleeps and sleeping, so either it sees that or it is woken.
    pub(crate) fn wake_before(&self, nanos: u64) {
        // Whoever takes the mark away must wake: others see the worker as awake from then on.
        if self.asleep_until.load(Ordering::SeqCst) > nanos
            && self.asleep_until.swap(0, Ordering::SeqCst) > 0
        {
            self.meter.wakes.one();
            // Fails only if the event descriptor is gone, and the worker with it.
            let _ = self.waker.wake();
        }
    }

    /// Says that the worker will sleep until `nanos`.
    pub(crate) fn fall_asleep(&self, nanos: u64) {
        self.asleep_until.store(nanos.max(1), Ordering::SeqCst);
    }

    /// Says that it is awake.
    pub(crate) fn awake(&self) {
        self.asleep_until.store(0, Ordering::SeqCst);
    }

    /// Of a hundred new requests, how many it wants refused.
    pub(crate) fn refused_percent(&self) -> u8 {
        self.refused_percent.load(Ordering::SeqCst)
    }

    /// Sets how many; how many it were before.
    pub(crate) fn refuse_percent(&self, percent: u8) -> u8 {
        self.refused_percent.swap(percent, Ordering::SeqCst)
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::SeqCst)
    }

    /// Takes all tasks.
    pub(crate) fn take_mail(&self) -> Vec<Task> {
        if !self.has_mail() {
            return Vec::new();
        }
        let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_mail.store(false, Ordering::SeqCst);
        core::mem::take(&mut *mail)
    }
}
