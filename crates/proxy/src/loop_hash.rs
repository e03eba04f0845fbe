//! The loop hash: a keyed hash over all that routing uses, carried in our branches to tell a loop from a spiral
//! (RFC 3261 §16.6 step 8, §16.3 step 4; RFC 5393 §4).

use core::hash::Hasher as _;

use strowger_sip::{HeaderName, Message};
use strowger_transaction::token::Kind;

use crate::hash_keys::{HashKey, HashKeys};

/// The hash of one received request, under each key that is valid.
///
/// It covers Request-URI, Route, From tag, Call-ID, CSeq number, Proxy-Require and Proxy-Authorization as received. Our
/// own credentials are left out: they are taken off before the request is forwarded, and their absence must not make a
/// looped request look like a new one. So are the method and the To tag, so that a request, its CANCEL and the ACK to
/// its failure have one hash.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LoopHash {
    current: u32,
    previous: Option<u32>,
}

impl LoopHash {
    /// The hash of a request. `is_own_credential` says whether a Proxy-Authorization value is meant for us.
    pub fn of(
        request: &Message,
        keys: &HashKeys,
        is_own_credential: &dyn Fn(&[u8]) -> bool,
    ) -> LoopHash {
        let hash = |key: &HashKey| hash(request, key, is_own_credential);
        LoopHash {
            current: hash(&keys.current),
            previous: keys.previous.as_ref().map(hash),
        }
    }

    /// The hash to write into a branch.
    pub const fn value(self) -> u32 {
        self.current
    }

    /// True if a branch of ours with this hash was made for the same routing input.
    pub fn matches(self, hash: u32) -> bool {
        hash == self.current || Some(hash) == self.previous
    }
}

fn hash(request: &Message, key: &HashKey, is_own_credential: &dyn Fn(&[u8]) -> bool) -> u32 {
    let mut folded = key.folding();
    // Moving a boundary from one write to the next changes the result.
    folded.write(request.request_uri());
    folded.write(request.from_tag().unwrap_or_default());
    folded.write(request.call_id());
    folded.write(&request.cseq().number.to_le_bytes());
    for name in [
        HeaderName::Route,
        HeaderName::ProxyRequire,
        HeaderName::ProxyAuthorization,
    ] {
        if !request.has_header(name) {
            continue;
        }
        for header in request.headers_named(name) {
            if name != HeaderName::ProxyAuthorization || !is_own_credential(header.value) {
                folded.write(&(name as u64).to_le_bytes());
                folded.write(header.value);
            }
        }
    }
    key.hash(Kind::LoopHash, &folded) as u32
}
