//! What the door is configured with: shared by all shards, never changed while it serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::cfg::{KamailioConfig, Value};
use crate::sl::ReplyDefaults;
use crate::table::BUILT_IN;

/// How loud a line of a script is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something must be done at once.
    Alert,
    /// Something is badly wrong.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Something normal that should be seen.
    Notice,
    /// Information.
    Info,
    /// For finding faults.
    Debug,
}

impl LogLevel {
    /// The level that a script names, as the function `log` takes it; information if it names none.
    pub fn named(name: &[u8]) -> LogLevel {
        match name {
            b"alert" => LogLevel::Alert,
            b"crit" | b"critical" => LogLevel::Critical,
            b"err" | b"error" => LogLevel::Error,
            b"warn" | b"warning" => LogLevel::Warning,
            b"notice" => LogLevel::Notice,
            b"dbg" | b"debug" => LogLevel::Debug,
            _ => LogLevel::Info,
        }
    }
}

/// Takes the lines of scripts. What comes from the wire in them must be made harmless by who writes them.
pub trait KemiLog: Send + Sync + fmt::Debug {
    /// True if lines of this level are kept: others need not be made.
    fn wants(&self, level: LogLevel) -> bool;
    /// A line.
    fn line(&self, level: LogLevel, text: &[u8]);
}

/// Where the script is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSource {
    /// The folder, outside of which nothing is read.
    pub folder: String,
    /// The file in it.
    pub file: String,
}

/// The configuration of the door.
#[derive(Clone, Debug)]
pub struct KemiDoor {
    /// The script.
    pub script: ScriptSource,
    /// Words that the preprocessor knows, with their texts (`KSR.kx.ifdef`, `$def`).
    pub definitions: BTreeMap<String, String>,
    /// Loaded modules; `None` for all that there are.
    pub modules: Option<BTreeSet<String>>,
    /// Module parameters: module, name, values in their order.
    pub parameters: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
    /// Global parameters that scripts can see the effect of.
    pub globals: BTreeMap<String, Value>,
    /// Variables of the operator's own.
    pub custom: BTreeMap<(String, String), Value>,
    /// The number of the process (`$pp`).
    pub process_id: u32,
    /// The environment of the process (`$env`).
    pub environment: BTreeMap<String, String>,
    /// `default_code` and `default_reason` of `sl`.
    pub reply_defaults: ReplyDefaults,
    /// Takes lines of the script.
    pub log: Arc<dyn KemiLog>,
}

impl KemiDoor {
    /// A door for a script alone: all modules, no parameters.
    pub fn of_script(script: ScriptSource, log: Arc<dyn KemiLog>) -> KemiDoor {
        KemiDoor {
            script,
            definitions: BTreeMap::new(),
            modules: None,
            parameters: BTreeMap::new(),
            globals: BTreeMap::new(),
            custom: BTreeMap::new(),
            process_id: 0,
            environment: BTreeMap::new(),
            reply_defaults: ReplyDefaults::default(),
            log,
        }
    }

    /// A door as a `kamailio.cfg` configures it.
    pub fn of_config(
        config: &KamailioConfig,
        script: ScriptSource,
        log: Arc<dyn KemiLog>,
    ) -> KemiDoor {
        let mut door = KemiDoor::of_script(script, log);
        for (name, definition) in &config.definitions {
            door.definitions
                .insert(name.clone(), definition.text.clone());
        }
        door.modules = Some(config.modules.iter().map(|one| one.name.clone()).collect());
        for one in &config.parameters {
            door.set_parameter(&one.module, &one.name, one.value.clone());
        }
        for one in &config.globals {
            door.globals.insert(one.name.clone(), one.value.clone());
        }
        for one in &config.custom {
            door.custom
                .insert((one.group.clone(), one.name.clone()), one.value.clone());
        }
        door.read_reply_defaults();
        door
    }

    /// Adds a value of a module parameter.
    pub fn set_parameter(&mut self, module: &str, name: &str, value: Value) {
        let module = self.parameters.entry(module.to_owned()).or_default();
        module.entry(name.to_owned()).or_default().push(value);
    }

    /// Takes `default_code` and `default_reason` from the parameters.
    pub fn read_reply_defaults(&mut self) {
        if let Some(code) = self.int("sl", "default_code") {
            self.reply_defaults.code = u16::try_from(code).unwrap_or(500);
        }
        if let Some(reason) = self.text("sl", "default_reason") {
            self.reply_defaults.reason = reason.to_owned();
        }
    }

    /// True if scripts see the module.
    pub fn has_module(&self, module: &str) -> bool {
        let loaded = match module {
            "kx" => "kemix",
            "pvx" => "pv",
            other => other,
        };
        let is_loaded = |modules: &BTreeSet<String>| {
            // Our own configuration may name what scripts see.
            modules.contains(loaded) || modules.contains(module)
        };
        BUILT_IN.contains(&module) || self.modules.as_ref().is_none_or(is_loaded)
    }

    /// The value of a module parameter that counts: the last.
    pub fn parameter(&self, module: &str, name: &str) -> Option<&Value> {
        self.values(module, name).last()
    }

    /// All values of a module parameter.
    pub fn values(&self, module: &str, name: &str) -> &[Value] {
        let module = self.parameters.get(module);
        let values = module.and_then(|parameters| parameters.get(name));
        values.map_or(&[], Vec::as_slice)
    }

    /// A module parameter as a number.
    pub fn int(&self, module: &str, name: &str) -> Option<i64> {
        self.parameter(module, name).and_then(Value::integer)
    }

    /// A module parameter as text.
    pub fn text(&self, module: &str, name: &str) -> Option<&str> {
        self.parameter(module, name).and_then(Value::text)
    }
}
