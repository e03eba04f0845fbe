//! Octets of a message on their way into another: what stands side by side is copied at once.

use core::ops::Range;

/// Copies parts of a message in their order.
pub(crate) struct CopiedOctets<'a> {
    octets: &'a [u8],
    /// From here on all is wanted.
    from: usize,
}

/// Nothing is wanted.
const NOWHERE: usize = usize::MAX;

impl<'a> CopiedOctets<'a> {
    /// Nothing is wanted yet.
    #[inline(always)]
    pub(crate) fn of(octets: &'a [u8]) -> CopiedOctets<'a> {
        CopiedOctets {
            octets,
            from: NOWHERE,
        }
    }

    /// From here on all is wanted, if it was not before.
    #[inline(always)]
    pub(crate) fn begin(&mut self, at: usize) {
        self.from = self.from.min(at);
    }

    /// From here on nothing is wanted.
    #[inline(always)]
    pub(crate) fn end(&mut self, out: &mut Vec<u8>, at: usize) {
        if self.from != NOWHERE {
            out.extend_from_slice(self.octets.get(self.from..at).unwrap_or_default());
            self.from = NOWHERE;
        }
    }

    /// All is wanted but this.
    #[inline(always)]
    pub(crate) fn skip(&mut self, out: &mut Vec<u8>, cut: Range<usize>) {
        self.end(out, cut.start);
        self.from = cut.end;
    }
}
