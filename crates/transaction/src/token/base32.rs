//! Base32 with the digits `0-9a-v`: survives peers that fold case, needs no escape in any SIP field.

//!
//! Eight digits at a time: five octets are spread to eight values of five bits, one in each octet of a word.

/// The same octet in each place of a word.
const fn each(octet: u8) -> u64 {
    u64::from_ne_bytes([octet; 8])
}

/// Appends the digits of `octets`.
pub fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let (groups, rest) = octets.as_chunks::<5>();
    out.resize(start + groups.len() * 8, 0);
    let written = out.get_mut(start..).unwrap_or_default();
    encode_groups(groups, written.as_chunks_mut::<8>().0);
    if !rest.is_empty() {
        let mut padded = [0; 8];
        for (to, from) in padded[3..].iter_mut().zip(rest) {
            *to = *from;
        }
        let digits = digits(spread(u64::from_be_bytes(padded))).to_be_bytes();
        let used = (rest.len() * 8).div_ceil(5);
        out.extend_from_slice(digits.get(..used).unwrap_or_default());
    }
}

/// Writes the digits of groups of five octets to as many places.
#[inline(always)]
pub(super) fn encode_groups(groups: &[[u8; 5]], places: &mut [[u8; 8]]) {
    for (five, place) in groups.iter().zip(places) {
        *place = group(five);
    }
}

/// Reads groups of eight digits into as many places; something that is not 0 if one of them is no digit.
#[inline(always)]
pub(super) fn decode_groups(groups: &[[u8; 8]], places: &mut [[u8; 5]]) -> u64 {
    let mut strange = 0;
    for (group, place) in groups.iter().zip(places) {
        let (values, differs) = values(u64::from_be_bytes(*group));
        strange |= differs;
        let [_, _, _, octets @ ..] = gather(values).to_be_bytes();
        *place = octets;
    }
    strange
}

/// The digits of five octets.
#[inline(always)]
pub(super) fn group(&[a, b, c, d, e]: &[u8; 5]) -> [u8; 8] {
    let bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    digits(spread(bits)).to_be_bytes()
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
    let mut strange = decode_groups(groups, places);
    let mut padded = [b'0'; 8];
    for (to, from) in padded.iter_mut().rev().zip(rest.iter().rev()) {
        *to = *from;
    }
    let (values, differs) = values(u64::from_be_bytes(padded));
    strange |= differs;
    let bits = gather(values);
    let fill = rest.len() * 5 - last.len() * 8;
    let filled = bits & ((1 << fill) - 1) != 0;
    let mut bits = bits >> fill;
    for place in last.iter_mut().rev() {
        *place = bits as u8;
        bits >>= 8;
    }
    (strange == 0 && !filled).then_some(length)
}

/// Forty bits as eight values of five.
#[inline(always)]
const fn spread(bits: u64) -> u64 {
    let halves = (bits & 0xff_fff0_0000) << 12 | bits & 0xf_ffff;
    let quarters = (halves & 0x000f_fc00_000f_fc00) << 6 | halves & 0x0000_03ff_0000_03ff;
    (quarters & 0x03e0_03e0_03e0_03e0) << 3 | quarters & 0x001f_001f_001f_001f
}

/// The inverse of [`spread`].
#[inline(always)]
const fn gather(values: u64) -> u64 {
    let quarters = (values & 0x1f00_1f00_1f00_1f00) >> 3 | values & 0x001f_001f_001f_001f;
    let halves = (quarters & 0x03ff_0000_03ff_0000) >> 6 | quarters & 0x0000_03ff_0000_03ff;
    (halves & 0x000f_ffff_0000_0000) >> 12 | halves & 0x000f_ffff
}

/// The digits of eight values.
#[inline(always)]
const fn digits(values: u64) -> u64 {
    // The high bit of each octet says: ten or more, a letter.
    let letters = (values + each(0x80 - 10)) & each(0x80);
    values + each(b'0') + (letters >> 7) * (b'a' - b'0' - 10) as u64
}

/// The values of eight digits, and something that is not 0 if one of them is no digit.
#[inline(always)]
const fn values(text: u64) -> (u64, u64) {
    let letters = text & each(0x40);
    let low = text & (each(0x0f) | letters >> 2);
    let values = (low + (letters >> 6) * 9) & each(0x1f);
    (values, digits(values) ^ (text | letters >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_is_one_digit_in_either_case_or_none() {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuv";
        for octet in 0..=u8::MAX {
            let value = DIGITS
                .iter()
                .position(|digit| *digit == octet.to_ascii_lowercase());
            for place in 0..8 {
                let mut text = *b"00000000";
                text[place] = octet;
                let mut out = [0; 5];
                let read = decode(&text, &mut out);
                assert_eq!(read.is_some(), value.is_some(), "{octet:#x} at {place}");
                if let Some(value) = value {
                    let bits = (value as u64) << (5 * (7 - place));
                    assert_eq!(out, bits.to_be_bytes()[3..], "{octet:#x} at {place}");
                }
            }
        }
    }

    #[test]
    fn octets_of_any_number_come_back() {
        let octets: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(151) ^ 0xa5).collect();
        for len in 0..octets.len() {
            let mut text = Vec::new();
            encode(&octets[..len], &mut text);
            assert_eq!(text.len(), (len * 8).div_ceil(5));
            let mut out = [0; 64];
            assert_eq!(decode(&text, &mut out), Some(len));
            assert_eq!(out[..len], octets[..len]);
            assert_eq!(
                decode(&text, &mut out[..len.saturating_sub(1)]),
                (len == 0).then_some(0)
            );
        }
    }

    #[test]
    fn fill_bits_are_clear() {
        let mut out = [0; 8];
        assert_eq!(decode(b"vs", &mut out), Some(1));
        assert_eq!(decode(b"vt", &mut out), None);
        assert_eq!(decode(b"v", &mut out), None, "no octets have one digit");
    }
}
