//! The hash tables of scripts by name: Kamailio's `htable` (`$sht(table=>key)`, `KSR.htable.*`).

mod definition;
mod matching;
mod table;

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use strowger_sip::Time;

pub use definition::{DefinitionError, TABLE_NAME_OCTETS_MAX, TableDefinition};
pub use matching::{CountExpression, CountOperand, Matching, Operator};
pub use table::{
    CELLS_MAX, HashTable, KEY_OCTETS_MAX, ListedCell, TABLE_OCTETS_MAX, VALUE_OCTETS_MAX,
};

use super::locks::lock;

/// Hash tables of one process.
pub const TABLES_MAX: usize = 256;

/// Why a hash table did not do what was asked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// There are [`TABLES_MAX`] hash tables already.
    TooManyTables,
    /// There is no table of that name.
    UnknownTable,
    /// There is a table of that name already.
    TableExists,
    /// The name of a cell is longer than [`KEY_OCTETS_MAX`].
    KeyTooLong,
    /// A value is longer than [`VALUE_OCTETS_MAX`].
    ValueTooLong,
    /// The table holds [`CELLS_MAX`] cells.
    TooManyCells,
    /// The table would hold more than [`TABLE_OCTETS_MAX`] octets.
    TooManyOctets,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::TooManyTables => write!(f, "more than {TABLES_MAX} hash tables"),
            TableError::UnknownTable => f.write_str("there is no hash table of that name"),
            TableError::TableExists => f.write_str("a hash table of that name exists already"),
            TableError::KeyTooLong => write!(
                f,
                "the name of a cell is longer than {KEY_OCTETS_MAX} octets"
            ),
            TableError::ValueTooLong => {
                write!(f, "a value is longer than {VALUE_OCTETS_MAX} octets")
            }
            TableError::TooManyCells => write!(f, "the hash table has {CELLS_MAX} cells"),
            TableError::TooManyOctets => {
                write!(f, "the hash table holds {TABLE_OCTETS_MAX} octets")
            }
        }
    }
}

impl core::error::Error for TableError {}

/// How the cells of a table spread, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableStatistics {
    /// Slots of the table.
    pub slots: usize,
    /// Cells, expired ones that were not swept yet included.
    pub cells: usize,
    /// Cells in the fullest slot.
    pub cells_in_slot_most: usize,
    /// Cells in the emptiest slot.
    pub cells_in_slot_least: usize,
    /// Octets of names and values.
    pub octets: usize,
    /// Changes refused because of a limit.
    pub refused: u64,
    /// Cells that expired and were swept.
    pub expired: u64,
    /// Walks over the whole table, for matches and counts.
    pub scans: u64,
}

/// A cell that expired, with its table: what `event_route[htable:expired:table]` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredCell {
    /// The table.
    pub table: Box<str>,
    /// The cell.
    pub cell: ListedCell,
}

type Tables = BTreeMap<Box<[u8]>, Arc<HashTable>>;

/// All hash tables, shared by all shards.
#[derive(Debug)]
pub struct HashTables {
    tables: ArcSwap<Tables>,
    /// Held by whoever makes, renames or removes a table.
    changing: Mutex<()>,
    seed: u64,
}

impl HashTables {
    /// No tables. `seed` spreads the cells over the stripes.
    pub fn new(seed: u64) -> HashTables {
        HashTables {
            tables: ArcSwap::default(),
            changing: Mutex::new(()),
            seed,
        }
    }

    /// Makes a table. One of that name that exists takes the new definition and keeps its cells.
    pub fn define(&self, definition: TableDefinition) -> Result<(), TableError> {
        let _changing = lock(&self.changing);
        let mut tables = Tables::clone(&self.tables.load());
        let name: Box<[u8]> = definition.name.as_bytes().into();
        let table = match tables.get(&name) {
            Some(table) => table.redefined(definition),
            None if tables.len() >= TABLES_MAX => return Err(TableError::TooManyTables),
            None => HashTable::new(definition, self.seed),
        };
        tables.insert(name, Arc::new(table));
        self.tables.store(Arc::new(tables));
        Ok(())
    }

    /// The table of a name. What was handed out goes on with the cells when the table is redefined or renamed.
    pub fn table(&self, name: &[u8]) -> Option<Arc<HashTable>> {
        self.tables.load().get(name).cloned()
    }

    /// All tables, in the order of their names.
    pub fn list(&self) -> Vec<Arc<HashTable>> {
        self.tables.load().values().cloned().collect()
    }

