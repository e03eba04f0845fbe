//! The journal's connection: one transaction per batch, and putting rows back where a commit came too late.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use strowger_registrar::LocationChange;

use crate::rows::{Before, RowWriter, restore};
use crate::{Database, Durability, StoreError};

/// Pages that the journal's connection keeps, so that a refresh reads nothing from the file.
const CACHE_KIB: i64 = 65_536;

/// Where a test may make the database fail or wait.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Before the transaction.
    Begin,
    /// After the rows, before it is asked whether anybody still waits.
    Written,
    /// Right before COMMIT.
    Commit,
    /// Before a late commit is undone.
    Undo,
}

/// Called at each step; an error there counts as one of SQLite's.
pub(crate) type Faults = Box<dyn FnMut(Step, &Connection) -> rusqlite::Result<()> + Send>;

/// The hook of production.
pub(crate) fn no_faults() -> Faults {
    Box::new(|_, _| Ok(()))
}

/// Why a batch was not committed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody waits for it any more.
    Late,
    /// The file system is full.
    DiskFull,
    /// Anything else.
    Database,
}

/// Writes batches.
pub(crate) struct Batches {
    connection: Connection,
    rows: RowWriter,
    faults: Faults,
    /// What the rows of the last batch were before it.
    before: Vec<Before>,
    /// Rows to be put back before anything else is written.
    undo: Vec<Before>,
}

impl Batches {
    pub(crate) fn new(
        database: &Database,
        durability: Durability,
        rows: RowWriter,
        faults: Faults,
    ) -> Result<Batches, StoreError> {
        let connection = database.connect()?;
        let wrap = |error| StoreError::sqlite("set up the journal", database.path(), error);
        // Checkpoints are made by another thread, never within a commit.
        connection
            .pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(wrap)?;
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .map_err(wrap)?;
        if durability == Durability::Disk {
            connection
                .pragma_update(None, "synchronous", "FULL")
                .map_err(wrap)?;
        }
        Ok(Batches {
            connection,
            rows,
            faults,
            before: Vec::new(),
            undo: Vec::new(),
        })
    }

    /// Write a batch in one transaction, unless nobody waits for it any more when it comes to the commit.
    pub(crate) fn run(
        &mut self,
        changes: &[LocationChange],
        wanted: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        self.before.clear();
        if self.has_undo() && !self.try_undo() {
            return Err(Failure::Database);
        }
        let outcome = self.transact(changes, wanted);
        if !self.connection.is_autocommit() {
            // An error here leaves the transaction open; the next BEGIN then fails too and is counted.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }

    fn transact(
        &mut self,
        changes: &[LocationChange],
        wanted: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        (self.faults)(Step::Begin, &self.connection)?;
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])?;
        for change in changes {
            self.before.push(self.rows.apply(&self.connection, change)?);
        }
        (self.faults)(Step::Written, &self.connection)?;
        if !wanted() {
            return Err(Failure::Late);
        }
        let committed = (self.faults)(Step::Commit, &self.connection)
            .and_then(|()| self.connection.prepare_cached("COMMIT")?.execute([]));
        match committed.map_err(Failure::from) {
            Ok(_) => Ok(()),
            // A full disk is found while pages are written, before the page that makes the commit valid.
            Err(Failure::DiskFull) => Err(Failure::DiskFull),
            Err(failure) => {
                self.undo_last();
                Err(failure)
            }
        }
    }

    /// The last batch must not have happened.
    pub(crate) fn undo_last(&mut self) {
        self.undo = std::mem::take(&mut self.before);
    }

    /// True if rows are still to be put back.
    pub(crate) fn has_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Put back what is to be put back; true if that was done now.
    pub(crate) fn try_undo(&mut self) -> bool {
        if !self.has_undo() {
            return false;
        }
        let done = self.put_back().is_ok();
        if done {
            self.undo.clear();
        }
        done
    }

    fn put_back(&mut self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        (self.faults)(Step::Undo, &self.connection)?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        restore(&transaction, &self.undo)?;
        transaction.commit()
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failure::DiskFull,
            _ => Failure::Database,
        }
    }
}
