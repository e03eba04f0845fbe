//! Kamailio's forms: a `kamailio.cfg` in the place of a `strowger.toml`, the `[kamailio]` section of one, and a script
//! alone. All three end as a [`Config`](crate::config::Config) whose `script` decides about requests.
//!
//! ```text
//! kamailio.cfg ── cfg::read ── translate ─┐
//! strowger.toml ── [kamailio] ── section ─┼─► Config { …, script } ─► element settings, KemiFactory
//! main.lua ── the trial's configuration ──┘
//! ```

mod addresses;
mod findings;
mod lines;
mod lint;
mod load;
mod machine;
mod parameters;
mod section;
mod stores;
mod surroundings;
#[cfg(test)]
mod tests;
mod translate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_kamailio::cfg::{KamailioConfig, Value};
use strowger_kamailio::kemi::{KemiDoor, KemiFactory, KemiLog, LogLevel, ScriptSource};

pub use findings::Findings;
pub use lines::ScriptLines;
pub use lint::ScriptFindings;
pub use load::{cfg, script_alone};
pub use section::section;
pub use stores::{Stores, reload_addresses, reload_destinations, reload_hash_table};
pub use surroundings::Surroundings;

/// The script that decides, and what is configured for its functions.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The folder, outside of which scripts read nothing.
    pub folder: PathBuf,
    /// The file in it.
    pub file: String,
    /// Words that the preprocessor knows, with their texts.
    pub definitions: BTreeMap<String, String>,
    /// Modules that scripts see; `None` for all.
    pub modules: Option<BTreeSet<String>>,
    /// Module parameters: module, name, values in their order.
    pub parameters: BTreeMap<(String, String), Vec<Value>>,
    /// Global parameters of Kamailio.
    pub globals: BTreeMap<String, Value>,
    /// The operator's own variables.
    pub custom: BTreeMap<(String, String), Value>,
    /// The quietest lines of the script that are written.
    pub log_level: LogLevel,
    /// True if Kamailio's defaults apply where nothing is said, as in a `kamailio.cfg`; else ours.
    pub kamailio_defaults: bool,
}

impl fmt::Debug for Script {
    /// Without parameters: they may hold passwords of databases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("file", &self.path())
            .finish_non_exhaustive()
    }
}

impl Script {
    /// A script with nothing configured.
    pub fn new(path: &Path) -> Script {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let file = path.file_name().unwrap_or_default();
        Script {
            folder,
            file: file.to_string_lossy().into_owned(),
            definitions: BTreeMap::new(),
            modules: None,
            parameters: BTreeMap::new(),
            globals: BTreeMap::new(),
            custom: BTreeMap::new(),
            log_level: LogLevel::Notice,
            kamailio_defaults: false,
        }
    }

    /// As a `kamailio.cfg` configures it.
    pub fn of_config(path: &Path, config: &KamailioConfig) -> Script {
        let mut script = Script::new(path);
        script.kamailio_defaults = true;
        let defined = config.definitions.iter();
        script
            .definitions
            .extend(defined.map(|(name, one)| (name.clone(), one.text.clone())));
        script.modules = Some(config.modules.iter().map(|one| one.name.clone()).collect());
        for one in &config.parameters {
            script.add_parameter(&one.module, &one.name, one.value.clone());
        }
        for one in &config.globals {
            script.globals.insert(one.name.clone(), one.value.clone());
        }
        for one in &config.custom {
            script
                .custom
                .insert((one.group.clone(), one.name.clone()), one.value.clone());
        }
        script
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        match self.folder.as_os_str() == "." {
            true => PathBuf::from(&self.file),
            false => self.folder.join(&self.file),
        }
    }

    /// Adds a value of a module parameter.
    pub fn add_parameter(&mut self, module: &str, name: &str, value: Value) {
        let key = (module.to_owned(), name.to_owned());
        self.parameters.entry(key).or_default().push(value);
    }

    /// All values of a module parameter.
    pub fn values(&self, module: &str, name: &str) -> &[Value] {
        self.parameters
            .get(&(module.to_owned(), name.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    /// A module parameter as a number: the last value counts.
    pub fn int(&self, module: &str, name: &str) -> Option<i64> {
        self.values(module, name).last().and_then(Value::integer)
    }

    /// A module parameter as text.
    pub fn text(&self, module: &str, name: &str) -> Option<&str> {
        self.values(module, name).last().and_then(Value::text)
    }

    /// A global parameter as a number.
    pub fn global_int(&self, name: &str) -> Option<i64> {
        self.globals.get(name).and_then(Value::integer)
    }

    /// A global parameter as text.
    pub fn global_text(&self, name: &str) -> Option<&str> {
        self.globals.get(name).and_then(Value::text)
    }

    /// True if every domain is the first one, for registrations and accounts (`use_domain` of usrloc).
    pub fn is_one_domain(&self) -> bool {
        match self.int("usrloc", "use_domain") {
            Some(by_domain) => by_domain == 0,
            None => self.kamailio_defaults,
        }
    }

    /// What challenges offer: in our own forms `auth`, if nothing is said; in Kamailio's nothing then.
    pub fn qop(&self) -> Option<&str> {
        self.text("auth", "qop")
            .or((!self.kamailio_defaults).then_some("auth"))
    }

    /// What the door is made with.
    pub fn door(&self, log: Arc<dyn KemiLog>) -> KemiDoor {
        let source = ScriptSource {
            folder: self.folder.display().to_string(),
            file: self.file.clone(),
        };
        let mut door = KemiDoor::of_script(source, log);
        door.definitions.clone_from(&self.definitions);
        door.modules.clone_from(&self.modules);
        for ((module, name), values) in &self.parameters {
            for value in values {
                door.set_parameter(module, name, value.clone());
            }
        }
        door.globals.clone_from(&self.globals);
        door.custom.clone_from(&self.custom);
        door.process_id = std::process::id();
        door.environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        if let (Some(qop), None) = (self.qop(), door.text("auth", "qop")) {
            door.set_parameter("auth", "qop", Value::Text(qop.to_owned()));
        }
        door.read_reply_defaults();
        door
    }

    /// Makes the policy of each shard; lines of the script go to `log`.
    pub fn factory(&self, log: Arc<dyn KemiLog>) -> KemiFactory {
        KemiFactory::new(Arc::new(self.door(log)), Arc::new(Surroundings))
    }
}
