//! The line that is printed every second while a terminal looks on.

use std::io::IsTerminal;
use std::time::Duration;

use strowger_load::Generator;
use strowger_sip::Time;

use super::report::{count, time};

const PERIOD: Duration = Duration::from_secs(1);

/// What was shown last.
#[derive(Debug)]
pub struct Live {
    shown: bool,
    begun: Time,
    last: Time,
    succeeded: u64,
}

impl Live {
    /// For a phase that begins now; silent unless it is measured and standard error is a terminal.
    pub fn new(measured: bool, now: Time) -> Live {
        Live {
            shown: measured && std::io::stderr().is_terminal(),
            begun: now,
            last: now,
            succeeded: 0,
        }
    }

    /// Prints a line if a second has passed: rate and latency of that second.
    pub fn tick(&mut self, now: Time, generator: &mut Generator) {
        if !self.shown || now - self.last < PERIOD {
            return;
        }
        let seconds = (now - self.last).as_secs_f64();
        let recent = generator.take_recent();
        let statistics = generator.statistics();
        let rate = (statistics.succeeded - self.succeeded) as f64 / seconds;
        eprintln!(
            "{:>4} s  {:>9}/s  {:>6} in flight  {} failed  {} retransmitted  p50 {}  p99 {}",
            (now - self.begun).as_secs(),
            count(rate.round() as u64),
            count(u64::from(generator.in_flight())),
            count(statistics.findings()),
            count(statistics.retransmissions),
            time(recent.percentile(50.0)),
            time(recent.percentile(99.0)),
        );
        self.last = now;
        self.succeeded = statistics.succeeded;
    }
}
