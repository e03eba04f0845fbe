//! Checkpoints: moving committed pages from the write-ahead log into the database, beside the commits.
//!
//! PASSIVE checkpoints disturb nobody but leave what was committed meanwhile, so that under steady load the log would
//! never start over. When it has grown too long, what little is left is moved under the write lock (RESTART), and commits
//! wait for that. On a full file system the log is emptied at once, for it may be what fills it.
//!
//! The same thread deletes rows of bindings that expired days ago: the table in memory forgets expired bindings without
//! a word to the journal. Days, so that a jump of the wall clock takes no living binding along.

use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, params};

use crate::journal::{CheckpointReason, Shared};
use crate::rows::Cell;
use crate::{Database, StoreError};

/// A few changes are moved after this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pages in the log above which it is started over: 256 MiB, about ten seconds at 5,000 changes a second. Starting over
/// holds up commits for one `fsync`, so it must be rare enough to stay out of their 99th percentile.
const LOG_PAGES_MAX: i64 = 65_536;
/// Pages that may be left to move when the log is started over under the write lock.
const REST_PAGES_MAX: i64 = 512;
/// How often the log is emptied while the file system is full.
const EMPTY_PERIOD: Duration = Duration::from_secs(1);
/// Passive checkpoints in a row that try to get that far.
const PASSES_MAX: u32 = 4;
/// How often rows of expired bindings are looked for.
const PURGE_PERIOD: Duration = Duration::from_secs(3_600);
/// How long rows of expired bindings are kept.
const EXPIRED_KEPT: Duration = Duration::from_secs(2 * 24 * 3_600);
/// Rows deleted at a time.
const PURGED_ROWS_MAX: u32 = 1_000;

/// The checkpointing connection.
pub(crate) struct Checkpointer {
    connection: Connection,
}

impl Checkpointer {
    pub(crate) fn new(database: &Database) -> Result<Checkpointer, StoreError> {
        let connection = database.connect()?;
        Ok(Checkpointer { connection })
    }

    /// The thread: until the journal ends, then once more.
    pub(crate) fn run<T>(&self, shared: &Shared<T>) {
        let mut purge_due = Instant::now() + PURGE_PERIOD;
        let mut empty_due = Instant::now();
        while let Some(reason) = shared.wait_for_checkpoint(PATIENCE) {
            if Instant::now() >= purge_due {
                purge_due += PURGE_PERIOD;
                shared.purged(self.purge(SystemTime::now()).unwrap_or(0));
            }
            let done = match reason {
                CheckpointReason::Due => self.checkpoint(),
                CheckpointReason::DiskFull if Instant::now() >= empty_due => {
                    empty_due = Instant::now() + EMPTY_PERIOD;
                    self.move_pages("TRUNCATE").map(drop)
                }
                CheckpointReason::DiskFull => continue,
            };
            shared.checkpointed(done.is_ok());
        }
        shared.checkpointed(self.move_pages("TRUNCATE").is_ok());
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        for _ in 0..PASSES_MAX {
            let (log, moved) = self.move_pages("PASSIVE")?;
            if log < LOG_PAGES_MAX {
                return Ok(());
            }
            if log - moved <= REST_PAGES_MAX {
                break;
            }
        }
        self.move_pages("RESTART").map(drop)
    }

    /// Delete rows of bindings that expired long before `wall`; returns how many.
    pub(crate) fn purge(&self, wall: SystemTime) -> rusqlite::Result<usize> {
        let since_epoch = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let limit =
            i64::try_from(since_epoch.saturating_sub(EXPIRED_KEPT).as_millis()).unwrap_or(0);
        let mut purged = 0;
        loop {
            // Looked for without the write lock: only the deletions hold up commits.
            let mut select = self.connection.prepare_cached(
                "SELECT aor, contact, instance FROM binding WHERE expires_at < ?1 LIMIT ?2",
            )?;
            let keys = select
                .query_map(params![limit, PURGED_ROWS_MAX], |row| {
                    Ok([row.get::<_, Cell>(0)?, row.get(1)?, row.get(2)?])
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let transaction = self.connection.unchecked_transaction()?;
            for [aor, contact, instance] in &keys {
                purged += transaction
                    .prepare_cached(
                        "DELETE FROM binding WHERE aor = ?1 AND contact = ?2 AND instance = ?3 AND expires_at < ?4",
                    )?
                    .execute(params![aor, contact, instance, limit])?;
            }
            transaction.commit()?;
            if keys.len() < PURGED_ROWS_MAX as usize {
                return Ok(purged);
            }
        }
    }

    /// Run a checkpoint; returns the pages in the log and those of them that were moved.
    fn move_pages(&self, mode: &str) -> rusqlite::Result<(i64, i64)> {
        self.connection
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            })
    }
}
