//! The fingerprint of a request that used a nonce: tells its retransmission from another request with the same nonce
//! count. Kept and compared within this process alone, so a fast keyed hash will do where tokens need a strong one.

use core::hash::Hasher as _;
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use strowger_sip::{HeaderName, Message};
use strowger_transaction::token::{Mac, Secrets};

/// Makes fingerprints. Its keys are derived at the first use, once, and nothing made with them leaves the process.
#[derive(Default)]
pub(crate) struct FingerprintMaker(OnceLock<(u64, SharedSeed)>);

impl core::fmt::Debug for FingerprintMaker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FingerprintMaker { .. }")
    }
}

impl FingerprintMaker {
    /// Keyed hash of Call-ID, CSeq and all else but Via, of which the branch counts. Digest covers neither Contact nor
    /// most of the rest, so who saw a request on the wire could otherwise send it again with a Contact of his own.
    pub(crate) fn of(&self, request: &Message, secrets: &Secrets) -> u64 {
        let (key, seed) = self.0.get_or_init(|| {
            let secret = |number| {
                Mac::new(&secrets.current.key)
                    .part(b"nonce use")
                    .number(number)
            };
            (secret(0).finish(), SharedSeed::from_u64(secret(1).finish()))
        });
        // Each write counts its length too.
        let mut hasher = FoldHasher::with_seed(*key, seed);
        hasher.write(request.branch().unwrap_or_default());
        let octets = request.as_bytes();
        let mut from = 0;
        for via in request.headers_named(HeaderName::Via) {
            hasher.write(octets.get(from..via.line.start).unwrap_or_default());
            from = via.line.end;
        }
        hasher.write(octets.get(from..).unwrap_or_default());
        hasher.finish()
    }
}
