//! Header names read from the octets of a line at once: the first sixteen as two words, which are compared
//! with the words of the known names. Longer names and all that is unusual is left to `HeaderName::from_bytes`.

use crate::header_name::HeaderName;
use crate::scan;

/// Longest name that is read here: with its colon sixteen octets.
const NAME_OCTETS_MAX: usize = 15;
const SLOTS: usize = 512;

/// Sets the bit that tells small letters from capitals. What else it joins is in no name that is looked for,
/// but `-` with CR: a line has none.
const SMALL: u64 = 0x2020_2020_2020_2020;

#[derive(Copy, Clone)]
struct Key {
    low: u64,
    high: u64,
    name: HeaderName,
}

impl Key {
    /// Equals no name: the last octet of `high` is always 0 in those.
    const NONE: Key = Key {
        low: u64::MAX,
        high: u64::MAX,
        name: HeaderName::Unknown,
    };

    const fn of(octets: &[u8], name: HeaderName) -> Key {
        let mut words = [0_u64; 2];
        let mut i = 0;
        while i < octets.len() {
            words[i / 8] |= (octets[i] as u64 | 0x20) << (i % 8 * 8);
            i += 1;
        }
        Key {
            low: words[0],
            high: words[1],
            name,
        }
    }
}

#[inline(always)]
const fn slot(low: u64, high: u64) -> usize {
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(MULTIPLIER);
    (mixed >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// Puts every key into a slot of its own; found by trial, checked below.
const MULTIPLIER: u64 = 0x6b73_4c09_5359_8389;

const fn build() -> [Key; SLOTS] {
    let mut keys = [Key::NONE; SLOTS];
    let mut i = 0;
    while i < HeaderName::ALL.len() {
        let name = HeaderName::ALL[i];
        let long = HeaderName::LONG[i].as_bytes();
        if long.len() <= NAME_OCTETS_MAX {
            insert(&mut keys, Key::of(long, name));
        }
        if let Some(letter) = HeaderName::COMPACT[i] {
            insert(&mut keys, Key::of(&[letter], name));
        }
        i += 1;
    }
    keys
}

const fn insert(keys: &mut [Key; SLOTS], key: Key) {
    let at = slot(key.low, key.high);
    assert!(
        keys[at].low == u64::MAX,
        "two names in one slot: try another MULTIPLIER"
    );
    keys[at] = key;
}

static KEYS: [Key; SLOTS] = build();

/// Keep the first n octets of two words.
static MASKS: [(u64, u64); 16] = masks();

const fn masks() -> [(u64, u64); 16] {
    let mut masks = [(u64::MAX, u64::MAX); 16];
    let mut n = 0;
    while n < 16 {
        let whole = (1_u128 << (n * 8)) - 1;
        masks[n] = (whole as u64, (whole >> 64) as u64);
        n += 1;
    }
    masks
}

/// Reads the name that begins these octets and ends at a colon, if it is a known one of up to fifteen octets. The second value is
/// its length.
#[inline(always)]
pub(crate) fn read(octets: &[u8; 16]) -> Option<(HeaderName, usize)> {
    let len = scan::find_near(octets, b':');
    let &(low_mask, high_mask) = MASKS.get(len)?;
    let whole = u128::from_le_bytes(*octets);
    let low = (whole as u64 | SMALL) & low_mask;
    let high = ((whole >> 64) as u64 | SMALL) & high_mask;
    let key = &KEYS[slot(low, high)];
    (key.low == low && key.high == high).then_some((key.name, len))
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
            "Call\rID: x",
        ] {
            let found = read(&line(text));
            // A CR counts as a hyphen: lines that hold one are never given to this reader.
            assert!(found.is_none() || text.contains("\rI"), "{text:?}");
        }
    }
}
