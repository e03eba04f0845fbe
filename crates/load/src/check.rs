//! What is checked of every message (RFC 3261 §8.1.3.3, §8.2.6, §10.3, §16.6, §20.14).

use strowger_sip::{HeaderName, Message, Method};

use crate::reason::Reason;
use crate::requests::MAX_FORWARDS;

/// Checks any response to a request of ours; `datagram_octets` is how long the datagram was.
pub(crate) fn response(message: &Message, datagram_octets: usize, note: &mut dyn FnMut(Reason)) {
    // What the parser leaves is header fields and as much body as Content-Length tells.
    if datagram_octets != message.len() {
        note(Reason::ContentLength);
    }
    if message.vias().count() != 1 {
        note(Reason::ViaCount);
    }
    let is_final = message.status().is_some_and(|status| status.is_final());
    if is_final && message.to_tag().is_none() {
        note(Reason::ToTagMissing);
    }
}

/// Checks the contacts of a 2xx to REGISTER; `own` is the contact that was registered, or removed.
pub(crate) fn registered(
    message: &Message,
    own: &[u8],
    removed: bool,
    note: &mut dyn FnMut(Reason),
) {
    let mut found = false;
    for contact in message.contacts().flatten() {
        let is_own = contact.address().is_some_and(|address| address.uri == own);
        if !is_own {
            note(Reason::OtherContacts);
            continue;
        }
        found = true;
        if contact.expires().is_none() {
            note(Reason::ExpiresMissing);
        }
    }
    match (found, removed) {
        (false, false) => note(Reason::ContactMissing),
        (true, true) => note(Reason::ContactLeft),
        _ => {}
    }
}

/// Checks a 2xx to INVITE.
pub(crate) fn answered(message: &Message, record_route: bool, note: &mut dyn FnMut(Reason)) {
    if message.body().is_empty() {
        note(Reason::BodyMissing);
    }
    if record_route && !message.has_header(HeaderName::RecordRoute) {
        note(Reason::RecordRouteMissing);
    }
}

/// Checks a request at the called side; `contact` is where its user is registered, if he is known.
pub(crate) fn called(
    message: &Message,
    datagram_octets: usize,
    contact: Option<&[u8]>,
    record_route: bool,
    note: &mut dyn FnMut(Reason),
) {
    if datagram_octets != message.len() {
        note(Reason::ContentLength);
    }
    if message.vias().take(2).count() < 2 {
        note(Reason::CalledViaMissing);
    }
    if !matches!(message.max_forwards(), Ok(Some(hops)) if hops < MAX_FORWARDS) {
        note(Reason::CalledMaxForwards);
    }
    if message.has_header(HeaderName::Route) {
        note(Reason::CalledRouteLeft);
    }
    if contact.is_some_and(|contact| contact != message.request_uri()) {
        note(Reason::CalledRequestUri);
    }
    let begins_call = message.method() == Method::Invite && message.to_tag().is_none();
    if record_route && begins_call && !message.has_header(HeaderName::RecordRoute) {
        note(Reason::CalledRecordRouteMissing);
    }
}
