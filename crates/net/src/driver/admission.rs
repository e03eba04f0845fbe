//! What of the new is let in, and how the shards hear of it.

use core::sync::atomic::Ordering;

use super::Driver;
use crate::seam::{Admission, Command, Input};
use crate::turn::Turn;
use crate::worker_handle::WorkerHandle;

impl Driver {
    /// Lets nothing new in any more: the server is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.deliver_to_all(|_| admission_of(Admission::Draining));
    }

    /// What of the new is let in.
    pub fn admission(&self) -> Admission {
        if self.draining.load(Ordering::SeqCst) {
            return Admission::Draining;
        }
        let percents = self.workers.iter().map(WorkerHandle::refused_percent);
        match percents.max().unwrap_or(0) {
            0 => Admission::Open,
            percent => Admission::Overloaded(percent),
        }
    }

    /// A worker has looked whether it keeps up, and wants so many of a hundred new requests refused. The shards hear of it
    /// as often as it looks, so that it does no harm if the words of two workers cross.
    pub(crate) fn set_late(&self, worker: u16, percent: u8, turn: &mut Turn) {
        if let Some(handle) = self.workers.get(usize::from(worker))
            && handle.refuse_percent(percent) == 0
            && percent > 0
        {
            handle.meter.overloads.one();
        }
        let admission = self.admission();
        if matches!(admission, Admission::Overloaded(_)) {
            self.services.overloaded();
        }
        for shard in 0..self.shard_count() {
            turn.pending.push_back((shard, admission_of(admission)));
        }
    }

    /// A shard that took the place of another learns what of the new is let in.
    pub(super) fn tell_admission(&self, shard: u16, turn: &mut Turn) {
        let admission = self.admission();
        if admission != Admission::Open {
            turn.pending.push_back((shard, admission_of(admission)));
        }
    }
}

fn admission_of(admission: Admission) -> Input {
    Input::Command(Command::SetAdmission(admission))
}
