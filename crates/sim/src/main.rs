//! `strowger-sim`: runs many seeds, prints what they came to, and for one that fails the seed, the reason and a capture.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use strowger_sim::{Failure, PcapWriter, Scenario, World};

const USAGE: &str = "usage: strowger-sim [--seeds N] [--first S] [--calls C] [--loss PERCENT] [--pcap DIR] [--bad-network]

  --seeds N       how many seeds to run (50)
  --first S       the first seed (1)
  --calls C       calls and other requests per seed (as the scenario has it)
  --loss PERCENT  datagrams lost (as the scenario has it)
  --pcap DIR      where the capture of a failed seed is written
  --bad-network   two shards each, 10 % loss, duplication and reordering, instead of a scenario drawn from the seed";

struct Arguments {
    seeds: u64,
    first: u64,
    calls: Option<u32>,
    loss_per_mille: Option<u32>,
    pcap: Option<PathBuf>,
    bad_network: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments {
            seeds: 50,
            first: 1,
            calls: None,
            loss_per_mille: None,
            pcap: None,
            bad_network: false,
        };
        while let Some(word) = words.next() {
            if word == "--bad-network" {
                arguments.bad_network = true;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word}: unknown, or without a value"))?;
            let number = || {
                value
                    .parse::<f64>()
                    .ok()
                    .filter(|number| *number >= 0.0)
                    .ok_or_else(|| format!("{word} {value}: not a number"))
            };
            match word.as_str() {
                "--seeds" => arguments.seeds = number()? as u64,
                "--first" => arguments.first = number()? as u64,
                "--calls" => arguments.calls = Some(number()? as u32),
                "--loss" => arguments.loss_per_mille = Some((number()? * 10.0) as u32),
                "--pcap" => arguments.pcap = Some(value.into()),
                _ => return Err(format!("{word}: unknown")),
            }
        }
        Ok(arguments)
    }

    fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = if self.bad_network {
            Scenario::bad_network(seed)
        } else {
            Scenario::mixed(seed)
        };
        if let Some(calls) = self.calls {
            scenario.errands = calls;
        }
        if let Some(loss) = self.loss_per_mille {
            scenario.network.loss_per_mille = loss;
        }
        scenario
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Arguments::parse(words.into_iter()) {
        Ok(arguments) => run(&arguments),
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[derive(Default)]
struct Totals {
    errands: u64,
    calls: u64,
    answered: u64,
    failed: BTreeMap<u16, u64>,
    singles: u64,
    in_dialog: u64,
    unacknowledged: u64,
    excused: u64,
    messages: u64,
    lost: u64,
    seconds: u64,
}

fn run(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut failures = 0_u64;
    for seed in arguments.first..arguments.first.saturating_add(arguments.seeds) {
        let scenario = arguments.scenario(seed);
        match World::of(&scenario).run() {
            Ok(summary) => {
                let errands = summary.errands;
                totals.errands += errands.errands;
                totals.calls += errands.calls;
                totals.answered += errands.answered;
                for (status, count) in errands.failed {
                    *totals.failed.entry(status).or_default() += count;
                }
                totals.singles += errands.singles_answered;
                totals.in_dialog += errands.in_dialog;
                totals.unacknowledged += errands.unacknowledged;
                totals.excused += errands.excused;
                totals.messages += summary.network.sent;
                totals.lost += summary.network.lost;
                totals.seconds += summary.ended_at.as_secs();
            }
            Err(failure) => {
                failures += 1;
                println!("FAILED {failure}");
                if let Some(folder) = &arguments.pcap {
                    write_capture(folder, &scenario, &failure);
                }
            }
        }
    }
    print(&totals, arguments.seeds, failures, started);
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(totals: &Totals, seeds: u64, failures: u64, started: Instant) {
    let failed: Vec<String> = totals
        .failed
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    println!("seeds           {seeds}, failed {failures}");
    println!(
        "errands         {}, {} of them calls",
        totals.errands, totals.calls
    );
    println!(
        "answered        {} calls, {} other requests",
        totals.answered, totals.singles
    );
    println!("ended otherwise {}", failed.join(", "));
    println!("in dialogs      {} requests answered", totals.in_dialog);
    println!(
        "network's fault {} errands, {} answers without an ACK",
        totals.excused, totals.unacknowledged
    );
    println!("datagrams       {}, lost {}", totals.messages, totals.lost);
    println!("virtual time    {} s", totals.seconds);
    println!("wall time       {:.1} s", started.elapsed().as_secs_f64());
}

/// Runs a failed seed again, which gives the same run, and keeps its datagrams this time.
fn write_capture(folder: &Path, scenario: &Scenario, failure: &Failure) {
    let mut world = World::of(&Scenario {
        records: true,
        ..scenario.clone()
    });
    // The outcome is known.
    let _ = world.run();
    let path = folder.join(format!("seed-{}.pcap", failure.seed));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| File::create(&path))
        .and_then(|file| {
            let mut writer = PcapWriter::new(BufWriter::new(file))?;
            for (at, packet) in world.recording() {
                writer.datagram(*at, packet.from, packet.to, &packet.octets)?;
            }
            writer.finish()
        });
    match written {
        Ok(_) => println!("capture: {}", path.display()),
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}
