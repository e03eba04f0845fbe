//! From a failing scenario to a small one that fails in the same way: faults, incidents and errands are left out one
//! after another, as long as it still fails.

use crate::scenario::Scenario;
use crate::world::{Failure, Summary};

/// Runs that a scenario may be shrunk with.
pub const RUNS_MAX: u32 = 150;

/// What is left of a failing scenario.
#[derive(Debug)]
pub struct Shrunk {
    /// The smallest that failed.
    pub scenario: Scenario,
    /// How.
    pub failure: Box<Failure>,
    /// Runs that it took.
    pub runs: u32,
}

struct Shrinking<'r> {
    run: &'r dyn Fn(&Scenario) -> Result<Summary, Box<Failure>>,
    best: Scenario,
    failure: Box<Failure>,
    kind: String,
    runs: u32,
}

/// Shrinks a scenario that failed so when `run` ran it.
pub fn shrink(
    scenario: &Scenario,
    failure: Box<Failure>,
    run: &dyn Fn(&Scenario) -> Result<Summary, Box<Failure>>,
) -> Shrunk {
    let mut shrinking = Shrinking {
        run,
        best: scenario.clone(),
        kind: kind_of(&failure.reason),
        failure,
        runs: 0,
    };
    shrinking.drop_faults();
    shrinking.drop_incidents();
    shrinking.drop_errands();
    // What is left may fail without more of them.
    shrinking.drop_faults();
    Shrunk {
        scenario: shrinking.best,
        failure: shrinking.failure,
        runs: shrinking.runs,
    }
}

impl Shrinking<'_> {
    fn drop_faults(&mut self) {
        for fault in self.best.faults() {
            let mut smaller = self.best.clone();
            smaller.remove(fault);
            self.attempt(smaller);
        }
    }

    fn drop_incidents(&mut self) {
        let count = self.best.incident_count();
        for place in 0..count {
            let mut smaller = self.best.clone();
            if smaller.skipped_incidents.insert(place) {
                self.attempt(smaller);
            }
        }
    }

    /// Halves of what is left, then quarters, and so on to single ones.
    fn drop_errands(&mut self) {
        let mut size = (self.best.errands / 2).max(1);
        loop {
            let kept: Vec<u32> = (0..self.best.errands)
                .filter(|number| !self.best.skipped_errands.contains(number))
                .collect();
            for chunk in kept.chunks(size as usize) {
                let mut smaller = self.best.clone();
                smaller.skipped_errands.extend(chunk);
                self.attempt(smaller);
            }
            if size == 1 || self.runs >= RUNS_MAX {
                return;
            }
            size = (size / 2).max(1);
        }
    }

    fn attempt(&mut self, smaller: Scenario) {
        if self.runs >= RUNS_MAX {
            return;
        }
        self.runs += 1;
        if let Err(failure) = (self.run)(&smaller)
            && kind_of(&failure.reason) == self.kind
        {
            self.best = smaller;
            self.failure = failure;
        }
    }
}

/// A reason without what is different in every run: what stands before the first colon, and no numbers.
fn kind_of(reason: &str) -> String {
    let head = if reason.starts_with("errand ") {
        reason.rsplit(": ").next().unwrap_or(reason)
    } else {
        reason.split(':').next().unwrap_or(reason)
    };
    head.chars()
        .filter(|letter| !letter.is_ascii_digit())
        .take_while(|letter| *letter != '(')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_matter() {
        assert_eq!(
            kind_of(
                "errand 3 (Call { x: 1 }, 0 datagrams lost): 2 sides of dialogs began and 1 ended"
            ),
            kind_of("errand 81 (Single, 4 datagrams lost): 4 sides of dialogs began and 3 ended"),
        );
        assert_ne!(kind_of("a storm: x"), kind_of("a 2xx was not passed on: x"));
    }
}
