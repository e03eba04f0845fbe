//! A configuration text read as `check` reads it, for what tests the reader from outside (`fuzz`).

use std::path::Path;

use crate::config::{Config, Source};

/// What came of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// There is a configuration.
    pub is_good: bool,
    /// The text is TOML: what is wrong with it are keys and values.
    pub is_read: bool,
    /// Number of errors.
    pub errors: usize,
    /// Errors and warnings as shown to an operator.
    pub shown: String,
    /// Each in one line.
    pub lines: Vec<String>,
    /// Line and column of each that has a place.
    pub places: Vec<(usize, usize)>,
}

/// Reads a text under the name of a file. Relative paths in it begin at a folder that is not there.
pub fn read_configuration(name: &str, text: &str) -> Reading {
    let source = Source::new(name.to_owned(), text.to_owned());
    let (config, report) = Config::parse(source, Path::new("nowhere"));
    let places = report.diagnostics.iter().filter_map(|one| {
        let span = one.span.as_ref()?;
        Some(report.source.position(span.start))
    });
    Reading {
        is_good: config.is_some(),
        is_read: toml::de::DeTable::parse(text).is_ok(),
        errors: report.errors(),
        shown: report.to_string(),
        lines: report.lines(),
        places: places.collect(),
    }
}
