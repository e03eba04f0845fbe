//! `corex`: branches, further flags, sockets; `maxfwd`: Max-Forwards.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::DraftTarget;
use strowger_sip::{HeaderName, parse_q};

use super::yes_no;
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{PvSink, UriText};

/// The value of Max-Forwards above which it is lowered, if `max_limit` says nothing else.
const MAX_FORWARDS_LIMIT: i64 = 256;
/// `max_limit` where nothing is said. Observed on 5.6.3.
const MAX_LIMIT: u32 = 70;

const FLAG: &[Parameter] = &[Parameter::int("flag")];
const SOCKET: &[Parameter] = &[Parameter::text("socket")];
const NUMBER: &[Parameter] = &[Parameter::int("number")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("corex", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "has_ruri_user",
        &[],
        "the Request-URI has a user",
        |run, _| {
            let uri = UriText::parse(run.context.request_uri());
            let user = uri.and_then(|uri| uri.user).unwrap_or_default();
            yes_no(run.is_request() && !user.is_empty())
        },
    ),
    f("has_user_agent", &[], "there is a User-Agent", |run, _| {
        let header = run.context.message().header(HeaderName::UserAgent);
        yes_no(header.is_some_and(|header| !header.value.is_empty()))
    }),
    f(
        "append_branch",
        &[],
        "adds the Request-URI as a further target",
        |run, _| yes_no(append_branch(run, b"", None)),
    ),
    f(
        "append_branch_uri",
        &[Parameter::text("uri")],
        "adds a further target; the Request-URI if the text is empty",
        |run, args| yes_no(append_branch(run, args.text(0), None)),
    ),
    f(
        "append_branch_uri_q",
        &[Parameter::text("uri"), Parameter::text("q")],
        "adds a further target with a preference",
        |run, args| match args.text(1) {
            b"" => yes_no(append_branch(run, args.text(0), None)),
            q => match parse_q(q) {
                Some(q) => yes_no(append_branch(run, args.text(0), Some(q))),
                None => Ret::Int(-1),
            },
        },
    ),
    f(
        "setxflag",
        FLAG,
        "sets a further flag of the message, 0 to 63",
        |run, args| flag(args, |bit| run.kept().xflags |= bit),
    ),
    f(
        "resetxflag",
        FLAG,
        "takes a further flag of the message away",
        |run, args| flag(args, |bit| run.kept().xflags &= !bit),
    ),
    f(
        "isxflagset",
        FLAG,
        "a further flag of the message is set",
        |run, args| {
            let flags = run.kept().xflags;
            yes_no(bit(args).is_some_and(|bit| flags & bit != 0))
        },
    ),
    f(
        "set_send_socket",
        SOCKET,
        "the listener that the request leaves from, `udp:127.0.0.1:5060`",
        |run, args| yes_no(run.set_send_socket(args.text(0), false)),
    ),
    f(
        "is_socket_name",
        SOCKET,
        "a socket has this name; sockets have no names here",
        |_, _| Ret::Int(-1),
    ),
    f(
        "is_faked_msg",
        &[],
        "the message was made here and not received; none is",
        |_, _| Ret::Int(-1),
    ),
    Row::new(
        "maxfwd",
        "process_maxfwd",
        NUMBER,
        Returns::Int,
        "counts Max-Forwards down: 1, or adds it: 2; -1 if it is 0, -2 if it cannot be read",
        process_maxfwd,
    ),
    Row::new(
        "maxfwd",
        "is_maxfwd_lt",
        NUMBER,
        Returns::Int,
        "Max-Forwards is less; -2 without it, -3 if it cannot be read",
        |run: &mut KemiRun, args| {
            let limit = args.int(0);
            if !(0..MAX_FORWARDS_LIMIT).contains(&limit) {
                return Ret::Int(-1);
            }
            match run.context.message().max_forwards() {
                Ok(Some(value)) => yes_no(i64::from(value) < limit),
                Ok(None) => Ret::Int(-2),
                Err(_) => Ret::Int(-3),
            }
        },
    ),
];

fn bit(args: Args<'_>) -> Option<u64> {
    let number = u32::try_from(args.int(0)).ok()?;
    1u64.checked_shl(number)
}

fn flag(args: Args<'_>, change: impl FnOnce(u64)) -> Ret {
    match bit(args) {
        Some(bit) => {
            change(bit);
            Ret::Int(1)
        }
        None => Ret::Int(-1),
    }
}

/// Adds a further target. The Request-URI goes with its destination and flags, another one without.
fn append_branch(run: &mut KemiRun, uri: &[u8], q: Option<u16>) -> bool {
    if !run.is_request() {
        return false;
    }
    let branch = if uri.is_empty() {
        DraftTarget {
            uri: run.context.request_uri().into(),
            q,
            ..run.context.draft().target.clone()
        }
    } else if UriText::parse(uri).is_some() {
        DraftTarget {
            uri: uri.into(),
            q,
            flags: run.context.draft().target.flags,
            ..DraftTarget::default()
        }
    } else {
        run.log(
            LogLevel::Error,
            &[b"not a URI for a branch: ", uri].concat(),
        );
        return false;
    };
    run.context.draft_mut().add_branch(branch)
}

/// Counts Max-Forwards down once, however often it is called.
fn process_maxfwd(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let least = args.int(0);
    let limit = run.shard.door.int("maxfwd", "max_limit");
    let limit = limit.map_or(MAX_LIMIT, |limit| u32::try_from(limit).unwrap_or(MAX_LIMIT));
    let added = u32::try_from(least).ok();
    let Some(added) = added.filter(|_| (0..MAX_FORWARDS_LIMIT).contains(&least)) else {
        run.log(LogLevel::Error, b"Max-Forwards to add is not 0 to 255");
        return Ret::Int(-1);
    };
    if !run.is_request() {
        return Ret::Int(-1);
    }
    let (number, answer) = match run.context.message().max_forwards() {
        Err(_) => return Ret::Int(-2),
        Ok(Some(0)) => return Ret::Int(-1),
        Ok(Some(value)) if value > limit => (limit, 1),
        Ok(Some(value)) => (value - 1, 1),
        Ok(None) => (added, 2),
    };
    if run.context.draft().max_forwards_done {
        return Ret::Int(answer);
    }
    let done = run.change(8, &mut |message, edits| {
        edits.set_number(message, HeaderName::MaxForwards, number);
    });
    if !done {
        return Ret::Int(-1);
    }
    run.context.draft_mut().max_forwards_done = true;
    Ret::Int(answer)
}
