//! Databases of Kamailio, read as they are: accounts, addresses, destinations, cells of hash tables, locations.
//!
//! Nothing is ever written to them. [`KamailioDatabase::open`] takes the URL that modules have in `db_url`.

mod columns;
mod error;
mod location;
mod row;
mod sqlite_table;
mod subscriber;
mod text_table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use columns::{AddressColumns, DispatcherColumns, HashTableColumns, SubscriberColumns};
pub use error::{KAMAILIO_ERRORS_MAX, KamailioError, RowError};
pub use location::KamailioLocation;
pub use row::KAMAILIO_ROWS_MAX;
pub use subscriber::KamailioSubscriber;
pub use text_table::KAMAILIO_TEXT_OCTETS_MAX;

use row::{TableRows, Wanted, needed, optional};

/// A database of Kamailio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KamailioDatabase {
    /// A folder of db_text.
    Text(PathBuf),
    /// A file of db_sqlite.
    Sqlite(PathBuf),
}

/// A row of the `address` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KamailioAddress {
    /// Its group.
    pub group: i64,
    /// An IP address, a network or a name.
    pub address: String,
    /// Leading bits that count; 0 is all.
    pub mask: u8,
    /// The port; 0 is any.
    pub port: u16,
    /// What scripts are told.
    pub tag: Option<String>,
    /// Its line, or the number of its row.
    pub line: u64,
}

/// A row of the `dispatcher` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KamailioDestination {
    /// Its set.
    pub set: i64,
    /// Its URI.
    pub uri: String,
    /// Its first state, as bits.
    pub flags: u32,
    /// Higher goes first.
    pub priority: i32,
    /// `name=value;…`
    pub attributes: String,
    /// Its line, or the number of its row.
    pub line: u64,
}

/// A cell of a hash table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KamailioCell {
    /// Its name; that of an entry of an array is `key[n]`.
    pub key: String,
    /// Its value.
    pub value: KamailioValue,
    /// When it expires, in seconds since 1970; `None` is never, or as the hash table says.
    pub expires_at: Option<u64>,
}

/// The value of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KamailioValue {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl KamailioDatabase {
    /// The database of a URL: `text:///folder` (also `dbtext:`) or `sqlite:///file`. A db_text path that does not
    /// begin with `/` lies in `config_folder`, as Kamailio has it.
    pub fn open(url: &str, config_folder: &Path) -> Result<KamailioDatabase, KamailioError> {
        let (scheme, rest) = url.trim().split_once(':').unwrap_or((url.trim(), ""));
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let database = match scheme {
            "text" | "dbtext" => KamailioDatabase::Text(config_folder.join(path)),
            "sqlite" => KamailioDatabase::Sqlite(PathBuf::from(path)),
            _ => return Err(KamailioError::Unsupported(scheme.to_owned())),
        };
        if path.is_empty() {
            return Err(KamailioError::NoPath(url.to_owned()));
        }
        match fs::metadata(database.path()) {
            Ok(_) => Ok(database),
            Err(source) => Err(KamailioError::Io {
                path: database.path().to_owned(),
                source,
            }),
        }
    }

    /// The folder or the file.
    pub fn path(&self) -> &Path {
        match self {
            KamailioDatabase::Text(path) | KamailioDatabase::Sqlite(path) => path,
        }
    }

    /// The accounts.
    pub fn subscribers(
        &self,
        columns: &SubscriberColumns,
    ) -> Result<Vec<KamailioSubscriber>, KamailioError> {
        subscriber::read(self, columns)
    }

    /// The address groups, in order.
    pub fn addresses(
        &self,
        columns: &AddressColumns,
    ) -> Result<Vec<KamailioAddress>, KamailioError> {
        let wanted = [
            needed(&columns.group),
            needed(&columns.address),
            optional(&columns.mask),
            optional(&columns.port),
            optional(&columns.tag),
        ];
        self.rows(&columns.table, &wanted)?.read(|row| {
            Ok(KamailioAddress {
                group: row.number(0, "group number", 1)?,
                address: row.needed_text(1, "address")?,
                mask: row.number(2, "number of bits", 0)?,
                port: row.number(3, "port", 0)?,
                tag: row.text(4).map(str::to_owned),
                line: row.line(),
            })
        })
    }

    /// The destinations, in order.
    pub fn destinations(
        &self,
        columns: &DispatcherColumns,
    ) -> Result<Vec<KamailioDestination>, KamailioError> {
        let wanted = [
            needed(&columns.set),
            needed(&columns.destination),
            optional(&columns.flags),
            optional(&columns.priority),
            optional(&columns.attributes),
        ];
        self.rows(&columns.table, &wanted)?.read(|row| {
            Ok(KamailioDestination {
                set: row.number(0, "number of a set", 0)?,
                uri: row.needed_text(1, "destination")?,
                flags: row.number(2, "number of flags", 0)?,
                priority: row.number(3, "priority", 0)?,
                attributes: row.text(4).unwrap_or_default().to_owned(),
                line: row.line(),
            })
        })
    }

    /// The cells of a hash table. Rows of key type 1 are the entries of an array: they become `key[0]`, `key[1]`…
    /// and a cell with their number.
    pub fn cells(&self, columns: &HashTableColumns) -> Result<Vec<KamailioCell>, KamailioError> {
        let wanted = [
            needed(&columns.key),
            optional(&columns.key_type),
            optional(&columns.value_type),
            needed(&columns.value),
            optional(&columns.expires),
        ];
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        let mut cells = self.rows(&columns.table, &wanted)?.read(|row| {
            let key = row.needed_text(0, "key")?;
            let value = match row.number(2, "value type", 0)? {
                0 => KamailioValue::Text(row.text(3).unwrap_or_default().to_owned()),
                1 => KamailioValue::Int(row.number(3, "number", 0)?),
                other => {
                    return Err(format!(
                        "{other} is no value type: 0 is text, 1 is a number"
                    ));
                }
            };
            let expires_at = Some(row.number(4, "time in seconds", 0)?).filter(|at| *at > 0);
            let key = match row.number(1, "key type", 0)? {
                0 => key,
                1 => {
                    let size = sizes.entry(key.clone()).or_insert(0);
                    *size += 1;
                    format!("{key}[{}]", *size - 1)
                }
                other => {
                    return Err(format!("{other} is no key type: 0 is plain, 1 is an array"));
                }
            };
            Ok(KamailioCell {
                key,
                value,
                expires_at,
            })
        })?;
        cells.extend(sizes.into_iter().map(|(key, size)| KamailioCell {
            key: format!("{key}{}", columns.array_size_suffix),
            value: KamailioValue::Int(size),
            expires_at: None,
        }));
        Ok(cells)
    }

    /// The registered contacts of a table of `usrloc`, usually `location`.
    pub fn locations(&self, table: &str) -> Result<Vec<KamailioLocation>, KamailioError> {
        location::read(self, table)
    }

    fn rows(&self, table: &str, wanted: &[Wanted<'_>]) -> Result<TableRows, KamailioError> {
        match self {
            KamailioDatabase::Text(folder) => text_table::read(folder, table, wanted),
            KamailioDatabase::Sqlite(path) => sqlite_table::read(path, table, wanted),
        }
    }
}

#[cfg(test)]
#[path = "kamailio_tests.rs"]
mod tests;
