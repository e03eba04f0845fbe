//! Base32 with the digits `0-9a-v`: survives peers that fold case, needs no escape in any SIP field.

const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const INVALID: u8 = 0xff;
/// Set in no value of a digit.
const INVALID_BIT: u8 = 0x80;

const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut value = 0;
    while value < 32 {
        let digit = DIGITS[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

/// Appends the digits of `octets`.
pub fn encode(octets: &[u8], out: &mut Vec<u8>) {
    out.reserve((octets.len() * 8).div_ceil(5));
    each_group(octets, |digits| out.extend_from_slice(digits));
}

/// Hands the digits of `octets` on, eight at a time, at the end perhaps fewer.
#[inline]
pub(super) fn each_group(octets: &[u8], mut take: impl FnMut(&[u8])) {
    let digit = |bits: u64, place: u32| DIGITS[(bits >> (5 * place)) as usize % 32];
    let (groups, rest) = octets.as_chunks::<5>();
    for &[a, b, c, d, e] in groups {
        let bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        take(&[7, 6, 5, 4, 3, 2, 1, 0].map(|place| digit(bits, place)));
    }
    if !rest.is_empty() {
        let mut padded = [0; 8];
        for (to, from) in padded[3..].iter_mut().zip(rest) {
            *to = *from;
        }
        let bits = u64::from_be_bytes(padded);
        let digits = [7, 6, 5, 4, 3, 2, 1, 0].map(|place| digit(bits, place));
        take(
            digits
                .get(..(rest.len() * 8).div_ceil(5))
                .unwrap_or_default(),
        );
    }
}

/// Reads digits into `out` and returns how many octets there were. `None` for any other character, for a number of
/// digits that no run of octets gives, for fill bits that are set, and for more octets than `out` takes.
pub fn decode(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = digits.len() * 5 / 8;
    if (length * 8).div_ceil(5) != digits.len() {
        return None;
    }
    let out = out.get_mut(..length)?;
    let (groups, rest) = digits.as_chunks::<8>();
    let (places, last) = out.as_chunks_mut::<5>();
    let mut all = 0;
    for (group, place) in groups.iter().zip(places) {
        let mut bits = 0_u64;
        for digit in group {
            let value = VALUES[usize::from(*digit)];
            all |= value;
            bits = bits << 5 | u64::from(value);
        }
        let [_, _, _, octets @ ..] = bits.to_be_bytes();
        *place = octets;
    }
    let mut bits = 0_u64;
    for digit in rest {
        let value = VALUES[usize::from(*digit)];
        all |= value;
        bits = bits << 5 | u64::from(value);
    }
    let fill = rest.len() * 5 - last.len() * 8;
    let filled = bits & ((1 << fill) - 1) != 0;
    bits >>= fill;
    for place in last.iter_mut().rev() {
        *place = bits as u8;
        bits >>= 8;
    }
    (all & INVALID_BIT == 0 && !filled).then_some(length)
}
