//! `strowger check`: the whole configuration and its script, all errors and warnings.

use serde_json::json;
use strowger_store::{Accounts, DataFolder, Database};

use super::{say, say_json};
use crate::config::{Config, Data, Report};
use crate::exit::Failure;
use crate::kamailio::{Findings, ScriptFindings, Stores};
use crate::locate::{Located, tally};
use crate::serve::hiding;

/// Shows warnings and what the files amount to.
///
/// # Errors
/// The script does not load.
pub fn run(mut located: Located, json: bool) -> Result<(), Failure> {
    if let Findings::File(report) = &mut located.report {
        compare_with_store(&located.config, report);
    }
    let (config, findings) = (&located.config, &located.report);
    let linted = match &config.script {
        Some(script) => script.lint()?,
        None => ScriptFindings::default(),
    };
    let loaded = config.script.as_ref().map_or(Ok(()), |one| one.try_load());
    let stores = loaded.and_then(|()| Stores::load(config));
    if let (Ok(stores), true) = (&stores, json) {
        say_json(&as_json(config, findings, &linted, &stores.warnings));
        return Ok(());
    }
    if !json {
        say(&format!("{findings}{linted}"));
    }
    let stores = stores?;
    for warning in &stores.warnings {
        say(&format!("warning: {warning}\n"));
    }
    if let Some(report) = findings.compatibility() {
        say(&format!("{report}\n"));
    }
    let warnings = findings.warnings() + linted.list.len() + stores.warnings.len();
    let note = match warnings {
        0 => String::new(),
        _ => format!(" ({})", tally(0, warnings)),
    };
    let name = located
        .origin
        .path()
        .map_or_else(|| config.file.clone(), |path| path.display().to_string());
    let what = match &config.script {
        Some(script) => format!("the script {}", script.file),
        None => counted(config.users.len(), "account in the file"),
    };
    say(&format!(
        "{name} is good{note}: {}, {}, {what}\n",
        counted(config.domains.len(), "domain"),
        counted(config.listen.len(), "listening address"),
    ));
    Ok(())
}

fn as_json(
    config: &Config,
    findings: &Findings,
    linted: &ScriptFindings,
    warnings: &[String],
) -> serde_json::Value {
    let mut diagnostics = findings.to_json();
    if let Some(list) = diagnostics.as_array_mut() {
        list.extend(linted.to_json());
        let warning = |text| json!({ "severity": "warning", "message": text });
        list.extend(warnings.iter().map(warning));
    }
    let mut value = json!({ "ok": true, "file": config.file, "diagnostics": diagnostics });
    let report = findings.compatibility().map(|report| {
        let entries = report.entries.iter().map(|entry| {
            let (line, _) = report.sources.position(entry.span);
            json!({
                "what": entry.what,
                "class": format!("{:?}", entry.class),
                "why": entry.why,
                "file": report.sources.name(entry.span),
                "line": line,
            })
        });
        entries.collect::<serde_json::Value>()
    });
    if let (Some(report), Some(object)) = (report, value.as_object_mut()) {
        object.insert("compatibility".into(), report);
    }
    value
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
