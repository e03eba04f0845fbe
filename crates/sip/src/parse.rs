//! Octets to [`Message`] in one pass (RFC 3261 §7, §8.2, §16.3 step 1, §18.3; RFC 4475 for the cases).
//!
//! Refused: a line end that is not CR LF, NUL outside of a quoted pair, a mandatory header field that is missing,
//! repeated or malformed, a Request-URI that is malformed or has a header part, a CSeq method that differs.
//! Left to whoever cares: every other header field. After an error reading goes on, so that the request
//! can be answered.
//!
//! A bare LF is refused rather than taken as a line end: octets are forwarded as they came, and a next hop
//! that read the line differently could be made to see header fields that were never checked here.

use std::sync::Arc;

use crate::charset::{self, TOKEN};
use crate::error::{ParseError, ParseFailure, UriError};
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::index::Index;
use crate::limits::{Limit, Limits};
use crate::message::{Message, NumberField, StartLine};
use crate::method::Method;
use crate::name_addr::NameAddrSpans;
use crate::parse_lines::{WholeLine, line_break, whole_line};
use crate::scan;
use crate::span::Span;
use crate::status::StatusCode;
use crate::uri::Uri;
use crate::uri_spans::UriSpans;
use crate::via::ViaSpans;

impl Message {
    /// Reads a datagram, or a message that a [`crate::StreamFramer`] cut out. CR LF before the start line is
    /// passed over (§7.5), octets after the body are dropped (§18.3).
    pub fn parse(octets: Vec<u8>, limits: &Limits) -> Result<Message, ParseFailure> {
        let octets = from_start_line(octets)?;
        // Made where it is returned from.
        let mut result = Ok(Message::unread(octets));
        if let Ok(message) = &mut result
            && let Some(error) = Parser::run(message, limits)
        {
            return result.and_then(|message| Err(failure(message, error)));
        }
        result
    }

    /// The same where many will hold it.
    pub fn parse_shared(octets: Vec<u8>, limits: &Limits) -> Result<Arc<Message>, ParseFailure> {
        let octets = from_start_line(octets)?;
        // Made where it stays.
        let mut shared: Arc<Message> = Arc::default();
        let error = Arc::get_mut(&mut shared).and_then(|message| {
            message.octets = octets;
            Parser::run(message, limits)
        });
        match error {
            None => Ok(shared),
            Some(error) => Err(shared_failure(shared, error)),
        }
    }

    /// The same in the memory of a message that nobody holds any more. Nothing of that is kept.
    pub fn parse_into(
        mut spare: Arc<Message>,
        octets: &[u8],
        limits: &Limits,
    ) -> Result<Arc<Message>, ParseFailure> {
        let Some(message) = Arc::get_mut(&mut spare) else {
            return Message::parse_shared(octets.to_vec(), limits);
        };
        let mut memory = core::mem::take(&mut message.octets);
        if memory.capacity() < octets.len() {
            // To make room would copy what is of no use any more.
            memory = octets.to_vec();
        } else {
            memory.clear();
            memory.extend_from_slice(octets);
        }
        *message = Message::unread(from_start_line(memory)?);
        match Parser::run(message, limits) {
            None => Ok(spare),
            Some(error) => Err(shared_failure(spare, error)),
        }
    }

    #[inline(always)]
    fn unread(octets: Vec<u8>) -> Message {
        Message {
            octets,
            index: Index::new(),
            start_line: StartLine::default(),
            header_end: 0,
            body_start: 0,
            uri: UriSpans::default(),
            via: ViaSpans::NONE,
            from: NameAddrSpans::NONE,
            to: NameAddrSpans::NONE,
            call_id: Span::ABSENT,
            cseq_number: 0,
            cseq_method: Span::ABSENT,
            max_forwards: NumberField::Absent,
            max_forwards_value: Span::ABSENT,
            rport_forced: false,
            content_length: None,
            has_more_via_lines: false,
        }
    }
}

/// What has not been read yet: no octets and no header fields.
impl Default for Message {
    #[inline(always)]
    fn default() -> Message {
        Message::unread(Vec::new())
    }
}

/// Without CR LF before the start line.
#[inline(always)]
fn from_start_line(octets: Vec<u8>) -> Result<Vec<u8>, ParseFailure> {
    match octets.first() {
        Some(octet) if *octet > b'\r' => Ok(octets),
        _ => without_leading_line_breaks(octets).map_err(|error| ParseFailure {
            error,
            message: None,
        }),
    }
}

