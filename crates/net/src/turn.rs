//! The work in hand of one thread: what shards want sent and done, gathered under their locks and done after.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use strowger_sip::{SpareMessages, StatusCode};
use strowger_transaction::{Flow, TransmitBatch};

use crate::datagram_send::DatagramSender;
use crate::seam::{Input, Output};
use crate::shard::PanicReport;
use crate::stream::Stream;

/// Capacity of the transmit buffer that is kept from one turn to the next: what sixty-four answers take, and more.
const KEPT_OCTETS: usize = 512 << 10;

/// Everything gathered and not yet done. A thread keeps one and uses it again, so its memory is not allocated anew.
pub(crate) struct Turn {
    pub(crate) batch: TransmitBatch,
    /// Ends of ranges of `batch.sends`, each with the shard that wants to hear of failures.
    pub(crate) owners: Vec<(usize, u16)>,
    pub(crate) deferred: Vec<(u16, Output)>,
    /// Connections with something new to write.
    pub(crate) touched: Vec<Arc<Stream>>,
    pub(crate) panics: Vec<(u16, PanicReport)>,
    /// Messages that their shard could not serve, and what their senders are to be told.
    pub(crate) unserved: Vec<(Flow, StatusCode, Vec<u8>)>,
    /// Shards that take no messages for a while.
    pub(crate) rests: Vec<(u16, Duration)>,
    /// Inputs that came of doing the above.
    pub(crate) pending: VecDeque<(u16, Input)>,
    pub(crate) sender: DatagramSender,
    /// Messages that nobody holds any more, for their memory.
    pub(crate) spare_messages: SpareMessages,
    /// Whoever has this turn reads messages into them.
    pub(crate) takes_spare: bool,
}

/// How much had been gathered.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Mark {
    octets: usize,
    sends: usize,
    deferred: usize,
}

impl Turn {
    pub(crate) fn new() -> Turn {
        Turn {
            batch: TransmitBatch::new(),
            owners: Vec::new(),
            deferred: Vec::new(),
            touched: Vec::new(),
            panics: Vec::new(),
            unserved: Vec::new(),
            rests: Vec::new(),
            pending: VecDeque::new(),
            sender: DatagramSender::new(),
            spare_messages: SpareMessages::new(),
            takes_spare: false,
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            octets: self.batch.bytes.len(),
            sends: self.batch.sends.len(),
            deferred: self.deferred.len(),
        }
    }

    /// Forgets what was gathered since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.batch.bytes.truncate(mark.octets);
        self.batch.sends.truncate(mark.sends);
        self.deferred.truncate(mark.deferred);
    }

    /// Says that what was appended to the batch since the last call is `shard`'s; returns the places of it.
    pub(crate) fn own(&mut self, shard: u16) -> core::ops::Range<usize> {
        let start = self.owners.last().map_or(0, |(end, _)| *end);
        let end = self.batch.sends.len();
        if end > start {
            self.owners.push((end, shard));
        }
        start..end
    }

    /// The shard whose run appended the transmission at `place`.
    pub(crate) fn owner(&self, place: usize) -> Option<u16> {
        let index = self.owners.partition_point(|(end, _)| *end <= place);
        self.owners.get(index).map(|(_, shard)| *shard)
    }

    /// Forgets what was sent.
    pub(crate) fn clear_sent(&mut self) {
        self.batch.clear();
        self.owners.clear();
        if self.batch.bytes.capacity() > KEPT_OCTETS {
            self.batch.bytes.shrink_to(KEPT_OCTETS);
        }
    }

    /// Forgets everything; for the turn after a panic.
    pub(crate) fn reset(&mut self) {
        self.clear_sent();
        self.deferred.clear();
        self.touched.clear();
        self.panics.clear();
        self.unserved.clear();
        self.rests.clear();
        self.pending.clear();
    }
}
