//! The one place where clocks are read: monotonic time since the driver was made, and wall time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use strowger_sip::{Now, Time};

/// Maps the machine's clocks to [`Now`].
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub(crate) fn new() -> Clock {
        Clock {
            epoch: Instant::now(),
        }
    }

    /// Both clocks.
    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic: self.monotonic(),
            wall: Time::ZERO + wall,
        }
    }

    /// The monotonic one alone.
    pub(crate) fn monotonic(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }
}
