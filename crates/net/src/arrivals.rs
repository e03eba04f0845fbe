//! What one receive batch brought, before any shard is locked: parsed, given a shard, sorted by shard.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smallvec::SmallVec;
use strowger_sip::{Limits, Message, Now};
use strowger_transaction::Flow;

use crate::driver::Driver;
use crate::seam::Input;
use crate::shard::PanicReport;
use crate::shard_cell::{Job, panic_message};
use crate::turn::Turn;

/// What became of the octets of one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Classified {
    /// It waits in the arrivals.
    Taken,
    /// It was dropped.
    Dropped,
    /// It was malformed; if the buffer that was handed in has grown, it holds the answer.
    Malformed,
}

/// Messages that wait for their shards.
#[derive(Default)]
pub(crate) struct Arrivals {
    entries: Vec<Arrival>,
}

/// Who classifies, and by which limits.
pub(crate) struct Source<'a> {
    pub(crate) driver: &'a Driver,
    pub(crate) worker: u16,
    pub(crate) limits: &'a Limits,
    pub(crate) now: Now,
}

/// One message as it came.
pub(crate) struct Letter<'a> {
    pub(crate) flow: Flow,
    pub(crate) memory: Memory,
    /// The same octets where they stay until the turn ends.
    pub(crate) original: &'a [u8],
    /// Names `original` when [`Arrivals::run`] asks for it again.
    pub(crate) evidence: u32,
}

/// Where a message is kept.
pub(crate) enum Memory {
    /// In these octets, which are its own.
    Octets(Vec<u8>),
    /// In that of a message that nobody holds any more, or in new memory.
    Spare(Option<Arc<Message>>),
}

struct Arrival {
    shard: u16,
    input: Option<Input>,
    /// Names the octets for whoever keeps them.
    evidence: u32,
}

impl Arrivals {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Parses a message and finds its shard; an answer to a malformed one is appended to `answer`. A panic of the
    /// parser costs only this message.
    pub(crate) fn classify(
        &mut self,
        source: &Source<'_>,
        letter: Letter<'_>,
        answer: &mut Vec<u8>,
    ) -> Classified {
        let kept = (self.entries.len(), answer.len());
        let (flow, original) = (letter.flow, letter.original);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.parse(source, letter, answer)));
        outcome.unwrap_or_else(|panic| {
            self.entries.truncate(kept.0);
            answer.truncate(kept.1);
            let message = panic_message(panic.as_ref());
            let octets = original.to_vec();
            let report = PanicReport {
                message,
                while_doing: "parse",
                flow: Some(flow),
                octets,
            };
            source.driver.worker_panicked(source.worker, report);
            Classified::Dropped
        })
    }

    fn parse(
        &mut self,
        source: &Source<'_>,
        letter: Letter<'_>,
        answer: &mut Vec<u8>,
    ) -> Classified {
        let Letter {
            flow,
            memory,
            original,
            evidence,
        } = letter;
        let parsed = match memory {
            Memory::Octets(octets) => Message::parse_shared(octets, source.limits),
            Memory::Spare(Some(spare)) => Message::parse_into(spare, original, source.limits),
            Memory::Spare(None) => Message::parse_shared(original.to_vec(), source.limits),
        };
        match parsed {
            Ok(message) => match source.driver.ingress.shard_for(&message, &flow) {
                Some(shard) => {
                    self.entries.push(Arrival {
                        shard,
                        input: Some(Input::Received { flow, message }),
                        evidence,
                    });
                    Classified::Taken
                }
                None => {
                    let meter = source.driver.meter(Some(source.worker));
                    meter.messages_unroutable.one();
                    Classified::Dropped
                }
            },
            Err(failure) => {
                let meter = source.driver.meter(Some(source.worker));
                meter.messages_malformed.one();
                let start = answer.len();
                if source
                    .driver
                    .ingress
                    .refuse(&failure, &flow, source.now, answer)
                {
                    meter.messages_refused.one();
                } else {
                    answer.truncate(start);
                }
                Classified::Malformed
            }
        }
    }

    /// Hands all messages to their shards, each shard locked once; `octets` finds the octets of a message again.
    pub(crate) fn run<'a>(
        &mut self,
        driver: &Driver,
        worker: u16,
        now: Now,
        turn: &mut Turn,
        octets: impl Fn(u32) -> &'a [u8],
    ) {
        let received = &driver.meter(Some(worker)).messages_received;
        received.add(self.entries.len() as u64);
        // A batch is small and shards are few: to look through it once for each costs less than to sort it.
        let mut served: SmallVec<[u16; 16]> = SmallVec::new();
        for first in 0..self.entries.len() {
            let Some(rest) = self.entries.get_mut(first..) else {
                break;
            };
            let shard = match rest.first() {
                Some(arrival) if !served.contains(&arrival.shard) => arrival.shard,
                _ => continue,
            };
            served.push(shard);
            let of_shard = rest.iter_mut().filter(|arrival| arrival.shard == shard);
            let jobs = of_shard.map(|arrival| Job::Input {
                octets: octets(arrival.evidence),
                input: &mut arrival.input,
            });
            driver.run(shard, now, jobs, turn, Some(worker));
        }
        self.entries.clear();
    }
}
