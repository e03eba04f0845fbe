//! Mutated messages over UDP and TCP: valid ones of phones that call each other and the fixtures, mutated by a seed; the
//! phones answer, mutated as well. After every thousand a ping must be answered. The last thousand are kept for a failure.

mod corpus;
mod mutation;
mod streams;

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use strowger_sip::{Limits, Message, Method, StatusCode, write_response};

use crate::options::Options;
use crate::random::Random;
use crate::receive::udp;
use corpus::Corpus;
use streams::Streams;

/// Messages between two pings at most. More often than every thousand: waiting for the answer is what keeps the kernel's
/// queue from overflowing, and what is lost there shows nothing.
const BETWEEN_PINGS: u64 = 250;
/// Messages that may fail to be sent in a run however short; of a longer one, half as many as are to be sent.
const UNSENT_MAX: u64 = 1_000;
/// Messages that are kept.
const KEPT: usize = 1_000;
/// Messages between two looks at what has come.
const BETWEEN_LOOKS: u64 = 16;
/// First interval of a ping's retransmission (T1), and how long it may stay unanswered (64*T1).
const PING_AGAIN: Duration = Duration::from_millis(500);
const PING_PATIENCE: Duration = Duration::from_secs(32);
/// What the Call-ID of a ping begins with.
const PING: &str = "ping-";
/// Longest sleep while a ping is awaited.
const NAP: Duration = Duration::from_micros(100);
/// Percent of the answers of called phones that are mutated.
const ANSWERS_MUTATED: usize = 40;

struct Mutator {
    target: SocketAddr,
    random: Random,
    /// Chance of what is answered, so that the pace of answers does not change what is sent.
    answering: Random,
    corpus: Corpus,
    /// Where requests leave, where phones are called, where answers to a Via without `rport` come.
    caller: UdpSocket,
    called: UdpSocket,
    default: UdpSocket,
    pinger: UdpSocket,
    streams: Streams,
    limits: Limits,
    buffer: Vec<u8>,
    kept: VecDeque<(&'static str, Vec<u8>)>,
    sent: u64,
    sent_streams: u64,
    /// Messages that found their connection closed, or no room.
    unsent: u64,
    answers_sent: u64,
    unmutated: u64,
    octets_sent: u64,
    octets_received: u64,
    datagrams_received: u64,
    pings: u64,
    /// Which ports have the answer to the present ping: the one that only pings, the callers', the phones'.
    pongs: [bool; 3],
    pings_repeated: u64,
    slowest_ping: Duration,
}

/// Sends them all.
pub fn run(options: &Options) -> Result<serde_json::Value, String> {
    let target = options.target()?;
    let count: u64 = options.required("count")?;
    let seed: u64 = options.or("seed", 1)?;
    let percent: usize = options.or("tcp", 20)?;
    let failure: PathBuf = options.or("failure", PathBuf::from("mutate-last-messages.txt"))?;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let open = |address| {
        let socket = udp(address)?;
        socket.set_nonblocking(true).map_err(|e| e.to_string())?;
        Ok::<_, String>(socket)
    };
    let (caller, called) = (open(any)?, open(any)?);
    let own = |socket: &UdpSocket| socket.local_addr().map_err(|error| error.to_string());
    let corpus = Corpus::new(
        options.required("domain")?,
        options.or("users", 20)?,
        own(&caller)?,
        own(&called)?,
        &options.required::<PathBuf>("fixtures")?,
    )?;
    let mut mutator = Mutator {
        target,
        random: Random::new(seed),
        answering: Random::new(!seed),
        corpus,
        caller,
        called,
        // A server there would be the target itself.
        default: open(SocketAddr::from(([127, 0, 0, 1], 5060))).or_else(|_| open(any))?,
        pinger: open(any)?,
        streams: Streams::new(target),
        limits: Limits::default(),
        buffer: vec![0; 65_536],
        kept: VecDeque::with_capacity(KEPT),
        sent: 0,
        sent_streams: 0,
        unsent: 0,
        answers_sent: 0,
        unmutated: 0,
        octets_sent: 0,
        octets_received: 0,
        datagrams_received: 0,
        pings: 0,
        pongs: [false; 3],
        pings_repeated: 0,
        slowest_ping: Duration::ZERO,
    };
    let begun = Instant::now();
    mutator.register_all()?;
    let outcome = mutator.send_all(count, percent);
    let seconds = begun.elapsed().as_secs_f64();
    if let Err(problem) = outcome {
        mutator
            .write_kept(&failure)
            .map_err(|error| format!("{}: {error}", failure.display()))?;
        return Err(format!(
            "{problem}; after {} messages, the last of which are in {}",
            mutator.sent,
            failure.display()
        ));
    }
    Ok(json!({
        "messages": mutator.sent,
        "over_tcp": mutator.sent_streams,
        "unsent": mutator.unsent,
        "answers_of_called": mutator.answers_sent,
        "unmutated": mutator.unmutated,
        "fixtures": mutator.corpus.fixtures(),
        "seconds": seconds,
        "rate": mutator.sent as f64 / seconds.max(1e-9),
        "pings": mutator.pings,
        "pings_repeated": mutator.pings_repeated,
        "slowest_ping_ms": mutator.slowest_ping.as_secs_f64() * 1e3,
        "octets_sent": mutator.octets_sent + mutator.streams.octets_sent,
        "octets_received": mutator.octets_received + mutator.streams.octets_received,
        "datagrams_received": mutator.datagrams_received,
        "connections": mutator.streams.opened,
        "connections_refused": mutator.streams.refused,
        "dialogs": mutator.corpus.dialogs(),
    }))
}

impl Mutator {
    /// Learns nonces and registers every user, unmutated.
    fn register_all(&mut self) -> Result<(), String> {
        let mut message = Vec::new();
        for round in 0..200 {
            let with = self.corpus.nonces() >= corpus::NONCES;
            message.clear();
            self.corpus.register(round % 20, "UDP", with, &mut message);
            self.transmit(&message);
            self.unmutated += 1;
            let until = Instant::now() + Duration::from_millis(20);
            while Instant::now() < until {
                self.receive();
                std::thread::sleep(Duration::from_millis(1));
            }
            if with && round >= corpus::NONCES + 40 {
                return Ok(());
            }
        }
        Err("the server sends no challenges".to_owned())
    }

