//! The function table: what a door offers to programs, one [`Row`] per function.
//!
//! Nothing here knows Lua. A script host makes callable functions from the rows; a routing language of our own calls
//! the same rows through [`FunctionTable::call`]. Names, kinds of parameters, coercions and what a wrong argument does
//! are decided here and nowhere else.

mod argument;
mod documentation;
mod row;
mod value;

use std::collections::{BTreeMap, BTreeSet};

pub use argument::{Arg, Args, ArgumentFault};
pub use row::{Class, ExitMarker, Kind, Parameter, Returns, Row};
pub use value::{Ret, Value, Wait, format_number, parse_number};

/// What a call with wrong arguments answers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FaultAnswer {
    /// The function is not called and the result is `false`; the fault is logged.
    False,
    /// An error is raised in the program.
    Error,
}

/// Which wrong arguments a call is not refused for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Tolerance {
    /// None.
    #[default]
    Strict,
    /// Those that a function in C does not see when it reads so many values of the stack: excess arguments are not looked
    /// at, nil and a value of another kind read as 0 or an empty string. A function without parameters still takes none,
    /// and a call without any argument is still refused where one is needed. A nil at the end and an argument left out
    /// look alike.
    OfStack,
}

/// A piece of source that a door runs in every new VM, before any script.
#[derive(Copy, Clone, Debug)]
pub struct Prelude {
    /// The name that stands in errors.
    pub name: &'static str,
    /// The source.
    pub source: &'static str,
}

/// The name, parameters and result of a function: what a linter needs to know.
#[derive(Copy, Clone, Debug)]
pub struct Signature {
    /// Module; empty for functions that stand in the root.
    pub module: &'static str,
    /// Name.
    pub name: &'static str,
    /// Parameters in order.
    pub parameters: &'static [Parameter],
    /// Kind of result.
    pub returns: Returns,
}

/// The functions of a door: `root.module.name`.
#[derive(Debug)]
pub struct FunctionTable<C: 'static> {
    root: &'static str,
    fault: FaultAnswer,
    tolerance: Tolerance,
    rows: BTreeMap<(&'static str, &'static str), &'static Row<C>>,
    unloaded: BTreeSet<&'static str>,
    preludes: Vec<Prelude>,
}

impl<C> FunctionTable<C> {
    /// An empty table. `root` is the name of the table of tables (`KSR`); if it is empty, modules are globals.
    pub fn new(root: &'static str, fault: FaultAnswer) -> Self {
        FunctionTable {
            root,
            fault,
            tolerance: Tolerance::Strict,
            rows: BTreeMap::new(),
            unloaded: BTreeSet::new(),
            preludes: Vec::new(),
        }
    }

    /// Adds rows; a later row of the same name replaces an earlier one.
    pub fn add(&mut self, rows: &'static [Row<C>]) -> &mut Self {
        for row in rows {
            self.rows.insert((row.module, row.name), row);
        }
        self
    }

    /// Adds a source that runs in every new VM.
    pub fn add_prelude(&mut self, name: &'static str, source: &'static str) -> &mut Self {
        self.preludes.push(Prelude { name, source });
        self
    }

    /// Keeps the modules for which `is_loaded` says so; the others are absent (nil), as if they did not exist.
    pub fn load_modules(&mut self, mut is_loaded: impl FnMut(&str) -> bool) -> &mut Self {
        self.unloaded = self
            .rows
            .keys()
            .map(|(module, _)| *module)
            .filter(|module| !module.is_empty() && !is_loaded(module))
            .collect();
        self
    }

    /// Name of the table of tables.
    pub fn root(&self) -> &'static str {
        self.root
    }

    /// What wrong arguments answer.
    pub fn fault_answer(&self) -> FaultAnswer {
        self.fault
    }

    /// Says which wrong arguments are forgiven.
    pub fn tolerate(&mut self, tolerance: Tolerance) -> &mut Self {
        self.tolerance = tolerance;
        self
    }

    /// Which wrong arguments are forgiven.
    pub fn tolerance(&self) -> Tolerance {
        self.tolerance
    }

    /// The sources of the door.
    pub fn preludes(&self) -> &[Prelude] {
        &self.preludes
    }

    /// Every row, in order of module and name, loaded or not.
    pub fn all_rows(&self) -> impl Iterator<Item = &'static Row<C>> {
        self.rows.values().copied()
    }

    /// The rows that programs see.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row<C>> {
        self.all_rows()
            .filter(|row| row.class != Class::Absent && !self.unloaded.contains(row.module))
    }

    /// The row that a program sees under this name.
    pub fn find(&self, module: &str, name: &str) -> Option<&'static Row<C>> {
        self.rows
            .get(&(module, name))
            .copied()
            .filter(|row| row.class != Class::Absent && !self.unloaded.contains(row.module))
    }

    /// True if programs see the module.
    pub fn has_module(&self, module: &str) -> bool {
        self.rows().any(|row| row.module == module)
    }

    /// What a linter checks against.
    pub fn signatures(&self) -> Vec<Signature> {
        self.rows().map(Row::signature).collect()
    }

    /// Calls a function by name with arguments as they stand in a program. `None` if there is no such function.
    pub fn call(
        &self,
        module: &str,
        name: &str,
        context: &mut C,
        arguments: &[Value],
    ) -> Option<Result<Ret, ArgumentFault>> {
        let row = self.find(module, name)?;
        let mut args: smallvec::SmallVec<[Arg; 4]> = arguments.iter().map(Arg::from).collect();
        Some(
            row.coerce(&mut args, self.tolerance)
                .map(|_| (row.call)(context, Args::new(&args))),
        )
    }
}
