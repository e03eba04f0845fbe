//! From a `kamailio.cfg`, as read, to the typed configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_kamailio::cfg::{Class, Placed, Reading, Severity, Span, Value};

use super::addresses;
use super::machine::Machine;
use super::parameters::{self, OWN_GROUP};
use super::{Findings, Script};
use crate::config::{Config, Data, Durability};
use crate::trial;

/// Variables of the group `strowger` that mean something here.
const OWN_VARIABLES: [&str; 4] = [
    "admin_listen",
    "data",
    "messages_per_second",
    "trusted_sources",
];
/// Workers at most.
const WORKERS_MAX: usize = 16;

/// Makes the configuration of a file; `None` if it has errors, which the findings tell.
pub fn translate(
    file: &Path,
    mut reading: Reading,
    machine: &dyn Machine,
) -> (Option<Config>, Findings) {
    let script = script_path(file, &mut reading, machine);
    let mut config = base(file);
    let kamailio = &reading.config;
    let notes = &mut reading.diagnostics;
    config.listen = addresses::listeners(kamailio, machine, notes);
    config.domains = addresses::domains(kamailio, &config.listen, machine, notes);
    config.advertise = advertised(&mut reading);
    if config.listen.is_empty() && reading.diagnostics.errors() == 0 {
        let message = "no socket is left to listen on".to_owned();
        let fix = "listen=udp:ADDRESS:PORT".to_owned();
        reading
            .diagnostics
            .push(Severity::Error, None, message, fix);
    }
    workers(&mut config, &mut reading, machine);
    let script = script.map(|path| script_of(&path, &reading));
    if let Some(script) = script {
        config.log.level = parameters::server_level(script.global_int("debug"));
        parameters::apply(&script, &mut config, &mut reading.report);
        own_variables(file, &mut config, &mut reading);
        config.script = Some(Arc::new(script));
    }
    unused(&mut reading);
    reading
        .diagnostics
        .list
        .sort_by_key(|one| (one.span.is_none(), one.span));
    let good = reading.diagnostics.errors() == 0;
    let findings = Findings::Kamailio {
        diagnostics: reading.diagnostics,
        report: reading.report,
    };
    (good.then_some(config), findings)
}

fn script_of(path: &Path, reading: &Reading) -> Script {
    let mut script = Script::of_config(path, &reading.config);
    script.log_level = parameters::script_level(script.global_int("debug"));
    script
}

/// Ours, with Kamailio's defaults where they differ.
fn base(file: &Path) -> Config {
    let mut config = trial::defaults(Path::new(""));
    config.file = file.display().to_string();
    config.durability = Durability::Memory;
    config.registrar.expires_min = 60;
    config.registrar.expires_default = 3_600;
    config.registrar.expires_max = parameters::EXPIRES_UNBOUNDED_SECONDS;
    config.registrar.bindings_per_aor_max = parameters::CONTACTS_UNBOUNDED;
    config.proxy.ring_seconds_max = Some(120);
    config.proxy.parallel = true;
    config
}

/// Where the script is: an absolute path, or one relative to the configuration, or to the working directory.
fn script_path(file: &Path, reading: &mut Reading, machine: &dyn Machine) -> Option<PathBuf> {
    let loads: Vec<Placed<String>> = reading
        .config
        .parameters
        .iter()
        .filter(|one| one.module == "app_lua" && one.name == "load")
        .filter_map(|one| {
            Some(Placed {
                value: one.value.text()?.to_owned(),
                span: one.span,
            })
        })
        .collect();
    let (last, others) = loads.split_last()?;
    for other in others {
        let fix = "load the others from it, with `dofile` or `require`";
        let message = "only the script that is named last is loaded";
        reading.diagnostics.warning(other.span, message, fix);
    }
    let written = Path::new(&last.value);
    let folder = file.parent().unwrap_or(Path::new(""));
    let beside = folder.join(written);
    if machine.has_file(&beside) {
        return Some(beside);
    }
    if machine.has_file(written) {
        return Some(written.to_owned());
    }
    let near = written.file_name().map(|name| folder.join(name));
    let fix = match near.filter(|near| machine.has_file(near)) {
        Some(near) => format!(
            "it lies beside the configuration: write \"{}\"",
            near.file_name().unwrap_or_default().to_string_lossy()
        ),
        None => "a path relative to the configuration, or an absolute one".to_owned(),
    };
    let message = format!("there is no script {}", beside.display());
    reading.diagnostics.error(last.span, message, fix);
    None
}

