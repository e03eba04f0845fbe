//! Settings of the tables of scripts, from the parameters of their modules.

use strowger_kamailio::cfg::Value;
use strowger_routing::tables::dispatcher::{DispatcherSettings, ProbeMode, ReplyCodes};
use strowger_routing::tables::pike::PikeSettings;
use strowger_routing::tables::{ScriptTables, TableValue};

use crate::kamailio::Script;

fn number(script: &Script, module: &str, name: &str, usual: u32) -> u32 {
    script
        .int(module, name)
        .and_then(|value| u32::try_from(value).ok())
        .unwrap_or(usual)
}

/// Settings of `pike`.
pub(super) fn pike(script: &Script) -> PikeSettings {
    let usual = PikeSettings::default();
    let get = |name, usual| number(script, "pike", name, usual);
    PikeSettings {
        sampling_time_unit_seconds: get("sampling_time_unit", usual.sampling_time_unit_seconds),
        requests_per_unit: get("reqs_density_per_unit", usual.requests_per_unit),
        remove_latency_seconds: get("remove_latency", usual.remove_latency_seconds),
    }
}

/// Settings of `dispatcher`.
pub(super) fn dispatcher(script: &Script, faults: &mut Vec<String>) -> DispatcherSettings {
    let usual = DispatcherSettings::default();
    let get = |name, usual| number(script, "dispatcher", name, usual);
    let reply_codes = match script.text("dispatcher", "ds_ping_reply_codes") {
        None => usual.reply_codes,
        Some(text) => ReplyCodes::parse(text).unwrap_or_else(|error| {
            faults.push(format!("dispatcher.ds_ping_reply_codes: {error}"));
            ReplyCodes::default()
        }),
    };
    DispatcherSettings {
        use_default: get("use_default", 0) != 0,
        probe_interval_seconds: get("ds_ping_interval", usual.probe_interval_seconds),
        probe_mode: script
            .int("dispatcher", "ds_probing_mode")
            .and_then(ProbeMode::from_number)
            .unwrap_or_default(),
        probing_threshold: get("ds_probing_threshold", usual.probing_threshold).max(1),
        inactive_threshold: get("ds_inactive_threshold", usual.inactive_threshold).max(1),
        reply_codes,
        call_expire_seconds: get("ds_hash_expire", usual.call_expire_seconds),
        call_initial_expire_seconds: get("ds_hash_initexpire", usual.call_initial_expire_seconds),
    }
}

/// `shvset`: `name=i:1` or `name=s:text`, in effect where the value has not been set yet.
pub(super) fn shared_values(script: &Script, tables: &ScriptTables, faults: &mut Vec<String>) {
    for text in script.values("pv", "shvset").iter().filter_map(Value::text) {
        let read = text.split_once('=').and_then(|(name, value)| {
            let (kind, value) = value.split_once(':')?;
            let value = match kind.trim() {
                "i" => TableValue::Int(value.trim().parse().ok()?),
                "s" => TableValue::text(value.as_bytes()),
                _ => return None,
            };
            Some((name.trim(), value))
        });
        match read {
            None => faults.push(format!(
                "pv.shvset: `{text}` is not of the form name=i:1 or name=s:text"
            )),
            Some((name, _)) if tables.shared_values.get(name.as_bytes()).is_some() => {}
            Some((name, value)) => {
                let set = tables.shared_values.set(name.as_bytes(), value);
                faults.extend(set.err().map(|error| format!("pv.shvset: {error}")));
            }
        }
    }
}
