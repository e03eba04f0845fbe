//! `tm`: transactions. Codes were observed on Kamailio 5.6.3.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};
use strowger_routing::{
    Answer, ForwardError, HookName, Hooks, How, ReplyOutcome, StoredMessage, TransactionMatch,
};
use strowger_sip::{Message, Transport, Uri};

use crate::kemi::door::LogLevel;
use crate::kemi::run::{KemiRun, RoutePlace};
use crate::pv::{PvValue, UriText};
use crate::sl::{Caller, InternalError, prepare};

const REPLY: &[Parameter] = &[Parameter::int("code"), Parameter::text("reason")];
const FUNCTION: &[Parameter] = &[Parameter::text("function")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("tm", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "t_check_trans",
        &[],
        "1 for a CANCEL or ACK whose transaction is here, 0 if the request has one already, else -1",
        |run, _| {
            Ret::Int(match run.context.match_transaction() {
                TransactionMatch::None => -1,
                TransactionMatch::Own => 0,
                TransactionMatch::Cancel | TransactionMatch::Ack => 1,
            })
        },
    ),
    f(
        "t_lookup_request",
        &[],
        "the request has a transaction",
        |run, _| super::yes_no(run.context.match_transaction() == TransactionMatch::Own),
    ),
    f(
        "t_lookup_cancel",
        &[],
        "the INVITE of this CANCEL is here",
        |run, _| super::yes_no(run.context.match_transaction() == TransactionMatch::Cancel),
    ),
    f(
        "t_lookup_cancel_flags",
        &[Parameter::int("flags")],
        "the same; flags are not copied",
        |run, _| super::yes_no(run.context.match_transaction() == TransactionMatch::Cancel),
    ),
    f(
        "t_newtran",
        &[],
        "makes the transaction now; -10 if there is one",
        |run, _| {
            if run.context.transaction().exists {
                return Ret::Int(-10);
            }
            super::yes_no(run.context.new_transaction())
        },
    ),
    f(
        "t_relay",
        &[],
        "forwards through a transaction to all branches",
        |run, _| relay(run),
    ),
    f(
        "t_relay_to_flags",
        &[Parameter::int("flags")],
        "the same; flags are without effect",
        |run, _| relay(run),
    ),
    f(
        "t_relay_to_proto",
        &[Parameter::text("proto")],
        "forwards over this transport",
        |run, args| relay_over(run, args.text(0)),
    ),
    f(
        "t_relay_to_proto_addr",
        &[
            Parameter::text("proto"),
            Parameter::text("host"),
            Parameter::int("port"),
        ],
        "forwards to this host over this transport",
        |run, args| relay_to(run, args.text(0), args.text(1), args.int(2)),
    ),
    f(
        "t_relay_to_proxy",
        &[Parameter::text("proxy")],
        "forwards to `proto:host:port`",
        |run, args| relay_to_proxy(run, args.text(0)),
    ),
    f(
        "t_relay_to_proxy_flags",
        &[Parameter::text("proxy"), Parameter::int("flags")],
        "the same; flags are without effect",
        |run, args| relay_to_proxy(run, args.text(0)),
    ),
    f(
        "t_reply",
        REPLY,
        "answers through the transaction; -1 without one",
        |run, args| {
            if !run.context.transaction().exists {
                run.log(LogLevel::Error, b"t_reply: there is no transaction");
                return Ret::Int(-1);
            }
            reply(run, args)
        },
    ),
    f(
        "t_send_reply",
        REPLY,
        "the same, but makes the transaction if there is none",
        reply,
    ),
    f(
        "t_on_branch",
        FUNCTION,
        "names the function for each branch; an empty name takes it away",
        |run, args| arm(run, args, |hooks| &mut hooks.branch),
    ),
    f(
        "t_on_reply",
        FUNCTION,
        "names the function for each reply",
        |run, args| arm(run, args, |hooks| &mut hooks.reply),
    ),
    f(
        "t_on_failure",
        FUNCTION,
        "names the function for the failure of all branches",
        |run, args| arm(run, args, |hooks| &mut hooks.failure),
    ),
    f(
        "t_on_branch_failure",
        FUNCTION,
        "names the function for the failure of one branch: not called here, use t_on_failure",
        |run, _| super::without_engine(run, "tm", "branches have no failure function of their own"),
    )
    .of_class(Class::WithoutEngine),
    f(
        "t_is_set",
        &[Parameter::text("route")],
        "a function is named: branch_route, onreply_route, failure_route or branch_failure_route",
        |run, args| super::yes_no(is_armed(run, args.text(0))),
    ),
    f(
        "t_is_canceled",
        &[],
        "the caller has cancelled",
        |run, _| {
            let transaction = run.context.transaction();
            super::yes_no(transaction.exists && transaction.cancelled)
        },
    ),
    f(
        "t_any_replied",
        &[],
        "a branch other than the one that failed just now has replied",
        |run, _| super::yes_no(any_replied(run)),
    ),
    f(
        "t_any_timeout",
        &[],
        "no reply has come in time",
        |run, _| super::yes_no(timed_out(run)),
    ),
    f(
        "t_branch_replied",
        &[],
        "the branch that failed had a provisional reply",
        |run, _| {
            let kept = run.context.stored(StoredMessage::Reply);
            let provisional = kept
                .and_then(Message::status)
                .is_some_and(|status| status.get() < 200);
            super::yes_no(after_failure(run) && provisional)
        },
    ),
    f(
        "t_branch_timeout",
        &[],
        "the branch failed because no final reply came in time",
        |run, _| super::yes_no(after_failure(run) && timed_out(run)),
    ),
    f(
        "t_grep_status",
        &[Parameter::int("code")],
        "the reply chosen so far, of several branches, has this status",
        |run, args| {
            let transaction = run.context.transaction();
            let others = transaction.branch_count > u16::from(after_failure(run));
            super::yes_no(others && i64::from(transaction.reply_code) == args.int(0))
        },
    ),
    f(
        "t_check_status",
        &[Parameter::text("expression")],
        "the status of the reply matches",
        |run, args| {
            let Some(code) = status(run) else {
                return Ret::Int(-1);
            };
            let pattern = run.shard.pattern(args.text(0));
            super::yes_no(
                pattern.is_some_and(|pattern| pattern.is_match(code.to_string().as_bytes())),
            )
        },
    ),
    f(
        "t_get_status_code",
        &[],
        "the status of the reply; -1 for none",
        |run, _| Ret::Int(status(run).map_or(-1, i64::from)),
    ),
    f(
        "t_get_branch_index",
        &[],
        "the branch being processed",
        |run, _| Ret::Int(i64::from(run.context.transaction().branch_index)),
    ),
    f(
        "t_retransmit_reply",
        &[],
        "a reply was sent; the transaction repeats it by itself",
        |run, _| {
            let transaction = run.context.transaction();
            super::yes_no(transaction.exists && transaction.reply_code > 0)
        },
    ),
    f(
        "t_release",
        &[],
        "lets the transaction go; it ends by itself",
        |_, _| Ret::Int(1),
    ),
];

