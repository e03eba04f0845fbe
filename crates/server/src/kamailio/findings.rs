//! What was found in a configuration, whichever its form.

use std::fmt;

use serde_json::{Value, json};
use strowger_kamailio::cfg::{Class, CompatibilityReport, Diagnostics, Severity};

use crate::config::Report;

/// Errors and warnings.
#[derive(Clone, Debug)]
pub enum Findings {
    /// Of a `strowger.toml`.
    File(Report),
    /// Of a `kamailio.cfg`, with what becomes of its lines.
    Kamailio {
        /// Errors and warnings.
        diagnostics: Diagnostics,
        /// What is used, what is not.
        report: CompatibilityReport,
    },
}

impl Findings {
    /// Number of errors.
    pub fn errors(&self) -> usize {
        match self {
            Findings::File(report) => report.errors(),
            Findings::Kamailio { diagnostics, .. } => diagnostics.errors(),
        }
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        match self {
            Findings::File(report) => report.warnings(),
            Findings::Kamailio { diagnostics, .. } => diagnostics.warnings(),
        }
    }

    /// Each in one line, for the log.
    pub fn lines(&self) -> Vec<String> {
        let (diagnostics, report) = match self {
            Findings::File(report) => return report.lines(),
            Findings::Kamailio {
                diagnostics,
                report,
            } => (diagnostics, report),
        };
        let told = diagnostics.list.iter().map(|one| {
            let place = one.span.map(|span| diagnostics.sources.place(span));
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            format!("{}{place}", one.message)
        });
        // What belongs to a module goes with it.
        let whole = |what: &str| !what.contains('.') || what.starts_with("kemi.");
        let missing = report.of(Class::NotSupported);
        let missing = missing.filter(|entry| whole(&entry.what)).map(|entry| {
            let place = report.sources.place(entry.span);
            format!("{} is not supported: {} ({place})", entry.what, entry.why)
        });
        told.chain(missing).collect()
    }

    /// As `check --json` prints them.
    pub fn to_json(&self) -> Value {
        let diagnostics = match self {
            Findings::File(report) => return report.to_json(),
            Findings::Kamailio { diagnostics, .. } => diagnostics,
        };
        let entries = diagnostics.list.iter().map(|one| {
            let severity = match one.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let mut value = json!({ "severity": severity, "message": one.message });
            if let (Some(span), Some(object)) = (one.span, value.as_object_mut()) {
                let (line, column) = diagnostics.sources.position(span);
                object.insert("file".into(), diagnostics.sources.name(span).into());
                object.insert("line".into(), line.into());
                object.insert("column".into(), column.into());
            }
            if let Some(object) = value.as_object_mut().filter(|_| !one.fix.is_empty()) {
                object.insert("fix".into(), one.fix.clone().into());
            }
            value
        });
        entries.collect()
    }

    /// The compatibility report, where there is one.
    pub fn compatibility(&self) -> Option<&CompatibilityReport> {
        match self {
            Findings::File(_) => None,
            Findings::Kamailio { report, .. } => Some(report),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Findings::File(report) => report.fmt(f),
            Findings::Kamailio { diagnostics, .. } => diagnostics.fmt(f),
        }
    }
}
