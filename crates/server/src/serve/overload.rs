//! Tells the log that the server cannot keep up, now and then while it lasts.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// When it was last told.
#[derive(Debug, Default)]
pub struct Overload {
    told: Mutex<Option<Instant>>,
}

impl Overload {
    /// Notes that it does not keep up. True if a line was written.
    pub fn note(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY);
        if due {
            *told = Some(now);
            tracing::warn!(
                "the server cannot keep up: some of the new requests outside of calls get 503 (shed_overloaded counts them)"
            );
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_now_and_then() {
        let (overload, start) = (Overload::default(), Instant::now());
        let told = |seconds| overload.note(start + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 9, 10, 11, 20].map(told),
            [true, false, false, true, false, true]
        );
    }
}
