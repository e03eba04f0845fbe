//! Checks of bindings: none that was acknowledged is lost, none outlives its expiry (RFC 3261 §10.3; DESIGN §2a rule 9).

use core::time::Duration;
use std::collections::BTreeMap;

use strowger_registrar::LocationService;
use strowger_sip::{HeaderName, Message, Method, Time};

use crate::journal::Journal;
use crate::node::ElementNode;
use crate::plan::NodeId;

type Key = (NodeId, Box<[u8]>, Box<[u8]>);

/// What is known of a binding from the wire.
#[derive(Debug, Default)]
struct Known {
    /// Of the REGISTER that named it last.
    call_id: Box<[u8]>,
    cseq: u32,
    /// A REGISTER that removes it was given to the element.
    removing: bool,
    /// Acknowledged until then.
    acknowledged_until: Time,
    /// It may not be there after that.
    permitted_until: Time,
}

#[derive(Debug, Default)]
pub(super) struct BindingChecker {
    known: BTreeMap<Key, Known>,
    inspections: u64,
}

/// A REGISTER may wait so long for the journal before its time begins to run.
const WAIT: Duration = Duration::from_secs(8);
/// Expired bindings are swept once a second.
const SWEEP: Duration = Duration::from_secs(3);
/// Expiries on the wire are whole seconds, and run from before the journal was asked.
const ROUNDING: Duration = Duration::from_millis(1_100 + Journal::SLOW_MILLIS);
/// The whole table is walked at every fifth inspection.
const WALK_EVERY: u64 = 5;

impl BindingChecker {
    /// An element was given a message.
    pub(super) fn given(&mut self, now: Time, node: NodeId, message: &Message) {
        if !message.is_request() || message.method() != Method::Register {
            return;
        }
        let common = message
            .header(HeaderName::Expires)
            .and_then(|header| core::str::from_utf8(header.value).ok()?.parse().ok());
        let cseq = message.cseq().number;
        for contact in message.contacts().filter_map(Result::ok) {
            let Some(address) = contact.address() else {
                continue;
            };
            let key = (node, message.to().uri.into(), address.uri.into());
            let known = self.known.entry(key).or_default();
            if cseq < known.cseq {
                continue;
            }
            known.cseq = cseq;
            if *known.call_id != *message.call_id() {
                known.call_id = message.call_id().into();
            }
            let seconds = u64::from(contact.expires().or(common).unwrap_or(3_600));
            known.removing = seconds == 0;
            let until = now + Duration::from_secs(seconds) + WAIT;
            known.permitted_until = known.permitted_until.max(until);
        }
    }

    /// An element sent a message. A 200 to REGISTER may leave only when all it names is published and stored.
    pub(super) fn sent(
        &mut self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        message: &Message,
    ) -> Result<(), String> {
        let is_success = message.status().is_some_and(|status| status.is_success());
        if !is_success || message.method() != Method::Register {
            return Ok(());
        }
        let aor = message.to().uri;
        self.are_removed(now, node, element, message)?;
        for contact in message.contacts().filter_map(Result::ok) {
            let Some(address) = contact.address() else {
                continue;
            };
            let until = now + Duration::from_secs(u64::from(contact.expires().unwrap_or(0)));
            let known = self
                .known
                .entry((node, aor.into(), address.uri.into()))
                .or_default();
            // A removal that the journal carried out and denied leaves the two apart until it is asked for again.
            if !known.removing {
                known.acknowledged_until = until;
                holds(element, now, aor, address.uri)
                    .and_then(|()| is_stored_until(element, until, aor, address.uri))
                    .map_err(|what| format!("a 200 to REGISTER left too early: {what}"))?;
            }
        }
        Ok(())
    }

    /// What a REGISTER removed is gone when its 200 leaves.
    fn are_removed(
        &self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        success: &Message,
    ) -> Result<(), String> {
        let aor = success.to().uri;
        let removed = self.known.iter().filter(|((place, of, _), known)| {
            (*place, &**of) == (node, aor)
                && known.removing
                && *known.call_id == *success.call_id()
                && known.cseq == success.cseq().number
        });
        for ((.., contact), _) in removed {
            let is_published = is_published(element, now, aor, contact);
            if is_published || element.journal.holds(aor, contact) {
                return Err(format!(
                    "a removed binding is still there when its 200 leaves: {} at {} ({})",
                    String::from_utf8_lossy(contact),
                    String::from_utf8_lossy(aor),
                    if is_published { "published" } else { "stored" }
                ));
            }
        }
        Ok(())
    }

