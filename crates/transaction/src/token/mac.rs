//! Secrets and the keyed hash over the parts of a token.

use crate::sip_hash::SipHash;

/// What a token is for. The kind goes into every MAC, so that no token can stand in for one of another kind.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Branch of a stateful proxy's client transaction.
    BranchStatefulProxy = 1,
    /// Branch of a request that was forwarded without a transaction.
    BranchStatelessForward = 2,
    /// Branch of a user agent's client transaction.
    BranchUserAgentClient = 3,
    /// To tag of a stateless reply.
    ToTag = 4,
    /// User part of our Record-Route URI.
    RecordRoute = 5,
    /// Nonce of a challenge.
    Nonce = 6,
    /// No token: the From tag that a Record-Route token names.
    FromTag = 7,
    /// No token: the loop hash in a branch.
    LoopHash = 8,
    /// No token: what a branch without a transaction is made of.
    StatelessBranch = 9,
}

/// One key with the id that tokens name.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// Named in tokens.
    pub id: u8,
    /// 128 random bits.
    pub key: [u8; 16],
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SecretKey {{ id: {}, .. }}", self.id)
    }
}

/// The keys of a server; two are valid at a time, so that a change breaks nothing that is under way.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Writes and reads.
    pub current: SecretKey,
    /// Reads only.
    pub previous: Option<SecretKey>,
}

impl Secrets {
    /// One key, with id 0.
    pub const fn new(key: [u8; 16]) -> Secrets {
        Secrets {
            current: SecretKey { id: 0, key },
            previous: None,
        }
    }

    /// The key of that id.
    pub fn key(&self, id: u8) -> Option<&SecretKey> {
        match &self.previous {
            _ if self.current.id == id => Some(&self.current),
            Some(previous) if previous.id == id => Some(previous),
            _ => None,
        }
    }
}

/// SipHash-2-4 over parts, each with its length, so that moving a boundary changes the result.
#[derive(Clone)]
pub struct Mac(SipHash<2, 4>);

impl Mac {
    /// A MAC without a kind, for uses that name their own purpose as first part.
    #[inline]
    pub fn new(key: &[u8; 16]) -> Mac {
        Mac(SipHash::new(key))
    }

    /// A MAC for tokens of one kind.
    #[inline]
    pub fn for_kind(key: &SecretKey, kind: Kind) -> Mac {
        let mut mac = Mac::new(&key.key);
        mac.0.write_few(kind as u64, 1);
        mac
    }

    /// Takes in octets.
    #[must_use]
    #[inline(always)]
    pub fn part(mut self, octets: &[u8]) -> Mac {
        self.add(octets);
        self
    }

    /// Takes in octets.
    #[inline]
    pub fn add(&mut self, octets: &[u8]) {
        self.0.write_few(octets.len() as u64 & LENGTH, 4);
        self.0.write(octets);
    }

    /// Takes in octets, upper case read as lower.
    #[inline]
    pub fn add_ignoring_case(&mut self, octets: &[u8]) {
        self.0.write_few(octets.len() as u64 & LENGTH, 4);
        self.0.write_mapped(octets, lower);
    }

    /// Takes in a number.
    #[must_use]
    #[inline(always)]
    pub fn number(mut self, number: u64) -> Mac {
        self.add_number(number);
        self
    }

    /// Takes in a number.
    #[inline(always)]
    pub fn add_number(&mut self, number: u64) {
        self.0.write_word(number);
    }

    /// The 64 bits of the MAC.
    #[inline(always)]
    pub fn finish(self) -> u64 {
        self.0.finish()
    }
}

/// What of a length goes into the hash.
const LENGTH: u64 = u32::MAX as u64;

/// Eight octets, upper case as lower.
#[inline(always)]
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The high bit of each octet says: at least `A`, more than `Z`, beyond ASCII.
    let low = word & (0x7f * EACH);
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let beyond_z = low + (0x7f - b'Z' as u64) * EACH;
    let upper = from_a & !beyond_z & !word & (0x80 * EACH);
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use core::hash::Hasher as _;

    use siphasher::sip::SipHasher24;

    use super::{Mac, lower};

    #[test]
    fn every_octet_of_a_part_counts_wherever_it_stands() {
        let mac = |octets: &[u8]| {
            let mut mac = Mac::new(&[7; 16]);
            mac.add(b"before");
            mac.add_ignoring_case(octets);
            mac.add(b"behind");
            mac.finish()
        };
        for len in 1..300 {
            let octets = vec![b'a'; len];
            for at in [0, len / 2, len - 1] {
                let mut other = octets.clone();
                other[at] = b'b';
                assert_ne!(mac(&octets), mac(&other), "octet {at} of {len}");
                other[at] = b'A';
                assert_eq!(mac(&octets), mac(&other), "octet {at} of {len}");
            }
        }
    }

    #[test]
    fn it_is_siphash_over_lengths_and_parts() {
        let key = [7; 16];
        let mut hasher = SipHasher24::new_with_key(&key);
        for part in [&b"One"[..], b"", &[0x80; 40]] {
            hasher.write(&(part.len() as u32).to_le_bytes());
            hasher.write(part);
        }
        hasher.write(&77_u64.to_le_bytes());
        let mac = Mac::new(&key).part(b"One").part(b"").part(&[0x80; 40]);
        assert_eq!(mac.number(77).finish(), hasher.finish());
    }

    #[test]
    fn capitals_alone_become_small() {
        for octet in 0..=255_u8 {
            for place in 0..8 {
                let mut octets = *b"aZ09[@`{";
                octets[place] = octet;
                let small = octets.map(|octet| octet.to_ascii_lowercase());
                assert_eq!(lower(u64::from_le_bytes(octets)), u64::from_le_bytes(small));
            }
        }
    }
}
