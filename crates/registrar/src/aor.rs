//! The address of record in its canonical form, `sip:user@host` (RFC 3261 §10.3 step 5).
//!
//! Parameters and port are gone, only the escapes that the grammar needs are left, the host is in lower case. `sips:` has the same canonical form:
//! a SIPS request finds the same bindings, and whoever forwards it must then leave out those that are not SIPS.

use core::borrow::Borrow;
use core::fmt;
use core::hash::BuildHasher;
use std::borrow::Cow;
use std::sync::Arc;

use strowger_sip::{Uri, is_plain_user, unescape, write_escaped_user};

use crate::shared_octets::shared;

/// A canonical address of record. Cheap to clone: the octets are shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressOfRecord(Arc<[u8]>);

impl AddressOfRecord {
    /// The address of record that a SIP or SIPS URI with a user names; `None` for other schemes or without a user.
    pub fn from_uri(uri: &Uri<'_>) -> Option<AddressOfRecord> {
        let mut octets = Vec::with_capacity(64);
        write_canonical(uri, None, &mut octets).then(|| AddressOfRecord(octets.into()))
    }
    /// The same with `domain` in place of the host, for a URI that names this element by one of its addresses.
    pub fn from_uri_in(uri: &Uri<'_>, domain: &str) -> Option<AddressOfRecord> {
        if let Some(user) = uri.user.filter(|user| uri.is_sip() && is_plain_user(user)) {
            return Some(AddressOfRecord::of_plain(user, domain));
        }
        let mut octets = Vec::with_capacity(64);
        write_canonical(uri, Some(domain.as_bytes()), &mut octets)
            .then(|| AddressOfRecord(octets.into()))
    }
    /// `sip:user@domain` from an unescaped user and a domain.
    pub fn new(user: &[u8], domain: &str) -> AddressOfRecord {
        if is_plain_user(user) {
            return AddressOfRecord::of_plain(user, domain);
        }
        let mut octets = Vec::with_capacity(5 + user.len() + domain.len());
        octets.extend_from_slice(b"sip:");
        write_escaped_user(&mut octets, user);
        octets.push(b'@');
        octets.extend(domain.bytes().map(|octet| octet.to_ascii_lowercase()));
        AddressOfRecord(octets.into())
    }
    /// The same of a user that is written as it stands.
    fn of_plain(user: &[u8], domain: &str) -> AddressOfRecord {
        let domain = domain.as_bytes();
        if domain.iter().any(u8::is_ascii_uppercase) {
            let lower = domain.to_ascii_lowercase();
            return AddressOfRecord(shared(&[b"sip:", user, b"@", &lower]));
        }
        AddressOfRecord(shared(&[b"sip:", user, b"@", domain]))
    }
    /// Octets that are known to be canonical, for instance from the store.
    pub fn from_canonical(octets: &[u8]) -> AddressOfRecord {
        AddressOfRecord(octets.into())
    }
    /// The canonical octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// The user, unescaped: any octets.
    pub fn user(&self) -> Cow<'_, [u8]> {
        unescape(self.split().0)
    }
    /// The host, in lower case.
    pub fn domain(&self) -> &[u8] {
        self.split().1
    }

    fn split(&self) -> (&[u8], &[u8]) {
        let rest = self.0.strip_prefix(b"sip:").unwrap_or(&self.0);
        match rest.iter().rposition(|&octet| octet == b'@') {
            Some(at) => (
                rest.get(..at).unwrap_or_default(),
                rest.get(at + 1..).unwrap_or_default(),
            ),
            None => (b"", rest),
        }
    }
}

impl Borrow<[u8]> for AddressOfRecord {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for AddressOfRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for AddressOfRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Appends the canonical form of `uri` to `out`, with `domain` in place of its host if given. False, with nothing
/// appended, if the URI is not SIP or SIPS or has no user.
pub fn write_canonical(uri: &Uri<'_>, domain: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    if !uri.is_sip() || uri.user.is_none_or(<[u8]>::is_empty) {
        return false;
    }
    let start = out.len();
    uri.write_address_of_record(out);
    if let Some(domain) = domain {
        let at = out
            .get(start..)
            .and_then(|written| written.iter().rposition(|&octet| octet == b'@'));
        out.truncate(at.map_or(out.len(), |at| start + at + 1));
        out.extend(domain.iter().map(u8::to_ascii_lowercase));
    }
    true
}

/// The shard that owns an address of record: one writer per address of record in a process.
pub fn shard_of(aor: &[u8], shards: u16, seed: u64) -> u16 {
    let hash = foldhash::quality::FixedState::with_seed(seed).hash_one(aor);
    u16::try_from(hash % u64::from(shards.max(1))).unwrap_or(0)
}
