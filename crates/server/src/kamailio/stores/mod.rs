//! What scripts find in their tables at the start: Kamailio's own databases, address and destination files, definitions
//! of hash tables. Read as a whole, and only then put in place.

mod reader;
mod settings;
#[cfg(test)]
mod tests;

use serde_json::json;
use strowger_registrar::Subscriber;
use strowger_routing::tables::address_groups::{AddressGroups, AddressRule};
use strowger_routing::tables::dispatcher::{DestinationEntry, Dispatcher};
use strowger_routing::tables::hash_table::{HashTable, HashTables, TableDefinition};
use strowger_routing::tables::{ScriptTables, TableValue};
use strowger_sip::{Now, Time};
use strowger_store::kamailio::{KamailioCell, KamailioValue};

use super::Script;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use reader::Reader;

/// What was read; nothing is in place yet.
#[derive(Debug, Default)]
pub struct Stores {
    /// Accounts of `auth_db`.
    pub accounts: Vec<Subscriber>,
    addresses: Option<Vec<AddressRule>>,
    destinations: Option<Vec<DestinationEntry>>,
    hash_tables: Vec<(TableDefinition, Vec<KamailioCell>)>,
    /// What is left out, in words.
    pub warnings: Vec<String>,
}

impl Stores {
    /// Reads everything that the configuration names.
    ///
    /// # Errors
    /// What cannot be read, in words, all at once. A kind of database that is not read here is a warning only.
    pub fn read(config: &Config) -> Result<Stores, Vec<String>> {
        let Some(script) = &config.script else {
            return Ok(Stores::default());
        };
        let mut reader = Reader::new(script, config);
        reader.accounts();
        match reader.address_rules() {
            Ok(rules) => reader.out.addresses = rules,
            Err(error) => reader.errors.push(error),
        }
        match reader.destination_entries() {
            Ok(entries) => reader.out.destinations = entries,
            Err(error) => reader.errors.push(error),
        }
        reader.tables();
        match reader.errors.is_empty() {
            true => Ok(reader.out),
            false => Err(reader.errors),
        }
    }

    /// The same, with errors as a failure of the configuration.
    ///
    /// # Errors
    /// Something cannot be read.
    pub fn load(config: &Config) -> Result<Stores, Failure> {
        Stores::read(config).map_err(|errors| {
            let lines = errors
                .iter()
                .map(|error| format!("error: {}\n", error.trim_end()));
            let json = errors
                .iter()
                .map(|error| json!({ "severity": "error", "message": error }));
            let json = json.collect();
            let message = "what the script needs cannot be read; nothing was changed";
            let mut failure = Failure::new(Exit::Configuration, message);
            failure.report = Some(Box::new((lines.collect(), json)));
            failure
        })
    }

    /// Puts all but the accounts in place. Cells of hash tables that exist already stay as they are.
    pub fn fill(self, script: Option<&Script>, tables: &ScriptTables, now: Now) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(script) = script {
            tables.pike.configure(settings::pike(script));
            tables
                .dispatcher
                .configure(settings::dispatcher(script, &mut faults));
        }
        if let Some(rules) = self.addresses {
            let replaced = tables.address_groups.replace(rules);
            faults.extend(replaced.err().map(|error| error.to_string()));
        }
        if let Some(entries) = self.destinations {
            let replaced = tables.dispatcher.reload(entries);
            faults.extend(replaced.err().map(|error| error.to_string()));
        }
        for (definition, cells) in self.hash_tables {
            let name = definition.name.clone();
            let is_new = tables.hash_tables.table(name.as_bytes()).is_none();
            if let Err(error) = tables.hash_tables.define(definition) {
                faults.push(format!("hash table `{name}`: {error}"));
            } else if is_new && let Some(table) = tables.hash_tables.table(name.as_bytes()) {
                faults.extend(put_cells(&table, cells, now).err());
            }
        }
        if let Some(script) = script {
            settings::shared_values(script, tables, &mut faults);
        }
        faults
    }
}

/// Reads the address groups again (`permissions.addressReload`).
///
/// # Errors
/// They cannot be read, or nothing is configured; in words.
pub fn reload_addresses(config: &Config, groups: &AddressGroups) -> Result<usize, String> {
    let script = config.script.as_ref().ok_or("there is no script")?;
    let rules = Reader::new(script, config).address_rules()?;
    let rules = rules.ok_or("neither `db_url` nor `address_file` of `permissions` is set")?;
    let count = rules.len();
    groups.replace(rules).map_err(|error| error.to_string())?;
    Ok(count)
}

/// Reads the destinations again (`dispatcher.reload`).
///
/// # Errors
/// They cannot be read, or nothing is configured; in words.
pub fn reload_destinations(config: &Config, dispatcher: &Dispatcher) -> Result<usize, String> {
    let script = config.script.as_ref().ok_or("there is no script")?;
    let entries = Reader::new(script, config).destination_entries()?;
    let entries = entries.ok_or("neither `db_url` nor `list_file` of `dispatcher` is set")?;
    let count = entries.len();
    dispatcher
        .reload(entries)
        .map_err(|error| error.to_string())?;
    Ok(count)
}

/// Reads the cells of a hash table again (`htable.reload`).
///
/// # Errors
/// They cannot be read, or the table has no database; in words.
pub fn reload_hash_table(
    config: &Config,
    tables: &HashTables,
    name: &str,
    now: Now,
) -> Result<usize, String> {
    let script = config.script.as_ref().ok_or("there is no script")?;
    let table = tables
        .table(name.as_bytes())
        .ok_or("there is no such hash table")?;
    let cells = Reader::new(script, config)
        .cells(table.definition())?
        .ok_or("the hash table has no `dbtable`")?;
    table.reset();
    put_cells(&table, cells, now)
}

fn put_cells(table: &HashTable, cells: Vec<KamailioCell>, now: Now) -> Result<usize, String> {
    let count = cells.len();
    for cell in cells {
        let left = match cell.expires_at {
            Some(at) => match at.checked_sub(now.wall.as_secs()) {
                Some(left) if left > 0 => Some(left),
                _ => continue,
            },
            None => Some(u64::from(table.definition().autoexpire_seconds)).filter(|left| *left > 0),
        };
        let expires_at: Option<Time> =
            left.map(|left| now.monotonic + std::time::Duration::from_secs(left));
        let value = match cell.value {
            KamailioValue::Int(number) => TableValue::Int(number),
            KamailioValue::Text(text) => TableValue::text(text.as_bytes()),
        };
        table
            .load(cell.key.as_bytes(), value, expires_at)
            .map_err(|error| format!("hash table `{}`: {error}", table.definition().name))?;
    }
    Ok(count)
}
