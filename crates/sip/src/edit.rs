//! A proxy's changes, applied in one pass over the received octets (RFC 3261 §16.6): everything that is not
//! named stays as it came, unknown header fields and odd octets included.

use core::ops::Range;

use crate::charset;
use crate::header_name::HeaderName;
use crate::list::ListItems;
use crate::message::{Header, Message};

/// Changes to one message. Keeps its memory over [`Edits::clear`], so that a steady state allocates nothing.
///
/// Ranges refer to the message as it was parsed. Of two edits that overlap the later one (by position, then
/// by order of calls) is void. What is written into header fields keeps no CR, LF or NUL of its callers:
/// they become spaces, except where whole lines are handed in.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// In rising order of `start`; at equal starts insertions come first.
    edits: Vec<Edit>,
    /// New octets of all edits.
    text: Vec<u8>,
    /// List items that were removed, for whole-line removal.
    items: Vec<(u32, u32)>,
}

/// Replaces `start..end` of the message by `from..to` of the text.
#[derive(Copy, Clone, Debug)]
struct Edit {
    start: u32,
    end: u32,
    from: u32,
    to: u32,
    /// Made by `remove_list_item`, to be made again when another item of the list goes.
    list: bool,
}

impl Edits {
    /// No changes.
    pub fn new() -> Edits {
        Edits::default()
    }

