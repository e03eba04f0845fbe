//! What can go wrong with a database of Kamailio, with file and line.

use std::fmt;
use std::path::PathBuf;

/// Errors of one table that are kept to be shown; the others are counted.
pub const KAMAILIO_ERRORS_MAX: usize = 100;

/// Why a table could not be read.
#[derive(Debug)]
pub enum KamailioError {
    /// The URL of a database that is not read here; only its scheme is kept, for the rest may hold a password.
    Unsupported(String),
    /// The URL names no path.
    NoPath(String),
    /// A file or folder could not be read.
    Io {
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite refused.
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// There is no such table in a SQLite database.
    NoTable {
        /// The database file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// A table lacks a column.
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Those that it has.
        found: Vec<String>,
    },
    /// A table is larger than is read here.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: &'static str,
    },
    /// Some rows cannot be used.
    Rows {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// The first errors, in order.
        errors: Vec<RowError>,
        /// How many there are in all.
        total: usize,
    },
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The line of the file, or the number of the row in a SQLite table, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for KamailioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KamailioError::Unsupported(scheme) => write!(
                f,
                "databases of kind `{}` are not read here; text:///folder (db_text) and sqlite:///file (db_sqlite) are",
                scheme.escape_debug()
            ),
            KamailioError::NoPath(url) => write!(
                f,
                "`{}` names no path; write text:///folder or sqlite:///file",
                url.escape_debug()
            ),
            KamailioError::Io { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            KamailioError::Sqlite { path, source } => {
                write!(f, "cannot read the database {}: {source}", path.display())
            }
            KamailioError::NoTable { path, table } => write!(
                f,
                "the database {} has no table `{}`",
                path.display(),
                table.escape_debug()
            ),
            KamailioError::NoColumn {
                path,
                table,
                column,
                found,
            } => write!(
                f,
                "{}: the table `{}` has no column `{}`; it has: {}",
                path.display(),
                table.escape_debug(),
                column.escape_debug(),
                found.join(", ")
            ),
            KamailioError::TooLarge { path, limit } => {
                write!(f, "{} has more than {limit}", path.display())
            }
            KamailioError::Rows {
                path,
                table,
                errors,
                total,
            } => {
                write!(f, "{}: table `{table}`", path.display())?;
                for error in errors {
                    write!(f, "\n  line {}: {}", error.line, error.reason)?;
                }
                match total.saturating_sub(errors.len()) {
                    0 => Ok(()),
                    more => write!(f, "\n  and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for KamailioError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KamailioError::Io { source, .. } => Some(source),
            KamailioError::Sqlite { source, .. } => Some(source),
            _ => None,
        }
    }
}
