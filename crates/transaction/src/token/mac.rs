//! Secrets and the keyed hash over the parts of a token.

use core::hash::Hasher;
use siphasher::sip::SipHasher24;

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
///
/// Parts are gathered and hashed at once: the hasher's own buffering of short writes would cost more than the hash.
#[derive(Clone)]
pub struct Mac {
    hasher: SipHasher24,
    gathered: [u8; Mac::GATHERED],
    used: usize,
    /// Some parts went into the hasher already because they did not fit.
    streamed: bool,
}

impl Mac {
    /// Octets gathered before the hasher sees them.
    const GATHERED: usize = 192;

    /// A MAC without a kind, for uses that name their own purpose as first part.
    #[inline]
    pub fn new(key: &[u8; 16]) -> Mac {
        Mac {
            hasher: SipHasher24::new_with_key(key),
            gathered: [0; Mac::GATHERED],
            used: 0,
            streamed: false,
        }
    }

    /// A MAC for tokens of one kind.
    #[inline]
    pub fn for_kind(key: &SecretKey, kind: Kind) -> Mac {
        let mut mac = Mac::new(&key.key);
        mac.write(&[kind as u8]);
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
    #[inline(always)]
    pub fn add(&mut self, octets: &[u8]) {
        self.write(&(octets.len() as u32).to_le_bytes());
        self.write(octets);
    }

    /// Takes in octets, upper case read as lower.
    #[inline]
    pub fn add_ignoring_case(&mut self, octets: &[u8]) {
        self.write(&(octets.len() as u32).to_le_bytes());
        let end = self.used + octets.len();
        if let Some(place) = self.gathered.get_mut(self.used..end) {
            copy_lower(place, octets);
            self.used = end;
            return;
        }
        for chunk in octets.chunks(32) {
            let mut lower = [0; 32];
            if let Some(lower) = lower.get_mut(..chunk.len()) {
                copy_lower(lower, chunk);
                self.write(lower);
            }
        }
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
        self.write(&number.to_le_bytes());
    }

    /// The 64 bits of the MAC.
    #[inline(always)]
    pub fn finish(mut self) -> u64 {
        let gathered = self.gathered.get(..self.used).unwrap_or_default();
        if !self.streamed {
            return self.hasher.hash(gathered);
        }
        self.hasher.write(gathered);
        self.hasher.finish()
    }

    #[inline(always)]
    fn write(&mut self, octets: &[u8]) {
        let end = self.used + octets.len();
        if let Some(place) = self.gathered.get_mut(self.used..end) {
            place.copy_from_slice(octets);
            self.used = end;
            return;
        }
        self.stream(octets);
    }

    #[cold]
    fn stream(&mut self, octets: &[u8]) {
        let gathered = self.gathered.get(..self.used).unwrap_or_default();
        self.hasher.write(gathered);
        self.hasher.write(octets);
        self.used = 0;
        self.streamed = true;
    }
}

/// Copies octets, upper case as lower; both are of one length.
#[inline(always)]
fn copy_lower(to: &mut [u8], from: &[u8]) {
    debug_assert_eq!(to.len(), from.len(), "all of it is copied");
    // The last eight are done apart, whether or not some of them were done before.
    if let (Some(to), Some(from)) = (to.last_chunk_mut(), from.last_chunk()) {
        *to = lower(u64::from_le_bytes(*from)).to_le_bytes();
    } else {
        return copy_few_lower(to, from);
    }
    let (to, from) = (to.as_chunks_mut::<8>().0, from.as_chunks::<8>().0);
    for (to, from) in to.iter_mut().zip(from) {
        *to = lower(u64::from_le_bytes(*from)).to_le_bytes();
    }
}

/// The same of fewer than eight.
fn copy_few_lower(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.to_ascii_lowercase();
    }
}

/// Eight octets, upper case as lower.
#[inline(always)]
pub(crate) fn lower(word: u64) -> u64 {
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
    use super::{Mac, copy_lower};

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
    fn capitals_alone_become_small() {
        let all: Vec<u8> = (0..=255).collect();
        for start in 0..9 {
            let from = &all[start..];
            let mut to = vec![0; from.len()];
            copy_lower(&mut to, from);
            assert_eq!(to, from.to_ascii_lowercase());
        }
    }
}
