//! `rr`: staying in the path of a dialog, and obeying Route (RFC 3261 §16.4, §16.6 step 4, §16.12).

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::{DRAFT_OCTETS_MAX, RecordRouteDraft};
use strowger_sip::HeaderName;

use super::yes_no;
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::UriText;

const PARAMETERS: &[Parameter] = &[Parameter::text("parameters")];
const ADDRESS: &[Parameter] = &[Parameter::text("address")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("rr", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "record_route",
        &[],
        "keeps this server in the dialog; -1 if it was asked for before",
        |run, _| yes_no(record_route(run, b"")),
    ),
    f(
        "record_route_params",
        PARAMETERS,
        "the same with further parameters",
        |run, args| yes_no(record_route(run, args.text(0))),
    ),
    f(
        "record_route_preset",
        &[Parameter::text("address"), Parameter::text("second")],
        "keeps this server in the dialog under addresses of the script's choice",
        |run, args| yes_no(preset(run, &[args.text(0), args.text(1)])),
    ),
    f(
        "record_route_preset_one",
        ADDRESS,
        "the same with one address",
        |run, args| yes_no(preset(run, &[args.text(0)])),
    ),
    f(
        "record_route_advertised_address",
        ADDRESS,
        "the same",
        |run, args| yes_no(preset(run, &[args.text(0)])),
    ),
    f(
        "remove_record_route",
        &[],
        "takes back what keeps this server in the dialog",
        |run, _| {
            let draft = run.context.draft_mut();
            draft.record_route = None;
            draft.record_route_params.clear();
            Ret::Int(1)
        },
    ),
    f(
        "add_rr_param",
        PARAMETERS,
        "adds parameters to our Record-Route, asked for before or after",
        |run, args| yes_no(add_parameters(run, args.text(0))),
    ),
    f(
        "loose_route",
        &[],
        "obeys the Route header fields: 1 if the topmost was ours; -3 if it was the only one and the request is of no dialog",
        |run, _| Ret::Int(loose_route(run)),
    ),
    f(
        "loose_route_preloaded",
        &[],
        "the same; 1 if our Route was the only one and the request is of no dialog",
        |run, _| yes_no(loose_route(run) == NOTHING_LEFT),
    ),
    f(
        "check_route_param",
        &[Parameter::text("expression")],
        "the parameters of our Route match an expression",
        |run, args| {
            let Some(pattern) = run.shard.pattern(args.text(0)) else {
                return Ret::Int(-1);
            };
            let params = own_parameters(run);
            yes_no(params.is_some_and(|params| pattern.is_match(params)))
        },
    ),
    f(
        "is_direction",
        &[Parameter::text("direction")],
        "the request goes from the caller (`downstream`) or to it (`upstream`)",
        |run, args| match args.text(0) {
            text if text.eq_ignore_ascii_case(b"downstream") => yes_no(!is_upstream(run)),
            text if text.eq_ignore_ascii_case(b"upstream") => yes_no(is_upstream(run)),
            other => {
                let text = [b"a direction is downstream or upstream, not ", other].concat();
                run.log(LogLevel::Error, &text);
                Ret::Int(-6)
            }
        },
    ),
];

/// Observed on 5.6.3: the code of a request of no dialog whose only Route was ours.
const NOTHING_LEFT: i64 = -3;

fn loose_route(run: &mut KemiRun) -> i64 {
    let destination = |run: &KemiRun| run.context.draft().target.destination.clone();
    let before = destination(run);
    run.context.draft_mut().set_destination(None);
    let obeyed = run.context.obey_route() == Some(true);
    let is_last = destination(run).is_empty();
    if is_last && !before.is_empty() {
        run.context.draft_mut().set_destination(Some(&before));
    }
    match obeyed {
        true if is_last && run.context.message().to_tag().is_none() => NOTHING_LEFT,
        true => 1,
        false => -1,
    }
}

/// The parameters of our Route, with the semicolon before them.
fn own_parameters(run: &KemiRun) -> Option<&[u8]> {
    let uri = run.context.own_route()?;
    let authority = uri.iter().position(|octet| *octet == b'@').unwrap_or(0);
    let rest = uri.get(authority..)?;
    let start = rest.iter().position(|octet| *octet == b';')?;
    rest.get(start..)
}

/// True if the tag that our Route remembers is not that of From: it was the caller's, so the request goes to the caller.
fn is_upstream(run: &KemiRun) -> bool {
    let remembered = run
        .context
        .own_route()
        .and_then(UriText::parse)
        .and_then(|uri| uri.param(b"ftag"));
    remembered.is_some_and(|tag| run.context.message().from_tag() != Some(tag))
}

