//! Rows of either kind of database, and typed access to their columns.

use std::path::PathBuf;

use super::error::{KAMAILIO_ERRORS_MAX, KamailioError, RowError};

/// Rows of one table.
pub const KAMAILIO_ROWS_MAX: usize = 1_000_000;

/// A column that is wanted.
#[derive(Copy, Clone, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    /// A table without it cannot be used.
    pub(super) required: bool,
}

/// A column that must be there.
pub(super) fn needed(name: &str) -> Wanted<'_> {
    Wanted {
        name,
        required: true,
    }
}

/// A column that may be missing; its values are null then.
pub(super) fn optional(name: &str) -> Wanted<'_> {
    Wanted {
        name,
        required: false,
    }
}

/// The rows of a table with the wanted columns in their order.
#[derive(Debug)]
pub(super) struct TableRows {
    pub(super) path: PathBuf,
    pub(super) table: String,
    pub(super) rows: Vec<RawRow>,
    pub(super) errors: RowErrors,
}

/// One row; null is `None`.
#[derive(Debug)]
pub(super) struct RawRow {
    pub(super) line: u64,
    pub(super) values: Vec<Option<String>>,
}

#[derive(Debug, Default)]
pub(super) struct RowErrors {
    kept: Vec<RowError>,
    total: usize,
}

impl RowErrors {
    pub(super) fn add(&mut self, line: u64, reason: String) {
        self.total += 1;
        if self.kept.len() < KAMAILIO_ERRORS_MAX {
            self.kept.push(RowError { line, reason });
        }
    }
}

impl TableRows {
    /// Makes something of each row; the errors of all rows are told at once, in the order of lines.
    pub(super) fn read<T>(
        self,
        mut make: impl FnMut(&RowView<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, KamailioError> {
        let mut made = Vec::with_capacity(self.rows.len());
        let mut errors = self.errors;
        for row in &self.rows {
            match make(&RowView(row)) {
                Ok(one) => made.push(one),
                Err(reason) => errors.add(row.line, reason),
            }
        }
        if errors.total == 0 {
            return Ok(made);
        }
        errors.kept.sort_by_key(|error| error.line);
        Err(KamailioError::Rows {
            path: self.path,
            table: self.table,
            errors: errors.kept,
            total: errors.total,
        })
    }
}

/// A row to read columns from, by their position among the wanted ones.
pub(super) struct RowView<'a>(&'a RawRow);

impl RowView<'_> {
    pub(super) fn line(&self) -> u64 {
        self.0.line
    }
    /// A text; an empty one counts as null.
    pub(super) fn text(&self, column: usize) -> Option<&str> {
        self.0
            .values
            .get(column)
            .and_then(Option::as_deref)
            .filter(|text| !text.is_empty())
    }
    /// A text that must be there.
    pub(super) fn needed_text(&self, column: usize, what: &str) -> Result<String, String> {
        match self.text(column) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("there is no {what}")),
        }
    }
    /// A number; null counts as the default.
    pub(super) fn number<N: std::str::FromStr>(
        &self,
        column: usize,
        what: &str,
        default: N,
    ) -> Result<N, String> {
        match self.text(column) {
            None => Ok(default),
            Some(text) => text
                .trim()
                .parse()
                .map_err(|_| format!("`{}` is not a {what}", text.escape_debug())),
        }
    }
}
