//! The configuration part of a `kamailio.cfg` whose routing is a script (`cfgengine "lua"`).
//!
//! [`read`] obeys the preprocessor, reads global parameters, modules and their parameters, and tells everything that
//! is wrong at once, with file, line and column. What has no meaning here is accepted and named in the report. Route
//! blocks of the native language are not read: each gets one message.

mod address;
mod diagnostic;
mod directive;
mod globals;
mod lexer;
mod module_statement;
pub mod modules;
mod nearest;
mod preprocessor;
mod reader;
mod report;
mod route_block;
mod scan;
mod source;
mod statement;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

pub use address::{Alias, Listen};
pub use diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Diagnostics, Severity};
pub use lexer::{EXPANSIONS_MAX, NESTING_MAX, STRING_OCTETS_MAX};
pub use preprocessor::{CONDITIONALS_MAX, DEFINITIONS_MAX, Definition};
pub use reader::read;
pub use report::{Class, CompatibilityReport, ReportEntry};
pub use source::{FILES_MAX, Placed, Source, Sources, Span};
pub use value::Value;

/// Opens the files that a configuration includes.
pub trait Loader {
    /// The text of a file, or why it cannot be read.
    fn load(&mut self, path: &str) -> Result<String, String>;
}

/// A loader that finds nothing, for configurations of one file.
#[derive(Copy, Clone, Debug, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn load(&mut self, _path: &str) -> Result<String, String> {
        Err("no such file".into())
    }
}

/// A global parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A variable of the operator's own, `group.name = value desc "text"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomVariable {
    /// The group.
    pub group: String,
    /// The name.
    pub name: String,
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A module that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedModule {
    /// Its name without path and `.so`.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A parameter of a module; `"a|b"` gives one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleParameter {
    /// The module.
    pub module: String,
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A route block, which is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteBlock {
    /// `request_route`, `branch_route`, …
    pub kind: String,
    /// The name in brackets; empty without.
    pub name: String,
    /// Where it begins.
    pub span: Span,
}

impl std::fmt::Display for RouteBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.kind),
            name => write!(f, "{}[{name}]", self.kind),
        }
    }
}

/// A configuration, as read.
#[derive(Clone, Debug, Default)]
pub struct KamailioConfig {
    /// Sockets in their order; empty means every address.
    pub listen: Vec<Listen>,
    /// Hosts that are this server too.
    pub aliases: Vec<Alias>,
    /// Global parameters in their order; the last of a name counts.
    pub globals: Vec<Global>,
    /// Variables of the operator's own.
    pub custom: Vec<CustomVariable>,
    /// Folders in which modules were looked for.
    pub module_paths: Vec<Placed<String>>,
    /// Modules in the order of loading.
    pub modules: Vec<LoadedModule>,
    /// Module parameters in their order.
    pub parameters: Vec<ModuleParameter>,
    /// The script engine: `lua`, or `native` without `cfgengine`.
    pub engine: Option<Placed<String>>,
    /// Route blocks.
    pub routes: Vec<RouteBlock>,
    /// What was defined at the end of reading, for `KSR.kx.ifdef`.
    pub definitions: BTreeMap<String, Definition>,
}

impl KamailioConfig {
    /// The value of a global parameter that counts.
    pub fn global(&self, name: &str) -> Option<&Value> {
        self.globals
            .iter()
            .rev()
            .find(|one| one.name == name)
            .map(|one| &one.value)
    }

    /// True if the module is loaded.
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.iter().any(|one| one.name == name)
    }

    /// All values of a module parameter; some may be given more than once (`htable`, `rtpengine_sock`).
    pub fn parameter_values(&self, module: &str, name: &str) -> impl Iterator<Item = &Value> {
        self.parameters
            .iter()
            .filter(move |one| one.module == module && one.name == name)
            .map(|one| &one.value)
    }

    /// The value of a module parameter that counts: the last.
    pub fn parameter(&self, module: &str, name: &str) -> Option<&Value> {
        self.parameter_values(module, name).last()
    }

    /// The Lua file.
    pub fn script(&self) -> Option<&str> {
        self.parameter("app_lua", "load").and_then(Value::text)
    }
}

/// What came of reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The configuration; complete only if there is no error.
    pub config: KamailioConfig,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// What is used, what is not.
    pub report: CompatibilityReport,
}
