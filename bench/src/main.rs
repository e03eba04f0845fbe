//! What one message costs: `strowger-bench SCENARIO COUNT` does the work COUNT times, to be run under callgrind;
//! `strowger-bench allocations` counts allocations; `strowger-bench names` lists the scenarios; `strowger-bench time` takes wall time.
//! `bench/run` makes a table of it and compares it with `bench/limits`.

mod counting;
mod measured;
mod scenarios;
mod shard;

use std::process::ExitCode;
use std::time::Instant;

use scenarios::SCENARIOS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["names"] => SCENARIOS.iter().for_each(|(name, ..)| println!("{name}")),
        ["allocations"] => SCENARIOS.iter().for_each(|(name, make)| {
            let mut round = make();
            // The first rounds bring reused memory to its size.
            (0..3).for_each(|_| round());
            let before = counting::allocations();
            (0..100).for_each(|_| round());
            println!(
                "{name} {}",
                (counting::allocations() - before) as f64 / 100.0
            );
        }),
        ["time"] => SCENARIOS.iter().for_each(|(name, make)| {
            let mut round = make();
            let best = (0..5).map(|_| {
                let start = Instant::now();
                (0..20_000).for_each(|_| round());
                start.elapsed().as_nanos() / 20_000
            });
            println!("{name} {} ns", best.min().unwrap_or_default());
        }),
        [wanted, count] => {
            let Some((_, make)) = SCENARIOS.iter().find(|(name, ..)| name == wanted) else {
                return usage();
            };
            let Ok(count) = count.parse::<u32>() else {
                return usage();
            };
            let mut round = make();
            (0..count).for_each(|_| round());
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: strowger-bench names | allocations | time | SCENARIO COUNT");
    ExitCode::from(2)
}
