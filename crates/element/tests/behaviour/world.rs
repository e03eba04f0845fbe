//! A small world for tests of one element: virtual time, messages in and out as text. What the element sends to its own
//! address comes back to it, as it would over the wire.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use strowger_element::{
    Answer, Command, ConnectId, Element, Event, Ingress, Input, Listener, Output, Query, QueryId,
    Settings, Shared, SourceTable,
};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, Subscriber, SubscriberTable};
use strowger_resolve::{Answer as DnsAnswer, DnsCache, Question};
use strowger_sip::{Limits, Message, Now, Time, Transport};
use strowger_transaction::token::{SecretKey, Secrets};
use strowger_transaction::{Flow, ListenerId, StreamId, TransmitBatch, TransmitToken};

pub use crate::draft::{Dialog, Draft, registration, request, response};

pub const DOMAIN: &str = "home.test";
/// The element.
pub const HERE: &str = "192.0.2.10:5060";
pub const ALICE: &str = "192.0.2.1:5060";
pub const BOB: &str = "192.0.2.2:5060";
pub const CAROL: &str = "192.0.2.3:5060";

/// A message that the element sent.
#[derive(Debug)]
pub struct Sent {
    pub flow: Flow,
    pub token: TransmitToken,
    pub message: Message,
}

impl Sent {
    pub fn line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_string()
    }
    pub fn status(&self) -> u16 {
        self.message.status().map_or(0, |status| status.get())
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.message.as_bytes()).into_owned()
    }
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }
    /// The values of all lines of this name.
    pub fn headers(&self, name: &str) -> Vec<String> {
        self.text()
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_string())
            .collect()
    }
}

/// First line and destination of each.
pub fn lines(sent: &[Sent]) -> Vec<String> {
    sent.iter()
        .map(|sent| {
            let over = match sent.flow.stream {
                Some(stream) => format!(" stream {}", stream.slot),
                None => String::new(),
            };
            format!("{} -> {}{over}", sent.line(), sent.flow.remote)
        })
        .collect()
}

/// The responses to somebody, by status.
pub fn statuses_to(sent: &[Sent], remote: &str) -> Vec<u16> {
    sent.iter()
        .filter(|sent| sent.flow.remote == addr(remote) && sent.status() != 0)
        .map(Sent::status)
        .collect()
}

/// The only message of this method, or with this status.
pub fn the<'a>(sent: &'a [Sent], start: &str) -> &'a Sent {
    let found: Vec<_> = sent
        .iter()
        .filter(|sent| {
            let line = sent.line();
            line.starts_with(start) || line.starts_with(&format!("SIP/2.0 {start}"))
        })
        .collect();
    assert_eq!(found.len(), 1, "one {start} in {:?}", lines(sent));
    found[0]
}

pub struct World {
    pub element: Element,
    pub shared: Arc<Shared>,
    pub settings: Arc<Settings>,
    pub now: Now,
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
    pub journal: Vec<(QueryId, Query)>,
    pub questions: Vec<(QueryId, Question)>,
    pub connects: Vec<(ConnectId, SocketAddr, Transport)>,
    /// First lines of what the element sent to itself.
    pub looped: Vec<String>,
    batch: TransmitBatch,
}

pub fn secrets() -> Secrets {
    Secrets {
        current: SecretKey {
            id: 1,
            key: [7; 16],
        },
        previous: None,
    }
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn udp(remote: &str) -> Flow {
    Flow::udp(ListenerId(0), addr(remote))
}

pub fn tcp(remote: &str, slot: u32) -> Flow {
    Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote: addr(remote),
        stream: Some(StreamId {
            worker: 0,
            slot,
            generation: 1,
        }),
    }
}

/// Without authentication; see [`guarded`].
pub fn settings() -> Settings {
    let listener = |transport| Listener {
        transport,
        address: addr(HERE),
        advertised: None,
    };
    let mut settings = Settings {
        shards: 1,
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        domains: vec![DOMAIN.into()],
        ..Settings::default()
    };
    settings.policy.native().auth_required = false;
    settings
}

