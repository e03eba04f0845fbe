//! A stream cut into messages by Content-Length, and the keep-alives between them (RFC 3261 §18.3, §20.14;
//! RFC 5626 §3.5.1).

use crate::charset::{self, LWS, TOKEN};
use crate::error::{FieldError, ParseError, ParseFailure};
use crate::header_name::HeaderName;
use crate::limits::{Limit, Limits};
use crate::message::Message;

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The octets of one message.
    Message(Vec<u8>),
    /// CR LF CR LF between messages, to be answered with CR LF.
    KeepAlivePing,
    /// CR LF between messages. Also seen before a ping whose halves arrive apart.
    KeepAlivePong,
}

/// The stream cannot be cut any further and has to be closed.
#[derive(Clone, Debug)]
pub struct FrameError {
    /// What is wrong.
    pub error: ParseError,
    failure: Option<Box<ParseFailure>>,
}

impl FrameError {
    /// The request to answer before closing, if its header section could be read.
    pub fn into_failure(self) -> Option<ParseFailure> {
        self.failure.map(|failure| *failure)
    }
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for FrameError {}

/// Collects the octets of a stream and gives out whole messages.
///
/// Holds at most one incomplete message of `message_octets_max` and what the last `push` brought.
#[derive(Debug)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Octets before this are done with.
    start: usize,
    /// From here on the end of the header section is looked for.
    scanned: usize,
    /// Length of the message at `start`, once its header section is there.
    length: Option<usize>,
    /// A single CR LF was given out as a pong and may turn out to be half a ping.
    half_ping: bool,
    failed: bool,
    message_octets_max: usize,
    header_section_octets_max: usize,
    limits: Limits,
}

impl StreamFramer {
    /// A framer for a new stream.
    pub fn new(limits: &Limits) -> StreamFramer {
        StreamFramer {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            length: None,
            half_ping: false,
            failed: false,
            message_octets_max: limits.message_octets_max,
            header_section_octets_max: limits
                .header_section_octets_max
                .min(Limits::HEADER_SECTION_OCTETS_MAX),
            limits: limits.clone(),
        }
    }

    /// Takes what was read from the stream.
    pub fn push(&mut self, octets: &[u8]) {
        if self.failed {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(octets);
    }

    /// Octets of a message that is not complete; 0 between messages.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next message or keep-alive; `None` until more is pushed. After an error always `None`.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.failed {
            return Ok(None);
        }
        if self.length.is_none() {
            if let Some(frame) = self.keep_alive() {
                return Ok(Some(frame));
            }
            match self.message_length() {
                Ok(length) => self.length = length,
                Err(error) => return Err(self.fail(error)),
            }
        }
        let Some(length) = self.length.filter(|&length| self.buffered() >= length) else {
            return Ok(None);
        };
        self.length = None;
        let message = if self.start == 0 && self.buffer.len() == length {
            core::mem::take(&mut self.buffer)
        } else {
            let message = self
                .buffer
                .get(self.start..self.start + length)
                .unwrap_or_default()
                .to_vec();
            self.advance(length);
            message
        };
        self.scanned = self.start;
        Ok(Some(Frame::Message(message)))
    }

    fn advance(&mut self, octets: usize) {
        self.start += octets;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.scanned = self.start;
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        match rest {
            [b'\r', b'\n', ..] if self.half_ping => {
                self.half_ping = false;
                self.advance(2);
                Some(Frame::KeepAlivePing)
            }
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.advance(4);
                Some(Frame::KeepAlivePing)
            }
            [b'\r', b'\n', b'\r'] => None,
            [b'\r', b'\n', tail @ ..] => {
                self.half_ping = tail.is_empty();
                self.advance(2);
                Some(Frame::KeepAlivePong)
            }
            [] | [b'\r'] => None,
            _ => {
                self.half_ping = false;
                None
            }
        }
    }

    /// Length of the message at `start`; `None` while its header section is incomplete.
    fn message_length(&mut self) -> Result<Option<usize>, ParseError> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        if matches!(rest, [] | [b'\r'] | [b'\r', b'\n', b'\r']) {
            return Ok(None);
        }
        let from = self.scanned.saturating_sub(self.start).saturating_sub(3);
        let Some(found) = memchr::memmem::find(rest.get(from..).unwrap_or_default(), b"\r\n\r\n")
        else {
            if rest.len() > self.header_section_octets_max {
                return Err(ParseError::TooMuch(Limit::HeaderSectionOctets));
            }
            self.scanned = self.buffer.len();
            return Ok(None);
        };
        let section_end = from + found + 4;
        if section_end > self.header_section_octets_max {
            return Err(ParseError::TooMuch(Limit::HeaderSectionOctets));
        }
        let body = content_length(rest.get(..section_end - 2).unwrap_or_default())?;
        let length = section_end.saturating_add(body);
        if length > self.message_octets_max {
            return Err(ParseError::TooMuch(Limit::MessageOctets));
        }
        Ok(Some(length))
    }

    fn fail(&mut self, error: ParseError) -> FrameError {
        self.failed = true;
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let section = match memchr::memmem::find(rest, b"\r\n\r\n") {
            Some(end) => rest.get(..end + 4).unwrap_or_default(),
            None => rest,
        };
        let message = match Message::parse(section.to_vec(), &self.limits) {
            Ok(message) if message.is_request() => Some(Box::new(message)),
            Ok(_) => None,
            Err(failure) => failure.message,
        };
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
        let failure = message.map(|message| {
            Box::new(ParseFailure {
                error,
                message: Some(message),
            })
        });
        FrameError { error, failure }
    }
}

