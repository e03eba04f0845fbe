//! The fingerprint of a request that used a nonce: tells its retransmission from another request with the same nonce
//! count. Kept and compared within this process alone, so a shorter hash than that of the tokens will do; but a keyed one
//! that is made for it, as who could choose a request with the fingerprint of another could send it in its place.

use core::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use strowger_sip::{HeaderName, Message};
use strowger_transaction::token::Secrets;

/// Keyed hash of Call-ID, CSeq and all else but Via, of which the branch counts. Digest covers neither Contact nor
/// most of the rest, so who saw a request on the wire could otherwise send it again with a Contact of his own.
pub(crate) fn fingerprint(request: &Message, secrets: &Secrets) -> u64 {
    let mut hasher = SipHasher13::new_with_key(&secrets.current.key);
    let mut add = |octets: &[u8]| {
        hasher.write_usize(octets.len());
        hasher.write(octets);
    };
    add(b"nonce use");
    add(request.branch().unwrap_or_default());
    let octets = request.as_bytes();
    let mut from = 0;
    for via in request.headers_named(HeaderName::Via) {
        add(octets.get(from..via.line.start).unwrap_or_default());
        from = via.line.end;
    }
    add(octets.get(from..).unwrap_or_default());
    hasher.finish()
}
