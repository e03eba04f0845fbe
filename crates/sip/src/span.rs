//! Ranges of the header section in 32 bits.

use core::ops::Range;

use crate::field::Scope;

/// A range of octets below 65,536; the default is the empty range at 0, which stands for "absent".
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl Span {
    /// The default.
    pub(crate) const ABSENT: Span = Span { start: 0, end: 0 };

    /// A range; positions are below 65,536 because the header section is.
    #[inline(always)]
    pub(crate) const fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u16,
            end: end as u16,
        }
    }

    /// True for the default.
    #[inline(always)]
    pub(crate) const fn is_absent(self) -> bool {
        self.end == 0
    }

    /// As positions.
    #[inline(always)]
    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The octets.
    #[inline(always)]
    pub(crate) fn of(self, octets: &[u8]) -> &[u8] {
        octets.get(self.range()).unwrap_or_default()
    }

    /// The octets within a field.
    #[inline(always)]
    pub(crate) fn of_field<'a, const FOLDS: bool>(self, field: Scope<'a, FOLDS>) -> &'a [u8] {
        field.slice(self.start as usize, self.end as usize)
    }

    /// The octets, unless absent.
    #[inline(always)]
    pub(crate) fn of_present(self, octets: &[u8]) -> Option<&[u8]> {
        if self.is_absent() {
            None
        } else {
            octets.get(self.range())
        }
    }
}
