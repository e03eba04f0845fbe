//! A message: the octets as received, an index of its header fields, and the mandatory ones decoded
//! (RFC 3261 §7, §8.1.1).
//!
//! Offsets into the header section stay as they came; nothing is unfolded, copied or re-encoded. The typed
//! views (`via`, `from`, `contacts` …) are slices of the octets.

use core::ops::Range;

use crate::charset;
use crate::contact::Contact;
use crate::cseq::CSeq;
use crate::error::{FieldError, UriError};
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::index::{Entry, Index, NAME_LEN_UNKNOWN};
use crate::method::Method;
use crate::name_addr::{NameAddr, NameAddrSpans};
use crate::span::Span;
use crate::status::StatusCode;
use crate::uri::Uri;
use crate::uri_spans::{RequestTarget, UriSpans};
use crate::values::{OptionTags, Values};
use crate::via::{Via, ViaSpans};

/// A request or a response.
#[derive(Clone)]
pub struct Message {
    pub(crate) octets: Vec<u8>,
    pub(crate) index: Index,
    pub(crate) start_line: StartLine,
    pub(crate) header_end: u32,
    pub(crate) body_start: u32,
    pub(crate) uri: UriSpans,
    pub(crate) via: ViaSpans,
    pub(crate) from: NameAddrSpans,
    pub(crate) to: NameAddrSpans,
    pub(crate) call_id: Span,
    pub(crate) cseq_number: u32,
    pub(crate) cseq_method: Span,
    pub(crate) max_forwards: NumberField,
    pub(crate) max_forwards_value: Span,
    pub(crate) content_length: Option<u32>,
    /// There is a second Via header field.
    pub(crate) has_more_via_lines: bool,
    /// `rport` counts as asked for.
    pub(crate) rport_forced: bool,
}

/// Request line or status line; `status` is 0 in a request.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct StartLine {
    pub(crate) status: u16,
    /// `Method::known_index` plus one; 0 for extensions.
    pub(crate) known_method: u8,
    /// Method of a request.
    pub(crate) method: Span,
    /// Request-URI, or reason phrase.
    pub(crate) rest: Span,
}

/// A number that may be absent or malformed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum NumberField {
    Absent,
    Malformed,
    Value(u32),
}

/// One header field of a message.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Position among the header fields of the message, from 0.
    pub index: usize,
    /// Which header field it is.
    pub name: HeaderName,
    /// The name as it stands.
    pub name_raw: &'a [u8],
    /// The value without surrounding LWS; it may contain folds.
    pub value: &'a [u8],
    /// The whole line, or lines if folded, with the CR LF at the end.
    pub line: Range<usize>,
    /// Where the value lies.
    pub value_range: Range<usize>,
}

impl Message {
    /// The octets as received, without leading CR LF and without what follows the body.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// Gives the octets back.
    pub fn into_bytes(self) -> Vec<u8> {
        self.octets
    }

    /// Number of octets.
    #[allow(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Octets of the memory that holds it, which may be more than [`Message::len`].
    pub fn memory_octets(&self) -> usize {
        self.octets.capacity()
    }

    /// From now on the source port is noted in the topmost Via, though the sender did not ask for it (RFC 3581 lets only
    /// the client ask; proxies of phones behind NATs do it all the same).
    pub fn force_rport(&mut self) {
        self.rport_forced = true;
    }

    /// True for a request.
    pub fn is_request(&self) -> bool {
        self.start_line.status == 0
    }

