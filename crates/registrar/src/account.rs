//! Accounts: who may authenticate, by user and domain (RFC 3261 §22). The password is never kept, only its HA1.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::FixedState;
use strowger_sip::{Algorithm, HexDigest, ha1};

/// Hashes of user name, realm and password.
#[derive(Copy, Clone, PartialEq, Eq, Default)]
pub struct Ha1 {
    /// By MD5.
    pub md5: Option<[u8; 16]>,
    /// By SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl core::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // An HA1 is as good as the password within its realm.
        write!(
            f,
            "Ha1 {{ md5: {}, sha256: {} }}",
            self.md5.is_some(),
            self.sha256.is_some()
        )
    }
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// User part of the address of record, unescaped.
    pub user: Box<str>,
    /// Domain in lower case, which is the realm.
    pub domain: Box<str>,
    /// For clients that authenticate as `user`.
    pub ha1: Ha1,
    /// For clients that authenticate as `user@domain`; may be empty.
    pub ha1_with_domain: Ha1,
    /// False refuses the account as if the password were wrong.
    pub enabled: bool,
}

impl Subscriber {
    /// An account with the hashes of a password, for all algorithms and both forms of the user name.
    pub fn from_password(user: &str, domain: &str, password: &[u8]) -> Subscriber {
        let domain = domain.to_ascii_lowercase();
        let full = format!("{user}@{domain}");
        Subscriber {
            user: user.into(),
            ha1: Ha1::from_password(user.as_bytes(), domain.as_bytes(), password),
            ha1_with_domain: Ha1::from_password(full.as_bytes(), domain.as_bytes(), password),
            domain: domain.into(),
            enabled: true,
        }
    }
}

impl Ha1 {
    /// The hashes of `username:realm:password`.
    pub fn from_password(username: &[u8], realm: &[u8], password: &[u8]) -> Ha1 {
        let md5 = ha1(Algorithm::Md5, username, realm, password);
        let sha256 = ha1(Algorithm::Sha256, username, realm, password);
        Ha1 {
            md5: decode_hex(md5.as_bytes()),
            sha256: decode_hex(sha256.as_bytes()),
        }
    }
    /// Reads the hexadecimal form of an MD5 HA1.
    pub fn parse_md5(hex: &str) -> Option<[u8; 16]> {
        decode_hex(hex.as_bytes())
    }
    /// Reads the hexadecimal form of a SHA-256 HA1.
    pub fn parse_sha256(hex: &str) -> Option<[u8; 32]> {
        decode_hex(hex.as_bytes())
    }
    /// The hash for an algorithm, in hexadecimal; none for those that are not offered.
    pub fn hex(&self, algorithm: Algorithm) -> Option<HexDigest> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_ref().map(|hash| HexDigest::new(hash)),
            Algorithm::Sha256 => self.sha256.as_ref().map(|hash| HexDigest::new(hash)),
            Algorithm::Md5Sess | Algorithm::Sha256Sess => None,
        }
    }
}

fn decode_hex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    if hex.len() != N * 2 {
        return None;
    }
    let digit = |octet: u8| {
        (octet as char)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(hex.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *octet = digit(high)? << 4 | digit(low)?;
    }
    Some(octets)
}

/// The table has as many accounts as it may.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TooManySubscribers;

impl core::fmt::Display for TooManySubscribers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "more than {} accounts", SubscriberTable::SUBSCRIBERS_MAX)
    }
}

impl core::error::Error for TooManySubscribers {}

/// All accounts, shared by all shards.
#[derive(Debug)]
pub struct SubscriberTable {
    stripes: Box<[RwLock<Accounts>]>,
    hash: FixedState,
    count: AtomicUsize,
}

/// By `user@domain`.
type Accounts = HashMap<Box<[u8]>, Arc<Subscriber>, FixedState>;

impl SubscriberTable {
    /// Accounts held at most.
    pub const SUBSCRIBERS_MAX: usize = 4_000_000;
    /// Locks of the table.
    pub const STRIPES: usize = 64;

    /// An empty table. `seed` spreads the accounts over the stripes.
    pub fn new(seed: u64) -> SubscriberTable {
        let hash = FixedState::with_seed(seed);
        SubscriberTable {
            stripes: (0..Self::STRIPES)
                .map(|_| RwLock::new(HashMap::with_hasher(hash.clone())))
                .collect(),
            hash,
            count: AtomicUsize::new(0),
        }
    }

