//! Messages that nobody holds any more, kept for their memory: the next ones are read into it.

use std::sync::Arc;

use crate::message::Message;

/// Kept by the size of their memory, so that what is held for long does not lie in much more than it needs.
#[derive(Debug, Default)]
pub struct SpareMessages {
    small: Vec<Arc<Message>>,
    large: Vec<Arc<Message>>,
    /// Taken since it was asked last whether they are worth keeping.
    taken: u32,
}

impl SpareMessages {
    /// Messages kept of either size.
    pub const EACH_MAX: usize = 64;
    /// Octets of the largest memory that counts as small: most responses, and requests without a body.
    pub const SMALL_OCTETS_MAX: usize = 640;
    /// Octets of the largest memory that is kept: most requests with a body.
    pub const OCTETS_MAX: usize = 1_536;

    /// Messages that have to be taken between two calls of [`SpareMessages::age`] for any to be kept.
    pub const TAKEN_MIN: u32 = 64;

    /// None.
    pub const fn new() -> SpareMessages {
        SpareMessages {
            small: Vec::new(),
            large: Vec::new(),
            taken: 0,
        }
    }

    /// Keeps a message if nobody else holds it, it fits and there is room.
    #[inline]
    pub fn put(&mut self, message: Arc<Message>) {
        let octets = message.memory_octets();
        let list = match octets <= Self::SMALL_OCTETS_MAX {
            true => &mut self.small,
            false => &mut self.large,
        };
        let fits = octets <= Self::OCTETS_MAX && list.len() < Self::EACH_MAX;
        if fits && Arc::strong_count(&message) == 1 {
            list.push(message);
        }
    }

    /// One whose memory suits a message of so many octets.
    #[inline]
    pub fn take(&mut self, octets: usize) -> Option<Arc<Message>> {
        self.taken = self.taken.saturating_add(1);
        match octets <= Self::SMALL_OCTETS_MAX {
            true => self.small.pop(),
            false => self.large.pop(),
        }
    }

    /// Takes over all of another, as far as there is room.
    pub fn append(&mut self, other: &mut SpareMessages) {
        for (list, others) in [
            (&mut self.small, &mut other.small),
            (&mut self.large, &mut other.large),
        ] {
            if !others.is_empty() {
                list.append(others);
                list.truncate(Self::EACH_MAX);
            }
        }
    }

    /// To be called now and then: gives the memory back if few were taken since the last call. What lies around for long keeps
    /// what lay beside it from being given back, too.
    pub fn age(&mut self) {
        if core::mem::take(&mut self.taken) < Self::TAKEN_MIN {
            self.small = Vec::new();
            self.large = Vec::new();
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }

    /// True if none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn message(octets: usize) -> Arc<Message> {
        let head = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: c\r\n\
                    CSeq: 1 OPTIONS\r\nX: ";
        let filler = "x".repeat(octets - head.len() - 4);
        let text = [head.as_bytes(), filler.as_bytes(), b"\r\n\r\n"].concat();
        Message::parse_shared(text, &Limits::default()).expect("valid")
    }

    #[test]
    fn a_message_is_given_back_for_one_of_its_size() {
        let mut spare = SpareMessages::new();
        spare.put(message(400));
        spare.put(message(1_000));
        assert!(spare.take(1_200).is_some_and(|spare| spare.len() == 1_000));
        assert!(spare.take(1_200).is_none());
        assert!(spare.take(300).is_some_and(|spare| spare.len() == 400));
        assert!(spare.is_empty());
    }

    #[test]
    fn what_nobody_takes_is_given_back() {
        let mut spare = SpareMessages::new();
        spare.put(message(400));
        for _ in 0..SpareMessages::TAKEN_MIN {
            assert!(spare.take(1_000).is_none());
        }
        spare.age();
        assert_eq!(spare.len(), 1);
        spare.age();
        assert!(spare.is_empty());
    }

    #[test]
    fn what_is_held_or_large_or_too_many_is_not_kept() {
        let mut spare = SpareMessages::new();
        let held = message(400);
        spare.put(Arc::clone(&held));
        spare.put(message(SpareMessages::OCTETS_MAX + 1_000));
        assert!(spare.is_empty());
        for _ in 0..3 {
            let mut more = SpareMessages::new();
            for _ in 0..SpareMessages::EACH_MAX + 1 {
                more.put(message(400));
                more.put(message(1_000));
            }
            spare.append(&mut more);
            assert_eq!(spare.len(), 2 * SpareMessages::EACH_MAX);
            assert!(more.is_empty());
        }
    }
}
