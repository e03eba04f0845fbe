//! A worker's connections: adopting, reading, keep-alives, deadlines and closing (RFC 3261 §18.3, RFC 5626 §3.5.1).

use std::io::Read;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::Interest;
use mio::unix::SourceFd;
use strowger_sip::{Frame, FrameError, Limits, Now, Time};

use crate::arrivals::{Arrivals, Classified, Letter, Memory, Source};
use crate::connection::{Connection, Late, Phase, ReadEnd};
use crate::counters::Meter;
use crate::directory::Waiter;
use crate::driver::Driver;
use crate::seam::Input;
use crate::stream::{Appended, Stream};
use crate::worker::Worker;

/// Messages from connections handled at once before other work has its turn.
const ARRIVALS_PER_TURN: usize = 256;

/// Reads of a connection that is closed because of what it sent.
const DISCARDS_MAX: usize = 256;

/// The answer to a keep-alive (RFC 5626 §3.5.1).
const PONG: &[u8] = b"\r\n";

/// Why a connection ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Ending {
    Peer,
    Framing,
    Late(Late),
}

impl Worker {
    /// Takes charge of a connection.
    pub(crate) fn adopt(&mut self, stream: Arc<Stream>, accepted: bool, now: Now) {
        let Some(id) = stream.flow.stream else { return };
        let limits = self.driver.ingress.limits();
        let fd = stream.socket.as_raw_fd();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(
            &mut SourceFd(&fd),
            Worker::stream_token(id.slot),
            interest,
        );
        let slot = id.slot as usize;
        if self.connections.len() <= slot {
            self.connections.resize_with(slot + 1, || None);
        }
        let connection = Connection::new(stream, accepted, &limits, now.monotonic);
        if accepted {
            let flow = connection.stream.flow;
            // Whoever was opening a connection to that very address may use this one.
            let waiters = self.driver.directory.opened(flow);
            let inputs = waiters.into_iter().map(|w| {
                (
                    w.shard,
                    Input::Connected {
                        request: w.request,
                        flow,
                    },
                )
            });
            self.turn.pending.extend(inputs);
        }
        if let Some(place) = self.connections.get_mut(slot) {
            *place = Some(Box::new(connection));
        }
        self.reschedule(id.slot);
        if registered.is_err() {
            self.end(id.slot, Ending::Peer);
        }
    }

    /// Reads connections that may have something; true if messages came.
    pub(crate) fn read_connections(&mut self, now: Now) -> bool {
        if self.readable.is_empty() {
            return false;
        }
        let driver = Arc::clone(&self.driver);
        let limits = driver.ingress.limits();
        let mut ended = Vec::new();
        for _ in 0..self.readable.len() {
            if self.arrivals.len() >= ARRIVALS_PER_TURN {
                break;
            }
            let Some(slot) = self.readable.pop_front() else {
                break;
            };
            match self.read_connection(&driver, slot, &limits, now) {
                Ok(true) => self.readable.push_back(slot),
                Ok(false) => {}
                Err(ending) => ended.push((slot, ending)),
            }
        }
        let came = self.arrivals.len() > 0;
        let Worker {
            arrivals,
            turn,
            index,
            evidence,
            evidence_ranges,
            ..
        } = self;
        let octets = |place: u32| {
            let range = evidence_ranges
                .get(place as usize)
                .cloned()
                .unwrap_or_default();
            evidence.get(range).unwrap_or_default()
        };
        arrivals.run(&driver, *index, now, turn, octets);
        evidence.clear();
        evidence_ranges.clear();
        for (slot, ending) in ended {
            self.end(slot, ending);
        }
        came
    }

