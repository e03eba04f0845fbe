//! One worker: a loop that receives, runs shards, sends, minds its connections and sleeps until something is due.
//!
//! Every socket is polled edge-triggered; what has not been read to its end is remembered as ready. A turn does a
//! bounded amount of each kind of work, so that none starves another.

use core::cell::Cell;
use core::sync::atomic::{Ordering, fence};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use strowger_sip::{Now, Time};
use strowger_transaction::ListenerId;

use crate::accept::Acceptor;
use crate::arrivals::Arrivals;
use crate::connection::Connection;
use crate::datagram_receive::DatagramReceiver;
use crate::driver::{Driver, ListenerSockets, take_listener};
use crate::gathering::Gathering;
use crate::kernel_drops::kernel_queue;
use crate::lateness::Lateness;
use crate::shard::PanicReport;
use crate::shard_cell::panic_message;
use crate::turn::Turn;
use crate::worker_handle::Task;

/// Turns in a row in which timers may wait for datagrams that were not read yet (8).
const TURNS_WITHOUT_TIMERS_MAX: u8 = 8;
/// The token of a worker's waker.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// Tokens from here on are slots of connections; below are listeners.
const STREAMS: usize = 1 << 17;

/// Events taken from one poll.
const EVENTS: usize = 1_024;

/// Octets read from a connection at once.
const READ_OCTETS: usize = 64 << 10;

/// How often it is asked whether spare messages are worth keeping (1 s).
const SPARE_FOR: Duration = Duration::from_secs(1);

/// How long a worker sleeps after a turn that panicked, so that a panic that repeats does not spin.
const AFTER_PANIC: Duration = Duration::from_millis(10);

/// A UDP listener as one worker sees it.
pub(crate) struct DatagramPort {
    pub(crate) listener: ListenerId,
    pub(crate) v6: bool,
    /// True while datagrams may wait.
    pub(crate) readable: bool,
    /// True while errors may wait.
    pub(crate) errors: bool,
}

/// The state of one worker thread.
pub(crate) struct Worker {
    pub(crate) index: u16,
    pub(crate) driver: Arc<Driver>,
    pub(crate) poll: Poll,
    events: Events,
    pub(crate) turn: Turn,
    pub(crate) arrivals: Arrivals,
    /// Turns in a row in which timers waited for datagrams.
    turns_without_timers: u8,
    turn_began: Time,
    lateness: Lateness,
    gathering: Gathering,
    /// Datagrams may gather before the next turn.
    pauses: bool,
    /// When spare messages are looked at next.
    spare_until: Time,
    /// Datagrams of this turn, and those of them that were for shards.
    pub(crate) read_in_turn: (u64, u64),
    pub(crate) receiver: DatagramReceiver,
    pub(crate) ports: Vec<DatagramPort>,
    acceptors: Vec<Acceptor>,
    /// Which worker gets the next accepted connection.
    next_worker: u16,
    /// Connections by slot.
    pub(crate) connections: Vec<Option<Box<Connection>>>,
    /// One entry per connection: when to look at its deadline.
    pub(crate) schedule: BTreeSet<(Time, u32)>,
    /// Slots of connections that may have something to read.
    pub(crate) readable: VecDeque<u32>,
    pub(crate) read_buffer: Vec<u8>,
    /// Messages of the current turn that came on connections, for the report of a panic.
    pub(crate) evidence: Vec<u8>,
    /// Where each of those messages lies in `evidence`.
    pub(crate) evidence_ranges: Vec<core::ops::Range<usize>>,
    /// Polls left that do not sleep.
    spins: u32,
    /// True once it was seen that the driver stops.
    stopping: bool,
}

impl Worker {
    pub(crate) fn new(index: u16, driver: Arc<Driver>, poll: Poll) -> io::Result<Worker> {
        let mut worker = Worker {
            index,
            driver,
            poll,
            events: Events::with_capacity(EVENTS),
            turn: Turn::new(),
            arrivals: Arrivals::default(),
            turns_without_timers: 0,
            turn_began: Time::ZERO,
            lateness: Lateness::default(),
            gathering: Gathering::default(),
            pauses: false,
            spare_until: Time::ZERO,
            read_in_turn: (0, 0),
            receiver: DatagramReceiver::new(),
            ports: Vec::new(),
            acceptors: Vec::new(),
            next_worker: index,
            connections: Vec::new(),
            schedule: BTreeSet::new(),
            readable: VecDeque::new(),
            read_buffer: vec![0; READ_OCTETS],
            evidence: Vec::new(),
            evidence_ranges: Vec::new(),
            spins: 0,
            stopping: false,
        };
        worker.turn.takes_spare = true;
        worker.register_listeners()?;
        Ok(worker)
    }

