#![forbid(unsafe_code)]
//! The `strowger` program as a library, so that what it reads can be read by tests outside of it.

mod cli;
mod client;
mod commands;
mod config;
mod exit;
mod invocation;
mod kamailio;
mod load;
mod locate;
mod origin;
mod password;
mod reading;
mod serve;
mod socket_client;
mod trial;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, SourceArgs};
use crate::exit::{Exit, Failure};
use crate::locate::{Given, Located};
use crate::origin::Origin;

pub use reading::{Reading, read_configuration};

/// The program.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let json = cli.json;
    match dispatch(cli) {
        // Whoever reads the result must not take a cut one for the whole.
        Ok(_) if commands::lost() => {
            eprintln!("error: the result could not be written to standard output");
            Exit::Failed.into()
        }
        Ok(code) => code,
        Err(failure) => {
            if json {
                commands::say_json(&failure.to_json());
            } else {
                eprintln!("{failure}");
            }
            failure.exit.into()
        }
    }
}

/// A command line that makes no sense, or one that asks for help.
fn misused(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !json {
        error.exit();
    }
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let failure = Failure::new(Exit::Usage, message).fix("`--help` shows what is possible");
    commands::say_json(&failure.to_json());
    Exit::Usage.into()
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let (file, json) = (cli.config.as_deref(), cli.json);
    let given = Given {
        file,
        defines: &cli.define,
    };
    match cli.command {
        None if file.is_some() => serve::run(locate::configuration(given)?)?,
        None => serve::trial(json)?,
        Some(Command::Run(args)) if args.kemi.is_some() && file.is_none() => {
            serve::script(&args, given, json)?;
        }
        Some(Command::Run(args)) => serve::run(source(&args, given)?)?,
        Some(Command::Init(args)) => commands::init::run(file, &args, json)?,
        Some(Command::Check(args)) => commands::check::run(source(&args, given)?, json)?,
        Some(Command::Status) => commands::observe::status(given, json)?,
        Some(Command::User(command)) => commands::user::run(given, command, json)?,
        Some(Command::Reg(command)) => commands::registration::run(given, command, json)?,
        Some(Command::Stats(args)) => commands::observe::stats(given, &args, json)?,
        Some(Command::Rpc(args)) => commands::rpc::run(given, &args, json)?,
        Some(Command::Reload) => commands::reload::run(given, json)?,
        Some(Command::Watch(args)) => commands::observe::watch(given, &args, json)?,
        Some(Command::Ping(args)) => return Ok(ExitCode::from(client::ping(&args, json))),
        Some(Command::Register(args)) => return Ok(ExitCode::from(client::register(&args, json))),
        Some(Command::Message(args)) => return Ok(ExitCode::from(client::message(&args, json))),
        Some(Command::Load(args)) => return Ok(ExitCode::from(load::run(&args, json)?)),
        Some(Command::Version) => version(json),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "strowger", &mut script);
            commands::say(&String::from_utf8_lossy(&script));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What `run` and `check` are about.
fn source(args: &SourceArgs, given: Given<'_>) -> Result<Located, Failure> {
    let defines = given.defines.to_vec();
    match (&args.kamailio, &args.kemi) {
        (Some(file), _) => Origin::Kamailio {
            file: file.clone(),
            defines,
        }
        .load(),
        (None, Some(script)) => Origin::Script {
            script: script.clone(),
            defines,
            file: given.file.map(std::path::Path::to_owned),
        }
        .load(),
        (None, None) => locate::configuration(given),
    }
}

fn version(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        commands::say_json(&serde_json::json!({ "version": version }));
    } else {
        commands::say(&format!("strowger {version}\n"));
    }
}
