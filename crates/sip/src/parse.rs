//! Octets to [`Message`] in one pass (RFC 3261 §7, §8.2, §16.3 step 1, §18.3; RFC 4475 for the cases).
//!
//! Refused: a line end that is not CR LF, NUL outside of a quoted pair, a mandatory header field that is missing,
//! repeated or malformed, a Request-URI that is malformed or has a header part, a CSeq method that differs.
//! Left to whoever cares: every other header field. After an error reading goes on, so that the request
//! can be answered.
//!
//! A bare LF is refused rather than taken as a line end: octets are forwarded as they came, and a next hop
//! that read the line differently could be made to see header fields that were never checked here.

use smallvec::SmallVec;

use crate::charset::{self, LWS, TOKEN};
use crate::cseq;
use crate::error::{FieldError, ParseError, ParseFailure, UriError};
use crate::header_name::HeaderName;
use crate::limits::{Limit, Limits};
use crate::message::{Entry, Message, NumberField, StartLine};
use crate::method::Method;
use crate::name_addr::{self, NameAddrSpans};
use crate::span::Span;
use crate::status::StatusCode;
use crate::uri::Uri;
use crate::via::{self, ViaSpans};

impl Message {
    /// Reads a datagram, or a message that a [`crate::StreamFramer`] cut out. CR LF before the start line is
    /// passed over (§7.5), octets after the body are dropped (§18.3).
    pub fn parse(octets: Vec<u8>, limits: &Limits) -> Result<Message, ParseFailure> {
        let octets = match without_leading_line_breaks(octets) {
            Ok(octets) => octets,
            Err(error) => {
                return Err(ParseFailure {
                    error,
                    message: None,
                });
            }
        };
        let mut parser = Parser {
            message: Message {
                octets,
                index: SmallVec::new(),
                present: 0,
                start_line: StartLine::default(),
                header_end: 0,
                body_start: 0,
                via: ViaSpans::default(),
                from: NameAddrSpans::default(),
                to: NameAddrSpans::default(),
                call_id: Span::default(),
                cseq_number: 0,
                cseq_method: Span::default(),
                max_forwards: NumberField::Absent,
                content_length: None,
            },
            error: None,
        };
        parser.run(limits);
        match parser.error {
            None => Ok(parser.message),
            Some(error) => Err(parser.into_failure(error)),
        }
    }
}

fn without_leading_line_breaks(mut octets: Vec<u8>) -> Result<Vec<u8>, ParseError> {
    match octets
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'))
    {
        Some(0) => Ok(octets),
        Some(start) => {
            octets.drain(..start);
            Ok(octets)
        }
        None => Err(ParseError::KeepAlive),
    }
}

struct Parser {
    message: Message,
    error: Option<ParseError>,
}

impl Parser {
    fn run(&mut self, limits: &Limits) {
        let octets = core::mem::take(&mut self.message.octets);
        if octets.len() > limits.message_octets_max {
            self.fail(ParseError::TooMuch(Limit::MessageOctets));
        }
        let section_max = limits
            .header_section_octets_max
            .min(Limits::HEADER_SECTION_OCTETS_MAX);
        let section = octets.get(..section_max).unwrap_or(&octets);
        let end = self
            .start_line(section, limits)
            .and_then(|at| self.header_fields(section, at, limits));
        match end {
            Some(end) => {
                self.message.header_end = end;
                self.message.body_start = end + 2;
            }
            None => {
                let cut = section.len() < octets.len();
                self.fail(if cut {
                    ParseError::TooMuch(Limit::HeaderSectionOctets)
                } else {
                    ParseError::NoEmptyLine
                });
                self.message.header_end = section.len();
                self.message.body_start = octets.len();
            }
        }
        self.message.octets = octets;
        self.check_mandatory();
        self.delimit_body();
    }

    fn fail(&mut self, error: ParseError) {
        self.error.get_or_insert(error);
    }

    #[cold]
    fn into_failure(self, error: ParseError) -> ParseFailure {
        let message = self.message;
        let answerable = message.is_request()
            && !message.start_line.method.is_absent()
            && message.via.sent_by_end != 0;
        ParseFailure {
            error,
            message: answerable.then(|| Box::new(message)),
        }
    }

