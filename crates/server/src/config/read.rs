//! From checked tables to a typed [`Config`]: the rules that concern one value's meaning or several values together.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::address::{self, Refused};
use super::diagnostic::Report;
use super::document::{Found, Table};
use super::{
    Admin, Algorithms, Auth, Config, Data, Dns, Durability, Limits, Listen, Log, Proxy, Realm,
    Registrar, Secret, Timers, User,
};

/// Builds the configuration; what is wrong goes to the report, and then the result must not be used.
pub fn config(top: Table<'_>, folder: &Path, report: &mut Report) -> Config {
    let mut config = native(top, folder, report);
    crate::kamailio::section(top, folder, &mut config, report);
    config
}

fn native(top: Table<'_>, folder: &Path, report: &mut Report) -> Config {
    let domains = domains(top, report);
    let listen = listen(top, report);
    let advertise = top
        .text("advertise")
        .and_then(|found| accept(address::advertised(found.value), found.span, report));
    let auth = auth(top, &domains, report);
    Config {
        data: data(top, folder, report),
        durability: match top.word("durability") {
            "memory" => Durability::Memory,
            "disk" => Durability::Disk,
            _ => Durability::Process,
        },
        workers: top.written_number("workers").map(narrow),
        shards: top.written_number("shards").map(narrow),
        server_header: header_value(top, report),
        registrar: registrar(top.table("registrar"), report),
        proxy: proxy(top, report),
        timers: timers(top.table("timers"), report),
        limits: limits(top.table("limits"), report),
        dns: dns(top.table("dns"), report),
        admin: admin(top.table("admin"), folder, report),
        log: log(top.table("log")),
        users: users(top, &domains, &auth, report),
        script: None,
        file: report.source.name.clone(),
        domains,
        listen,
        advertise,
        auth,
    }
}

/// The value, or the refusal as an error.
fn accept<T>(result: Result<T, Refused>, span: Range<usize>, report: &mut Report) -> Option<T> {
    result
        .map_err(|refused| report.error(Some(span), refused.reason, refused.fix))
        .ok()
}

/// Numbers were held within bounds that fit their type.
fn narrow<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// A list that must not be empty and must not say the same twice.
fn distinct<'d>(
    table: Table<'d>,
    name: &str,
    what: &str,
    report: &mut Report,
) -> Vec<Found<&'d str>> {
    let mut kept: Vec<Found<&'d str>> = Vec::new();
    let Some(all) = table.texts(name) else {
        return kept;
    };
    if all.is_empty() {
        report.error(
            table.span(name),
            format!("`{name}` is empty"),
            format!("name at least one {what}"),
        );
    }
    for found in all {
        if kept
            .iter()
            .any(|one| one.value.eq_ignore_ascii_case(found.value))
        {
            let message = format!("{what} `{}` is given twice", found.value.escape_debug());
            report.error(Some(found.span), message, "remove one of them");
        } else {
            kept.push(found);
        }
    }
    kept
}

fn domains(top: Table<'_>, report: &mut Report) -> Vec<Box<str>> {
    let names = distinct(top, "domains", "domain", report);
    names
        .into_iter()
        .filter_map(|found| accept(address::domain(found.value), found.span, report))
        .map(Into::into)
        .collect()
}

fn listen(top: Table<'_>, report: &mut Report) -> Vec<Listen> {
    let mut listeners = Vec::new();
    for found in distinct(top, "listen", "listening address", report) {
        let position = report.source.position(found.span.start);
        if let Some((transport, address)) =
            accept(address::listener(found.value), found.span, report)
        {
            listeners.push(Listen {
                transport,
                address,
                advertised: None,
                text: found.value.to_owned(),
                position,
            });
        }
    }
    listeners
}

fn data(top: Table<'_>, folder: &Path, report: &mut Report) -> Data {
    match top.text("data") {
        None => Data::Folder(folder.join("strowger-data")),
        Some(found) if found.value.is_empty() => {
            report.error(
                Some(found.span),
                "`data` is empty",
                "name a folder, or \"memory\"",
            );
            Data::Memory
        }
        Some(found) if found.value == "memory" => Data::Memory,
        Some(found) => Data::Folder(folder.join(found.value)),
    }
}

fn header_value(top: Table<'_>, report: &mut Report) -> Option<Box<str>> {
    let found = top.text("server_header")?;
    if found.value.is_empty()
        || found.value.len() > 128
        || found.value.chars().any(char::is_control)
    {
        report.error(
            Some(found.span),
            "`server_header` has 1 to 128 characters without controls",
            "as in \"Strowger\"",
        );
    }
    Some(found.value.into())
}