    /// Reads one connection; true if more may be there, an error if it must be closed.
    fn read_connection(
        &mut self,
        driver: &Driver,
        slot: u32,
        limits: &Limits,
        now: Now,
    ) -> Result<bool, Ending> {
        let Some(Some(connection)) = self.connections.get_mut(slot as usize) else {
            return Ok(false);
        };
        connection.queued = false;
        if connection.phase == Phase::Connecting {
            match connection.stream.connect_outcome() {
                Ok(()) => {}
                // Neither failed nor open yet.
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotConnected && !connection.closing =>
                {
                    return Ok(false);
                }
                Err(_) => return Err(Ending::Peer),
            }
            connection.opened(now.monotonic);
            let flow = connection.stream.flow;
            driver.meter(Some(self.index)).streams_opened.one();
            let waiters = driver.directory.opened(flow);
            let inputs = waiters.into_iter().map(|w| {
                (
                    w.shard,
                    Input::Connected {
                        request: w.request,
                        flow,
                    },
                )
            });
            self.turn.pending.extend(inputs);
        }
        let mut intake = Intake {
            driver,
            worker: self.index,
            stream: Arc::clone(&connection.stream),
            limits,
            now,
            arrivals: &mut self.arrivals,
            evidence: &mut self.evidence,
            evidence_ranges: &mut self.evidence_ranges,
            malformed: connection.malformed,
            answers: false,
        };
        let mut octets = 0;
        let end = connection.read(&mut self.read_buffer, now.monotonic, &mut octets, |frame| {
            intake.take(frame)
        });
        let end = end.map_err(|error| intake.refuse(error));
        let (malformed, answers) = (intake.malformed, intake.answers);
        connection.malformed = malformed;
        connection.queued = end == Ok(ReadEnd::More);
        driver
            .meter(Some(self.index))
            .stream_octets_received
            .add(octets);
        if answers {
            self.turn.touched.push(Arc::clone(&connection.stream));
        }
        self.reschedule(slot);
        match end {
            Ok(_) if malformed >= driver.settings.streams.malformed_max => Err(Ending::Framing),
            Ok(ReadEnd::Closed) => Err(Ending::Peer),
            Ok(end) => Ok(end == ReadEnd::More),
            Err(()) => Err(Ending::Framing),
        }
    }

    /// Looks at the connections whose deadline may have come.
    pub(crate) fn run_deadlines(&mut self, now: Now) {
        let now = now.monotonic;
        while let Some((_, slot)) = self.schedule.first().copied().filter(|(at, _)| *at <= now) {
            let settings = &self.driver.settings.streams;
            let deadline = self
                .connections
                .get(slot as usize)
                .and_then(Option::as_ref)
                .map(|c| c.deadline(settings));
            match deadline {
                Some((at, late)) if at <= now => self.end(slot, Ending::Late(late)),
                Some((at, _)) => self.schedule_at(slot, at),
                None => {
                    self.schedule.pop_first();
                }
            }
        }
    }

    /// Brings the schedule forward if the connection's deadline is earlier than it says. A later deadline is
    /// found when the earlier one comes.
    fn reschedule(&mut self, slot: u32) {
        let settings = &self.driver.settings.streams;
        let Some(Some(connection)) = self.connections.get(slot as usize) else {
            return;
        };
        let (at, _) = connection.deadline(settings);
        if at < connection.scheduled {
            self.schedule_at(slot, at);
        }
    }

    fn schedule_at(&mut self, slot: u32, at: Time) {
        let Some(Some(connection)) = self.connections.get_mut(slot as usize) else {
            return;
        };
        self.schedule.remove(&(connection.scheduled, slot));
        connection.scheduled = at;
        self.schedule.insert((at, slot));
    }

    /// Closes a connection and tells who must know.
    fn end(&mut self, slot: u32, ending: Ending) {
        let Some(connection) = self
            .connections
            .get_mut(slot as usize)
            .and_then(Option::take)
        else {
            return;
        };
        let driver = &self.driver;
        let stream = &connection.stream;
        let opening = connection.phase == Phase::Connecting;
        count_ending(driver.meter(Some(self.index)), opening, ending);
        self.schedule.remove(&(connection.scheduled, slot));
        // What was answered before leaves first, as far as the kernel takes it.
        if ending == Ending::Framing {
            stream.flush();
            discard_received(stream);
        }
        driver
            .directory
            .release(stream.flow.remote, connection.accepted);
        let waiters = match opening {
            true => driver
                .directory
                .failed(stream.flow.transport, stream.flow.remote),
            false => Vec::new(),
        };
        driver.directory.remove(&stream.flow);
        stream.close_now();
        // Fails only for a descriptor that was never registered.
        let _ = self
            .poll
            .registry()
            .deregister(&mut SourceFd(&stream.socket.as_raw_fd()));
        if opening {
            let failed = |w: Waiter| (w.shard, Input::ConnectFailed { request: w.request });
            self.turn.pending.extend(waiters.into_iter().map(failed));
        } else {
            driver.flow_closed(stream.flow, &mut self.turn);
        }
    }

