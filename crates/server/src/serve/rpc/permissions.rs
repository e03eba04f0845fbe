//! `permissions.*` and `pike.*`: address groups and sources that flood.

use serde_json::{Value, json};
use strowger_routing::tables::address_groups::{AddressHost, AddressRule};

use super::{Answer, Live, Method, Params, fault};

pub(super) const METHODS: &[Method] = &[
    (
        "permissions.addressDump",
        "single addresses of the groups",
        addresses,
    ),
    (
        "permissions.addressReload",
        "reads the address groups again",
        reload,
    ),
    ("permissions.domainDump", "names of the groups", domains),
    ("permissions.subnetDump", "networks of the groups", subnets),
    ("pike.list", "sources that were counted", sources),
    ("pike.top", "sources that were counted", sources),
];

fn reload(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    match crate::kamailio::reload_addresses(&config, &live.shared.scripts.address_groups) {
        Ok(_) => Ok("Reload OK".into()),
        Err(reason) => fault(reason),
    }
}

fn item(group: i64, item: Value) -> Value {
    json!({ "table": 0, "group": group, "item": item })
}

fn dump(live: &Live, shown: impl Fn(&AddressRule) -> Option<Value>) -> Answer {
    let rules = live.shared.scripts.address_groups.list();
    let rows = rules.iter().filter_map(|rule| {
        let mut fields = shown(rule)?;
        if let Some(object) = fields.as_object_mut() {
            object.insert("port".into(), rule.port.into());
            object.insert("tag".into(), rule.tag.as_deref().unwrap_or("NULL").into());
        }
        Some(item(rule.group, fields))
    });
    Ok(rows.collect())
}

fn is_single(address: std::net::IpAddr, bits: u8) -> bool {
    bits == if address.is_ipv4() { 32 } else { 128 }
}

fn addresses(live: &Live, _: &Params<'_>) -> Answer {
    dump(live, |rule| match &rule.host {
        AddressHost::Network { address, bits } if is_single(*address, *bits) => {
            Some(json!({ "ip": address.to_string() }))
        }
        _ => None,
    })
}

fn subnets(live: &Live, _: &Params<'_>) -> Answer {
    dump(live, |rule| match &rule.host {
        AddressHost::Network { address, bits } if !is_single(*address, *bits) => {
            Some(json!({ "ip": address.to_string(), "mask": bits }))
        }
        _ => None,
    })
}

fn domains(live: &Live, _: &Params<'_>) -> Answer {
    dump(live, |rule| match &rule.host {
        AddressHost::Name(name) => Some(json!({ "domain": name })),
        AddressHost::Network { .. } => None,
    })
}

fn sources(live: &Live, _: &Params<'_>) -> Answer {
    let pike = &live.shared.scripts.pike;
    let rows: Vec<Value> = pike
        .list(live.driver.now().monotonic)
        .iter()
        .map(|source| {
            let status = if source.blocked { "HOT" } else { "WARM" };
            json!({
                "ip_addr": source.address.to_string(),
                "leaf_hits_prev": source.previous,
                "leaf_hits_curr": source.current,
                "status": status,
            })
        })
        .collect();
    Ok(json!({
        "max_hits": pike.settings().requests_per_unit,
        "number_of_rows": rows.len(),
        "list": rows,
    }))
}
