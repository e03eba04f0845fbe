//! The command line: what is asked, the runs, what is printed.

mod arguments;
mod mutations;
mod report;
mod totals;

use std::process::ExitCode;
use std::time::Instant;

pub use arguments::{Arguments, USAGE};
pub use mutations::measure_mutations;
use strowger_sim::{run as run_seed, run_many};
use totals::Totals;

/// Runs the seeds.
pub fn run(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    run_many(
        arguments.first,
        arguments.seeds,
        arguments.jobs,
        |seed| run_seed(&arguments.scenario(seed)),
        |seed, outcome| {
            match outcome {
                Ok(summary) => totals.take(&summary),
                Err(failure) => {
                    println!("FAILED {}", failure.headline());
                    failed.push((seed, failure));
                }
            }
            !arguments.stop || failed.is_empty()
        },
    );
    failed.sort_by_key(|(seed, _)| *seed);
    let failures = failed.len();
    // One that is looked into says more than many that are not.
    let looked_into = failed.into_iter().next().filter(|_| !arguments.stop);
    if let Some((seed, failure)) = looked_into {
        report::failure(arguments, &arguments.scenario(seed), failure);
    }
    totals.print(arguments.seeds, failures, started.elapsed());
    let missed = totals.probes.missed();
    let probes_fail = arguments.require_probes && !missed.is_empty();
    if probes_fail {
        println!("never taken     {}", missed.join(", "));
    }
    let too_many = totals.too_many_excuses();
    if let Some(what) = &too_many {
        println!("too many        {what}");
    }
    if failures == 0 && !probes_fail && too_many.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
