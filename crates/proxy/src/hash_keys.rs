//! The keys of the hashes that our branches carry, made once from the secrets.
//!
//! What is hashed is long. It is folded to 64 bits under a secret that serves nothing else; those are hashed as strongly
//! as all else that we sign, so that what leaves in a branch tells nothing of the folding.

use core::hash::Hasher as _;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use strowger_transaction::token::{Kind, Mac, SecretKey, Secrets};

/// The keys that belong to the secrets of a server.
#[derive(Clone)]
pub struct HashKeys {
    pub(crate) current: HashKey,
    pub(crate) previous: Option<HashKey>,
}

#[derive(Clone)]
pub(crate) struct HashKey {
    key: SecretKey,
    fold: u64,
    folds: SharedSeed,
}

impl HashKeys {
    /// The keys that belong to these secrets.
    pub fn new(secrets: &Secrets) -> HashKeys {
        HashKeys {
            current: HashKey::new(&secrets.current),
            previous: secrets.previous.as_ref().map(HashKey::new),
        }
    }
}

impl HashKey {
    fn new(key: &SecretKey) -> HashKey {
        let secret = |number| Mac::new(&key.key).part(b"folding").number(number);
        HashKey {
            key: *key,
            fold: secret(0).finish(),
            folds: SharedSeed::from_u64(secret(1).finish()),
        }
    }

    /// Folds what is written to it. Where one write ends and the next begins changes the result.
    #[inline]
    pub(crate) fn folding(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.fold, &self.folds)
    }

    /// The hash of what was folded.
    #[inline]
    pub(crate) fn hash(&self, purpose: Kind, folded: &FoldHasher<'_>) -> u64 {
        Mac::for_kind(&self.key, purpose)
            .number(folded.finish())
            .finish()
    }
}

impl core::fmt::Debug for HashKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HashKeys { .. }")
    }
}
