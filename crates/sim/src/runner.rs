//! Many seeds on several threads: each world lives on one thread from its seed to its verdict, so that the number of
//! threads changes nothing but the time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use strowger_sip::Time;

use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::world::{Failure, Summary, World};

/// Runs a scenario. A panic, of an element or of the simulation, is a failure like any other.
pub fn run(scenario: &Scenario) -> Result<Summary, Box<Failure>> {
    run_with(scenario, None)
}

/// Runs a scenario with a fault in it that a checker must find.
pub fn run_with(scenario: &Scenario, sabotage: Option<Sabotage>) -> Result<Summary, Box<Failure>> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::of(scenario);
        if let Some(sabotage) = sabotage {
            world.sabotage(sabotage);
        }
        world.run()
    }));
    outcome.unwrap_or_else(|_| {
        Err(Box::new(Failure {
            seed: scenario.seed,
            at: Time::ZERO,
            reason: "a panic outside of the elements: see above".into(),
            last: Vec::new(),
        }))
    })
}

/// Runs `count` scenarios on `jobs` threads and hands each outcome to `take`, in the order in which they end. `take` says
/// whether to go on.
pub fn run_many<T: Send>(
    first: u64,
    count: u64,
    jobs: usize,
    work: impl Fn(u64) -> T + Sync,
    take: impl FnMut(u64, T) -> bool + Send,
) {
    let next = AtomicU64::new(0);
    let take = Mutex::new(take);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count {
                        return;
                    }
                    let outcome = work(first + place);
                    let mut take = take
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    if !take(first + place, outcome) {
                        next.store(count, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_runs_once_however_many_threads_there_are() {
        for jobs in [1, 3] {
            let mut seen = Vec::new();
            run_many(
                5,
                20,
                jobs,
                |seed| seed * 2,
                |seed, double| {
                    assert_eq!(double, seed * 2);
                    seen.push(seed);
                    true
                },
            );
            seen.sort_unstable();
            assert_eq!(seen, (5..25).collect::<Vec<_>>());
        }
    }
}
