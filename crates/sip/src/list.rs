//! Comma lists: several values in one header field (RFC 3261 §7.3.1), split with respect for quoted
//! strings, angle brackets and comments.

use core::ops::Range;

use crate::charset::{self, LWS};
use crate::quoted;

/// Splits a header field value at its commas. Items are trimmed; empty ones are passed over.
#[derive(Clone, Debug)]
pub struct ListItems<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> ListItems<'a> {
    /// The items of `value`.
    pub const fn new(value: &'a [u8]) -> ListItems<'a> {
        ListItems {
            octets: value,
            at: 0,
        }
    }

    /// True if nothing is left to be read.
    #[inline(always)]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    /// The next item as a range of the value.
    pub fn next_range(&mut self) -> Option<Range<usize>> {
        loop {
            let start = charset::skip(self.octets, self.at, LWS);
            if start >= self.octets.len() {
                self.at = start;
                return None;
            }
            let comma = item_end(self.octets, start);
            self.at = comma + 1;
            let item = charset::trim_end(self.octets.get(start..comma).unwrap_or_default());
            if !item.is_empty() {
                return Some(start..start + item.len());
            }
        }
    }
}

impl<'a> Iterator for ListItems<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        let range = self.next_range()?;
        self.octets.get(range)
    }
}

/// Position of the comma that ends the item at `start`, or the end. A quoted string, bracket or comment
/// that does not end runs to the end of the value.
pub(crate) fn item_end(octets: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut comments = 0_usize;
    while let Some(&octet) = octets.get(at) {
        match octet {
            b'\\' if comments > 0 => at += 1,
            b'(' => comments += 1,
            b')' => comments = comments.saturating_sub(1),
            _ if comments > 0 => {}
            b',' => return at,
            b'"' => match quoted::end_of_quoted(octets, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return octets.len(),
            },
            b'<' => match octets.get(at..).and_then(|rest| memchr::memchr(b'>', rest)) {
                Some(len) => at += len,
                None => return octets.len(),
            },
            _ => {}
        }
        at += 1;
    }
    octets.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_quotes_brackets_and_comments_do_not_split() {
        let value = b"\"a, b\" <sip:x,y@h>;q=1 ,, (c, (d) \\), e) f,\r\n g";
        let items: Vec<_> = ListItems::new(value).collect();
        assert_eq!(
            items,
            [&b"\"a, b\" <sip:x,y@h>;q=1"[..], b"(c, (d) \\), e) f", b"g"]
        );
    }

    #[test]
    fn what_does_not_end_is_one_item() {
        assert_eq!(ListItems::new(b"\"a, b").count(), 1);
        assert_eq!(ListItems::new(b"<a, b").count(), 1);
        assert_eq!(ListItems::new(b" , ,").count(), 0);
    }
}
