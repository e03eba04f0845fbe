#![forbid(unsafe_code)]
//! `strowger-robust flood` and `strowger-robust mutate`: what `interop/robust/run.py` needs faster than Python sends it.
//! Loopback only. The last line of standard output is one JSON object with what was done.

mod flood;
mod mutate;
mod options;
mod random;
mod receive;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "\
strowger-robust flood  --target ADDRESS --domain NAME --count N [--rate N] [--from 127.0.0.2] [--sources N]
                       [--kind register|options|invite|message|junk|mixed] [--linger SECONDS] [--port N]
strowger-robust mutate --target ADDRESS --domain NAME --count N --fixtures FOLDER [--seed N] [--users N]
                       [--tcp PERCENT] [--failure FILE]";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = Options::parse(words).and_then(|options| match command.as_str() {
        "flood" => flood::run(&options),
        "mutate" => mutate::run(&options),
        _ => Err(USAGE.to_owned()),
    });
    match outcome {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
