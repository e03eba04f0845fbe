//! What the dispatcher chose for a request, kept where scripts look for it: `$xavp(_dsdst_[n]=>uri)`, `grp`, `attrs`.

use std::sync::Arc;

use strowger_routing::tables::dispatcher::{Algorithm, Destination, SelectionKeys};
use strowger_sip::Method;

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{Family, Place, PvSink, PvValue, UriText};

/// What becomes of a destination that is chosen.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The request goes there, whatever its Request-URI.
    NextHop,
    /// Its host, port and parameters are those of the Request-URI.
    Host,
    /// Nothing yet.
    Nothing,
}

/// A set and how to choose from it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) set: i64,
    pub(super) algorithm: i64,
}

/// A destination as the values name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) set: i64,
    pub(super) uri: Vec<u8>,
}

/// Destinations that one request keeps for failover (32).
pub const DESTINATIONS_KEPT_MAX: usize = 32;
/// The flag of the module without which there is no failover.
const FAILOVER: i64 = 2;
/// The flag by which users alone are hashed.
const USER_ONLY: i64 = 1;

fn flags(run: &KemiRun) -> i64 {
    run.shard.door.int("dispatcher", "flags").unwrap_or(0)
}

/// The name of the values: `_dsdst_` if nothing is configured.
fn name(run: &KemiRun, parameter: &str, default: &str) -> Vec<u8> {
    let name = run.shard.door.text("dispatcher", parameter);
    name.unwrap_or(default).as_bytes().to_vec()
}

/// Chooses from sets in turn and uses the first destination. False, after an error line, if there is none.
pub(super) fn choose(run: &mut KemiRun, choices: &[Choice], limit: usize, how: Use) -> bool {
    let mut found: Vec<Arc<Destination>> = Vec::new();
    for choice in choices {
        let left = limit.saturating_sub(found.len());
        if limit > 0 && left == 0 {
            break;
        }
        match select(run, *choice, left) {
            Ok(more) => found.extend(more),
            Err(why) => {
                let line = format!("dispatcher: set {}: {why}", choice.set);
                run.log(LogLevel::Error, line.as_bytes());
            }
        }
    }
    let Some(first) = found.first() else {
        return false;
    };
    let chosen = Chosen {
        set: first.entry().set,
        uri: first.uri().as_bytes().to_vec(),
    };
    keep(run, &found);
    use_it(run, &chosen, how)
}

fn select(
    run: &mut KemiRun,
    choice: Choice,
    limit: usize,
) -> Result<Vec<Arc<Destination>>, String> {
    let algorithm = Algorithm::from_number(choice.algorithm);
    let random = run.context.random();
    let user_only = flags(run) & USER_ONLY != 0;
    let text = match run.shard.door.text("dispatcher", "hash_pvar") {
        Some(format) if algorithm == Algorithm::Text => {
            let format = format.to_owned();
            run.expand(format.as_bytes())
        }
        None if algorithm == Algorithm::Text => return Err("hash_pvar is not set".to_owned()),
        _ => Vec::new(),
    };
    let auth_user = match algorithm {
        Algorithm::AuthUser => run
            .value(b"$au")
            .and_then(|user| Some(user.text()?.into_owned())),
        _ => None,
    };
    let message = run.context.message();
    let from = hashed(message.from().uri, user_only);
    let to = hashed(message.to().uri, user_only);
    let request_uri = hashed(run.context.request_uri(), user_only);
    let keys = SelectionKeys {
        call_id: message.call_id(),
        from: &from,
        to: &to,
        request_uri: &request_uri,
        auth_user: auth_user.as_deref(),
        text: &text,
        random,
        begins_call: message.method() == Method::Invite && message.to_tag().is_none(),
        limit,
    };
    let now = run.context.now().monotonic;
    let dispatcher = &run.context.tables().dispatcher;
    let found = dispatcher.select(choice.set, algorithm, &keys, now);
    found.map_err(|why| why.to_string())
}

