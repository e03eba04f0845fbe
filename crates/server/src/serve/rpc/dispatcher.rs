//! `dispatcher.*`: the sets of destinations.

use serde_json::{Value, json};
use strowger_routing::tables::dispatcher::{Destination, DestinationEntry, DestinationStatus};

use super::{Answer, Live, Method, Params, fault};

pub(super) const METHODS: &[Method] = &[
    (
        "dispatcher.add",
        "adds a destination: set, URI [, flags [, priority [, attributes]]]",
        add,
    ),
    ("dispatcher.list", "the sets with their destinations", list),
    (
        "dispatcher.ping_active",
        "probing off (0) or on (1)",
        ping_active,
    ),
    ("dispatcher.reload", "reads the destinations again", reload),
    (
        "dispatcher.remove",
        "removes a destination: set, URI",
        remove,
    ),
    (
        "dispatcher.set_state",
        "state (a, i, d, t, p), set, URI or all",
        set_state,
    ),
];

fn list(live: &Live, _: &Params<'_>) -> Answer {
    let sets = live.shared.scripts.dispatcher.list();
    let records: Vec<Value> = sets
        .iter()
        .map(|(set, destinations)| {
            let targets: Value = destinations.iter().map(|one| target(one)).collect();
            json!({ "SET": { "ID": set, "TARGETS": targets } })
        })
        .collect();
    Ok(json!({ "NRSETS": sets.len(), "RECORDS": records }))
}

fn target(one: &Destination) -> Value {
    let mut fields = json!({
        "URI": one.uri(),
        "FLAGS": one.status().letters(),
        "PRIORITY": one.entry().priority,
    });
    let attributes = one.attributes();
    if let Some(object) = fields
        .as_object_mut()
        .filter(|_| !attributes.as_str().is_empty())
    {
        let attributes = json!({
            "BODY": attributes.as_str(),
            "DUID": attributes.duid,
            "MAXLOAD": attributes.maxload,
            "WEIGHT": attributes.weight,
            "RWEIGHT": attributes.rweight,
            "SOCKET": attributes.socket,
            "SOCKNAME": attributes.get("sockname"),
            "OBPROXY": attributes.get("obproxy"),
        });
        object.insert("ATTRS".into(), attributes);
    }
    json!({ "DEST": fields })
}

fn entries(live: &Live) -> Vec<DestinationEntry> {
    let sets = live.shared.scripts.dispatcher.list();
    let all = sets.iter().flat_map(|(_, destinations)| destinations);
    all.map(|one| one.entry().clone()).collect()
}

fn put(live: &Live, entries: Vec<DestinationEntry>, done: &str) -> Answer {
    match live.shared.scripts.dispatcher.reload(entries) {
        Ok(()) => Ok(done.into()),
        Err(error) => fault(error.to_string()),
    }
}

fn add(live: &Live, params: &Params<'_>) -> Answer {
    let set = params.int(0, "the set")?;
    let uri = params.text(1, "the URI")?;
    let flags = params.optional_int(2, "the flags")?.unwrap_or(0);
    let priority = params.optional_int(3, "the priority")?.unwrap_or(0);
    let attributes = params.optional_text(4).unwrap_or_default();
    let flags = u32::try_from(flags).unwrap_or(0);
    let priority = i32::try_from(priority).unwrap_or(0);
    match DestinationEntry::new(set, &uri, flags, priority, &attributes) {
        Ok(entry) => {
            let mut all = entries(live);
            all.push(entry);
            put(live, all, "Ok. Dispatcher destination added.")
        }
        Err(error) => fault(error.to_string()),
    }
}

fn remove(live: &Live, params: &Params<'_>) -> Answer {
    let set = params.int(0, "the set")?;
    let uri = params.text(1, "the URI")?;
    let mut all = entries(live);
    let before = all.len();
    all.retain(|one| one.set != set || *one.uri != *uri);
    match all.len() < before {
        true => put(live, all, "Ok. Dispatcher destination removed."),
        false => fault("Removing dispatcher dst failed: there is no such destination"),
    }
}

fn reload(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    match crate::kamailio::reload_destinations(&config, &live.shared.scripts.dispatcher) {
        Ok(_) => Ok("Ok. Dispatcher successfully reloaded.".into()),
        Err(reason) => fault(reason),
    }
}

fn set_state(live: &Live, params: &Params<'_>) -> Answer {
    let letters = params.text(0, "the state")?;
    let Some(status) = DestinationStatus::parse(&letters) else {
        return fault("Unknown State Value");
    };
    let set = params.int(1, "the set")?;
    let uri = params.text(2, "the URI")?;
    let uri = (uri != "all").then_some(uri.as_str());
    match live.shared.scripts.dispatcher.set_state(set, uri, status) {
        Ok(()) => Ok("Ok. Dispatcher state updated.".into()),
        Err(_) => fault("State Update Failed"),
    }
}

fn ping_active(live: &Live, params: &Params<'_>) -> Answer {
    let on = params.int(0, "0 or 1")? != 0;
    let before = live.shared.scripts.dispatcher.set_probing(on);
    Ok(json!({ "OldPingState": u8::from(before), "NewPingState": u8::from(on) }))
}