fn advertised(reading: &mut Reading) -> Option<(Box<str>, Option<u16>)> {
    let global = reading
        .config
        .globals
        .iter()
        .rev()
        .find(|one| one.name == "advertised_address")?;
    let (host, span) = (global.value.text()?.to_owned(), global.span);
    let port = addresses::port_of(&reading.config, "advertised_port");
    match crate::config::domain(&host) {
        Ok(host) => Some((host.into(), port)),
        Err(refused) => {
            reading.diagnostics.error(span, refused.reason, refused.fix);
            None
        }
    }
}

/// Child processes become threads: no more than there are processors, since none of them ever waits.
fn workers(config: &mut Config, reading: &mut Reading, machine: &dyn Machine) {
    let Some(children) = reading.config.global("children").and_then(Value::integer) else {
        return;
    };
    let most = machine.processors().min(WORKERS_MAX);
    let children = usize::try_from(children.max(1)).unwrap_or(most);
    let workers = children.min(most);
    config.workers = u16::try_from(workers).ok();
    let why = match workers {
        1 => "1 worker thread".to_owned(),
        _ => format!("{workers} worker threads"),
    };
    let why = match workers < children {
        true => format!("{why}: no more than processors, they never wait"),
        false => why,
    };
    reading.report.explain("children", Class::Used, &why);
}

/// What of the group `strowger` means nothing, and the data folder.
fn own_variables(file: &Path, config: &mut Config, reading: &mut Reading) {
    let own: Vec<(String, Value, Span)> = reading
        .config
        .custom
        .iter()
        .filter(|one| one.group == OWN_GROUP)
        .map(|one| (one.name.clone(), one.value.clone(), one.span))
        .collect();
    for (name, value, span) in own {
        let notes = &mut reading.diagnostics;
        match (name.as_str(), value.text()) {
            ("data", Some("memory")) => config.data = Data::Memory,
            ("data", Some(folder)) if !folder.is_empty() => {
                let beside = file.parent().unwrap_or(Path::new(""));
                config.data = Data::Folder(beside.join(folder));
            }
            ("trusted_sources", Some(list)) => {
                for one in list.split(',').map(str::trim) {
                    if let Err(refused) = crate::config::prefix(one) {
                        notes.error(span, refused.reason, refused.fix);
                    }
                }
            }
            ("admin_listen", Some(text)) => match text.parse::<std::net::SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => {}
                _ => notes.error(
                    span,
                    format!("`{text}` is no loopback address and port"),
                    "\"127.0.0.1:8060\"",
                ),
            },
            ("messages_per_second", None) => {}
            (known, _) if OWN_VARIABLES.contains(&known) => {
                let wanted = match known {
                    "messages_per_second" => "a number",
                    _ => "a string",
                };
                let message = format!("`{OWN_GROUP}.{known}` takes {wanted}");
                notes.error(span, message, "");
            }
            _ => {
                let fix = format!("known: {}", OWN_VARIABLES.join(", "));
                let message = format!("`{OWN_GROUP}.{name}` means nothing here");
                notes.warning(span, message, fix);
            }
        }
    }
}

/// Parameters that the reader knows and nothing here follows: the report says so.
fn unused(reading: &mut Reading) {
    let report = &mut reading.report;
    for what in ["auto_aliases", "rev_dns"] {
        report.explain(what, Class::NoEffect, "names of addresses are never asked");
    }
    for what in ["tcp_children", "socket_workers", "async_workers"] {
        report.explain(what, Class::NoEffect, "workers follow `children`");
    }
    for what in ["enable_tls", "tls_enable", "tls_port_no"] {
        report.explain(what, Class::NotSupported, "TLS is not spoken yet");
    }
    report.explain(
        "user_agent_header",
        Class::NoEffect,
        "there are no requests of our own yet",
    );
    report.explain(
        "tm.wt_timer",
        Class::NoEffect,
        "transactions linger as RFC 3261 says",
    );
}
