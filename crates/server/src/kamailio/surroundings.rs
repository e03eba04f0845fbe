//! What the script host needs of this process: a clock for its slices, and files.

use std::collections::BTreeMap;

use nix::time::{ClockId, clock_gettime};
use strowger_kamailio::kemi::KemiSurroundings;
use strowger_lua::{BudgetClock, DiskFolder, HostSettings, ScriptFolder};

/// The surroundings in a server.
#[derive(Copy, Clone, Debug)]
pub struct Surroundings;

impl KemiSurroundings for Surroundings {
    fn clock(&self) -> Box<dyn BudgetClock> {
        Box::new(ThreadClock)
    }

    fn folder(&self, path: &str) -> Box<dyn ScriptFolder> {
        Box::new(DiskFolder::new(path))
    }

    fn settings(&self) -> HostSettings {
        // The script is the operator's own: it sees what the operator gave the process.
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        HostSettings {
            environment,
            ..HostSettings::default()
        }
    }
}

/// CPU time of the thread that runs the slice: a thread that has to wait for a processor does not use up its script's
/// time. It is read once in a thousand instructions, so that the system call costs nothing that can be measured.
struct ThreadClock;

impl BudgetClock for ThreadClock {
    fn read(&mut self, _instructions: u64) -> u64 {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |time| {
            let nanos = core::time::Duration::from(time).as_nanos();
            u64::try_from(nanos).unwrap_or(u64::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_advances_with_work() {
        let mut clock = ThreadClock;
        let before = clock.read(0);
        let sum = (0..100_000_u64).fold(0, |sum: u64, one| std::hint::black_box(sum ^ one));
        assert!(clock.read(0) > before, "{sum}");
    }
}
