//! What the tables in memory get from the database at start.

use rusqlite::Connection;
use strowger_registrar::{LocationTable, SubscriberTable};
use strowger_sip::Now;

use crate::rows::{BINDING_COLUMNS, ListenerNames, binding_of};
use crate::{Accounts, Database, StoreError};

/// What became of the bindings that were kept.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Bindings put into the table.
    pub bindings: usize,
    /// Bindings that had expired while the server was down; their rows are deleted.
    pub expired: usize,
}

/// Add the accounts to the subscriber table. Accounts of domains that are not served any more come along; nobody
/// asks for them.
pub fn accounts(database: &Database, into: &SubscriberTable) -> Result<usize, StoreError> {
    let accounts = Accounts::open(database)?.list()?;
    let count = accounts.len();
    for account in accounts {
        into.add(account)
            .map_err(|full| StoreError::TableFull(full.to_string()))?;
    }
    Ok(count)
}

/// Fill the location table. Bindings that were reached over a stream are marked `flow_lost`: their connection went
/// with the process, and the phone behind it cannot be dialled.
pub fn bindings(
    database: &Database,
    into: &LocationTable,
    now: Now,
    listeners: &ListenerNames,
) -> Result<Loaded, StoreError> {
    let wrap = |error| StoreError::sqlite("load the bindings", database.path(), error);
    let connection = database.connect()?;
    let mut loaded = Loaded::default();
    let rows = read(&connection, into, now, listeners, &mut loaded).map_err(wrap)?;
    loaded.expired = rows - loaded.bindings;
    if loaded.expired > 0 {
        let now_wall = i64::try_from(now.wall.as_millis()).unwrap_or(i64::MAX);
        connection
            .execute("DELETE FROM binding WHERE expires_at <= ?1", [now_wall])
            .map_err(wrap)?;
    }
    Ok(loaded)
}

/// Forget the bindings of earlier runs: with durability `memory` they are not kept.
pub fn clear_bindings(database: &Database) -> Result<(), StoreError> {
    let wrap = |error| StoreError::sqlite("delete the bindings", database.path(), error);
    database
        .connect()?
        .execute("DELETE FROM binding", [])
        .map(drop)
        .map_err(wrap)
}

fn read(
    connection: &Connection,
    into: &LocationTable,
    now: Now,
    listeners: &ListenerNames,
    loaded: &mut Loaded,
) -> rusqlite::Result<usize> {
    let mut select = connection.prepare(&format!("SELECT {BINDING_COLUMNS} FROM binding"))?;
    let mut rows = select.query([])?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        if let Some((aor, binding)) = binding_of(row, now, listeners)? {
            into.restore(&aor, binding);
            loaded.bindings += 1;
        }
    }
    Ok(seen)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