/// As a server is by default: every request of a local identity is challenged.
pub fn guarded() -> Settings {
    let mut settings = settings();
    settings.policy.native().auth_required = true;
    settings
}

pub fn world_with_bob() -> World {
    with_bob(settings())
}

pub fn with_bob(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.register("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    world
}

impl World {
    pub fn new(settings: Settings) -> World {
        let settings = Arc::new(settings);
        let shared = Arc::new(Shared {
            location: LocationTable::new(LocationLimits::default(), 1),
            subscribers: SubscriberTable::new(4),
            nonces: NonceTable::new(1 << 10, 1),
            sources: SourceTable::new([3; 16]),
            dns: DnsCache::new(&settings.resolve, 5),
            scripts: Default::default(),
            sl: strowger_routing::SharedSlStatistics::new(1),
            shard_seed: 9,
        });
        for user in ["alice", "bob", "carol"] {
            let subscriber = Subscriber::from_password(user, DOMAIN, password(user).as_bytes());
            let _ = shared.subscribers.add(subscriber);
        }
        let now = Now {
            monotonic: Time::from_secs(1),
            wall: Time::from_secs(1_800_000_000),
        };
        let element = Element::new(Arc::clone(&settings), Arc::clone(&shared), secrets(), 0, 11);
        World {
            element,
            shared,
            settings,
            now,
            sent: Vec::new(),
            events: Vec::new(),
            journal: Vec::new(),
            questions: Vec::new(),
            connects: Vec::new(),
            looped: Vec::new(),
            batch: TransmitBatch::new(),
        }
    }

    /// Something happens; what is sent at once comes back.
    pub fn input(&mut self, input: Input) -> Vec<Sent> {
        self.element.handle_input(self.now, input);
        self.drain();
        core::mem::take(&mut self.sent)
    }

    pub fn command(&mut self, command: Command) -> Vec<Sent> {
        self.input(Input::Command(command))
    }

    pub fn ingress(&self) -> Ingress {
        Ingress::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.shared),
            secrets(),
        )
    }

    /// A message arrives; what is sent at once comes back.
    pub fn receive(&mut self, flow: Flow, text: &str) -> Vec<Sent> {
        self.input(Input::Received {
            flow,
            message: Arc::new(parse(text)),
        })
    }

    /// A request arrives from where its Via says.
    pub fn send(&mut self, draft: &Draft) -> Vec<Sent> {
        self.receive(draft.flow, &draft.text())
    }

    /// The peer of `request` answers it.
    pub fn answer(&mut self, request: &Sent, status: &str, tag: &str) -> Vec<Sent> {
        let contact = String::from_utf8_lossy(request.message.request_uri()).into_owned();
        self.receive(request.flow, &response(request, status, tag, &contact))
    }

    fn drain(&mut self) {
        let own: Vec<SocketAddr> = self
            .settings
            .listeners
            .iter()
            .map(|it| it.address)
            .collect();
        let mut looped = VecDeque::new();
        loop {
            while let Some(output) = self.element.poll_output(&mut self.batch) {
                match output {
                    Output::Transmit => {}
                    Output::Event(event) => self.events.push(event),
                    Output::Query { query, request } => self.journal.push((query, request)),
                    Output::Resolve { query, question } => self.questions.push((query, question)),
                    Output::Connect {
                        request,
                        remote,
                        transport,
                        ..
                    } => self.connects.push((request, remote, transport)),
                    Output::Close { .. } => {}
                    Output::ToShard { .. } => unreachable!("there is one shard"),
                }
                for send in &self.batch.sends {
                    let sent = Sent {
                        flow: send.flow,
                        token: send.token,
                        message: parse(&String::from_utf8_lossy(self.batch.message(send))),
                    };
                    if sent.flow.transport == Transport::Udp && own.contains(&sent.flow.remote) {
                        self.looped.push(sent.line());
                        looped.push_back(sent.message);
                    } else {
                        self.sent.push(sent);
                    }
                }
                self.batch.clear();
            }
            let Some(message) = looped.pop_front() else {
                return;
            };
            assert!(
                self.looped.len() < 10_000,
                "the element talks to itself for ever"
            );
            let flow = udp(HERE);
            let message = Arc::new(message);
            let input = Input::Received { flow, message };
            self.element.handle_input(self.now, input);
        }
    }

    /// Time passes; every timer fires at its time. What was sent comes back, each with its time since the start.
    pub fn pass(&mut self, duration: Duration) -> Vec<(Duration, Sent)> {
        let start = self.now.monotonic;
        let end = start + duration;
        let mut sent = Vec::new();
        while let Some(due) = self.element.poll_timeout().filter(|&due| due <= end) {
            let due = due.max(self.now.monotonic);
            self.advance(due);
            self.element.handle_timeout(self.now);
            self.drain();
            let at = due.saturating_since(start);
            sent.extend(self.sent.drain(..).map(|message| (at, message)));
        }
        self.advance(end);
        sent
    }

    /// As [`World::pass`], without the times.
    pub fn pass_seconds(&mut self, seconds: u64) -> Vec<Sent> {
        let sent = self.pass(Duration::from_secs(seconds));
        sent.into_iter().map(|(_, sent)| sent).collect()
    }

    fn advance(&mut self, to: Time) {
        let step = to.saturating_since(self.now.monotonic);
        self.now = Now {
            monotonic: to,
            wall: self.now.wall + step,
        };
    }

    /// The journal answers all it was asked.
    pub fn answer_journal(&mut self, answer: Answer) -> Vec<Sent> {
        let mut sent = Vec::new();
        for (query, _) in core::mem::take(&mut self.journal) {
            sent.extend(self.input(Input::Completed {
                query,
                answer: answer.clone(),
            }));
        }
        sent
    }

    /// The DNS answers the questions asked so far.
    pub fn answer_dns(&mut self, answer: impl Fn(&Question) -> DnsAnswer) -> Vec<Sent> {
        let mut sent = Vec::new();
        for (query, question) in core::mem::take(&mut self.questions) {
            let answer = answer(&question);
            sent.extend(self.input(Input::Resolved { query, answer }));
        }
        sent
    }

    /// The last connection asked for is opened, as this stream.
    pub fn connected(&mut self, slot: u32) -> Vec<Sent> {
        let (request, remote, _) = self.connects.pop().expect("a connection is awaited");
        let flow = tcp(&remote.to_string(), slot);
        self.input(Input::Connected { request, flow })
    }

    pub fn connect_failed(&mut self) -> Vec<Sent> {
        let (request, ..) = self.connects.pop().expect("a connection is awaited");
        self.input(Input::ConnectFailed { request })
    }

    /// What was sent did not arrive.
    pub fn failed(&mut self, sent: &Sent) -> Vec<Sent> {
        self.input(Input::TransmitFailed {
            flow: sent.flow,
            token: sent.token,
            branch: None,
        })
    }

    pub fn closed(&mut self, flow: Flow) -> Vec<Sent> {
        self.input(Input::FlowClosed { flow })
    }

    /// Registers a contact, without credentials.
    pub fn register(&mut self, user: &str, contact: &str, flow: Flow) -> Vec<Sent> {
        self.register_with(user, contact, flow, "")
    }

    /// Registers a contact with parameters, such as `;q=0.5`.
    pub fn register_with(
        &mut self,
        user: &str,
        contact: &str,
        flow: Flow,
        parameters: &str,
    ) -> Vec<Sent> {
        let draft = registration(user, contact, flow).contact(&format!("<{contact}>{parameters}"));
        self.send(&draft)
    }

    /// Registers by digest, whatever the policy asks.
    pub fn register_as_owner(&mut self, user: &str, contact: &str, flow: Flow) -> Vec<Sent> {
        let draft = registration(user, contact, flow);
        let challenged = self.send(&draft);
        let sent = self.send(&draft.authorized(&challenged[0], user, &password(user), 1));
        assert_eq!(sent[0].status(), 200, "{}", sent[0].text());
        sent
    }
}

pub fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec(), &Limits::default())
        .unwrap_or_else(|failure| panic!("{}: {text}", failure.error))
}

pub fn password(user: &str) -> String {
    format!("{user}-secret")
}
