//! Header fields while a message is read: all are indexed, the mandatory ones decoded (RFC 3261 §7.3, §8.1.1).
//!
//! Most lines have a known name, no fold and nothing unusual. These are read in one go up to their CR LF. All
//! others are read again in two steps: first where the line ends, folds included, then what it says.

use crate::charset;
use crate::cseq;
use crate::error::{FieldError, ParseError};
use crate::field::{Field, Line, Scope};
use crate::header_name::HeaderName;
use crate::header_word;
use crate::index::Entry;
use crate::limits::Limit;
use crate::message::NumberField;
use crate::method::Method;
use crate::name_addr::{self, NameAddrSpans};
use crate::parse::Parser;
use crate::parse_lines::{WholeLine, line_break, unusual_name};
use crate::scan;
use crate::span::Span;
use crate::via::{self, ViaSpans};

impl Parser<'_> {
    /// Reads a line with a known name of up to fifteen octets, that is not folded and in order: where it ends, and
    /// whether the empty line follows. `None` for all others, which are read again.
    #[inline(always)]
    pub(crate) fn plain_line(&mut self, octets: &[u8], at: usize) -> Option<(usize, bool)> {
        let near = octets.get(at..at.wrapping_add(16))?.first_chunk()?;
        let (name, name_len) = header_word::read(near)?;
        let mut value = at + name_len + 1;
        value += usize::from(octets.get(value) == Some(&b' '));
        let entry = Entry {
            line_start: at as u16,
            name_len: name_len as u8,
            name,
        };
        let first = self.message.index.push(entry);
        let end = if first {
            self.plain_field(octets, name, name_len, at, value)
        } else {
            scan::control(octets, at)
        };
        match line_break(octets, end) {
            Some(last) => {
                if !first {
                    self.check_repeated(name);
                }
                Some((end, last))
            }
            None => {
                self.message.index.pop(first);
                None
            }
        }
    }

    /// Where the value ends that starts at `value`; somewhere else if it is not in order.
    #[inline(always)]
    fn plain_field(
        &mut self,
        octets: &[u8],
        name: HeaderName,
        name_len: usize,
        at: usize,
        value: usize,
    ) -> usize {
        match name {
            HeaderName::Via => {
                let scanned = via::scan(
                    Line::whole(octets),
                    value,
                    self.limits.parameters_max,
                    &mut self.message.via,
                );
                end_of(scanned, self.message.via.whole)
            }
            HeaderName::From => {
                let scanned = name_addr::scan(
                    Line::whole(octets),
                    value,
                    self.limits.parameters_max,
                    &mut self.message.from,
                );
                end_of(scanned, self.message.from.whole)
            }
            HeaderName::To => {
                let scanned = name_addr::scan(
                    Line::whole(octets),
                    value,
                    self.limits.parameters_max,
                    &mut self.message.to,
                );
                end_of(scanned, self.message.to.whole)
            }
            // A CR may stand for the hyphen; the other names that are not looked through have none.
            HeaderName::CallId if name_len > 1 && octets.get(at + 4) != Some(&b'-') => NOWHERE,
            HeaderName::MaxForwards if octets.get(at + 3) != Some(&b'-') => NOWHERE,
            HeaderName::ContentLength if name_len > 1 && octets.get(at + 7) != Some(&b'-') => {
                NOWHERE
            }
            HeaderName::CallId => self.plain_call_id(Line::whole(octets), value),
            HeaderName::CSeq => self.plain_cseq(Line::whole(octets), value),
            HeaderName::ContentLength => self.plain_content_length(Line::whole(octets), value),
            HeaderName::MaxForwards => self.plain_max_forwards(Line::whole(octets), value),
            _ => scan::control(octets, at),
        }
    }

    #[inline(always)]
    fn plain_call_id(&mut self, line: Line<'_>, at: usize) -> usize {
        let end = line.visible_end(at);
        self.message.call_id = Span::new(at, end);
        if end > at { end } else { NOWHERE }
    }

    #[inline(always)]
    fn plain_content_length(&mut self, line: Line<'_>, at: usize) -> usize {
        let Some((length, end)) = line.number(at) else {
            return NOWHERE;
        };
        let Ok(length) = u32::try_from(length) else {
            return NOWHERE;
        };
        self.message.content_length = Some(length);
        end
    }

    #[inline(always)]
    fn plain_max_forwards(&mut self, line: Line<'_>, at: usize) -> usize {
        let Some((hops, end)) = line.number(at) else {
            return NOWHERE;
        };
        let Ok(hops) = u32::try_from(hops) else {
            return NOWHERE;
        };
        self.message.max_forwards = NumberField::Value(hops);
        self.message.max_forwards_value = Span::new(at, end);
        end
    }

    #[inline(always)]
    fn plain_cseq(&mut self, line: Line<'_>, at: usize) -> usize {
        // The method of the request line stands at the start of the same octets.
        let expected = self.message.start_line.method.of_field(line);
        let Ok(cseq) = cseq::scan(line, at, expected) else {
            return NOWHERE;
        };
        self.set_cseq(line, &cseq);
        usize::from(cseq.method.end)
    }

    fn check_repeated(&mut self, name: HeaderName) {
        match name {
            HeaderName::Via => self.message.has_more_via_lines = true,
            HeaderName::From
            | HeaderName::To
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::ContentLength
            | HeaderName::MaxForwards => self.fail(ParseError::Repeated(name)),
            _ => {}
        }
    }

    /// Reads a header field that is folded, or has an unknown or long name, or octets that it must not have.
    #[inline(never)]
    pub(crate) fn unusual_header_field(&mut self, octets: &[u8], at: usize, line: &WholeLine) {
        if let Some(position) = line.stray {
            self.fail(ParseError::StrayOctet(position));
            return self.hide(at);
        }
        let Some((name, name_len, value)) = unusual_name(octets, line.end, at) else {
            self.fail(ParseError::HeaderLine(at));
            return self.hide(at);
        };
        let name_len = name_len.min(255) as u8;
        if !self.message.index.push(Entry {
            line_start: at as u16,
            name_len,
            name,
        }) {
            return self.check_repeated(name);
        }
        let (field, start) = trimmed(octets, value, line.end);
        match name {
            HeaderName::Via => {
                self.message.via = ViaSpans::NONE;
                self.via(field, start);
            }
            HeaderName::From => self.from(field, start),
            HeaderName::To => self.to(field, start),
            HeaderName::CallId => self.call_id(field, start),
            HeaderName::CSeq => self.cseq(field, start),
            HeaderName::ContentLength => self.content_length(field, start),
            HeaderName::MaxForwards => self.max_forwards(field, start),
            _ => {}
        }
    }

    /// Indexes a line that is not looked into: what copies this message must not copy it as a known field.
    #[cold]
    fn hide(&mut self, at: usize) {
        let name = HeaderName::Unknown;
        // What was read of it before it proved to be malformed must not be taken for a part of another line.
        let message = &mut *self.message;
        if !message.has_header(HeaderName::Via) {
            message.via = ViaSpans::NONE;
        }
        if !message.has_header(HeaderName::From) {
            message.from = NameAddrSpans::NONE;
        }
        if !message.has_header(HeaderName::To) {
            message.to = NameAddrSpans::NONE;
        }
        self.message.index.push(Entry {
            line_start: at as u16,
            name_len: 0,
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
        self.message.from = NameAddrSpans::NONE;
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
        self.message.to = NameAddrSpans::NONE;
        let scanned = name_addr::scan(field, at, self.limits.parameters_max, &mut self.message.to);
        if let Some(error) = single(scanned, &mut self.message.to, field) {
            self.fail(field_error(HeaderName::To, error));
        }
    }

    #[inline]
    fn call_id(&mut self, field: Field<'_>, at: usize) {
        self.message.call_id = Span::ABSENT;
        if at == field.end() {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Empty));
        } else if field.visible_end(at) != field.end() {
            self.fail(ParseError::Field(HeaderName::CallId, FieldError::Syntax));
        } else {
            self.message.call_id = Span::new(at, field.end());
        }
    }

    #[inline(always)]
    fn cseq(&mut self, field: Field<'_>, at: usize) {
        // The method of the request line stands at the start of the same octets.
        let expected = self.message.start_line.method.of_field(field);
        match cseq::scan(field, at, expected) {
            Ok(cseq) => self.set_cseq(field, &cseq),
            Err(error) => self.fail(ParseError::Field(HeaderName::CSeq, error)),
        }
    }

    #[inline(always)]
    fn set_cseq<const FOLDS: bool>(&mut self, field: Scope<'_, FOLDS>, cseq: &cseq::Scanned) {
        self.message.cseq_number = cseq.number;
        self.message.cseq_method = cseq.method;
        if self.message.start_line.status != 0 {
            let known = Method::from_bytes(cseq.method.of_field(field)).known_index();
            self.message.start_line.known_method = known.map_or(0, |index| index + 1);
        } else if !cseq.expected && !self.message.start_line.method.is_absent() {
            // Without a method in the request line that is what is wrong.
            self.fail(ParseError::CSeqMethod);
        }
    }

    #[inline]
    fn content_length(&mut self, field: Field<'_>, at: usize) {
        self.message.content_length = None;
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
        self.message.max_forwards = match hops {
            Some(hops) => NumberField::Value(hops as u32),
            None => NumberField::Malformed,
        };
        self.message.max_forwards_value = Span::new(at, field.end());
    }
}

/// A header field and where its value starts, without surrounding LWS.
#[inline(always)]
fn trimmed(octets: &[u8], start: usize, end: usize) -> (Field<'_>, usize) {
    let field = Field::new(octets, end);
    let blank = |at: usize| octets.get(at).is_none_or(|&octet| octet <= b' ');
    if start < end && !blank(start) && !blank(end - 1) {
        return (field, start);
    }
    let start = field.skip_lws(start.min(end));
    let end = start + charset::trim_end(field.slice(start, end)).len();
    (field.until(end), start)
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

/// Not the end of a line.
const NOWHERE: usize = usize::MAX;

#[inline(always)]
fn end_of(scanned: Result<(), FieldError>, whole: Span) -> usize {
    if scanned.is_ok() {
        usize::from(whole.end)
    } else {
        NOWHERE
    }
}
