//! What happened, for whoever looks for the fault: a hash of everything, the last events, and on request all datagrams.

use std::collections::VecDeque;

use strowger_sip::Time;

use crate::packet::Packet;
use crate::random::Random;

/// What became of a datagram.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent.
    Sent,
    /// It was sent, and no copy will arrive.
    Lost,
    /// A copy arrived.
    Arrived,
    /// It arrived where nobody listens.
    Refused,
}

/// The trace of a run.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    last: VecDeque<(Time, Fate, Packet)>,
    recording: Option<Vec<(Time, Packet)>>,
}

impl Trace {
    /// Events kept for a report.
    pub const LAST: usize = 60;

    /// An empty trace. One that records keeps every datagram that was sent.
    pub fn new(records: bool) -> Trace {
        Trace {
            hash: 0xcbf2_9ce4_8422_2325,
            last: VecDeque::new(),
            recording: records.then(Vec::new),
        }
    }

    /// Takes a datagram in.
    pub fn note(&mut self, at: Time, fate: Fate, packet: &Packet) {
        self.fold(at.as_nanos());
        self.fold(fate as u64);
        self.fold(u64::from(packet.from.port()) << 16 | u64::from(packet.to.port()));
        for chunk in packet.octets.chunks(8) {
            let mut word = [0; 8];
            for (place, octet) in word.iter_mut().zip(chunk) {
                *place = *octet;
            }
            self.fold(u64::from_le_bytes(word));
        }
        if self.last.len() >= Self::LAST {
            self.last.pop_front();
        }
        self.last.push_back((at, fate, packet.clone()));
        if let (Some(recording), Fate::Sent | Fate::Lost) = (&mut self.recording, fate) {
            recording.push((at, packet.clone()));
        }
    }

    fn fold(&mut self, word: u64) {
        self.hash = (self.hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23);
    }

    /// The hash of everything so far: equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The last events, one line each.
    pub fn last(&self) -> Vec<String> {
        self.last
            .iter()
            .map(|(at, fate, packet)| {
                let seconds = at.as_nanos() as f64 / 1e9;
                format!("{seconds:11.6} {fate:<8?} {}", packet.describe())
            })
            .collect()
    }

    /// One of the last messages.
    pub fn some(&self, random: &mut Random) -> Option<Packet> {
        let place = usize::try_from(random.below(self.last.len() as u64)).ok()?;
        self.last.get(place).map(|(.., packet)| packet.clone())
    }

    /// All datagrams that were sent, if they were recorded.
    pub fn recording(&self) -> &[(Time, Packet)] {
        self.recording.as_deref().unwrap_or_default()
    }
}
