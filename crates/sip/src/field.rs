//! The octets of one header field within those of its message.
//!
//! Reading goes over the message's octets, so that it may look sixteen at a time, and stops at the field's end.

use crate::charset::{self, TOKEN};
use crate::scan;

/// A value whose end is known. It may contain folds, which are LWS.
pub(crate) type Field<'a> = Scope<'a, true>;

/// A value whose end is the first CR, which nobody has looked for yet. LWS is SP and HTAB alone, so that nothing is
/// read beyond the line: what is folded is malformed here, and has to be read again as a [`Field`].
pub(crate) type Line<'a> = Scope<'a, false>;

/// Octets that are read from some position on.
#[derive(Copy, Clone)]
pub(crate) struct Scope<'a, const FOLDS: bool> {
    /// Those of the message.
    octets: &'a [u8],
    /// Those up to the end of the field.
    field: &'a [u8],
}

impl<'a, const FOLDS: bool> Scope<'a, FOLDS> {
    /// Up to `end`, which must not be beyond the octets.
    #[inline(always)]
    pub(crate) fn new(octets: &'a [u8], end: usize) -> Scope<'a, FOLDS> {
        Scope {
            octets,
            field: octets.get(..end).unwrap_or(octets),
        }
    }

    /// All of `octets`.
    #[inline(always)]
    pub(crate) fn whole(octets: &'a [u8]) -> Scope<'a, FOLDS> {
        Scope {
            octets,
            field: octets,
        }
    }

    /// The same octets with an earlier end.
    #[inline(always)]
    pub(crate) fn until(self, end: usize) -> Scope<'a, FOLDS> {
        Scope {
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
        self.field
            .get(at..at.wrapping_add(N))
            .is_some_and(|octets| octets == text)
    }

    /// Sixteen octets, perhaps beyond the end of the field.
    #[inline(always)]
    pub(crate) fn near(self, at: usize) -> Option<&'a [u8; 16]> {
        self.octets.get(at..)?.first_chunk()
    }

    /// True if the value ends at this position.
    #[inline(always)]
    pub(crate) fn ends_at(self, at: usize) -> bool {
        if FOLDS {
            at == self.end()
        } else {
            self.get(at) == Some(b'\r')
        }
    }

    /// True for LWS.
    #[inline(always)]
    pub(crate) fn is_lws(self, octet: u8) -> bool {
        matches!(octet, b' ' | b'\t') || (FOLDS && matches!(octet, b'\r' | b'\n'))
    }

    /// The next octet that is not LWS.
    #[inline(always)]
    pub(crate) fn skip_lws(self, mut at: usize) -> usize {
        while self.get(at).is_some_and(|octet| self.is_lws(octet)) {
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

    /// A number of up to nineteen digits, and where it ends.
    #[inline(always)]
    pub(crate) fn number(self, start: usize) -> Option<(u64, usize)> {
        if let Some(near) = self
            .octets
            .get(start..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            let (number, len) = few_digits(u64::from_le_bytes(*near));
            if len.wrapping_sub(1) < 7 && start + len <= self.end() {
                return Some((number, start + len));
            }
        }
        self.any_number(start)
    }

    /// The same one by one.
    #[inline(never)]
    fn any_number(self, start: usize) -> Option<(u64, usize)> {
        let mut number = 0_u64;
        let mut at = start;
        while let Some(octet @ b'0'..=b'9') = self.get(at) {
            // Nineteen digits stay below 2^64; what more of them give is not used.
            number = number
                .wrapping_mul(10)
                .wrapping_add(u64::from(octet - b'0'));
            at += 1;
        }
        (at > start && at - start <= 19).then_some((number, at))
    }

    /// A port number and where it ends.
    #[inline(always)]
    pub(crate) fn port(self, start: usize) -> Option<(u16, usize)> {
        let (port, end) = self.number(start)?;
        u16::try_from(port).ok().map(|port| (port, end))
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

    /// End of what may be the user of a URI, and whether there is a `%` in it.
    #[inline(always)]
    pub(crate) fn user_end(self, at: usize) -> (usize, bool) {
        let (end, escapes) = scan::user_end(self.octets, at);
        (end.min(self.end()), escapes)
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
            at = scan::find_in_quotes(self.octets, at, self.end());
            match self.get(at)? {
                b'"' => return Some(at + 1),
                // No quoted pair hides the end of the line.
                b'\\' if FOLDS || self.get(at + 1).is_some_and(|octet| octet > b'\r') => at += 2,
                // An octet that may end the line.
                _ if FOLDS => at += 1,
                _ => return None,
            }
        }
    }
}

/// The number that these octets begin with, the first one lowest, and how many digits it has; of eight digits the number is
/// of no use.
#[inline(always)]
fn few_digits(octets: u64) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let values = octets ^ (b'0' as u64 * EACH);
    // The high bit of each octet says: no digit. A carry touches only what is behind the first of them.
    let strange = (values.wrapping_add((0x80 - 10) * EACH) | values) & (0x80 * EACH);
    let len = (strange.trailing_zeros() / 8) as usize;
    // The last digit becomes the highest octet; what is behind it falls off.
    let digits = values.checked_shl(64 - 8 * len as u32).unwrap_or(0);
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let number = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff;
    (number, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_the_same_wherever_it_stands() {
        for number in (0..1_200).chain([9_999, 65_535, 99_999, 1_234_567, 9_999_999, 12_345_678]) {
            for zeros in ["", "0", "00000"] {
                let digits = format!("{zeros}{number}");
                for behind in ["", "\r\n", ":x", "/0123456", ";\u{7f}\u{80}\u{ff}999"] {
                    let text = format!("x{digits}{behind}");
                    let line: Line<'_> = Line::whole(text.as_bytes());
                    let expected = Some((number, 1 + digits.len()));
                    assert_eq!(line.number(1), expected, "{text:?}");
                    let field: Field<'_> = Field::new(text.as_bytes(), 1 + digits.len());
                    assert_eq!(field.number(1), expected, "{text:?}");
                }
            }
        }
        for text in ["", "x", "/1234567", ":1234567", "a", "\u{80}12345678"] {
            let line: Line<'_> = Line::whole(text.as_bytes());
            assert_eq!(line.number(0), None, "{text:?}");
        }
        let field: Field<'_> = Field::new(b"12345678", 3);
        assert_eq!(field.number(0), Some((123, 3)));
        assert_eq!(field.number(3), None);
    }
}
