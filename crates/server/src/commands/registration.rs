//! `strowger reg …`: what is registered, and dropping it.

use std::path::Path;

use serde_json::json;
use strowger_admin::{Registration, Registrations};

use super::{printable, say, say_json, table};
use crate::cli::RegCommand;
use crate::exit::{Exit, Failure};
use crate::locate::instance;
use crate::socket_client::{Server, escaped};

/// Runs one of the registration commands.
///
/// # Errors
/// The server does not run, or refuses.
pub fn run(file: Option<&Path>, command: RegCommand, json: bool) -> Result<(), Failure> {
    let located = instance(file, Exit::NotRunning)?;
    let server = located.running()?;
    match command {
        RegCommand::List { contains } => {
            let all = registrations(&server, contains.as_deref())?;
            if json {
                say_json(&json!({ "registrations": all, "total": all.len() }));
            } else {
                say(&listing(&all, contains.as_deref()));
            }
        }
        RegCommand::Drop { user } => {
            // The server knows its domains, also while the file here cannot be read.
            let user = user.strip_prefix("sip:").unwrap_or(&user);
            let dropped: serde_json::Value = server.order(
                "DELETE",
                &format!("/v1/registrations/{}", escaped(user)),
                None::<&()>,
            )?;
            if json {
                say_json(&dropped);
            } else {
                let count = dropped
                    .get("dropped")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap_or_default();
                let noun = if count == 1 {
                    "registration"
                } else {
                    "registrations"
                };
                say(&format!("dropped {count} {noun} of {user}\n"));
            }
        }
    }
    Ok(())
}

fn registrations(server: &Server, contains: Option<&str>) -> Result<Vec<Registration>, Failure> {
    let mut all = Vec::new();
    loop {
        let filter = contains
            .map(|text| format!("&match={}", escaped(text)))
            .unwrap_or_default();
        let page: Registrations =
            server.get(&format!("/v1/registrations?offset={}{filter}", all.len()))?;
        let done = page.registrations.is_empty();
        all.extend(page.registrations);
        if done || all.len() >= page.total {
            return Ok(all);
        }
    }
}

fn listing(all: &[Registration], contains: Option<&str>) -> String {
    match contains {
        Some(text) if all.is_empty() => {
            return format!(
                "no user with `{}` in the name is registered\n",
                printable(text)
            );
        }
        None if all.is_empty() => return "nothing is registered\n".to_owned(),
        _ => {}
    }
    let mut rows = vec![
        ["USER", "CONTACT", "FROM", "EXPIRES", "PHONE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(all.iter().map(|one| {
        let mut source = printable(&one.source);
        if one.flow_lost {
            source.push_str(" (connection lost)");
        } else if one.behind_nat {
            source.push_str(" (behind NAT)");
        }
        vec![
            printable(&one.user),
            printable(&one.contact),
            source,
            format!("{} s", one.expires_seconds),
            printable(&one.user_agent),
        ]
    }));
    table(&rows)
}
