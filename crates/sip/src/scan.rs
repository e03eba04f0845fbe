//! Runs of octets of one class, found sixteen at a time. Each class is also in the table of `charset`, which
//! serves the last octets of a slice; a test holds the two together.

use wide::u8x16;

use crate::charset::{self, HOST, NAME_RUN, NO_CONTROL, PLAIN_HOST, URI, USER, VALUE, VISIBLE};

const LANES: usize = 16;

/// One bit per octet: the octet does not belong to the class.
trait Class {
    /// The class in the table.
    const TABLE: u16;
    /// Bit n is set if octet n is outside of the class.
    fn outside(block: Block) -> u32;
}

/// From `at` on, the first octet outside of the class, or the end.
#[inline(always)]
fn run<C: Class>(octets: &[u8], mut at: usize) -> usize {
    while let Some(block) = Block::load(octets, at) {
        let outside = C::outside(block);
        if outside != 0 {
            return at + outside.trailing_zeros() as usize;
        }
        at += LANES;
    }
    rest_of_run::<C>(octets, at)
}

/// The same over the last octets, fewer than a block.
#[inline(never)]
fn rest_of_run<C: Class>(octets: &[u8], at: usize) -> usize {
    let Some(last) = octets.last_chunk() else {
        return charset::skip(octets, at, C::TABLE);
    };
    let start = octets.len() - LANES;
    let outside = C::outside(Block::new(last)) >> at.saturating_sub(start).min(LANES);
    if outside == 0 {
        octets.len()
    } else {
        at + outside.trailing_zeros() as usize
    }
}

/// End of an unquoted parameter value.
#[inline(always)]
pub(crate) fn value_end(octets: &[u8], at: usize) -> usize {
    run::<Value>(octets, at)
}

/// End of a parameter name.
#[inline(always)]
pub(crate) fn name_end(octets: &[u8], at: usize) -> usize {
    run::<Name>(octets, at)
}

/// End of a host name.
#[inline(always)]
pub(crate) fn host_end(octets: &[u8], at: usize) -> usize {
    run::<HostName>(octets, at)
}

/// End of a host name in lower case.
#[inline(always)]
pub(crate) fn plain_host_end(octets: &[u8], at: usize) -> usize {
    run::<PlainHost>(octets, at)
}

/// End of a run without controls, space and DEL.
#[inline(always)]
pub(crate) fn visible_end(octets: &[u8], at: usize) -> usize {
    run::<Visible>(octets, at)
}

/// End of the octets that a URI may have.
#[inline(always)]
pub(crate) fn uri_end(octets: &[u8], at: usize) -> usize {
    run::<UriOctets>(octets, at)
}

/// End of what may be the user of a URI, and whether there is a `%` in it (or shortly behind it).
#[inline(always)]
pub(crate) fn user_end(octets: &[u8], mut at: usize) -> (usize, bool) {
    let mut escapes = false;
    while let Some(block) = Block::load(octets, at) {
        let outside = User::outside(block);
        escapes |= block.equal(b'%').to_bitmask() != 0;
        if outside != 0 {
            return (at + outside.trailing_zeros() as usize, escapes);
        }
        at += LANES;
    }
    let end = rest_of_run::<User>(octets, at);
    let rest = octets.get(at..end).unwrap_or_default();
    (end, escapes || rest.contains(&b'%'))
}

/// Position of `wanted` from `at` on, or a position from `end` on if it is not before that.
#[inline(always)]
pub(crate) fn find(octets: &[u8], mut at: usize, end: usize, wanted: u8) -> usize {
    while at < end {
        let Some(block) = Block::load(octets, at) else {
            while octets.get(at).is_some_and(|&octet| octet != wanted) {
                at += 1;
            }
            return at;
        };
        let equal = block.equal(wanted).to_bitmask();
        if equal != 0 {
            return at + equal.trailing_zeros() as usize;
        }
        at += LANES;
    }
    at
}

/// Position of the first `"`, `\` or control octet up to CR from `at` on, or a position from `end` on.
#[inline(always)]
pub(crate) fn find_in_quotes(octets: &[u8], mut at: usize, end: usize) -> usize {
    while at < end {
        let Some(block) = Block::load(octets, at) else {
            while octets
                .get(at)
                .is_some_and(|&octet| octet > b'\r' && !matches!(octet, b'"' | b'\\'))
            {
                at += 1;
            }
            return at;
        };
        let found = (block.equal(b'"') | block.equal(b'\\') | block.at_most(b'\r')).to_bitmask();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += LANES;
    }
    at
}