/// Reads Content-Length from a header section that ends with a CR LF. On a stream it has to be there.
fn content_length(section: &[u8]) -> Result<usize, ParseError> {
    let mut found = None;
    let mut rest = section;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let mut line_end = end;
        while let Some(b' ' | b'\t') = rest.get(line_end + 2) {
            let more = rest.get(line_end + 2..).unwrap_or_default();
            line_end += 2 + memchr::memmem::find(more, b"\r\n").unwrap_or(more.len());
        }
        let line = rest.get(..line_end).unwrap_or_default();
        rest = rest.get(line_end + 2..).unwrap_or_default();
        let name_end = charset::skip(line, 0, TOKEN);
        if HeaderName::from_bytes(line.get(..name_end).unwrap_or_default())
            != HeaderName::ContentLength
        {
            continue;
        }
        let colon = charset::skip(line, name_end, LWS);
        if line.get(colon) != Some(&b':') {
            continue;
        }
        if found.is_some() {
            return Err(ParseError::Repeated(HeaderName::ContentLength));
        }
        let value = charset::trim(line.get(colon + 1..).unwrap_or_default());
        let length = charset::decimal(value, u64::from(u32::MAX)).ok_or(ParseError::Field(
            HeaderName::ContentLength,
            FieldError::Number,
        ))?;
        found = Some(length as usize);
    }
    found.ok_or(ParseError::Missing(HeaderName::ContentLength))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusCode;

    const OPTIONS: &str = "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
        To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";

    fn frames(framer: &mut StreamFramer, octets: &[u8]) -> Vec<Frame> {
        framer.push(octets);
        let mut frames = Vec::new();
        while let Some(frame) = framer.next_frame().expect("sound") {
            frames.push(frame);
        }
        frames
    }

    fn framer() -> StreamFramer {
        StreamFramer::new(&Limits::default())
    }

    #[test]
    fn messages_are_cut_at_any_split() {
        let first = format!("{OPTIONS}l: 4\r\n\r\nbody");
        let second = format!("{OPTIONS}Content-Length:\r\n 0\r\n\r\n");
        let stream = format!("{first}\r\n\r\n{second}{first}");
        let expected = [
            Frame::Message(first.clone().into_bytes()),
            Frame::KeepAlivePing,
            Frame::Message(second.into_bytes()),
            Frame::Message(first.into_bytes()),
        ];
        for split in 0..=stream.len() {
            let mut framer = framer();
            let (a, b) = stream.as_bytes().split_at(split);
            let mut got = frames(&mut framer, a);
            got.extend(frames(&mut framer, b));
            got.retain(|frame| *frame != Frame::KeepAlivePong);
            assert_eq!(got, expected, "split at {split}");
            assert_eq!(framer.buffered(), 0);
        }
        let mut one_by_one = framer();
        let mut got: Vec<_> = stream
            .bytes()
            .flat_map(|octet| frames(&mut one_by_one, &[octet]))
            .collect();
        got.retain(|frame| *frame != Frame::KeepAlivePong);
        assert_eq!(got, expected);
    }

    #[test]
    fn a_pong_is_a_single_line_break() {
        let mut framer = framer();
        assert_eq!(frames(&mut framer, b"\r\n"), [Frame::KeepAlivePong]);
        let message = format!("\r\n{OPTIONS}l: 0\r\n\r\n");
        assert_eq!(frames(&mut framer, message.as_bytes()).len(), 2);
    }

    #[test]
    fn without_a_length_the_request_can_be_answered_and_the_stream_ends() {
        for (length, error) in [
            ("", ParseError::Missing(HeaderName::ContentLength)),
            (
                "l: -1\r\n",
                ParseError::Field(HeaderName::ContentLength, FieldError::Number),
            ),
            (
                "l: 1\r\nContent-Length: 1\r\n",
                ParseError::Repeated(HeaderName::ContentLength),
            ),
            ("l: 70000\r\n", ParseError::TooMuch(Limit::MessageOctets)),
        ] {
            let mut framer = framer();
            framer.push(format!("{OPTIONS}{length}\r\n").as_bytes());
            let failed = framer.next_frame().expect_err("no length");
            assert_eq!(failed.error, error);
            let failure = failed.into_failure().expect("answerable");
            assert!(
                failure
                    .answer()
                    .is_some_and(|(_, status)| status >= StatusCode::BAD_REQUEST)
            );
            assert_eq!(framer.next_frame().expect("over"), None);
        }
    }

    #[test]
    fn an_endless_header_section_is_given_up() {
        let mut framer = framer();
        framer.push(&vec![b'x'; 70_000]);
        assert_eq!(
            framer.next_frame().err().map(|error| error.error),
            Some(ParseError::TooMuch(Limit::HeaderSectionOctets))
        );
    }
}
