//! One shard with its lock and its deadline; runs it to completion, and replaces it when it panics.
//!
//! What is lost then: the transactions, relayed requests and waiting runs of this shard. The request that did it is answered
//! 500. Bindings, accounts, nonces, tables of scripts and the connections stay: they are not the shard's.

use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use strowger_sip::{Now, StatusCode, Time};
use strowger_transaction::Flow;

use crate::restarts::Restarts;
use crate::seam::{Input, Output};
use crate::shard::{PanicReport, Shard, ShardFactory};
use crate::turn::Turn;

/// When a shard is looked at again that cannot say when (1 s).
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a shard is locked for.
pub(crate) enum Job<'a> {
    /// Run what is due.
    Timeout,
    /// Take an input; `octets` is the message it carries, if any, for the report of a panic. An input is large: it is
    /// taken from where it lies.
    Input {
        input: &'a mut Option<Input>,
        octets: &'a [u8],
    },
}

impl<'a> Job<'a> {
    fn describe(&self) -> &'static str {
        let input = match self {
            Job::Timeout => return "handle_timeout",
            Job::Input { input, .. } => input.as_ref(),
        };
        input.map_or("nothing", |input| match input {
            Input::Received { .. } => "Received",
            Input::Connected { .. } => "Connected",
            Input::ConnectFailed { .. } => "ConnectFailed",
            Input::TransmitFailed { .. } => "TransmitFailed",
            Input::FlowClosed { .. } => "FlowClosed",
            Input::Resolved { .. } => "Resolved",
            Input::Completed { .. } => "Completed",
            Input::FromShard(_) => "FromShard",
            Input::Reconfigure(_) => "Reconfigure",
            Input::Command(_) => "Command",
        })
    }

    fn evidence(&self) -> (Option<Flow>, &'a [u8]) {
        match self {
            Job::Input {
                input: Some(Input::Received { flow, .. }),
                octets,
            } => (Some(*flow), octets),
            _ => (None, &[]),
        }
    }
}

struct Machine {
    shard: Box<dyn Shard>,
    restarts: Restarts,
}

/// A shard and its lock; aligned so that two locks never share a cache line.
#[repr(align(128))]
pub(crate) struct ShardCell {
    machine: Mutex<Machine>,
    /// Nanoseconds of the shard's next deadline, `u64::MAX` for none; readable without the lock.
    deadline: AtomicU64,
}

impl ShardCell {
    pub(crate) fn new(machine: Box<dyn Shard>) -> ShardCell {
        let deadline = nanos(machine.poll_timeout());
        ShardCell {
            machine: Mutex::new(Machine {
                shard: machine,
                restarts: Restarts::default(),
            }),
            deadline: AtomicU64::new(deadline),
        }
    }

    /// When the shard's timers must run next, in nanoseconds.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::SeqCst)
    }

    /// Locks the shard to read its counters.
    pub(crate) fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.shard.visit_counters(f);
    }

    /// Locks the shard to ask what it has not done with.
    pub(crate) fn in_progress(&self) -> usize {
        let machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.shard.in_progress()
    }

    /// Locks the shard, does all `jobs`, drains its outputs into `turn`, and calls `unlocking` before the lock is
    /// given back. Returns the shard's next deadline.
    pub(crate) fn run<'a>(
        &self,
        shard: u16,
        now: Now,
        jobs: impl Iterator<Item = Job<'a>>,
        factory: &dyn ShardFactory,
        turn: &mut Turn,
        unlocking: impl FnOnce(&mut Turn),
    ) -> u64 {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let Machine {
            shard: machine,
            restarts,
        } = &mut *machine;
        let mut rests = restarts.rests(now.monotonic);
        for job in jobs {
            let before = turn.mark();
            let while_doing = job.describe();
            let (flow, octets) = job.evidence();
            if rests && let Some(flow) = flow {
                turn.unserved
                    .push((flow, StatusCode::SERVICE_UNAVAILABLE, octets.to_vec()));
                continue;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                match job {
                    Job::Timeout => machine.handle_timeout(now),
                    Job::Input { input, .. } => {
                        if let Some(input) = input.take() {
                            machine.handle_input(now, input);
                        }
                    }
                }
                while let Some(output) = machine.poll_output(&mut turn.batch) {
                    if !matches!(output, Output::Transmit) {
                        turn.deferred.push((shard, output));
                    }
                }
            }));
            if let Err(panic) = outcome {
                turn.rewind(before);
                let message = panic_message(panic.as_ref());
                turn.panics.push((
                    shard,
                    PanicReport {
                        message,
                        while_doing,
                        flow,
                        octets: octets.to_vec(),
                    },
                ));
                if let Some(flow) = flow {
                    turn.unserved
                        .push((flow, StatusCode::SERVER_INTERNAL_ERROR, octets.to_vec()));
                }
                replace(machine, shard, factory, turn);
                if let Some(rest) = restarts.note(now.monotonic) {
                    // The rest of the batch waits for nothing either.
                    rests = true;
                    turn.rests.push((shard, rest));
                }
            }
        }
        let deadline = deadline_of(machine, shard, turn).unwrap_or_else(|| {
            replace(machine, shard, factory, turn);
            if let Some(rest) = restarts.note(now.monotonic) {
                turn.rests.push((shard, rest));
            }
            let looked_again = || nanos(Some(now.monotonic + LOOK_AGAIN_AFTER));
            deadline_of(machine, shard, turn).unwrap_or_else(looked_again)
        });
        self.deadline.store(deadline, Ordering::SeqCst);
        unlocking(turn);
        deadline
    }
}