    /// Reads the start line; the result is where the header fields begin.
    #[inline]
    fn start_line(&mut self, octets: &[u8], limits: &Limits) -> Option<usize> {
        let Line { end, stray, .. } = line_end(octets, 0, false)?;
        if let Some(at) = stray {
            self.fail(ParseError::StrayOctet(at));
        }
        let line = octets.get(..end)?;
        if line
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        {
            self.status_line(line);
        } else {
            self.request_line(line, limits);
        }
        Some(end + 2)
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

    fn request_line(&mut self, line: &[u8], limits: &Limits) {
        let method_end = charset::skip(line, 0, TOKEN);
        let method = line.get(..method_end).unwrap_or_default();
        if method.is_empty() {
            return self.fail(ParseError::StartLine);
        }
        self.message.start_line.method = Span::new(0, method_end);
        self.message.start_line.known_method = Method::from_bytes(method)
            .known_index()
            .map_or(0, |index| index + 1);
        let uri_start = method_end + 1;
        let tail = line.get(uri_start..).unwrap_or_default();
        let Some(uri_len) =
            memchr::memchr(b' ', tail).filter(|_| line.get(method_end) == Some(&b' '))
        else {
            return self.fail(ParseError::StartLine);
        };
        let (uri, version) = tail.split_at_checked(uri_len).unwrap_or_default();
        if uri.is_empty() {
            return self.fail(ParseError::StartLine);
        }
        match version {
            b" SIP/2.0" => {}
            [b' ', version @ ..] if version.eq_ignore_ascii_case(b"SIP/2.0") => {}
            [b' ', version @ ..] if is_other_version(version) => self.fail(ParseError::Version),
            _ => return self.fail(ParseError::StartLine),
        }
        self.message.start_line.rest = Span::new(uri_start, uri_start + uri_len);
        if uri.len() > limits.uri_octets_max {
            return self.fail(ParseError::TooMuch(Limit::UriOctets));
        }
        match Uri::parse(uri) {
            Ok(uri) if uri.headers.is_empty() => {}
            Ok(_) => self.fail(ParseError::RequestUri(UriError::Headers)),
            Err(error) => self.fail(ParseError::RequestUri(error)),
        }
    }

    /// Indexes the header fields from `at` on; the result is where the empty line begins.
    #[inline]
    fn header_fields(&mut self, octets: &[u8], at: usize, limits: &Limits) -> Option<usize> {
        let mut at = at;
        loop {
            if octets.get(at..at + 2) == Some(b"\r\n") {
                return Some(at);
            }
            let Line { end, stray, folded } = line_end(octets, at, true)?;
            if self.message.index.len() >= limits.headers_max {
                self.fail(ParseError::TooMuch(Limit::Headers));
                return end_of_section(octets, at);
            }
            if end - at > limits.header_octets_max {
                self.fail(ParseError::TooMuch(Limit::HeaderOctets));
            }
            match stray {
                None => self.header_field(octets.get(..end)?, at, folded, limits),
                Some(position) => {
                    // Not looked into: what copies this message must not copy that line as a known field.
                    self.fail(ParseError::StrayOctet(position));
                    self.push(at, at, Span::new(at, end), HeaderName::Unknown);
                }
            }
            at = end + 2;
        }
    }

    /// Reads the header field at `at`, which ends with `octets`.
    #[inline]
    fn header_field(&mut self, octets: &[u8], at: usize, folded: bool, limits: &Limits) {
        let name_end = charset::skip(octets, at, TOKEN);
        let mut colon = name_end;
        if octets.get(colon) != Some(&b':') {
            colon = charset::skip(octets, colon, LWS);
        }
        if name_end == at
            || octets.get(colon) != Some(&b':')
            || (folded && breaks_before(octets, name_end, colon))
        {
            self.fail(ParseError::HeaderLine(at));
            return self.push(at, at, Span::new(at, octets.len()), HeaderName::Unknown);
        }
        let mut start = colon + 1;
        if octets.get(start) == Some(&b' ') {
            start += 1;
        }
        start = charset::skip(octets, start, LWS);
        let end = start
            + octets
                .get(start..)
                .map_or(0, |value| charset::trim_end(value).len());
        let name = HeaderName::from_bytes(octets.get(at..name_end).unwrap_or_default());
        let first = self.message.present & (1 << name as u32) == 0;
        self.push(at, name_end, Span::new(start, end), name);
        let Some(field) = octets.get(..end) else {
            return;
        };
        match name {
            HeaderName::Via if first => self.via(field, start, limits),
            HeaderName::Via => {}
            HeaderName::From | HeaderName::To if first => self.address(field, start, name, limits),
            HeaderName::CallId if first => self.call_id(field, start),
            HeaderName::CSeq if first => self.cseq(field, start),
            HeaderName::ContentLength if first => self.content_length(field, start),
            HeaderName::MaxForwards if first => self.max_forwards(field, start),
            HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::ContentLength
            | HeaderName::MaxForwards => self.fail(ParseError::Repeated(name)),
            _ => {}
        }
    }

    #[inline]
    fn push(&mut self, line_start: usize, name_end: usize, value: Span, name: HeaderName) {
        self.message.present |= 1 << name as u32;
        self.message.index.push(Entry {
            line_start: line_start as u16,
            name_end: name_end as u16,
            value,
            name,
        });
    }

    #[inline]
    fn via(&mut self, field: &[u8], at: usize, limits: &Limits) {
        if let Err(error) = via::scan(field, at, limits.parameters_max, &mut self.message.via) {
            self.fail(field_error(HeaderName::Via, error));
        }
    }

    #[inline]
    fn address(&mut self, field: &[u8], at: usize, name: HeaderName, limits: &Limits) {
        let spans = match name_addr::scan(field, at, limits.parameters_max) {
            Ok(spans) if usize::from(spans.whole.end) == field.len() => spans,
            Ok(_) => return self.fail(ParseError::Field(name, FieldError::Trailing)),
            Err(error) => return self.fail(field_error(name, error)),
        };
        if name == HeaderName::From {
            self.message.from = spans;
        } else {
            self.message.to = spans;
        }
    }

    #[inline]
    fn call_id(&mut self, field: &[u8], at: usize) {
        let value = field.get(at..).unwrap_or_default();
        if value.is_empty() {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Empty));
        } else if !charset::is_visible(value) {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Syntax));
        } else {
            self.message.call_id = Span::new(at, field.len());
        }
    }

    #[inline]
    fn cseq(&mut self, field: &[u8], at: usize) {
        match cseq::scan(field, at) {
            Ok((number, method)) => {
                self.message.cseq_number = number;
                self.message.cseq_method = method;
                let start_line = &self.message.start_line;
                if start_line.status == 0 {
                    // The request line stands at the start of the same octets.
                    if start_line.method.of(field) != method.of(field)
                        && !start_line.method.is_absent()
                    {
                        self.fail(ParseError::CSeqMethod);
                    }
                } else {
                    let known = Method::from_bytes(method.of(field)).known_index();
                    self.message.start_line.known_method = known.map_or(0, |index| index + 1);
                }
            }
            Err(error) => self.fail(ParseError::Field(HeaderName::CSeq, error)),
        }
    }

    #[inline]
    fn content_length(&mut self, field: &[u8], at: usize) {
        match charset::decimal(field.get(at..).unwrap_or_default(), u64::from(u32::MAX)) {
            Some(length) => self.message.content_length = Some(length as u32),
            None => self.fail(ParseError::Field(
                HeaderName::ContentLength,
                FieldError::Number,
            )),
        }
    }

    #[inline]
    fn max_forwards(&mut self, field: &[u8], at: usize) {
        self.message.max_forwards =
            match charset::decimal(field.get(at..).unwrap_or_default(), u64::from(u32::MAX)) {
                Some(hops) => NumberField::Value(hops as u32),
                None => NumberField::Malformed,
            };
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
        for name in MANDATORY {
            if !self.message.has_header(name) {
                self.fail(ParseError::Missing(name));
            }
        }
    }

    /// Cuts off what follows the body (§18.3, §20.14).
    #[inline]
    fn delimit_body(&mut self) {
        let Some(length) = self.message.content_length else {
            return;
        };
        let message = &mut self.message;
        let end = message.body_start.saturating_add(length as usize);
        if end > message.octets.len() {
            self.fail(ParseError::Truncated);
        } else {
            message.octets.truncate(end);
        }
    }
}

