//! Accounts from a CSV file: all lines or none, all errors at once.
//!
//! Columns `name,password[,domain]`; a first line that names its columns may have them in any order, and
//! `ha1_md5`, `ha1_sha256`, `ha1b_md5`, `ha1b_sha256` instead of `password`. `name` may be `name@domain`. UTF-8; quotes as in RFC 4180.

use std::collections::HashMap;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};
use strowger_registrar::Subscriber;

use crate::accounts::{Accounts, Hashes, User, account_with_hashes, account_with_password};
use crate::{ImportError, StoreError};

/// Rows of one import.
pub const IMPORT_ROWS_MAX: usize = 1_000_000;
/// Octets of one import.
pub const IMPORT_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// Errors kept to be shown; the others are counted.
pub const IMPORT_ERRORS_MAX: usize = 100;

/// What happens to users who have an account.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// They are errors.
    #[default]
    Add,
    /// Their hashes are replaced.
    Replace,
}

/// A CSV file that was read and found good.
#[derive(Debug, Default)]
pub struct ImportFile {
    accounts: Vec<Subscriber>,
    lines: Vec<u64>,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Accounts added.
    pub added: usize,
    /// Accounts whose hashes were replaced.
    pub replaced: usize,
}

impl ImportFile {
    /// Read and check a file; passwords become hashes here.
    pub fn read(input: impl Read, served: &[impl AsRef<str>]) -> Result<ImportFile, StoreError> {
        let mut text = Vec::new();
        let mut errors = Errors::default();
        if let Err(error) = input.take(IMPORT_OCTETS_MAX + 1).read_to_end(&mut text) {
            errors.add(0, format!("cannot be read: {error}"));
        } else if text.len() as u64 > IMPORT_OCTETS_MAX {
            errors.add(
                0,
                format!("longer than {IMPORT_OCTETS_MAX} octets; split the file"),
            );
        }
        if errors.total > 0 {
            return errors.into_result(ImportFile::default());
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_slice());
        let mut file = ImportFile::default();
        let mut seen: HashMap<User, u64> = HashMap::new();
        let mut columns: Option<Columns> = None;
        let mut record = StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = line_at(&text, error.position());
                    errors.add(line, reason_of(&error));
                    match error.kind() {
                        csv::ErrorKind::Utf8 { .. } => continue,
                        _ => break,
                    }
                }
            }
            let line = line_at(&text, record.position());
            if columns.is_none() {
                match Columns::from_first(&record) {
                    Ok((found, is_header)) => {
                        columns = Some(found);
                        if is_header {
                            continue;
                        }
                    }
                    Err(reason) => {
                        errors.add(line, reason);
                        break;
                    }
                }
            }
            if file.accounts.len() >= IMPORT_ROWS_MAX {
                errors.add(
                    line,
                    format!("more than {IMPORT_ROWS_MAX} rows; split the file"),
                );
                break;
            }
            match columns
                .as_ref()
                .map(|columns| columns.account(&record, served))
            {
                Some(Ok((user, account))) => match seen.insert(user.clone(), line) {
                    Some(first) => {
                        errors.add(line, format!("{user} stands in line {first} already"))
                    }
                    None => {
                        file.accounts.push(account);
                        file.lines.push(line);
                    }
                },
                Some(Err(reason)) => errors.add(line, reason),
                None => {}
            }
        }
        errors.into_result(file)
    }

    /// The accounts, in the order of lines.
    pub fn accounts(&self) -> &[Subscriber] {
        &self.accounts
    }

    /// Write them, all or none.
    pub fn apply(&self, into: &mut Accounts, mode: ImportMode) -> Result<ImportReport, StoreError> {
        let present = into.add_all(&self.accounts, mode == ImportMode::Replace)?;
        if mode == ImportMode::Add && !present.is_empty() {
            return Err(self.refuse_existing(&present));
        }
        Ok(ImportReport {
            added: self.accounts.len() - present.len(),
            replaced: present.len(),
        })
    }

    /// The error that says which lines name users who have an account.
    pub fn refuse_existing(&self, positions: &[usize]) -> StoreError {
        let mut errors = Errors::default();
        for position in positions {
            if let (Some(account), Some(line)) =
                (self.accounts.get(*position), self.lines.get(*position))
            {
                errors.add(
                    *line,
                    format!(
                        "the user {}@{} exists already",
                        account.user, account.domain
                    ),
                );
            }
        }
        StoreError::Import {
            errors: errors.kept,
            total: errors.total,
        }
    }
}

