//! An element alone, as its driver sees it: inputs and time go in, and after each of them every output is taken out and
//! looked at. Used by the targets `element` and `kemi_arguments`.
//!
//! What is asked of the driver (DNS, journal, errands, connections) is kept until the target answers it; [`Rig::settle`]
//! fails whatever is left, lets all timers run out and sees that nothing is held any more.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use strowger_element::{
    Answer, ConnectId, Element, Ingress, Input, Listener, Output, Query, QueryId, Settings, Shared,
    SourceTable,
};
use strowger_registrar::{
    AddressOfRecord, Binding, BindingParts, LocationLimits, LocationTable, NonceTable, Subscriber,
    SubscriberTable,
};
use strowger_resolve::{Answer as DnsAnswer, DnsCache, Question};
use strowger_routing::ErrandAnswer;
use strowger_sip::{Limits, Message, Now, Time, Transport};
use strowger_transaction::token::Secrets;
use strowger_transaction::{Flow, ListenerId, StreamId, Transmit, TransmitBatch};

use crate::random::hash;
use crate::targets::message::roomy;

/// A message that the element sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// How it was sent.
    pub transmit: Transmit,
    /// The message; `None` if it cannot be read.
    pub message: Option<Arc<Message>>,
}

/// An element and what it waits for.
#[derive(Debug)]
pub struct Rig {
    element: Element,
    ingress: Ingress,
    batch: TransmitBatch,
    now: Time,
    /// Messages sent, the last of them.
    pub sent: VecDeque<Sent>,
    /// Messages given, the last of them, as octets and flow.
    pub given: VecDeque<(Flow, Arc<Message>)>,
    /// Questions to the DNS that have no answer yet.
    pub questions: VecDeque<(QueryId, Question)>,
    /// Queries that have no answer yet.
    pub queries: VecDeque<(QueryId, Query)>,
    /// Connections that are being opened.
    pub connecting: VecDeque<(ConnectId, SocketAddr, Transport)>,
    /// What the element may send must be readable.
    strict: bool,
    trace: u64,
    streams: u32,
}

impl Rig {
    /// Outputs of one call of the element.
    const OUTPUTS: usize = 4_000;
    /// Octets sent in one call of the element.
    const OCTETS: usize = 8 << 20;
    /// Calls of `handle_timeout` at one time.
    const WAKES_AT_ONCE: usize = 2_000;
    /// Calls of `handle_timeout` until nothing is held.
    const WAKES: usize = 20_000;
    /// Virtual time after which nothing may be held.
    const PATIENCE: Duration = Duration::from_secs(4 * 3_600);
    /// Messages kept for targets to refer to.
    const KEPT: usize = 32;

    /// An element with these settings. `strict`: whatever it sends must be a message.
    pub fn new(settings: Settings, strict: bool) -> Rig {
        let settings = Arc::new(settings);
        let secrets = Secrets::new([7; 16]);
        let shared = Arc::new(Shared {
            location: LocationTable::new(LocationLimits::default(), 1),
            subscribers: SubscriberTable::new(2),
            nonces: NonceTable::new(16, 3),
            sources: SourceTable::new([4; 16]),
            dns: DnsCache::new(&settings.resolve, 5),
            scripts: strowger_routing::tables::ScriptTables::new(6),
            sl: strowger_routing::SharedSlStatistics::new(1),
            shard_seed: 7,
        });
        for user in ["alice", "bob"] {
            let account = Subscriber::from_password(user, "example.test", b"secret");
            shared.subscribers.add(account).expect("there is room");
        }
        for (user, contact, remote) in [
            ("bob", "sip:bob@192.0.2.2:5062", "192.0.2.2:5062"),
            ("carol", "sip:carol@phone.example", "192.0.2.3:5060"),
            ("dave", "sip:dave@192.0.2.4;transport=tcp", "192.0.2.4:5060"),
            ("erin", "sip:e1@192.0.2.5", "192.0.2.5:5060"),
            ("erin", "sip:e2@192.0.2.6", "192.0.2.6:5060"),
        ] {
            let aor = AddressOfRecord::new(user.as_bytes(), "example.test");
            let binding = binding(contact, remote.parse().expect("an address"));
            shared.location.restore(&aor, binding);
        }
        let element = Element::new(
            Arc::clone(&settings),
            Arc::clone(&shared),
            secrets,
            0,
            0x5EED,
        );
        Rig {
            element,
            ingress: Ingress::new(settings, shared, secrets),
            batch: TransmitBatch::new(),
            now: Time::from_secs(1),
            sent: VecDeque::new(),
            given: VecDeque::new(),
            questions: VecDeque::new(),
            queries: VecDeque::new(),
            connecting: VecDeque::new(),
            strict,
            trace: 0,
            streams: 0,
        }
    }

