//! What can go wrong with the data folder, in words that say what, where, why and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// A path in the data folder could not be created, opened, read or written.
    Io {
        /// What was tried: "create the data folder", "read".
        action: &'static str,
        /// The path concerned.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The data folder's path names something else than a folder.
    NotAFolder(PathBuf),
    /// Another process runs on this data folder.
    Running {
        /// The data folder.
        folder: PathBuf,
        /// The other process, if it had written its number yet.
        pid: Option<u32>,
    },
    /// The file system of the database cannot do write-ahead logging.
    NoWal(PathBuf),
    /// The database file is damaged or not a database.
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The database or its file system cannot be written.
    ReadOnly(PathBuf),
    /// The file system is full.
    Full(PathBuf),
    /// Somebody else held the database for too long.
    Busy(PathBuf),
    /// The database was made by a newer version of this program.
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The database belongs to another program.
    Foreign(PathBuf),
    /// SQLite refused something for another reason.
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The secrets file can be read by others.
    SecretsExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The secrets file does not have its form.
    SecretsMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// A user name that cannot be one.
    BadUser {
        /// As given.
        user: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The domain of a user is not served here.
    UnknownDomain {
        /// As given.
        domain: String,
        /// The domains served.
        served: Vec<String>,
    },
    /// A password that cannot be used.
    BadPassword(&'static str),
    /// The account exists already.
    UserExists(String),
    /// There is no such account.
    UnknownUser(String),
    /// The table in memory has no room for what is stored.
    TableFull(String),
    /// An import was refused as a whole; nothing was changed.
    Import {
        /// The first errors, in the order of lines.
        errors: Vec<ImportError>,
        /// How many errors there were in all.
        total: usize,
    },
}

/// One line of an import that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io {
                action,
                path,
                source,
            } => {
                write!(
                    f,
                    "cannot {action} {}: {}",
                    path.display(),
                    plain_reason(source)
                )?;
                f.write_str(advice(source))
            }
            StoreError::NotAFolder(path) => write!(
                f,
                "the data folder {} is not a folder; move that file away or name another folder in `data`",
                path.display()
            ),
            StoreError::Running {
                folder,
                pid: Some(pid),
            } => write!(
                f,
                "another Strowger (process {pid}) runs on the data folder {}; stop it, or give this one a `data` folder of its own",
                folder.display()
            ),
            StoreError::Running { folder, pid: None } => write!(
                f,
                "another process holds the data folder {}; stop it, or give this one a `data` folder of its own",
                folder.display()
            ),
            StoreError::NoWal(path) => write!(
                f,
                "the file system of {} cannot share memory between processes (a network file system?); name a folder on a local disk in `data`",
                path.display()
            ),
            StoreError::Corrupt { path, reason } => write!(
                f,
                "the database {} is damaged ({reason}); starting the server moves it aside, saves the rows that can be read and goes on with a new one",
                path.display()
            ),
            StoreError::ReadOnly(path) => write!(
                f,
                "the database {} cannot be written; check the permissions of the file and its folder, and that the file system is not mounted read-only",
                path.display()
            ),
            StoreError::Full(path) => {
                write!(
                    f,
                    "no space left for {}; free some space on its file system",
                    path.display()
                )
            }
            StoreError::Busy(path) => write!(
                f,
                "the database {} is held by another process; try again, or end the program that has it open",
                path.display()
            ),
            StoreError::Newer { path, found, known } => write!(
                f,
                "the database {} was made by a newer Strowger (schema {found}, this one knows {known}); use that version, or another `data` folder",
                path.display()
            ),
            StoreError::Foreign(path) => write!(
                f,
                "{} is a SQLite database of another program; name another folder in `data`",
                path.display()
            ),
            StoreError::Sqlite {
                action,
                path,
                source,
            } => {
                write!(
                    f,
                    "cannot {action} in the database {}: {source}",
                    path.display()
                )
            }
            StoreError::SecretsExposed { path, mode } => write!(
                f,
                "the secrets file {path} can be read by others (mode {mode:04o}): whoever reads it can forge our tokens; run `chmod 600 {path}`, or delete it to have new secrets made",
                path = path.display()
            ),
            StoreError::SecretsMalformed { path, reason } => write!(
                f,
                "the secrets file {} cannot be understood ({reason}); delete it to have new secrets made (running calls lose their tokens)",
                path.display()
            ),
            StoreError::BadUser { user, reason } => {
                write!(f, "bad user name `{}`: {reason}", user.escape_debug())
            }
            StoreError::UnknownDomain { domain, served } => write!(
                f,
                "the domain `{}` is not served here; `domains` has: {}",
                domain.escape_debug(),
                served.join(", ")
            ),
            StoreError::BadPassword(reason) => write!(f, "bad password: {reason}"),
            StoreError::UserExists(user) => {
                write!(
                    f,
                    "the user {user} exists already; `user passwd` changes the password"
                )
            }
            StoreError::UnknownUser(user) => {
                write!(f, "there is no user {user}; `user list` shows all")
            }
            StoreError::TableFull(what) => {
                write!(
                    f,
                    "the database holds more than fits into memory: {what}; delete some, or spread them over servers"
                )
            }
            StoreError::Import { errors, total } => {
                writeln!(
                    f,
                    "nothing was imported: {total} {}",
                    if *total == 1 { "error" } else { "errors" }
                )?;
                for error in errors {
                    writeln!(f, "  {error}")?;
                }
                match total.saturating_sub(errors.len()) {
                    0 => Ok(()),
                    more => writeln!(f, "  and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io { source, .. } => Some(source),
            StoreError::Sqlite { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl StoreError {
    /// An error of the file system.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> StoreError {
        StoreError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// An error of SQLite, told apart by its code.
    pub(crate) fn sqlite(action: &'static str, path: &Path, source: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
                path,
                reason: source.to_string(),
            },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly(path),
            Some(ErrorCode::DiskFull) => StoreError::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path),
            _ => StoreError::Sqlite {
                action,
                path,
                source,
            },
        }
    }
}

/// The system's reason without Rust's "(os error 13)".
fn plain_reason(source: &io::Error) -> String {
    let text = source.to_string();
    match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// What to do about it, where one can say.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; give this user the right to it, or name another folder in `data`"
        }
        io::ErrorKind::NotFound => "; check `data` in the configuration",
        io::ErrorKind::ReadOnlyFilesystem => "; name a folder on a writable file system in `data`",
        io::ErrorKind::StorageFull => "; free some space on its file system",
        _ => "",
    }
}
