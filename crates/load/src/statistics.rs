//! What came of a phase, in numbers.

use std::collections::BTreeMap;

use core::time::Duration;
use strowger_sip::Time;

use crate::histogram::Histogram;
use crate::pace::Pace;
use crate::reason::Reason;

/// Octets of a message that are kept as an example.
const EXAMPLE_OCTETS_MAX: usize = 160;

/// How often a reason was met, and where first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// How often.
    pub count: u64,
    /// Start line and Call-ID of the first message concerned; empty where there was none.
    pub first: String,
}

/// Counters of one phase.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// When the phase began.
    pub begun: Time,
    /// When its last operation ended.
    pub ended: Time,
    /// When the last operation began.
    pub last_begun: Time,
    /// Operations that began.
    pub started: u64,
    /// Operations that went as they should.
    pub succeeded: u64,
    /// Operations that did not.
    pub failed: u64,
    /// Operations of an open loop that began over 10 ms after they were due, because too many were in flight or this
    /// program had no time.
    pub late: u64,
    /// Final responses by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Provisional responses.
    pub provisional: u64,
    /// Requests sent again because no response came (timers A and E).
    pub retransmissions: u64,
    /// 200 to INVITE sent again by the called side because no ACK came.
    pub called_retransmissions: u64,
    /// Final responses that came again, or after their operation had ended.
    pub repeated: u64,
    /// Datagrams that belong to nothing this run sent.
    pub strays: u64,
    /// Datagrams sent.
    pub messages_sent: u64,
    /// Octets of them.
    pub octets_sent: u64,
    /// Datagrams received.
    pub messages_received: u64,
    /// Octets of them.
    pub octets_received: u64,
    /// From when an operation was due to its final response; in `call` to the 200 to INVITE.
    pub latency: Histogram,
    /// `call`: from BYE to its 200.
    pub release: Histogram,
    /// Why the phase is not clean.
    pub reasons: BTreeMap<Reason, Finding>,
}

impl Statistics {
    /// Of a phase that begins now.
    pub(crate) fn new(now: Time) -> Statistics {
        Statistics {
            begun: now,
            ended: now,
            last_begun: now,
            ..Statistics::default()
        }
    }

    /// True if operations succeeded and nothing was found.
    pub fn is_clean(&self) -> bool {
        self.succeeded > 0 && self.failed == 0 && self.reasons.is_empty()
    }

    /// From the beginning to the end of the last operation.
    pub fn elapsed(&self) -> Duration {
        self.ended - self.begun
    }

    /// Operations that succeeded, per second of the time in which operations began (open loop) or ended (closed loop).
    pub fn per_second(&self, pace: Pace) -> f64 {
        let seconds = match pace {
            Pace::Closed { .. } => self.elapsed().as_secs_f64(),
            // To when the next would have begun: what follows is waiting.
            Pace::Open { per_second } => {
                (self.last_begun - self.begun).as_secs_f64() + 1.0 / per_second
            }
        };
        self.succeeded as f64 / seconds.max(1e-9)
    }

    /// Failed operations and faulty messages together.
    pub fn findings(&self) -> u64 {
        self.reasons.values().map(|finding| finding.count).sum()
    }

    /// Notes a reason; `message` is the one concerned.
    pub(crate) fn note(&mut self, reason: Reason, message: &[u8]) {
        let finding = self.reasons.entry(reason).or_default();
        finding.count += 1;
        if finding.count == 1 {
            finding.first = example(message);
        }
    }
}

/// Start line and Call-ID of a message, without what a terminal would obey.
fn example(message: &[u8]) -> String {
    let mut lines = message.split(|octet| *octet == b'\n');
    let start = lines.next().unwrap_or_default();
    let call_id = lines
        .take_while(|line| line.len() > 1)
        .find(|line| {
            let name = line
                .split(|octet| *octet == b':')
                .next()
                .unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"call-id")
                || name.trim_ascii().eq_ignore_ascii_case(b"i")
        })
        .unwrap_or_default();
    let text = |octets: &[u8]| {
        let octets = octets.get(..EXAMPLE_OCTETS_MAX).unwrap_or(octets);
        let text = String::from_utf8_lossy(octets.trim_ascii());
        text.chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect::<String>()
    };
    match (start.is_empty(), call_id.is_empty()) {
        (true, _) => String::new(),
        (false, true) => text(start),
        (false, false) => format!("{}, {}", text(start), text(call_id)),
    }
}
