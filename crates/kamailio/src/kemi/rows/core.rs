//! Functions that stand in `KSR` itself, and `KSR.x`.

use core::net::IpAddr;

use strowger_lua::{Args, ExitMarker, Parameter, Ret, Returns, Row};
use strowger_sip::{Method, Uri};

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::UriText;

/// The text by which a script that catches it sees the end of its run.
pub(crate) const EXIT: ExitMarker = ExitMarker("~~ksr~exit~~");

const TEXT: &[Parameter] = &[Parameter::text("text")];
const FLAG: &[Parameter] = &[Parameter::int("flag")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("", name, parameters, returns, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "dbg",
        TEXT,
        Returns::None,
        "a log line for debugging",
        |run, args| log(run, LogLevel::Debug, args.text(0)),
    ),
    f(
        "info",
        TEXT,
        Returns::None,
        "a log line for information",
        |run, args| log(run, LogLevel::Info, args.text(0)),
    ),
    f(
        "notice",
        TEXT,
        Returns::None,
        "a log line of something that should be seen",
        |run, args| log(run, LogLevel::Notice, args.text(0)),
    ),
    f(
        "warn",
        TEXT,
        Returns::None,
        "a log line of a warning",
        |run, args| log(run, LogLevel::Warning, args.text(0)),
    ),
    f(
        "err",
        TEXT,
        Returns::None,
        "a log line of an error",
        |run, args| log(run, LogLevel::Error, args.text(0)),
    ),
    f(
        "crit",
        TEXT,
        Returns::None,
        "a log line of something badly wrong",
        |run, args| log(run, LogLevel::Critical, args.text(0)),
    ),
    f(
        "log",
        &[Parameter::text("level"), Parameter::text("text")],
        Returns::None,
        "a log line of the level given",
        |run, args| log(run, LogLevel::named(args.text(0)), args.text(1)),
    ),
    f(
        "is_INVITE",
        &[],
        Returns::Bool,
        "the method is INVITE; in a reply that of CSeq",
        |run, _| is(run, Method::Invite),
    ),
    f(
        "is_ACK",
        &[],
        Returns::Bool,
        "the method is ACK",
        |run, _| is(run, Method::Ack),
    ),
    f(
        "is_BYE",
        &[],
        Returns::Bool,
        "the method is BYE",
        |run, _| is(run, Method::Bye),
    ),
    f(
        "is_CANCEL",
        &[],
        Returns::Bool,
        "the method is CANCEL",
        |run, _| is(run, Method::Cancel),
    ),
    f(
        "is_REGISTER",
        &[],
        Returns::Bool,
        "the method is REGISTER",
        |run, _| is(run, Method::Register),
    ),
    f(
        "is_OPTIONS",
        &[],
        Returns::Bool,
        "the method is OPTIONS",
        |run, _| is(run, Method::Options),
    ),
    f(
        "is_NOTIFY",
        &[],
        Returns::Bool,
        "the method is NOTIFY",
        |run, _| is(run, Method::Notify),
    ),
    f(
        "is_SUBSCRIBE",
        &[],
        Returns::Bool,
        "the method is SUBSCRIBE",
        |run, _| is(run, Method::Subscribe),
    ),
    f(
        "is_PUBLISH",
        &[],
        Returns::Bool,
        "the method is PUBLISH",
        |run, _| is(run, Method::Publish),
    ),
    f(
        "is_MESSAGE",
        &[],
        Returns::Bool,
        "the method is MESSAGE",
        |run, _| is(run, Method::Message),
    ),
    f(
        "is_INFO",
        &[],
        Returns::Bool,
        "the method is INFO",
        |run, _| is(run, Method::Info),
    ),
    f(
        "is_PRACK",
        &[],
        Returns::Bool,
        "the method is PRACK",
        |run, _| is(run, Method::Prack),
    ),
    f(
        "is_UPDATE",
        &[],
        Returns::Bool,
        "the method is UPDATE",
        |run, _| is(run, Method::Update),
    ),
    f(
        "is_REFER",
        &[],
        Returns::Bool,
        "the method is REFER",
        |run, _| is(run, Method::Refer),
    ),
    f(
        "is_method",
        TEXT,
        Returns::Bool,
        "the method is the one given",
        |run, args| Ret::Bool(run.context.message().method().as_bytes() == args.text(0)),
    ),
    f(
        "is_method_in",
        &[Parameter::text("letters")],
        Returns::Bool,
        "the method's letter is among those given",
        |run, args| {
            Ret::Bool(
                letter(run.context.message().method())
                    .is_some_and(|letter| args.text(0).contains(&letter)),
            )
        },
    ),
    f(
        "is_myself_ruri",
        &[],
        Returns::Bool,
        "the Request-URI names this server",
        |run, _| Ret::Bool(run.is_request() && is_myself(run, run.context.request_uri())),
    ),
    f(
        "is_myself_furi",
        &[],
        Returns::Bool,
        "the URI of From names this server",
        |run, _| Ret::Bool(is_myself(run, run.context.message().from().uri)),
    ),
    f(
        "is_myself_turi",
        &[],
        Returns::Bool,
        "the URI of To names this server",
        |run, _| Ret::Bool(is_myself(run, run.context.message().to().uri)),
    ),
    f(
        "is_myself_duri",
        &[],
        Returns::Bool,
        "the destination URI names this server",
        |run, _| Ret::Bool(is_myself(run, &run.context.draft().target.destination)),
    ),
    f(
        "is_myself_suri",
        &[],
        Returns::Bool,
        "the source address and port are this server's",
        |run, _| {
            let remote = run.context.source().remote;
            Ret::Bool(run.context.is_own_address(remote.ip(), Some(remote.port())))
        },
    ),
    f(
        "is_myself_srcip",
        &[],
        Returns::Bool,
        "the source address is one of this server's",
        |run, _| {
            Ret::Bool(
                run.context
                    .is_own_address(run.context.source().remote.ip(), None),
            )
        },
    ),
    f(
        "is_myself",
        &[Parameter::text("uri")],
        Returns::Bool,
        "the URI names this server",
        |run, args| Ret::Bool(is_myself(run, args.text(0))),
    ),
    f(
        "is_proto",
        TEXT,
        Returns::Bool,
        "the transport is among those given: t, u, s or names",
        |run, args| {
            let name = run.context.source().transport.as_param();
            Ret::Bool(
                args.text(0)
                    .split(|octet| matches!(octet, b'|' | b',' | b' '))
                    .any(|one| one.eq_ignore_ascii_case(name.as_bytes())),
            )
        },
    ),
    f(
        "is_UDP",
        &[],
        Returns::Bool,
        "it came over UDP",
        |run, _| over(run, "udp"),
    ),
    f(
        "is_TCP",
        &[],
        Returns::Bool,
        "it came over TCP",
        |run, _| over(run, "tcp"),
    ),
    f(
        "is_TLS",
        &[],
        Returns::Bool,
        "it came over TLS",
        |run, _| over(run, "tls"),
    ),
    f(
        "is_WS",
        &[],
        Returns::Bool,
        "it came over WebSocket",
        |run, _| over(run, "ws"),
    ),
    f(
        "is_WSS",
        &[],
        Returns::Bool,
        "it came over secure WebSocket",
        |run, _| over(run, "wss"),
    ),
    f(
        "is_IPv4",
        &[],
        Returns::Bool,
        "it came over IPv4",
        |run, _| Ret::Bool(run.context.source().remote.ip().to_canonical().is_ipv4()),
    ),
    f(
        "is_IPv6",
        &[],
        Returns::Bool,
        "it came over IPv6",
        |run, _| Ret::Bool(run.context.source().remote.ip().to_canonical().is_ipv6()),
    ),
    f(
        "setflag",
        FLAG,
        Returns::Bool,
        "sets a flag of the message and its transaction",
        |run, args| flag(args.int(0), |bit| run.context.draft_mut().flags |= bit),
    ),
    f(
        "resetflag",
        FLAG,
        Returns::Bool,
        "takes a flag of the message away",
        |run, args| flag(args.int(0), |bit| run.context.draft_mut().flags &= !bit),
    ),
    f(
        "isflagset",
        FLAG,
        Returns::Bool,
        "a flag of the message is set",
        |run, args| is_set(args.int(0), run.context.draft().flags),
    ),
    f(
        "setbflag",
        FLAG,
        Returns::Bool,
        "sets a flag of the branch",
        |run, args| {
            flag(args.int(0), |bit| {
                run.context.draft_mut().target.flags |= bit
            })
        },
    ),
    f(
        "resetbflag",
        FLAG,
        Returns::Bool,
        "takes a flag of the branch away",
        |run, args| {
            flag(args.int(0), |bit| {
                run.context.draft_mut().target.flags &= !bit
            })
        },
    ),
    f(
        "isbflagset",
        FLAG,
        Returns::Bool,
        "a flag of the branch is set",
        |run, args| is_set(args.int(0), run.context.draft().target.flags),
    ),
    f(
        "setsflag",
        FLAG,
        Returns::Bool,
        "sets a flag of the run",
        |run, args| {
            flag(args.int(0), |bit| {
                run.context.draft_mut().script_flags |= bit
            })
        },
    ),
    f(
        "resetsflag",
        FLAG,
        Returns::Bool,
        "takes a flag of the run away",
        |run, args| {
            flag(args.int(0), |bit| {
                run.context.draft_mut().script_flags &= !bit
            })
        },
    ),
    f(
        "issflagset",
        FLAG,
        Returns::Bool,
        "a flag of the run is set",
        |run, args| is_set(args.int(0), run.context.draft().script_flags),
    ),
    f(
        "seturi",
        &[Parameter::text("uri")],
        Returns::Bool,
        "another Request-URI",
        |run, args| {
            let uri = args.text(0);
            let fits = run.is_request() && UriText::parse(uri).is_some();
            if fits {
                run.context.draft_mut().set_request_uri(uri);
            }
            Ret::Bool(fits)
        },
    ),
    f(
        "setdsturi",
        &[Parameter::text("uri")],
        Returns::Bool,
        "where the request goes, whatever its Request-URI",
        |run, args| {
            let uri = args.text(0);
            let fits = Uri::parse(uri).is_ok();
            if fits {
                run.context.draft_mut().set_destination(Some(uri));
            }
            Ret::Bool(fits)
        },
    ),
    f(
        "resetdsturi",
        &[],
        Returns::Bool,
        "takes the destination URI away",
        |run, _| {
            run.context.draft_mut().set_destination(None);
            Ret::Bool(true)
        },
    ),
    f(
        "isdsturiset",
        &[],
        Returns::Bool,
        "a destination URI is set",
        |run, _| Ret::Bool(!run.context.draft().target.destination.is_empty()),
    ),
    f(
        "force_rport",
        &[],
        Returns::Bool,
        "replies go to the source port, asked for or not",
        |run, _| {
            run.context.draft_mut().force_rport = true;
            Ret::Bool(true)
        },
    ),
    f(
        "add_local_rport",
        &[],
        Returns::Bool,
        "our Via asks for rport; it always does",
        |_, _| Ret::Bool(true),
    ),
    f(
        "set_reply_no_connect",
        &[],
        Returns::Bool,
        "no connection is opened for a reply",
        |run, _| {
            run.context.draft_mut().reply_no_connect = true;
            Ret::Bool(true)
        },
    ),
    f(
        "set_drop",
        &[],
        Returns::None,
        "the message is not forwarded",
        |run, _| {
            run.context.draft_mut().dropped = true;
            Ret::None
        },
    ),
    f(
        "route",
        &[Parameter::text("name")],
        Returns::Int,
        "runs a route block of the configuration: there are none here",
        |run, args| {
            let text = [
                b"route block ",
                args.text(0),
                b": route blocks are not read here",
            ]
            .concat();
            run.log(LogLevel::Error, &text);
            Ret::Int(-1)
        },
    ),
    f(
        "forward",
        &[],
        Returns::Int,
        "forwards the request without a transaction",
        |run, _| super::yes_no(run.context.forward_stateless().is_ok()),
    ),
];