    /// True for a response.
    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// The method of a request; of a response the method of its CSeq.
    #[inline(always)]
    pub fn method(&self) -> Method<'_> {
        let index = self.start_line.known_method.wrapping_sub(1);
        match Method::from_known_index(index) {
            Some(method) => method,
            None => self.unusual_method(),
        }
    }

    #[inline(never)]
    fn unusual_method(&self) -> Method<'_> {
        match self.is_request() {
            true => Method::Extension(self.start_line.method.of(&self.octets)),
            false => Method::from_bytes(self.cseq_method.of(&self.octets)),
        }
    }

    /// The Request-URI as it stands; empty for a response.
    pub fn request_uri(&self) -> &[u8] {
        self.octets
            .get(self.request_uri_range())
            .unwrap_or_default()
    }

    /// The Request-URI by its parts. What was read with the message is not read again.
    pub fn request_uri_parsed(&self) -> Result<Uri<'_>, UriError> {
        match self.uri.uri(&self.octets, self.start_line.rest) {
            Some(uri) => Ok(uri),
            None => Uri::parse(self.request_uri()),
        }
    }

    /// Who a sip or sips Request-URI names; `None` if that is not known without reading it again.
    pub fn request_target(&self) -> Option<RequestTarget<'_>> {
        self.uri.target(&self.octets)
    }

    /// True if the Request-URI is a sip or sips URI; false if that is not known without reading it again.
    pub fn is_sip_request_uri(&self) -> bool {
        self.uri.is_sip()
    }

    /// True if the Request-URI is a sip or sips URI without parameters; false if that is not known without reading it again.
    pub fn is_plain_request_uri(&self) -> bool {
        self.uri.is_plain(self.start_line.rest.end)
    }

    /// Where the Request-URI lies; empty for a response.
    pub fn request_uri_range(&self) -> Range<usize> {
        if self.is_request() {
            self.start_line.rest.range()
        } else {
            0..0
        }
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<StatusCode> {
        StatusCode::new(self.start_line.status)
    }

    /// The reason phrase of a response; empty for a request.
    pub fn reason(&self) -> &[u8] {
        if self.is_response() {
            self.start_line.rest.of(&self.octets)
        } else {
            b""
        }
    }

    /// Length of the start line with its CR LF: where the header fields begin.
    pub fn header_start(&self) -> usize {
        self.line_start(0)
    }

    /// Offset of the empty line.
    pub fn header_end(&self) -> usize {
        self.header_end as usize
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.octets
            .get(self.body_start as usize..)
            .unwrap_or_default()
    }

    /// The value of Content-Length, if it is there.
    pub fn content_length(&self) -> Option<usize> {
        self.content_length.map(|length| length as usize)
    }

    /// Number of header fields.
    pub fn header_count(&self) -> usize {
        self.index.len()
    }

    /// The header fields in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> + Clone {
        (0..self.index.len()).filter_map(|index| self.header_at(index))
    }

    /// The header field at a position.
    pub fn header_at(&self, index: usize) -> Option<Header<'_>> {
        let entry = self.index.get(index)?;
        let line = self.line_range(index);
        let name_end = self.name_end(entry, &line);
        let value_range = self.value_range(index);
        Some(Header {
            index,
            name: entry.name,
            name_raw: self.octets.get(line.start..name_end)?,
            value: self.octets.get(value_range.clone())?,
            line,
            value_range,
        })
    }

    /// Where the name at `entry` ends.
    fn name_end(&self, entry: Entry, line: &Range<usize>) -> usize {
        match entry.name_len {
            NAME_LEN_UNKNOWN => Field::new(&self.octets, line.end).token_end(line.start),
            len => line.start + usize::from(len),
        }
    }

    /// Where the value of the header field at a position lies, without surrounding LWS.
    pub(crate) fn value_range(&self, index: usize) -> Range<usize> {
        let Some(entry) = self.index.get(index) else {
            return 0..0;
        };
        let mut line = self.line_range(index);
        if let Some(range) = self.plain_value_range(entry, &line) {
            return range;
        }
        if self
            .octets
            .get(..line.end)
            .is_some_and(|octets| octets.ends_with(b"\r\n"))
        {
            line.end -= 2;
        }
        let field = Field::new(&self.octets, line.end);
        let mut start = line.start;
        if entry.name_len > 0 {
            let name_end = self.name_end(entry, &line);
            start = field.skip_lws(field.skip_lws(name_end) + 1);
        }
        start..start + charset::trim_end(field.slice(start, line.end)).len()
    }

    /// The same where one space at most stands before the value, nothing behind it, and the line ends as it should.
    #[inline]
    fn plain_value_range(&self, entry: Entry, line: &Range<usize>) -> Option<Range<usize>> {
        let colon = line.start + usize::from(entry.name_len);
        let [colon_octet, after] = *self.octets.get(colon..)?.first_chunk()?;
        let start = colon + 1 + usize::from(after == b' ');
        let end = line.end.checked_sub(b"\r\n".len())?;
        let [last, cr, lf] = *self.octets.get(end.checked_sub(1)?..)?.first_chunk()?;
        let first = *self.octets.get(start)?;
        let plain =
            colon_octet == b':' && first > b' ' && last > b' ' && (cr, lf) == (b'\r', b'\n');
        let known = entry.name_len != 0 && entry.name_len != NAME_LEN_UNKNOWN;
        (plain && known && start < end).then_some(start..end)
    }

    /// True if the range is all of the value of the header field at a position, whose line is `line`, and nothing but one
    /// space stands around it; false if that is not sure.
    #[inline]
    pub(crate) fn is_plain_value(
        &self,
        index: usize,
        line: &Range<usize>,
        range: &Range<usize>,
    ) -> bool {
        let name_len = self
            .index
            .get(index)
            .map_or(0, |entry| usize::from(entry.name_len));
        let name_end = line.start + name_len;
        let before = self.octets.get(name_end..range.start);
        let behind = self.octets.get(range.end..line.end);
        name_len > 0
            && matches!(before, Some(b": " | b":"))
            && matches!(behind, Some(b"\r\n"))
            && !range.is_empty()
    }

    /// Where the value of the first header field of that name ends.
    #[cold]
    pub(crate) fn header_value_end(&self, name: HeaderName) -> usize {
        let first = self.index.first(name);
        first.map_or(self.header_end(), |at| self.value_range(at).end)
    }

    /// True if there is a header field of that name (not for [`HeaderName::Unknown`]).
    pub fn has_header(&self, name: HeaderName) -> bool {
        self.index.has(name)
    }

    /// The first header field of that name.
    #[inline]
    pub fn header(&self, name: HeaderName) -> Option<Header<'_>> {
        self.header_at(self.index.first(name)?)
    }

    /// All header fields of that name in their order.
    pub fn headers_named(&self, name: HeaderName) -> impl Iterator<Item = Header<'_>> {
        let mut next = self.index.first(name);
        core::iter::from_fn(move || {
            let at = next?;
            next = self.index.find(at + 1, name);
            self.header_at(at)
        })
    }

    /// The first header field of a name given in octets, without regard to case. A compact form finds the long
    /// one and the other way about.
    pub fn header_raw_name<'a>(&'a self, name: &[u8]) -> Option<Header<'a>> {
        match HeaderName::from_bytes(name) {
            HeaderName::Unknown => self
                .headers_named(HeaderName::Unknown)
                .find(|header| header.name_raw.eq_ignore_ascii_case(name)),
            known => self.header(known),
        }
    }

    /// The topmost Via.
    pub fn via(&self) -> Via<'_> {
        Via::from_spans(&self.octets, &self.via)
    }

    /// The `branch` of the topmost Via.
    pub fn branch(&self) -> Option<&[u8]> {
        self.via.branch.of_present(&self.octets)
    }

    /// All Via values, over lines and comma lists, topmost first. The topmost one is what [`Message::via`] gives, also of a
    /// message that was refused for it.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, FieldError>> {
        core::iter::once(Ok(self.via())).chain(self.vias_below())
    }

    /// All Via values but the topmost one.
    pub fn vias_below(&self) -> impl Iterator<Item = Result<Via<'_>, FieldError>> {
        Values::after(self, HeaderName::Via, usize::from(self.via.whole.end))
    }

    /// From.
    pub fn from(&self) -> NameAddr<'_> {
        NameAddr::from_spans(&self.octets, &self.from)
    }

    /// To.
    pub fn to(&self) -> NameAddr<'_> {
        NameAddr::from_spans(&self.octets, &self.to)
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<&[u8]> {
        self.from.tag.of_present(&self.octets)
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&[u8]> {
        self.to.tag.of_present(&self.octets)
    }

    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.call_id.of(&self.octets)
    }

    /// CSeq.
    pub fn cseq(&self) -> CSeq<'_> {
        let method = match self.start_line.known_method {
            0 => Method::from_bytes(self.cseq_method.of(&self.octets)),
            _ => self.method(),
        };
        CSeq {
            number: self.cseq_number,
            method,
        }
    }

    /// Max-Forwards; numbers beyond 32 bits count as malformed.
    pub fn max_forwards(&self) -> Result<Option<u32>, FieldError> {
        match self.max_forwards {
            NumberField::Absent => Ok(None),
            NumberField::Value(value) => Ok(Some(value)),
            NumberField::Malformed => Err(FieldError::Number),
        }
    }

    /// All Contact values.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, FieldError>> {
        Values::new(self, HeaderName::Contact)
    }

    /// All Route values, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> {
        self.addresses(HeaderName::Route)
    }

    /// All Record-Route values, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// All Path values, topmost first (RFC 3327).
    pub fn paths(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> {
        self.addresses(HeaderName::Path)
    }

    /// All values of a header field that holds addresses (Refer-To, P-Asserted-Identity, Diversion …).
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> {
        Values::new(self, name)
    }

    /// The tokens of a header field that is a comma list: Require, Proxy-Require, Supported, Unsupported,
    /// Allow, Allow-Events, and so on.
    pub fn option_tags(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        OptionTags::new(self, name)
    }

    /// Where the line of a header field starts; where the fields end, if there is none at that position.
    #[inline]
    pub(crate) fn line_start(&self, index: usize) -> usize {
        self.index.line_start(index).unwrap_or(self.header_end())
    }

    /// The header field whose line holds an offset.
    pub(crate) fn line_of(&self, offset: usize) -> Option<usize> {
        (0..self.index.len()).find(|&at| self.line_range(at).contains(&offset))
    }

    pub(crate) fn line_range(&self, index: usize) -> Range<usize> {
        self.line_start(index)..self.line_start(index + 1)
    }
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let head = self.octets.get(..self.header_end()).unwrap_or_default();
        write!(
            f,
            "Message({} octets: {})",
            self.octets.len(),
            head.escape_ascii()
        )
    }
}
