//! How soon a known bug is found: each is put into the worlds of the same seeds as every other run.

use std::process::ExitCode;
use std::time::Instant;

use strowger_sim::{Sabotage, run_many, run_with};

use super::Arguments;

/// Measures all of them.
pub fn measure_mutations(arguments: &Arguments) -> ExitCode {
    let mut missed = 0;
    println!("| class | bug | found by seed | as |\n|---|---|---:|---|");
    for sabotage in Sabotage::ALL {
        let started = Instant::now();
        let mut found: Option<(u64, String)> = None;
        run_many(
            arguments.first,
            arguments.seeds,
            arguments.jobs,
            |seed| run_with(&arguments.scenario(seed), Some(sabotage)).err(),
            |seed, failure| {
                if let Some(failure) = failure
                    && found.as_ref().is_none_or(|(first, _)| seed < *first)
                {
                    found = Some((seed, failure.headline()));
                }
                found.is_none()
            },
        );
        let class = sabotage.class();
        match found {
            Some((seed, reason)) => {
                let reason = reason.split(": ").nth(1).unwrap_or_default();
                let nth = seed - arguments.first + 1;
                println!("| {class} | `{sabotage:?}` | {nth} | {reason} |");
            }
            None => {
                missed += 1;
                let seeds = arguments.seeds;
                println!("| {class} | `{sabotage:?}` | **not in {seeds}** | |");
            }
        }
        eprintln!("{sabotage:?}: {:.1} s", started.elapsed().as_secs_f64());
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
