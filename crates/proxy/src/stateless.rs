//! Forwarding without a transaction (RFC 3261 §16.11): requests such as the ACK to a 2xx, and the responses to what was
//! forwarded so. Only a response whose branch bears our MAC and says so is passed on.

use core::hash::Hasher as _;

use foldhash::fast::FoldHasher;
use strowger_sip::Message;
use strowger_transaction::token::{BranchMode, BranchToken, Home, Kind, Secrets, parse_branch};

use crate::hash_keys::HashKeys;

/// The part of a stateless branch that makes it unique: a function of the received request alone, equal for its
/// retransmissions, its CANCEL and the ACK to its failure.
pub fn request_hash(request: &Message, keys: &HashKeys) -> u64 {
    let via = request.via();
    let key = &keys.current;
    let mut folded = key.folding();
    match via.branch().filter(|_| via.has_unique_branch()) {
        // Different clients may have made the same branch by chance or on purpose.
        Some(branch) => {
            write_lower(branch, &mut folded);
            folded.write(sent_by(request));
        }
        None => {
            let octets = request.as_bytes().get(via.range.clone());
            folded.write(octets.unwrap_or_default());
            folded.write(request.from_tag().unwrap_or_default());
            folded.write(request.call_id());
            folded.write(&request.cseq().number.to_le_bytes());
            folded.write(request.request_uri());
        }
    }
    key.hash(Kind::StatelessBranch, &folded)
}

/// Branches are compared without regard to case (§17.2.3, §7.3.1).
fn write_lower(octets: &[u8], folded: &mut FoldHasher<'_>) {
    for chunk in octets.chunks(64) {
        let mut lower = [0; 64];
        if let Some(lower) = lower.get_mut(..chunk.len()) {
            lower.copy_from_slice(chunk);
            lower.make_ascii_lowercase();
            folded.write(lower);
        }
    }
}

/// The branch of a response that belongs to a request we forwarded without a transaction; `None` if it must be dropped.
pub fn stateless_branch(response: &Message, secrets: &Secrets, home: Home) -> Option<BranchToken> {
    let token = parse_branch(secrets, home, response.branch()?).ok()?;
    (token.mode == BranchMode::StatelessForward).then_some(token)
}

/// sent-by of the topmost Via as it stands.
fn sent_by(request: &Message) -> &[u8] {
    let via = request.via();
    request
        .as_bytes()
        .get(via.range.start..via.sent_by_end())
        .unwrap_or_default()
}