    fn register_listeners(&mut self) -> io::Result<()> {
        let driver = Arc::clone(&self.driver);
        for (number, listener) in (0u16..).zip(&driver.listeners) {
            let token = Token(usize::from(number));
            match &listener.sockets {
                ListenerSockets::Datagram(sockets) => {
                    let Some(socket) = sockets.get(usize::from(self.index)) else {
                        continue;
                    };
                    let fd = socket.as_raw_fd();
                    self.poll
                        .registry()
                        .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
                    let v6 = listener.address.is_ipv6();
                    self.ports.push(DatagramPort {
                        listener: ListenerId(number),
                        v6,
                        readable: true,
                        errors: false,
                    });
                }
                ListenerSockets::Stream(slot) => {
                    if driver.home(number) != self.index {
                        continue;
                    }
                    let Some(socket) = take_listener(slot) else {
                        continue;
                    };
                    let fd = socket.as_raw_fd();
                    self.poll
                        .registry()
                        .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
                    self.acceptors.push(Acceptor::new(
                        socket,
                        ListenerId(number),
                        listener.transport,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Runs until the driver is stopped.
    pub(crate) fn run(mut self) {
        let driver = Arc::clone(&self.driver);
        let _at_work = driver.begin_work();
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.take_turn())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(panic) => {
                    let message = panic_message(panic.as_ref());
                    let report = PanicReport {
                        message,
                        while_doing: "turn",
                        flow: None,
                        octets: Vec::new(),
                    };
                    self.turn.reset();
                    self.arrivals = Arrivals::default();
                    driver.worker_panicked(self.index, report);
                    std::thread::sleep(AFTER_PANIC);
                }
            }
        }
        self.close_all();
    }

    /// One turn of the loop; false if the worker may end.
    fn take_turn(&mut self) -> bool {
        let driver = Arc::clone(&self.driver);
        let now = driver.now();
        self.turn_began = now.monotonic;
        self.take_mail(now);
        let received = self.read_datagrams(now);
        for acceptor in &mut self.acceptors {
            if acceptor.is_due(now.monotonic) {
                acceptor.accept(&driver, self.index, &mut self.next_worker, now.monotonic);
            }
        }
        let read = self.read_connections(now);
        let ran = !self.is_behind(received) && driver.run_timers(self.index, now, &mut self.turn);
        self.run_deadlines(now);
        self.mind_lateness(&driver, now.monotonic);
        driver.finish(&mut self.turn, Some(self.index));
        if received || read || ran {
            self.spins = driver.settings.spin_polls;
        }
        if driver.stop_at() != u64::MAX && self.may_end(now) {
            return false;
        }
        self.sleep();
        true
    }

    /// Sees whether this worker keeps up; what comes of it is told with the rest of the turn.
    fn mind_lateness(&mut self, driver: &Driver, now: Time) {
        let delay_max = driver.settings.queue_delay_max;
        let read = core::mem::take(&mut self.read_in_turn);
        self.pauses = self.gathering.has_read(now, read.0);
        if delay_max.is_zero() {
            return;
        }
        let waits = self.ports.iter().any(|port| port.readable);
        let asking = Cell::new(None);
        let ask = || {
            let began = driver.clock.monotonic();
            let sockets = self
                .ports
                .iter()
                .filter_map(|port| driver.datagram_socket(port.listener, self.index));
            let queue = kernel_queue(sockets).unwrap_or_default();
            asking.set(Some(driver.clock.monotonic() - began));
            queue
        };
        let is_told = self.lateness.has_read(now, delay_max, read, waits, ask);
        if let Some(took) = asking.take() {
            self.lateness.has_asked(took);
        }
        if is_told {
            driver.set_late(self.index, self.lateness.percent(), &mut self.turn);
        }
    }

    /// True if more datagrams wait than were read: what they say comes before the timers that they may stop, as a response
    /// stops retransmissions. Timers wait for a few turns at most.
    fn is_behind(&mut self, received: bool) -> bool {
        let waits = received && self.ports.iter().any(|port| port.readable);
        self.turns_without_timers = match self.turns_without_timers {
            turns if waits && turns < TURNS_WITHOUT_TIMERS_MAX => turns + 1,
            _ => 0,
        };
        self.turns_without_timers > 0
    }

    fn take_mail(&mut self, now: Now) {
        let driver = Arc::clone(&self.driver);
        let Some(handle) = driver.workers.get(usize::from(self.index)) else {
            return;
        };
        for task in handle.take_mail() {
            match task {
                Task::Adopt { stream, accepted } => self.adopt(stream, accepted, now),
                Task::Deliver(shard, input) => {
                    driver.run_one(shard, now, *input, &mut self.turn, Some(self.index));
                }
            }
        }
    }

    /// True once nothing is left to write, or the time for it is over. The first call stops accepting.
    fn may_end(&mut self, now: Now) -> bool {
        self.stopping = true;
        for acceptor in self.acceptors.drain(..) {
            // The descriptor is closed right after; the poll forgets it then in any case.
            let _ = self
                .poll
                .registry()
                .deregister(&mut SourceFd(&acceptor.socket.as_raw_fd()));
        }
        let flushed = self
            .connections
            .iter()
            .flatten()
            .all(|connection| connection.stream.is_flushed());
        flushed || now.monotonic.as_nanos() >= self.driver.stop_at()
    }

    /// Sleeps until an event, a deadline or another thread's call, then notes what is ready.
    fn sleep(&mut self) {
        let driver = Arc::clone(&self.driver);
        let Some(handle) = driver.workers.get(usize::from(self.index)) else {
            return;
        };
        let now = driver.clock.monotonic();
        let delay_max = driver.settings.queue_delay_max;
        if !delay_max.is_zero() {
            let took = now - self.turn_began;
            self.lateness.has_turned(took, delay_max);
        }
        if now >= self.spare_until {
            self.turn.spare_messages.age();
            self.spare_until = now + SPARE_FOR;
        }
        let mut until = 0;
        if self.spins > 0 {
            self.spins -= 1;
        } else if !self.is_busy(now) {
            if self.pauses && !handle.has_mail() {
                std::thread::sleep(driver.settings.gathering);
            }
            until = self.next_alarm();
            handle.fall_asleep(until);
            fence(Ordering::SeqCst);
            // What another thread stored before it saw that this one sleeps.
            until = until.min(driver.next_deadline(self.index));
            if handle.has_mail() || (driver.stop_at() != u64::MAX && !self.stopping) {
                until = 0;
            }
        }
        let timeout =
            (until != u64::MAX).then(|| Duration::from_nanos(until.saturating_sub(now.as_nanos())));
        let polled = self.poll.poll(&mut self.events, timeout);
        handle.awake();
        match polled {
            Ok(()) => self.note_events(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Cannot happen with a valid poll; sleeping keeps a broken one from spinning.
            Err(_) => std::thread::sleep(AFTER_PANIC),
        }
    }

    /// True if there is work that no event will announce.
    fn is_busy(&self, now: Time) -> bool {
        !self.readable.is_empty()
            || self.ports.iter().any(|port| port.readable || port.errors)
            || self.acceptors.iter().any(|acceptor| acceptor.is_due(now))
    }

    /// The earliest time at which something is due, in nanoseconds.
    fn next_alarm(&self) -> u64 {
        let shards = self.driver.next_deadline(self.index);
        let connections = self
            .schedule
            .first()
            .map_or(u64::MAX, |(at, _)| at.as_nanos());
        let accepting = self
            .acceptors
            .iter()
            .filter(|a| a.ready)
            .filter_map(|a| a.paused_until);
        let accepting = accepting.map(Time::as_nanos).min().unwrap_or(u64::MAX);
        // One that was late says within its time that it keeps up again.
        let late = self.lateness.next_look().map_or(u64::MAX, Time::as_nanos);
        shards
            .min(connections)
            .min(accepting)
            .min(late)
            .min(self.driver.stop_at())
    }

    fn note_events(&mut self) {
        for event in &self.events {
            let Token(token) = event.token();
            if event.token() == WAKE {
                continue;
            }
            if token >= STREAMS {
                let Ok(slot) = u32::try_from(token - STREAMS) else {
                    continue;
                };
                let Some(Some(connection)) = self.connections.get_mut(token - STREAMS) else {
                    continue;
                };
                connection.closing |= event.is_read_closed() || event.is_error();
                if event.is_writable() {
                    let sent = connection.stream.flush();
                    self.driver
                        .meter(Some(self.index))
                        .stream_octets_sent
                        .add(sent as u64);
                }
                if !connection.queued {
                    connection.queued = true;
                    self.readable.push_back(slot);
                }
            } else if let Some(port) = self
                .ports
                .iter_mut()
                .find(|port| usize::from(port.listener.0) == token)
            {
                port.readable |= event.is_readable();
                port.errors |= event.is_error();
            } else if let Some(acceptor) = self
                .acceptors
                .iter_mut()
                .find(|a| usize::from(a.listener.0) == token)
            {
                acceptor.ready = true;
            }
        }
    }

    /// The token of the connection in `slot`.
    pub(crate) fn stream_token(slot: u32) -> Token {
        Token(STREAMS + slot as usize)
    }
}
