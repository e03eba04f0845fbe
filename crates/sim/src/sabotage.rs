//! Faults that a test puts between an element and its world, to show that a checker notices them.

use std::rc::Rc;

use strowger_sip::{Message, Method};

use crate::packet::Packet;

/// A fault that must be found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A binding disappears from the location table.
    LoseBinding,
    /// A binding that nobody asked for, and that does not expire.
    ImmortalBinding,
    /// The journal says that it stored what it did not.
    LyingJournal,
    /// A failure is sent to the caller after the success.
    DoubleFinal,
    /// One 2xx to INVITE is not forwarded.
    SwallowSuccess,
    /// One ACK is not forwarded.
    SwallowAck,
    /// BYE is not forwarded.
    SwallowBye,
    /// The answer to BYE becomes a 408.
    TimeoutToBye,
    /// Everything is sent over and over.
    Storm,
    /// A message is cut short.
    Garble,
    /// When the errands are over the timers of shard 1 stop: what they would end stays.
    ForgetTimers,
    /// Responses reach the wrong shard.
    WrongShard,
    /// An element sends to a user agent what it got, credentials included.
    LeakCredentials,
}

/// How often [`Sabotage::Storm`] sends a message.
const STORM: usize = 40;

impl Sabotage {
    /// Changes what an element sent. `done` is kept for faults that happen once.
    pub fn tamper(self, sent: Vec<Packet>, done: &mut bool) -> Vec<Packet> {
        sent.into_iter()
            .flat_map(|packet| self.change(packet, done))
            .collect()
    }

    fn change(self, packet: Packet, done: &mut bool) -> Vec<Packet> {
        let Some(message) = packet.message.clone() else {
            return vec![packet];
        };
        let (method, request) = (message.method(), message.is_request());
        let success = message.status().is_some_and(|status| status.is_success());
        let answer = success && method == Method::Invite;
        match self {
            Sabotage::DoubleFinal if answer => {
                let busy = replaced(&packet, "SIP/2.0 200 OK", "SIP/2.0 486 Busy Here");
                vec![packet, busy]
            }
            Sabotage::SwallowSuccess if answer && !*done => {
                *done = true;
                Vec::new()
            }
            Sabotage::SwallowAck if request && method == Method::Ack && !*done => {
                *done = true;
                Vec::new()
            }
            Sabotage::SwallowBye if request && method == Method::Bye => Vec::new(),
            Sabotage::TimeoutToBye if success && method == Method::Bye => {
                vec![replaced(&packet, "200 OK", "408 Request Timeout")]
            }
            Sabotage::Storm if is_errand(&message) => vec![packet; STORM],
            Sabotage::Garble if answer => vec![replaced(&packet, "Via:", "Vi@:")],
            Sabotage::LeakCredentials if request && method == Method::Invite => vec![replaced(
                &packet,
                "CSeq:",
                "Proxy-Authorization: Digest username=\"x\"\r\nCSeq:",
            )],
            _ => vec![packet],
        }
    }
}

fn is_errand(message: &Message) -> bool {
    crate::plan::Errand::number_in(message.call_id()).is_some()
}

fn replaced(packet: &Packet, old: &str, new: &str) -> Packet {
    let text = String::from_utf8_lossy(&packet.octets).replacen(old, new, 1);
    let mut packet = Packet::new(packet.from, packet.to, text.as_bytes());
    packet.octets = Rc::from(text.as_bytes());
    packet
}
