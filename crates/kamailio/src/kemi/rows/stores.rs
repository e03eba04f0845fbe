//! Values that scripts of all shards share: `$shv`, `$sht`, `$stat`; and sockets by their text.

use strowger_routing::RoutingContext;
use strowger_routing::tables::TableValue;
use strowger_routing::tables::hash_table::{CountExpression, HashTable, Matching};
use strowger_sip::Time;

use crate::kemi::run::KemiRun;
use crate::pattern::{PatternFlags, compile};
use crate::pv::{PvValue, StoreKey, TableItem};

fn value_of(value: Option<TableValue>) -> PvValue<'static> {
    match value {
        None => PvValue::Null,
        Some(TableValue::Int(number)) => PvValue::Int(number),
        Some(TableValue::Text(text)) => PvValue::owned(text.to_vec()),
    }
}

/// `$shv(name)`.
pub(crate) fn shared_value<'r>(run: &'r KemiRun, name: &[u8]) -> PvValue<'r> {
    value_of(run.context.tables().shared_values.get(name))
}

/// Sets `$shv(name)`; observed on 5.6.3: null leaves an empty text.
pub(crate) fn set_shared(run: &mut KemiRun, name: &[u8], value: PvValue<'_>) -> bool {
    let values = &run.context.tables().shared_values;
    match value {
        PvValue::Null => values.set_text(name, b""),
        PvValue::Int(number) => values.set_int(name, number),
        PvValue::Str(text) => values.set_text(name, &text),
    }
    .is_ok()
}

/// `$sht`, `$shtex`, `$shtinc`, `$shtdec`, `$shtcn`; null if there is no such table.
pub(crate) fn table_value<'r>(
    run: &'r KemiRun,
    item: TableItem,
    table: &[u8],
    key: &[u8],
    now: Time,
) -> PvValue<'r> {
    let Some(table) = run.context.tables().hash_tables.table(table) else {
        return PvValue::Null;
    };
    let number = |number: u64| PvValue::Int(i64::try_from(number).unwrap_or(i64::MAX));
    match item {
        TableItem::Value => value_of(table.get(key, now)),
        TableItem::Expires => number(table.expires_in(key, now).unwrap_or(0)),
        TableItem::Increment | TableItem::Decrement => {
            let delta = if item == TableItem::Increment { 1 } else { -1 };
            let sum = table.add(key, delta, now).ok().flatten();
            sum.map_or(PvValue::Null, PvValue::Int)
        }
        TableItem::Count => count(&table, key, now).map_or(PvValue::Null, number),
    }
}

fn count(table: &HashTable, expression: &[u8], now: Time) -> Option<u64> {
    let counted = match CountExpression::parse(expression) {
        CountExpression::Ready(operand) => table.count_names(&operand.into(), now),
        CountExpression::Expression(text) => {
            let flags = PatternFlags {
                ignore_case: true,
                single_line: false,
            };
            let pattern = compile(text, flags).ok()?;
            let is_match = |name: &[u8]| pattern.is_match(name);
            table.count_names(&Matching::Expression(&is_match), now)
        }
    };
    u64::try_from(counted).ok()
}

/// Sets `$sht` or `$shtex`; null removes the cell.
pub(crate) fn set_table(run: &mut KemiRun, key: &StoreKey<'_>, value: PvValue<'_>) -> bool {
    let StoreKey::Table { item, table, key } = *key else {
        return false;
    };
    let Some(table) = run.context.tables().hash_tables.table(table) else {
        return false;
    };
    let now = run.context.now().monotonic;
    match (item, value) {
        (TableItem::Value, PvValue::Null) => {
            table.remove(key);
            true
        }
        (TableItem::Value, PvValue::Int(number)) => table.set_int(key, number, now).is_ok(),
        (TableItem::Value, PvValue::Str(text)) => table.set_text(key, &text, now).is_ok(),
        (TableItem::Expires, PvValue::Int(seconds)) => {
            table.set_expiry(key, u64::try_from(seconds).unwrap_or(0), now)
        }
        _ => false,
    }
}

/// `$stat(name)`: a statistic of `sl`, or a counter of the process.
pub(crate) fn statistic<'r>(run: &'r KemiRun, name: &str) -> PvValue<'r> {
    let value = run
        .context
        .sl_statistics()
        .get(name)
        .or_else(|| run.context.statistic(name));
    value.map_or(PvValue::Null, |value| {
        PvValue::Int(i64::try_from(value).unwrap_or(i64::MAX))
    })
}

/// The listener that a text such as `udp:127.0.0.1:5060` names.
pub(crate) fn listener_named(context: &dyn RoutingContext, text: &[u8]) -> Option<u16> {
    let text = core::str::from_utf8(text).ok()?;
    let (transport, address) = match text.split_once(':') {
        Some((word, rest)) => match strowger_sip::Transport::from_token(word.as_bytes()) {
            Some(transport) => (Some(transport), rest),
            None => (None, text),
        },
        None => (None, text),
    };
    if let Ok(address) = address.parse::<core::net::SocketAddr>() {
        return context.find_listener(transport, address.ip(), address.port());
    }
    let ip = address.trim_matches(['[', ']']).parse().ok()?;
    context.find_listener(transport, ip, 0)
}
