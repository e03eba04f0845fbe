//! `strowger reg …`: what is registered, and dropping it.

use serde_json::json;
use strowger_admin::{Registration, Registrations};

use super::{printable, say, say_json, table};
use crate::cli::RegCommand;
use crate::exit::{Exit, Failure};
use crate::locate::{Given, instance};
use crate::socket_client::{Server, escaped};

/// Runs one of the registration commands.
///
/// # Errors
/// The server does not run, or refuses.
pub fn run(given: Given<'_>, command: RegCommand, json: bool) -> Result<(), Failure> {
    let located = instance(given, Exit::NotRunning)?;
    let server = located.running()?;
    match command {
        RegCommand::List { contains, limit } => {
            let all = registrations(&server, contains.as_deref())?;
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            let shown = limit.and_then(|limit| all.get(..limit)).unwrap_or(&all);
            if json {
                say_json(&json!({ "registrations": shown, "total": all.len() }));
            } else {
                say(&listing(shown, contains.as_deref()));
                if shown.len() < all.len() {
                    say(&format!("… and {} more\n", all.len() - shown.len()));
                }
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
    let filter = contains
        .map(|text| format!("&match={}", escaped(text)))
        .unwrap_or_default();
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Registrations = server.get(&format!("/v1/registrations?{after}{filter}"))?;
        all.extend(page.registrations);
        match page.next {
            Some(next) => after = format!("after={}", escaped(&next)),
            None => return Ok(all),
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