/// Where each value stands in a row.
struct Columns {
    name: usize,
    password: Option<usize>,
    domain: Option<usize>,
    /// `ha1_md5`, `ha1_sha256`, `ha1b_md5`, `ha1b_sha256`.
    hashes: [Option<usize>; 4],
    count: usize,
}

impl Columns {
    /// From the first row; true if it is a header and not an account.
    fn from_first(record: &StringRecord) -> Result<(Columns, bool), String> {
        let known = [
            "name",
            "password",
            "domain",
            "ha1_md5",
            "ha1_sha256",
            "ha1b_md5",
            "ha1b_sha256",
        ];
        let names: Vec<String> = record
            .iter()
            .map(|field| {
                field
                    .trim_start_matches('\u{feff}')
                    .trim()
                    .to_ascii_lowercase()
            })
            .map(|field| {
                if field == "user" || field == "username" {
                    "name".to_owned()
                } else {
                    field
                }
            })
            .collect();
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let (Some(name), true) = (
            find("name"),
            names
                .iter()
                .any(|name| known.iter().skip(1).any(|k| k == name)),
        ) else {
            return Ok((Columns::plain(), false));
        };
        if let Some(odd) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!(
                "unknown column `{}`; known: {}",
                odd.escape_debug(),
                known.join(", ")
            ));
        }
        let columns = Columns {
            name,
            password: find("password"),
            domain: find("domain"),
            hashes: ["ha1_md5", "ha1_sha256", "ha1b_md5", "ha1b_sha256"].map(find),
            count: names.len(),
        };
        Ok((columns, true))
    }

    fn plain() -> Columns {
        Columns {
            name: 0,
            password: Some(1),
            domain: Some(2),
            hashes: [None; 4],
            count: 3,
        }
    }

    fn account(
        &self,
        record: &StringRecord,
        served: &[impl AsRef<str>],
    ) -> Result<(User, Subscriber), String> {
        if record.len() > self.count {
            return Err(format!(
                "{} columns, expected at most {}; a comma in a password needs quotes around it",
                record.len(),
                self.count
            ));
        }
        let field = |column: Option<usize>| column.and_then(|column| record.get(column));
        let trimmed = |column| field(column).map(str::trim).filter(|text| !text.is_empty());
        let name = trimmed(Some(self.name))
            .unwrap_or_default()
            .trim_start_matches('\u{feff}');
        let user = match trimmed(self.domain) {
            Some(domain) => User::new(name, Some(domain), served),
            None => User::parse(name, served),
        };
        let user = user.map_err(|error| error.to_string())?;
        let password = field(self.password).filter(|text| !text.is_empty());
        let [ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256] = self.hashes.map(trimmed);
        let hashes = Hashes {
            ha1_md5,
            ha1_sha256,
            ha1b_md5,
            ha1b_sha256,
        };
        let account = match (password, hashes.is_empty()) {
            (Some(_), false) => return Err(format!("{user}: a password or hashes, not both")),
            (Some(password), true) => account_with_password(&user, password),
            (None, false) => account_with_hashes(&user, &hashes),
            (None, true) => {
                return Err(format!(
                    "{user}: no password; expected name,password[,domain]"
                ));
            }
        };
        match account {
            Ok(account) => Ok((user, account)),
            Err(error) => Err(format!("{user}: {error}")),
        }
    }
}

#[derive(Default)]
struct Errors {
    kept: Vec<ImportError>,
    total: usize,
}

impl Errors {
    fn add(&mut self, line: u64, reason: String) {
        self.total += 1;
        if self.kept.len() < IMPORT_ERRORS_MAX {
            self.kept.push(ImportError { line, reason });
        }
    }

    fn into_result(self, file: ImportFile) -> Result<ImportFile, StoreError> {
        match self.total {
            0 => Ok(file),
            total => Err(StoreError::Import {
                errors: self.kept,
                total,
            }),
        }
    }
}

/// The line of a row; the reader's position is that of the empty lines before it.
fn line_at(text: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = text.get(from..).unwrap_or_default();
    let skipped = before
        .iter()
        .take_while(|octet| matches!(octet, b'\r' | b'\n'));
    position.line() + skipped.filter(|octet| **octet == b'\n').count() as u64
}

fn reason_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; save the file as UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