fn algorithms(table: Table<'_>, report: &mut Report) -> Vec<String> {
    distinct(table, "algorithms", "digest algorithm", report)
        .iter()
        .map(|found| found.value.to_owned())
        .collect()
}

fn auth(top: Table<'_>, domains: &[Box<str>], report: &mut Report) -> Auth {
    let table = top.table("auth");
    let mut algorithms = algorithms(table, report);
    if algorithms.is_empty() {
        algorithms.push("MD5".to_owned());
    }
    let required = table.flag("required");
    if !required {
        report.warning(
            table.span("required"),
            "authentication is switched off",
            "write true",
            "anybody who reaches this server may register and call as any user of its domains",
        );
    }
    Auth {
        required,
        algorithms,
        realms: realms(top, domains, report),
        nonce_seconds: narrow(table.number("nonce_seconds")),
    }
}

fn realms(top: Table<'_>, domains: &[Box<str>], report: &mut Report) -> Vec<Realm> {
    let mut realms: Vec<Realm> = Vec::new();
    for Found { value: table, .. } in top.tables("realm") {
        let algorithms = algorithms(table, report);
        let Some(name) = table.text("name") else {
            continue;
        };
        let domain = domains
            .iter()
            .find(|one| one.eq_ignore_ascii_case(name.value));
        match domain {
            // Without domains there is an error already.
            None if domains.is_empty() => {}
            None => {
                let message = format!("no domain `{}` is served here", name.value.escape_debug());
                let fix = format!("`domains` has: {}", domains.join(", "));
                report.error(Some(name.span), message, fix);
            }
            Some(domain) if realms.iter().any(|one| one.name == *domain) => {
                let message = format!("realm `{domain}` is defined twice");
                report.error(Some(name.span), message, "remove one of them");
            }
            Some(domain) => realms.push(Realm {
                name: domain.clone(),
                algorithms,
            }),
        }
    }
    realms
}

fn registrar(table: Table<'_>, report: &mut Report) -> Registrar {
    let expires = table.table("expires_seconds");
    let (min, default, max) = (
        expires.number("min"),
        expires.number("default"),
        expires.number("max"),
    );
    if !(min <= default && default <= max) {
        let fix = "min <= default <= max, as in { min = 60, default = 3600, max = 7200 }";
        let message =
            format!("`expires_seconds` is out of order: min {min}, default {default}, max {max}");
        report.error(table.span("expires_seconds"), message, fix);
    }
    Registrar {
        expires_min: narrow(min),
        expires_default: narrow(default),
        expires_max: narrow(max),
        bindings_per_aor_max: narrow(table.number("bindings_per_aor_max")),
    }
}

fn proxy(top: Table<'_>, report: &mut Report) -> Proxy {
    let table = top.table("proxy");
    let accept_foreign = table.flag("accept_foreign");
    let redirect = top.table("routing").word("mode") == "redirect";
    if redirect && table.span("ring_seconds_max").is_some() {
        report.warning(
            table.span("ring_seconds_max"),
            "`ring_seconds_max` has no effect with [routing] mode = \"redirect\"",
            "remove it",
            "a redirect server forwards nothing, so nothing rings through it",
        );
    }
    Proxy {
        redirect,
        timer_c_seconds: narrow(table.number("timer_c_seconds")),
        ring_seconds_max: table.written_number("ring_seconds_max").map(narrow),
        accept_foreign,
        parallel: table.word("fork") == "parallel",
        recurse: table.flag("recurse"),
    }
}

fn timers(table: Table<'_>, report: &mut Report) -> Timers {
    let (t1, t2) = (table.number("t1_ms"), table.number("t2_ms"));
    if t1 > t2 {
        let at = table.span("t1_ms").or(table.span("t2_ms"));
        report.error(
            at,
            format!("`t1_ms` ({t1}) is greater than `t2_ms` ({t2})"),
            "t1_ms <= t2_ms",
        );
    }
    Timers {
        t1_ms: narrow(t1),
        t2_ms: narrow(t2),
        t4_ms: narrow(table.number("t4_ms")),
    }
}

