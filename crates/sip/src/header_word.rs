//! Header names read from the octets of a line at once: the first sixteen as two words, which are compared
//! with the words of the known names. Longer names and all that is unusual is left to `HeaderName::from_bytes`.

use crate::header_name::HeaderName;
use crate::scan;

/// Longest name that is read here: with its colon sixteen octets.
const NAME_OCTETS_MAX: usize = 15;
const SLOTS: usize = 512;

/// The octets of a name with the bit set that tells small letters from capitals, zeros behind them.
type Key = [u8; 16];

/// Equals no name: the last octet is 0 in those.
const NONE: Key = [0xff; 16];

const fn key(octets: &[u8]) -> Key {
    let mut key = [0; 16];
    let mut i = 0;
    while i < octets.len() {
        key[i] = octets[i] | 0x20;
        i += 1;
    }
    key
}

#[inline(always)]
const fn slot(key: &Key) -> usize {
    let whole = u128::from_le_bytes(*key);
    let mixed = (whole as u64 ^ (whole >> 64) as u64).wrapping_mul(MULTIPLIER);
    (mixed >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// Puts every key into a slot of its own; found by trial, checked below.
const MULTIPLIER: u64 = 0x16a8_6fd0_4768_f719;

const fn build() -> ([Key; SLOTS], [HeaderName; SLOTS]) {
    let mut table = ([NONE; SLOTS], [HeaderName::Unknown; SLOTS]);
    let mut i = 0;
    while i < HeaderName::ALL.len() {
        let name = HeaderName::ALL[i];
        let long = HeaderName::LONG[i].as_bytes();
        if long.len() <= NAME_OCTETS_MAX {
            insert(&mut table, key(long), name);
        }
        if let Some(letter) = HeaderName::COMPACT[i] {
            insert(&mut table, key(&[letter]), name);
        }
        i += 1;
    }
    table
}

const fn insert(table: &mut ([Key; SLOTS], [HeaderName; SLOTS]), key: Key, name: HeaderName) {
    let at = slot(&key);
    assert!(
        table.0[at][15] == 0xff,
        "two names in one slot: try another MULTIPLIER"
    );
    table.0[at] = key;
    table.1[at] = name;
}

static KEYS: [Key; SLOTS] = build().0;
static NAMES: [HeaderName; SLOTS] = build().1;

/// What keeps the first n octets.
static MASKS: [Key; 16] = {
    let mut masks = [[0; 16]; 16];
    let mut n = 0;
    while n < 16 {
        let mut i = 0;
        while i < n {
            masks[n][i] = 0xff;
            i += 1;
        }
        n += 1;
    }
    masks
};

/// Reads the name that begins these octets and ends at a colon, if it is a known one of up to fifteen octets. The
/// second value is its length. A CR in the place of a hyphen is not seen: who calls has to look for control octets.
#[inline(always)]
pub(crate) fn read(octets: &[u8; 16]) -> Option<(HeaderName, usize)> {
    let len = scan::find_near(octets, b':');
    let key = scan::small(octets, MASKS.get(len)?);
    let slot = slot(&key);
    scan::same(&key, &KEYS[slot]).then_some((NAMES[slot], len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> [u8; 16] {
        let mut octets = [b' '; 16];
        let len = text.len().min(16);
        octets[..len].copy_from_slice(&text.as_bytes()[..len]);
        octets
    }

    #[test]
    fn agrees_with_the_reader_of_names() {
        for &name in HeaderName::ALL {
            let long = name.as_str();
            for text in [
                long.to_owned(),
                long.to_ascii_lowercase(),
                long.to_ascii_uppercase(),
            ] {
                let expected = (long.len() <= NAME_OCTETS_MAX).then_some((name, long.len()));
                assert_eq!(read(&line(&format!("{text}: x"))), expected, "{text}");
            }
            if let Some(letter) = name.compact() {
                assert_eq!(
                    read(&line(&format!("{}:x", char::from(letter)))),
                    Some((name, 1))
                );
            }
        }
    }

    #[test]
    fn what_is_no_name_is_left_alone() {
        for text in [
            "Vib: x",
            ": x",
            "Via : x",
            "X-Unknown: x",
            "Subject",
            "a\r\nVia: x",
        ] {
            assert_eq!(read(&line(text)), None, "{text:?}");
        }
    }

    #[test]
    fn one_other_octet_makes_another_name() {
        for &name in HeaderName::ALL {
            let text = format!("{name}:");
            for at in 0..name.as_str().len().min(NAME_OCTETS_MAX) {
                for octet in 0..=u8::MAX {
                    let mut octets = line(&text);
                    octets[at] = octet;
                    let len = octets
                        .iter()
                        .position(|&octet| octet == b':')
                        .unwrap_or_default();
                    if octet == b'\r' && text.as_bytes().get(at) == Some(&b'-') {
                        continue;
                    }
                    let known = HeaderName::from_bytes(octets.get(..len).unwrap_or_default());
                    let expected = (known != HeaderName::Unknown).then_some((known, len));
                    assert_eq!(read(&octets), expected, "{}", octets.escape_ascii());
                }
            }
        }
    }
}
