//! Which addresses of record have bindings over which connection, so that closing a connection costs no search.
//!
//! There are as many entries as connections with bindings, so one takes 24 octets: nearly all connections serve one
//! address of record. Two connections whose generations differ by a multiple of 65,536 share an entry; whoever takes
//! names out therefore compares the full [`StreamId`] with the bindings.

use core::hash::BuildHasher;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use strowger_transaction::StreamId;

use crate::aor::AddressOfRecord;

/// The index.
#[derive(Debug)]
pub(crate) struct StreamIndex {
    stripes: Box<[Mutex<Names>]>,
    hash: FixedState,
}

type Names = HashMap<u64, Users, FixedState>;

/// The addresses of record of one connection.
#[derive(Debug)]
enum Users {
    One(AddressOfRecord),
    // Boxed, so that the usual case stays at 16 octets.
    #[allow(
        clippy::box_collection,
        reason = "a bare Vec would make every entry larger"
    )]
    Many(Box<Vec<AddressOfRecord>>),
}

impl StreamIndex {
    /// Locks of the index.
    const STRIPES: usize = 64;

    pub(crate) fn new(hash: FixedState) -> StreamIndex {
        let stripe = |_| Mutex::new(HashMap::with_hasher(hash.clone()));
        StreamIndex {
            stripes: (0..Self::STRIPES).map(stripe).collect(),
            hash,
        }
    }

    /// Notes that `aor` has a binding over `stream`.
    pub(crate) fn insert(&self, stream: StreamId, aor: &AddressOfRecord) {
        let key = key_of(stream);
        let mut names = self.lock(key);
        let Some(users) = names.get_mut(&key) else {
            names.insert(key, Users::One(aor.clone()));
            return;
        };
        match users {
            Users::One(held) if held == aor => {}
            Users::One(held) => {
                let mut both = vec![held.clone(), aor.clone()];
                both.sort_unstable();
                *users = Users::Many(Box::new(both));
            }
            Users::Many(held) => {
                // Sorted: an edge proxy may bring thousands over one connection.
                if let Err(at) = held.binary_search(aor) {
                    held.insert(at, aor.clone());
                }
            }
        }
    }

    /// Forgets that `aor` has a binding over `stream`.
    pub(crate) fn remove(&self, stream: StreamId, aor: &AddressOfRecord) {
        let key = key_of(stream);
        let mut names = self.lock(key);
        let gone = match names.get_mut(&key) {
            None => false,
            Some(Users::One(held)) => held == aor,
            Some(Users::Many(held)) => {
                if let Ok(at) = held.binary_search(aor) {
                    held.remove(at);
                }
                held.is_empty()
            }
        };
        if gone {
            names.remove(&key);
        }
    }

    /// Takes out the addresses of record of a connection that is gone.
    pub(crate) fn take(&self, stream: StreamId) -> Vec<AddressOfRecord> {
        let key = key_of(stream);
        match self.lock(key).remove(&key) {
            None => Vec::new(),
            Some(Users::One(aor)) => vec![aor],
            Some(Users::Many(aors)) => *aors,
        }
    }

    fn lock(&self, key: u64) -> MutexGuard<'_, Names> {
        let at = (self.hash.hash_one(key) >> 40) as usize % Self::STRIPES;
        self.stripes[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(stream: StreamId) -> u64 {
    u64::from(stream.worker) << 48
        | u64::from(stream.slot) << 16
        | u64::from(stream.generation & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<(u64, Users)>(), 24);
    }

    #[test]
    fn a_connection_may_serve_many() {
        let index = StreamIndex::new(FixedState::with_seed(1));
        let stream = |slot| StreamId {
            worker: 1,
            slot,
            generation: 2,
        };
        let aor = |n: u32| AddressOfRecord::new(n.to_string().as_bytes(), "example.test");
        for n in [3, 1, 2, 2, 3, 0] {
            index.insert(stream(7), &aor(n));
        }
        index.insert(stream(8), &aor(9));
        index.remove(stream(7), &aor(1));
        index.remove(stream(7), &aor(9));
        assert_eq!(index.take(stream(7)), [aor(0), aor(2), aor(3)]);
        assert!(index.take(stream(7)).is_empty());
        index.remove(stream(8), &aor(9));
        assert!(index.take(stream(8)).is_empty());
    }
}
