//! The documentation page and the coverage list, written from the rows.

use std::fmt::Write;

use super::row::{Class, Row};
use super::{FunctionTable, Returns};

impl<C> FunctionTable<C> {
    /// The functions as a Markdown page, one table per module.
    pub fn documentation(&self) -> String {
        let mut out = String::new();
        let mut module = None;
        for row in self.all_rows() {
            if module != Some(row.module) {
                module = Some(row.module);
                let title = if row.module.is_empty() {
                    "core"
                } else {
                    row.module
                };
                let _ = write!(
                    out,
                    "\n## {title}\n\n| function | returns | since | what it does |\n|---|---|---|---|\n"
                );
            }
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {}{} |",
                self.usage(row),
                returns(row),
                row.since,
                row.doc.replace('|', "\\|"),
                remarks(row),
            );
        }
        out
    }

    /// One line per function: its full name and class.
    pub fn coverage(&self) -> String {
        let mut out = String::new();
        for row in self.all_rows() {
            let class = match row.class {
                Class::Real => "real",
                Class::WithoutEngine => "fails without its engine",
                Class::Absent => "nil by design",
            };
            let _ = writeln!(out, "| `{}` | {class} |", self.rooted(row));
        }
        out
    }

    fn rooted(&self, row: &Row<C>) -> String {
        if self.root().is_empty() {
            row.full_name()
        } else {
            format!("{}.{}", self.root(), row.full_name())
        }
    }

    fn usage(&self, row: &Row<C>) -> String {
        let mut out = self.rooted(row);
        out.push('(');
        for (index, parameter) in row.parameters.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str(parameter.name);
            if parameter.optional {
                out.push('?');
            }
        }
        out.push(')');
        out
    }
}

fn returns<C>(row: &Row<C>) -> &'static str {
    match (row.exits, row.returns) {
        (Some(_), _) => "never",
        (None, Returns::Int) => "int",
        (None, Returns::Bool) => "bool",
        (None, Returns::Value) => "value",
        (None, Returns::None) => "",
    }
}

fn remarks<C>(row: &Row<C>) -> &'static str {
    match (row.class, row.yields) {
        (Class::Absent, _) => " (absent: nil)",
        (Class::WithoutEngine, _) => " (fails without its engine)",
        (Class::Real, true) => " (may wait)",
        (Class::Real, false) => "",
    }
}
