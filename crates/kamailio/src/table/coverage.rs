//! The page that says what of Kamailio is covered, made from the tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{BUILT_IN, Function, FunctionClass, Origin, Param, Returns, functions};
use crate::pv::{Taking, names, taking, transform_names};
use crate::sl::SlStatistics;

/// The page, in Markdown.
pub fn coverage_page() -> String {
    let mut out = String::from(
        "# Kamailio: what is covered\n\nWritten from the tables of `strowger-kamailio`; a test keeps it so.\n\n## Script functions\n\n*real* does what it says; *engine* needs something outside and fails without it; *nil* does not exist, and scripts\nthat test for it see so. Functions of a module are there if its `loadmodule` is.\n",
    );
    let mut modules: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for function in functions() {
        modules.entry(function.module).or_default().push(function);
    }
    for (module, rows) in &modules {
        let title = if module.is_empty() { "core" } else { module };
        let built_in = if BUILT_IN.contains(module) {
            " (always there)"
        } else {
            ""
        };
        let _ = write!(
            out,
            "\n### {title}{built_in}\n\n| function | returns | class | waits | from | what it does |\n|---|---|---|---|---|---|\n"
        );
        for row in rows {
            let _ = writeln!(
                out,
                "| `{}({})` | {} | {} | {} | {} | {} |",
                row.path(),
                params(row.params),
                returns(row.returns),
                class(row.class),
                if row.waits { "yes" } else { "" },
                if row.origin == Origin::Example {
                    "example"
                } else {
                    "public"
                },
                row.doc
            );
        }
    }
    pseudo_variables(&mut out);
    let _ = write!(out, "\n## Statistics of `sl`\n\n");
    SlStatistics::default().visit(&mut |name, help, _| {
        let _ = writeln!(out, "* `{name}`: {help}");
    });
    out
}

fn pseudo_variables(out: &mut String) {
    let missing = |name: &str| matches!(taking(name), Some(Taking::Module(_)));
    let there: Vec<String> = names()
        .filter(|name| !missing(name))
        .map(|name| format!("`${name}`"))
        .collect();
    let _ = write!(
        out,
        "\n## Pseudo-variables\n\n{}\n\nRead, but null until their module is there:\n\n",
        there.join(" ")
    );
    for name in names() {
        if let Some(Taking::Module(module)) = taking(name) {
            let _ = writeln!(out, "* `${name}` ({module})");
        }
    }
    let names: Vec<String> = transform_names()
        .map(|name| format!("`{{{name}}}`"))
        .collect();
    let _ = write!(out, "\n## Transformations\n\n{}\n", names.join(" "));
}

fn params(params: &[Param]) -> String {
    let names = params.iter().map(|param| match param {
        Param::Int => "int",
        Param::Str => "str",
    });
    names.collect::<Vec<_>>().join(", ")
}

fn returns(returns: Returns) -> &'static str {
    match returns {
        Returns::Int => "int",
        Returns::Bool => "bool",
        Returns::Value => "value",
        Returns::Nothing => "",
    }
}

fn class(class: FunctionClass) -> &'static str {
    match class {
        FunctionClass::Real => "real",
        FunctionClass::NeedsEngine => "engine",
        FunctionClass::Nil => "nil",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_function() {
        let page = coverage_page();
        assert_eq!(page.matches("| `KSR.").count(), 109);
        insta::assert_snapshot!(page);
    }
}
