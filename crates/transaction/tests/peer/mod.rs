//! One end of a hop under test: the transactions of a shard, a virtual clock, and the messages they send.
#![allow(dead_code, reason = "each test file uses its part")]

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{
    Host, Limits, Message, Method, Now, StatusCode, Time, Transport, write_response,
};
use strowger_transaction::{
    BranchMode, CancelOutcome, ClientKey, ClientStart, Flow, Home, ListenerId, RequestMatch,
    RespondError, ResponseMatch, Secrets, ServerKey, ShardIdentity, StreamId, TableLimits,
    TimerSettings, TransactionEvent, Transactions, TransmitBatch, TransmitToken,
};

pub const USER: u64 = 77;

/// A message that was sent: when, where to, and what.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Duration,
    pub flow: Flow,
    pub token: TransmitToken,
    pub octets: Vec<u8>,
}

impl Sent {
    pub fn text(&self) -> String {
        String::from_utf8(self.octets.clone()).expect("text")
    }
    pub fn first_line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }
}

pub struct Peer {
    pub transactions: Transactions,
    pub now: Time,
    pub sent: Vec<Sent>,
    pub events: Vec<(Duration, TransactionEvent)>,
    batch: TransmitBatch,
}

pub fn remote() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 5060))
}

pub fn udp() -> Flow {
    Flow::udp(ListenerId(0), remote())
}

pub fn tcp() -> Flow {
    tcp_of(3)
}

/// The connection with this generation.
pub fn tcp_of(generation: u32) -> Flow {
    let stream = Some(StreamId {
        worker: 1,
        slot: 5,
        generation,
    });
    Flow {
        transport: Transport::Tcp,
        stream,
        ..udp()
    }
}

pub fn message(octets: impl Into<Vec<u8>>) -> Message {
    Message::parse(octets.into(), &Limits::default()).expect("valid message")
}

/// A request as another client would send it.
pub fn request(method: &str, branch: &str) -> Message {
    request_with(
        method,
        &format!("SIP/2.0/UDP 192.0.2.9;branch={branch}"),
        "<sip:bob@example.test>",
    )
}