    /// Closes everything; at the end of the worker.
    pub(crate) fn close_all(&mut self) {
        for connection in self.connections.drain(..).flatten() {
            connection.stream.close_now();
            self.driver.directory.remove(&connection.stream.flow);
            self.driver
                .directory
                .release(connection.stream.flow.remote, connection.accepted);
        }
        self.schedule.clear();
    }
}

fn count_ending(meter: &Meter, opening: bool, ending: Ending) {
    if opening {
        return meter.streams_connect_failed.one();
    }
    meter.streams_closed.one();
    match ending {
        Ending::Late(Late::Idle) => meter.streams_closed_idle.one(),
        Ending::Late(_) => meter.streams_closed_slow.one(),
        Ending::Framing => meter.streams_closed_framing.one(),
        Ending::Peer => {}
    }
}

/// Reads and forgets what has come: a socket closed with octets unread is reset, and a reset may overtake our answer.
fn discard_received(stream: &Stream) {
    let mut sink = [0; 4 << 10];
    for _ in 0..DISCARDS_MAX {
        if !matches!((&stream.socket).read(&mut sink), Ok(1..)) {
            return;
        }
    }
}

/// Takes the frames of one connection.
struct Intake<'a> {
    driver: &'a Driver,
    worker: u16,
    stream: Arc<Stream>,
    limits: &'a Limits,
    now: Now,
    arrivals: &'a mut Arrivals,
    evidence: &'a mut Vec<u8>,
    evidence_ranges: &'a mut Vec<core::ops::Range<usize>>,
    malformed: u32,
    /// True once something was put into the output buffer.
    answers: bool,
}

impl Intake<'_> {
    fn take(&mut self, frame: Frame) {
        let meter = self.driver.meter(Some(self.worker));
        match frame {
            Frame::KeepAlivePing => {
                meter.stream_keep_alives.one();
                self.answer(PONG);
            }
            Frame::KeepAlivePong => {}
            Frame::Message(octets) => {
                let remote = self.stream.flow.remote;
                if !self.driver.ingress.admit(&remote, self.now) {
                    meter.messages_not_admitted.one();
                } else if self.driver.blocklist.blocks(&octets, self.now.monotonic) {
                    meter.messages_blocked.one();
                } else {
                    self.take_message(octets);
                }
            }
        }
    }

    fn take_message(&mut self, octets: Vec<u8>) {
        let start = self.evidence.len();
        self.evidence.extend_from_slice(&octets);
        let place = self.evidence_ranges.len() as u32;
        self.evidence_ranges.push(start..self.evidence.len());
        let mut answer = Vec::new();
        let flow = self.stream.flow;
        let source = Source {
            driver: self.driver,
            worker: self.worker,
            limits: self.limits,
            now: self.now,
        };
        let original = self.evidence.get(start..).unwrap_or_default();
        let letter = Letter {
            flow,
            memory: Memory::Octets(octets),
            original,
            evidence: place,
        };
        let classified = self.arrivals.classify(&source, letter, &mut answer);
        match classified {
            Classified::Taken => self.malformed = 0,
            Classified::Dropped => {}
            Classified::Malformed => {
                self.malformed += 1;
                self.answer(&answer);
            }
        }
    }

    /// Answers a message whose end cannot be found, if enough of it was understood.
    fn refuse(&mut self, error: FrameError) {
        let meter = self.driver.meter(Some(self.worker));
        meter.messages_malformed.one();
        let Some(failure) = error.into_failure() else {
            return;
        };
        let mut answer = Vec::new();
        if self
            .driver
            .ingress
            .refuse(&failure, &self.stream.flow, self.now, &mut answer)
        {
            meter.messages_refused.one();
            self.answer(&answer);
        }
    }

    fn answer(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        let octets_max = self.driver.settings.streams.output_octets_max;
        if self.stream.append(octets, octets_max, self.now.monotonic) == Appended::Buffered {
            self.answers = true;
        }
    }
}