/// The octets with the bit set that tells small letters from capitals, as far as `mask` keeps them.
#[inline(always)]
pub(crate) fn small(octets: &[u8; LANES], mask: &[u8; LANES]) -> [u8; LANES] {
    (Block::new(octets).small().0 & u8x16::new(*mask)).to_array()
}

/// True if all octets are the same.
#[inline(always)]
pub(crate) fn same(a: &[u8; LANES], b: &[u8; LANES]) -> bool {
    u8x16::new(*a).simd_eq(u8x16::new(*b)).to_bitmask() == 0xffff
}

/// Length of the run of digits and dots that these octets begin with, and where in it the dots are.
#[inline(always)]
pub(crate) fn dotted(octets: &[u8; LANES]) -> (usize, u32) {
    let block = Block::new(octets);
    let dots = block.equal(b'.').to_bitmask();
    let run = dots | block.within(b'0', b'9').to_bitmask();
    let len = (!run).trailing_zeros();
    (len as usize, dots & !(u32::MAX << len))
}

/// Where `wanted` first stands within the sixteen octets at `at`: `None` if there are not so many,
/// 32 if it is not among them.
#[inline(always)]
pub(crate) fn find_near(octets: &[u8; LANES], wanted: u8) -> usize {
    Block::new(octets)
        .equal(wanted)
        .to_bitmask()
        .trailing_zeros() as usize
}

/// True if none of these octets is one from NUL to CR.
#[inline(always)]
pub(crate) fn is_without_control(octets: &[u8; LANES]) -> bool {
    NoControl::outside(Block::new(octets)) == 0
}

/// Position of the first octet from NUL to CR from `at` on, or the end: line ends, and what must not be there.
#[inline(always)]
pub(crate) fn control(octets: &[u8], mut at: usize) -> usize {
    while let Some(pair) = octets
        .get(at..at.wrapping_add(2 * LANES))
        .and_then(|pair| pair.first_chunk())
    {
        let found = controls(pair);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 2 * LANES;
    }
    last_control(octets, at)
}

/// The same over the last octets, fewer than two blocks.
#[inline(never)]
fn last_control(octets: &[u8], at: usize) -> usize {
    let Some(pair) = octets.last_chunk() else {
        return run::<NoControl>(octets, at);
    };
    let start = octets.len() - 2 * LANES;
    let found = controls(pair)
        & (u32::MAX
            .checked_shl(at.saturating_sub(start) as u32)
            .unwrap_or(0));
    if found == 0 {
        octets.len().max(at)
    } else {
        start + found.trailing_zeros() as usize
    }
}

#[inline(always)]
fn controls(pair: &[u8; 2 * LANES]) -> u32 {
    let ([first, second], _) = pair.as_chunks::<LANES>() else {
        return 0;
    };
    NoControl::outside(Block::new(first)) | NoControl::outside(Block::new(second)) << LANES
}

struct Value;
struct Name;
struct HostName;
struct PlainHost;
struct UriOctets;
struct Visible;
struct User;
struct NoControl;

/// Sixteen octets side by side.
#[derive(Copy, Clone)]
struct Block(u8x16);

impl Block {
    #[inline(always)]
    fn new(octets: &[u8; LANES]) -> Block {
        Block(u8x16::new(*octets))
    }

    #[inline(always)]
    fn load(octets: &[u8], at: usize) -> Option<Block> {
        octets
            .get(at..at.wrapping_add(LANES))?
            .first_chunk()
            .map(Block::new)
    }

    #[inline(always)]
    fn equal(self, octet: u8) -> u8x16 {
        self.0.simd_eq(u8x16::splat(octet))
    }

    #[inline(always)]
    fn at_most(self, octet: u8) -> u8x16 {
        self.0.min(u8x16::splat(octet)).simd_eq(self.0)
    }

    #[inline(always)]
    fn within(self, first: u8, last: u8) -> u8x16 {
        Block(self.0 - u8x16::splat(first)).at_most(last - first)
    }

