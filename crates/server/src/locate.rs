//! Which server a command is about: the file given with `-c`, else the configuration or trial of this place.

use std::path::{Path, PathBuf};

use strowger_admin::Status;
use strowger_store::{DataFolder, StoreError};

use crate::config::{Config, Data};
use crate::exit::{Exit, Failure};
use crate::kamailio::Findings;
use crate::origin::Origin;
use crate::socket_client::Server;
use crate::trial;

/// Where configurations are looked for, in order.
const FILES: [&str; 2] = ["strowger.toml", "/etc/strowger/strowger.toml"];

/// A configuration and where it came from.
#[derive(Debug)]
pub struct Located {
    /// The configuration.
    pub config: Config,
    /// Where it is read again.
    pub origin: Origin,
    /// Warnings of its files.
    pub report: Findings,
}

/// What the command line says about the configuration.
#[derive(Copy, Clone, Debug, Default)]
pub struct Given<'a> {
    /// `-c`: a file, or the data folder of a running server.
    pub file: Option<&'a Path>,
    /// `-A`: `NAME` or `NAME=VALUE`.
    pub defines: &'a [String],
}

/// The configuration of `-c`, or of this place, for `run` and `check`.
///
/// # Errors
/// There is none, or it has errors.
pub fn configuration(given: Given<'_>) -> Result<Located, Failure> {
    match given.file.map(Path::to_owned).or_else(|| FILES.iter().map(PathBuf::from).find(|file| file.exists())) {
        Some(file) => Origin::of_path(&file, given.defines).load(),
        None => Err(Failure::new(Exit::Configuration, format!("there is no configuration: neither {} exists", FILES.join(" nor ")))
            .fix("`strowger init` writes one; `strowger` alone starts a trial; -c FILE names one elsewhere")),
    }
}

/// A report with errors as a failure.
pub fn refused(report: &Findings) -> Failure {
    let message = format!(
        "{}; nothing was changed",
        tally(report.errors(), report.warnings())
    );
    let mut failure = Failure::new(Exit::Configuration, message);
    failure.report = Some(Box::new((report.to_string(), report.to_json())));
    failure
}

/// "2 errors, 1 warning".
pub fn tally(errors: usize, warnings: usize) -> String {
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    match (errors, warnings) {
        (_, 0) => count(errors, "error"),
        (0, _) => count(warnings, "warning"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

/// The configuration for commands that speak to a server or its data: `-c`, else the first of this place's
/// configurations and trial whose server runs, else the first that exists.
///
/// # Errors
/// There is none, or it has errors.
pub fn instance(given: Given<'_>, absent: Exit) -> Result<Located, Failure> {
    located(given, absent, false)
}

/// The same for commands that need to know what the file says, not only where the server is.
///
/// # Errors
/// There is none, or it has errors.
pub fn instance_with_file(given: Given<'_>, absent: Exit) -> Result<Located, Failure> {
    located(given, absent, true)
}

fn located(given: Given<'_>, absent: Exit, with_file: bool) -> Result<Located, Failure> {
    if let Some(file) = given.file {
        return Origin::of_path(file, given.defines).load();
    }
    let mut found = Vec::new();
    for file in FILES.iter().map(Path::new).filter(|file| file.exists()) {
        found.push(Origin::File(file.to_owned()).load());
    }
    if Path::new(trial::FOLDER).exists() {
        found.push(trial::located());
    }
    let running = found.iter().position(|one| {
        one.as_ref()
            .is_ok_and(|one| Server::find(&one.config.admin_socket()).is_some())
    });
    // A file that cannot be read may be that of the server in the trial's folder, which `init` proposes too. Looking at
    // the server is possible all the same, account commands and `reload` want the file.
    if let (Some(position), Some(wrong)) = (running, found.iter().position(Result::is_err))
        && with_file
        && found.get(position).is_some_and(is_no_trial)
    {
        return found.swap_remove(wrong);
    }
    match running.or((!found.is_empty()).then_some(0)) {
        Some(position) => found.swap_remove(position),
        None => Err(Failure::new(absent, "there is no server here: no strowger.toml, no /etc/strowger/strowger.toml, no ./strowger-data")
            .fix("start one with `strowger`, go to its folder, or name its file with -c")),
    }
}

/// True if the server that answers for the trial runs with a configuration file.
fn is_no_trial(found: &Result<Located, Failure>) -> bool {
    let Ok(located) = found else { return false };
    let status: Option<Status> = located
        .server()
        .filter(|_| located.origin == Origin::Trial)
        .and_then(|server| server.get("/v1/status").ok());
    status.is_some_and(|status| status.configuration.is_some())
}

impl Located {
    /// The running server.
    pub fn server(&self) -> Option<Server> {
        Server::find(&self.config.admin_socket())
    }

    /// The running server.
    ///
    /// # Errors
    /// It does not run.
    pub fn running(&self) -> Result<Server, Failure> {
        self.server().ok_or_else(|| {
            let start = self.origin.start_command();
            let socket = self.config.admin_socket();
            Failure::new(
                Exit::NotRunning,
                format!(
                    "the server is not running: nobody answers at {}",
                    socket.display()
                ),
            )
            .fix(format!("start it with `{start}`"))
        })
    }

    /// The data folder, for account commands without a running server.
    ///
    /// # Errors
    /// It cannot be used, or there is none.
    pub fn folder(&self) -> Result<DataFolder, Failure> {
        match &self.config.data {
            Data::Folder(path) => DataFolder::open(path).map_err(|error: StoreError| error.into()),
            Data::Memory => Err(Failure::new(
                Exit::NotRunning,
                "accounts are kept in memory and the server is not running",
            )
            .fix("start the server first, or name a folder in `data`")),
        }
    }
}
