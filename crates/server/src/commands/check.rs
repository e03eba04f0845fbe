//! `strowger check`: the whole configuration, all errors and warnings.

use std::path::Path;

use serde_json::json;

use super::{say, say_json};
use crate::exit::Failure;
use crate::locate::{configuration, tally};

/// Shows warnings and what the file amounts to.
///
/// # Errors
/// There is no file, or it has errors.
pub fn run(file: Option<&Path>, json: bool) -> Result<(), Failure> {
    let located = configuration(file)?;
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
