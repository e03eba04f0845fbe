//! The SQLite database of a data folder: opening, checking, connections.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::folder::ensure_private_file;
use crate::{DataFolder, InstanceLock, StoreError, salvage, schema};

/// How often a connection that found the database locked asks again, a millisecond apart.
pub(crate) const BUSY_TRIES_MAX: i32 = 5_000;
/// Prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 32;

/// A database that was opened, checked and brought to the present schema.
#[derive(Clone, Debug)]
pub struct Database {
    path: PathBuf,
}

/// A database opened for serving, and what an operator should know about it.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub database: Database,
    /// For the log.
    pub warnings: Vec<Warning>,
}

/// Something that did not keep the database from opening, but matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A damaged database was moved aside and replaced.
    Replaced {
        /// Where the damaged one lies now.
        moved_to: PathBuf,
        /// What SQLite said about it.
        reason: String,
        /// Accounts that could be read from it.
        accounts: u64,
        /// Bindings that could be read from it.
        bindings: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Replaced {
                moved_to,
                reason,
                accounts,
                bindings,
            } => write!(
                f,
                "the database was damaged ({reason}) and is now {}; a new one was made with the {accounts} accounts and {bindings} bindings that could be read; restore a backup if accounts are missing",
                moved_to.display()
            ),
        }
    }
}

impl Database {
    /// Open the database to serve from it: made if new, checked whole, replaced if damaged.
    ///
    /// Only the holder of the lock may move a damaged database aside. `wall_seconds` names the moved file.
    pub fn open_for_service(
        folder: &DataFolder,
        _lock: &InstanceLock,
        wall_seconds: u64,
    ) -> Result<Opened, StoreError> {
        let path = folder.database();
        match open_and_check(&path) {
            Ok(database) => Ok(Opened {
                database,
                warnings: Vec::new(),
            }),
            Err(StoreError::Corrupt { reason, .. }) => {
                let moved_to = salvage::move_aside(&path, wall_seconds)?;
                let database = open_and_check(&path)?;
                let (accounts, bindings) = salvage::copy_readable(&moved_to, &database.connect()?);
                let warning = Warning::Replaced {
                    moved_to,
                    reason,
                    accounts,
                    bindings,
                };
                Ok(Opened {
                    database,
                    warnings: vec![warning],
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Open the database for account commands, beside a server that may or may not run.
    pub fn open_for_accounts(folder: &DataFolder) -> Result<Database, StoreError> {
        let path = folder.database();
        ensure_private_file(&path)?;
        let database = Database { path };
        schema::bring_up_to_date(&mut database.connect()?, &database.path)?;
        Ok(database)
    }

    /// The path of the database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection: WAL, `synchronous` NORMAL, waiting for locks.
    ///
    /// WAL with NORMAL hands every commit to the operating system without `fsync`, so it survives `kill -9`; a loss
    /// of power may take the last commits but leaves a whole database.
    pub(crate) fn connect(&self) -> Result<Connection, StoreError> {
        let wrap = |error| StoreError::sqlite("open a connection", &self.path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags).map_err(wrap)?;
        connection.busy_handler(Some(ask_again)).map_err(wrap)?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(wrap)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::NoWal(self.path.clone()));
        }
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(wrap)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }
}

fn open_and_check(path: &Path) -> Result<Database, StoreError> {
    ensure_private_file(path)?;
    let database = Database {
        path: path.to_owned(),
    };
    let mut connection = database.connect()?;
    schema::bring_up_to_date(&mut connection, path)?;
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| StoreError::sqlite("check the database", path, error))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            reason: verdict.replace('\n', " "),
        });
    }
    Ok(database)
}

/// Busy handler: SQLite's own sleeps up to 100 ms between two tries, which a waiting REGISTER would feel.
fn ask_again(tries: i32) -> bool {
    thread::sleep(Duration::from_millis(1));
    tries < BUSY_TRIES_MAX
}

#[cfg(test)]
#[path = "database_tests.rs"]
pub(crate) mod tests;
