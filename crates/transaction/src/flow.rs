//! Flows and what is sent on them: the vocabulary between the protocol machines and whoever owns the sockets
//! (RFC 3261 §18; "flow" as in RFC 5626 §2).

use core::ops::Range;
use std::net::SocketAddr;
use strowger_sip::Transport;

/// Index of a listener in the configured order.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// One connection of a process: owning worker, slot in its table, and a generation that tells a
/// reused slot from the old connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The worker that accepted or opened the connection.
    pub worker: u16,
    /// Slot in that worker's table.
    pub slot: u32,
    /// Raised each time the slot is used again.
    pub generation: u32,
}

/// A path to one peer: for UDP the listener and the remote address, for streams one connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Transport of this hop.
    pub transport: Transport,
    /// The listener a datagram arrived at and leaves from; for streams the one that stands for our address in Via.
    pub listener: ListenerId,
    /// The peer.
    pub remote: SocketAddr,
    /// The connection; `None` for UDP.
    pub stream: Option<StreamId>,
}

impl Flow {
    /// A UDP flow.
    pub const fn udp(listener: ListenerId, remote: SocketAddr) -> Flow {
        Flow {
            transport: Transport::Udp,
            listener,
            remote,
            stream: None,
        }
    }
}

/// Names who must hear that a transmission failed: a transaction key packed by this crate, or nobody.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransmitToken(pub u64);

impl TransmitToken {
    /// Nobody is told of a failure.
    pub const NONE: TransmitToken = TransmitToken(u64::MAX);
}

/// One message to send: a range of [`TransmitBatch::bytes`] and its flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// Which octets of the batch.
    pub range: Range<usize>,
    /// Who hears of a failure.
    pub token: TransmitToken,
}

/// Messages to send, octets in one buffer that the driver reuses.
#[derive(Debug, Default)]
pub struct TransmitBatch {
    /// The octets of all messages, back to back.
    pub bytes: Vec<u8>,
    /// The messages in sending order.
    pub sends: Vec<Transmit>,
}

impl TransmitBatch {
    /// An empty batch.
    pub fn new() -> TransmitBatch {
        TransmitBatch::default()
    }
    /// Appends a message that `write` adds to the buffer.
    pub fn push_with(
        &mut self,
        flow: Flow,
        token: TransmitToken,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.push_written(start, flow, token)
    }
    /// Appends the message whose octets were added to the buffer from `start` on.
    #[inline(always)]
    pub fn push_written(&mut self, start: usize, flow: Flow, token: TransmitToken) -> Range<usize> {
        let range = start..self.bytes.len();
        self.sends.push(Transmit {
            flow,
            range: range.clone(),
            token,
        });
        range
    }
    /// Appends a copy of `message`.
    pub fn push(&mut self, flow: Flow, token: TransmitToken, message: &[u8]) -> Range<usize> {
        self.push_with(flow, token, |out| out.extend_from_slice(message))
    }
    /// Takes the last message back.
    pub fn drop_last(&mut self) {
        if let Some(last) = self.sends.pop() {
            self.bytes.truncate(last.range.start);
        }
    }
    /// The octets of one transmission.
    pub fn message(&self, transmit: &Transmit) -> &[u8] {
        &self.bytes[transmit.range.clone()]
    }
    /// Forgets all messages, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sends.clear();
    }
    /// True if nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }
}
