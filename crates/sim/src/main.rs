//! `strowger-sim`: runs many seeds, prints what they came to, and for one that fails the seed, the reason, what is left
//! of its scenario when all that does not matter is left out, and a capture.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", cli::USAGE);
        return ExitCode::SUCCESS;
    }
    match cli::Arguments::parse(words.into_iter()) {
        Ok(arguments) if arguments.mutations => cli::measure_mutations(&arguments),
        Ok(arguments) => cli::run(&arguments),
        Err(problem) => {
            eprintln!("{problem}\n\n{}", cli::USAGE);
            ExitCode::from(2)
        }
    }
}
