//! Counters of the driver: cells that are written without a lock, one set per worker, summed when somebody asks.

use core::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($name:ident: $help:literal,)*) => {
        /// A sum over all workers.
        #[derive(Default, Clone, Debug, PartialEq, Eq)]
        pub struct NetCounters {
            $(#[doc = $help] pub $name: u64,)*
        }

        impl NetCounters {
            /// Calls `f` with name, help text and value of each counter.
            pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
                $(f(concat!("net_", stringify!($name)), $help, self.$name);)*
            }
        }

        /// One set of cells; aligned so that two workers never write to one cache line.
        #[derive(Default, Debug)]
        #[repr(align(128))]
        pub(crate) struct Meter {
            $(pub(crate) $name: Cell,)*
        }

        impl Meter {
            /// Adds these cells to `sum`.
            pub(crate) fn add_to(&self, sum: &mut NetCounters) {
                $(sum.$name += self.$name.get();)*
            }
        }
    };
}

counters! {
    datagrams_received: "Datagrams received.",
    datagram_octets_received: "Octets of datagrams received.",
    datagram_receive_batches: "Receive calls that returned datagrams.",
    datagrams_sent: "Datagrams sent.",
    datagram_octets_sent: "Octets of datagrams sent.",
    datagram_send_calls: "Send calls for datagrams.",
    datagrams_segmented: "Datagrams that left in a segmented send.",
    datagrams_truncated: "Datagrams dropped because they did not fit the receive buffer.",
    datagrams_unanswerable: "Datagrams dropped because they came from port 0.",
    datagram_keep_alives: "Datagrams that held only CR, LF or NUL.",
    datagrams_unsent_buffer: "Datagrams dropped because the send buffer was full.",
    datagrams_unsent_error: "Datagrams that could not be sent.",
    icmp_errors: "ICMP errors received for datagrams of ours.",
    icmp_errors_matched: "ICMP errors that named a branch of ours.",
    messages_received: "Messages handed to a shard.",
    messages_not_admitted: "Messages dropped before parsing because their source was over its limit.",
    messages_malformed: "Messages that could not be parsed.",
    messages_refused: "Malformed messages that got a stateless answer.",
    messages_unroutable: "Messages dropped because no shard is theirs.",
    messages_blocked: "Messages dropped because an equal one made a shard panic.",
    streams_accepted: "Connections accepted.",
    streams_opened: "Connections opened.",
    streams_connect_failed: "Connections that could not be opened.",
    streams_closed: "Connections closed.",
    streams_refused_total: "Connections refused because of the limit of all connections.",
    streams_refused_source: "Connections refused because of the limit per source.",
    streams_accept_paused: "Times that accepting paused because no descriptor was free.",
    streams_closed_idle: "Connections closed because nothing was sent on them for long.",
    streams_closed_slow: "Connections closed because a message was not complete in time.",
    streams_closed_overflow: "Connections closed because their output buffer was full.",
    streams_closed_framing: "Connections closed because no message boundary could be found or too much was malformed.",
    stream_octets_received: "Octets received on connections.",
    stream_octets_sent: "Octets sent on connections.",
    stream_messages_sent: "Messages sent on connections.",
    stream_messages_unsent: "Messages whose connection was gone or full.",
    stream_keep_alives: "CRLF keep-alives answered on connections.",
    timer_runs: "Times that a shard's timers ran.",
    messages_unserved: "Messages that made their shard panic, or came while it rested after too many panics.",
    overloads: "Times that a worker could no longer keep up.",
    shard_panics: "Panics caught in shards.",
    shard_rests: "Times that a shard rested after too many panics.",
    worker_panics: "Panics caught in the parser or in a worker's loop.",
    deliveries_deferred: "Inputs passed on to another worker because a chain of immediate answers grew too long.",
    wakes: "Times that a sleeping worker was woken by another thread.",
}

/// A counter written by many threads.
#[derive(Default, Debug)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Adds `amount`.
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }
    /// Adds one.
    pub(crate) fn one(&self) {
        self.add(1);
    }
    /// The value.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