/// What of a URI counts: the user, and the host with a port other than that of SIP.
fn hashed(uri: &[u8], user_only: bool) -> Vec<u8> {
    let Some(uri) = UriText::parse(uri) else {
        return uri.to_vec();
    };
    let mut out = uri.user.unwrap_or_default().to_vec();
    if !user_only {
        out.push(b'@');
        out.extend(uri.host.to_ascii_lowercase());
        if let Some(port) = uri.port.filter(|port| *port != b"5060") {
            out.push(b':');
            out.extend_from_slice(port);
        }
    }
    out
}

/// Writes the destinations into the values, the first on top, in the place of those before; without failover none are.
fn keep(run: &mut KemiRun, found: &[Arc<Destination>]) {
    let root = name(run, "xavp_dst", "_dsdst_");
    let context = name(run, "xavp_ctx", "_dsctx_");
    let wanted = if flags(run) & FAILOVER == 0 {
        0
    } else {
        DESTINATIONS_KEPT_MAX
    };
    let found = found.get(..wanted).unwrap_or(found);
    let xavps = &mut run.kept().xavps;
    for root in [&root, &context] {
        xavps.set(Family::Many, root, Place::All, None, PvValue::Null);
    }
    let mut set = |root: &[u8], place, field: &[u8], value| {
        let field = Some((field, Place::Newest));
        xavps.set(Family::Many, root, place, field, value);
    };
    for destination in found.iter().rev() {
        let attributes = destination.attributes().as_str();
        let group = destination.entry().set;
        set(
            &root,
            Place::Newest,
            b"uri",
            PvValue::from(destination.uri()),
        );
        set(&root, Place::At(0), b"grp", PvValue::Int(group));
        if !attributes.is_empty() {
            set(&root, Place::At(0), b"attrs", PvValue::from(attributes));
        }
    }
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    set(&context, Place::Newest, b"cnt", PvValue::Int(count));
}

/// The destination on top of the values.
pub(super) fn current(run: &mut KemiRun) -> Option<Chosen> {
    let root = name(run, "xavp_dst", "_dsdst_");
    let xavps = &run.kept().xavps;
    let field = |field: &'static [u8]| {
        let field = Some((field, Place::Newest));
        xavps.get(Family::Many, &root, Place::At(0), field)
    };
    let uri = field(b"uri").text()?.into_owned();
    let set = field(b"grp").int()?;
    Some(Chosen { set, uri })
}

/// Takes the destination off the top and uses the one below. False if there is none.
pub(super) fn next(run: &mut KemiRun, how: Use) -> bool {
    let root = name(run, "xavp_dst", "_dsdst_");
    let xavps = &mut run.kept().xavps;
    xavps.set(Family::Many, &root, Place::At(0), None, PvValue::Null);
    let Some(chosen) = current(run) else {
        return false;
    };
    if let Some(destination) = listed(run, &chosen) {
        let call_id = run.context.message().call_id();
        let dispatcher = &run.context.tables().dispatcher;
        dispatcher.call_moved(call_id, &destination);
    }
    use_it(run, &chosen, how)
}

fn listed(run: &KemiRun, chosen: &Chosen) -> Option<Arc<Destination>> {
    let uri = core::str::from_utf8(&chosen.uri).ok()?;
    run.context.tables().dispatcher.get(chosen.set, uri)
}

/// Sends the request there, from the socket that its attributes name.
pub(super) fn use_it(run: &mut KemiRun, chosen: &Chosen, how: Use) -> bool {
    let done = match how {
        Use::Nothing => return true,
        Use::NextHop => run.set_destination_uri(Some(&chosen.uri)),
        Use::Host => set_host(run, &chosen.uri),
    };
    let socket = listed(run, chosen).and_then(|one| one.attributes().socket.clone());
    if let Some(socket) = socket {
        run.set_send_socket(socket.as_bytes(), false);
    }
    done
}

/// Puts what stands behind the user of the URI into the Request-URI; observed: parameters come along.
fn set_host(run: &mut KemiRun, uri: &[u8]) -> bool {
    let (Some(own), Some(other)) = (
        UriText::parse(run.context.request_uri()),
        UriText::parse(uri),
    ) else {
        return false;
    };
    let changed = UriText {
        user: own.user,
        password: own.password,
        ..other
    };
    let mut out = Vec::new();
    changed.write(&mut out);
    run.set_request_uri(&out)
}
