//! `htable.*`: the hash tables of scripts.

use std::sync::Arc;

use serde_json::{Value, json};
use strowger_admin::RpcFault;
use strowger_routing::tables::TableValue;
use strowger_routing::tables::hash_table::{HashTable, ListedCell};
use strowger_sip::Now;

use super::core::civil;
use super::{Answer, Live, Method, Params, fault, not_found, shown};

/// Cells in one dump; a larger table is refused.
const DUMP_CELLS_MAX: usize = 100_000;

pub(super) const METHODS: &[Method] = &[
    ("htable.delete", "removes a cell: table, key", delete),
    ("htable.dump", "all cells: table", dump),
    ("htable.flush", "removes all cells: table", flush),
    ("htable.get", "a cell: table, key", get),
    ("htable.listTables", "the tables", list_tables),
    (
        "htable.reload",
        "reads a table from its database: table",
        reload,
    ),
    (
        "htable.setex",
        "lets a cell expire: table, key, seconds",
        expire,
    ),
    (
        "htable.seti",
        "sets a number: table, key, value",
        set_number,
    ),
    ("htable.sets", "sets a text: table, key, value", set_text),
    (
        "htable.setxi",
        "sets a number with expiry: table, key, value, seconds",
        set_number,
    ),
    (
        "htable.setxs",
        "sets a text with expiry: table, key, value, seconds",
        set_text,
    ),
    ("htable.stats", "how full the tables are", statistics),
];

fn table(live: &Live, params: &Params<'_>) -> Result<Arc<HashTable>, RpcFault> {
    let name = params.text(0, "the hash table's name")?;
    let found = live.shared.scripts.hash_tables.table(name.as_bytes());
    found.ok_or_else(|| RpcFault::new(super::FAILED, "No such htable"))
}

fn key(params: &Params<'_>) -> Result<String, RpcFault> {
    params.text(1, "the key")
}

fn set_number(live: &Live, params: &Params<'_>) -> Answer {
    let value = TableValue::Int(params.int(2, "the value")?);
    set(live, params, value)
}

fn set_text(live: &Live, params: &Params<'_>) -> Answer {
    let value = TableValue::text(params.text(2, "the value")?.as_bytes());
    set(live, params, value)
}

fn set(live: &Live, params: &Params<'_>, value: TableValue) -> Answer {
    let (table, key) = (table(live, params)?, key(params)?);
    let now = live.driver.now().monotonic;
    let seconds = params.optional_int(3, "the seconds")?;
    let done = match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => table.set_expiring(key.as_bytes(), value, seconds, now),
        None => table.set(key.as_bytes(), value, now),
    };
    match done {
        Ok(()) => Ok("Ok. Key set to new value.".into()),
        Err(error) => fault(error.to_string()),
    }
}

fn expire(live: &Live, params: &Params<'_>) -> Answer {
    let (table, key) = (table(live, params)?, key(params)?);
    let seconds = u64::try_from(params.int(2, "the seconds")?).unwrap_or(0);
    match table.set_expiry(key.as_bytes(), seconds, live.driver.now().monotonic) {
        true => Ok("Ok. Expire set to new value.".into()),
        false => not_found("Key not found in htable, or the htable keeps its keys for ever."),
    }
}

fn delete(live: &Live, params: &Params<'_>) -> Answer {
    match table(live, params)?.remove(key(params)?.as_bytes()) {
        true => Ok("Ok. Key deleted.".into()),
        false => not_found("Key not found in htable."),
    }
}

fn flush(live: &Live, params: &Params<'_>) -> Answer {
    table(live, params)?.reset();
    Ok("Ok. Htable flushed.".into())
}

fn get(live: &Live, params: &Params<'_>) -> Answer {
    let (table, key) = (table(live, params)?, key(params)?);
    let now = live.driver.now();
    let Some(value) = table.get(key.as_bytes(), now.monotonic) else {
        return fault("Key name doesn't exist in htable.");
    };
    let left = table.expires_in(key.as_bytes(), now.monotonic);
    let flags = match value {
        TableValue::Int(_) => 0,
        TableValue::Text(_) => 2,
    };
    let expire = left
        .filter(|left| *left > 0)
        .map_or_else(|| "never".to_owned(), |left| when(now, left));
    Ok(json!({ "item": {
        "name": key, "value": read(&value), "flags": flags, "expire": expire,
    } }))
}

/// `2026-11-26 19:13:43`, in UTC.
fn when(now: Now, seconds: u64) -> String {
    let at = now.wall.as_secs() + seconds;
    let (year, month, day) = civil(at / 86_400);
    let (hour, minute) = (at / 3_600 % 24, at / 60 % 60);
    format!(
        "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}",
        at % 60
    )
}

fn read(value: &TableValue) -> Value {
    match value {
        TableValue::Int(number) => (*number).into(),
        TableValue::Text(octets) => shown(octets).into(),
    }
}

fn dump(live: &Live, params: &Params<'_>) -> Answer {
    let table = table(live, params)?;
    if table.len() > DUMP_CELLS_MAX {
        return fault(format!("the htable has more than {DUMP_CELLS_MAX} keys"));
    }
    let mut cells = table.dump(live.driver.now().monotonic);
    cells.sort_by(|a, b| a.key.cmp(&b.key));
    let entry = |(at, cell): (usize, &ListedCell)| {
        let kind = match cell.value {
            TableValue::Int(_) => "int",
            TableValue::Text(_) => "str",
        };
        let cell = json!({ "name": shown(&cell.key), "value": read(&cell.value), "type": kind });
        json!({ "entry": at, "size": 1, "slot": [cell] })
    };
    Ok(cells.iter().enumerate().map(entry).collect())
}

fn list_tables(live: &Live, _: &Params<'_>) -> Answer {
    let all = live.shared.scripts.hash_tables.list();
    let rows = all.iter().map(|table| {
        let one = table.definition();
        json!({
            "name": one.name,
            "dbtable": one.dbtable.as_deref().unwrap_or_default(),
            "dbmode": u8::from(one.dbmode),
            "expire": one.autoexpire_seconds,
            "updateexpire": u8::from(one.updateexpire),
            "size": 1_u64.checked_shl(one.size.into()).unwrap_or(0),
            "dmqreplicate": u8::from(one.dmqreplicate),
        })
    });
    Ok(rows.collect())
}

fn statistics(live: &Live, _: &Params<'_>) -> Answer {
    let all = live.shared.scripts.hash_tables.list();
    let rows = all.iter().map(|table| {
        let one = table.statistics();
        json!({
            "name": table.definition().name,
            "slots": one.slots,
            "all": one.cells,
            "min": one.cells_in_slot_least,
            "max": one.cells_in_slot_most,
        })
    });
    Ok(rows.collect())
}

fn reload(live: &Live, params: &Params<'_>) -> Answer {
    let name = params.text(0, "the hash table's name")?;
    let tables = &live.shared.scripts.hash_tables;
    let config = live.config.load();
    match crate::kamailio::reload_hash_table(&config, tables, &name, live.driver.now()) {
        Ok(_) => Ok("Ok. Htable reloaded.".into()),
        Err(reason) => fault(reason),
    }
}
