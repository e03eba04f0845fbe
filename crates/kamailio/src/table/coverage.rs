//! The page that says what of Kamailio is covered, made from the rows and the names of pseudo-variables.

use std::collections::BTreeMap;
use std::fmt::Write;

use strowger_lua::{Class, Returns, Row};

use super::{BUILT_IN, Origin, origin};
use crate::kemi::KemiRun;
use crate::kemi::rows::ALL;
use crate::pv::{Taking, names, taking, transform_names};
use crate::sl::SlStatistics;

const HEAD: &str = "\
# Kamailio: what is covered

Written from the tables of `strowger-kamailio`; a test keeps it so.

## Script functions

*real* does what it says; *engine* needs something outside and fails without it; *nil* does not exist, and scripts that
test for it see so. A function that waits lets other messages go on. *example* is called by the script that comes with
Kamailio, *public* by other published scripts. Functions of a module are there if its `loadmodule` is. A function
answers a number above 0 for yes and below 0 for no unless its line says otherwise.
";

/// The page, in Markdown.
pub fn coverage_page() -> String {
    // Within a module in the order of the files: there, a row may say that it does the same as the one before.
    let mut modules: BTreeMap<&str, Vec<&Row<KemiRun>>> = BTreeMap::new();
    for row in ALL.iter().copied().flatten() {
        modules.entry(row.module).or_default().push(row);
    }
    let mut out = String::from(HEAD);
    for (module, rows) in modules {
        heading(&mut out, module);
        for row in rows {
            line(&mut out, row);
        }
    }
    pseudo_variables(&mut out);
    let _ = write!(out, "\n## Statistics of `sl`\n\n");
    SlStatistics::default().visit(&mut |name, help, _| {
        let _ = writeln!(out, "* `{name}`: {help}");
    });
    out
}

fn heading(out: &mut String, module: &str) {
    let title = if module.is_empty() { "core" } else { module };
    let built_in = if BUILT_IN.contains(&module) {
        " (always there)"
    } else {
        ""
    };
    let _ = write!(
        out,
        "\n### {title}{built_in}\n\n| function | returns | class | waits | from | what it does |\n|---|---|---|---|---|---|\n"
    );
}

fn line(out: &mut String, row: &Row<KemiRun>) {
    let parameters = row.parameters.iter().map(|one| {
        let mark = if one.optional { "?" } else { "" };
        format!("{}{mark}", one.name)
    });
    let _ = writeln!(
        out,
        "| `KSR.{}({})` | {} | {} | {} | {} | {} |",
        row.full_name(),
        parameters.collect::<Vec<_>>().join(", "),
        match (row.exits, row.returns) {
            (Some(_), _) => "never",
            (None, Returns::Int) => "int",
            (None, Returns::Bool) => "bool",
            (None, Returns::Value) => "value",
            (None, Returns::None) => "",
        },
        match row.class {
            Class::Real => "real",
            Class::WithoutEngine => "engine",
            Class::Absent => "nil",
        },
        if row.yields { "yes" } else { "" },
        match origin(row.module, row.name) {
            Some(Origin::Example) => "example",
            Some(Origin::Public) => "public",
            None => "",
        },
        row.doc.replace('|', "\\|"),
    );
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_is_as_the_rows_are() {
        let page = coverage_page();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kamailio.md");
        if std::env::var_os("STROWGER_WRITE_DOCS").is_some() {
            std::fs::write(&path, &page).expect("the page is written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page,
            "docs/kamailio.md is old: run STROWGER_WRITE_DOCS=1 cargo test -p strowger-kamailio"
        );
    }

    #[test]
    fn every_function_that_published_scripts_call_is_on_the_page() {
        let page = coverage_page();
        let marked = |word: &str| page.matches(&format!(" | {word} | ")).count();
        assert_eq!((marked("example"), marked("public")), (74, 35));
    }
}
