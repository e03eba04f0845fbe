//! `strowger init`: a commented configuration for real use.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;

use super::{say, say_json};
use crate::cli::InitArgs;
use crate::config::{self, Config, Source};
use crate::exit::{Exit, Failure};
use crate::kamailio::Findings;
use crate::locate::refused;

/// Writes the file; an existing one is kept unless `--force`.
///
/// # Errors
/// The arguments make no good configuration, or the file cannot be written.
pub fn run(file: Option<&Path>, args: &InitArgs, json: bool) -> Result<(), Failure> {
    let file = file.unwrap_or(Path::new("strowger.toml"));
    let domain = match &args.domain {
        Some(domain) => config::domain(domain)
            .map_err(|refused| Failure::new(Exit::Usage, refused.reason).fix(refused.fix))?,
        None => machine_name(),
    };
    let listen = if args.listen.is_empty() {
        everywhere()
    } else {
        args.listen.clone()
    };
    let text = config::template(&domain, &listen, &args.data);
    let (written, report) = Config::parse(
        Source::new(file.display().to_string(), text.clone()),
        Path::new(""),
    );
    let Some(config) = written else {
        let mut failure = refused(&Findings::File(report));
        failure.exit = Exit::Usage;
        return Err(failure);
    };
    write(file, &text, args.force)?;
    if json {
        say_json(&json!({ "file": file, "domain": domain, "listen": listen, "data": args.data }));
        return Ok(());
    }
    let option = if file == Path::new("strowger.toml") {
        String::new()
    } else {
        format!(" -c {}", file.display())
    };
    let program = crate::invocation::program();
    let folder = match &config.data {
        config::Data::Folder(folder) => folder.display().to_string(),
        config::Data::Memory => "memory".to_owned(),
    };
    say(&format!(
        "wrote {}: domain {domain}, listening on {}, data in {folder}\n\nnext:\n  \
         {program}{option} check\n  {program}{option} user add 1001 1002\n  {program}{option} run\n",
        file.display(),
        listen.join(", "),
    ));
    Ok(())
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    // It may come to hold passwords.
    options.write(true).mode(0o600);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::new(
                Exit::Failed,
                format!("{} exists already; nothing was changed", file.display()),
            )
            .fix("another name with -c FILE, or --force to replace it"),
            _ => Failure::new(
                Exit::Failed,
                format!("cannot write {}: {error}", file.display()),
            ),
        })
}

fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    config::domain(name.trim()).unwrap_or_else(|_| "localhost".to_owned())
}

fn everywhere() -> Vec<String> {
    let mut listen = vec!["udp:0.0.0.0:5060".to_owned(), "tcp:0.0.0.0:5060".to_owned()];
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        listen.extend(["udp:[::]:5060".to_owned(), "tcp:[::]:5060".to_owned()]);
    }
    listen
}
