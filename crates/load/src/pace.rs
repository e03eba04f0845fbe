//! When operations begin: so many at a time, or so many per second.

use core::time::Duration;

use strowger_sip::Time;

/// Operations that may begin per second in an open loop: more than any server here answers.
pub const RATE_PER_SECOND_MAX: u32 = 1_000_000;

/// Operations in flight: the largest window, and what an open loop may have unanswered before it waits.
pub const IN_FLIGHT_MAX: u32 = 65_536;

/// Closed or open loop.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Pace {
    /// So many operations in flight: the next begins when one ends.
    Closed {
        /// How many.
        window: u32,
    },
    /// So many operations begin per second whatever becomes of them; latency counts from when one was due.
    Open {
        /// How many.
        per_second: f64,
    },
}

impl Pace {
    /// Operations that may be in flight.
    pub fn in_flight_max(&self) -> u32 {
        match self {
            Pace::Closed { window } => (*window).clamp(1, IN_FLIGHT_MAX),
            Pace::Open { .. } => IN_FLIGHT_MAX,
        }
    }

    /// When the operation of that number, from 0, is due in a phase that began at `begun`; `None`: as soon as there is room.
    pub(crate) fn due(&self, begun: Time, number: u64) -> Option<Time> {
        match self {
            Pace::Closed { .. } => None,
            Pace::Open { per_second } => {
                let seconds =
                    number as f64 / per_second.clamp(0.001, f64::from(RATE_PER_SECOND_MAX));
                Some(begun + Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
            }
        }
    }
}