pub fn request_with(method: &str, via: &str, to: &str) -> Message {
    message(format!(
        "{method} sip:bob@example.test SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nTo: {to}\r\n\
         From: <sip:alice@example.test>;tag=9fxced76sl\r\nCall-ID: 3848276298220188511\r\nCSeq: 2 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    ))
}

impl Peer {
    pub fn new() -> Peer {
        Peer::with(TimerSettings::default(), TableLimits::default())
    }

    pub fn with(timers: TimerSettings, limits: TableLimits) -> Peer {
        Peer::with_seed(timers, limits, 42)
    }

    /// A peer as another run of the process would be: same keys, other seed.
    pub fn with_seed(timers: TimerSettings, limits: TableLimits, seed: u64) -> Peer {
        let identity = ShardIdentity {
            home: Home { node: 0, shards: 2 },
            shard: 1,
        };
        Peer {
            transactions: Transactions::new(timers, limits, Secrets::new([9; 16]), identity, seed),
            now: Time::ZERO,
            sent: Vec::new(),
            events: Vec::new(),
            batch: TransmitBatch::new(),
        }
    }

    pub fn now(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: self.now,
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - Time::ZERO
    }

    /// Moves what was sent and what happened into the records.
    pub fn collect(&mut self) {
        for transmit in &self.batch.sends {
            let octets = self.batch.message(transmit).to_vec();
            self.sent.push(Sent {
                at: self.elapsed(),
                flow: transmit.flow,
                token: transmit.token,
                octets,
            });
        }
        self.batch.clear();
        while let Some(event) = self.transactions.poll_event() {
            self.events.push((self.elapsed(), event));
        }
    }

    /// Lets time pass, stopping at every deadline.
    pub fn run_until(&mut self, until: Time) {
        while let Some(next) = self
            .transactions
            .poll_timeout()
            .filter(|next| *next <= until)
        {
            self.now = self.now.max(next);
            let now = self.now();
            self.transactions.handle_timeout(now, &mut self.batch);
            self.collect();
        }
        self.now = until;
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    pub fn start(&mut self, method: &str, flow: Flow) -> ClientKey {
        self.start_with(method, flow, "")
    }

    /// Starts a client transaction whose request has these further header lines.
    pub fn start_with(&mut self, method: &str, flow: Flow, lines: &str) -> ClientKey {
        let client = self.transactions.reserve_client().expect("room");
        let mut branch = Vec::new();
        self.transactions
            .write_branch(client, BranchMode::UserAgentClient, 0, &mut branch);
        let branch = String::from_utf8(branch).expect("text");
        let text = format!(
            "{method} sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/{} 192.0.2.1:5060;branch={branch}\r\n{lines}\
             Max-Forwards: 69\r\nTo: <sip:bob@example.test>\r\nFrom: <sip:alice@example.test>;tag=88sja8x\r\n\
             Call-ID: 987asjd97y7atg\r\nCSeq: 986759 {method}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody",
            flow.transport.as_str(),
        );
        let start = ClientStart {
            method: Method::from_bytes(method.as_bytes()),
            flow,
            user: USER,
            sent_by_host: Host::Name(b"192.0.2.1"),
            sent_by_port: Some(5060),
        };
        let now = self.now();
        let write = |octets: &mut Vec<u8>| octets.extend_from_slice(text.as_bytes());
        assert!(
            self.transactions
                .start_client(now, client, &start, write, &mut self.batch)
        );
        self.collect();
        client
    }

    pub fn receive_response(&mut self, response: &Message) -> ResponseMatch {
        let now = self.now();
        let matched = self
            .transactions
            .receive_response(now, response, &mut self.batch);
        self.collect();
        matched
    }

    pub fn cancel(&mut self, client: ClientKey, extra: &str) -> CancelOutcome {
        let now = self.now();
        let outcome =
            self.transactions
                .cancel_client(now, client, extra.as_bytes(), &mut self.batch);
        self.collect();
        outcome
    }

    pub fn receive_request(&mut self, request: &Message, flow: Flow) -> RequestMatch {
        let now = self.now();
        let matched = self
            .transactions
            .match_request(now, request, &flow, &mut self.batch);
        self.collect();
        matched
    }

    /// Takes in a request that has to be new and creates its transaction.
    pub fn accept(&mut self, request: &Message, flow: Flow) -> ServerKey {
        let RequestMatch::New(key) = self.receive_request(request, flow) else {
            panic!("not new")
        };
        let now = self.now();
        let server =
            self.transactions
                .create_server(now, key, request, &flow, USER, &mut self.batch);
        self.collect();
        server.expect("room")
    }

    pub fn respond(
        &mut self,
        server: ServerKey,
        request: &Message,
        status: u16,
    ) -> Result<(), RespondError> {
        let status = StatusCode::new(status).expect("code");
        let now = self.now();
        let write = |octets: &mut Vec<u8>| {
            write_response(
                octets,
                request,
                remote(),
                status,
                None,
                Some(b"ours"),
                b"",
                None,
            );
        };
        let result = self
            .transactions
            .respond(now, server, status, write, &mut self.batch);
        self.collect();
        result
    }

    pub fn reattach(&mut self, server: ServerKey, flow: Flow) -> bool {
        let attached = self
            .transactions
            .reattach_server(server, &flow, &mut self.batch);
        self.collect();
        attached
    }

    /// When messages with this start were sent.
    pub fn times_of(&self, start: &str) -> Vec<f64> {
        let fits = |sent: &&Sent| sent.octets.starts_with(start.as_bytes());
        self.sent
            .iter()
            .filter(fits)
            .map(|sent| sent.at.as_secs_f64())
            .collect()
    }

    pub fn last(&self) -> &Sent {
        self.sent.last().expect("something was sent")
    }
}

/// A response to `request`, as its receiver would write it.
pub fn response(request: &[u8], status: u16, tag: &str) -> Message {
    let request = message(request);
    let mut octets = Vec::new();
    let status = StatusCode::new(status).expect("code");
    let source = SocketAddr::from(([192, 0, 2, 1], 5060));
    write_response(
        &mut octets,
        &request,
        source,
        status,
        None,
        Some(tag.as_bytes()),
        b"",
        None,
    );
    message(octets)
}

/// The ACK to a failure, as the sender of `request` would write it.
pub fn ack(request: &Message, to_tag: &str) -> Message {
    let text = String::from_utf8(request.as_bytes().to_vec()).expect("text");
    let text = text
        .replacen("INVITE", "ACK", 1)
        .replace(" INVITE\r\n", " ACK\r\n");
    let to = "To: <sip:bob@example.test>";
    message(text.replace(&format!("{to}\r\n"), &format!("{to};tag={to_tag}\r\n")))
}

pub fn cancel_of(request: &Message) -> Message {
    let text = String::from_utf8(request.as_bytes().to_vec()).expect("text");
    message(
        text.replacen("INVITE", "CANCEL", 1)
            .replace(" INVITE\r\n", " CANCEL\r\n"),
    )
}