    /// Adds an account or takes the place of the one with the same user and domain.
    pub fn add(&self, subscriber: Subscriber) -> Result<(), TooManySubscribers> {
        let key = key_of(subscriber.user.as_bytes(), &subscriber.domain);
        let mut accounts = write_lock(self.stripe(&key));
        if !accounts.contains_key(&key) && self.len() >= Self::SUBSCRIBERS_MAX {
            return Err(TooManySubscribers);
        }
        if accounts.insert(key, Arc::new(subscriber)).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
    /// Removes an account; false if there was none.
    pub fn remove(&self, user: &[u8], domain: &str) -> bool {
        let key = key_of(user, domain);
        let removed = write_lock(self.stripe(&key)).remove(&key).is_some();
        if removed {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        removed
    }
    /// The account of an unescaped user and a domain in lower case.
    pub fn get(&self, user: &[u8], domain: &str) -> Option<Arc<Subscriber>> {
        let mut room = [0; 128];
        let length = user.len() + 1 + domain.len();
        let key = match room.get_mut(..length) {
            Some(place) => {
                let (before, behind) = place.split_at_mut(user.len());
                before.copy_from_slice(user);
                if let Some((sign, behind)) = behind.split_first_mut() {
                    *sign = b'@';
                    behind.copy_from_slice(domain.as_bytes());
                }
                &*place
            }
            None => &*key_of(user, domain),
        };
        read_lock(self.stripe(key)).get(key).cloned()
    }
    /// Replaces all accounts. Each stripe changes at once; between stripes a reader may meet old and new.
    pub fn replace_all(
        &self,
        subscribers: impl IntoIterator<Item = Subscriber>,
    ) -> Result<(), TooManySubscribers> {
        let mut fresh: Vec<Accounts> = (0..Self::STRIPES)
            .map(|_| HashMap::with_hasher(self.hash.clone()))
            .collect();
        let mut count = 0;
        for subscriber in subscribers {
            let key = key_of(subscriber.user.as_bytes(), &subscriber.domain);
            if count >= Self::SUBSCRIBERS_MAX {
                return Err(TooManySubscribers);
            }
            let index = self.index(&key);
            if let Some(accounts) = fresh.get_mut(index)
                && accounts.insert(key, Arc::new(subscriber)).is_none()
            {
                count += 1;
            }
        }
        for (stripe, accounts) in self.stripes.iter().zip(fresh) {
            *write_lock(stripe) = accounts;
        }
        self.count.store(count, Ordering::Relaxed);
        Ok(())
    }
    /// All accounts, ordered by domain and user.
    pub fn list(&self) -> Vec<Arc<Subscriber>> {
        let mut all: Vec<Arc<Subscriber>> = Vec::with_capacity(self.len());
        for stripe in &self.stripes {
            all.extend(read_lock(stripe).values().cloned());
        }
        all.sort_unstable_by(|a, b| a.domain.cmp(&b.domain).then_with(|| a.user.cmp(&b.user)));
        all
    }
    /// Number of accounts.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
    /// True if there is no account.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn index(&self, key: &[u8]) -> usize {
        (self.hash.hash_one(key) >> 40) as usize % Self::STRIPES
    }
    fn stripe(&self, key: &[u8]) -> &RwLock<Accounts> {
        &self.stripes[self.index(key)]
    }
}

fn key_of(user: &[u8], domain: &str) -> Box<[u8]> {
    [user, b"@", domain.as_bytes()].concat().into_boxed_slice()
}

fn read_lock(lock: &RwLock<Accounts>) -> RwLockReadGuard<'_, Accounts> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock(lock: &RwLock<Accounts>) -> RwLockWriteGuard<'_, Accounts> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_user_and_domain() {
        let table = SubscriberTable::new(1);
        table
            .add(Subscriber::from_password(
                "alice",
                "Example.Test",
                b"secret",
            ))
            .expect("room");
        table
            .add(Subscriber::from_password("alice", "example.org", b"other"))
            .expect("room");
        assert_eq!(table.len(), 2);
        assert!(table.get(b"alice", "example.test").is_some());
        assert!(
            table.get(b"Alice", "example.test").is_none(),
            "user names have case"
        );
        assert!(table.remove(b"alice", "example.test"));
        assert!(!table.remove(b"alice", "example.test"));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn replacing_all_forgets_the_others() {
        let table = SubscriberTable::new(1);
        table
            .add(Subscriber::from_password("old", "example.test", b"x"))
            .expect("room");
        let fresh =
            (0..100).map(|n| Subscriber::from_password(&format!("u{n:03}"), "example.test", b"x"));
        table.replace_all(fresh).expect("room");
        assert_eq!(table.len(), 100);
        assert!(table.get(b"old", "example.test").is_none());
        assert_eq!(
            table.list().first().map(|first| first.user.clone()),
            Some("u000".into())
        );
    }

    #[test]
    fn a_hash_is_not_shown() {
        let shown = format!(
            "{:?}",
            Subscriber::from_password("alice", "example.test", b"secret")
        );
        assert!(shown.contains("md5: true"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn ha1_is_that_of_rfc_2617() {
        let ha1 = Ha1::from_password(b"Mufasa", b"testrealm@host.com", b"Circle Of Life");
        assert_eq!(ha1.md5, Ha1::parse_md5("939e7578ed9e3c518a452acee763bce9"));
        assert_eq!(Ha1::parse_md5("939e"), None);
        assert_eq!(Ha1::parse_md5("zz9e7578ed9e3c518a452acee763bce9"), None);
    }
}
