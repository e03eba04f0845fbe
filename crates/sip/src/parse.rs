//! Octets to [`Message`] in one pass (RFC 3261 §7, §8.2, §16.3 step 1, §18.3; RFC 4475 for the cases).
//!
//! Refused: a line end that is not CR LF, NUL outside of a quoted pair, a mandatory header field that is missing,
//! repeated or malformed, a Request-URI that is malformed or has a header part, a CSeq method that differs.
//! Left to whoever cares: every other header field. After an error reading goes on, so that the request
//! can be answered.
//!
//! A bare LF is refused rather than taken as a line end: octets are forwarded as they came, and a next hop
//! that read the line differently could be made to see header fields that were never checked here.

use crate::charset::{self, TOKEN};
use crate::cseq;
use crate::error::{FieldError, ParseError, ParseFailure, UriError};
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::header_word;
use crate::index::{Entry, Index};
use crate::limits::{Limit, Limits};
use crate::message::{Message, NumberField, StartLine};
use crate::method::Method;
use crate::name_addr::{self, NameAddrSpans};
use crate::scan::Controls;
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
        let mut message = Message {
            octets,
            index: Index::new(),
            start_line: StartLine::default(),
            header_end: 0,
            body_start: 0,
            via: ViaSpans::NONE,
            from: NameAddrSpans::NONE,
            to: NameAddrSpans::NONE,
            call_id: Span::ABSENT,
            cseq_number: 0,
            cseq_method: Span::ABSENT,
            max_forwards: NumberField::Absent,
            content_length: None,
        };
        match Parser::run(&mut message, limits) {
            None => Ok(message),
            Some(error) => Err(failure(message, error)),
        }
    }
}

