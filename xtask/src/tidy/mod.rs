//! The checks of `cargo xtask tidy`, one file per subject.

mod dependencies;
pub mod limits;
mod links;
mod security;
mod sources;
mod texts;

use std::fmt;

use crate::rfc;
use crate::tree::Tree;

/// What was found: errors fail the check, notes are only shown.
#[derive(Default)]
pub struct Findings {
    /// Each breaks an invariant.
    pub errors: Vec<String>,
    /// Worth a look.
    pub notes: Vec<String>,
    /// What was checked, for the closing line.
    pub checked: String,
}

impl Findings {
    /// Add an error at a line of a file.
    pub fn error(&mut self, path: &str, line: usize, what: impl fmt::Display) {
        self.errors.push(format!("{path}:{line}: {what}"));
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        writeln!(f, "{}: {} errors", self.checked, self.errors.len())
    }
}

/// Run every check.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings {
        checked: format!("{} files", tree.files.len()),
        ..Findings::default()
    };
    dependencies::check(tree, &mut findings);
    sources::check(tree, &mut findings);
    limits::check(tree, &mut findings);
    security::check(tree, &mut findings);
    texts::check(tree, &mut findings);
    links::check(tree, &mut findings);
    rfc::check_exceptions(tree, &mut findings);
    findings
}
