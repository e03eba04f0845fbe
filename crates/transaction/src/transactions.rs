//! The transactions of one shard: tables, matching, timers and events around the four machines (RFC 3261 §17).
//!
//! The user (proxy core, registrar, user agent) gives each transaction a number, `user`, which comes back with
//! whatever happens to it. Events wait in a queue; the caller drains [`Transactions::poll_event`] after every call.
//! A transaction that ends by itself says so in exactly one event: terminated, timed out, or transport error for
//! clients. A server transaction survives transport errors (RFC 6026 §8.8).

mod client;
mod kept;
mod sent_by;
mod server;
mod survivors;

pub use client::{CancelOutcome, ClientStart, ResponseMatch, Stray};
pub use server::{RequestMatch, RespondError};

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use strowger_sip::{Now, Time};

use crate::counters::TransactionCounters;
use crate::flow::{Flow, StreamId, TransmitBatch, TransmitToken};
use crate::key_index::KeyIndex;
use crate::machine::{Alarm, Context};
use crate::request_key::{KeyMaker, first_generation};
use crate::settings::{TableLimits, TimerSettings};
use crate::slots::{GENERATION_MASK, SlotKey, Slots};
use crate::survivors::Survivors;
use crate::token::{Home, Secrets};
use crate::wheel::{TimerKey, TimerWheel};
use client::Client;
use sent_by::{SentByHashes, WrittenSentBy};
use server::{LegacyTags, Server};

/// Names a server transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub(crate) SlotKey);

/// Names a client transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub(crate) SlotKey);

const SERVER_BIT: u64 = 1 << 63;

fn pack(key: SlotKey) -> u64 {
    u64::from(key.generation & GENERATION_MASK) << 32 | u64::from(key.slot)
}

impl ServerKey {
    /// The token of what this transaction sends.
    pub fn token(self) -> TransmitToken {
        TransmitToken(pack(self.0) | SERVER_BIT)
    }
}

impl ClientKey {
    /// The token of what this transaction sends.
    pub fn token(self) -> TransmitToken {
        TransmitToken(pack(self.0))
    }
}

/// A table is full; the limit is in [`TableLimits`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TableFull;

impl core::fmt::Display for TableFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the table of transactions is full")
    }
}

impl core::error::Error for TableFull {}

/// What happened to a transaction by itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are the key and the user's number everywhere"
)]
pub enum TransactionEvent {
    /// Nobody answered in time: timer B or F, or 64*T1 after CANCEL. The transaction is gone.
    ClientTimeout { client: ClientKey, user: u64 },
    /// The request could not be sent, or its connection closed before the final response. The transaction is gone.
    ClientTransportError { client: ClientKey, user: u64 },
    /// The transaction ended after its final response.
    ClientTerminated { client: ClientKey, user: u64 },
    /// No ACK came to a failure (timer H), or the user never answered a non-INVITE request. The transaction is gone.
    ServerTimeout { server: ServerKey, user: u64 },
    /// A response could not be sent. The transaction stays; [`Transactions::reattach_server`] gives it another flow.
    ServerTransportError { server: ServerKey, user: u64 },
    /// The transaction ended after its final response.
    ServerTerminated { server: ServerKey, user: u64 },
}

/// Who is told of a timer: a slot, and whether it is a server's.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Owner(u32);

impl Owner {
    const SERVER: u32 = 1 << 31;
}

/// No timer is armed.
const NO_TIMER: TimerKey = SlotKey {
    slot: u32::MAX,
    generation: 0,
};

/// Where a shard stands: what goes into its branches.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ShardIdentity {
    /// Node and number of shards.
    pub home: Home,
    /// This shard.
    pub shard: u8,
}