/// The tag of the caller: in a request to it that of To.
fn caller_tag(run: &KemiRun) -> Option<&[u8]> {
    let message = run.context.message();
    if is_upstream(run) {
        message.to_tag()
    } else {
        message.from_tag()
    }
}

/// `;ftag=…`, if the parameter `append_fromtag` does not forbid it.
fn tag_parameter(run: &KemiRun) -> Vec<u8> {
    let wanted = run.shard.door.int("rr", "append_fromtag").unwrap_or(1) != 0;
    match caller_tag(run).filter(|_| wanted) {
        Some(tag) => [b";ftag=", tag].concat(),
        None => Vec::new(),
    }
}

fn loose_parameter(run: &KemiRun) -> &'static [u8] {
    match run.shard.door.int("rr", "enable_full_lr") {
        Some(1) => b";lr=on",
        _ => b";lr",
    }
}

fn user(run: &KemiRun) -> Vec<u8> {
    if run.shard.door.int("rr", "add_username") != Some(1) {
        return Vec::new();
    }
    let uri = UriText::parse(run.context.request_uri());
    uri.and_then(|uri| uri.user).unwrap_or_default().to_vec()
}

fn record_route(run: &mut KemiRun, further: &[u8]) -> bool {
    if !run.is_request() {
        return false;
    }
    if run.context.draft().record_route.is_some() {
        run.log(LogLevel::Error, b"Record-Route was asked for twice");
        return false;
    }
    let Some(further) = parameters(further) else {
        return refused(run, further);
    };
    let draft = RecordRouteDraft {
        user: user(run).into(),
        parameters: [loose_parameter(run), &tag_parameter(run), &further]
            .concat()
            .into(),
        double: run.shard.door.int("rr", "enable_double_rr").unwrap_or(1) != 0,
    };
    run.context.draft_mut().record_route = Some(draft);
    true
}

/// Writes Record-Route lines for these addresses, the last topmost; empty ones are left out.
fn preset(run: &mut KemiRun, addresses: &[&[u8]]) -> bool {
    let sound = |address: &[u8]| {
        let uri = [b"sip:", address].concat();
        strowger_sip::Uri::parse(&uri).is_ok_and(|uri| uri.user.is_none())
    };
    let first = addresses.first().is_some_and(|address| sound(address));
    let mut addresses = addresses.iter().filter(|address| !address.is_empty());
    if !first || !run.is_request() || !addresses.clone().all(|address| sound(address)) {
        run.log(LogLevel::Error, b"Record-Route needs an address");
        return false;
    }
    let user = user(run);
    let mut lines = Vec::new();
    let tail = [
        &run.context.draft().record_route_params,
        &tag_parameter(run)[..],
        loose_parameter(run),
    ]
    .concat();
    addresses.by_ref().for_each(|address| {
        lines.extend_from_slice(b"Record-Route: <sip:");
        if !user.is_empty() {
            lines.extend_from_slice(&user);
            lines.push(b'@');
        }
        lines.extend_from_slice(address);
        lines.extend_from_slice(&tail);
        lines.extend_from_slice(b">\r\n");
    });
    run.change(lines.len(), &mut |message, edits| {
        let first = message.header(HeaderName::RecordRoute);
        let at = first.map_or(message.header_start(), |header| header.line.start);
        edits.insert_lines(at, &lines);
    })
}

fn add_parameters(run: &mut KemiRun, text: &[u8]) -> bool {
    let Some(text) = parameters(text) else {
        return refused(run, text);
    };
    let kept = &mut run.context.draft_mut().record_route_params;
    if kept.len() + text.len() > DRAFT_OCTETS_MAX {
        return false;
    }
    kept.extend_from_slice(&text);
    true
}

/// Parameters as they may stand in a URI, each with its semicolon. `None` if there is an octet that would end it.
fn parameters(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut out = Vec::with_capacity(text.len() + 1);
    if text.first() != Some(&b';') {
        out.push(b';');
    }
    out.extend_from_slice(text);
    let sound = out
        .iter()
        .all(|octet| octet.is_ascii_graphic() && !b"<>\"?@,".contains(octet));
    sound.then_some(out)
}

fn refused(run: &KemiRun, text: &[u8]) -> bool {
    let line = [b"not parameters of a URI: ", text].concat();
    run.log(LogLevel::Error, &line);
    false
}