/// Takes the messages that a shard is done with, and gives its next deadline; `None` if it panicked over it, which is reported.
fn deadline_of(machine: &mut Box<dyn Shard>, shard: u16, turn: &mut Turn) -> Option<u64> {
    let (takes_spare, spare) = (turn.takes_spare, &mut turn.spare_messages);
    let asked = || {
        if takes_spare {
            machine.take_spare_messages(spare);
        }
        machine.poll_timeout()
    };
    match catch_unwind(AssertUnwindSafe(asked)) {
        Ok(deadline) => Some(nanos(deadline)),
        Err(panic) => {
            let report = PanicReport {
                message: panic_message(panic.as_ref()),
                while_doing: "poll_timeout",
                flow: None,
                octets: Vec::new(),
            };
            turn.panics.push((shard, report));
            None
        }
    }
}

/// Puts a fresh machine in the place of one that panicked. If even that panics the old one stays.
fn replace(machine: &mut Box<dyn Shard>, shard: u16, factory: &dyn ShardFactory, turn: &mut Turn) {
    match catch_unwind(AssertUnwindSafe(|| factory.build(shard))) {
        Ok(fresh) => {
            let old = core::mem::replace(machine, fresh);
            // Its state is broken; if dropping it panics too, that is no worse.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        }
        Err(panic) => {
            let message = panic_message(panic.as_ref());
            let report = PanicReport {
                message,
                while_doing: "build",
                flow: None,
                octets: Vec::new(),
            };
            turn.panics.push((shard, report));
        }
    }
}

/// The text of a caught panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a text")
        .to_owned()
}

fn nanos(deadline: Option<Time>) -> u64 {
    deadline.map_or(u64::MAX, Time::as_nanos)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strowger_sip::SpareMessages;
    use strowger_transaction::TransmitBatch;

    use super::*;

    /// Sends nothing, and is done with as many messages at each turn as a machine may be.
    struct Discarding;

    impl Shard for Discarding {
        fn handle_input(&mut self, _: Now, _: Input) {}
        fn handle_timeout(&mut self, _: Now) {}
        fn poll_timeout(&self) -> Option<Time> {
            None
        }
        fn poll_output(&mut self, _: &mut TransmitBatch) -> Option<Output> {
            None
        }
        fn take_spare_messages(&mut self, spare: &mut SpareMessages) {
            let mut done_with = SpareMessages::new();
            (0..SpareMessages::EACH_MAX).for_each(|_| done_with.put(Arc::default()));
            spare.append(&mut done_with);
        }
    }

    #[test]
    fn messages_that_are_done_with_do_not_gather_and_go_to_who_reads_into_them() {
        let build = |_: u16| -> Box<dyn Shard> { Box::new(Discarding) };
        let cell = ShardCell::new(build(0));
        let now = Now {
            monotonic: Time::ZERO,
            wall: Time::ZERO,
        };
        for (takes_spare, kept) in [(true, SpareMessages::EACH_MAX), (false, 0)] {
            let mut turn = Turn::new();
            turn.takes_spare = takes_spare;
            for _ in 0..3 {
                let jobs = core::iter::once(Job::Timeout);
                cell.run(0, now, jobs, &build, &mut turn, |_| {});
                assert_eq!(turn.spare_messages.len(), kept);
            }
        }
    }
}