fn field_error(name: HeaderName, error: FieldError) -> ParseError {
    match error {
        FieldError::TooManyParameters => ParseError::TooMuch(Limit::Parameters),
        error => ParseError::Field(name, error),
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

/// True if a line break stands between name and colon: `HCOLON` has only SP and HTAB there (§25.1).
fn breaks_before(octets: &[u8], name_end: usize, colon: usize) -> bool {
    octets
        .get(name_end..colon)
        .unwrap_or_default()
        .iter()
        .any(|octet| matches!(octet, b'\r' | b'\n'))
}

/// Where a line ends (at its CR), and the first octet in it that must not be there.
struct Line {
    end: usize,
    stray: Option<usize>,
    folded: bool,
}

/// Finds the CR LF that ends the line at `start`; with `folds`, one that no SP or HTAB follows (§7.3.1).
#[inline]
fn line_end(octets: &[u8], start: usize, folds: bool) -> Option<Line> {
    let mut line = Line {
        end: start,
        stray: None,
        folded: false,
    };
    let mut at = start;
    loop {
        let hit = at + memchr::memchr3(b'\r', b'\n', 0, octets.get(at..)?)?;
        if octets.get(hit..hit + 2) == Some(b"\r\n") {
            if !folds || !matches!(octets.get(hit + 2), Some(b' ' | b'\t')) {
                line.end = hit;
                return Some(line);
            }
            line.folded = true;
            at = hit + 2;
            continue;
        }
        // NUL may be quoted in a quoted string (§25.1 `quoted-pair`).
        let quoted =
            octets.get(hit) == Some(&0) && hit > start && octets.get(hit - 1) == Some(&b'\\');
        if !quoted && line.stray.is_none() {
            line.stray = Some(hit);
        }
        at = hit + 1;
    }
}

/// Start of the empty line at or after the line that begins at `at`.
#[cold]
fn end_of_section(octets: &[u8], at: usize) -> Option<usize> {
    memchr::memmem::find(octets.get(at..)?, b"\r\n\r\n").map(|offset| at + offset + 2)
}
