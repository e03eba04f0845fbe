//! Base32 with the digits `0-9a-v`: survives peers that fold case, needs no escape in any SIP field.

const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const INVALID: u8 = 0xff;

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
    each_digit(octets, |digit| out.push(digit));
}

/// Hands the digits of `octets` on, one by one.
pub(super) fn each_digit(octets: &[u8], mut take: impl FnMut(u8)) {
    for group in octets.chunks(5) {
        let mut bits = group
            .iter()
            .fold(0u64, |bits, octet| bits << 8 | u64::from(*octet));
        let digits = (group.len() * 8).div_ceil(5);
        bits <<= digits * 5 - group.len() * 8;
        for digit in (0..digits).rev() {
            take(DIGITS[(bits >> (digit * 5)) as usize % 32]);
        }
    }
}

/// Reads digits into `out` and returns how many octets there were. `None` for any other character, for a number of
/// digits that no run of octets gives, for fill bits that are set, and for more octets than `out` takes.
pub fn decode(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = digits.len() * 5 / 8;
    if (length * 8).div_ceil(5) != digits.len() {
        return None;
    }
    let mut places = out.get_mut(..length)?.iter_mut();
    let (mut bits, mut held, mut valid) = (0u32, 0u32, true);
    for digit in digits {
        let value = VALUES[usize::from(*digit)];
        valid &= value != INVALID;
        bits = bits << 5 | u32::from(value & 31);
        held += 5;
        if held >= 8 {
            held -= 8;
            if let Some(place) = places.next() {
                *place = (bits >> held) as u8;
            }
            bits &= (1 << held) - 1;
        }
    }
    (valid && bits == 0).then_some(length)
}
