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
    /// One CANCEL reaches the wrong shard.
    WrongShardCancel,
    /// The first shard hears of a closed connection before the others: what they publish meanwhile is not marked.
    FirstShardFirst,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 15] = [
        Sabotage::LoseBinding,
        Sabotage::ImmortalBinding,
        Sabotage::LyingJournal,
        Sabotage::DoubleFinal,
        Sabotage::SwallowSuccess,
        Sabotage::SwallowAck,
        Sabotage::SwallowBye,
        Sabotage::TimeoutToBye,
        Sabotage::Storm,
        Sabotage::Garble,
        Sabotage::ForgetTimers,
        Sabotage::WrongShard,
        Sabotage::LeakCredentials,
        Sabotage::WrongShardCancel,
        Sabotage::FirstShardFirst,
    ];

    /// The class of bugs that it stands for.
    pub fn class(self) -> &'static str {
        match self {
            Sabotage::LoseBinding | Sabotage::LyingJournal => "lost binding",
            Sabotage::ImmortalBinding => "binding outlives its expiry",
            Sabotage::DoubleFinal | Sabotage::TimeoutToBye => "double or forbidden final",
            Sabotage::SwallowSuccess | Sabotage::SwallowAck | Sabotage::SwallowBye => {
                "lost message"
            }
            Sabotage::Storm => "storm",
            Sabotage::Garble => "malformed output",
            Sabotage::ForgetTimers => "lost timer, leaked transaction",
            Sabotage::WrongShard | Sabotage::WrongShardCancel | Sabotage::FirstShardFirst => {
                "cross-shard race"
            }
            Sabotage::LeakCredentials => "leak",
        }
    }
}

/// Carries a sabotage out.
#[derive(Debug)]
pub struct Saboteur {
    /// Which.
    pub sabotage: Sabotage,
    done: bool,
}

/// How often [`Sabotage::Storm`] sends a message.
const STORM: usize = 40;

impl Saboteur {
    /// Nothing done yet.
    pub fn new(sabotage: Sabotage) -> Saboteur {
        Saboteur {
            sabotage,
            done: false,
        }
    }

    /// True once a fault that happens once has happened.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The fault has happened.
    pub fn finish(&mut self) {
        self.done = true;
    }

    /// Changes what an element sent.
    pub fn tamper(&mut self, sent: Vec<Packet>) -> Vec<Packet> {
        let (sabotage, done) = (self.sabotage, &mut self.done);
        sent.into_iter()
            .flat_map(|packet| sabotage.change(packet, done))
            .collect()
    }

    /// True if the journal keeps nothing and says that it does.
    pub fn forgets_changes(&self) -> bool {
        self.sabotage == Sabotage::LyingJournal
    }

    /// True if the order in which shards hear of a closed connection is the wrong way round.
    pub fn tells_first_shard_first(&self) -> bool {
        self.sabotage == Sabotage::FirstShardFirst
    }

    /// True if this wake-up is not to happen.
    pub fn forgets_timer(&mut self, shard: usize, errands_are_over: bool) -> bool {
        self.sabotage == Sabotage::ForgetTimers && shard == 1 && errands_are_over
    }

    /// The shard that is given a message.
    pub fn shard_for(&mut self, message: &Message, shard: usize, shards: usize) -> usize {
        let wrong = match self.sabotage {
            Sabotage::WrongShard => message.is_response(),
            Sabotage::WrongShardCancel if !self.done && shards > 1 => {
                let hit = message.is_request() && message.method() == Method::Cancel;
                self.done |= hit;
                hit
            }
            _ => false,
        };
        if wrong {
            (shard + 1) % shards.max(1)
        } else {
            shard
        }
    }
}

impl Sabotage {
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
    let (stream, epoch) = (packet.stream, packet.epoch);
    let mut packet = Packet::new(packet.from, packet.to, text.as_bytes());
    packet.octets = Rc::from(text.as_bytes());
    packet.stream = stream;
    packet.epoch = epoch;
    packet
}