#[cold]
fn without_leading_line_breaks(mut octets: Vec<u8>) -> Result<Vec<u8>, ParseError> {
    let start = octets
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    octets.drain(..start.ok_or(ParseError::KeepAlive)?);
    Ok(octets)
}

#[cold]
fn failure(message: Message, error: ParseError) -> ParseFailure {
    let answerable = message.is_request()
        && !message.start_line.method.is_absent()
        && message.via.sent_by_end != 0;
    ParseFailure {
        error,
        message: answerable.then(|| Box::new(message)),
    }
}

#[cold]
fn shared_failure(message: Arc<Message>, error: ParseError) -> ParseFailure {
    match Arc::into_inner(message) {
        Some(message) => failure(message, error),
        None => ParseFailure {
            error,
            message: None,
        },
    }
}

/// Fills in a message.
pub(crate) struct Parser<'a> {
    /// All but its octets is filled in here.
    pub(crate) message: &'a mut Message,
    pub(crate) limits: &'a Limits,
    /// The first error.
    error: Option<ParseError>,
}

impl Parser<'_> {
    fn run(message: &mut Message, limits: &Limits) -> Option<ParseError> {
        let octets = core::mem::take(&mut message.octets);
        let mut parser = Parser {
            message,
            limits,
            error: None,
        };
        if octets.len() > limits.message_octets_max {
            parser.fail(ParseError::TooMuch(Limit::MessageOctets));
        }
        let section_max = limits
            .header_section_octets_max
            .min(Limits::HEADER_SECTION_OCTETS_MAX);
        let section = octets.get(..section_max).unwrap_or(&octets);
        match parser.header_section(section) {
            Some(end) => {
                parser.message.header_end = end as u32;
                parser.message.body_start = end as u32 + 2;
            }
            None => {
                let cut = section.len() < octets.len();
                parser.fail(if cut {
                    ParseError::TooMuch(Limit::HeaderSectionOctets)
                } else {
                    ParseError::NoEmptyLine
                });
                // A line that was cut is no field: an answer copies whole lines.
                parser.message.header_end =
                    memchr::memmem::rfind(section, b"\r\n").map_or(0, |at| at as u32 + 2);
                parser.message.body_start = octets.len() as u32;
            }
        }
        parser.check_mandatory();
        parser.message.octets = octets;
        parser.delimit_body();
        parser.error
    }

    #[cold]
    pub(crate) fn fail(&mut self, error: ParseError) {
        self.error.get_or_insert(error);
    }

    /// Reads start line and header fields; the result is where the empty line begins.
    #[inline]
    fn header_section(&mut self, octets: &[u8]) -> Option<usize> {
        let end = scan::control(octets, 0);
        let line = match line_break(octets, end) {
            Some(last) => WholeLine {
                end,
                stray: None,
                last,
            },
            None => whole_line(octets, 0, false)?,
        };
        let WholeLine {
            end,
            stray,
            mut last,
        } = line;
        if let Some(at) = stray {
            self.fail(ParseError::StrayOctet(at));
        }
        if octets
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        {
            self.status_line(octets.get(..end)?);
        } else {
            self.request_line(Field::new(octets, end));
        }
        let mut at = end + 2;
        while !last {
            let end = match self.plain_line(octets, at) {
                Some((end, is_last)) => {
                    last = is_last;
                    end
                }
                None => {
                    let line = whole_line(octets, at, true)?;
                    last = line.last;
                    self.unusual_header_field(octets, at, &line);
                    line.end
                }
            };
            at = end + 2;
        }
        if at > self.limits.header_octets_max || self.message.index.len() > self.limits.headers_max
        {
            self.check_limits(at);
        }
        Some(at)
    }

    /// What is not looked at while no limit can be near.
    #[cold]
    fn check_limits(&mut self, end: usize) {
        let index = &self.message.index;
        if index.len() > self.limits.headers_max {
            return self.fail(ParseError::TooMuch(Limit::Headers));
        }
        let start = |at: usize| {
            index
                .get(at)
                .map_or(end, |entry| usize::from(entry.line_start))
        };
        let octets_max = self.limits.header_octets_max.saturating_add(b"\r\n".len());
        if (0..index.len()).any(|at| start(at + 1) - start(at) > octets_max) {
            self.fail(ParseError::TooMuch(Limit::HeaderOctets));
        }
    }

    fn status_line(&mut self, line: &[u8]) {
        // A response even if it turns out to be malformed: it is never answered.
        self.message.start_line.status = u16::MAX;
        if !line
            .get(..8)
            .is_some_and(|version| version.eq_ignore_ascii_case(b"SIP/2.0 "))
        {
            return self.fail(ParseError::Version);
        }
        let Some(code) = line.get(8..11).and_then(StatusCode::from_bytes) else {
            return self.fail(ParseError::StatusCode);
        };
        match line.get(11) {
            None => self.message.start_line.rest = Span::new(11, 11),
            Some(b' ') => self.message.start_line.rest = Span::new(12, line.len()),
            Some(_) => return self.fail(ParseError::StatusCode),
        }
        self.message.start_line.status = code.get();
    }

    #[inline(always)]
    fn request_line(&mut self, line: Field<'_>) {
        let method_end = line.find(0, b' ');
        let method = line.slice(0, method_end);
        let known = Method::from_bytes(method).known_index();
        if known.is_none() && (method.is_empty() || !charset::all(method, TOKEN)) {
            return self.fail(ParseError::StartLine);
        }
        self.message.start_line.method = Span::new(0, method_end);
        self.message.start_line.known_method = known.map_or(0, |index| index + 1);
        let uri_start = method_end + 1;
        let uri_end = line.end().saturating_sub(b" SIP/2.0".len());
        if uri_end <= uri_start || !line.has(uri_end, b" SIP/2.0") {
            return self.unusual_request_line(line, uri_start);
        }
        self.request_uri(line, uri_start, uri_end);
    }

    #[inline(always)]
    fn request_uri(&mut self, line: Field<'_>, start: usize, end: usize) {
        self.message.start_line.rest = Span::new(start, end);
        if end - start > self.limits.uri_octets_max {
            return self.fail(ParseError::TooMuch(Limit::UriOctets));
        }
        if let Some(spans) = UriSpans::plain(line.until(end), start) {
            self.message.uri = spans;
            return;
        }
        self.unusual_request_uri(line, start, end);
    }

    #[inline(never)]
    fn unusual_request_uri(&mut self, line: Field<'_>, start: usize, end: usize) {
        match Uri::parse_at(line.until(end), start) {
            Ok(uri) if uri.headers.is_empty() => {
                self.message.uri = UriSpans::of(&uri, line.slice(0, end));
            }
            Ok(_) => self.fail(ParseError::RequestUri(UriError::Headers)),
            // Space is in no URI: there are more than two in the line.
            Err(_) if line.find(start, b' ') < end => {
                self.message.start_line.rest = Span::ABSENT;
                self.fail(ParseError::StartLine);
            }
            Err(error) => self.fail(ParseError::RequestUri(error)),
        }
    }

    /// Tells another version from what is no request line.
    #[cold]
    fn unusual_request_line(&mut self, line: Field<'_>, uri_start: usize) {
        let uri_end = line.find(uri_start, b' ');
        if uri_end == uri_start {
            return self.fail(ParseError::StartLine);
        }
        match line.slice(uri_end, line.end()) {
            [b' ', version @ ..] if version.eq_ignore_ascii_case(b"SIP/2.0") => {}
            [b' ', version @ ..] if is_other_version(version) => self.fail(ParseError::Version),
            _ => return self.fail(ParseError::StartLine),
        }
        self.request_uri(line, uri_start, uri_end);
    }

    #[inline]
    fn check_mandatory(&mut self) {
        const MANDATORY: [HeaderName; 5] = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        if !MANDATORY
            .into_iter()
            .all(|name| self.message.has_header(name))
        {
            let missing = MANDATORY
                .into_iter()
                .find(|&name| !self.message.has_header(name));
            self.fail(ParseError::Missing(missing.unwrap_or(HeaderName::Via)));
        }
    }

    /// Cuts off what follows the body (§18.3, §20.14).
    #[inline]
    fn delimit_body(&mut self) {
        let Some(length) = self.message.content_length else {
            return;
        };
        let end = (self.message.body_start as usize).saturating_add(length as usize);
        if end > self.message.octets.len() {
            self.fail(ParseError::Truncated);
        } else {
            self.message.octets.truncate(end);
        }
    }
}

/// `SIP/` digits `.` digits.
fn is_other_version(version: &[u8]) -> bool {
    let Some((name, numbers)) = version.split_at_checked(4) else {
        return false;
    };
    let mut parts = numbers.split(|&octet| octet == b'.');
    let number = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    name.eq_ignore_ascii_case(b"SIP/")
        && number(parts.next())
        && number(parts.next())
        && parts.next().is_none()
}
