//! The octets of one header field within those of its message.
//!
//! Reading goes over the message's octets, so that it may look sixteen at a time, and stops at the field's end.

use crate::charset::{self, LWS, TOKEN};
use crate::scan;

/// A header field value that is read from some position up to its end.
#[derive(Copy, Clone)]
pub(crate) struct Field<'a> {
    /// Those of the message.
    octets: &'a [u8],
    /// Those up to the end of the field.
    field: &'a [u8],
}

impl<'a> Field<'a> {
    /// Up to `end`, which must not be beyond the octets.
    #[inline(always)]
    pub(crate) fn new(octets: &'a [u8], end: usize) -> Field<'a> {
        Field {
            octets,
            field: octets.get(..end).unwrap_or(octets),
        }
    }

    /// All of `octets`.
    #[inline(always)]
    pub(crate) fn whole(octets: &'a [u8]) -> Field<'a> {
        Field {
            octets,
            field: octets,
        }
    }

    /// The same octets with an earlier end.
    #[inline(always)]
    pub(crate) fn until(self, end: usize) -> Field<'a> {
        Field {
            octets: self.octets,
            field: self.field.get(..end).unwrap_or(self.field),
        }
    }

    /// Where the value ends.
    #[inline(always)]
    pub(crate) fn end(self) -> usize {
        self.field.len()
    }

    /// One octet; `None` from the end on.
    #[inline(always)]
    pub(crate) fn get(self, at: usize) -> Option<u8> {
        self.field.get(at).copied()
    }

    /// The octets of a range; empty if it is not within the field.
    #[inline(always)]
    pub(crate) fn slice(self, from: usize, to: usize) -> &'a [u8] {
        self.field.get(from..to).unwrap_or_default()
    }

    /// True if `text` stands at `at`.
    #[inline(always)]
    pub(crate) fn has<const N: usize>(self, at: usize, text: &[u8; N]) -> bool {
        self.field.get(at..).and_then(|rest| rest.first_chunk()) == Some(text)
    }

    /// The next octet that is not LWS.
    #[inline(always)]
    pub(crate) fn skip_lws(self, mut at: usize) -> usize {
        while self.get(at).is_some_and(|octet| charset::is(octet, LWS)) {
            at += 1;
        }
        at
    }

    /// End of a `token`.
    #[inline(always)]
    pub(crate) fn token_end(self, mut at: usize) -> usize {
        while self.get(at).is_some_and(|octet| charset::is(octet, TOKEN)) {
            at += 1;
        }
        at
    }

    /// A port number and where it ends.
    #[inline(always)]
    pub(crate) fn port(self, start: usize) -> Option<(u16, usize)> {
        let mut port = 0_u32;
        let mut at = start;
        while let Some(octet @ b'0'..=b'9') = self.get(at) {
            port = port * 10 + u32::from(octet - b'0');
            if port > 65_535 {
                return None;
            }
            at += 1;
        }
        (at > start).then_some((port as u16, at))
    }

    /// End of an unquoted parameter value.
    #[inline(always)]
    pub(crate) fn value_end(self, at: usize) -> usize {
        scan::value_end(self.octets, at).min(self.end())
    }

    /// End of a parameter name.
    #[inline(always)]
    pub(crate) fn name_end(self, at: usize) -> usize {
        scan::name_end(self.octets, at).min(self.end())
    }

    /// End of a host name.
    #[inline(always)]
    pub(crate) fn host_end(self, at: usize) -> usize {
        scan::host_end(self.octets, at).min(self.end())
    }

    /// End of the octets that a URI may have.
    #[inline(always)]
    pub(crate) fn uri_end(self, at: usize) -> usize {
        scan::uri_end(self.octets, at).min(self.end())
    }

    /// End of a run without controls, space and DEL.
    #[inline(always)]
    pub(crate) fn visible_end(self, at: usize) -> usize {
        scan::visible_end(self.octets, at).min(self.end())
    }

    /// Position of an octet, or the end.
    #[inline(always)]
    pub(crate) fn find(self, at: usize, wanted: u8) -> usize {
        scan::find(self.octets, at, self.end(), wanted).min(self.end())
    }

    /// Position after the closing quote of the string that opens at `open`.
    #[inline(always)]
    pub(crate) fn quoted_end(self, open: usize) -> Option<usize> {
        let mut at = open + 1;
        loop {
            at = scan::find_quote_or_backslash(self.octets, at, self.end());
            match self.get(at)? {
                b'"' => return Some(at + 1),
                _ => at += 2,
            }
        }
    }
}
