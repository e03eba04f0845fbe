//! Forwarding without a transaction (RFC 3261 §16.11): requests such as the ACK to a 2xx, and the responses to what was
//! forwarded so. Only a response whose branch bears our MAC and says so is passed on.

use strowger_sip::Message;
use strowger_transaction::token::{BranchMode, BranchToken, Home, Mac, Secrets, parse_branch};

/// The part of a stateless branch that makes it unique: a function of the received request alone, equal for its
/// retransmissions, its CANCEL and the ACK to its failure.
pub fn request_hash(request: &Message, secrets: &Secrets) -> u64 {
    let via = request.via();
    let mut mac = Mac::new(&secrets.current.key);
    mac.add(b"stateless");
    match via.branch().filter(|_| via.has_unique_branch()) {
        // Different clients may have made the same branch by chance or on purpose.
        Some(branch) => {
            mac.add_ignoring_case(branch);
            mac.add(sent_by(request));
        }
        None => {
            let octets = request.as_bytes().get(via.range.clone());
            mac.add(octets.unwrap_or_default());
            mac.add(request.from_tag().unwrap_or_default());
            mac.add(request.call_id());
            mac.add_number(request.cseq().number.into());
            mac.add(request.request_uri());
        }
    }
    mac.finish()
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