    /// Gives a table another name; its cells stay.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), TableError> {
        let _changing = lock(&self.changing);
        let mut tables = Tables::clone(&self.tables.load());
        if tables.contains_key(to.as_bytes()) {
            return Err(TableError::TableExists);
        }
        let table = tables
            .remove(from.as_bytes())
            .ok_or(TableError::UnknownTable)?;
        let definition = TableDefinition {
            name: to.into(),
            ..table.definition().clone()
        };
        tables.insert(to.as_bytes().into(), Arc::new(table.redefined(definition)));
        self.tables.store(Arc::new(tables));
        Ok(())
    }

    /// Removes a table with its cells; false if there was none.
    pub fn remove(&self, name: &str) -> bool {
        let _changing = lock(&self.changing);
        let mut tables = Tables::clone(&self.tables.load());
        let removed = tables.remove(name.as_bytes()).is_some();
        self.tables.store(Arc::new(tables));
        removed
    }

    /// Removes expired cells from all tables, `budget` cells of each at most, and returns them by table and name.
    pub fn sweep(&self, now: Time, budget: usize) -> Vec<ExpiredCell> {
        let mut expired = Vec::new();
        for table in self.tables.load().values() {
            let cells = table.sweep(now, budget).into_iter();
            expired.extend(cells.map(|cell| ExpiredCell {
                table: table.definition().name.clone(),
                cell,
            }));
        }
        expired
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let tables = self.list();
        let mut sum = TableStatistics::default();
        for table in &tables {
            let one = table.statistics();
            sum.cells += one.cells;
            sum.octets += one.octets;
            sum.refused += one.refused;
            sum.expired += one.expired;
            sum.scans += one.scans;
        }
        f(
            "hash_tables",
            "Hash tables of scripts.",
            tables.len() as u64,
        );
        f(
            "hash_table_cells",
            "Cells of hash tables.",
            sum.cells as u64,
        );
        f(
            "hash_table_octets",
            "Octets of names and values in hash tables.",
            sum.octets as u64,
        );
        f(
            "hash_table_refused_total",
            "Changes of hash tables refused because of a limit.",
            sum.refused,
        );
        f(
            "hash_table_expired_total",
            "Cells of hash tables that expired.",
            sum.expired,
        );
        f(
            "hash_table_scans_total",
            "Walks over a whole hash table, for matches and counts.",
            sum.scans,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TableValue;

    const NOW: Time = Time::from_secs(100);

    fn tables(definitions: &[&str]) -> HashTables {
        let tables = HashTables::new(1);
        for definition in definitions {
            let definition = TableDefinition::parse(definition).expect("a definition");
            tables.define(definition).expect("room");
        }
        tables
    }

    #[test]
    fn a_redefined_table_keeps_its_cells() {
        let tables = tables(&["a=>autoexpire=10"]);
        let before = tables.table(b"a").expect("it is there");
        before.set_int(b"x", 1, NOW).expect("room");
        let definition = TableDefinition::parse("a=>autoexpire=20").expect("a definition");
        tables.define(definition).expect("room");
        let after = tables.table(b"a").expect("it is there");
        assert_eq!(after.definition().autoexpire_seconds, 20);
        assert_eq!(after.get(b"x", NOW), Some(TableValue::Int(1)));
    }

    #[test]
    fn a_renamed_table_keeps_its_cells() {
        let tables = tables(&["a=>", "b=>"]);
        let table = tables.table(b"a").expect("it is there");
        table.set_int(b"x", 1, NOW).expect("room");
        assert_eq!(tables.rename("a", "b"), Err(TableError::TableExists));
        assert_eq!(tables.rename("z", "c"), Err(TableError::UnknownTable));
        tables.rename("a", "c").expect("the name is free");
        assert!(tables.table(b"a").is_none());
        let renamed = tables.table(b"c").expect("it is there");
        assert_eq!(&*renamed.definition().name, "c");
        assert_eq!(renamed.get(b"x", NOW), Some(TableValue::Int(1)));
    }

    #[test]
    fn tables_are_listed_by_name_and_bounded() {
        let tables = tables(&["b=>", "c=>", "a=>"]);
        let names: Vec<_> = tables
            .list()
            .iter()
            .map(|table| table.definition().name.clone())
            .collect();
        assert_eq!(names, ["a".into(), "b".into(), "c".into()]);
        assert!(tables.remove("b"));
        assert!(!tables.remove("b"));
        for number in 2..TABLES_MAX {
            let definition = TableDefinition::new(&format!("t{number}"));
            tables.define(definition).expect("room");
        }
        let one_more = TableDefinition::new("more");
        assert_eq!(tables.define(one_more), Err(TableError::TooManyTables));
        tables
            .define(TableDefinition::new("a"))
            .expect("it exists already");
    }

    #[test]
    fn expired_cells_are_reported_with_their_table() {
        let tables = tables(&["b=>autoexpire=5", "a=>autoexpire=5", "c=>"]);
        for name in [b"a", b"b", b"c"] {
            let table = tables.table(name).expect("it is there");
            table.set_int(b"x", 1, NOW).expect("room");
        }
        assert_eq!(tables.sweep(Time::from_secs(104), 1_000), []);
        let expired = tables.sweep(Time::from_secs(105), 1_000);
        let names: Vec<_> = expired.iter().map(|one| one.table.clone()).collect();
        assert_eq!(names, ["a".into(), "b".into()]);
        let mut seen = BTreeMap::new();
        tables.visit(&mut |name, _, value| {
            seen.insert(name, value);
        });
        assert_eq!(seen.get("hash_tables"), Some(&3));
        assert_eq!(seen.get("hash_table_cells"), Some(&1));
        assert_eq!(seen.get("hash_table_expired_total"), Some(&2));
    }
}
