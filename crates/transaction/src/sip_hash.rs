//! SipHash (Aumasson, Bernstein 2012) over parts that come one after the other, without a buffer: each part is taken in
//! by words, shifted to where the parts before it ended. `C` rounds for each word, `D` at the end.

/// The state of a hash.
#[derive(Clone)]
pub(crate) struct SipHash<const C: usize, const D: usize> {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
    /// Octets that fill no word yet, the first one lowest; zeros behind them.
    tail: u64,
    length: usize,
}

impl<const C: usize, const D: usize> SipHash<C, D> {
    /// For 128 bits.
    #[inline(always)]
    pub(crate) fn new_wide(key: &[u8; 16]) -> SipHash<C, D> {
        let mut hash = SipHash::new(key);
        hash.v1 ^= 0xee;
        hash
    }

    /// For 64 bits.
    #[inline(always)]
    pub(crate) fn new(key: &[u8; 16]) -> SipHash<C, D> {
        let key = u128::from_le_bytes(*key);
        let (k0, k1) = (key as u64, (key >> 64) as u64);
        SipHash {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
            tail: 0,
            length: 0,
        }
    }

    /// Takes in octets; `map` changes them, eight at a time, each octet by itself.
    #[inline(always)]
    pub(crate) fn write_mapped(&mut self, octets: &[u8], map: impl Fn(u64) -> u64) {
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            self.write_word(map(u64::from_le_bytes(*word)));
        }
        if !rest.is_empty() {
            let beyond = 8 * (8 - rest.len());
            let few = match octets.last_chunk::<8>() {
                Some(last) => map(u64::from_le_bytes(*last)) >> beyond,
                None => map(few(rest)) << beyond >> beyond,
            };
            self.write_few(few, rest.len());
        }
    }

    /// Takes in octets.
    #[inline(always)]
    pub(crate) fn write(&mut self, octets: &[u8]) {
        self.write_mapped(octets, |word| word);
    }

    /// Takes in eight octets, the first one lowest.
    #[inline(always)]
    pub(crate) fn write_word(&mut self, word: u64) {
        let used = 8 * (self.length & 7);
        self.length += 8;
        if used == 0 {
            self.absorb(word);
        } else {
            self.absorb(self.tail | word << used);
            self.tail = word >> (64 - used);
        }
    }

    /// Takes in one to seven octets, the first one lowest, zeros behind them.
    #[inline(always)]
    pub(crate) fn write_few(&mut self, octets: u64, count: usize) {
        let used = self.length & 7;
        self.length += count;
        self.tail |= octets << (8 * used);
        if used + count >= 8 {
            self.absorb(self.tail);
            self.tail = octets >> (8 * (8 - used));
        }
    }

    /// 64 bits.
    #[inline(always)]
    pub(crate) fn finish(mut self) -> u64 {
        self.absorb_length();
        self.v2 ^= 0xff;
        self.rounds(D);
        self.mixed()
    }

    /// 128 bits, the lower ones first.
    #[inline(always)]
    pub(crate) fn finish_wide(mut self) -> [u64; 2] {
        self.absorb_length();
        self.v2 ^= 0xee;
        self.rounds(D);
        let low = self.mixed();
        self.v1 ^= 0xdd;
        self.rounds(D);
        [low, self.mixed()]
    }

    #[inline(always)]
    fn absorb_length(&mut self) {
        self.absorb((self.length as u64) << 56 | self.tail);
    }

    #[inline(always)]
    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.rounds(C);
        self.v0 ^= word;
    }

    #[inline(always)]
    fn mixed(&self) -> u64 {
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    #[inline(always)]
    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.v0 = self.v0.wrapping_add(self.v1);
            self.v2 = self.v2.wrapping_add(self.v3);
            self.v1 = self.v1.rotate_left(13) ^ self.v0;
            self.v3 = self.v3.rotate_left(16) ^ self.v2;
            self.v0 = self.v0.rotate_left(32);
            self.v2 = self.v2.wrapping_add(self.v1);
            self.v0 = self.v0.wrapping_add(self.v3);
            self.v1 = self.v1.rotate_left(17) ^ self.v2;
            self.v3 = self.v3.rotate_left(21) ^ self.v0;
            self.v2 = self.v2.rotate_left(32);
        }
    }
}

/// Fewer than eight octets as a number, the first one lowest.
fn few(octets: &[u8]) -> u64 {
    let place = |number: u64, octet: &u8| number << 8 | u64::from(*octet);
    octets.iter().rev().fold(0, place)
}

#[cfg(test)]
mod tests {
    use core::hash::Hasher as _;

    use siphasher::sip128::{Hasher128 as _, SipHasher13, SipHasher24};

    use super::*;

    const KEY: [u8; 16] = *b"0123456789abcdef";

    #[test]
    fn agrees_with_another_implementation_however_the_octets_are_parted() {
        let octets: Vec<u8> = (0..300).map(|octet| octet as u8 ^ 0xa5).collect();
        for length in (0..70).chain([255, 256, 257, 300]) {
            let octets = &octets[..length];
            let (mut less, mut more) = (
                SipHasher13::new_with_key(&KEY),
                SipHasher24::new_with_key(&KEY),
            );
            less.write(octets);
            more.write(octets);
            let (less, more) = (less.finish128(), more.finish128());
            for part in 1..19 {
                let mut hash = SipHash::<1, 3>::new_wide(&KEY);
                let mut other = SipHash::<2, 4>::new_wide(&KEY);
                for octets in octets.chunks(part) {
                    hash.write(octets);
                    other.write(octets);
                }
                assert_eq!(hash.finish_wide(), [less.h1, less.h2], "{length} by {part}");
                assert_eq!(other.finish_wide(), [more.h1, more.h2]);
            }
        }
    }

    #[test]
    fn words_are_octets_too() {
        let mut words = SipHash::<1, 3>::new_wide(&KEY);
        let mut octets = words.clone();
        for number in 1..9_u64 {
            words.write_few(number, 1);
            words.write_word(!number);
            octets.write(&[number as u8]);
            octets.write(&(!number).to_le_bytes());
        }
        assert_eq!(words.finish_wide(), octets.finish_wide());
    }
}
