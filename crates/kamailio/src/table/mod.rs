//! The table of script functions: one row each, from which dispatchers, the coverage page and checks are made. It
//! knows nothing of the language that calls.

mod coverage;
mod example;
mod example_services;
mod public;

pub use coverage::coverage_page;

/// What a parameter is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// A number, or a string of digits.
    Int,
    /// A string, or a number as text.
    Str,
}

/// What a function returns.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// A number: above zero for yes, below for no or an error. Never a boolean.
    Int,
    /// True or false.
    Bool,
    /// A string, a number, or nil.
    Value,
    /// Nothing.
    Nothing,
}

/// What stands behind a function.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FunctionClass {
    /// It does what it says.
    Real,
    /// It needs an engine outside; without one it fails and is counted.
    NeedsEngine,
    /// It does not exist: scripts test for nil.
    Nil,
}

/// Where the function is known from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The example that comes with Kamailio.
    Example,
    /// Other scripts that people publish.
    Public,
}

/// A script function.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The module; empty for the core, whose functions stand in `KSR` itself.
    pub module: &'static str,
    /// The name.
    pub name: &'static str,
    /// The parameters; all of them must be given.
    pub params: &'static [Param],
    /// What it returns.
    pub returns: Returns,
    /// What stands behind it.
    pub class: FunctionClass,
    /// True if the script may have to wait.
    pub waits: bool,
    /// Where it is known from.
    pub origin: Origin,
    /// What it does, in one line.
    pub doc: &'static str,
}

impl Function {
    /// The name as scripts write it: `KSR.tm.t_relay`.
    pub fn path(&self) -> String {
        match self.module {
            "" => format!("KSR.{}", self.name),
            module => format!("KSR.{module}.{}", self.name),
        }
    }

    const fn new(
        module: &'static str,
        name: &'static str,
        params: &'static [Param],
        returns: Returns,
        doc: &'static str,
    ) -> Function {
        let class = FunctionClass::Real;
        Function {
            module,
            name,
            params,
            returns,
            class,
            waits: false,
            origin: Origin::Example,
            doc,
        }
    }

    const fn public(self) -> Function {
        Function {
            origin: Origin::Public,
            ..self
        }
    }

    const fn needs_engine(self) -> Function {
        Function {
            class: FunctionClass::NeedsEngine,
            waits: true,
            ..self
        }
    }

    const fn nil(self) -> Function {
        Function {
            class: FunctionClass::Nil,
            ..self
        }
    }

    const fn may_wait(self) -> Function {
        Function {
            waits: true,
            ..self
        }
    }
}

/// Modules whose functions stand in the core: they are there without `loadmodule`.
pub const BUILT_IN: &[&str] = &["", "hdr", "pv", "x"];

/// All functions: those of the example, then the others, by module.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    example::FUNCTIONS
        .iter()
        .chain(example_services::FUNCTIONS)
        .chain(public::FUNCTIONS)
}

/// The function of that name, if there is one.
pub fn function(module: &str, name: &str) -> Option<&'static Function> {
    functions().find(|function| function.module == module && function.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_example_needs_74_functions_and_other_scripts_35_more() {
        let count = |origin| {
            functions()
                .filter(|function| function.origin == origin)
                .count()
        };
        assert_eq!((count(Origin::Example), count(Origin::Public)), (74, 35));
    }

    #[test]
    fn no_function_is_listed_twice() {
        let paths: BTreeSet<String> = functions().map(Function::path).collect();
        assert_eq!(paths.len(), functions().count());
    }

    #[test]
    fn booleans_belong_to_the_core_and_to_values_alone() {
        for function in functions().filter(|function| function.returns == Returns::Bool) {
            let allowed = matches!(function.module, "" | "pv") || function.name == "ifdef";
            assert!(allowed, "{}", function.path());
        }
    }

    #[test]
    fn functions_are_found_by_module_and_name() {
        assert_eq!(
            function("tm", "t_relay").map(Function::path).as_deref(),
            Some("KSR.tm.t_relay")
        );
        assert_eq!(
            function("", "is_INVITE").map(Function::path).as_deref(),
            Some("KSR.is_INVITE")
        );
        assert_eq!(function("tm", "nothing"), None);
    }
}