    /// Where everybody is: two UDP peers, one over IPv6, two TCP connections.
    pub fn flow(number: usize) -> Flow {
        let udp = |remote: &str, listener| {
            Flow::udp(ListenerId(listener), remote.parse().expect("an address"))
        };
        match number % 5 {
            0 => udp("192.0.2.1:5060", 0),
            1 => udp("192.0.2.2:5062", 0),
            2 => udp("[2001:db8::1]:5060", 2),
            slot => stream("192.0.2.4:5060", slot as u32),
        }
    }

    /// Hash of everything that came out: equal inputs must give equal outputs.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    fn clocks(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: Time::from_secs(1_800_000_000) + Duration::from_nanos(self.now.as_nanos()),
        }
    }

    /// Octets arrive; true if they are a message that was let in.
    pub fn receive(&mut self, flow: Flow, octets: &[u8]) -> bool {
        if !self.ingress.admit(flow.remote, self.now) {
            return false;
        }
        match Message::parse(octets.to_vec(), &self.ingress.limits()) {
            Ok(message) => {
                self.give(flow, Arc::new(message));
                true
            }
            Err(failure) => {
                let mut out = Vec::new();
                if self.ingress.refuse(&failure, &flow, &mut out) {
                    assert!(out.starts_with(b"SIP/2.0 "));
                }
                false
            }
        }
    }

    /// A message that has been read arrives.
    pub fn give(&mut self, flow: Flow, message: Arc<Message>) {
        assert_eq!(self.ingress.shard_for(&message), 0);
        keep(&mut self.given, (flow, Arc::clone(&message)));
        self.input(Input::Received { flow, message });
    }

    /// Anything happens.
    pub fn input(&mut self, input: Input) {
        if let Input::Reconfigure(settings) = &input {
            self.ingress.reconfigure(Arc::clone(settings));
        }
        self.element.handle_input(self.clocks(), input);
        self.drain();
        self.run_due();
    }

    /// Time goes on; what becomes due is run at its time.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..Self::WAKES {
            let Some(due) = self.element.poll_timeout().filter(|due| *due <= until) else {
                break;
            };
            self.now = self.now.max(due);
            self.run_due();
        }
        self.now = self.now.max(until);
        self.run_due();
    }

    /// Time goes on, and the driver was asleep: what became due meanwhile is run at once.
    pub fn stall(&mut self, by: Duration) {
        self.now = self.now + by;
        self.run_due();
    }

    fn run_due(&mut self) {
        for _ in 0..Self::WAKES_AT_ONCE {
            if self.element.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            self.element.handle_timeout(self.clocks());
            self.drain();
        }
        panic!("the element is due again and again at {:?}", self.now);
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        let mut octets = 0;
        while let Some(output) = self.element.poll_output(&mut self.batch) {
            outputs += 1;
            octets += self.batch.bytes.len();
            assert!(outputs <= Self::OUTPUTS, "one input has too many outputs");
            assert!(octets <= Self::OCTETS, "one input has too many octets");
            self.transmissions();
            self.output(output);
        }
        self.transmissions();
    }

    fn transmissions(&mut self) {
        for transmit in core::mem::take(&mut self.batch.sends) {
            let octets = self.batch.bytes[transmit.range.clone()].to_vec();
            self.note(&octets);
            let message = match Message::parse(octets, &roomy()) {
                Ok(message) => Some(Arc::new(message)),
                Err(failure) if self.strict => {
                    let octets = &self.batch.bytes[transmit.range];
                    panic!("{failure} in what was sent: {}", octets.escape_ascii());
                }
                Err(_) => None,
            };
            keep(&mut self.sent, Sent { transmit, message });
        }
        self.batch.clear();
    }

    fn output(&mut self, output: Output) {
        self.note(format!("{output:?}").as_bytes());
        match output {
            Output::Resolve { query, question } => self.questions.push_back((query, question)),
            Output::Query { query, request } => self.queries.push_back((query, request)),
            Output::Connect {
                request,
                remote,
                transport,
                ..
            } => self.connecting.push_back((request, remote, transport)),
            Output::ToShard { shard, message } => {
                assert_eq!(shard, 0, "there is one shard");
                self.element
                    .handle_input(self.clocks(), Input::FromShard(message));
            }
            Output::Transmit | Output::Close { .. } | Output::Event(_) => {}
        }
    }

    fn note(&mut self, octets: &[u8]) {
        self.trace = self.trace.rotate_left(9) ^ hash(octets);
    }

    /// Answers the oldest question.
    pub fn resolve(&mut self, answer: DnsAnswer) {
        if let Some((query, _)) = self.questions.pop_front() {
            self.input(Input::Resolved { query, answer });
        }
    }

    /// Answers the oldest query.
    pub fn complete(&mut self, well: bool) {
        let Some((query, request)) = self.queries.pop_front() else {
            return;
        };
        let answer = match (request, well) {
            (Query::Journal(_), true) => Answer::Journaled,
            (Query::Journal(_), false) => Answer::Failed,
            (Query::Errand(strowger_routing::Errand::Sleep(_)), true) => {
                Answer::Errand(ErrandAnswer::Slept)
            }
            (Query::Errand(strowger_routing::Errand::Http(_)), true) => {
                Answer::Errand(ErrandAnswer::Http {
                    status: 200,
                    body: b"{\"a\":[1,2]}"[..].into(),
                })
            }
            (Query::Errand(_), true) => {
                Answer::Errand(ErrandAnswer::Rows(strowger_routing::SqlRows::default()))
            }
            (Query::Errand(_), false) => Answer::Errand(ErrandAnswer::Failed("no".into())),
        };
        self.input(Input::Completed { query, answer });
    }

    /// Opens the connection that was asked for first, or fails to.
    pub fn connect(&mut self, well: bool) {
        let Some((request, remote, transport)) = self.connecting.pop_front() else {
            return;
        };
        if !well {
            return self.input(Input::ConnectFailed { request });
        }
        self.streams += 1;
        let flow = Flow {
            transport,
            listener: ListenerId(1),
            remote,
            stream: Some(StreamId {
                worker: 1,
                slot: 100 + self.streams,
                generation: 1,
            }),
        };
        self.input(Input::Connected { request, flow });
    }

    /// Fails all that is awaited and lets time run until nothing is held.
    pub fn settle(&mut self) {
        let until = self.now + Self::PATIENCE;
        for _ in 0..Self::WAKES {
            while !self.questions.is_empty() {
                self.resolve(DnsAnswer::Failed);
            }
            while !self.queries.is_empty() {
                self.complete(false);
            }
            while !self.connecting.is_empty() {
                self.connect(false);
            }
            if self.element.is_idle() {
                return;
            }
            let due = self.element.poll_timeout();
            let Some(due) = due.filter(|due| *due <= until) else {
                panic!("something is held, and the next time to wake is {due:?}");
            };
            self.now = self.now.max(due);
            self.run_due();
        }
        panic!("the element does not come to rest");
    }
}

