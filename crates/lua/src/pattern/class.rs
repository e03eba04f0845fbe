//! Sets of octets: what one item of a pattern matches.

/// Octets, one bit each.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set([u64; 4]);

impl Set {
    pub const ALL: Set = Set([u64::MAX; 4]);

    pub fn of(octet: u8) -> Set {
        let mut set = Set::default();
        set.insert(octet);
        set
    }

    #[inline]
    pub fn has(&self, octet: u8) -> bool {
        let [a, b, c, d] = self.0;
        let word = match octet >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        word >> (octet & 63) & 1 == 1
    }

    fn insert(&mut self, octet: u8) {
        let [a, b, c, d] = &mut self.0;
        let word = match octet >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        *word |= 1 << (octet & 63);
    }

    fn add(&mut self, other: Set) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    fn inverted(self) -> Set {
        Set(self.0.map(|word| !word))
    }

    fn where_true(test: impl Fn(u8) -> bool) -> Set {
        let mut set = Set::default();
        for octet in 0..=u8::MAX {
            if test(octet) {
                set.insert(octet);
            }
        }
        set
    }

    /// What `%` and this octet match: a class, the complement of a class, or the octet itself.
    pub fn escaped(letter: u8) -> Set {
        let set = match letter.to_ascii_lowercase() {
            b'a' => Set::where_true(|octet| octet.is_ascii_alphabetic()),
            b'c' => Set::where_true(|octet| octet.is_ascii_control()),
            b'd' => Set::where_true(|octet| octet.is_ascii_digit()),
            b'g' => Set::where_true(|octet| octet.is_ascii_graphic()),
            b'l' => Set::where_true(|octet| octet.is_ascii_lowercase()),
            b'p' => Set::where_true(|octet| octet.is_ascii_punctuation()),
            b's' => Set::where_true(|octet| octet == b' ' || (9..=13).contains(&octet)),
            b'u' => Set::where_true(|octet| octet.is_ascii_uppercase()),
            b'w' => Set::where_true(|octet| octet.is_ascii_alphanumeric()),
            b'x' => Set::where_true(|octet| octet.is_ascii_hexdigit()),
            b'z' => Set::of(0),
            _ => return Set::of(letter),
        };
        if letter.is_ascii_uppercase() {
            set.inverted()
        } else {
            set
        }
    }

    /// The set that the text begins with, after its `[`, and what follows its `]`. None if there is no `]`.
    pub fn bracketed(text: &[u8]) -> Option<(Set, &[u8])> {
        let (negated, inner) = match text {
            [b'^', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let end = end_of_set(inner)?;
        let (mut members, rest) = (inner.get(..end)?, inner.get(end + 1..)?);
        let mut set = Set::default();
        loop {
            match members {
                [] => break,
                [b'%', letter, rest @ ..] => {
                    set.add(Set::escaped(*letter));
                    members = rest;
                }
                // Behind a range that ends with `%`, the VM reads on into the bracket.
                [b'%'] => {
                    set.insert(b']');
                    break;
                }
                [low, b'-', high, rest @ ..] => {
                    (*low..=*high).for_each(|octet| set.insert(octet));
                    members = rest;
                }
                [octet, rest @ ..] => {
                    set.insert(*octet);
                    members = rest;
                }
            }
        }
        Some((if negated { set.inverted() } else { set }, rest))
    }
}

/// Where the `]` is that ends a set; as first member it is one of them.
fn end_of_set(inner: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match inner.get(at)? {
            b']' if at > 0 => return Some(at),
            b'%' if inner.len() > at + 1 => at += 2,
            _ => at += 1,
        }
    }
}
