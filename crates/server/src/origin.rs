//! Where a configuration comes from, so that it can be read again.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Config, Data};
use crate::exit::{Exit, Failure};
use crate::kamailio::{self, Findings};
use crate::locate::{Located, refused};
use crate::trial;

/// The origin of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing is written: the trial.
    Trial,
    /// A `strowger.toml`.
    File(PathBuf),
    /// A `kamailio.cfg`.
    Kamailio {
        /// The file.
        file: PathBuf,
        /// `-A`: `NAME` or `NAME=VALUE`.
        defines: Vec<String>,
    },
    /// A script in the place of what the configuration says.
    Script {
        /// The script.
        script: PathBuf,
        /// `-A`: `NAME` or `NAME=VALUE`.
        defines: Vec<String>,
        /// The `strowger.toml`; without one, loopback listeners as in the trial.
        file: Option<PathBuf>,
    },
    /// The data folder of a server that runs, for commands that speak to it.
    Folder(PathBuf),
}

impl Origin {
    /// What a path on the command line names: a folder is a data folder, `.cfg` is Kamailio's.
    pub fn of_path(path: &Path, defines: &[String]) -> Origin {
        let path = path.to_owned();
        if path.is_dir() {
            return Origin::Folder(path);
        }
        match path.extension().is_some_and(|extension| extension == "cfg") {
            true => Origin::Kamailio {
                file: path,
                defines: defines.to_vec(),
            },
            false => Origin::File(path),
        }
    }

    /// The file that an operator would change.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Origin::Trial | Origin::Folder(_) => None,
            Origin::File(file) | Origin::Kamailio { file, .. } => Some(file),
            Origin::Script { script, file, .. } => Some(file.as_ref().unwrap_or(script)),
        }
    }

    /// How such a server is started.
    pub fn start_command(&self) -> String {
        match self {
            Origin::Trial | Origin::Folder(_) => "strowger".to_owned(),
            Origin::File(file) => format!("strowger run -c {}", file.display()),
            Origin::Kamailio { file, .. } => {
                format!("strowger run --kamailio {}", file.display())
            }
            Origin::Script { script, .. } => format!("strowger run --kemi {}", script.display()),
        }
    }

    /// Reads the configuration; its errors become one failure that shows them all.
    ///
    /// # Errors
    /// A file cannot be read or has errors.
    pub fn load(&self) -> Result<Located, Failure> {
        let (config, report) = match self {
            Origin::Trial => return trial::located(),
            Origin::Folder(folder) => {
                let mut located = trial::located()?;
                located.config.data = Data::Folder(folder.clone());
                return Ok(located);
            }
            Origin::File(file) => {
                let read = Config::load(file);
                let (config, report) = read.map_err(|error| unreadable(file, &error, true))?;
                (config, Findings::File(report))
            }
            Origin::Kamailio { file, defines } => {
                kamailio::cfg(file, defines).map_err(|error| unreadable(file, &error, false))?
            }
            Origin::Script {
                script,
                defines,
                file,
            } => {
                let mut located = match file {
                    Some(file) => Origin::File(file.clone()).load()?,
                    None => trial::located()?,
                };
                kamailio::script_alone(&mut located.config, script, defines)
                    .map_err(|error| unreadable(script, &error, false))?;
                (Some(located.config), located.report)
            }
        };
        match config {
            Some(config) => Ok(Located {
                config,
                origin: self.clone(),
                report,
            }),
            None => Err(refused(&report)),
        }
    }
}

fn unreadable(file: &Path, error: &io::Error, can_be_written: bool) -> Failure {
    let text = error.to_string();
    let reason = text
        .split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase();
    let failure = Failure::new(
        Exit::Configuration,
        format!("cannot read {}: {reason}", file.display()),
    );
    match error.kind() {
        io::ErrorKind::NotFound if can_be_written => {
            failure.fix(format!("strowger init -c {}", file.display()))
        }
        _ => failure,
    }
}
