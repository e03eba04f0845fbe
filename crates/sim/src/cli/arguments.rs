//! What the command line can say.

use std::path::PathBuf;

use strowger_sim::Scenario;

/// How it is used.
pub const USAGE: &str = "usage: strowger-sim [--seeds N] [--first S] [--jobs J] [--require-probes] [--stop] [--mutations]
                    [--calls C] [--loss PERCENT] [--pcap DIR] [--watch TEXT] [--bad-network]

  --seeds N         how many seeds to run (50)
  --first S         the first seed (1)
  --jobs J          threads (as many as there are processors)
  --require-probes  fail if a rare path was never taken; so do 200 seeds or more of the mixed scenarios
  --stop            stop at the first seed that fails, and do not look into it
  --mutations       put each known bug into the world, and say within how many seeds it is found
  --calls C         calls and other requests per seed (as the scenario has it)
  --loss PERCENT    datagrams lost (as the scenario has it)
  --pcap DIR        where the capture of a failed seed is written
  --watch TEXT      print the messages of a failed seed that contain TEXT, a Call-ID for instance
  --bad-network     two shards each, 10 % loss, duplication and reordering, instead of a scenario drawn from the seed";

/// From so many seeds on all probes must be hit.
const SEEDS_FOR_PROBES: u64 = 200;

/// The command line.
pub struct Arguments {
    pub seeds: u64,
    pub first: u64,
    pub jobs: usize,
    pub require_probes: bool,
    pub mutations: bool,
    pub calls: Option<u32>,
    pub loss_per_mille: Option<u32>,
    pub pcap: Option<PathBuf>,
    pub watch: Option<String>,
    pub stop: bool,
    pub bad_network: bool,
}

impl Arguments {
    /// Reads the command line.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments {
            seeds: 50,
            first: 1,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            require_probes: false,
            mutations: false,
            calls: None,
            loss_per_mille: None,
            pcap: None,
            watch: None,
            stop: false,
            bad_network: false,
        };
        let mut seeds_given = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--stop" => arguments.stop = true,
                "--bad-network" => arguments.bad_network = true,
                "--require-probes" => arguments.require_probes = true,
                "--mutations" => arguments.mutations = true,
                _ => {
                    let value = words
                        .next()
                        .ok_or_else(|| format!("{word}: unknown, or without a value"))?;
                    seeds_given |= word == "--seeds";
                    arguments.set(&word, value)?;
                }
            }
        }
        if arguments.mutations && !seeds_given {
            arguments.seeds = 1_000;
        }
        let drawn = !arguments.bad_network && arguments.calls.is_none();
        arguments.require_probes |= drawn && arguments.seeds >= SEEDS_FOR_PROBES;
        Ok(arguments)
    }

    fn set(&mut self, word: &str, value: String) -> Result<(), String> {
        let number = || {
            value
                .parse::<f64>()
                .ok()
                .filter(|number| *number >= 0.0)
                .ok_or_else(|| format!("{word} {value}: not a number"))
        };
        match word {
            "--seeds" => self.seeds = number()? as u64,
            "--first" => self.first = number()? as u64,
            "--jobs" => self.jobs = number()? as usize,
            "--calls" => self.calls = Some(number()? as u32),
            "--loss" => self.loss_per_mille = Some((number()? * 10.0) as u32),
            "--pcap" => self.pcap = Some(value.into()),
            "--watch" => self.watch = Some(value),
            _ => return Err(format!("{word}: unknown")),
        }
        Ok(())
    }

    /// What a seed means.
    pub fn scenario(&self, seed: u64) -> Scenario {
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