fn limits(table: Table<'_>, report: &mut Report) -> Limits {
    let networks = table.texts("trusted_sources").unwrap_or_default();
    let trusted_sources = networks
        .into_iter()
        .filter_map(|found| accept(address::prefix(found.value), found.span, report))
        .collect();
    let (rate, burst) = (
        table.number("messages_per_second"),
        table.number("burst_messages"),
    );
    Limits {
        trusted_sources,
        messages_per_second: narrow(rate),
        burst_messages: narrow(burst),
        message_octets_max: narrow(table.number("message_octets_max")),
        headers_max: narrow(table.number("headers_max")),
        header_octets_max: narrow(table.number("header_octets_max")),
        transactions_max: narrow(table.number("transactions_max")),
        queue_delay_ms_max: narrow(table.number("queue_delay_ms_max")),
        retry_after_seconds: narrow(table.number("retry_after_seconds")),
        drain_seconds: narrow(table.number("drain_seconds")),
        answer_excess_octets: narrow(table.number("answer_excess_octets")),
        connections_max: narrow(table.number("connections_max")),
        connections_per_source_max: narrow(table.number("connections_per_source_max")),
        connection_idle_seconds: narrow(table.number("connection_idle_seconds")),
        connect_timeout_ms: narrow(table.number("connect_timeout_ms")),
        message_timeout_ms: narrow(table.number("message_timeout_ms")),
    }
}

fn dns(table: Table<'_>, report: &mut Report) -> Dns {
    let mut servers = Vec::new();
    for found in table.texts("servers").unwrap_or_default() {
        match address::address(found.value, 53) {
            Some(address) => servers.push(address),
            None => {
                let message = format!("name server `{}` is no address", found.value.escape_debug());
                report.error(
                    Some(found.span),
                    message,
                    "as in \"192.0.2.53\" or \"127.0.0.1:5353\"",
                );
            }
        }
    }
    Dns {
        servers,
        timeout_ms: narrow(table.number("timeout_ms")),
    }
}

fn admin(table: Table<'_>, folder: &Path, report: &mut Report) -> Admin {
    let allow_remote = table.flag("allow_remote");
    let listen =
        table
            .text("listen")
            .and_then(|found| match found.value.parse::<std::net::SocketAddr>() {
                Ok(address) if address.ip().is_loopback() || allow_remote => Some(address),
                Ok(address) => {
                    let message = format!("[admin] listen = {address} is not a loopback address");
                    let fix = format!(
                        "write \"127.0.0.1:{}\", or set allow_remote = true",
                        address.port()
                    );
                    report.error(Some(found.span), message, fix);
                    None
                }
                Err(_) => {
                    let message =
                        format!("`{}` is no address and port", found.value.escape_debug());
                    report.error(Some(found.span), message, "write \"127.0.0.1:8060\"");
                    None
                }
            });
    if let Some(address) = listen.filter(|address| !address.ip().is_loopback()) {
        report.warning(
            table.span("listen"),
            format!("[admin] listens on {address}, which others can reach"),
            "use 127.0.0.1 unless a firewall protects it",
            "metrics and status are served without authentication",
        );
    }
    let rpc = table.flag("rpc");
    if rpc && listen.is_none_or(|address| !address.ip().is_loopback()) {
        report.error(
            table.span("rpc"),
            "[admin] rpc needs a loopback address to listen on",
            "set listen = \"127.0.0.1:8060\"",
        );
    }
    let hosts = table.texts("hosts").unwrap_or_default();
    Admin {
        rpc,
        listen,
        hosts: hosts
            .into_iter()
            .map(|found| found.value.to_ascii_lowercase())
            .collect(),
        socket: table.text("socket").map(|found| folder.join(found.value)),
    }
}

fn log(table: Table<'_>) -> Log {
    Log {
        level: table.word("level"),
        refusals_per_second_max: narrow(table.number("refusals_per_second_max")),
        json: table.word("format") == "json",
    }
}

fn users(top: Table<'_>, domains: &[Box<str>], auth: &Auth, report: &mut Report) -> Vec<User> {
    let mut users = Vec::new();
    let mut lines = HashMap::new();
    for Found { value: table, span } in top.tables("user") {
        let Some(name) = table.text("name") else {
            continue;
        };
        let line = report.source.position(name.span.start).0;
        let (written, at) = match (table.text("domain"), name.value.contains('@')) {
            (Some(domain), false) => (format!("{}@{}", name.value, domain.value), domain.span),
            (Some(domain), true) => {
                report.error(
                    Some(domain.span),
                    "the domain is given twice",
                    "name has one already; remove `domain`",
                );
                continue;
            }
            (None, _) => (name.value.to_owned(), name.span.clone()),
        };
        if domains.is_empty() {
            continue;
        }
        let parsed = strowger_store::User::parse(&written, domains)
            .map_err(|error| Refused::from_text(&error.to_string()));
        let Some(strowger_store::User { name: user, domain }) = accept(parsed, at, report) else {
            continue;
        };
        if let Some(first) = lines.insert((user.clone(), domain.clone()), line) {
            let message = format!("user `{user}@{domain}` is defined twice");
            report.error(
                Some(name.span),
                message,
                format!("the first is in line {first}; remove one"),
            );
            continue;
        }
        if let Some(secret) = secret(table, &user, &span, report) {
            let algorithms = user_algorithms(table, &user, &secret, report);
            warn_of_useless(&name, algorithms, auth.offered(&domain), report);
            users.push(User {
                algorithms,
                span: name.span,
                name: user.into(),
                domain,
                secret,
                line,
            });
        }
    }
    users
}

