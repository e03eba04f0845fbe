//! A small shard that answers every request with 200, tells the test what it was given, and does what it is told.
#![allow(dead_code)] // Each test program uses a part.

use std::collections::VecDeque;
use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use strowger_net::seam::{ConnectId, Event, Input, Output, Query, QueryId, Question};
use strowger_net::{
    BindError, Driver, Ingress, ListenerSettings, NetCounters, NetSettings, PanicReport, Running,
    Server, Services, Shard,
};
use strowger_sip::{
    Limits, Message, Method, Now, ParseFailure, StatusCode, Time, Transport, write_response,
};
use strowger_transaction::{Flow, ListenerId, TransmitBatch, TransmitToken};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Input to a shard, as the test sees it.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Received {
        shard: u16,
        flow: Flow,
        call_id: Vec<u8>,
    },
    Connected {
        shard: u16,
        request: ConnectId,
        flow: Flow,
    },
    ConnectFailed {
        shard: u16,
        request: ConnectId,
    },
    TransmitFailed {
        shard: u16,
        flow: Flow,
        token: TransmitToken,
        branch: Option<Vec<u8>>,
    },
    FlowClosed {
        shard: u16,
        flow: Flow,
    },
    Timeout {
        shard: u16,
    },
    Other {
        shard: u16,
    },
    Panicked {
        shard: u16,
        report: PanicReport,
    },
    Rests {
        shard: u16,
    },
}

/// What a shard is told to do with its next input.
pub enum Order {
    Connect {
        request: ConnectId,
        remote: SocketAddr,
    },
    Send {
        flow: Flow,
        token: TransmitToken,
        octets: Vec<u8>,
    },
    Close {
        flow: Flow,
    },
    TimerAfter(Duration),
    Resolve(QueryId, Question),
}

type Orders = Arc<Vec<Mutex<VecDeque<Order>>>>;

struct Toy {
    shard: u16,
    seen: Sender<Seen>,
    orders: Orders,
    outputs: VecDeque<Output>,
    sends: VecDeque<(Flow, TransmitToken, Vec<u8>)>,
    timer: Option<Time>,
    /// Panics when it is asked for its deadline.
    sick: bool,
}

impl Toy {
    fn take_orders(&mut self, now: Now) {
        let orders: Vec<Order> = self.orders[usize::from(self.shard)]
            .lock()
            .unwrap()
            .drain(..)
            .collect();
        for order in orders {
            match order {
                Order::Connect { request, remote } => self.outputs.push_back(Output::Connect {
                    request,
                    remote,
                    transport: Transport::Tcp,
                    listener: ListenerId(0),
                }),
                Order::Send {
                    flow,
                    token,
                    octets,
                } => self.sends.push_back((flow, token, octets)),
                Order::Close { flow } => self.outputs.push_back(Output::Close { flow }),
                Order::TimerAfter(duration) => self.timer = Some(now.monotonic + duration),
                Order::Resolve(query, question) => {
                    self.outputs.push_back(Output::Resolve { query, question })
                }
            }
        }
    }
}

