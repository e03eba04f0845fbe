//! Values that scripts of all shards share: `$shv`, `$sht`, `$stat`; and sockets by their text.

use strowger_routing::RoutingContext;
use strowger_sip::Time;

use crate::kemi::run::KemiRun;
use crate::pv::{PvValue, StoreKey, TableItem};

/// `$shv(name)`.
pub(crate) fn shared_value<'r>(_run: &'r KemiRun, _name: &[u8]) -> PvValue<'r> {
    PvValue::Null
}

/// Sets `$shv(name)`.
pub(crate) fn set_shared(_run: &mut KemiRun, _name: &[u8], _value: PvValue<'_>) -> bool {
    false
}

/// `$sht`, `$shtex`, `$shtinc`, `$shtdec`, `$shtcn`.
pub(crate) fn table_value<'r>(
    _run: &'r KemiRun,
    _item: TableItem,
    _table: &[u8],
    _key: &[u8],
    _now: Time,
) -> PvValue<'r> {
    PvValue::Null
}

/// Sets `$sht` or `$shtex`.
pub(crate) fn set_table(_run: &mut KemiRun, _key: &StoreKey<'_>, _value: PvValue<'_>) -> bool {
    false
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
