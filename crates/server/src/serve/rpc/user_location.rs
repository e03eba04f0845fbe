//! `ul.*`: registrations.

use serde_json::{Value, json};
use strowger_registrar::{AddressOfRecord, Binding, Bindings, LocationService};
use strowger_sip::Now;
use strowger_store::User;

use super::{Answer, Live, Method, Params, fault, shown};

/// Addresses of record in one dump; with more, only so many are shown.
const DUMP_AORS_MAX: usize = 100_000;
/// What stands where nothing is known.
const NOT_SET: &str = "[not set]";

pub(super) const METHODS: &[Method] = &[
    (
        "ul.add",
        "not here: contacts register themselves",
        |_, _| fault("contacts are not added by RPC here: they register"),
    ),
    (
        "ul.dump",
        "all registrations, or with `brief` their addresses of record",
        dump,
    ),
    (
        "ul.lookup",
        "the contacts of one: table, address of record",
        lookup,
    ),
    (
        "ul.rm",
        "drops all contacts of one: table, address of record",
        remove,
    ),
];

/// The address of record that a name stands for: `user`, or `user@domain`.
fn named(live: &Live, params: &Params<'_>) -> Result<User, strowger_admin::RpcFault> {
    let name = params.text(1, "the address of record")?;
    let bare = name.strip_prefix("sip:").unwrap_or(&name);
    let config = live.config.load();
    User::parse(bare, &config.domains)
        .map_err(|error| strowger_admin::RpcFault::new(super::FAILED, error.to_string()))
}

fn remove(live: &Live, params: &Params<'_>) -> Answer {
    let user = named(live, params)?;
    match live.drop_bindings(&user) {
        Ok(_) => Ok(json!({})),
        Err(error) => fault(error.message()),
    }
}

fn lookup(live: &Live, params: &Params<'_>) -> Answer {
    let user = named(live, params)?;
    let aor = AddressOfRecord::new(user.name.as_bytes(), &user.domain);
    let now = live.driver.now();
    let bindings = live.shared.location.bindings(aor.as_bytes(), now.monotonic);
    match bindings.is_empty() {
        true => fault("AOR not found in location table"),
        false => Ok(record(live, &aor, &bindings, now)),
    }
}

fn dump(live: &Live, params: &Params<'_>) -> Answer {
    let brief = params.optional_text(0).is_some_and(|word| word == "brief");
    let now = live.driver.now();
    let mut rows: Vec<Value> = Vec::new();
    live.every_registered(None, |aor, bindings| {
        rows.push(match brief {
            true => json!({ "AoR": name(live, aor) }),
            false => json!({ "Info": record(live, aor, bindings, now) }),
        });
        rows.len() < DUMP_AORS_MAX
    });
    let count = rows.len();
    Ok(json!({ "Domains": [{ "Domain": {
        "Domain": "location",
        "Size": count,
        "AoRs": rows,
        "Stats": { "Records": count, "Max-Slots": 1 },
    } }] }))
}

/// As Kamailio names it: the user alone where every domain is one.
fn name(live: &Live, aor: &AddressOfRecord) -> String {
    let whole = shown(aor.as_bytes());
    let bare = whole.strip_prefix("sip:").unwrap_or(&whole);
    match bare.rsplit_once('@') {
        Some((user, _)) if live.settings.load().one_domain => user.to_owned(),
        _ => bare.to_owned(),
    }
}

fn record(live: &Live, aor: &AddressOfRecord, bindings: &Bindings, now: Now) -> Value {
    let contacts: Value = bindings
        .iter()
        .map(|binding| json!({ "Contact": contact(live, binding, now) }))
        .collect();
    json!({ "AoR": name(live, aor), "Contacts": contacts })
}

fn contact(live: &Live, binding: &Binding, now: Now) -> Value {
    let text = |octets: &[u8]| match octets {
        b"" => NOT_SET.to_owned(),
        octets => shown(octets),
    };
    let flow = binding.flow();
    let settings = live.settings.load();
    let socket = settings.listeners.get(usize::from(flow.listener.0));
    let socket = socket.map_or_else(
        || NOT_SET.to_owned(),
        |one| format!("{}:{}", one.transport.as_param(), one.address),
    );
    let received = match binding.behind_nat() {
        true => format!("sip:{}", flow.remote),
        false => NOT_SET.to_owned(),
    };
    let ago = now
        .monotonic
        .as_secs()
        .saturating_sub(binding.updated_at().as_secs());
    json!({
        "Address": shown(binding.contact()),
        "Expires": binding.remaining_seconds(now.monotonic),
        "Q": f64::from(binding.q()) / 1_000.0,
        "Call-ID": shown(binding.call_id()),
        "CSeq": binding.cseq(),
        "User-Agent": text(binding.user_agent()),
        "Received": received,
        "Path": text(binding.path()),
        "State": "CS_SYNC",
        "Flags": 0,
        "CFlags": 0,
        "Socket": socket,
        "Ruid": NOT_SET,
        "Instance": binding.instance().map_or_else(|| NOT_SET.to_owned(), shown),
        "Reg-Id": binding.reg_id().unwrap_or(0),
        "Last-Modified": now.wall.as_secs().saturating_sub(ago),
    })
}
