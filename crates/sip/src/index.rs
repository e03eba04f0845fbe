//! The header index: where each header field lies, ten octets each, the first ones without an allocation.

use crate::header_name::HeaderName;
use crate::span::Span;

/// Header fields that are indexed without an allocation of their own.
pub const HEADERS_INLINE: usize = 32;

/// One header field. Its line ends where the next one starts.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) line_start: u16,
    pub(crate) name_end: u16,
    pub(crate) value: Span,
    pub(crate) name: HeaderName,
}

/// Entries in the order of the message.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    len: usize,
    /// Position of the first entry of each name, plus one; 0 if there is none. 255 says no more than "here or later".
    first: [u8; NAMES],
    inline: [Entry; HEADERS_INLINE],
    more: Vec<Entry>,
}

const NAMES: usize = HeaderName::ALL.len() + 1;

impl Index {
    /// No entries. What fills the unused places is all zero.
    #[inline(always)]
    pub(crate) const fn new() -> Index {
        const UNUSED: Entry = Entry {
            line_start: 0,
            name_end: 0,
            value: Span::ABSENT,
            name: HeaderName::Accept,
        };
        Index {
            len: 0,
            first: [0; NAMES],
            inline: [UNUSED; HEADERS_INLINE],
            more: Vec::new(),
        }
    }

    /// Adds an entry; true if it is the first of its name.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        let Some(place) = self.inline.get_mut(self.len) else {
            return self.push_more(entry);
        };
        *place = entry;
        self.len += 1;
        let first = &mut self.first[entry.name as usize];
        if *first == 0 {
            *first = self.len as u8;
            return true;
        }
        false
    }

    #[cold]
    fn push_more(&mut self, entry: Entry) -> bool {
        self.more.push(entry);
        self.len += 1;
        let first = &mut self.first[entry.name as usize];
        let is_first = *first == 0;
        if is_first {
            *first = u8::try_from(self.len).unwrap_or(u8::MAX);
        }
        is_first
    }

    /// True if there is an entry of that name.
    #[inline(always)]
    pub(crate) fn has(&self, name: HeaderName) -> bool {
        self.first[name as usize] != 0
    }

    /// Position of the first entry of that name.
    #[inline(always)]
    pub(crate) fn first(&self, name: HeaderName) -> Option<usize> {
        match self.first[name as usize] {
            0 => None,
            u8::MAX => self.find(usize::from(u8::MAX) - 1, name),
            place => Some(usize::from(place) - 1),
        }
    }

    /// Number of entries.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry at a position.
    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<&Entry> {
        if at >= self.len {
            return None;
        }
        match self.inline.get(at) {
            Some(entry) => Some(entry),
            None => self.more.get(at - HEADERS_INLINE),
        }
    }

    /// The first position from `at` on with that name.
    #[inline]
    pub(crate) fn find(&self, mut at: usize, name: HeaderName) -> Option<usize> {
        while let Some(entry) = self.get(at) {
            if entry.name == name {
                return Some(at);
            }
            at += 1;
        }
        None
    }
}
