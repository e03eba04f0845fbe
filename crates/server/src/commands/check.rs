//! `strowger check`: the whole configuration, all errors and warnings.

use std::path::Path;

use serde_json::json;
use strowger_store::{Accounts, DataFolder, Database};

use super::{say, say_json};
use crate::config::{Config, Data, Report};
use crate::exit::Failure;
use crate::locate::{configuration, tally};
use crate::serve::hiding;

/// Shows warnings and what the file amounts to.
///
/// # Errors
/// There is no file, or it has errors.
pub fn run(file: Option<&Path>, json: bool) -> Result<(), Failure> {
    let mut located = configuration(file)?;
    compare_with_store(&located.config, &mut located.report);
    let config = &located.config;
    if json {
        say_json(
            &json!({ "ok": true, "file": config.file, "diagnostics": located.report.to_json() }),
        );
        return Ok(());
    }
    let warnings = located.report.warnings();
    let note = if warnings == 0 {
        String::new()
    } else {
        format!(" ({})", tally(0, warnings))
    };
    say(&format!(
        "{}{} is good{note}: {}, {}, {}\n",
        located.report,
        config.file,
        counted(config.domains.len(), "domain"),
        counted(config.listen.len(), "listening address"),
        counted(config.users.len(), "account in the file"),
    ));
    Ok(())
}

/// Warns of accounts that the data folder has too. It is only read, and may be missing or another's.
fn compare_with_store(config: &Config, report: &mut Report) {
    let Data::Folder(path) = &config.data else {
        return;
    };
    if config.users.is_empty() || !path.exists() {
        return;
    }
    let read = || {
        let folder = DataFolder::open(path)?;
        match folder.database().exists() {
            true => Accounts::open(&Database::open_for_accounts(&folder)?)?.list(),
            false => Ok(Vec::new()),
        }
    };
    match read() {
        Ok(stored) => {
            for user in hiding(config, &stored) {
                report.warning(
                    Some(user.span.clone()),
                    format!(
                        "user `{}@{}` has an account in the data folder too",
                        user.name, user.domain
                    ),
                    "remove one of them",
                    "the file's account counts while it is here, and `strowger user` cannot change either; \
                     without it the stored one counts again",
                );
            }
        }
        Err(error) => report.warning(
            None,
            format!("the accounts of the file were not compared with those stored: {error}"),
            "",
            "run `check` as the user who runs the server",
        ),
    }
    report.sort();
}

fn counted(number: usize, what: &str) -> String {
    match (
        number,
        what.strip_suffix("address"),
        what.strip_prefix("account"),
    ) {
        (1, _, _) => format!("1 {what}"),
        (_, Some(_), _) => format!("{number} {what}es"),
        (_, _, Some(rest)) => format!("{number} accounts{rest}"),
        _ => format!("{number} {what}s"),
    }
}
