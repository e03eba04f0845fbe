//! The trial: a server that needs nothing, and tells what to try.

use std::path::Path;

use serde_json::json;
use strowger_store::{Accounts, DataFolder, Database, User, account_with_password};

use super::signals::Request;
use super::{block_signals, end, log, run_with, start};
use crate::cli::SourceArgs;
use crate::commands::{say, say_json};
use crate::exit::{Exit, Failure};
use crate::invocation::program;
use crate::locate::{Given, Located};
use crate::origin::Origin;
use crate::password;
use crate::trial::{DOMAIN, FOLDER, USERS, is_default, with_free_port};

/// Starts the trial and serves until a signal ends it.
///
/// # Errors
/// Something needed for the start is missing or taken.
pub fn run(json: bool) -> Result<(), Failure> {
    let signals = block_signals()?;
    let (located, port) = with_free_port()?;
    let log = log::start(&located.config.log);
    let folder = DataFolder::open(FOLDER)?;
    // A running trial in this folder would be the one to make accounts.
    let lock = folder.lock()?;
    let made = accounts(&folder)?;
    drop(lock);
    let started = start::start(located, log)?;
    match json {
        true => say_json(&welcome_json(port, &made)),
        false => say(&welcome(port, &made)),
    }
    // A terminal that is closed ends its trial: there is no configuration to reload.
    let (Request::End | Request::Reload) = signals.wait();
    end(&signals, started);
    Ok(())
}

/// Starts a server for a script alone, on loopback addresses as the trial, and serves until a signal ends it.
///
/// # Errors
/// The script does not load, or something needed for the start is missing or taken.
pub fn script(args: &SourceArgs, given: Given<'_>, json: bool) -> Result<(), Failure> {
    let signals = block_signals()?;
    let origin = Origin::Script {
        script: args.kemi.clone().unwrap_or_default(),
        defines: given.defines.to_vec(),
        file: None,
    };
    let mut located = origin.load()?;
    if let Some(script) = &located.config.script {
        script.try_load()?;
    }
    let (free, port) = with_free_port()?;
    located.config.listen = free.config.listen;
    let folder = DataFolder::open(FOLDER)?;
    let lock = folder.lock()?;
    let made = accounts(&folder)?;
    drop(lock);
    match json {
        true => say_json(&welcome_json(port, &made)),
        false => say(&script_welcome(&located, &made)),
    }
    run_with(&signals, located, log::start)
}

fn script_welcome(located: &Located, made: &[(User, String)]) -> String {
    let listening = located.config.listen.iter().map(|one| one.text.as_str());
    let listening = listening.collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "\nA script decides, on this machine only: {listening}. Data: ./{FOLDER}. End it with Ctrl-C.\n"
    );
    for (user, secret) in made {
        text.push_str(&format!("  {}   password {secret}\n", user.name));
    }
    text.push_str("For other addresses and accounts write a configuration: strowger init\n\n");
    text
}

/// The passwords of the accounts that were made now; none on later starts.
fn accounts(folder: &DataFolder) -> Result<Vec<(User, String)>, Failure> {
    let mut accounts = Accounts::open(&Database::open_for_accounts(folder)?)?;
    // The folder may hold accounts of a configuration as well.
    if accounts.list()?.iter().any(|one| *one.domain == *DOMAIN) {
        return Ok(Vec::new());
    }
    let mut made = Vec::new();
    for name in USERS {
        let user = User {
            name: name.into(),
            domain: DOMAIN.into(),
        };
        let secret =
            password::random().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        accounts.add(&account_with_password(&user, &secret)?)?;
        made.push((user, secret));
    }
    Ok(made)
}

fn welcome_json(port: u16, made: &[(User, String)]) -> serde_json::Value {
    let made = made
        .iter()
        .map(|(user, secret)| json!({ "user": user.to_string(), "password": secret }));
    json!({ "server": format!("127.0.0.1:{port}"), "data": FOLDER, "added": made.collect::<Vec<_>>() })
}

fn welcome(port: u16, made: &[(User, String)]) -> String {
    let program = program();
    let unused = Path::new("strowger.toml").exists();
    let server = if is_default(port) {
        "127.0.0.1".to_owned()
    } else {
        format!("127.0.0.1:{port}")
    };
    let [first, second] = USERS;
    let mut text = format!(
        "\nThis is a trial of Strowger, on this machine only. Data: ./{FOLDER}. End it with Ctrl-C.\n"
    );
    if !is_default(port) {
        text.push_str(&format!(
            "Port 5060 is taken by another program, so it listens on port {port}.\n"
        ));
    }
    if unused {
        text.push_str(&format!(
            "The trial does not use ./strowger.toml: for that, {program} run\n"
        ));
    }
    text.push_str(&format!(
        "\nTwo accounts for phones (server {server}, UDP or TCP):\n"
    ));
    for name in USERS {
        let shown = match made.iter().find(|(user, _)| *user.name == *name) {
            Some((_, secret)) => format!("password {secret}"),
            None => format!(
                "password as shown at the first start; a new one: {program} user passwd {name} --random"
            ),
        };
        text.push_str(&format!("  {name}   {shown}\n"));
    }
    let secret = |name: &str| match made.iter().find(|(user, _)| *user.name == *name) {
        Some((_, secret)) => format!(" --password {secret}"),
        None => String::new(),
    };
    text.push_str(&format!(
        "\nTry in other terminals, in this folder:\n  \
         {program} ping sip:{server}\n  \
         {program} register sip:{second}@{server}{} --stay  # leave it open: it shows what comes\n  \
         {program} message sip:{second}@{server} 'Hello' --from sip:{first}@{server}{}\n\n\
         For real use: {program} init\n\n",
        secret(second),
        secret(first),
    ));
    text
}
