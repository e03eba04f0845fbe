//! The compatibility report: what of a configuration is used, accepted without effect, or not supported.

use std::fmt;

use super::source::{Sources, Span};

/// What becomes of a line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It does here what it does there.
    Used,
    /// It is accepted, and nothing here needs it.
    NoEffect,
    /// It is passed over, and something will be missing.
    NotSupported,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportEntry {
    /// What becomes of it.
    pub class: Class,
    /// What it is; never a value, which may be secret.
    pub what: String,
    /// Why, or what for.
    pub why: String,
    /// Where it stands.
    pub span: Span,
}

/// The whole report, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct CompatibilityReport {
    /// The files.
    pub sources: Sources,
    /// The entries.
    pub entries: Vec<ReportEntry>,
}

impl CompatibilityReport {
    pub(crate) fn add(
        &mut self,
        class: Class,
        what: impl Into<String>,
        why: impl Into<String>,
        span: Span,
    ) {
        self.entries.push(ReportEntry {
            class,
            what: what.into(),
            why: why.into(),
            span,
        });
    }

    /// Says otherwise what becomes of everything of this name.
    pub fn explain(&mut self, what: &str, class: Class, why: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.what == what) {
            entry.class = class;
            why.clone_into(&mut entry.why);
        }
    }

    /// Entries of one class.
    pub fn of(&self, class: Class) -> impl Iterator<Item = &ReportEntry> {
        self.entries
            .iter()
            .filter(move |entry| entry.class == class)
    }
}

impl fmt::Display for CompatibilityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = [
            (Class::Used, "used"),
            (Class::NoEffect, "accepted without effect"),
            (Class::NotSupported, "not supported"),
        ];
        for (class, heading) in headings {
            let count = self.of(class).count();
            if count == 0 {
                continue;
            }
            writeln!(f, "{heading} ({count})")?;
            let width = self
                .of(class)
                .map(|entry| entry.what.chars().count())
                .max()
                .unwrap_or(0);
            for entry in self.of(class) {
                let (line, _) = self.sources.position(entry.span);
                let name = self.sources.name(entry.span);
                writeln!(f, "  {:width$}  {}  ({name}:{line})", entry.what, entry.why)?;
            }
        }
        Ok(())
    }
}
