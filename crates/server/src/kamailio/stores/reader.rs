//! Reads databases and files of Kamailio as the parameters of its modules name them.

use std::path::{Path, PathBuf};

use strowger_routing::tables::address_groups::AddressRule;
use strowger_routing::tables::dispatcher::{DestinationEntry, parse_list};
use strowger_routing::tables::hash_table::TableDefinition;
use strowger_store::kamailio::{
    AddressColumns, DispatcherColumns, HashTableColumns, KamailioCell, KamailioDatabase,
    KamailioError, SubscriberColumns,
};

use super::Stores;
use crate::config::Config;
use crate::kamailio::Script;
use crate::kamailio::machine::read_file;

/// Reads what one script is configured with.
pub(super) struct Reader<'c> {
    script: &'c Script,
    domains: &'c [Box<str>],
    folder: PathBuf,
    pub(super) out: Stores,
    pub(super) errors: Vec<String>,
}

impl<'c> Reader<'c> {
    pub(super) fn new(script: &'c Script, config: &'c Config) -> Reader<'c> {
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

    pub(super) fn accounts(&mut self) {
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

    pub(super) fn address_rules(&mut self) -> Result<Option<Vec<AddressRule>>, String> {
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

    pub(super) fn destination_entries(&mut self) -> Result<Option<Vec<DestinationEntry>>, String> {
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

    pub(super) fn tables(&mut self) {
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
    pub(super) fn cells(
        &mut self,
        definition: &TableDefinition,
    ) -> Result<Option<Vec<KamailioCell>>, String> {
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