fn without_leading_line_breaks(mut octets: Vec<u8>) -> Result<Vec<u8>, ParseError> {
    match octets.first() {
        Some(octet) if !matches!(octet, b'\r' | b'\n') => Ok(octets),
        _ => match octets
            .iter()
            .position(|octet| !matches!(octet, b'\r' | b'\n'))
        {
            Some(start) => {
                octets.drain(..start);
                Ok(octets)
            }
            None => Err(ParseError::KeepAlive),
        },
    }
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

struct Parser<'a> {
    /// All but its octets is filled in here.
    message: &'a mut Message,
    limits: &'a Limits,
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
                parser.message.header_end = end;
                parser.message.body_start = end + 2;
            }
            None => {
                let cut = section.len() < octets.len();
                parser.fail(if cut {
                    ParseError::TooMuch(Limit::HeaderSectionOctets)
                } else {
                    ParseError::NoEmptyLine
                });
                parser.message.header_end = section.len();
                parser.message.body_start = octets.len();
            }
        }
        parser.check_mandatory();
        parser.message.octets = octets;
        parser.delimit_body();
        parser.error
    }

    #[cold]
    fn fail(&mut self, error: ParseError) {
        self.error.get_or_insert(error);
    }

    /// Reads start line and header fields; the result is where the empty line begins.
    #[inline]
    fn header_section(&mut self, octets: &[u8]) -> Option<usize> {
        let mut controls = Controls::new(octets);
        let (end, mut last) = match line_end(&mut controls, octets) {
            LineEnd::Plain { end, last } => (end, last),
            LineEnd::Fold(end) => (end, false),
            LineEnd::None => return None,
            LineEnd::Other(at) => {
                let line = unusual_line(&mut controls, octets, 0, at, false)?;
                if let Some(at) = line.stray {
                    self.fail(ParseError::StrayOctet(at));
                }
                (line.end, line.last)
            }
        };
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
            if self.message.index.len() >= self.limits.headers_max {
                self.fail(ParseError::TooMuch(Limit::Headers));
                return end_of_section(octets, at);
            }
            let end = match line_end(&mut controls, octets) {
                LineEnd::Plain { end, last: is_last } => {
                    last = is_last;
                    self.header_field(octets, end, at);
                    end
                }
                LineEnd::None => return None,
                LineEnd::Fold(hit) | LineEnd::Other(hit) => {
                    let line = unusual_line(&mut controls, octets, at, hit, true)?;
                    last = line.last;
                    match line.stray {
                        None => self.header_field(octets, line.end, at),
                        Some(position) => {
                            self.fail(ParseError::StrayOctet(position));
                            self.hide(at, line.end);
                        }
                    }
                    line.end
                }
            };
            if end - at > self.limits.header_octets_max {
                self.fail(ParseError::TooMuch(Limit::HeaderOctets));
            }
            at = end + 2;
        }
        Some(at)
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

    #[inline]
    fn request_line(&mut self, line: Field<'_>) {
        let method_end = line.token_end(0);
        let method = line.slice(0, method_end);
        if method.is_empty() {
            return self.fail(ParseError::StartLine);
        }
        self.message.start_line.method = Span::new(0, method_end);
        let known = Method::from_bytes(method).known_index();
        self.message.start_line.known_method = known.map_or(0, |index| index + 1);
        let uri_start = method_end + 1;
        let uri_end = line.find(uri_start, b' ');
        if line.get(method_end) != Some(b' ') || uri_end == uri_start {
            return self.fail(ParseError::StartLine);
        }
        if !line.has(uri_end, b" SIP/2.0") || uri_end + 8 != line.end() {
            match line.slice(uri_end, line.end()) {
                [b' ', version @ ..] if version.eq_ignore_ascii_case(b"SIP/2.0") => {}
                [b' ', version @ ..] if is_other_version(version) => self.fail(ParseError::Version),
                _ => return self.fail(ParseError::StartLine),
            }
        }
        self.message.start_line.rest = Span::new(uri_start, uri_end);
        if uri_end - uri_start > self.limits.uri_octets_max {
            return self.fail(ParseError::TooMuch(Limit::UriOctets));
        }
        match Uri::parse_at(line.until(uri_end), uri_start) {
            Ok(uri) if uri.headers.is_empty() => {}
            Ok(_) => self.fail(ParseError::RequestUri(UriError::Headers)),
            Err(error) => self.fail(ParseError::RequestUri(error)),
        }
    }

    /// Reads the header field from `at` to the line end at `line_end`.
    #[inline(always)]
    fn header_field(&mut self, octets: &[u8], line_end: usize, at: usize) {
        let (name, name_end, mut start) = match usual_name(octets, at) {
            Some((name, len, start)) => (name, at + len, at + start),
            None => match unusual_name(octets, line_end, at) {
                Some((name, name_end, start)) => (name, name_end, start),
                None => {
                    self.fail(ParseError::HeaderLine(at));
                    return self.hide(at, line_end);
                }
            },
        };
        let mut end = line_end;
        let blank = |at: usize| octets.get(at).is_none_or(|&octet| octet <= b' ');
        if start >= end || blank(start) || blank(end - 1) {
            let line = Field::new(octets, line_end);
            start = line.skip_lws(start.min(line_end));
            end = start + charset::trim_end(line.slice(start, line_end)).len();
        }
        let value = Span::new(start, end);
        let (line_start, name_end) = (at as u16, name_end as u16);
        let first = self.message.index.push(Entry {
            line_start,
            name_end,
            value,
            name,
        });
        let field = Field::new(octets, end);
        match name {
            HeaderName::Via if first => self.via(field, start),
            HeaderName::From | HeaderName::To if first => self.address(field, start, name),
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

    /// Indexes a line that is not looked into: what copies this message must not copy it as a known field.
    #[cold]
    fn hide(&mut self, at: usize, end: usize) {
        let (line_start, value) = (at as u16, Span::new(at, end));
        let name = HeaderName::Unknown;
        self.message.index.push(Entry {
            line_start,
            name_end: line_start,
            value,
            name,
        });
    }

    #[inline(always)]
    fn via(&mut self, field: Field<'_>, at: usize) {
        if let Err(error) = via::scan(field, at, self.limits.parameters_max, &mut self.message.via)
        {
            self.fail(field_error(HeaderName::Via, error));
        }
    }

    #[inline]
    fn address(&mut self, field: Field<'_>, at: usize, name: HeaderName) {
        let spans = match name_addr::scan(field, at, self.limits.parameters_max) {
            Ok(spans) if usize::from(spans.whole.end) == field.end() => spans,
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
    fn call_id(&mut self, field: Field<'_>, at: usize) {
        if at == field.end() {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Empty));
        } else if field.visible_end(at) != field.end() {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Syntax));
        } else {
            self.message.call_id = Span::new(at, field.end());
        }
    }

    #[inline]
    fn cseq(&mut self, field: Field<'_>, at: usize) {
        let (number, span) = match cseq::scan(field, at) {
            Ok(parts) => parts,
            Err(error) => return self.fail(ParseError::Field(HeaderName::CSeq, error)),
        };
        self.message.cseq_number = number;
        self.message.cseq_method = span;
        let method = field.slice(usize::from(span.start), usize::from(span.end));
        let start_line = &mut self.message.start_line;
        if start_line.status != 0 {
            let known = Method::from_bytes(method).known_index();
            start_line.known_method = known.map_or(0, |index| index + 1);
        } else if field.slice(0, usize::from(start_line.method.end)) != method
            && !start_line.method.is_absent()
        {
            // The method of the request line stands at the start of the same octets.
            self.fail(ParseError::CSeqMethod);
        }
    }

    #[inline]
    fn content_length(&mut self, field: Field<'_>, at: usize) {
        match charset::decimal(field.slice(at, field.end()), u64::from(u32::MAX)) {
            Some(length) => self.message.content_length = Some(length as u32),
            None => self.fail(ParseError::Field(
                HeaderName::ContentLength,
                FieldError::Number,
            )),
        }
    }

    #[inline]
    fn max_forwards(&mut self, field: Field<'_>, at: usize) {
        let hops = charset::decimal(field.slice(at, field.end()), u64::from(u32::MAX));
        self.message.max_forwards = hops.map_or(NumberField::Malformed, |hops| {
            NumberField::Value(hops as u32)
        });
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
        let end = self.message.body_start.saturating_add(length as usize);
        if end > self.message.octets.len() {
            self.fail(ParseError::Truncated);
        } else {
            self.message.octets.truncate(end);
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

/// A known name of up to fifteen octets, its length, and where the value starts if one space or none stands before it.
#[inline(always)]
fn usual_name(octets: &[u8], at: usize) -> Option<(HeaderName, usize, usize)> {
    let near: &[u8; 32] = octets.get(at..)?.first_chunk()?;
    let (name, len) = header_word::read(near.first_chunk()?)?;
    let start = len + 1 + usize::from(near.get(len + 1) == Some(&b' '));
    Some((name, len, start))
}

/// Name, its end and where the value starts, where LWS stands before the colon, or the name is long or unknown.
/// A fold is no part of either: `HCOLON` has only SP and HTAB before the colon (§25.1).
#[inline(never)]
fn unusual_name(octets: &[u8], end: usize, at: usize) -> Option<(HeaderName, usize, usize)> {
    let line = Field::new(octets, end);
    let colon = line.find(at, b':');
    let mut name = line.slice(at, colon);
    while let [head @ .., b' ' | b'\t'] = name {
        name = head;
    }
    let sound = colon < end && !name.is_empty() && charset::all(name, TOKEN);
    sound.then(|| (HeaderName::from_bytes(name), at + name.len(), colon + 1))
}

/// What comes next among the octets that may end a line.
enum LineEnd {
    /// The line ends at `end`; the empty line follows if it is the `last`.
    Plain { end: usize, last: bool },
    /// CR LF with SP or HTAB behind.
    Fold(usize),
    /// Some other control octet, or the octets end behind a CR LF.
    Other(usize),
    /// Nothing.
    None,
}

#[inline(always)]
fn line_end(controls: &mut Controls<'_>, octets: &[u8]) -> LineEnd {
    let Some(at) = controls.next() else {
        return LineEnd::None;
    };
    let Some(&[b'\r', b'\n', next, after]) = octets.get(at..).and_then(|rest| rest.first_chunk())
    else {
        return LineEnd::Other(at);
    };
    controls.skip_one();
    if matches!(next, b' ' | b'\t') {
        return LineEnd::Fold(at);
    }
    LineEnd::Plain {
        end: at,
        last: next == b'\r' && after == b'\n',
    }
}

/// Where a line ends (at its CR), and the first octet in it that must not be there.
struct Line {
    end: usize,
    stray: Option<usize>,
    last: bool,
}

/// Finds the CR LF that ends the line at `start`; with `folds`, one that no SP or HTAB follows (§7.3.1). `at` is the first
/// control octet of the line, taken from `controls` before, with the LF if it is the CR of a fold.
#[inline(never)]
fn unusual_line(
    controls: &mut Controls<'_>,
    octets: &[u8],
    start: usize,
    at: usize,
    folds: bool,
) -> Option<Line> {
    let mut line = Line {
        end: start,
        stray: None,
        last: false,
    };
    let mut at = at;
    loop {
        if octets.get(at..at + 2) == Some(b"\r\n") {
            if !folds || !matches!(octets.get(at + 2), Some(b' ' | b'\t')) {
                line.end = at;
                line.last = octets.get(at + 2..at + 4) == Some(b"\r\n");
                controls.pass(at + 2);
                return Some(line);
            }
            controls.pass(at + 2);
        } else if is_stray(octets, start, at) && line.stray.is_none() {
            line.stray = Some(at);
        }
        at = controls.next()?;
    }
}

/// CR, LF and NUL; but NUL may be quoted in a quoted string (§25.1 `quoted-pair`). Other controls are let pass.
fn is_stray(octets: &[u8], start: usize, at: usize) -> bool {
    match octets.get(at) {
        Some(b'\r' | b'\n') => true,
        Some(0) => at == start || octets.get(at - 1) != Some(&b'\\'),
        _ => false,
    }
}

/// Start of the empty line at or after the line that begins at `at`.
#[cold]
fn end_of_section(octets: &[u8], at: usize) -> Option<usize> {
    memchr::memmem::find(octets.get(at..)?, b"\r\n\r\n").map(|offset| at + offset + 2)
}
