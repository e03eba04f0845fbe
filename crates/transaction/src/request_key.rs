//! The identity of a request's transaction (RFC 3261 §17.2.3, §9.2), as a keyed hash of 127 bits and one bit that
//! marks the rules of RFC 2543. Equal hashes are taken as equal requests: without the key nobody can make two collide.

use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13, SipHasher24};
use strowger_sip::{Host, Message, Method};

use crate::sip_hash::SipHash;
use crate::token::SecretKey;

/// Names the transaction a request belongs to. An ACK has the key of its INVITE, if that had a failure.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey([u64; 2]);

impl RequestKey {
    /// True if the request was matched by the rules for RFC 2543 clients: the key alone does not say everything.
    pub(crate) const fn is_legacy(self) -> bool {
        self.0[1] & 1 == 1
    }

    /// Half of it: what tells requests apart that nobody has made alike on purpose.
    pub const fn bits(self) -> u64 {
        self.0[0]
    }

    /// A number below `of` that is the same for all copies of the request, and that nobody without the secret can choose.
    pub const fn lot(self, of: u64) -> u64 {
        (self.0[1] >> 1) % of
    }
}

impl core::fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RequestKey({:016x}{:016x})", self.0[0], self.0[1])
    }
}

/// What a request is looked up as.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyClass {
    /// INVITE, ACK, and the INVITE that a CANCEL means.
    Invite = 0,
    /// A CANCEL itself.
    Cancel = 1,
    /// Any other method; the method is compared apart, so that a CANCEL finds it too.
    Other = 2,
}

impl KeyClass {
    pub(crate) fn of(method: Method<'_>) -> KeyClass {
        match method {
            Method::Invite | Method::Ack => KeyClass::Invite,
            Method::Cancel => KeyClass::Cancel,
            _ => KeyClass::Other,
        }
    }
}

/// Where the generations of a run begin whose seed this is.
pub(crate) fn first_generation(seed: u64) -> u32 {
    let mut hasher = SipHasher13::new_with_keys(seed, !seed);
    hasher.write(b"first generation");
    hasher.finish128().h1 as u32
}

/// Makes keys. All shards make the same, also after a restart: a key is also what the To tag of a stateless reply
/// is made from.
#[derive(Clone)]
pub(crate) struct KeyMaker {
    secret: [u8; 16],
}

impl core::fmt::Debug for KeyMaker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyMaker { .. }")
    }
}

impl KeyMaker {
    /// The secret of the keys is derived from that of the tokens, so that neither tells the other.
    pub(crate) fn new(key: &SecretKey) -> KeyMaker {
        let mut hasher = SipHasher24::new_with_key(&key.key);
        hasher.write(b"request keys");
        KeyMaker {
            secret: hasher.finish128().as_bytes(),
        }
    }

    pub(crate) fn key(&self, request: &Message, class: KeyClass) -> RequestKey {
        let Some(branch) = request.unique_branch() else {
            return self.legacy_key(request, class);
        };
        let mut hash = KeyHash::new_wide(&self.secret);
        hash.write_few(class as u64, 1);
        write_lower(&mut hash, branch);
        // Of the addresses those of IPv6 alone can be written in several ways.
        let text = request.sent_by_host_text();
        let (host, port) = if text.first() == Some(&b'[') {
            request.sent_by_or_default()
        } else {
            (Host::Name(text), request.sent_by_port_or_default())
        };
        write_host(&mut hash, &host);
        hash.write_few(u64::from(port), 2);
        let [low, high] = hash.finish_wide();
        RequestKey([low, high & !1])
    }

    /// By the rules for RFC 2543 clients.
    #[inline(never)]
    fn legacy_key(&self, request: &Message, class: KeyClass) -> RequestKey {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        let range = request.via().range;
        let octets = request.as_bytes().get(range).unwrap_or_default();
        hasher.write_u8(class as u8);
        let parts = [
            octets,
            request.request_uri(),
            request.from_tag().unwrap_or_default(),
            request.call_id(),
        ];
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.write_u32(request.cseq().number);
        let hash = hasher.finish128();
        RequestKey([hash.h1, hash.h2 | 1])
    }

    /// A short keyed hash of a tag, for what RFC 2543 matching compares besides the key.
    pub(crate) fn tag(&self, tag: Option<&[u8]>) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(tag.unwrap_or(b"\0"));
        hasher.finish128().h1
    }

    /// A short keyed hash of sent-by.
    pub(crate) fn sent_by(&self, host: &Host<'_>, port: Option<u16>) -> u32 {
        let parsed = match host {
            Host::Name(name) => Host::parse(name).unwrap_or(*host),
            other => *other,
        };
        let mut hash = KeyHash::new_wide(&self.secret);
        write_host(&mut hash, &parsed);
        hash.write_few(u64::from(port.map_or(u32::MAX, u32::from)), 4);
        hash.finish_wide()[0] as u32
    }
}

/// The hash that a key is.
type KeyHash = SipHash<1, 3>;

/// Tokens and host names are compared without regard to case (RFC 3261 §7.3.1). One bit tells small letters from capitals;
/// of the other octets that may stand in a token no two differ in that bit alone. Of those that may not some do; branches
/// that differ in nothing else are one, to the harm of nobody but their sender.
#[inline(always)]
fn write_lower(hash: &mut KeyHash, octets: &[u8]) {
    const CASE: u64 = u64::from_ne_bytes([0x20; 8]);
    hash.write_mapped(octets, |word| word | CASE);
    hash.write_few(0xff, 1);
}

#[inline(always)]
fn write_host(hash: &mut KeyHash, host: &Host<'_>) {
    match host {
        Host::Name(name) => write_lower(hash, name),
        Host::V4(address) => hash.write_few(u64::from(u32::from_le_bytes(address.octets())), 4),
        Host::V6(address) => hash.write(&address.octets()),
    }
}

/// A method in four octets: the index of a known one, or a hash of an extension token.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct MethodTag(u32);

impl MethodTag {
    /// INVITE.
    pub const INVITE: MethodTag = MethodTag(0);
    /// CANCEL.
    pub const CANCEL: MethodTag = MethodTag(3);

    /// The tag of a method.
    pub fn of(method: Method<'_>) -> MethodTag {
        match method.known_index() {
            Some(index) => MethodTag(u32::from(index)),
            None => {
                let fnv =
                    |hash: u32, octet: &u8| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
                MethodTag(method.as_bytes().iter().fold(0x811c_9dc5, fnv) | 1 << 31)
            }
        }
    }

    /// The method, unless it is an extension.
    pub fn known(self) -> Option<Method<'static>> {
        u8::try_from(self.0).ok().and_then(Method::from_known_index)
    }
}
