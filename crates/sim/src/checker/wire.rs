//! Checks of messages: final responses, successes and their ACKs, what may not leave, how much (DESIGN §2a rules 2, 4, 5).

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use strowger_sip::{HeaderName, Message, Method, Time};

use crate::node::ElementNode;
use crate::packet::Packet;
use crate::plan::{Errand, NodeId};

/// The final responses a client has heard.
#[derive(Debug)]
struct Heard {
    status: u16,
    tag: Vec<u8>,
    /// How often the sender had begun anew.
    epoch: Option<u32>,
}

/// A request at its client: address, branch, method.
type Request = (SocketAddr, Box<[u8]>, Box<[u8]>);
/// An INVITE at an element: element, Call-ID, From tag, CSeq.
type Invite = (NodeId, Box<[u8]>, Box<[u8]>, u32);
/// A success that an element passed on, with its To tag: whose ACK it must pass on too.
type Success = (Invite, Box<[u8]>);

#[derive(Debug, Default)]
pub(super) struct WireChecker {
    heard: HashMap<Request, Heard>,
    successes: HashMap<Success, Time>,
    failures: HashSet<Invite>,
    sent_by_call: HashMap<Box<[u8]>, u32>,
    /// INVITEs that elements sent: how often their shard had begun anew by then.
    branches: HashMap<(NodeId, Box<[u8]>), u32>,
    /// Those that have had a failure.
    failed_branches: HashSet<(NodeId, Box<[u8]>)>,
    /// The highest CSeq of each registration that was accepted.
    registered: HashMap<Box<[u8]>, u32>,
    /// Successes whose transaction was lost with its shard.
    pub(super) orphans: u64,
}

/// Messages that elements may send for one errand, over all hops, branches, requests and retransmissions.
const MESSAGES_PER_ERRAND: u32 = 600;
/// How long a success is passed on at least: what is left of timers L and M when it came late (RFC 6026 §8).
const PASSED_ON: Duration = Duration::from_millis(31_900);

impl WireChecker {
    /// An element sends nothing that cannot be parsed, no credentials for itself, and no storm.
    pub(super) fn sent(&mut self, packet: &Packet, element: &ElementNode) -> Result<(), String> {
        let Some(message) = &packet.message else {
            return Err(format!(
                "an element sent what cannot be parsed: {}",
                String::from_utf8_lossy(&packet.octets)
            ));
        };
        if message.is_request()
            && !message.call_id().starts_with(b"g")
            && (message.has_header(HeaderName::ProxyAuthorization)
                || message.has_header(HeaderName::Authorization))
        {
            return Err(format!(
                "{} passed credentials on: {}",
                element.domain,
                packet.describe()
            ));
        }
        let accepted = message.status().is_some_and(|status| status.is_success());
        if accepted && message.method() == Method::Register {
            let cseq = self.registered.entry(message.call_id().into()).or_default();
            *cseq = (*cseq).max(message.cseq().number);
        }
        if Errand::number_in(message.call_id()).is_none() {
            return Ok(());
        }
        let count = self
            .sent_by_call
            .entry(message.call_id().into())
            .or_default();
        *count += 1;
        if *count > MESSAGES_PER_ERRAND {
            return Err(format!("a storm: {}", packet.describe()));
        }
        Ok(())
    }

    /// One final response per request at its client; 2xx to INVITE one per remote tag; never 408 to another method.
    pub(super) fn reached(&mut self, packet: &Packet) -> Result<(), String> {
        let by_element = packet.epoch.is_some();
        let Some(message) = packet
            .message
            .as_ref()
            .filter(|message| by_element && message.is_response())
        else {
            return Ok(());
        };
        let status = message.status().map_or(0, |status| status.get());
        if status < 200 {
            return Ok(());
        }
        let is_invite = message.method() == Method::Invite;
        if status == 408 && !is_invite {
            return Err(format!("408 to a non-INVITE: {}", packet.describe()));
        }
        let key = (
            packet.to,
            message.via().branch().unwrap_or_default().into(),
            message.method().as_bytes().into(),
        );
        let tag = message.to_tag().unwrap_or_default().to_vec();
        match self.heard.get(&key) {
            Some(heard) if is_invite && heard.status < 300 && status < 300 => Ok(()),
            Some(heard) if heard.status == status && heard.tag == tag => Ok(()),
            // Whoever began anew knows nothing of what it said before.
            Some(heard) if heard.epoch != packet.epoch => Ok(()),
            // REGISTER has no transaction: a copy that a later one has overtaken is out of order (RFC 3261 §10.3 step 7).
            Some(_) if status == 500 && self.has_newer_registration(message) => Ok(()),
            Some(heard) => Err(format!(
                "a second final response, after {} ({}): {}",
                heard.status,
                String::from_utf8_lossy(&heard.tag),
                packet.describe()
            )),
            None => {
                let epoch = packet.epoch;
                self.heard.insert(key, Heard { status, tag, epoch });
                Ok(())
            }
        }
    }