pub(super) static EXITS: &[Row<KemiRun>] = &[
    Row::new("x", "exit", &[], Returns::None, "ends the run", |_, _| {
        Ret::None
    })
    .exiting(EXIT),
    Row::new(
        "x",
        "drop",
        &[],
        Returns::None,
        "ends the run; the reply or branch is not forwarded",
        |run: &mut KemiRun, _| {
            run.context.draft_mut().dropped = true;
            Ret::None
        },
    )
    .exiting(EXIT),
];

fn log(run: &mut KemiRun, level: LogLevel, text: &[u8]) -> Ret {
    run.log(level, text);
    Ret::None
}

fn is(run: &KemiRun, method: Method<'_>) -> Ret {
    Ret::Bool(run.context.message().method() == method)
}

fn over(run: &KemiRun, transport: &str) -> Ret {
    Ret::Bool(run.context.source().transport.as_param() == transport)
}

/// The letter by which `is_method_in` knows a method.
fn letter(method: Method<'_>) -> Option<u8> {
    Some(match method {
        Method::Invite => b'I',
        Method::Ack => b'A',
        Method::Bye => b'B',
        Method::Cancel => b'C',
        Method::Register => b'R',
        Method::Message => b'M',
        Method::Options => b'O',
        Method::Subscribe => b'S',
        Method::Publish => b'P',
        Method::Notify => b'N',
        Method::Update => b'U',
        Method::Refer => b'F',
        Method::Prack => b'K',
        Method::Info => b'F',
        Method::Extension(b"KDMQ") => b'D',
        Method::Extension(_) => return None,
    })
}

/// True if host and port of a URI are those of a listener or of an alias.
fn is_myself(run: &KemiRun, uri: &[u8]) -> bool {
    match Uri::parse(uri) {
        Ok(uri) if uri.is_sip() => run.context.is_ours(&uri),
        Ok(_) => false,
        // A bare address, as `is_myself("127.0.0.1")` gives it.
        Err(_) => {
            let text = core::str::from_utf8(uri).unwrap_or_default();
            text.parse::<IpAddr>()
                .is_ok_and(|ip| run.context.is_own_address(ip, None))
        }
    }
}

fn flag(number: i64, change: impl FnOnce(u32)) -> Ret {
    match u32::try_from(number)
        .ok()
        .and_then(|number| 1u32.checked_shl(number))
    {
        Some(bit) => {
            change(bit);
            Ret::Bool(true)
        }
        None => Ret::Bool(false),
    }
}

fn is_set(number: i64, flags: u32) -> Ret {
    let bit = u32::try_from(number)
        .ok()
        .and_then(|number| 1u32.checked_shl(number));
    Ret::Bool(bit.is_some_and(|bit| flags & bit != 0))
}
