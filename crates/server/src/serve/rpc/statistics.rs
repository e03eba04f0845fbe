//! `stats.*`, `sl.stats`, `tm.stats`: our counters under Kamailio's names.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};
use strowger_admin::Control;
use strowger_routing::SlStatistics;

use super::{Answer, Live, Method, Params, fault};

pub(super) const METHODS: &[Method] = &[
    ("sl.stats", "stateless replies by code", sl),
    (
        "stats.clear_statistics",
        "not here: counters only grow",
        |_, _| fault("counters only grow here: subtract what was read before"),
    ),
    (
        "stats.fetch",
        "statistics as texts: all, group: or names",
        |live, params| fetch(live, params, |value| value.to_string().into()),
    ),
    (
        "stats.fetchn",
        "statistics as numbers: all, group: or names",
        |live, params| fetch(live, params, Value::from),
    ),
    (
        "stats.get_statistics",
        "statistics as lines: all, group: or names",
        get,
    ),
    (
        "stats.reset_statistics",
        "not here: counters only grow",
        |_, _| fault("counters only grow here: subtract what was read before"),
    ),
    ("tm.stats", "transactions", tm),
];

/// Statistics by group and name.
type Groups = BTreeMap<&'static str, Vec<(String, u64)>>;

/// Our counters by name.
struct Counted {
    ours: HashMap<String, u64>,
    sl: SlStatistics,
}

impl Counted {
    fn of(live: &Live) -> Counted {
        let samples = live.samples().into_iter();
        Counted {
            ours: samples.map(|one| (one.name, one.value)).collect(),
            sl: live.shared.sl.total(),
        }
    }

    fn get(&self, name: &str) -> u64 {
        self.ours.get(name).copied().unwrap_or(0)
    }

    fn sum(&self, names: &[&str]) -> u64 {
        names.iter().map(|name| self.get(name)).sum()
    }

    /// Final and provisional replies of one class that left statelessly.
    fn stateless(&self, class: char) -> u64 {
        let of_class = self
            .sl
            .iter()
            .filter(|(name, _)| name.starts_with(class) && name.ends_with("_replies"));
        of_class.map(|(_, count)| count).sum()
    }

    /// Replies of one class within transactions: forwarded ones, and ours that were not stateless.
    fn in_transactions(&self, class: char) -> u64 {
        let own = self.get(&format!("replies_{class}xx"));
        self.get(&format!("forwarded_{class}xx")) + own.saturating_sub(self.stateless(class))
    }

    fn own_in_transactions(&self) -> u64 {
        let own = |class| {
            self.get(&format!("replies_{class}xx"))
                .saturating_sub(self.stateless(class))
        };
        ['1', '2', '3', '4', '5', '6'].into_iter().map(own).sum()
    }

    fn forwarded(&self) -> u64 {
        self.sum(&[
            "forwarded_1xx",
            "forwarded_2xx",
            "forwarded_3xx",
            "forwarded_4xx",
            "forwarded_5xx",
            "forwarded_6xx",
        ])
    }

    fn replies_received(&self) -> u64 {
        self.get("responses")
            .saturating_sub(self.get("stray_responses"))
    }

    fn core(&self) -> Vec<(String, u64)> {
        let mut out = vec![
            ("bad_msg_hdr".to_owned(), self.get("messages_malformed")),
            (
                "drop_replies".to_owned(),
                self.sum(&["responses_dropped", "stray_responses"]),
            ),
            (
                "drop_requests".to_owned(),
                self.sum(&["discarded", "unanswered"]),
            ),
            ("err_requests".to_owned(), self.get("program_failures")),
            ("fwd_replies".to_owned(), self.forwarded()),
            (
                "fwd_requests".to_owned(),
                self.sum(&["relayed", "forwarded_stateless"]),
            ),
            ("rcv_replies".to_owned(), self.get("responses")),
            ("rcv_requests".to_owned(), self.get("requests")),
        ];
        for method in [
            "ack",
            "bye",
            "cancel",
            "info",
            "invite",
            "message",
            "notify",
            "options",
            "prack",
            "publish",
            "refer",
            "register",
            "subscribe",
            "update",
        ] {
            let count = self.get(&format!("requests_{method}"));
            out.push((format!("rcv_requests_{method}"), count));
        }
        out
    }

    fn tmx(&self) -> Vec<(String, u64)> {
        let mut out: Vec<(String, u64)> = ['2', '3', '4', '5', '6']
            .into_iter()
            .map(|class| {
                let count = self.in_transactions(class);
                (format!("{class}xx_transactions"), count)
            })
            .collect();
        let current = self.get("server_transactions");
        for (name, value) in [
            ("UAC_transactions", 0),
            ("UAS_transactions", self.get("servers_started")),
            ("active_transactions", current),
            ("inuse_transactions", current),
            ("rpl_absorbed", self.get("responses_absorbed")),
            ("rpl_generated", self.own_in_transactions()),
            ("rpl_received", self.replies_received()),
            ("rpl_relayed", self.forwarded()),
            ("rpl_sent", self.forwarded() + self.own_in_transactions()),
        ] {
            out.push((name.to_owned(), value));
        }
        out
    }

