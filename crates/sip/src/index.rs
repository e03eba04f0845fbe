//! The header index: where each header field lies, four octets each, the first ones without an allocation.

use std::borrow::Cow;

use crate::header_name::HeaderName;

/// Header fields that are indexed without an allocation of their own.
pub const HEADERS_INLINE: usize = 32;

/// One header field. Its line ends where the next one starts; its value lies between the colon and that.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) line_start: u16,
    /// Length of the name; [`NAME_LEN_UNKNOWN`] if it does not fit, 0 for a line that is not looked into.
    pub(crate) name_len: u8,
    pub(crate) name: HeaderName,
}

/// Stands for names of 255 octets and more.
pub(crate) const NAME_LEN_UNKNOWN: u8 = u8::MAX;

impl Entry {
    #[inline(always)]
    const fn packed(self) -> u32 {
        self.line_start as u32 | (self.name_len as u32) << 16 | (self.name as u32) << 24
    }

    #[inline(always)]
    fn unpacked(packed: u32) -> Entry {
        let name = HeaderName::ALL
            .get((packed >> 24) as usize)
            .copied()
            .unwrap_or(HeaderName::Unknown);
        Entry {
            line_start: packed as u16,
            name_len: (packed >> 16) as u8,
            name,
        }
    }
}

/// Entries in the order of the message.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    len: u16,
    /// Position of the first entry of each name, plus one; 0 if there is none. 255 says no more than "here or later".
    first: [u8; NAMES],
    /// Packed entries.
    inline: [u32; HEADERS_INLINE],
    more: Option<Box<More>>,
}

/// What has no place in the index itself.
#[derive(Clone, Debug, Default)]
struct More(Vec<u32>);

const NAMES: usize = HeaderName::ALL.len() + 1;

impl Index {
    /// No entries. What fills the unused places is all zero.
    #[inline(always)]
    pub(crate) const fn new() -> Index {
        Index {
            len: 0,
            first: [0; NAMES],
            inline: [0; HEADERS_INLINE],
            more: None,
        }
    }

    /// Adds an entry; true if it is the first of its name.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        let Some(place) = self.inline.get_mut(usize::from(self.len)) else {
            return self.push_more(entry);
        };
        *place = entry.packed();
        self.len += 1;
        let first = &mut self.first[entry.name as usize];
        if *first == 0 {
            *first = self.len as u8;
            return true;
        }
        false
    }

    /// Takes the last entry back; `first` is what [`Index::push`] said of it.
    #[cold]
    pub(crate) fn pop(&mut self, first: bool) {
        let Some(last) = self.len.checked_sub(1) else {
            return;
        };
        if let (true, Some(entry)) = (first, self.get(usize::from(last))) {
            self.first[entry.name as usize] = 0;
        }
        if let Some(More(more)) = self.more.as_deref_mut() {
            more.truncate(usize::from(last).saturating_sub(HEADERS_INLINE));
        }
        self.len = last;
    }

    #[cold]
    fn push_more(&mut self, entry: Entry) -> bool {
        // A header section of 65,535 octets has no more lines than that.
        let Some(len) = self.len.checked_add(1) else {
            return false;
        };
        self.more.get_or_insert_default().0.push(entry.packed());
        self.len = len;
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
        usize::from(self.len)
    }

    #[inline(always)]
    fn packed(&self, at: usize) -> Option<u32> {
        match self.inline.get(at) {
            Some(entry) if at < usize::from(self.len) => Some(*entry),
            Some(_) => None,
            None => self.more().get(at - HEADERS_INLINE).copied(),
        }
    }

    fn more(&self) -> &[u32] {
        self.more.as_deref().map_or(&[], |More(more)| more)
    }

    /// Where the line of an entry starts.
    #[inline(always)]
    pub(crate) fn line_start(&self, at: usize) -> Option<usize> {
        self.packed(at).map(|packed| usize::from(packed as u16))
    }

    /// The entry at a position.
    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<Entry> {
        self.packed(at).map(Entry::unpacked)
    }

    /// The entries: where the line starts in the lower half, the number of the name in the highest octet.
    #[inline(always)]
    pub(crate) fn lines(&self) -> Cow<'_, [u32]> {
        match self.inline.get(..usize::from(self.len)) {
            Some(lines) => Cow::Borrowed(lines),
            None => self.many_lines(),
        }
    }

    #[cold]
    fn many_lines(&self) -> Cow<'_, [u32]> {
        Cow::Owned([&self.inline[..], self.more()].concat())
    }

    /// The first position from `at` on with that name.
    #[inline]
    pub(crate) fn find(&self, mut at: usize, name: HeaderName) -> Option<usize> {
        while let Some(entry) = self.packed(at) {
            if entry >> 24 == name as u32 {
                return Some(at);
            }
            at += 1;
        }
        None
    }
}
