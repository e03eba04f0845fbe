//! What scripts find in their tables at the start: Kamailio's own databases, address and destination files, definitions
//! of hash tables. Read as a whole, and only then put in place.

use std::path::{Path, PathBuf};

use strowger_kamailio::cfg::Value;
use strowger_registrar::Subscriber;
use strowger_routing::tables::ScriptTables;
use strowger_routing::tables::TableValue;
use strowger_routing::tables::address_groups::{AddressGroups, AddressRule};
use strowger_routing::tables::dispatcher::{
    DestinationEntry, Dispatcher, DispatcherSettings, ProbeMode, ReplyCodes, parse_list,
};
use strowger_routing::tables::hash_table::{HashTable, HashTables, TableDefinition};
use strowger_routing::tables::pike::PikeSettings;
use strowger_sip::{Now, Time};
use strowger_store::kamailio::{
    AddressColumns, DispatcherColumns, HashTableColumns, KamailioCell, KamailioDatabase,
    KamailioError, KamailioValue, SubscriberColumns,
};

use super::Script;
use super::machine::read_file;
use crate::config::Config;

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

/// Reads what one script is configured with.
struct Reader<'c> {
    script: &'c Script,
    domains: &'c [Box<str>],
    folder: PathBuf,
    out: Stores,
    errors: Vec<String>,
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

    /// Puts all but the accounts in place. Cells of hash tables that exist already stay as they are.
    pub fn fill(self, script: Option<&Script>, tables: &ScriptTables, now: Now) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(script) = script {
            tables.pike.configure(pike(script));
            tables.dispatcher.configure(dispatcher(script, &mut faults));
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
            shared_values(script, tables, &mut faults);
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

impl<'c> Reader<'c> {
    fn new(script: &'c Script, config: &'c Config) -> Reader<'c> {
        let file = Path::new(&config.file);
        Reader {
            script,
            domains: &config.domains,
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            out: Stores::default(),
            errors: Vec::new(),
        }
    }

    /// The database of a module's `db_url`; `None` if it has none, or one that is not read here.
    fn database(&mut self, module: &str) -> Result<Option<KamailioDatabase>, String> {
        if self
            .script
            .modules
            .as_ref()
            .is_some_and(|all| !all.contains(module))
        {
            return Ok(None);
        }
        let Some(url) = self.script.text(module, "db_url") else {
            return Ok(None);
        };
        match KamailioDatabase::open(url, &self.folder) {
            Ok(database) => Ok(Some(database)),
            Err(error @ KamailioError::Unsupported(_)) => {
                self.out.warnings.push(format!("{module}.db_url: {error}"));
                Ok(None)
            }
            Err(error) => Err(format!("{module}.db_url: {error}")),
        }
    }

    /// The name of a column or table, or its usual one.
    fn named(&self, module: &str, parameter: &str, usual: &mut String) {
        if let Some(name) = self.script.text(module, parameter) {
            name.clone_into(usual);
        }
    }

    fn accounts(&mut self) {
        let database = match self.database("auth_db") {
            Ok(Some(database)) => database,
            Ok(None) => return,
            Err(error) => return self.errors.push(error),
        };
        let mut columns = SubscriberColumns {
            calculate_ha1: self.script.int("auth_db", "calculate_ha1").unwrap_or(0) != 0,
            ..SubscriberColumns::default()
        };
        self.named("auth_db", "user_column", &mut columns.user);
        self.named("auth_db", "domain_column", &mut columns.domain);
        self.named("auth_db", "password_column_2", &mut columns.ha1b);
        match columns.calculate_ha1 {
            true => self.named("auth_db", "password_column", &mut columns.password),
            false => self.named("auth_db", "password_column", &mut columns.ha1),
        }
        let rows = match database.subscribers(&columns) {
            Ok(rows) => rows,
            Err(error) => return self.errors.push(format!("accounts: {error}")),
        };
        let first = self.domains.first().map_or("localhost", |one| one);
        let by_domain = self.script.int("auth_db", "use_domain").unwrap_or(0) != 0;
        let mut refused = 0;
        for mut row in rows {
            // Without domains, an account is that of its name wherever it calls from: the first domain.
            let own = row.domain.as_deref().filter(|own| *own != first);
            let own = own.filter(|own| self.domains.iter().any(|one| **one == **own));
            if own.is_some() || by_domain {
                match row.account(first) {
                    Ok(account) => self.out.accounts.push(account),
                    Err(_) => refused += 1,
                }
            }
            if !by_domain {
                row.domain = None;
                match row.account(first) {
                    Ok(account) => self.out.accounts.push(account),
                    Err(_) => refused += 1,
                }
            }
        }
        if refused > 0 {
            let warning =
                format!("{refused} rows of the accounts cannot be used: bad name or hash");
            self.out.warnings.push(warning);
        }
    }

    fn address_rules(&mut self) -> Result<Option<Vec<AddressRule>>, String> {
        if let Some(file) = self.script.text("permissions", "address_file") {
            let path = self.folder.join(file);
            let text = read_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let rules = AddressRule::parse_file(&text);
            return rules
                .map(Some)
                .map_err(|error| format!("{}: {error}", path.display()));
        }
        let Some(database) = self.database("permissions")? else {
            return Ok(None);
        };
        let mut columns = AddressColumns::default();
        for (parameter, column) in [
            ("address_table", &mut columns.table),
            ("grp_col", &mut columns.group),
            ("ip_addr_col", &mut columns.address),
            ("mask_col", &mut columns.mask),
            ("port_col", &mut columns.port),
            ("tag_col", &mut columns.tag),
        ] {
            self.named("permissions", parameter, column);
        }
        let rows = database
            .addresses(&columns)
            .map_err(|error| format!("addresses: {error}"))?;
        let rules = rows.iter().map(|row| {
            AddressRule::new(
                row.group,
                &row.address,
                row.mask,
                row.port,
                row.tag.as_deref(),
            )
            .map_err(|error| format!("addresses, line {}: {error}", row.line))
        });
        rules.collect::<Result<_, _>>().map(Some)
    }

    fn destination_entries(&mut self) -> Result<Option<Vec<DestinationEntry>>, String> {
        if let Some(database) = self.database("dispatcher")? {
            let mut columns = DispatcherColumns::default();
            for (parameter, column) in [
                ("table_name", &mut columns.table),
                ("setid_col", &mut columns.set),
                ("destination_col", &mut columns.destination),
                ("flags_col", &mut columns.flags),
                ("priority_col", &mut columns.priority),
                ("attrs_col", &mut columns.attributes),
            ] {
                self.named("dispatcher", parameter, column);
            }
            let rows = database
                .destinations(&columns)
                .map_err(|error| format!("destinations: {error}"))?;
            let entries = rows.iter().map(|row| {
                DestinationEntry::new(row.set, &row.uri, row.flags, row.priority, &row.attributes)
                    .map_err(|error| format!("destinations, line {}: {error}", row.line))
            });
            return entries.collect::<Result<_, _>>().map(Some);
        }
        let Some(file) = self.script.text("dispatcher", "list_file") else {
            return Ok(None);
        };
        let path = self.folder.join(file);
        let text = read_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        parse_list(&text)
            .map(Some)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    fn tables(&mut self) {
        let definitions: Vec<String> = self
            .script
            .values("htable", "htable")
            .iter()
            .filter_map(|value| value.text().map(str::to_owned))
            .collect();
        for text in definitions {
            let definition = match TableDefinition::parse(&text) {
                Ok(definition) => definition,
                Err(error) => {
                    self.errors.push(format!("htable.htable: {error}"));
                    continue;
                }
            };
            for unknown in &definition.unknown {
                let warning = format!(
                    "hash table `{}`: the attribute `{unknown}` is not known",
                    definition.name
                );
                self.out.warnings.push(warning);
            }
            match self.cells(&definition) {
                Ok(cells) => {
                    let cells = cells.unwrap_or_default();
                    self.out.hash_tables.push((definition, cells));
                }
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// The cells that the database has for a table; `None` if it is not filled from one.
    fn cells(&mut self, definition: &TableDefinition) -> Result<Option<Vec<KamailioCell>>, String> {
        let Some(table) = &definition.dbtable else {
            return Ok(None);
        };
        let Some(database) = self.database("htable")? else {
            return Ok(None);
        };
        let mut columns = HashTableColumns::of_table(table);
        for (parameter, column) in [
            ("key_name_column", &mut columns.key),
            ("key_type_column", &mut columns.key_type),
            ("value_type_column", &mut columns.value_type),
            ("key_value_column", &mut columns.value),
            ("expires_column", &mut columns.expires),
            ("array_size_suffix", &mut columns.array_size_suffix),
        ] {
            self.named("htable", parameter, column);
        }
        database
            .cells(&columns)
            .map(Some)
            .map_err(|error| format!("hash table `{}`: {error}", definition.name))
    }
}

fn number(script: &Script, module: &str, name: &str, usual: u32) -> u32 {
    script
        .int(module, name)
        .and_then(|value| u32::try_from(value).ok())
        .unwrap_or(usual)
}

fn pike(script: &Script) -> PikeSettings {
    let usual = PikeSettings::default();
    let get = |name, usual| number(script, "pike", name, usual);
    PikeSettings {
        sampling_time_unit_seconds: get("sampling_time_unit", usual.sampling_time_unit_seconds),
        requests_per_unit: get("reqs_density_per_unit", usual.requests_per_unit),
        remove_latency_seconds: get("remove_latency", usual.remove_latency_seconds),
    }
}

fn dispatcher(script: &Script, faults: &mut Vec<String>) -> DispatcherSettings {
    let usual = DispatcherSettings::default();
    let get = |name, usual| number(script, "dispatcher", name, usual);
    let reply_codes = match script.text("dispatcher", "ds_ping_reply_codes") {
        None => usual.reply_codes,
        Some(text) => ReplyCodes::parse(text).unwrap_or_else(|error| {
            faults.push(format!("dispatcher.ds_ping_reply_codes: {error}"));
            ReplyCodes::default()
        }),
    };
    DispatcherSettings {
        use_default: get("use_default", 0) != 0,
        probe_interval_seconds: get("ds_ping_interval", usual.probe_interval_seconds),
        probe_mode: script
            .int("dispatcher", "ds_probing_mode")
            .and_then(ProbeMode::from_number)
            .unwrap_or_default(),
        probing_threshold: get("ds_probing_threshold", usual.probing_threshold).max(1),
        inactive_threshold: get("ds_inactive_threshold", usual.inactive_threshold).max(1),
        reply_codes,
        call_expire_seconds: get("ds_hash_expire", usual.call_expire_seconds),
        call_initial_expire_seconds: get("ds_hash_initexpire", usual.call_initial_expire_seconds),
    }
}

/// `shvset`: `name=i:1` or `name=s:text`, in effect where the value has not been set yet.
fn shared_values(script: &Script, tables: &ScriptTables, faults: &mut Vec<String>) {
    for text in script.values("pv", "shvset").iter().filter_map(Value::text) {
        let read = text.split_once('=').and_then(|(name, value)| {
            let (kind, value) = value.split_once(':')?;
            let value = match kind.trim() {
                "i" => TableValue::Int(value.trim().parse().ok()?),
                "s" => TableValue::text(value.as_bytes()),
                _ => return None,
            };
            Some((name.trim(), value))
        });
        match read {
            None => faults.push(format!(
                "pv.shvset: `{text}` is not of the form name=i:1 or name=s:text"
            )),
            Some((name, _)) if tables.shared_values.get(name.as_bytes()).is_some() => {}
            Some((name, value)) => {
                let set = tables.shared_values.set(name.as_bytes(), value);
                faults.extend(set.err().map(|error| format!("pv.shvset: {error}")));
            }
        }
    }
}
