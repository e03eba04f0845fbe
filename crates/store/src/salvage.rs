//! What is done with a damaged database: moved aside, and read as far as it can be read.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Statement};

use crate::StoreError;
use crate::rows::{BINDING_COLUMN_COUNT, BINDING_COLUMNS, Cell};

/// Rows taken from a damaged database at most, per table: a damaged tree may be a circle.
const ROWS_MAX: u64 = 10_000_000;

struct Table {
    name: &'static str,
    columns: &'static str,
    count: usize,
    /// The order of the primary key, both ways.
    order: [&'static str; 2],
}

const ACCOUNT: Table = Table {
    name: "account",
    columns: "domain, name, ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256, enabled",
    count: 7,
    order: ["domain, name", "domain DESC, name DESC"],
};
const BINDING: Table = Table {
    name: "binding",
    columns: BINDING_COLUMNS,
    count: BINDING_COLUMN_COUNT,
    order: [
        "aor, contact, instance",
        "aor DESC, contact DESC, instance DESC",
    ],
};

/// Rename the database and its side files; returns the new path of the database.
pub(crate) fn move_aside(path: &Path, wall_seconds: u64) -> Result<PathBuf, StoreError> {
    let mut moved = with_suffix(path, &format!(".corrupt-{wall_seconds}"));
    let mut again = 1;
    while moved.exists() {
        moved = with_suffix(path, &format!(".corrupt-{wall_seconds}-{again}"));
        again += 1;
    }
    // The write-ahead log first: if we end between the two, the rest is found damaged again, and no log is
    // ever read into a database that it does not belong to.
    for side in ["-wal", "-shm", ""] {
        let from = with_suffix(path, side);
        if from.exists() {
            fs::rename(&from, with_suffix(&moved, side))
                .map_err(|error| StoreError::io("move the damaged database aside", &from, error))?;
        }
    }
    Ok(moved)
}

/// Copy the rows that can still be read; returns how many accounts and bindings. Never fails: what cannot be
/// read is left.
pub(crate) fn copy_readable(damaged: &Path, into: &Connection) -> (u64, u64) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(from) = Connection::open_with_flags(damaged, flags) else {
        return (0, 0);
    };
    let copy = |table: &Table| copy_table(&from, into, table).unwrap_or(0);
    (copy(&ACCOUNT), copy(&BINDING))
}

/// From the front to the damage, then from the back to it: what lies on one damaged page is lost, not what lies behind.
fn copy_table(from: &Connection, into: &Connection, table: &Table) -> rusqlite::Result<u64> {
    let Table {
        name,
        columns,
        count,
        order,
    } = table;
    let places = vec!["?"; *count].join(",");
    let transaction = into.unchecked_transaction()?;
    let mut copied = 0;
    {
        let mut insert = transaction.prepare(&format!(
            "INSERT OR IGNORE INTO {name} ({columns}) VALUES ({places})"
        ))?;
        for order in order {
            let (rows, whole) = copy_rows(
                from,
                &mut insert,
                &format!("SELECT {columns} FROM {name} ORDER BY {order}"),
                *count,
            );
            copied += rows;
            if whole {
                break;
            }
        }
    }
    transaction.commit()?;
    Ok(copied)
}

/// Copy rows up to the first that cannot be read; true if there was none such.
fn copy_rows(
    from: &Connection,
    insert: &mut Statement<'_>,
    select: &str,
    count: usize,
) -> (u64, bool) {
    let mut copied = 0;
    let Ok(mut select) = from.prepare(select) else {
        return (0, false);
    };
    let Ok(mut rows) = select.query([]) else {
        return (0, false);
    };
    for _ in 0..ROWS_MAX {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return (copied, true),
            Err(_) => return (copied, false),
        };
        let values: rusqlite::Result<Vec<Cell>> =
            (0..count).map(|column| row.get(column)).collect();
        // A row whose values do not fit the columns any more is left behind.
        let inserted = values.and_then(|values| insert.execute(rusqlite::params_from_iter(values)));
        copied += u64::from(matches!(inserted, Ok(1)));
    }
    (copied, true)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
