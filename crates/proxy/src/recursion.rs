//! Trying the contacts of a 3xx response oneself (RFC 3261 §16.7 step 4).

use std::sync::Arc;

use strowger_sip::{Contact, Edits, Limits, Message, Scheme};

use crate::target_set::{Added, Target, TargetSet};

/// What came of a 3xx response.
#[derive(Debug)]
pub struct Recursion {
    /// Targets added.
    pub added: usize,
    /// Targets left out because the set was full.
    pub limited: usize,
    /// The response without the contacts that were taken; `None` if none is left in it. Unchanged where none was taken.
    pub response: Option<Arc<Message>>,
}

/// Adds the sip and sips contacts of a response to the target set. `secure` says that the Request-URI was sips: then
/// only sips contacts are followed. Only for Request-URIs that we are responsible for (§16.5).
pub fn recurse(
    response: Arc<Message>,
    secure: bool,
    set: &mut TargetSet,
    limits: &Limits,
) -> Recursion {
    let mut edits = Edits::new();
    let (mut added, mut limited, mut left) = (0, 0, 0);
    for contact in response.contacts() {
        let Ok(Contact::Address(address)) = &contact else {
            left += 1;
            continue;
        };
        let follow = address.uri_parsed().is_ok_and(|uri| match uri.scheme {
            Scheme::Sips => true,
            Scheme::Sip => !secure,
            _ => false,
        });
        if !follow {
            left += 1;
            continue;
        }
        let q = contact.as_ref().map_or(1_000, Contact::q);
        match set.add(Target {
            q,
            ..Target::from_uri(address.uri)
        }) {
            Added::Yes => added += 1,
            Added::Duplicate => {}
            Added::Full => {
                limited += 1;
                left += 1;
                continue;
            }
        }
        edits.remove_list_item(&response, address.range.clone());
    }
    if added == 0 {
        return Recursion {
            added,
            limited,
            response: Some(response),
        };
    }
    let response = (left > 0)
        .then(|| {
            let mut octets = Vec::new();
            edits.write(&response, &mut octets);
            Message::parse(octets, limits).ok()
        })
        .flatten();
    Recursion {
        added,
        limited,
        response: response.map(Arc::new),
    }
}
