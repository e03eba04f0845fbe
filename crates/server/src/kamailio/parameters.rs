//! What module parameters and global parameters of Kamailio mean for the typed configuration. What is said explicitly
//! counts in both forms; where nothing is said, a `kamailio.cfg` has Kamailio's defaults and a `strowger.toml` its own.

use strowger_kamailio::cfg::{Class, CompatibilityReport};
use strowger_kamailio::kemi::LogLevel;

use super::Script;
use crate::config::{Config, Durability};

/// Expiry where there is no upper bound (`max_expires` 0): a year.
pub const EXPIRES_UNBOUNDED_SECONDS: u32 = 31_536_000;
/// Bindings of one address of record where there is no bound (`max_contacts` 0).
pub const CONTACTS_UNBOUNDED: usize = 100;

/// Puts what the parameters say into the configuration.
pub fn apply(script: &Script, config: &mut Config, report: &mut CompatibilityReport) {
    registrar(script, config, report);
    auth(script, config);
    timers(script, config);
    streams(script, config);
    if let Some(mode) = script.int("usrloc", "db_mode") {
        config.durability = match mode {
            0 => Durability::Memory,
            _ => Durability::Process,
        };
        let why = match mode {
            0 => "registrations are kept in memory alone",
            _ => "registrations are kept in our own data folder, whatever the mode",
        };
        report.explain("usrloc.db_mode", Class::Used, why);
    }
    header(script, config);
    own_variables(script, config);
}

fn registrar(script: &Script, config: &mut Config, report: &mut CompatibilityReport) {
    let registrar = &mut config.registrar;
    let seconds = |name| {
        let value = script.int("registrar", name)?;
        Some(u32::try_from(value.max(0)).unwrap_or(u32::MAX))
    };
    if let Some(min) = seconds("min_expires") {
        registrar.expires_min = min;
    }
    if let Some(max) = seconds("max_expires") {
        registrar.expires_max = match max {
            0 => EXPIRES_UNBOUNDED_SECONDS,
            max => max,
        };
        if max == 0 {
            let why = "at most a year";
            report.explain("registrar.max_expires", Class::Used, why);
        }
    }
    if let Some(default) = seconds("default_expires") {
        registrar.expires_default = default;
    }
    registrar.expires_max = registrar.expires_max.max(registrar.expires_min);
    registrar.expires_default = registrar
        .expires_default
        .clamp(registrar.expires_min, registrar.expires_max);
    if let Some(most) = script.int("registrar", "max_contacts") {
        let most = usize::try_from(most.max(0)).unwrap_or(CONTACTS_UNBOUNDED);
        registrar.bindings_per_aor_max = match most {
            1..=CONTACTS_UNBOUNDED => most,
            _ => CONTACTS_UNBOUNDED,
        };
        if !(1..=CONTACTS_UNBOUNDED).contains(&most) {
            let why = format!("at most {CONTACTS_UNBOUNDED}");
            report.explain("registrar.max_contacts", Class::Used, &why);
        }
    }
}

fn auth(script: &Script, config: &mut Config) {
    if let Some(seconds) = script.int("auth", "nonce_expire") {
        let seconds = seconds.clamp(10, 86_400);
        config.auth.nonce_seconds = u32::try_from(seconds).unwrap_or(300);
    }
    if let Some(name) = script.text("auth", "algorithm") {
        let known = crate::config::ALGORITHMS.iter();
        if let Some(name) = known
            .copied()
            .find(|known| known.eq_ignore_ascii_case(name))
        {
            config.auth.algorithms = vec![name.to_owned()];
        }
    }
}

fn timers(script: &Script, config: &mut Config) {
    let millis = |name, least: i64, most: i64| {
        let value = script.int("tm", name)?.clamp(least, most);
        u32::try_from(value).ok()
    };
    if let Some(t1) = millis("retr_timer1", 10, 5_000) {
        config.timers.t1_ms = t1;
    }
    if let Some(t2) = millis("retr_timer2", 100, 60_000) {
        config.timers.t2_ms = t2;
    }
    config.timers.t2_ms = config.timers.t2_ms.max(config.timers.t1_ms);
    if let Some(ring) = millis("fr_inv_timer", 1_000, 3_600_000) {
        config.proxy.ring_seconds_max = Some(ring.div_ceil(1_000));
    }
}

fn streams(script: &Script, config: &mut Config) {
    let number = |name, least: i64, most: i64| {
        let value = script.global_int(name)?.clamp(least, most);
        u32::try_from(value).ok()
    };
    let limits = &mut config.limits;
    if let Some(most) = number("tcp_max_connections", 1, 1_000_000) {
        limits.connections_max = most as usize;
    }
    if let Some(seconds) = number("tcp_connection_lifetime", 10, 86_400) {
        limits.connection_idle_seconds = seconds;
    }
    if let Some(seconds) = number("tcp_connect_timeout", 1, 60) {
        limits.connect_timeout_ms = seconds * 1_000;
    }
}

/// The Server header field: Kamailio sends one unless told otherwise; `server_header` names field and value.
fn header(script: &Script, config: &mut Config) {
    if script.global_int("server_signature") == Some(0) {
        config.server_header = None;
        return;
    }
    if let Some(line) = script.global_text("server_header") {
        let value = line.split_once(':').map_or(line, |(_, value)| value).trim();
        let fits = (1..=128).contains(&value.len()) && !value.chars().any(char::is_control);
        config.server_header = fits.then(|| value.into());
    } else if script.kamailio_defaults || script.global_int("server_signature").is_some() {
        config.server_header = Some(concat!("Strowger/", env!("CARGO_PKG_VERSION")).into());
    }
}

/// `strowger.NAME = VALUE` in a `kamailio.cfg`: what Kamailio has no word for. It takes such lines for variables of the
/// operator's own, so that the file stays one for both.
fn own_variables(script: &Script, config: &mut Config) {
    for ((group, name), value) in &script.custom {
        if group != OWN_GROUP {
            continue;
        }
        match (name.as_str(), value.text(), value.integer()) {
            ("messages_per_second", _, Some(rate)) => {
                let rate = rate.clamp(0, 1_000_000);
                config.limits.messages_per_second = u32::try_from(rate).unwrap_or(0);
            }
            ("trusted_sources", Some(list), _) => {
                config.limits.trusted_sources = networks(list).collect();
            }
            ("admin_listen", Some(address), _) => {
                config.admin.listen = address.parse().ok();
                config.admin.rpc = config.admin.listen.is_some();
            }
            _ => {}
        }
    }
}

/// The group of variables that are ours.
pub const OWN_GROUP: &str = "strowger";

/// Networks with commas between them; what is none is passed over, the translation has told it.
pub fn networks(list: &str) -> impl Iterator<Item = (std::net::IpAddr, u8)> {
    list.split(',')
        .map(str::trim)
        .filter_map(|one| crate::config::prefix(one).ok())
}

/// The quietest lines of scripts that `debug` lets through; notices and louder without it.
pub fn script_level(debug: Option<i64>) -> LogLevel {
    match debug {
        None | Some(1) => LogLevel::Notice,
        Some(..=-3) => LogLevel::Alert,
        Some(-2) => LogLevel::Critical,
        Some(-1) => LogLevel::Error,
        Some(0) => LogLevel::Warning,
        Some(2) => LogLevel::Info,
        Some(3..) => LogLevel::Debug,
    }
}

/// The level of the server's own lines that goes with `debug`.
pub fn server_level(debug: Option<i64>) -> &'static str {
    match debug {
        Some(..0) => "error",
        Some(0) => "warn",
        None | Some(1..=2) => "info",
        Some(3..) => "debug",
    }
}