    /// True if a REGISTER with a higher CSeq was answered by then.
    fn has_newer_registration(&self, response: &Message) -> bool {
        response.method() == Method::Register
            && self
                .registered
                .get(response.call_id())
                .is_some_and(|cseq| *cseq > response.cseq().number)
    }

    /// What an element was given must come out of it: each 2xx to INVITE, and each ACK to one.
    pub(super) fn handled(
        &mut self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        given: Option<&Packet>,
        sent: &[Packet],
    ) -> Result<(), String> {
        let judged = self.judge(now, node, element, given, sent);
        self.note(now, node, sent);
        judged
    }

    /// What was sent until now counts; what was sent for this very message is what is judged.
    fn judge(
        &mut self,
        now: Time,
        node: NodeId,
        element: &ElementNode,
        given: Option<&Packet>,
        sent: &[Packet],
    ) -> Result<(), String> {
        let Some((given, message)) = given.and_then(|given| Some((given, given.message.as_ref()?)))
        else {
            return Ok(());
        };
        let success = success_of(node, message);
        if message.is_response() {
            let is_success = message.method() == Method::Invite
                && message.status().is_some_and(|status| status.is_success());
            let branch: (NodeId, Box<[u8]>) =
                (node, message.via().branch().unwrap_or_default().into());
            let shard = element.ingress.shard_for_branch(&branch.1);
            let epoch = shard.and_then(|shard| element.epochs.get(usize::from(shard)));
            // Nobody asked, or whoever did has begun anew since, or was told something else before.
            let stray = self.branches.get(&branch) != epoch || epoch.is_none();
            if message.status().is_some_and(|status| status.get() >= 300) {
                self.failed_branches.insert(branch.clone());
            }
            // What the next hop could not read is dropped.
            let over = !message.has_legible_next_via()
                || self.failures.contains(&success.0)
                || stray
                || self.failed_branches.contains(&branch)
                || self
                    .successes
                    .get(&success)
                    .is_some_and(|first| now.saturating_since(*first) > PASSED_ON);
            if is_success && !self.branches.contains_key(&branch) && passed_on(message, sent) {
                return Err(format!("a stray 2xx was passed on: {}", given.describe()));
            }
            if is_success && stray && self.branches.contains_key(&branch) {
                self.orphans += u64::from(!passed_on(message, sent));
            }
            if is_success && !over && !passed_on(message, sent) {
                return Err(format!("a 2xx was not passed on: {}", given.describe()));
            }
        } else if message.method() == Method::Ack
            && self.successes.contains_key(&success)
            && !passed_on(message, sent)
        {
            return Err(format!("an ACK was not passed on: {}", given.describe()));
        }
        Ok(())
    }

    /// Remembers what an element sent.
    fn note(&mut self, now: Time, node: NodeId, sent: &[Packet]) {
        for packet in sent {
            let Some(message) = &packet.message else {
                continue;
            };
            self.note_final(now, node, message);
            if message.is_request() && message.method() == Method::Invite {
                let branch = message.via().branch().unwrap_or_default().into();
                self.branches
                    .insert((node, branch), packet.epoch.unwrap_or(0));
            }
        }
    }

    fn note_final(&mut self, now: Time, node: NodeId, message: &Message) {
        if message.method() != Method::Invite {
            return;
        }
        let success = success_of(node, message);
        match message.status().map(|status| status.get()) {
            Some(200..=299) => {
                self.successes.entry(success).or_insert(now);
            }
            Some(300..) => {
                self.failures.insert(success.0);
            }
            _ => {}
        }
    }
}

fn success_of(node: NodeId, message: &Message) -> Success {
    let invite = (
        node,
        message.call_id().into(),
        message.from_tag().unwrap_or_default().into(),
        message.cseq().number,
    );
    (invite, message.to_tag().unwrap_or_default().into())
}

/// True if what was given is among what was sent.
fn passed_on(given: &Message, sent: &[Packet]) -> bool {
    sent.iter()
        .filter_map(|packet| packet.message.as_ref())
        .any(|message| {
            message.status() == given.status()
                && message.method() == given.method()
                && message.call_id() == given.call_id()
                && message.to_tag() == given.to_tag()
                && message.cseq().number == given.cseq().number
                && message.body() == given.body()
        })
}