/// What a script sees of forwarding.
fn relay(run: &mut KemiRun) -> Ret {
    super::dialog_state::is_known(run);
    let forwarded = run.context.forward();
    if forwarded.is_err() {
        run.last_error = InternalError::UNSPECIFIED;
    }
    Ret::Int(match forwarded {
        Ok(()) => 1,
        Err(ForwardError::Refused | ForwardError::Full) => -1,
        Err(ForwardError::BadUri) => -400,
        Err(ForwardError::NoRoute) => -478,
    })
}

/// Forwards to the next hop that is set, over this transport.
fn relay_over(run: &mut KemiRun, proto: &[u8]) -> Ret {
    let destination = &run.context.draft().target.destination;
    let next = if destination.is_empty() {
        run.context.request_uri()
    } else {
        destination
    };
    let Some(next) = UriText::parse(next).filter(|next| !next.host.is_empty()) else {
        return Ret::Int(-400);
    };
    let port = next.port.and_then(crate::pv::number).unwrap_or(0);
    let host = next.host.to_vec();
    relay_to(run, proto, &host, port)
}

fn relay_to_proxy(run: &mut KemiRun, proxy: &[u8]) -> Ret {
    let mut parts = proxy.splitn(2, |octet| *octet == b':');
    let (Some(proto), Some(place)) = (parts.next(), parts.next()) else {
        return Ret::Int(-1);
    };
    let host_end = place.iter().rposition(|octet| *octet == b']');
    let colon = place
        .iter()
        .skip(host_end.unwrap_or(0))
        .position(|octet| *octet == b':')
        .map(|at| at + host_end.unwrap_or(0));
    let (host, port) = match colon {
        Some(at) => (
            place.get(..at).unwrap_or_default(),
            place
                .get(at + 1..)
                .and_then(crate::pv::number)
                .unwrap_or(-1),
        ),
        None => (place, 0),
    };
    relay_to(run, proto, host, port)
}

