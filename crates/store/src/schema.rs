//! The tables, and how a database of an older version becomes one of this version.
//!
//! The version is SQLite's `user_version`; step *n* leads from version *n* to *n* + 1. Steps are never changed
//! once released, only added.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Marks a database as ours ("Strw").
const APPLICATION_ID: u32 = 0x5374_7277;

/// Each step's statements.
///
/// `ha1b_*` are the hashes for phones whose digest username is `name@domain`.
/// `binding` is one row per contact, in the order of its key: a REGISTER touches one page. It has no further index:
/// it is read whole at start, and an index over `expires_at` would double what a refresh writes. `instance` is empty,
/// or reg-id and instance of an outbound binding (RFC 5626); times are milliseconds of the wall clock.
const STEPS: &[&str] = &["
    CREATE TABLE account (
        domain      TEXT NOT NULL,
        name        TEXT NOT NULL,
        ha1_md5     TEXT,
        ha1_sha256  TEXT,
        ha1b_md5    TEXT,
        ha1b_sha256 TEXT,
        enabled     INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (domain, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE binding (
        aor         TEXT NOT NULL,
        contact     TEXT NOT NULL,
        instance    TEXT NOT NULL,
        params      TEXT NOT NULL,
        q           INTEGER,
        expires_at  INTEGER NOT NULL,
        updated_at  INTEGER NOT NULL,
        call_id     TEXT NOT NULL,
        cseq        INTEGER NOT NULL,
        branch_hash INTEGER NOT NULL,
        path        TEXT NOT NULL,
        user_agent  TEXT NOT NULL,
        transport   TEXT NOT NULL,
        remote      TEXT NOT NULL,
        listener    TEXT NOT NULL,
        behind_nat  INTEGER NOT NULL,
        PRIMARY KEY (aor, contact, instance)
    ) STRICT, WITHOUT ROWID;
"];

/// The schema made by this version.
#[expect(clippy::cast_possible_truncation, reason = "a handful of steps")]
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// Run the steps that are missing, each in one transaction.
pub(crate) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |error| StoreError::sqlite("prepare the tables", path, error);
    let read = |connection: &Connection, name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0))
    };
    if read(connection, "user_version").map_err(wrap)? == VERSION
        && read(connection, "application_id").map_err(wrap)? == APPLICATION_ID
    {
        return Ok(());
    }
    // Under the write lock, so that two processes do not both run the steps.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(wrap)?;
    let found = read(&transaction, "user_version").map_err(wrap)?;
    let tables: u32 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(wrap)?;
    if tables > 0 && read(&transaction, "application_id").map_err(wrap)? != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if found > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    for step in STEPS.iter().skip(found as usize) {
        transaction.execute_batch(step).map_err(wrap)?;
    }
    transaction
        .pragma_update(None, "user_version", VERSION)
        .map_err(wrap)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(wrap)?;
    transaction.commit().map_err(wrap)
}