    /// Forgets all changes, keeps the memory.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.text.clear();
        self.items.clear();
    }

    /// Takes over the changes of another, for the same message; keeps its own memory.
    pub fn copy_from(&mut self, other: &Edits) {
        self.edits.clone_from(&other.edits);
        self.text.clone_from(&other.text);
        self.items.clone_from(&other.items);
    }

    /// True without changes.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.edits.len()
    }

    /// Octets that were written, those of void changes included.
    pub fn written(&self) -> usize {
        self.text.len()
    }

    /// True if something within the range is changed, or inserted at its ends.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        self.edits
            .iter()
            .any(|edit| edit.start as usize <= range.end && range.start <= edit.end as usize)
    }

    /// Replaces the Request-URI.
    pub fn set_request_uri(&mut self, message: &Message, uri: &[u8]) {
        self.replace_range(message.request_uri_range(), uri);
    }

    /// Adds a line `name: …` before the first line of that name, or before all header fields if there is none.
    /// `write` appends the value. Of two such calls the later one stands first.
    pub fn insert_first(
        &mut self,
        message: &Message,
        name: HeaderName,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let line = message.line_start(message.index.first(name).unwrap_or(0));
        let from = self.text.len();
        self.text.extend_from_slice(name.prefix());
        let value = self.text.len();
        write(&mut self.text);
        charset::blank_line_breaks(self.text.get_mut(value..).unwrap_or_default());
        self.text.extend_from_slice(b"\r\n");
        self.add(line..line, from, true, false);
    }

    /// Adds complete lines before all header fields: a new Via and Record-Route stand before those that came.
    /// `write` appends them, each with its CR LF. Of two such calls the later one stands first.
    #[inline]
    pub fn prepend_lines(&mut self, message: &Message, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.text.len();
        write(&mut self.text);
        let start = message.header_start();
        self.add(start..start, from, true, false);
    }

    /// Adds a line at the end of the header fields, after those added before.
    pub fn append(&mut self, message: &Message, name: &[u8], value: &[u8]) {
        let from = self.text.len();
        charset::write_value(&mut self.text, name);
        self.text.extend_from_slice(b": ");
        charset::write_value(&mut self.text, value);
        self.text.extend_from_slice(b"\r\n");
        self.add(
            message.header_end()..message.header_end(),
            from,
            false,
            false,
        );
    }

    /// Adds complete lines at the end of the header fields.
    pub fn append_lines(&mut self, message: &Message, lines: &[u8]) {
        let from = self.text.len();
        self.text.extend_from_slice(lines);
        self.add(
            message.header_end()..message.header_end(),
            from,
            false,
            false,
        );
    }

    /// Adds complete lines at an offset of the message where a line begins, after those added there before.
    pub fn insert_lines(&mut self, at: usize, lines: &[u8]) {
        let from = self.text.len();
        self.text.extend_from_slice(lines);
        self.add(at..at, from, false, false);
    }

    /// Removes a header field.
    pub fn remove(&mut self, message: &Message, header: &Header<'_>) {
        self.replace_range(message.line_range(header.index), b"");
    }

    /// Removes every header field of that name.
    pub fn remove_all(&mut self, message: &Message, name: HeaderName) {
        for header in message.headers_named(name) {
            self.replace_range(header.line, b"");
        }
    }

    /// Removes one item of a comma list, given by the `range` of its typed view; the whole line if no other
    /// item is left.
    pub fn remove_list_item(&mut self, message: &Message, item: Range<usize>) {
        let Some(at) = message.line_of(item.start) else {
            return;
        };
        let line = message.line_range(at);
        if message.is_plain_value(at, &line, &item) {
            return self.add(line, self.text.len(), false, true);
        }
        let value = message.value_range(at);
        if value == item {
            return self.add(line, self.text.len(), false, true);
        }
        self.items.push((item.start as u32, item.end as u32));
        self.edits
            .retain(|edit| !edit.list || !line.contains(&(edit.start as usize)));
        let base = value.start;
        let mut items = ListItems::new(message.as_bytes().get(value).unwrap_or_default());
        let mut previous_end = None;
        let mut first_kept = None;
        let mut kept = false;
        while let Some(range) = items.next_range() {
            let (start, end) = (base + range.start, base + range.end);
            let gone = self
                .items
                .iter()
                .any(|&(from, to)| (from as usize) < end && start < to as usize);
            if !gone && !kept {
                kept = true;
                first_kept = Some(start);
            }
            if gone && kept {
                // With the comma before it.
                self.add(
                    previous_end.unwrap_or(start)..end,
                    self.text.len(),
                    false,
                    true,
                );
            }
            previous_end = Some(end);
        }
        match first_kept {
            None => self.add(line, self.text.len(), false, true),
            Some(start) if start > base => self.add(base..start, self.text.len(), false, true),
            Some(_) => {}
        }
    }

    /// Replaces the value of the header field at `header_index`.
    pub fn replace_value(&mut self, message: &Message, header_index: usize, value: &[u8]) {
        let Some(header) = message.header_at(header_index) else {
            return;
        };
        let from = self.text.len();
        if header.value_range.is_empty() {
            self.text.push(b' ');
        }
        charset::write_value(&mut self.text, value);
        self.add(header.value_range, from, false, false);
    }

    /// Replaces a range of the message by a value without CR, LF and NUL.
    pub fn replace_range(&mut self, range: Range<usize>, value: &[u8]) {
        let from = self.text.len();
        charset::write_value(&mut self.text, value);
        self.add(range, from, false, false);
    }

    /// Inserts a value without CR, LF and NUL at an offset of the message.
    pub fn insert_at(&mut self, at: usize, value: &[u8]) {
        self.replace_range(at..at, value);
    }

    /// Replaces a range by what `write` appends; CR, LF and NUL become spaces.
    pub fn replace_range_with(&mut self, range: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.text.len();
        write(&mut self.text);
        charset::blank_line_breaks(self.text.get_mut(from..).unwrap_or_default());
        self.add(range, from, false, false);
    }

    /// Replaces a range by what `write` appends, which has no CR, LF and NUL.
    #[inline]
    pub(crate) fn replace_range_plain(
        &mut self,
        range: Range<usize>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let from = self.text.len();
        write(&mut self.text);
        self.add(range, from, false, false);
    }

    /// Replaces the body, and with it Content-Type and Content-Length. Takes the place of earlier changes of these.
    pub fn set_body(&mut self, message: &Message, content_type: &[u8], body: &[u8]) {
        self.edits.retain(|edit| edit.start < message.body_start);
        self.forget_field(message, HeaderName::ContentType);
        self.set_field(message, HeaderName::ContentType, content_type);
        self.replace_in_body(
            message,
            message.body_start as usize..message.octets.len(),
            body,
        );
    }

    /// Replaces a range of the message that lies in its body, line ends and all; Content-Length follows.
    pub fn replace_in_body(&mut self, message: &Message, range: Range<usize>, octets: &[u8]) {
        let from = self.text.len();
        self.text.extend_from_slice(octets);
        self.add(range, from, false, false);
        self.forget_field(message, HeaderName::ContentLength);
        self.set_content_length(message, self.body_len(message));
    }

    /// Octets that the body has with its changes.
    fn body_len(&self, message: &Message) -> usize {
        let (mut len, mut at) = (message.body().len(), message.body_start);
        for edit in &self.edits {
            if edit.start < at {
                continue;
            }
            len += (edit.to - edit.from) as usize;
            len = len.saturating_sub((edit.end - edit.start) as usize);
            at = edit.end;
        }
        len
    }

    /// Makes changes of the value of a header field that stands once, or the line that was added for it, undone.
    fn forget_field(&mut self, message: &Message, name: HeaderName) {
        let place = message
            .index
            .first(name)
            .map(|at| (message.line_start(at), message.value_range(at).end));
        let (end, text) = (message.header_end(), &self.text);
        self.edits.retain(|edit| {
            let (start, stop) = (edit.start as usize, edit.end as usize);
            match place {
                // A line that is removed as a whole stays so.
                Some((line, value_end)) => start <= line || value_end < stop,
                None => {
                    let octets = text.get(edit.from as usize..edit.to as usize);
                    let added = octets
                        .is_some_and(|octets| octets.starts_with(name.prefix().trim_ascii_end()));
                    !(start == end && stop == end && added)
                }
            }
        });
    }

    /// Adds a Content-Length where there is none, as a stream needs it (§18.3, §20.14).
    pub fn ensure_content_length(&mut self, message: &Message) {
        if message.content_length().is_none() {
            self.forget_field(message, HeaderName::ContentLength);
            self.set_content_length(message, self.body_len(message));
        }
    }

    /// Sets a header field that stands once: replaces its first value, or appends a line.
    pub fn set_field(&mut self, message: &Message, name: HeaderName, value: &[u8]) {
        match message.header(name) {
            Some(header) => self.replace_value(message, header.index, value),
            None => self.append(message, name.as_str().as_bytes(), value),
        }
    }

    /// Sets a header field to a number: Max-Forwards, Max-Breadth, Expires.
    #[inline]
    pub fn set_number(&mut self, message: &Message, name: HeaderName, number: u32) {
        let value = message.max_forwards_value.range();
        if name == HeaderName::MaxForwards && !value.is_empty() {
            return self
                .replace_range_plain(value, |out| charset::write_decimal(out, u64::from(number)));
        }
        self.set_other_number(message, name, number);
    }

    fn set_other_number(&mut self, message: &Message, name: HeaderName, number: u32) {
        let write = |out: &mut Vec<u8>| charset::write_decimal(out, u64::from(number));
        let line = match message.index.first(name) {
            Some(at) if !message.value_range(at).is_empty() => {
                return self.replace_range_plain(message.value_range(at), write);
            }
            Some(at) => message.line_range(at),
            None => message.header_end()..message.header_end(),
        };
        self.replace_range_plain(line, |out| {
            out.extend_from_slice(name.prefix());
            write(out);
            out.extend_from_slice(b"\r\n");
        });
    }

    fn set_content_length(&mut self, message: &Message, length: usize) {
        self.set_number(
            message,
            HeaderName::ContentLength,
            u32::try_from(length).unwrap_or(u32::MAX),
        );
    }

    /// Appends the changed message to `out`.
    #[inline]
    pub fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let octets = message.as_bytes();
        out.reserve(octets.len() + self.text.len());
        // Octets that are still to come, and their place in the message.
        let (mut rest, mut at) = (octets, 0);
        for edit in &self.edits {
            let Some(len) = edit.start.checked_sub(at) else {
                continue;
            };
            let Some((kept, tail)) = rest.split_at_checked(len as usize) else {
                break;
            };
            let text = self
                .text
                .get(edit.from as usize..edit.to as usize)
                .unwrap_or_default();
            out.extend_from_slice(kept);
            out.extend_from_slice(text);
            rest = tail
                .get((edit.end - edit.start) as usize..)
                .unwrap_or_default();
            at = edit.end;
        }
        out.extend_from_slice(rest);
    }

    /// Takes the text from `from` on as the replacement of `range`. With `before` it stands before other
    /// insertions at the same place.
    #[inline(always)]
    fn add(&mut self, range: Range<usize>, from: usize, before: bool, list: bool) {
        let edit = Edit {
            start: range.start as u32,
            end: range.end.max(range.start) as u32,
            from: from as u32,
            to: self.text.len() as u32,
            list,
        };
        // In the order of the message, as edits come cheapest.
        if self.edits.last().is_none_or(|last| last.start < edit.start) {
            return self.edits.push(edit);
        }
        self.add_between(edit, before);
    }

    /// Puts an edit where it belongs.
    #[inline(never)]
    fn add_between(&mut self, edit: Edit, before: bool) {
        let inserts = edit.start == edit.end;
        let precedes = |other: &Edit| match other.start.cmp(&edit.start) {
            core::cmp::Ordering::Less => true,
            core::cmp::Ordering::Greater => false,
            core::cmp::Ordering::Equal => !inserts || (other.start == other.end && !before),
        };
        let mut at = self.edits.len();
        while at > 0 && !self.edits.get(at - 1).is_none_or(precedes) {
            at -= 1;
        }
        self.edits.insert(at, edit);
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
