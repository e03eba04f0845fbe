//! Keeps a flood of refusals from becoming a flood of the log: so many lines per second of one kind, the rest is counted and
//! told in one line.

use std::collections::BTreeMap;

use strowger_element::{Event, EventKind};
use strowger_sip::Time;

/// For how long what was left out is gathered before it is told, in seconds.
const TOLD_EVERY_SECONDS: u64 = 10;

/// Kinds that are told apart (256): further ones count as one.
const KINDS_MAX: usize = 256;

/// What is counted as one kind: the event and the status of its answer.
type Kind = (u8, u16);

/// Lines of one kind.
#[derive(Debug, Default)]
struct Lines {
    /// The second in which `written` were written.
    second: u64,
    written: u32,
    /// Left out since they were last told.
    left_out: u64,
    told: u64,
}

/// Counts lines by kind.
#[derive(Debug, Default)]
pub struct LogBrake {
    kinds: BTreeMap<Kind, Lines>,
    left_out: u64,
}

impl LogBrake {
    /// True if the line of this event may be written, `max` of its kind per second being allowed; 0 allows all.
    pub fn admits(&mut self, event: &Event, max: u32) -> bool {
        let Some(kind) = kind_of(event).filter(|_| max > 0) else {
            return true;
        };
        let kind = match self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            true => kind,
            false => (u8::MAX, 0),
        };
        let second = event.wall.as_secs();
        let lines = self.kinds.entry(kind).or_default();
        // Wall clocks jump; another second is another second.
        if lines.second != second {
            (lines.second, lines.written) = (second, 0);
        }
        if lines.written < max {
            lines.written += 1;
            return true;
        }
        if lines.left_out == 0 {
            lines.told = second;
        }
        lines.left_out += 1;
        self.left_out += 1;
        false
    }

    /// True while something was left out and not told yet.
    pub fn holds(&self) -> bool {
        self.left_out > 0
    }

    /// Calls `tell` with each kind of which lines were left out for long enough, and how many.
    pub fn tell(&mut self, now: Time, mut tell: impl FnMut(&'static str, u16, u64)) {
        if self.left_out == 0 {
            return;
        }
        for ((kind, status), lines) in &mut self.kinds {
            let waited = now.as_secs().abs_diff(lines.told);
            if lines.left_out > 0 && waited >= TOLD_EVERY_SECONDS {
                tell(words(*kind), *status, lines.left_out);
                self.left_out -= lines.left_out;
                lines.left_out = 0;
            }
        }
        if self.left_out == 0 {
            self.kinds.clear();
        }
    }
}

/// The kind of an event that somebody without credentials can cause as often as he likes; `None` for others.
fn kind_of(event: &Event) -> Option<Kind> {
    let kind = match event.kind {
        EventKind::Malformed => 0,
        EventKind::CredentialsRefused => 1,
        EventKind::Dropped => 2,
        EventKind::Answered if event.status >= 300 => 3,
        EventKind::CallFailed => 4,
        _ => return None,
    };
    Some((kind, event.status))
}

fn words(kind: u8) -> &'static str {
    match kind {
        0 => "malformed messages",
        1 => "wrong passwords or unknown users",
        2 => "dropped messages",
        3 => "refused requests",
        4 => "failed calls",
        _ => "events of many kinds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::lines::tests::event;

    fn refused(second: u64, status: u16) -> Event {
        let mut event = event(EventKind::Answered);
        event.wall = Time::from_secs(second);
        event.status = status;
        event
    }

    fn told(brake: &mut LogBrake, second: u64) -> Vec<(u16, u64)> {
        let mut told = Vec::new();
        brake.tell(Time::from_secs(second), |_, status, count| {
            told.push((status, count));
        });
        told
    }

    #[test]
    fn a_flood_of_one_kind_is_cut_and_told_in_one_line() {
        let mut brake = LogBrake::default();
        let written = (0..1_000).filter(|_| brake.admits(&refused(100, 403), 10));
        assert_eq!(written.count(), 10);
        assert!(
            brake.admits(&refused(100, 404), 10),
            "another kind has its own"
        );
        assert!(brake.admits(&refused(101, 403), 10), "and another second");
        assert_eq!(told(&mut brake, 105), []);
        assert!(brake.holds());
        assert_eq!(told(&mut brake, 110), [(403, 990)]);
        assert!(!brake.holds());
        assert_eq!(told(&mut brake, 200), []);
    }

    #[test]
    fn what_strangers_cannot_cause_is_never_cut() {
        let mut brake = LogBrake::default();
        for kind in [
            EventKind::CallAnswered,
            EventKind::CallEnded,
            EventKind::Registered,
        ] {
            assert!((0..1_000).all(|_| brake.admits(&event(kind), 10)));
        }
        assert!(
            (0..1_000).all(|_| brake.admits(&refused(100, 403), 0)),
            "0 is off"
        );
    }

    #[test]
    fn a_wall_clock_that_jumps_back_loses_no_summary() {
        let mut brake = LogBrake::default();
        for _ in 0..20 {
            brake.admits(&refused(100_000, 403), 10);
        }
        assert_eq!(told(&mut brake, 96_400), [(403, 10)]);
    }
}
