//! `strowger status`, `stats` and `watch`: looking at a running server.

use serde::Deserialize;
use serde_json::Value;
use strowger_admin::Status;

use super::{printable, rpc, say, say_json, table, try_say};
use crate::cli::{StatsArgs, WatchArgs};
use crate::exit::{Exit, Failure};
use crate::locate::{Given, instance};
use crate::socket_client::{Server, escaped};

/// `status`
///
/// # Errors
/// The server does not run.
pub fn status(given: Given<'_>, json: bool) -> Result<(), Failure> {
    let status: Status = instance(given, Exit::NotRunning)?
        .running()?
        .get("/v1/status")?;
    if json {
        say_json(&status);
        return Ok(());
    }
    let listeners = status.listeners.iter().map(|one| match &one.advertised {
        Some(advertised) => format!("{} {} as {advertised}", one.transport, one.address),
        None => format!("{} {}", one.transport, one.address),
    });
    let rows = [
        ("listening", listeners.collect::<Vec<_>>().join(", ")),
        ("domains", status.domains.join(", ")),
        ("accounts", status.accounts.to_string()),
        ("registrations", status.bindings.to_string()),
        ("authentication", authentication(&status)),
        ("script", status.script.clone().unwrap_or_default()),
        (
            "data",
            format!("{}, durability {}", status.data, status.durability),
        ),
        (
            "configuration",
            status
                .configuration
                .clone()
                .unwrap_or_else(|| "the trial".into()),
        ),
        (
            "workers",
            format!("{}, {} shards", status.workers, status.shards),
        ),
    ];
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .filter(|(name, value)| *name != "script" || !value.is_empty())
        .map(|(name, value)| vec![format!("  {name}"), value])
        .collect();
    let state = status
        .not_ready
        .as_ref()
        .map_or_else(String::new, |reason| format!("  NOT READY: {reason}"));
    let uptime = duration(status.uptime_seconds);
    say(&format!(
        "strowger {}  up {uptime}  pid {}{state}\n{}",
        status.version,
        status.pid,
        table(&rows)
    ));
    for warning in &status.warnings {
        say(&format!("warning: {warning}\n"));
    }
    Ok(())
}

/// What is offered, once if it is the same for all domains.
fn authentication(status: &Status) -> String {
    let offers = status
        .realms
        .iter()
        .map(|realm| (&realm.name, realm.algorithms.join(", ")));
    let offers: Vec<_> = offers.collect();
    match offers.split_first() {
        _ if status.script.is_some() => "as the script asks for it".to_owned(),
        _ if !status.authentication => "off (laboratory)".to_owned(),
        None => "on".to_owned(),
        Some(((_, first), rest)) if rest.iter().all(|(_, offer)| offer == first) => {
            format!("on, {first}")
        }
        Some(_) => {
            let each = offers
                .iter()
                .map(|(name, offer)| format!("{name}: {offer}"));
            format!("on; {}", each.collect::<Vec<_>>().join("; "))
        }
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[derive(Deserialize)]
struct Row {
    name: String,
    value: u64,
    help: String,
}

/// `stats`
///
/// # Errors
/// The server does not run.
pub fn stats(given: Given<'_>, args: &StatsArgs, json: bool) -> Result<(), Failure> {
    let server = instance(given, Exit::NotRunning)?.running()?;
    if let Some(group @ ("sl" | "tm" | "usrloc")) = args.contains.as_deref() {
        return group_stats(&server, group, json);
    }
    let rows: Vec<Value> = server.get("/v1/stats")?;
    let wanted = |name: &str| {
        args.contains
            .as_deref()
            .is_none_or(|text| name.contains(text))
    };
    let mut shown: Vec<Row> = rows
        .into_iter()
        .filter_map(|row| serde_json::from_value(row).ok())
        .filter(|row: &Row| {
            wanted(&row.name) && (json || args.all || args.contains.is_some() || row.value > 0)
        })
        .collect();
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        let pairs = shown
            .into_iter()
            .map(|row| (row.name, Value::from(row.value)));
        say_json(&pairs.collect::<serde_json::Map<_, _>>());
    } else if shown.is_empty() {
        match &args.contains {
            Some(text) => say(&format!(
                "no counter has `{}` in its name\n",
                printable(text)
            )),
            None => say("nothing was counted yet\n"),
        }
    } else {
        let rows: Vec<Vec<String>> = shown
            .into_iter()
            .map(|row| {
                let help = row.help.trim_end_matches('.').to_owned();
                vec![row.name, row.value.to_string(), help]
            })
            .collect();
        say(&table(&rows));
    }
    Ok(())
}

/// The statistics of a module under the names that Kamailio gives them.
fn group_stats(server: &Server, group: &str, json: bool) -> Result<(), Failure> {
    let result = match group {
        "tm" => rpc::call(server, "tm.stats", &[])?,
        _ => rpc::call(server, "stats.fetchn", &[format!("{group}:").into()])?,
    };
    let prefix = format!("{group}.");
    let fields = result.as_object().cloned().unwrap_or_default();
    let fields: serde_json::Map<String, Value> = fields
        .into_iter()
        .map(|(name, value)| (name.trim_start_matches(&prefix).to_owned(), value))
        .collect();
    if json {
        say_json(&fields);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = fields
        .into_iter()
        .map(|(name, value)| vec![name, value.to_string()])
        .collect();
    say(&table(&rows));
    Ok(())
}

/// `watch`
///
/// # Errors
/// The server does not run.
pub fn watch(given: Given<'_>, args: &WatchArgs, json: bool) -> Result<(), Failure> {
    let server = instance(given, Exit::NotRunning)?.running()?;
    let filter = args
        .contains
        .as_deref()
        .map(|text| format!("&match={}", escaped(text)))
        .unwrap_or_default();
    if !json {
        eprintln!("watching; end with Ctrl-C. Times are UTC.");
    }
    let path = format!("/v1/watch?failures={}{filter}", args.failures);
    server.stream(&path, |line| {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let text = value.get("text").and_then(Value::as_str);
        let shown = match (json, text, value.get("lost")) {
            (true, ..) => line.to_owned(),
            (_, Some(text), _) => printable(text),
            (_, None, Some(lost)) => {
                format!("… {lost} lines left out: more came than could be shown")
            }
            _ => return true,
        };
        try_say(&format!("{shown}\n")).is_ok()
    })
}