/// Forwards to a host; port 0 is the transport's own.
fn relay_to(run: &mut KemiRun, proto: &[u8], host: &[u8], port: i64) -> Ret {
    let (Some(transport), Ok(port)) = (Transport::from_token(proto), u16::try_from(port)) else {
        return Ret::Int(-1);
    };
    let mut uri = [b"sip:", host].concat();
    if port > 0 {
        uri.extend_from_slice(format!(":{port}").as_bytes());
    }
    uri.extend_from_slice(b";transport=");
    uri.extend_from_slice(transport.as_param().as_bytes());
    if Uri::parse(&uri).is_err() {
        return Ret::Int(-1);
    }
    run.context.draft_mut().set_destination(Some(&uri));
    relay(run)
}

fn reply(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let code = args.optional_int(0).map_or(PvValue::Null, PvValue::Int);
    let reason = args.optional_text(1).map_or(PvValue::Null, PvValue::octets);
    let defaults = &run.shard.door.reply_defaults;
    let Some(prepared) = prepare(Caller::Script, &code, &reason, defaults) else {
        return Ret::Int(-1);
    };
    let answer = Answer::new(How::Stateful, prepared.status, Some(&prepared.reason));
    super::yes_no(run.context.answer(&answer) == ReplyOutcome::Sent)
}

fn arm(run: &mut KemiRun, args: Args<'_>, which: fn(&mut Hooks) -> &mut Option<HookName>) -> Ret {
    let name = args.text(0);
    *which(&mut run.context.draft_mut().hooks) = (!name.is_empty()).then(|| HookName::from(name));
    Ret::Int(1)
}

fn is_armed(run: &KemiRun, route: &[u8]) -> bool {
    let armed = run.context.armed();
    let drafted = &run.context.draft().hooks;
    let is_set = |which: fn(&Hooks) -> &Option<HookName>| {
        which(drafted).is_some() || which(&armed).is_some()
    };
    match route {
        b"branch_route" => is_set(|hooks| &hooks.branch),
        b"onreply_route" => is_set(|hooks| &hooks.reply),
        b"failure_route" => is_set(|hooks| &hooks.failure),
        b"branch_failure_route" => is_set(|hooks| &hooks.branch_failure),
        _ => false,
    }
}

fn after_failure(run: &KemiRun) -> bool {
    matches!(run.place, RoutePlace::Failure | RoutePlace::BranchFailure)
}

/// The status of the reply that this run is about, or of the one chosen last.
fn status(run: &KemiRun) -> Option<u16> {
    match run.context.message().status() {
        Some(status) => Some(status.get()),
        None => Some(run.context.transaction().reply_code).filter(|code| *code > 0),
    }
}

/// Observed on 5.6.3: the reply that is being looked at does not count.
fn any_replied(run: &KemiRun) -> bool {
    let transaction = run.context.transaction();
    let others = transaction.branch_count > u16::from(after_failure(run));
    transaction.exists && others && transaction.reply_code > 0 && !timed_out(run)
}

/// 408 without a final reply that said so.
fn timed_out(run: &KemiRun) -> bool {
    let transaction = run.context.transaction();
    let kept = run.context.stored(StoredMessage::Reply);
    let said = kept
        .and_then(Message::status)
        .is_some_and(|status| status.get() == 408);
    transaction.exists && transaction.branch_count > 0 && transaction.reply_code == 408 && !said
}

#[cfg(test)]
mod tests;
