//! Runs one target on mutated inputs for a while, and makes small what it finds.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::mutate::Mutator;
use crate::random::Random;
use crate::{Target, Verdict};

thread_local! {
    /// What the last panic of this thread said, and where it was.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// An input that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The input, made small.
    pub input: Vec<u8>,
    /// What was said.
    pub message: String,
    /// Where.
    pub place: String,
}

/// What came of a run over many inputs.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Inputs that were run.
    pub runs: u64,
    /// Of these, those that were read.
    pub read: u64,
    /// Of these, those that led deeper.
    pub deep: u64,
    /// Time taken.
    pub elapsed: Duration,
    /// The longest that one input took.
    pub slowest: Duration,
    /// What was found, one for each place.
    pub findings: Vec<Finding>,
}

/// The input that is being run, for a watchdog.
#[derive(Debug, Default)]
pub struct Current(Mutex<Option<(Instant, Vec<u8>)>>);

impl Current {
    /// The input, if it has been running for longer than this.
    pub fn stuck(&self, longer_than: Duration) -> Option<Vec<u8>> {
        let current = self.0.lock().ok()?;
        let (began, input) = current.as_ref()?;
        (began.elapsed() > longer_than).then(|| input.clone())
    }

    fn set(&self, input: Option<&[u8]>) {
        if let Ok(mut current) = self.0.lock() {
            *current = input.map(|input| (Instant::now(), input.to_vec()));
        }
    }
}

/// Runs inputs.
#[derive(Debug)]
pub struct Runner<'a> {
    target: &'a Target,
    /// For a watchdog to look at.
    pub current: Current,
    /// Where each input is written before it is run: what ends the process leaves it there. Slow.
    pub note: Option<PathBuf>,
}

impl<'a> Runner<'a> {
    /// Different findings after which a target is left.
    const FINDINGS: usize = 8;
    /// Inputs that mutation goes on from.
    const POOL: usize = 4_000;
    /// Tries to make a finding smaller.
    const SHRINKS: usize = 4_000;

    /// A runner of this target. Panics of this process are kept instead of printed from now on.
    pub fn new(target: &'a Target) -> Runner<'a> {
        std::panic::set_hook(Box::new(|info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().cloned().or_else(|| {
                payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
            });
            let place = info.location().map(ToString::to_string);
            let told = (text.unwrap_or_default(), place.unwrap_or_default());
            PANIC.with(|last| *last.borrow_mut() = Some(told));
        }));
        Runner {
            target,
            current: Current::default(),
            note: None,
        }
    }

    /// What the target says to an input, or what it found.
    ///
    /// # Errors
    /// The input broke a rule.
    pub fn run(&self, input: &[u8]) -> Result<Verdict, Finding> {
        if let Some(path) = &self.note {
            // Without a note the run is still worth something.
            let _ = std::fs::write(path, input);
        }
        self.current.set(Some(input));
        let result = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        self.current.set(None);
        result.map_err(|_| {
            let told = PANIC.with(|last| last.borrow_mut().take());
            let (message, place) = told.unwrap_or_default();
            Finding {
                input: input.to_vec(),
                message,
                place,
            }
        })
    }

    /// Runs the inputs, then what is made of them, until the time is over.
    pub fn fuzz(&self, inputs: &[Vec<u8>], seed: u64, time: Duration) -> Outcome {
        let began = Instant::now();
        let mut outcome = Outcome::default();
        for input in inputs {
            self.one(input, &mut outcome);
        }
        let mut mutator = Mutator::new(self.target, seed);
        let mut random = Random::new(!seed);
        let mut pool = inputs.to_vec();
        while began.elapsed() < time && outcome.findings.len() < Self::FINDINGS {
            let input = mutator.next(&pool);
            let verdict = self.one(&input, &mut outcome);
            // What is still read is worth going on from.
            if verdict.is_some_and(|verdict| verdict != Verdict::Refused) && random.one_in(16) {
                if pool.len() < Self::POOL {
                    pool.push(input);
                } else {
                    let new = inputs.len().min(Self::POOL / 2);
                    let place = new + random.below(Self::POOL - new);
                    pool[place] = input;
                }
            }
        }
        outcome.elapsed = began.elapsed();
        outcome
    }

    fn one(&self, input: &[u8], outcome: &mut Outcome) -> Option<Verdict> {
        let began = Instant::now();
        let result = self.run(input);
        outcome.slowest = outcome.slowest.max(began.elapsed());
        outcome.runs += 1;
        match result {
            Ok(verdict) => {
                outcome.read += u64::from(verdict != Verdict::Refused);
                outcome.deep += u64::from(verdict == Verdict::Deep);
                Some(verdict)
            }
            Err(finding) => {
                if outcome
                    .findings
                    .iter()
                    .all(|other| other.place != finding.place)
                {
                    outcome.findings.push(self.shrink(finding));
                }
                None
            }
        }
    }

    /// Takes out what is not needed to find the same.
    pub fn shrink(&self, mut finding: Finding) -> Finding {
        let mut size = finding.input.len() / 2;
        let mut tries = 0;
        while size > 0 {
            let mut at = 0;
            while at < finding.input.len() && tries < Self::SHRINKS {
                tries += 1;
                let mut smaller = finding.input.clone();
                smaller.drain(at..(at + size).min(finding.input.len()));
                match self.run(&smaller) {
                    Err(same) if same.place == finding.place => finding = same,
                    _ => at += size,
                }
            }
            size /= 2;
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn picky(input: &[u8]) -> Verdict {
        assert!(
            !input.windows(3).any(|three| three == b"bad"),
            "it has the bad word"
        );
        Verdict::Read
    }

    const PICKY: Target = Target {
        name: "message",
        run: picky,
        shape: Shape::Text,
    };

    #[test]
    fn what_breaks_a_rule_is_found_and_made_small() {
        let runner = Runner::new(&PICKY);
        let outcome = runner.fuzz(&[b"some\nba\nd text\n".to_vec()], 1, Duration::from_secs(5));
        let outcome = if outcome.findings.is_empty() {
            runner.fuzz(&[b"a bad text that is long".to_vec()], 1, Duration::ZERO)
        } else {
            outcome
        };
        let finding = &outcome.findings[0];
        assert_eq!(finding.input, b"bad");
        assert_eq!(finding.message, "it has the bad word");
        assert!(finding.place.contains("runner.rs"));
    }
}
