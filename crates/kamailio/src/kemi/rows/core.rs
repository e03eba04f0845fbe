//! Functions that stand in `KSR` itself, and `KSR.x`.

use strowger_lua::{Args, ExitMarker, Parameter, Ret, Returns, Row};
use strowger_sip::Uri;

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{PvSink, UriText};

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

/// Rows that write a line. Observed on 5.6.3: they answer false.
macro_rules! lines {
    ($($name:literal $level:ident $doc:literal,)*) => {
        &[$(
            f($name, TEXT, Returns::None, $doc, |run, args| {
                log(run, LogLevel::$level, args.text(0))
            }),
        )*]
    };
}

pub(super) static LINES: &[Row<KemiRun>] = lines![
    "dbg" Debug "a log line for debugging",
    "info" Info "a log line for information",
    "notice" Notice "a log line of something that should be seen",
    "warn" Warning "a log line of a warning",
    "err" Error "a log line of an error",
    "crit" Critical "a log line of something badly wrong",
];

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "log",
        &[Parameter::text("level"), Parameter::text("text")],
        Returns::None,
        "a log line of the level given",
        |run, args| log(run, LogLevel::named(args.text(0)), args.text(1)),
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
            Ret::Bool(UriText::parse(uri).is_some() && PvSink::set_request_uri(run, uri))
        },
    ),
    f(
        "setdsturi",
        &[Parameter::text("uri")],
        Returns::Bool,
        "where the request goes, whatever its Request-URI; an empty text takes it away",
        |run, args| {
            let uri = Some(args.text(0)).filter(|uri| !uri.is_empty());
            let fits = uri.is_none_or(|uri| Uri::parse(uri).is_ok());
            if fits {
                run.context.draft_mut().set_destination(uri);
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
            Ret::Bool(false)
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
    Ret::Bool(false)
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
