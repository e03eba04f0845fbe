//! A small world for tests of one element: virtual time, messages in and out as text.
#![allow(dead_code, reason = "each test file uses a part of it")]

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use strowger_element::{
    Answer, ConnectId, Element, Event, Ingress, Input, Interest, Listener, Output, Query, QueryId,
    Settings, Shared, SourceTable,
};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, Subscriber, SubscriberTable};
use strowger_resolve::{DnsCache, Question};
use strowger_sip::{Limits, Message, Now, Time, Transport};
use strowger_transaction::token::{SecretKey, Secrets};
use strowger_transaction::{Flow, ListenerId, StreamId, TransmitBatch};

pub const DOMAIN: &str = "home.test";

/// A message that the element sent.
#[derive(Debug)]
pub struct Sent {
    pub flow: Flow,
    pub message: Message,
}

impl Sent {
    pub fn line(&self) -> String {
        let text = String::from_utf8_lossy(self.message.as_bytes()).into_owned();
        text.lines().next().unwrap_or_default().to_string()
    }
    pub fn status(&self) -> u16 {
        self.message.status().map_or(0, |status| status.get())
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.message.as_bytes()).into_owned()
    }
    pub fn header(&self, name: &str) -> Option<String> {
        self.message
            .header_raw_name(name.as_bytes())
            .map(|h| String::from_utf8_lossy(h.value).into_owned())
    }
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

pub fn settings() -> Settings {
    let listener = |transport| Listener {
        transport,
        address: addr("192.0.2.10:5060"),
        advertised: None,
    };
    let mut settings = Settings {
        shards: 1,
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        domains: vec![DOMAIN.into()],
        ..Settings::default()
    };
    settings.policy.auth_required = false;
    settings
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
            shard_seed: 9,
        });
        for user in ["alice", "bob", "carol"] {
            let subscriber =
                Subscriber::from_password(user, DOMAIN, format!("{user}-secret").as_bytes());
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
            batch: TransmitBatch::new(),
        }
    }

    pub fn input(&mut self, input: Input) {
        self.element.handle_input(self.now, input);
        self.drain();
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
        let message = Message::parse(text.as_bytes().to_vec(), &Limits::default())
            .unwrap_or_else(|failure| panic!("{}: {text}", failure.error));
        self.input(Input::Received { flow, message });
        core::mem::take(&mut self.sent)
    }

    fn drain(&mut self) {
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
            }
            for send in &self.batch.sends {
                let octets = self.batch.message(send).to_vec();
                let text = String::from_utf8_lossy(&octets).into_owned();
                let message =
                    Message::parse(octets, &Limits::default()).unwrap_or_else(|failure| {
                        panic!("the element sent nonsense, {}: {text}", failure.error)
                    });
                self.sent.push(Sent {
                    flow: send.flow,
                    message,
                });
            }
            self.batch.clear();
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

    fn advance(&mut self, to: Time) {
        let step = to.saturating_since(self.now.monotonic);
        self.now = Now {
            monotonic: to,
            wall: self.now.wall + step,
        };
    }

    pub fn interest(&mut self, interest: Interest) {
        self.input(Input::Command(strowger_element::Command::SetInterest(
            interest.0,
        )));
    }

    pub fn answer_journal(&mut self, answer: Answer) -> Vec<Sent> {
        for (query, _) in core::mem::take(&mut self.journal) {
            self.input(Input::Completed { query, answer });
        }
        core::mem::take(&mut self.sent)
    }

    /// Registers a contact.
    pub fn register(&mut self, user: &str, contact: &str, flow: Flow) -> Vec<Sent> {
        let via = if flow.transport == Transport::Udp {
            "UDP"
        } else {
            "TCP"
        };
        let text = format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/{via} {host};branch=z9hG4bKreg{user}{slot};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{DOMAIN}>;tag=r1\r\nTo: <sip:{user}@{DOMAIN}>\r\nCall-ID: reg-{user}-{contact}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <{contact}>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
            host = contact_host(contact),
            slot = contact.len(),
        );
        self.receive(flow, &text)
    }
}

fn contact_host(contact: &str) -> &str {
    let rest = contact.split_once('@').map_or(contact, |(_, rest)| rest);
    rest.split(';').next().unwrap_or(rest)
}

/// A request from a caller to a local user.
pub fn request(method: &str, from: &str, to: &str, branch: &str, via: &str) -> String {
    format!(
        "{method} sip:{to}@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{from}@{DOMAIN}>;tag=f1\r\nTo: <sip:{to}@{DOMAIN}>\r\nCall-ID: call-{branch}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:{from}@{via}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A response to a request, with a To tag and a Contact.
pub fn response(request: &Sent, status: &str, tag: &str, contact: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.text().lines() {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => text += &format!("{line}\r\n"),
            "To" if line.contains("tag=") => text += &format!("{line}\r\n"),
            "To" => text += &format!("{line};tag={tag}\r\n"),
            _ => {}
        }
    }
    if !contact.is_empty() {
        text += &format!("Contact: <{contact}>\r\n");
    }
    text + "Content-Length: 0\r\n\r\n"
}
