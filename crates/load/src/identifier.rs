//! The number by which a message finds its operation again: it stands in the branch and in the Call-ID.

/// Which exchange of an operation a branch belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The first request.
    First,
    /// The same with credentials.
    Proof,
    /// The ACK to a 2xx.
    Acknowledgement,
    /// The BYE.
    Release,
}

/// A slot of the table of operations, the use of it, and the exchange.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identifier {
    /// Place in the table, 24 bits.
    pub(crate) slot: u32,
    /// Which use of the slot.
    pub(crate) generation: u32,
    pub(crate) exchange: Exchange,
}

/// Digits of an identifier in a message.
pub(crate) const DIGITS: usize = 16;

impl Identifier {
    /// As a number.
    pub(crate) const fn to_number(self) -> u64 {
        (self.generation as u64) << 32 | (self.slot as u64 & 0xff_ffff) << 8 | self.exchange as u64
    }

    /// From a number; `None` if it is none of ours.
    pub(crate) const fn from_number(number: u64) -> Option<Identifier> {
        let exchange = match number & 0xff {
            0 => Exchange::First,
            1 => Exchange::Proof,
            2 => Exchange::Acknowledgement,
            3 => Exchange::Release,
            _ => return None,
        };
        Some(Identifier {
            slot: (number >> 8 & 0xff_ffff) as u32,
            generation: (number >> 32) as u32,
            exchange,
        })
    }

    /// From the end of `octets`, which begin with `prefix`.
    pub(crate) fn read(octets: &[u8], prefix: &[u8]) -> Option<Identifier> {
        Identifier::from_number(read_number(octets.strip_prefix(prefix)?)?)
    }
}

/// The digits of a number.
pub(crate) fn digits(number: u64) -> [u8; DIGITS] {
    let mut digits = [0; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    digits
}

/// Exactly as many digits as [`digits`] writes.
pub(crate) fn read_number(octets: &[u8]) -> Option<u64> {
    if octets.len() != DIGITS {
        return None;
    }
    octets.iter().try_fold(0_u64, |number, octet| {
        let value = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'f' => octet - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_as_it_was_written() {
        let identifier = Identifier {
            slot: 0xab_cdef,
            generation: 0x1234_5678,
            exchange: Exchange::Release,
        };
        let mut octets = b"z9hG4bKrun".to_vec();
        octets.extend_from_slice(&digits(identifier.to_number()));
        assert_eq!(Identifier::read(&octets, b"z9hG4bKrun"), Some(identifier));
        assert_eq!(Identifier::read(&octets, b"z9hG4bKran"), None);
        octets.push(b'0');
        assert_eq!(Identifier::read(&octets, b"z9hG4bKrun"), None);
    }
}
