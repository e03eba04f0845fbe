//! The seam's vocabulary.
//!
//! A stand-in with the shapes of `strowger_element::seam` until that crate publishes them.

use std::net::SocketAddr;

use strowger_sip::{Message, Transport};
use strowger_transaction::{Flow, ListenerId, TransmitToken};

/// Names a parked run; returned with the answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u64);
/// Names a connection that is being opened; returned with the outcome.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectId(pub u64);
/// Stand-in.
pub type DnsAnswer = u8;
/// Stand-in.
pub type Question = u8;
/// Stand-in.
pub type Event = u8;
/// Stand-in.
pub type Query = u8;
/// Stand-in.
pub type Answer = u8;

/// What a driver tells the element.
#[derive(Debug)]
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Input {
    Received {
        flow: Flow,
        message: Message,
    },
    Connected {
        request: ConnectId,
        flow: Flow,
    },
    ConnectFailed {
        request: ConnectId,
    },
    TransmitFailed {
        flow: Flow,
        token: TransmitToken,
        branch: Option<Box<[u8]>>,
    },
    FlowClosed {
        flow: Flow,
    },
    Resolved {
        query: QueryId,
        answer: DnsAnswer,
    },
    Completed {
        query: QueryId,
        answer: Answer,
    },
}

/// What the element asks of its driver.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Output {
    Transmit,
    Connect {
        request: ConnectId,
        remote: SocketAddr,
        transport: Transport,
        listener: ListenerId,
    },
    Close {
        flow: Flow,
    },
    Resolve {
        query: QueryId,
        question: Question,
    },
    Query {
        query: QueryId,
        request: Query,
    },
    Event(Event),
}
