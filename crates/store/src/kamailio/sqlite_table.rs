//! Tables of Kamailio's db_sqlite, read only.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::error::KamailioError;
use super::row::{KAMAILIO_ROWS_MAX, RawRow, RowErrors, TableRows, Wanted};

/// How long a writer may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the wanted columns of a table.
pub(super) fn read(
    path: &Path,
    table: &str,
    wanted: &[Wanted<'_>],
) -> Result<TableRows, KamailioError> {
    let wrap = |source| KamailioError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(wrap)?;
    connection.busy_timeout(PATIENCE).map_err(wrap)?;
    let columns = columns_of(&connection, table).map_err(wrap)?;
    if columns.is_empty() {
        return Err(KamailioError::NoTable {
            path: path.to_owned(),
            table: table.to_owned(),
        });
    }
    let query = query_of(path, table, &columns, wanted)?;
    let mut rows = TableRows {
        path: path.to_owned(),
        table: table.to_owned(),
        rows: Vec::new(),
        errors: RowErrors::default(),
    };
    let mut select = connection.prepare(&query).map_err(wrap)?;
    let mut found = select.query([]).map_err(wrap)?;
    while let Some(row) = found.next().map_err(wrap)? {
        let line = rows.rows.len() as u64 + 1;
        if rows.rows.len() >= KAMAILIO_ROWS_MAX {
            return Err(KamailioError::TooLarge {
                path: path.to_owned(),
                limit: "1000000 rows in a table",
            });
        }
        let value = |column| row.get_ref(column).map(text_of);
        let values: Result<Vec<_>, _> = (0..wanted.len()).map(value).collect();
        let values = values.map_err(wrap)?;
        rows.rows.push(RawRow { line, values });
    }
    Ok(rows)
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// A column that is not there reads as null. Rows come in the order of `id`, if there is one.
fn query_of(
    path: &Path,
    table: &str,
    columns: &[String],
    wanted: &[Wanted<'_>],
) -> Result<String, KamailioError> {
    let has = |name: &str| {
        columns
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    };
    let mut selected = Vec::with_capacity(wanted.len());
    for column in wanted {
        selected.push(match (has(column.name), column.required) {
            (true, _) => quoted(column.name),
            (false, false) => "NULL".to_owned(),
            (false, true) => {
                return Err(KamailioError::NoColumn {
                    path: path.to_owned(),
                    table: table.to_owned(),
                    column: column.name.to_owned(),
                    found: columns.to_vec(),
                });
            }
        });
    }
    let order = if has("id") { " ORDER BY \"id\"" } else { "" };
    Ok(format!(
        "SELECT {} FROM {}{order}",
        selected.join(", "),
        quoted(table)
    ))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(octets) | ValueRef::Blob(octets) => {
            Some(String::from_utf8_lossy(octets).into_owned())
        }
    }
}
