//! The end of a server: nothing new is let in, and what has begun may go on until it is done or its time is over.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::live::Live;
use super::signals::Signals;

/// How often is looked whether everything is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looking goes through all transactions, with their shard locked: the time between two looks is at least so many times
/// what the last one took (20).
const LOOK_PART: u32 = 20;

/// And no more than this, however long looking took (1 s).
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// Waits until the requests that have begun are done, a second signal comes, or the time that is set for it is over.
pub fn drain(signals: &Signals, live: &Live) {
    live.driver.drain();
    let limit = Duration::from_secs(live.config.load().limits.drain_seconds.into());
    let waiting = live.driver.in_progress();
    if waiting == 0 || limit.is_zero() {
        return;
    }
    tracing::info!(
        "{waiting} requests in progress may go on for {} s, new ones get 503; a second signal ends them at once",
        limit.as_secs()
    );
    let second = match signals.next() {
        Ok(second) => second,
        Err(error) => {
            tracing::warn!("cannot wait for a second signal: {error}");
            return;
        }
    };
    let began = Instant::now();
    loop {
        let looking = Instant::now();
        if live.driver.in_progress() == 0 {
            return;
        }
        let left = limit.saturating_sub(began.elapsed());
        let every = (looking.elapsed() * LOOK_PART).clamp(LOOK_EVERY, LOOK_EVERY_MAX);
        let every = every.min(left);
        if second.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                "a second signal: {} requests are cut off",
                live.driver.in_progress()
            );
            return;
        }
        if began.elapsed() >= limit {
            tracing::warn!("{} requests are cut off", live.driver.in_progress());
            return;
        }
    }
}