/// Settings with a UDP, a TCP and an IPv6 listener and one domain.
pub fn settings() -> Settings {
    let listener = |transport, address: &str| Listener {
        transport,
        address: address.parse().expect("an address"),
        advertised: None,
    };
    let mut settings = Settings {
        shards: 1,
        listeners: vec![
            listener(Transport::Udp, "192.0.2.254:5060"),
            listener(Transport::Tcp, "192.0.2.254:5060"),
            listener(Transport::Udp, "[2001:db8::fe]:5060"),
        ],
        domains: vec!["example.test".into()],
        durable: true,
        message: Limits::default(),
        ..Settings::default()
    };
    settings.policy.native().auth_required = false;
    settings.policy.native().accept_foreign = true;
    settings.proxy.accept_foreign = true;
    settings
}

fn stream(remote: &str, slot: u32) -> Flow {
    Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote: remote.parse().expect("an address"),
        stream: Some(StreamId {
            worker: 0,
            slot,
            generation: 1,
        }),
    }
}

fn binding(contact: &str, remote: SocketAddr) -> Binding {
    let parts = BindingParts {
        contact: contact.as_bytes(),
        params: b"",
        q: None,
        expires_at: Time::from_secs(100_000),
        updated_at: Time::from_secs(1),
        call_id: b"restored",
        cseq: 1,
        path: b"",
        user_agent: b"",
        flow: Flow::udp(ListenerId(0), remote),
        behind_nat: false,
        flow_lost: false,
        outbound: false,
        branch_hash: 0,
    };
    Binding::new(&parts).expect("its text is short")
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == Rig::KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}