/// The transactions of one shard.
#[derive(Debug)]
pub struct Transactions {
    timers: TimerSettings,
    limits: TableLimits,
    secrets: Secrets,
    identity: ShardIdentity,
    keys: KeyMaker,
    sent_by_read: SentByHashes,
    sent_by_written: WrittenSentBy,
    servers: Slots<Server>,
    server_index: KeyIndex,
    clients: Slots<Client>,
    wheel: TimerWheel<Owner>,
    events: VecDeque<TransactionEvent>,
    /// CANCEL transactions by the INVITE they are for: they share its branch.
    cancels: HashMap<SlotKey, SlotKey, FixedState>,
    /// Header lines of CANCELs that wait for a provisional response.
    held_cancels: HashMap<SlotKey, Box<[u8]>, FixedState>,
    /// What RFC 2543 matching compares besides the key, by server slot.
    legacy: HashMap<u32, LegacyTags, FixedState>,
    streams: HashMap<StreamId, StreamUsers, FixedState>,
    counters: TransactionCounters,
    left_servers: Survivors,
    left_clients: Survivors,
}

/// Who sends on a connection. Ended transactions are swept out when the list has doubled.
#[derive(Debug, Default)]
struct StreamUsers {
    tokens: Vec<TransmitToken>,
    sweep_at: usize,
}

impl Transactions {
    /// Timers handled by one call of [`Transactions::handle_timeout`]; the rest stays due for the next call.
    pub const TIMERS_PER_CALL_MAX: usize = 4096;

    /// Tables of one shard. `seed` must be secret and differ between shards and between runs: branches outlive a
    /// restart with their keys, and a late response to a request of the run before must not find a request of this one.
    pub fn new(
        timers: TimerSettings,
        limits: TableLimits,
        secrets: Secrets,
        identity: ShardIdentity,
        seed: u64,
    ) -> Transactions {
        let hasher = FixedState::with_seed(seed);
        let keys = KeyMaker::new(&secrets.current);
        let first_generation = first_generation(seed);
        Transactions {
            timers,
            limits,
            secrets,
            identity,
            keys,
            sent_by_read: SentByHashes::default(),
            sent_by_written: WrittenSentBy::default(),
            servers: Slots::beginning_at(first_generation),
            server_index: KeyIndex::new(),
            clients: Slots::beginning_at(first_generation),
            wheel: TimerWheel::new(),
            events: VecDeque::new(),
            cancels: HashMap::with_hasher(hasher.clone()),
            held_cancels: HashMap::with_hasher(hasher.clone()),
            legacy: HashMap::with_hasher(hasher.clone()),
            streams: HashMap::with_hasher(hasher),
            counters: TransactionCounters::default(),
            left_servers: Survivors::default(),
            left_clients: Survivors::default(),
        }
    }

    /// Takes new settings; timers that run keep their deadline.
    pub fn reconfigure(&mut self, timers: TimerSettings, limits: TableLimits) {
        self.timers = timers;
        self.limits = limits;
    }

    /// The secrets in use.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The counters.
    pub fn counters(&self) -> &TransactionCounters {
        &self.counters
    }

    /// Server transactions held.
    pub fn server_count(&self) -> usize {
        self.servers.len()
    }

