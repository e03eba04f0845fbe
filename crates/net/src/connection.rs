//! The owner's half of a connection: framing, deadlines, and whether it is open yet (RFC 3261 §18.3, RFC 5626 §3.5.1).
//!
//! ```text
//! accepted ───────────────────► Open ──► closed: end of stream, error, framing, deadline
//! opened ──► Connecting ─ok──►  Open
//!                └─ error, deadline ──► failed
//! ```

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use strowger_sip::{Frame, FrameError, Limits, StreamFramer, Time};

use crate::settings::StreamSettings;
use crate::stream::Stream;

/// Reads of one connection before others have their turn.
const READS_PER_TURN: usize = 4;

/// Whether the connection is open.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// On its way.
    Connecting,
    /// Open.
    Open,
}

/// Why a deadline of a connection ran out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// It did not open.
    Connect,
    /// A message was not complete.
    Message,
    /// Nothing was sent for long.
    Idle,
}

/// What reading found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// Everything there was.
    Drained,
    /// There may be more.
    More,
    /// The stream has ended.
    Closed,
}

/// A connection as its owner sees it.
pub(crate) struct Connection {
    pub(crate) stream: Arc<Stream>,
    pub(crate) phase: Phase,
    pub(crate) accepted: bool,
    framer: StreamFramer,
    /// When it was accepted, or when opening began or succeeded.
    since: Time,
    last_received: Time,
    /// When the incomplete message began.
    message_since: Option<Time>,
    any_message: bool,
    /// Malformed messages in a row.
    pub(crate) malformed: u32,
    /// Its place in the owner's schedule.
    pub(crate) scheduled: Time,
    /// True while it stands in the owner's queue of connections to read.
    pub(crate) queued: bool,
    /// The poll said that the peer has closed: a read that is not full does not mean that no more will come.
    pub(crate) closing: bool,
}

impl Connection {
    pub(crate) fn new(
        stream: Arc<Stream>,
        accepted: bool,
        limits: &Limits,
        now: Time,
    ) -> Connection {
        Connection {
            stream,
            phase: if accepted {
                Phase::Open
            } else {
                Phase::Connecting
            },
            accepted,
            framer: StreamFramer::new(limits),
            since: now,
            last_received: now,
            message_since: None,
            any_message: false,
            malformed: 0,
            scheduled: Time::MAX,
            queued: false,
            closing: false,
        }
    }

    /// The connect has succeeded.
    pub(crate) fn opened(&mut self, now: Time) {
        self.phase = Phase::Open;
        self.since = now;
        self.last_received = now;
    }

    /// The next deadline and what it means.
    pub(crate) fn deadline(&self, settings: &StreamSettings) -> (Time, Late) {
        if self.phase == Phase::Connecting {
            return (self.since + settings.connect_timeout, Late::Connect);
        }
        let active = self
            .last_received
            .max(self.stream.last_sent())
            .max(self.since);
        let idle = (active + settings.idle_timeout, Late::Idle);
        let awaited = if self.accepted && !self.any_message {
            Some(self.since)
        } else {
            self.message_since
        };
        match awaited.map(|since| since + settings.message_timeout) {
            Some(message) if message < idle.0 => (message, Late::Message),
            _ => idle,
        }
    }

    /// Reads into `buffer` and hands each message or keep-alive to `found`. The octets count is added to `octets`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        now: Time,
        octets: &mut u64,
        mut found: impl FnMut(Frame),
    ) -> Result<ReadEnd, FrameError> {
        for _ in 0..READS_PER_TURN {
            match (&self.stream.socket).read(buffer) {
                Ok(0) => return Ok(ReadEnd::Closed),
                Ok(count) => {
                    *octets += count as u64;
                    self.last_received = now;
                    self.framer.push(buffer.get(..count).unwrap_or_default());
                    self.take_frames(now, &mut found)?;
                    if count < buffer.len() && !self.closing {
                        return Ok(ReadEnd::Drained);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(ReadEnd::Drained),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Ok(ReadEnd::Closed),
            }
        }
        Ok(ReadEnd::More)
    }

    fn take_frames(&mut self, now: Time, found: &mut impl FnMut(Frame)) -> Result<(), FrameError> {
        while let Some(frame) = self.framer.next_frame()? {
            self.message_since = None;
            self.any_message |= matches!(frame, Frame::Message(_));
            found(frame);
        }
        if self.framer.buffered() == 0 {
            self.message_since = None;
        } else {
            self.message_since.get_or_insert(now);
        }
        Ok(())
    }
}
