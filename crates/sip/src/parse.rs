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
use crate::index::{Entry, HEADERS_INLINE, Index};
use crate::limits::{Limit, Limits};
use crate::message::{Message, NumberField, StartLine};
use crate::method::Method;
use crate::name_addr::{self, NameAddrSpans};
use crate::scan;
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
        // Made where it is returned from.
        let mut result = Ok(Message {
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
        });
        if let Ok(message) = &mut result
            && let Some(error) = Parser::run(message, limits)
        {
            return result.and_then(|message| Err(failure(message, error)));
        }
        result
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
        let Line {
            end,
            stray,
            mut last,
        } = whole_line(octets, 0, false)?;
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
            let end = match plain_line(octets, at) {
                Some(line) => {
                    last = line.last;
                    self.header_field(octets, at, line.name, line.name_len, line.value, line.end);
                    line.end
                }
                None => {
                    let line = whole_line(octets, at, true)?;
                    last = line.last;
                    self.unusual_header_field(octets, at, &line);
                    line.end
                }
            };
            at = end + 2;
            let count = self.message.index.len();
            if count > HEADERS_INLINE && count > self.limits.headers_max {
                self.fail(ParseError::TooMuch(Limit::Headers));
                return end_of_section(octets, end);
            }
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

    #[inline]
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

    #[inline]
    fn request_uri(&mut self, line: Field<'_>, start: usize, end: usize) {
        self.message.start_line.rest = Span::new(start, end);
        if end - start > self.limits.uri_octets_max {
            return self.fail(ParseError::TooMuch(Limit::UriOctets));
        }
        match Uri::parse_at(line.until(end), start) {
            Ok(uri) if uri.headers.is_empty() => {}
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

    /// Reads a header field that is folded, or has an unknown or long name, or octets that it must not have.
    #[inline(never)]
    fn unusual_header_field(&mut self, octets: &[u8], at: usize, line: &Line) {
        if let Some(position) = line.stray {
            self.fail(ParseError::StrayOctet(position));
            return self.hide(at, line.end);
        }
        match unusual_name(octets, line.end, at) {
            Some((name, name_len, value)) => {
                self.header_field(octets, at, name, name_len, value, line.end);
            }
            None => {
                self.fail(ParseError::HeaderLine(at));
                self.hide(at, line.end);
            }
        }
    }

    /// Indexes the header field at `at`, and reads it if it is mandatory.
    #[inline(always)]
    fn header_field(
        &mut self,
        octets: &[u8],
        at: usize,
        name: HeaderName,
        name_len: usize,
        start: usize,
        line_end: usize,
    ) {
        let (mut start, mut end) = (start, line_end);
        let blank = |at: usize| octets.get(at).is_none_or(|&octet| octet <= b' ');
        if start >= end || blank(start) || blank(end - 1) {
            let line = Field::new(octets, line_end);
            start = line.skip_lws(start.min(line_end));
            end = start + charset::trim_end(line.slice(start, line_end)).len();
        }
        let value = Span::new(start, end);
        let (line_start, name_end) = (at as u16, (at + name_len) as u16);
        let first = self.message.index.push(Entry {
            line_start,
            name_end,
            value,
            name,
        });
        match name {
            HeaderName::Via if first => self.via(Field::new(octets, end), start),
            HeaderName::From if first => self.from(Field::new(octets, end), start),
            HeaderName::To if first => self.to(Field::new(octets, end), start),
            HeaderName::CallId if first => self.call_id(Field::new(octets, end), start),
            HeaderName::CSeq if first => self.cseq(Field::new(octets, end), start),
            HeaderName::ContentLength if first => {
                self.content_length(Field::new(octets, end), start);
            }
            HeaderName::MaxForwards if first => self.max_forwards(Field::new(octets, end), start),
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
    fn from(&mut self, field: Field<'_>, at: usize) {
        let scanned = name_addr::scan(
            field,
            at,
            self.limits.parameters_max,
            &mut self.message.from,
        );
        if let Some(error) = single(scanned, &mut self.message.from, field) {
            self.fail(field_error(HeaderName::From, error));
        }
    }

    #[inline]
    fn to(&mut self, field: Field<'_>, at: usize) {
        let scanned = name_addr::scan(field, at, self.limits.parameters_max, &mut self.message.to);
        if let Some(error) = single(scanned, &mut self.message.to, field) {
            self.fail(field_error(HeaderName::To, error));
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
        let known = Method::from_bytes(method)
            .known_index()
            .map_or(0, |index| index + 1);
        let start_line = &mut self.message.start_line;
        if start_line.status != 0 {
            start_line.known_method = known;
        } else if known != start_line.known_method
            || (known == 0 && field.slice(0, usize::from(start_line.method.end)) != method)
        {
            // The method of the request line stands at the start of the same octets.
            if !start_line.method.is_absent() {
                self.fail(ParseError::CSeqMethod);
            }
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

/// The error of a field that holds one address alone; after an error nothing of it is kept.
#[inline(always)]
fn single(
    scanned: Result<(), FieldError>,
    spans: &mut NameAddrSpans,
    field: Field<'_>,
) -> Option<FieldError> {
    let error = match scanned {
        Ok(()) if usize::from(spans.whole.end) == field.end() => return None,
        Ok(()) => FieldError::Trailing,
        Err(error) => error,
    };
    *spans = NameAddrSpans::NONE;
    Some(error)
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

/// A line with a known name of up to fifteen octets, not folded, free of control octets.
struct PlainLine {
    name: HeaderName,
    name_len: usize,
    /// Where the value starts, if one space or none stands before it.
    value: usize,
    end: usize,
    last: bool,
}

#[inline(always)]
fn plain_line(octets: &[u8], at: usize) -> Option<PlainLine> {
    let near: &[u8; 64] = octets.get(at..)?.first_chunk()?;
    let (name, name_len) = header_word::read(near.first_chunk()?)?;
    let end = match scan::control_near(near) {
        64 => scan::control(octets, at + 64),
        distance => at + distance,
    };
    let next = u32::from_le_bytes(*octets.get(end..)?.first_chunk()?);
    if next & 0xffff != LINE_BREAK {
        return None;
    }
    // What begins a name is beyond SP, HTAB and CR.
    let last = next >> 16 == LINE_BREAK;
    if !last && (next >> 16) as u8 <= b' ' {
        return None;
    }
    let spaced = near.get(name_len + 1) == Some(&b' ');
    Some(PlainLine {
        name,
        name_len,
        value: at + name_len + 1 + usize::from(spaced),
        end,
        last,
    })
}

/// CR LF as a number.
const LINE_BREAK: u32 = u16::from_le_bytes(*b"\r\n") as u32;

/// Name, its length and where the value starts, where LWS stands before the colon, or the name is long or unknown.
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
    sound.then(|| (HeaderName::from_bytes(name), name.len(), colon + 1))
}

/// Where a line ends (at its CR), the first octet in it that must not be there, and whether the empty line follows.
struct Line {
    end: usize,
    stray: Option<usize>,
    last: bool,
}

/// Finds the CR LF that ends the line at `start`; with `folds`, one that no SP or HTAB follows (§7.3.1).
fn whole_line(octets: &[u8], start: usize, folds: bool) -> Option<Line> {
    let mut line = Line {
        end: start,
        stray: None,
        last: false,
    };
    let mut at = scan::control(octets, start);
    loop {
        match octets.get(at..)? {
            [] => return None,
            [b'\r', b'\n', b' ' | b'\t', ..] if folds => at += 1,
            [b'\r', b'\n', rest @ ..] => {
                line.end = at;
                line.last = rest.starts_with(b"\r\n");
                return Some(line);
            }
            _ if is_stray(octets, start, at) && line.stray.is_none() => line.stray = Some(at),
            _ => {}
        }
        at = scan::control(octets, at + 1);
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