    fn usrloc(&self) -> Vec<(String, u64)> {
        let (bindings, users) = (self.get("location_bindings"), self.get("location_aors"));
        [
            ("location_contacts", bindings),
            (
                "location_expires",
                self.get("location_bindings_expired_total"),
            ),
            ("location_users", users),
            ("registered_users", users),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn registrar(&self, live: &Live) -> Vec<(String, u64)> {
        let settings = &live.settings.load().registrar;
        let accepted = ["register_changed_total", "register_unchanged_total"];
        let rejected = [
            "register_malformed_total",
            "register_oversized_total",
            "register_too_many_bindings_total",
            "register_not_ours_total",
            "register_bad_extension_total",
            "register_too_brief_total",
            "register_out_of_order_total",
            "register_refused_busy_total",
            "register_store_failed_total",
            "register_full_total",
        ];
        [
            ("accepted_regs", self.sum(&accepted)),
            ("default_expire", settings.expires_seconds_default.into()),
            ("default_expires_range", 0),
            ("expires_range", 0),
            ("max_contacts", settings.bindings_per_aor_max as u64),
            ("max_expires", settings.expires_seconds_max.into()),
            ("rejected_regs", self.sum(&rejected)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn groups(&self, live: &Live) -> Groups {
        let sl = self.sl.iter();
        let mut groups = BTreeMap::from([
            ("core", self.core()),
            ("registrar", self.registrar(live)),
            (
                "sl",
                sl.map(|(name, count)| (name.to_owned(), count)).collect(),
            ),
            ("tmx", self.tmx()),
            ("usrloc", self.usrloc()),
        ]);
        for group in groups.values_mut() {
            group.sort();
        }
        groups
    }
}

/// The statistics that the parameters name, with their groups.
fn chosen(live: &Live, params: &Params<'_>) -> Vec<(&'static str, String, u64)> {
    let groups = Counted::of(live).groups(live);
    let mut out = Vec::new();
    let count = params.0.len().max(1);
    for at in 0..count {
        let wanted = params.optional_text(at).unwrap_or_else(|| "all".to_owned());
        // In Kamailio the group of `tmx` is named for what it counts.
        let wanted = match wanted.as_str() {
            "tm:" => "tmx:".to_owned(),
            _ => wanted,
        };
        for (group, names) in &groups {
            let whole = wanted == "all" || wanted.strip_suffix(':') == Some(group);
            let bare = wanted.strip_prefix(&format!("{group}:")).unwrap_or(&wanted);
            let found = names.iter().filter(|(name, _)| whole || name == bare);
            out.extend(found.map(|(name, value)| (*group, name.clone(), *value)));
        }
    }
    out
}

fn get(live: &Live, params: &Params<'_>) -> Answer {
    let lines = chosen(live, params)
        .into_iter()
        .map(|(group, name, value)| format!("{group}:{name} = {value}"));
    Ok(lines.collect())
}

fn fetch(live: &Live, params: &Params<'_>, shown: impl Fn(u64) -> Value) -> Answer {
    let fields = chosen(live, params)
        .into_iter()
        .map(|(group, name, value)| (format!("{group}.{name}"), shown(value)));
    Ok(Value::Object(fields.collect()))
}

fn sl(live: &Live, _: &Params<'_>) -> Answer {
    let total = live.shared.sl.total();
    let fields = total.rpc();
    let fields: Map<String, Value> = fields
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    Ok(fields.into())
}

fn tm(live: &Live, _: &Params<'_>) -> Answer {
    let counted = Counted::of(live);
    let current = counted.get("server_transactions");
    let created = counted.get("servers_started");
    let generated = counted.own_in_transactions();
    let mut fields = Map::new();
    for (name, value) in [
        ("current", current),
        ("waiting", 0),
        ("total", created),
        ("total_local", 0),
        ("rpl_received", counted.replies_received()),
        ("rpl_generated", generated),
        ("rpl_sent", generated + counted.forwarded()),
        ("6xx", counted.in_transactions('6')),
        ("5xx", counted.in_transactions('5')),
        ("4xx", counted.in_transactions('4')),
        ("3xx", counted.in_transactions('3')),
        ("2xx", counted.in_transactions('2')),
        ("created", created),
        ("freed", created.saturating_sub(current)),
        ("delayed_free", 0),
    ] {
        fields.insert(name.to_owned(), value.into());
    }
    Ok(fields.into())
}
