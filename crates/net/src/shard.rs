//! What this crate drives and what it asks of the program around it: the shard, the ingress and the services.

use core::time::Duration;
use std::net::SocketAddr;

use strowger_element::Admits;
use strowger_sip::{Limits, Message, Now, ParseFailure, SpareMessages, StatusCode, Time};
use strowger_transaction::{Flow, TransmitBatch};

use crate::seam::{Event, Input, Output, Query, QueryId, Question};

/// One sans-IO machine. In production an element; the tests use small ones.
///
/// The driver drains [`Shard::poll_output`] to `None` after every `handle_…`.
pub trait Shard: Send {
    /// Takes one input.
    fn handle_input(&mut self, now: Now, input: Input);
    /// Runs what is due.
    fn handle_timeout(&mut self, now: Now);
    /// When [`Shard::handle_timeout`] must be called next.
    fn poll_timeout(&self) -> Option<Time>;
    /// The next output; octets to send are appended to `batch`.
    fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output>;
    /// Moves messages that nobody holds any more to `spare`: others are read into their memory.
    fn take_spare_messages(&mut self, spare: &mut SpareMessages) {
        let _ = spare;
    }
    /// Requests that it has not done with.
    fn in_progress(&self) -> usize {
        0
    }
    /// Calls `f` with name, help text and value of each of its counters.
    fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let _ = f;
    }
}

/// What happens to a message before a shard is locked. Called by many threads at once.
pub trait Ingress: Send + Sync {
    /// Counts one message of `source`; false drops it before it is parsed.
    fn admit(&self, source: &SocketAddr, now: Now) -> bool;
    /// Calls `each` once with what [`Ingress::admit`] is for every message of a batch.
    fn admit_batch(&self, now: Now, each: &mut dyn FnMut(Admits<'_>)) {
        each(&|source| self.admit(source, now));
    }
    /// True if `source` is exempt from per-source limits of connections.
    fn trusts(&self, source: &SocketAddr) -> bool;
    /// The limits of the parser; asked once per receive batch.
    fn limits(&self) -> Limits;
    /// The shard of a message; `None` drops it (unknown token version, node or shard).
    fn shard_for(&self, message: &Message, flow: &Flow) -> Option<u16>;
    /// The shard written in a Via branch of ours.
    fn shard_for_branch(&self, branch: &[u8]) -> Option<u16>;
    /// Appends a stateless answer to a message that could not be parsed; false if there is none to give.
    fn refuse(&self, failure: &ParseFailure, flow: &Flow, now: Now, out: &mut Vec<u8>) -> bool;
    /// Appends a stateless answer with this status to a request that its shard cannot serve; false if there is none to
    /// give.
    fn give_up(
        &self,
        request: &Message,
        flow: &Flow,
        status: StatusCode,
        out: &mut Vec<u8>,
    ) -> bool;
}

/// Makes the shards: at the start, and again when one has panicked.
pub trait ShardFactory: Send + Sync {
    /// A fresh shard number `shard`.
    fn build(&self, shard: u16) -> Box<dyn Shard>;
}

impl<F: Fn(u16) -> Box<dyn Shard> + Send + Sync> ShardFactory for F {
    fn build(&self, shard: u16) -> Box<dyn Shard> {
        self(shard)
    }
}

/// Services that take time or look outside. None of these may block; they answer with
/// [`Driver::deliver`](crate::Driver::deliver), at once or later, from any thread.
pub trait Services: Send + Sync {
    /// Asks the DNS; answered by `Input::Resolved`.
    fn resolve(&self, shard: u16, query: QueryId, question: Question);
    /// Asks a service; answered by `Input::Completed`.
    fn query(&self, shard: u16, query: QueryId, request: Query);
    /// Tells of an event.
    fn event(&self, shard: u16, event: Event);
    /// Tells that a shard panicked and has been replaced.
    fn shard_panicked(&self, shard: u16, report: PanicReport);
    /// Tells that a shard panicked so often that it rests for so long.
    fn shard_rests(&self, shard: u16, rest: Duration) {
        let _ = (shard, rest);
    }
    /// Tells that the server does not keep up; told again and again while it does not.
    fn overloaded(&self) {}
    /// Tells of a panic outside the shards, in the parser or in a worker's loop; the worker goes on.
    fn worker_panicked(&self, worker: u16, report: PanicReport) {
        self.shard_panicked(worker, report);
    }
}

/// What is known about a panic in a shard. A panic is a bug of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicReport {
    /// The panic's message.
    pub message: String,
    /// What the shard was doing.
    pub while_doing: &'static str,
    /// Where the input came from, if it was a message.
    pub flow: Option<Flow>,
    /// The octets of the message, for replay; empty if the input was none.
    pub octets: Vec<u8>,
}