impl Shard for Toy {
    fn handle_input(&mut self, now: Now, input: Input) {
        let shard = self.shard;
        let seen = match input {
            Input::Received { flow, message } => {
                assert!(message.method() != Method::Extension(b"PANIC"), "told to");
                self.sick = message.method() == Method::Extension(b"SICKEN");
                if message.is_request() {
                    let mut answer = Vec::new();
                    write_response(
                        &mut answer,
                        &message,
                        flow.remote,
                        StatusCode::OK,
                        None,
                        Some(b"t"),
                        b"",
                        None,
                    );
                    self.sends.push_back((flow, TransmitToken(7), answer));
                }
                Seen::Received {
                    shard,
                    flow,
                    call_id: message.call_id().to_vec(),
                }
            }
            Input::Connected { request, flow } => Seen::Connected {
                shard,
                request,
                flow,
            },
            Input::ConnectFailed {
                request: ConnectId(0),
            } => {
                self.take_orders(now);
                return;
            }
            Input::ConnectFailed { request } => Seen::ConnectFailed { shard, request },
            Input::TransmitFailed {
                flow,
                token,
                branch,
            } => Seen::TransmitFailed {
                shard,
                flow,
                token,
                branch: branch.map(Vec::from),
            },
            Input::FlowClosed { flow } => Seen::FlowClosed { shard, flow },
            _ => Seen::Other { shard },
        };
        let _ = self.seen.send(seen);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.timer.is_some_and(|at| at <= now.monotonic) {
            self.timer = None;
            let _ = self.seen.send(Seen::Timeout { shard: self.shard });
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        assert!(!self.sick, "told to");
        self.timer
    }

    fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output> {
        if let Some((flow, token, octets)) = self.sends.pop_front() {
            batch.push(flow, token, &octets);
            return Some(Output::Transmit);
        }
        self.outputs.pop_front()
    }
}

/// Finds shards by the number at the end of the Call-ID or of the branch.
struct ToyIngress {
    shards: u16,
    trusted: bool,
}

fn number_at_end(text: &[u8]) -> Option<u16> {
    let digit = text.last().filter(|octet| octet.is_ascii_digit())?;
    Some(u16::from(digit - b'0'))
}

impl Ingress for ToyIngress {
    fn admit(&self, _: &SocketAddr, _: Now) -> bool {
        true
    }
    fn trusts(&self, _: &SocketAddr) -> bool {
        self.trusted
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn shard_for(&self, message: &Message, _: &Flow) -> Option<u16> {
        number_at_end(message.call_id()).map(|number| number % self.shards)
    }
    fn shard_for_branch(&self, branch: &[u8]) -> Option<u16> {
        number_at_end(branch).map(|number| number % self.shards)
    }
    fn refuse(&self, failure: &ParseFailure, _: &Flow, _: Now, out: &mut Vec<u8>) -> bool {
        let _ = failure;
        out.extend_from_slice(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        true
    }
    fn give_up(
        &self,
        request: &Message,
        flow: &Flow,
        status: StatusCode,
        out: &mut Vec<u8>,
    ) -> bool {
        let tag = Some(&b"t"[..]);
        write_response(out, request, flow.remote, status, None, tag, b"", None);
        true
    }
}

/// Answers every question at once, from inside the call.
struct ToyServices {
    driver: Weak<Driver>,
    seen: Sender<Seen>,
}

impl Services for ToyServices {
    fn resolve(&self, shard: u16, query: QueryId, _: Question) {
        let driver = self.driver.upgrade().unwrap();
        driver.deliver(
            shard,
            Input::Connected {
                request: ConnectId(query.0),
                flow: nowhere(),
            },
        );
    }
    fn query(&self, _: u16, _: QueryId, _: Query) {}
    fn event(&self, _: u16, _: Event) {}
    fn shard_panicked(&self, shard: u16, report: PanicReport) {
        let _ = self.seen.send(Seen::Panicked { shard, report });
    }
    fn shard_rests(&self, shard: u16, _: Duration) {
        let _ = self.seen.send(Seen::Rests { shard });
    }
}

/// A flow that leads nowhere.
pub fn nowhere() -> Flow {
    Flow::udp(ListenerId(0), "192.0.2.1:9".parse().unwrap())
}

/// A running server of toys.
pub struct World {
    pub running: Running,
    pub addresses: Vec<SocketAddr>,
    seen: Receiver<Seen>,
    orders: Orders,
}

/// Listens on `listeners` (`udp:127.0.0.1:0`), with `settings` changed by `change`.
pub fn start(listeners: &[&str], change: impl FnOnce(&mut NetSettings)) -> World {
    try_start(listeners, change).unwrap()
}

pub fn try_start(
    listeners: &[&str],
    change: impl FnOnce(&mut NetSettings),
) -> Result<World, BindError> {
    let listeners = listeners.iter().map(|text| {
        let (transport, address) = text.split_once(':').unwrap();
        let transport = Transport::from_token(transport.as_bytes()).unwrap();
        ListenerSettings {
            transport,
            address: address.parse().unwrap(),
        }
    });
    let mut settings = NetSettings {
        listeners: listeners.collect(),
        shards: 1,
        ..NetSettings::default()
    };
    change(&mut settings);
    let shards = settings.shards;
    let bound = Server::bind(settings)?;
    let addresses = bound.addresses();
    let (sender, seen) = channel();
    let orders: Orders = Arc::new((0..shards).map(|_| Mutex::default()).collect());
    let factory = {
        let (sender, orders) = (Mutex::new(sender.clone()), Arc::clone(&orders));
        move |shard: u16| {
            let seen = sender.lock().unwrap().clone();
            let orders = Arc::clone(&orders);
            let toy = Toy {
                shard,
                seen,
                orders,
                outputs: VecDeque::new(),
                sends: VecDeque::new(),
                timer: None,
                sick: false,
            };
            Box::new(toy) as Box<dyn Shard>
        }
    };
    let ingress = Arc::new(ToyIngress {
        shards,
        trusted: false,
    });
    let services = |driver: &Weak<Driver>| -> Arc<dyn Services> {
        Arc::new(ToyServices {
            driver: Weak::clone(driver),
            seen: sender,
        })
    };
    let running = bound.start(ingress, Arc::new(factory), services).unwrap();
    Ok(World {
        running,
        addresses,
        seen,
        orders,
    })
}

impl World {
    /// Makes a shard follow orders now, from this thread.
    pub fn order(&self, shard: u16, orders: impl IntoIterator<Item = Order>) {
        self.orders[usize::from(shard)]
            .lock()
            .unwrap()
            .extend(orders);
        self.running.driver().deliver(
            shard,
            Input::ConnectFailed {
                request: ConnectId(0),
            },
        );
    }
    /// The next thing a shard saw.
    pub fn next(&self) -> Seen {
        self.seen
            .recv_timeout(PATIENCE)
            .expect("something to happen in time")
    }
    /// True if no shard saw anything yet that the test has not asked for.
    pub fn is_quiet(&self) -> bool {
        self.seen.try_recv().is_err()
    }
    /// Waits until the counters satisfy `condition`; they follow what a peer sees by a moment.
    pub fn count_until(&self, condition: impl Fn(&NetCounters) -> bool) {
        let begun = Instant::now();
        while !condition(&self.running.driver().counters()) {
            assert!(
                begun.elapsed() < PATIENCE,
                "{:#?}",
                self.running.driver().counters()
            );
            std::thread::yield_now();
        }
    }
    /// A UDP flow from listener 0.
    pub fn udp_flow(&self, remote: SocketAddr) -> Flow {
        Flow::udp(ListenerId(0), remote)
    }
    /// A UDP socket of a peer.
    pub fn udp_peer(&self) -> UdpSocket {
        let any = if self.addresses[0].is_ipv6() {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }
    /// A connection of a peer to listener 0.
    pub fn tcp_peer(&self) -> TcpStream {
        let socket = TcpStream::connect(self.addresses[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

/// A request; the last digit of `call_id` chooses the shard.
pub fn request(method: &str, call_id: &str) -> Vec<u8> {
    format!(
        "{method} sip:toy@example.test SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK-{call_id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@example.test>;tag=1\r\nTo: <sip:toy@example.test>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The next datagram as text.
pub fn receive(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_536];
    let (count, _) = socket.recv_from(&mut buffer).expect("a datagram in time");
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

/// The next message without a body on a connection, as text.
pub fn receive_message(socket: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        assert_eq!(
            socket.read(&mut octet).expect("octets in time"),
            1,
            "the stream ended: {octets:?}"
        );
        octets.push(octet[0]);
    }
    String::from_utf8(octets).unwrap()
}

/// True if the peer closes the connection, whatever it sends before.
pub fn is_closed(socket: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// Any question.
pub fn question() -> Question {
    Question::new("example.test", strowger_resolve::QuestionKind::A)
}