    /// Looks at the tables.
    pub(super) fn inspect(&mut self, now: Time, nodes: &[ElementNode]) -> Result<(), String> {
        for ((node, aor, contact), known) in &self.known {
            let Some(element) = nodes.get(*node).filter(|element| element.is_up) else {
                continue;
            };
            if !known.removing && now + ROUNDING < known.acknowledged_until {
                holds(element, now, aor, contact)
                    .map_err(|what| format!("an acknowledged binding is lost: {what}"))?;
            }
        }
        self.inspections += 1;
        for (place, element) in nodes.iter().enumerate() {
            if !element.is_up {
                continue;
            }
            let permitted = self
                .known
                .iter()
                .filter(|((node, ..), known)| {
                    *node == place && now.saturating_since(known.permitted_until) < SWEEP
                })
                .count();
            if element.shared.location.len() > permitted {
                return Err(format!(
                    "element {place} holds {} bindings where {permitted} may live",
                    element.shared.location.len()
                ));
            }
            if self.inspections.is_multiple_of(WALK_EVERY) {
                self.walk(now, place, element)?;
            }
        }
        Ok(())
    }

    /// After a restart everything is there that was acknowledged.
    pub(super) fn restarted(
        &self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
    ) -> Result<(), String> {
        for ((one, aor, contact), known) in &self.known {
            if *one == node && !known.removing && now + ROUNDING < known.acknowledged_until {
                holds(element, now, aor, contact)
                    .map_err(|what| format!("a restart lost an acknowledged binding: {what}"))?;
            }
        }
        Ok(())
    }

    fn walk(&self, now: Time, place: NodeId, element: &ElementNode) -> Result<(), String> {
        for (aor, bindings) in element.shared.location.list(now, None, usize::MAX) {
            for binding in &bindings {
                let key = (place, aor.as_bytes().into(), binding.contact().into());
                let permitted = self
                    .known
                    .get(&key)
                    .map_or(Time::ZERO, |known| known.permitted_until);
                // A journal keeps milliseconds.
                if binding.expires_at() > permitted + Duration::from_millis(1) {
                    return Err(format!(
                        "a binding outlives what was asked for: {} {} until {} s, permitted until {} s",
                        String::from_utf8_lossy(aor.as_bytes()),
                        String::from_utf8_lossy(binding.contact()),
                        binding.expires_at().as_secs(),
                        permitted.as_secs()
                    ));
                }
            }
        }
        Ok(())
    }

    /// A binding that must be there now.
    pub(super) fn some_sure(&self, now: Time) -> Option<(NodeId, Box<[u8]>)> {
        self.known
            .iter()
            .find(|(_, known)| {
                !known.removing && now + Duration::from_secs(10) < known.acknowledged_until
            })
            .map(|((node, aor, _), _)| (*node, aor.clone()))
    }
}

fn is_published(element: &ElementNode, now: Time, aor: &[u8], contact: &[u8]) -> bool {
    let published = element.shared.location.bindings(aor, now);
    published.iter().any(|binding| binding.contact() == contact)
}

fn name(aor: &[u8], contact: &[u8]) -> String {
    format!(
        "{} at {}",
        String::from_utf8_lossy(contact),
        String::from_utf8_lossy(aor)
    )
}

fn holds(element: &ElementNode, now: Time, aor: &[u8], contact: &[u8]) -> Result<(), String> {
    if !is_published(element, now, aor, contact) {
        return Err(format!(
            "{} is not in the location table",
            name(aor, contact)
        ));
    }
    if !element.journal.holds(aor, contact) {
        return Err(format!("{} is not in the journal", name(aor, contact)));
    }
    Ok(())
}

/// A refresh is durable when the journal holds the new expiry, not when it holds the binding.
fn is_stored_until(
    element: &ElementNode,
    until: Time,
    aor: &[u8],
    contact: &[u8],
) -> Result<(), String> {
    match element.journal.stored_until(aor, contact) {
        Some(stored) if stored + ROUNDING >= until => Ok(()),
        stored => Err(format!(
            "{} is in the journal until {:?} s, acknowledged until {} s",
            name(aor, contact),
            stored.map(Time::as_secs),
            until.as_secs()
        )),
    }
}