    /// With the bit set that tells small letters from capitals.
    #[inline(always)]
    fn small(self) -> Block {
        Block(self.0 | u8x16::splat(0x20))
    }

    /// Controls, space, `"`, `<`, `>`: what is in no URI and no unquoted value.
    #[inline(always)]
    fn breaks(self) -> u8x16 {
        let angles = (self.0 | u8x16::splat(2)).simd_eq(u8x16::splat(b'>'));
        self.at_most(b' ') | angles | self.equal(b'"')
    }
}

impl Class for UriOctets {
    const TABLE: u16 = URI;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        block.breaks().to_bitmask()
    }
}

impl Class for NoControl {
    const TABLE: u16 = NO_CONTROL;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        block.at_most(b'\r').to_bitmask()
    }
}

impl Class for Visible {
    const TABLE: u16 = VISIBLE;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        (block.at_most(b' ') | block.equal(0x7f)).to_bitmask()
    }
}

impl Class for User {
    const TABLE: u16 = USER;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        // Without the bit of small letters `[` to `]` are `{` to `}`, and the back quote is `@`.
        let folded = Block(block.0 & u8x16::splat(!0x20));
        let brackets = folded.within(b'[', b']') | folded.equal(b'@');
        let others = block.equal(b':') | block.equal(b'^') | block.equal(0x7f);
        (block.breaks() | brackets | others).to_bitmask()
    }
}

impl Class for Value {
    const TABLE: u16 = VALUE;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        (block.breaks() | block.equal(b';') | block.equal(b',')).to_bitmask()
    }
}

impl Class for Name {
    const TABLE: u16 = NAME_RUN;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        let semicolon_to_angle = block.within(b';', b'>');
        let others = block.equal(b',') | block.equal(b'"');
        (block.at_most(b' ') | semicolon_to_angle | others).to_bitmask()
    }
}

impl Class for HostName {
    const TABLE: u16 = HOST;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        let letters = block.small().within(b'a', b'z');
        // From `-` to `9` there is `/` too.
        let digits = block.within(b'-', b'9') ^ block.equal(b'/');
        !(letters | digits | block.equal(b'_')).to_bitmask() & 0xffff
    }
}

impl Class for PlainHost {
    const TABLE: u16 = PLAIN_HOST;
    #[inline(always)]
    fn outside(block: Block) -> u32 {
        let digits = block.within(b'-', b'9') ^ block.equal(b'/');
        !(block.within(b'a', b'z') | digits).to_bitmask() & 0xffff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees<C: Class>() {
        for octet in 0..=u8::MAX {
            let outside = C::outside(Block::new(&[octet; LANES]));
            assert_eq!(outside == 0, charset::is(octet, C::TABLE), "{octet:#x}");
            assert!(outside == 0 || outside == 0xffff);
        }
    }

    #[test]
    fn blocks_and_table_agree() {
        agrees::<Value>();
        agrees::<Name>();
        agrees::<HostName>();
        agrees::<PlainHost>();
        agrees::<UriOctets>();
        agrees::<Visible>();
        agrees::<User>();
        agrees::<NoControl>();
    }

    #[test]
    fn runs_end_at_any_distance() {
        for len in 0..70 {
            let mut octets = vec![b'a'; len];
            assert_eq!(value_end(&octets, 0), len);
            assert_eq!(find(&octets, 0, octets.len(), b';'), len);
            octets.extend_from_slice(b";bbbbbbbbbbbbbbbbbbbbbbbbbbbb;");
            assert_eq!(
                (value_end(&octets, 0), find(&octets, 0, octets.len(), b';')),
                (len, len)
            );
            assert_eq!((host_end(&octets, 0), name_end(&octets, 0)), (len, len));
        }
    }

    #[test]
    fn controls_are_found_wherever_they_stand() {
        let mut octets = vec![b'x'; 200];
        assert_eq!(control(&octets, 0), 200);
        for (at, octet) in [(199, b'\r'), (128, 0), (64, b'\n'), (33, b'\t'), (0, b'\r')] {
            octets[at] = octet;
            assert_eq!(control(&octets, 0), at);
        }
        assert_eq!(control(&octets, 1), 33);
    }
}