    fn send_all(&mut self, count: u64, percent: usize) -> Result<(), String> {
        let mut message = Vec::new();
        while self.sent < count {
            let stream = self.random.chance(percent);
            let transport = if stream { "TCP" } else { "UDP" };
            self.corpus.write(&mut self.random, transport, &mut message);
            let other = match self.kept.get(self.random.below(self.kept.len())) {
                Some((_, other)) => other.as_slice(),
                None => b"",
            };
            mutation::mutate(&mut self.random, &mut message, other);
            self.keep(transport, &message);
            // A connection that the server has closed, as it must after nonsense, takes no more: then it does not count.
            let sent = match stream {
                true => self.streams.send(&message),
                false => self.transmit(&message),
            };
            self.sent += u64::from(sent);
            self.sent_streams += u64::from(sent && stream);
            self.unsent += u64::from(!sent);
            if self.unsent > UNSENT_MAX.max(count / 2) {
                return Err(format!("{} messages could not be sent", self.unsent));
            }
            if self.sent.is_multiple_of(BETWEEN_LOOKS) {
                self.receive();
            }
            if self.sent >= (self.pings + 1) * BETWEEN_PINGS {
                self.ping()?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, transport: &'static str, message: &[u8]) {
        // The buffer of the oldest is used again.
        let mut place = match self.kept.len() < KEPT {
            true => Vec::new(),
            false => self.kept.pop_front().unwrap_or_default().1,
        };
        place.clear();
        place.extend_from_slice(message);
        self.kept.push_back((transport, place));
    }

    /// True if it left.
    fn transmit(&mut self, message: &[u8]) -> bool {
        // An error is the report of an earlier datagram, or no room: a datagram may be lost.
        let sent = self.caller.send_to(message, self.target).is_ok()
            || self.caller.send_to(message, self.target).is_ok();
        self.octets_sent += if sent { message.len() as u64 } else { 0 };
        sent
    }

    /// Takes what has come everywhere, and lets called phones answer.
    fn receive(&mut self) {
        self.streams.receive();
        while let Some(length) = self.take(|own| &own.caller) {
            if let Some(message) = self.parsed(length) {
                match message.is_response() {
                    true => {
                        self.pong(1, &message);
                        self.corpus.learn(&message, &mut self.answering);
                    }
                    false => self.answer(&message, false),
                }
            }
        }
        while let Some(length) = self.take(|own| &own.called) {
            if let Some(message) = self.parsed(length) {
                match message.is_response() {
                    true => self.pong(2, &message),
                    false => self.answer(&message, true),
                }
            }
        }
        while let Some(length) = self.take(|own| &own.pinger) {
            if let Some(message) = self.parsed(length).filter(Message::is_response) {
                self.pong(0, &message);
            }
        }
        while self.take(|own| &own.default).is_some() {}
    }

    fn take(&mut self, from: impl Fn(&Mutator) -> &UdpSocket) -> Option<usize> {
        let mut buffer = std::mem::take(&mut self.buffer);
        // Errors are reports of earlier datagrams; each is told once.
        let mut outcome = None;
        for _ in 0..64 {
            match from(self).recv_from(&mut buffer) {
                Ok((length, _)) => {
                    outcome = Some(length);
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => {}
            }
        }
        self.buffer = buffer;
        if let Some(length) = outcome {
            self.octets_received += length as u64;
            self.datagrams_received += 1;
        }
        outcome
    }

    fn parsed(&self, length: usize) -> Option<Message> {
        Message::parse(self.buffer.get(..length)?.to_vec(), &self.limits).ok()
    }

    /// A phone answers a request of the server's: rings, accepts, refuses, redirects, or stays silent.
    fn answer(&mut self, request: &Message, is_called: bool) {
        let statuses: &[u16] = match request.method() {
            Method::Ack => return,
            Method::Invite => match self.answering.below(12) {
                0..5 => &[180, 200],
                5 => &[100],
                6 => &[183, 486],
                7 => &[302],
                8 => &[603],
                9 => &[503],
                10 => &[200, 200, 486],
                _ => &[],
            },
            _ => match self.answering.below(10) {
                0..7 => &[200],
                7 => &[481],
                8 => &[100, 500],
                _ => &[],
            },
        };
        let socket_address = match is_called {
            true => self.called.local_addr(),
            false => self.caller.local_addr(),
        };
        let Ok(own) = socket_address else { return };
        let tag = format!("t{}", self.answers_sent);
        let contact = format!("Contact: <sip:m{}@{own}>\r\n", self.answering.below(20));
        let session: Option<(&[u8], &[u8])> = match request.method() {
            Method::Invite => Some((b"application/sdp", b"v=0\r\n")),
            _ => None,
        };
        for status in statuses {
            let Some(status) = StatusCode::new(*status) else {
                continue;
            };
            let mut out = Vec::new();
            let body = session.filter(|_| status == StatusCode::OK);
            write_response(
                &mut out,
                request,
                self.target,
                status,
                None,
                Some(tag.as_bytes()),
                contact.as_bytes(),
                body,
            );
            if !self.answering.chance(ANSWERS_MUTATED) {
                self.unmutated += 1;
            } else {
                mutation::mutate(&mut self.answering, &mut out, request.as_bytes());
                self.keep("UDP", &out);
                self.sent += 1;
            }
            let socket = if is_called {
                &self.called
            } else {
                &self.caller
            };
            if socket.send_to(&out, self.target).is_ok()
                || socket.send_to(&out, self.target).is_ok()
            {
                self.octets_sent += out.len() as u64;
                self.answers_sent += 1;
            }
        }
    }

    /// An OPTIONS to the server from each port; all must be answered, while everything else goes on being read. A server
    /// has a queue for each of our ports: what they have sent before is done with then.
    fn ping(&mut self) -> Result<(), String> {
        self.pings += 1;
        self.pongs = [false; 3];
        let (number, target) = (self.pings, self.target);
        let begun = Instant::now();
        let mut again = begun;
        let mut interval = PING_AGAIN;
        let mut times = 0_u64;
        loop {
            let now = Instant::now();
            if now > begun + PING_PATIENCE {
                return Err(format!("ping {number} was not answered"));
            }
            if now >= again {
                let sockets = [&self.pinger, &self.caller, &self.called];
                for (which, socket) in sockets.into_iter().enumerate() {
                    if self.pongs.get(which) == Some(&true) {
                        continue;
                    }
                    let own = socket.local_addr().map_err(|error| error.to_string())?;
                    let message = format!(
                        "OPTIONS sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKping{number};rport\r\n\
                         Max-Forwards: 70\r\nFrom: <sip:ping@ping.invalid>;tag={number}\r\nTo: <sip:{target}>\r\n\
                         Call-ID: {PING}{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                    );
                    // The report of an earlier datagram may stand in the way once.
                    if socket.send_to(message.as_bytes(), target).is_err() {
                        _ = socket.send_to(message.as_bytes(), target);
                    }
                    self.unmutated += 1;
                    self.pings_repeated += u64::from(times > 0);
                }
                times += 1;
                again = now + interval;
                interval *= 2;
            }
            self.receive();
            if self.pongs == [true; 3] {
                self.slowest_ping = self.slowest_ping.max(begun.elapsed());
                return Ok(());
            }
            std::thread::sleep(NAP);
        }
    }

    /// Takes note if `response` answers the present ping, which left from this port.
    fn pong(&mut self, which: usize, response: &Message) {
        let number = response.call_id().strip_prefix(PING.as_bytes());
        if number == Some(self.pings.to_string().as_bytes())
            && let Some(pong) = self.pongs.get_mut(which)
        {
            *pong = true;
        }
    }

    fn write_kept(&self, path: &std::path::Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for (transport, message) in &self.kept {
            writeln!(file, "{transport} {}", message.escape_ascii())?;
        }
        file.flush()
    }
}