    /// Client transactions held, reserved ones and CANCELs included.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// When [`Transactions::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.wheel.next_deadline()
    }

    /// What happened since, oldest first.
    pub fn poll_event(&mut self) -> Option<TransactionEvent> {
        self.events.pop_front()
    }

    /// Fires the timers that are due, at most [`Transactions::TIMERS_PER_CALL_MAX`].
    pub fn handle_timeout(&mut self, now: Now, out: &mut TransmitBatch) {
        for _ in 0..Self::TIMERS_PER_CALL_MAX {
            let Some((_, owner)) = self.wheel.pop_due(now.monotonic) else {
                return;
            };
            if owner.0 & Owner::SERVER != 0 {
                self.server_timer(now, owner.0 & !Owner::SERVER, out);
            } else {
                self.client_timer(now, owner.0, out);
            }
        }
        self.counters.timeout_calls_cut += 1;
    }

    /// Something that was sent with this token did not arrive: a send error, or an ICMP error that the driver could
    /// assign.
    pub fn transmit_failed(&mut self, token: TransmitToken) {
        if token == TransmitToken::NONE {
            return;
        }
        let slot = token.0 as u32;
        let generation = (token.0 >> 32) as u32 & GENERATION_MASK;
        let key = SlotKey { slot, generation };
        let stream = if token.0 & SERVER_BIT != 0 {
            let flow = self.server_flow(ServerKey(key));
            self.server_transport_error(key);
            flow
        } else {
            let flow = self.client_flow(ClientKey(key));
            self.client_transport_error(key);
            flow
        }
        .and_then(|flow| flow.stream);
        if let Some(stream) = stream {
            self.forget_idle_stream(stream);
        }
    }

    /// A connection that had closed before it was used is not told of again: what was noted of it must go by itself.
    fn forget_idle_stream(&mut self, stream: StreamId) {
        let Some(users) = self.streams.get_mut(&stream) else {
            return;
        };
        if users.tokens.len() > StreamUsers::SWEEP_MIN {
            return;
        }
        let (servers, clients) = (&self.servers, &self.clients);
        users.sweep(servers, clients);
        if users.tokens.is_empty() {
            self.streams.remove(&stream);
        }
    }

    /// Connections of which is known who sends on them.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// An ICMP error quoted a message whose topmost Via has this branch. Only branches of ours say anything: the
    /// requests that we sent.
    pub fn transmit_failed_branch(&mut self, branch: &[u8]) {
        if let Some(key) = self.client_of_branch(branch) {
            self.client_transport_error(key);
        }
    }

    /// A connection is gone. Clients that wait for a response end with an error; servers keep what they have to say.
    pub fn flow_closed(&mut self, flow: &Flow) {
        let Some(users) = flow.stream.and_then(|stream| self.streams.remove(&stream)) else {
            return;
        };
        for token in users.tokens {
            if token.0 & SERVER_BIT != 0 {
                let key = SlotKey {
                    slot: token.0 as u32,
                    generation: (token.0 >> 32) as u32 & GENERATION_MASK,
                };
                self.server_flow_closed(key, flow);
            } else {
                self.transmit_failed(token);
            }
        }
    }

    /// Sets or stops a transaction's timer.
    fn set_alarm(wheel: &mut TimerWheel<Owner>, timer: &mut TimerKey, owner: Owner, alarm: Alarm) {
        match alarm {
            Alarm::Keep => {}
            Alarm::At(deadline) => {
                if !wheel.rearm(*timer, deadline) {
                    *timer = wheel.arm(deadline, owner);
                }
            }
            Alarm::Stop => {
                wheel.cancel(*timer);
                *timer = NO_TIMER;
            }
        }
    }

    fn context(timers: &TimerSettings, now: Now, reliable: bool) -> Context<'_> {
        Context {
            now: now.monotonic,
            reliable,
            timers,
        }
    }

    /// Remembers who sends on a connection, so that its end finds them.
    fn note_stream(&mut self, stream: Option<StreamId>, token: TransmitToken) {
        let Some(stream) = stream else { return };
        let users = self.streams.entry(stream).or_default();
        if users.tokens.len() >= users.sweep_at.max(StreamUsers::SWEEP_MIN) {
            users.sweep(&self.servers, &self.clients);
            users.sweep_at = users.tokens.len() * 2;
        }
        users.tokens.push(token);
    }
}

impl StreamUsers {
    const SWEEP_MIN: usize = 32;

    /// Leaves out transactions that have ended.
    fn sweep(&mut self, servers: &Slots<Server>, clients: &Slots<Client>) {
        self.tokens.retain(|token| {
            let key = SlotKey {
                slot: token.0 as u32,
                generation: (token.0 >> 32) as u32 & GENERATION_MASK,
            };
            if token.0 & SERVER_BIT != 0 {
                servers.get(key).is_some()
            } else {
                clients.get(key).is_some()
            }
        });
    }
}

#[cfg(test)]
mod tests;
