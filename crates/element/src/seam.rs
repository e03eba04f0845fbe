//! The seam between the element and whoever drives it: `net` in production, `sim` in tests.
//!
//! The caller hands in [`Input`]s, drains [`Output`]s to `None` after every call, and calls
//! `handle_timeout` when `poll_timeout` is due.

use std::net::SocketAddr;
use std::sync::Arc;

use strowger_registrar::LocationChange;
use strowger_resolve::{Answer as DnsAnswer, Question};
use strowger_sip::{Message, Transport};
use strowger_transaction::{Flow, ListenerId, TransmitToken};

use crate::admission::Admission;
use crate::event::Event;
use crate::settings::Settings;

/// Names a parked run; returned with the answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub u64);

/// Names a connection that is being opened; returned with the outcome.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectId(pub u64);

/// What a driver tells the element.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every input is a message, and a box would be one more allocation"
)]
pub enum Input {
    /// A parsed message, with the flow it came on.
    Received {
        /// Where it came from.
        flow: Flow,
        /// The message.
        message: Arc<Message>,
    },
    /// A connection asked for by [`Output::Connect`] is open (or was already).
    Connected {
        /// The request's name.
        request: ConnectId,
        /// The flow to use.
        flow: Flow,
    },
    /// A connection asked for could not be opened in time.
    ConnectFailed {
        /// The request's name.
        request: ConnectId,
    },
    /// A message could not be sent, or an ICMP error came back for it.
    TransmitFailed {
        /// The flow it was sent on.
        flow: Flow,
        /// The token of the transmission; `NONE` when the driver only knows the message (ICMP quoting).
        token: TransmitToken,
        /// The branch of the topmost Via of the quoted message, for ICMP errors.
        branch: Option<Box<[u8]>>,
    },
    /// A connection is gone.
    FlowClosed {
        /// The flow that ended.
        flow: Flow,
    },
    /// The answer to a DNS question.
    Resolved {
        /// The query's name.
        query: QueryId,
        /// What the DNS said.
        answer: DnsAnswer,
    },
    /// The answer to a [`Query`].
    Completed {
        /// The query's name.
        query: QueryId,
        /// The outcome.
        answer: Answer,
    },
    /// Another shard has something to say.
    FromShard(ShardMessage),
    /// New settings, validated as a whole.
    Reconfigure(Arc<Settings>),
    /// An operator's order.
    Command(Command),
}

/// Orders from an operator (administration interface, signals).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Remove all bindings of an address of record (canonical form). Goes to the shard of that address of record.
    DropBindings {
        /// Canonical address of record, `sip:user@host`.
        aor: Box<str>,
    },
    /// Change the events this shard builds (bits of [`crate::event::Interest`]).
    SetInterest(u32),
    /// Change what of the new is let in.
    SetAdmission(Admission),
}

/// What shards say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardMessage {
    /// A suspended request goes on in a function of the program.
    Continue {
        /// Its number.
        number: u64,
        /// The function.
        hook: strowger_routing::HookName,
    },
}

/// What a parked run waits for, apart from DNS.
#[derive(Debug, Clone)]
pub enum Query {
    /// Make a change of bindings durable, as far as the durability setting asks.
    Journal(LocationChange),
    /// Run an errand of a program.
    Errand(strowger_routing::Errand),
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The change is as durable as asked.
    Journaled,
    /// The change could not be made durable; it must not become visible.
    Failed,
    /// What came of an errand.
    Errand(strowger_routing::ErrandAnswer),
}

/// What the element asks of its driver.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "events are built rarely and moved once"
)]
pub enum Output {
    /// Send the messages that were appended to the batch since the last call.
    Transmit,
    /// Open a connection, or find the one that is open.
    Connect {
        /// Name to return.
        request: ConnectId,
        /// The peer.
        remote: SocketAddr,
        /// Its transport.
        transport: Transport,
        /// The listener whose local address to prefer.
        listener: ListenerId,
    },
    /// Close a connection.
    Close {
        /// The connection's flow.
        flow: Flow,
    },
    /// Ask the DNS.
    Resolve {
        /// Name to return.
        query: QueryId,
        /// What to ask.
        question: Question,
    },
    /// Ask a service that may take time.
    Query {
        /// Name to return.
        query: QueryId,
        /// What to ask.
        request: Query,
    },
    /// Tell another shard of this element.
    ToShard {
        /// The shard.
        shard: u16,
        /// What to tell it.
        message: ShardMessage,
    },
    /// Something worth telling, built only if somebody's interest mask asks for it.
    Event(Event),
}