fn secret(
    table: Table<'_>,
    user: &str,
    span: &Range<usize>,
    report: &mut Report,
) -> Option<Secret> {
    let password = table.text("password");
    let md5 = hexadecimal(table, "ha1_md5", 32, report)?;
    let sha256 = hexadecimal(table, "ha1_sha256", 64, report)?;
    match password {
        Some(found) if md5.is_some() || sha256.is_some() => {
            let message = format!("user `{user}` has both a password and a digest of one");
            report.error(
                Some(found.span),
                message,
                "keep `password` or `ha1_md5`/`ha1_sha256`, not both",
            );
            None
        }
        Some(found) if found.value.is_empty() => {
            report.error(
                Some(found.span),
                format!("the password of `{user}` is empty"),
                "choose one",
            );
            None
        }
        Some(found) => Some(Secret::Password(found.value.to_owned())),
        None if md5.is_none() && sha256.is_none() => {
            let fix = "add password = \"...\", or ha1_md5 / ha1_sha256";
            report.error(
                Some(span.clone()),
                format!("user `{user}` has no password"),
                fix,
            );
            None
        }
        None => Some(Secret::Ha1 { md5, sha256 }),
    }
}

/// What the secret serves, or the part of it that the file allows.
fn user_algorithms(
    table: Table<'_>,
    user: &str,
    secret: &Secret,
    report: &mut Report,
) -> Algorithms {
    let served = secret.algorithms();
    if table.span("algorithms").is_none() {
        return served;
    }
    let written = Algorithms::named(&algorithms(table, report));
    let kept = served.both(written);
    if kept.is_empty() && !written.is_empty() {
        report.error(
            table.span("algorithms"),
            format!("user `{user}` has no digest for any of these"),
            format!(
                "allow {}, or give the password",
                served.names().join(" and ")
            ),
        );
    }
    kept
}

/// Warns of an account that nobody can log in to.
fn warn_of_useless(
    name: &Found<&str>,
    algorithms: Algorithms,
    offered: &[String],
    report: &mut Report,
) {
    if !algorithms.is_empty() && algorithms.both(Algorithms::named(offered)).is_empty() {
        report.warning(
            Some(name.span.clone()),
            format!(
                "`{}` can log in with {} alone, which its realm does not offer",
                name.value,
                algorithms.names().join(" and ")
            ),
            format!("give it a digest for {}", offered.join(" or ")),
            "the realm offers what [[realm]] or [auth] algorithms says; every login of this user will be refused",
        );
    }
}

/// `None` after an error, `Some(None)` if the key is absent.
fn hexadecimal(
    table: Table<'_>,
    name: &str,
    digits: usize,
    report: &mut Report,
) -> Option<Option<String>> {
    let Some(found) = table.text(name) else {
        return Some(None);
    };
    if found.value.len() == digits && found.value.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Some(Some(found.value.to_ascii_lowercase()));
    }
    let message = format!("`{name}` is no digest");
    report.error(
        Some(found.span),
        message,
        format!("write {digits} hexadecimal digits"),
    );
    None
}

/// Warns if a file with passwords can be read by other users of the machine.
pub fn warn_of_readable_passwords(path: &Path, config: Option<&Config>, report: &mut Report) {
    use std::os::unix::fs::PermissionsExt;
    let holds_password = config.is_some_and(|config| {
        config
            .users
            .iter()
            .any(|user| matches!(user.secret, Secret::Password(_)))
    });
    let Ok(mode) = std::fs::metadata(path).map(|metadata| metadata.permissions().mode()) else {
        return;
    };
    if holds_password && mode & 0o044 != 0 {
        report.warning(
            None,
            format!(
                "{} holds passwords and can be read by other users (mode {:03o})",
                path.display(),
                mode & 0o777
            ),
            format!("run: chmod 600 {}", path.display()),
            "or write ha1_md5 instead of password, or keep accounts with `strowger user add`",
        );
    }
}
