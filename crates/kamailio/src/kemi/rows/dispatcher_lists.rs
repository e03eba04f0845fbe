//! The rest of the dispatcher: who is in a set, and in which state.

use core::net::IpAddr;

use strowger_lua::Ret;
use strowger_routing::tables::dispatcher::{
    Destination, DestinationState, DestinationStatus, ProbeMode,
};
use strowger_sip::{Method, Transport, Uri};

use super::dispatcher_choice::{Choice, Use, choose, current};
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::PvValue;

/// Any port will do.
const ANY_PORT: i64 = 1;
/// Any transport will do; observed to be so where no mode is given.
pub(super) const ANY_TRANSPORT: i64 = 2;
/// Only destinations in use.
const IN_USE: i64 = 4;

/// Sets that one rule may name (32).
pub const ROUTES_MAX: usize = 32;

pub(super) fn select_routes(run: &mut KemiRun, rules: &[u8], mode: &[u8], limit: i64) -> Ret {
    let how = match mode {
        b"0" => Use::NextHop,
        b"1" => Use::Host,
        b"2" => Use::Nothing,
        _ => return Ret::Int(-1),
    };
    let choices: Option<Vec<Choice>> = rules
        .split(|octet| *octet == b';')
        .filter(|rule| !rule.trim_ascii().is_empty())
        .map(|rule| {
            let rule = core::str::from_utf8(rule).ok()?;
            let (set, algorithm) = rule.split_once('=')?;
            Some(Choice {
                set: set.trim().parse().ok()?,
                algorithm: algorithm.trim().parse().ok()?,
            })
        })
        .take(ROUTES_MAX)
        .collect();
    let Some(choices) = choices else {
        run.log(LogLevel::Error, b"dispatcher: a rule is `set=algorithm`");
        return Ret::Int(-1);
    };
    let limit = usize::try_from(limit).unwrap_or(0);
    super::yes_no(choose(run, &choices, limit, how))
}

/// The state that letters name; without any, a destination is found to be inactive.
fn state(run: &KemiRun, letters: Option<&[u8]>) -> Option<DestinationStatus> {
    match letters {
        Some(letters) => DestinationStatus::parse(core::str::from_utf8(letters).ok()?),
        None => {
            let mode = run.context.tables().dispatcher.settings().probe_mode;
            Some(DestinationStatus {
                state: DestinationState::Inactive,
                probing: mode == ProbeMode::All,
            })
        }
    }
}

pub(super) fn mark_current(run: &mut KemiRun, letters: Option<&[u8]>) -> Ret {
    match current(run) {
        Some(chosen) => mark(run, letters, chosen.set, &chosen.uri),
        None => Ret::Int(-1),
    }
}

pub(super) fn mark_address(run: &mut KemiRun, letters: &[u8], set: i64, uri: &[u8]) -> Ret {
    mark(run, Some(letters), set, uri)
}

fn mark(run: &KemiRun, letters: Option<&[u8]>, set: i64, uri: &[u8]) -> Ret {
    let Some(status) = state(run, letters) else {
        run.log(LogLevel::Warning, b"dispatcher: that is no state");
        return Ret::Int(-1);
    };
    let dispatcher = &run.context.tables().dispatcher;
    let marked = core::str::from_utf8(uri).map(|uri| dispatcher.mark(set, uri, status));
    super::yes_no(matches!(marked, Ok(Ok(_))))
}

/// Where a message comes from.
fn place(run: &KemiRun, uri: Option<&[u8]>) -> Option<(IpAddr, u16, Transport)> {
    match uri {
        None => {
            let source = run.context.source();
            Some((source.remote.ip(), source.remote.port(), source.transport))
        }
        Some(uri) => {
            let uri = Uri::parse(uri).ok()?;
            let transport = uri.transport().unwrap_or(Transport::Udp);
            Some((uri.host.ip()?, uri.port_or_default(), transport))
        }
    }
}

pub(super) fn is_from(run: &mut KemiRun, set: i64, mode: i64, uri: Option<&[u8]>) -> Ret {
    let Some((address, port, transport)) = place(run, uri) else {
        return Ret::Int(-1);
    };
    let port = (mode & ANY_PORT == 0).then_some(port);
    let transport = (mode & ANY_TRANSPORT == 0).then_some(transport);
    let asked = (set != -1).then_some(set);
    let dispatcher = &run.context.tables().dispatcher;
    let found = if mode & IN_USE == 0 {
        dispatcher.is_from_list(address, port, transport, asked)
    } else {
        // Rare, so the lists may be copied.
        let sets = dispatcher.list().into_iter();
        sets.filter(|(id, _)| asked.is_none_or(|asked| asked == *id))
            .flat_map(|(_, destinations)| destinations)
            .find(|one| one.status().is_usable() && one.is_at(address, port, transport))
    };
    let Some(found) = found else {
        return Ret::Int(-1);
    };
    tell(run, &found, asked.is_none());
    Ret::Int(1)
}

/// Attributes go where `attrs_pvname` says, and the set, where any was asked for, where `setid_pvname` says.
fn tell(run: &mut KemiRun, found: &Destination, any_set: bool) {
    let attributes = found.attributes().as_str();
    if !attributes.is_empty() {
        let value = PvValue::from(attributes);
        super::write_named(run, "dispatcher", "attrs_pvname", value);
    }
    if any_set {
        let value = PvValue::Int(found.entry().set);
        super::write_named(run, "dispatcher", "setid_pvname", value);
    }
}

pub(super) fn is_active(run: &KemiRun, set: i64, uri: Option<&[u8]>) -> Ret {
    let dispatcher = &run.context.tables().dispatcher;
    super::yes_no(match uri {
        Some(uri) => core::str::from_utf8(uri)
            .ok()
            .and_then(|uri| dispatcher.get(set, uri))
            .is_some_and(|one| one.status().is_usable()),
        None => dispatcher
            .list()
            .into_iter()
            .filter(|(id, _)| *id == set)
            .flat_map(|(_, destinations)| destinations)
            .any(|one| one.status().is_usable()),
    })
}

pub(super) fn load_update(run: &KemiRun) -> Ret {
    let message = run.context.message();
    let dispatcher = &run.context.tables().dispatcher;
    let call_id = message.call_id();
    match (message.method(), message.status()) {
        (Method::Invite, Some(status)) if status.class() == 2 => {
            let now = run.context.now().monotonic;
            super::yes_no(dispatcher.call_answered(call_id, now))
        }
        (Method::Bye | Method::Cancel, None) => super::yes_no(dispatcher.call_ended(call_id)),
        _ => Ret::Int(0),
    }
}
