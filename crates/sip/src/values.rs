//! Walking over all values of a header field: every line of that name, every item of its comma list.

use crate::charset::{self, LWS};
use crate::contact::Contact;
use crate::error::FieldError;
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::list::{ListItems, item_end};
use crate::message::Message;
use crate::name_addr::NameAddr;
use crate::via::{self, Via, ViaSpans};

/// A value that may stand in a comma list.
pub(crate) trait ListValue<'a>: Sized {
    /// Reads the value at `at`; the header field ends at `end`.
    fn read(octets: &'a [u8], end: usize, at: usize) -> Result<Self, FieldError>;
    /// Where it ends.
    fn end(&self) -> usize;
}

impl<'a> ListValue<'a> for Via<'a> {
    fn read(octets: &'a [u8], end: usize, at: usize) -> Result<Self, FieldError> {
        Via::parse_at(octets, end, at)
    }
    fn end(&self) -> usize {
        self.range.end
    }
}

/// Where a Via ends that can be read as a topmost one is: of an address in its sent-by the form alone is looked at.
pub(crate) struct ViaEnd(usize);

impl<'a> ListValue<'a> for ViaEnd {
    fn read(octets: &'a [u8], end: usize, at: usize) -> Result<Self, FieldError> {
        let mut spans = ViaSpans::NONE;
        via::scan(Field::new(octets, end), at, usize::MAX, &mut spans)?;
        Ok(ViaEnd(usize::from(spans.whole.end)))
    }
    fn end(&self) -> usize {
        self.0
    }
}

impl<'a> ListValue<'a> for NameAddr<'a> {
    fn read(octets: &'a [u8], end: usize, at: usize) -> Result<Self, FieldError> {
        NameAddr::parse_at(octets, end, at)
    }
    fn end(&self) -> usize {
        self.range.end
    }
}

impl<'a> ListValue<'a> for Contact<'a> {
    fn read(octets: &'a [u8], end: usize, at: usize) -> Result<Self, FieldError> {
        Contact::parse_at(octets, end, at)
    }
    fn end(&self) -> usize {
        self.address()
            .map_or(usize::MAX, |address| address.range.end)
    }
}

/// All values of one header field.
pub(crate) struct Values<'a, T> {
    message: &'a Message,
    /// The next header field of that name.
    next: Option<usize>,
    name: HeaderName,
    at: usize,
    end: usize,
    kind: core::marker::PhantomData<T>,
}

impl<'a, T> Values<'a, T> {
    pub(crate) fn new(message: &'a Message, name: HeaderName) -> Values<'a, T> {
        let next = message.index.first(name);
        Values {
            message,
            next,
            name,
            at: 0,
            end: 0,
            kind: core::marker::PhantomData,
        }
    }

    /// The values behind the first one, which ends at `end`.
    pub(crate) fn after(message: &'a Message, name: HeaderName, end: usize) -> Values<'a, T> {
        let mut values = Values::new(message, name);
        if let Some(first) = values.next {
            let has_more = name != HeaderName::Via || message.has_more_via_lines;
            values.next = has_more
                .then(|| message.index.find(first + 1, name))
                .flatten();
            // In most messages the line ends there, too.
            let line = message.line_range(first);
            if message.octets.get(end..line.end) != Some(b"\r\n") {
                (values.at, values.end) = (end, message.value_range(first).end);
            }
        }
        values
    }
}

impl<'a, T: ListValue<'a>> Iterator for Values<'a, T> {
    type Item = Result<T, FieldError>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = self.message.octets.get(..self.end).unwrap_or_default();
            let at = charset::skip(field, self.at, LWS);
            if at < field.len() {
                if field.get(at) == Some(&b',') {
                    // An empty item of a list; the grammar of RFC 2616 allowed it.
                    self.at = at + 1;
                    continue;
                }
                let value = T::read(&self.message.octets, self.end, at);
                self.at = match &value {
                    Ok(value) => charset::skip(field, value.end(), LWS).saturating_add(1),
                    Err(_) => item_end(field, at) + 1,
                };
                return Some(value);
            }
            let at = self.next?;
            self.next = self.message.index.find(at + 1, self.name);
            let value = self.message.value_range(at);
            (self.at, self.end) = (value.start, value.end);
            if value.is_empty() {
                return Some(Err(FieldError::Empty));
            }
        }
    }
}

/// All items of a header field that is a list of tokens.
pub(crate) struct OptionTags<'a> {
    message: &'a Message,
    /// The next header field of that name.
    next: Option<usize>,
    name: HeaderName,
    items: ListItems<'a>,
}

impl<'a> OptionTags<'a> {
    pub(crate) fn new(message: &'a Message, name: HeaderName) -> OptionTags<'a> {
        let next = message.index.first(name);
        OptionTags {
            message,
            next,
            name,
            items: ListItems::new(b""),
        }
    }
}

impl<'a> Iterator for OptionTags<'a> {
    type Item = &'a [u8];
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        // Most messages have none of that name.
        if self.next.is_none() && self.items.is_at_end() {
            return None;
        }
        self.next_item()
    }
}

impl<'a> OptionTags<'a> {
    #[inline(never)]
    fn next_item(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(item);
            }
            let at = self.next?;
            self.next = self.message.index.find(at + 1, self.name);
            let value = self.message.value_range(at);
            self.items = ListItems::new(self.message.octets.get(value).unwrap_or_default());
        }
    }
}
