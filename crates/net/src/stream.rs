//! The shared half of a connection: its socket and its bounded output buffer (RFC 3261 §18).
//!
//! Any thread may append a message and write; the worker that owns the connection reads, and writes what the
//! kernel would not take at once. Appending happens while a shard is locked (it is a copy), so messages of one
//! shard keep their order; writing happens after. A transport that changes octets, such as TLS, belongs between
//! [`Stream::append`] and the socket, under the same lock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strowger_sip::Time;
use strowger_transaction::{Flow, StreamId};

/// Capacity that an empty output buffer may keep.
const KEPT_OCTETS: usize = 16 << 10;

/// A connection as all threads see it.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) flow: Flow,
    pub(crate) socket: TcpStream,
    last_sent: AtomicU64,
    output: Mutex<OutputBuffer>,
}

#[derive(Debug, Default)]
struct OutputBuffer {
    octets: Vec<u8>,
    /// Octets at the front that are written.
    written: usize,
    state: OutputState,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum OutputState {
    #[default]
    Open,
    /// Nothing more is taken; what is buffered still leaves.
    Closing,
    /// Gone.
    Closed,
}

/// What became of a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is in the buffer; [`Stream::flush`] must follow.
    Buffered,
    /// The buffer is full; the connection is being closed.
    Full,
    /// The connection is closing or closed.
    Gone,
}

impl Stream {
    pub(crate) fn new(id: StreamId, flow: Flow, socket: TcpStream) -> Stream {
        Stream {
            id,
            flow,
            socket,
            last_sent: AtomicU64::new(0),
            output: Mutex::default(),
        }
    }

    /// Appends one message, without a system call unless the connection overflows.
    pub(crate) fn append(&self, octets: &[u8], octets_max: usize, now: Time) -> Appended {
        let mut output = self.lock();
        if output.state != OutputState::Open {
            return Appended::Gone;
        }
        if output.waiting() + octets.len() > octets_max {
            self.shut(&mut output);
            return Appended::Full;
        }
        if output.written > 0 && output.written >= output.octets.len() / 2 {
            let written = core::mem::take(&mut output.written);
            output.octets.drain(..written);
        }
        output.octets.extend_from_slice(octets);
        self.last_sent.store(now.as_nanos(), Ordering::Relaxed);
        Appended::Buffered
    }

    /// Writes as much as the kernel takes; returns the octets written. The rest leaves when the owner's poll
    /// says that the socket is writable.
    pub(crate) fn flush(&self) -> usize {
        let mut output = self.lock();
        let mut sent = 0;
        while output.waiting() > 0 && output.state != OutputState::Closed {
            let start = output.written;
            match (&self.socket).write(output.octets.get(start..).unwrap_or_default()) {
                Ok(0) => self.shut(&mut output),
                Ok(count) => {
                    output.written += count;
                    sent += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
                Err(_) => self.shut(&mut output),
            }
        }
        output.octets.clear();
        output.written = 0;
        output.octets.shrink_to(KEPT_OCTETS);
        if output.state == OutputState::Closing {
            self.shut(&mut output);
        }
        sent
    }

    /// Takes nothing more and closes once the buffer is written.
    pub(crate) fn close_when_flushed(&self) {
        let mut output = self.lock();
        if output.state == OutputState::Open {
            output.state = OutputState::Closing;
        }
        if output.waiting() == 0 {
            self.shut(&mut output);
        }
    }

    /// Closes at once. The owner's poll then reports the end of the connection.
    pub(crate) fn close_now(&self) {
        let mut output = self.lock();
        self.shut(&mut output);
    }

    /// True if nothing waits to be written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.lock().waiting() == 0
    }

    /// When a message was last appended.
    pub(crate) fn last_sent(&self) -> Time {
        Time::from_nanos(self.last_sent.load(Ordering::Relaxed))
    }

    /// The outcome of a non-blocking connect, asked once the socket is writable.
    pub(crate) fn connect_outcome(&self) -> io::Result<()> {
        match self.socket.take_error()? {
            Some(error) => Err(error),
            None => self.socket.peer_addr().map(|_| ()),
        }
    }

    fn shut(&self, output: &mut OutputBuffer) {
        if output.state != OutputState::Closed {
            output.state = OutputState::Closed;
            output.octets = Vec::new();
            output.written = 0;
            // Fails if the peer has reset the connection; then it is closed already.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, OutputBuffer> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputBuffer {
    fn waiting(&self) -> usize {
        self.octets.len() - self.written
    }
}
