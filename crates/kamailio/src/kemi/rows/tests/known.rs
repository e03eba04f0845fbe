//! The rows against the list of functions that published scripts call.

use std::collections::BTreeMap;

use strowger_lua::{Class, Kind, Returns};

use crate::kemi::rows::ALL;
use crate::table::{self, FunctionClass, Param};

/// Where a row and the list of known functions say different things.
fn differences() -> Vec<String> {
    let rows: BTreeMap<(&str, &str), _> = ALL
        .iter()
        .flat_map(|rows| rows.iter())
        .map(|row| ((row.module, row.name), row))
        .collect();
    let mut out = Vec::new();
    for function in table::functions() {
        let has_module = rows.keys().any(|(module, _)| *module == function.module);
        let Some(row) = rows.get(&(function.module, function.name)) else {
            // A module without any row is to come.
            if has_module {
                out.push(format!("{}: no row", function.path()));
            }
            continue;
        };
        let required = row.parameters.iter().filter(|one| !one.optional);
        let kinds: Vec<Kind> = required.map(|one| one.kind).collect();
        let wanted = function.params.iter().map(|param| match param {
            Param::Int => Kind::Int,
            Param::Str => Kind::Text,
        });
        if kinds != wanted.collect::<Vec<_>>() {
            out.push(format!("{}: parameters", function.path()));
        }
        let returns = match function.returns {
            table::Returns::Int => Returns::Int,
            table::Returns::Bool => Returns::Bool,
            table::Returns::Value => Returns::Value,
            table::Returns::Nothing => Returns::None,
        };
        if row.returns != returns {
            out.push(format!("{}: result", function.path()));
        }
        let class = match function.class {
            FunctionClass::Real => Class::Real,
            FunctionClass::NeedsEngine => Class::WithoutEngine,
            FunctionClass::Nil => Class::Absent,
        };
        if row.class != class {
            out.push(format!("{}: class", function.path()));
        }
    }
    out
}

#[test]
fn rows_are_as_the_list_of_known_functions_says() {
    let differences = differences();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
