//! `cfgutils`: chance, waiting, route blocks; `xlog`: log lines with pseudo-variables; `siptrace`: mirrored messages.

use core::time::Duration;

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row, Value, Wait};
use strowger_routing::Errand;

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

/// The longest that a script may sleep at a time (1 min).
pub const SLEEP_SECONDS_MAX: u64 = 60;

const NAME: &[Parameter] = &[Parameter::text("name")];
const TEXT: &[Parameter] = &[Parameter::text("text")];
const NUMBER: &[Parameter] = &[Parameter::int("number")];
const URI: &[Parameter] = &[Parameter::text("uri")];

const fn f(
    module: &'static str,
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new(module, name, parameters, Returns::Int, doc, call)
}

pub(super) static CFGUTILS: &[Row<KemiRun>] = &[
    f(
        "cfgutils",
        "check_route_exists",
        NAME,
        "there is a route block of that name: there are none here",
        |_, _| Ret::Int(-1),
    ),
    f(
        "cfgutils",
        "route_if_exists",
        NAME,
        "runs a route block if it is there: there are none here",
        |_, _| Ret::Int(-1),
    ),
    f(
        "cfgutils",
        "rand_set_prob",
        NUMBER,
        "the chance of rand_event in percent, 0 to 100",
        |run, args| match u8::try_from(args.int(0)) {
            Ok(percent) if percent <= 100 => {
                run.shard.chance_percent = Some(percent);
                Ret::Int(1)
            }
            _ => Ret::Int(-1),
        },
    ),
    f(
        "cfgutils",
        "rand_reset_prob",
        &[],
        "the chance of rand_event as the parameter `initial_probability` says",
        |run, _| {
            run.shard.chance_percent = None;
            Ret::Int(1)
        },
    ),
    f(
        "cfgutils",
        "rand_get_prob",
        &[],
        "the chance of rand_event in percent",
        |run, _| Ret::Int(chance(run)),
    ),
    f(
        "cfgutils",
        "rand_event",
        &[],
        "happens with the chance that was set",
        |run, _| {
            let chance = u64::try_from(chance(run)).unwrap_or(0);
            super::yes_no(run.context.random() % 100 < chance)
        },
    ),
    f(
        "cfgutils",
        "sleep",
        &[Parameter::int("seconds")],
        "waits",
        |run, args| sleep(run, args, 1_000_000),
    )
    .waiting(),
    f(
        "cfgutils",
        "usleep",
        &[Parameter::int("microseconds")],
        "waits",
        |run, args| sleep(run, args, 1),
    )
    .waiting(),
];

/// The chance that was set, or the parameter's.
fn chance(run: &KemiRun) -> i64 {
    let initial = || run.shard.door.int("cfgutils", "initial_probability");
    match run.shard.chance_percent {
        Some(percent) => i64::from(percent),
        None => initial().unwrap_or(10),
    }
}

fn sleep(run: &mut KemiRun, args: Args<'_>, microseconds_each: u64) -> Ret {
    let Ok(count) = u64::try_from(args.int(0)) else {
        return Ret::Int(-1);
    };
    let longest = Duration::from_secs(SLEEP_SECONDS_MAX);
    let wanted = Duration::from_micros(count.saturating_mul(microseconds_each)).min(longest);
    if wanted.is_zero() {
        return Ret::Int(1);
    }
    run.context.begin_errand(Errand::Sleep(wanted));
    run.resumption = Some(|_, _| vec![Value::Int(1)]);
    Ret::Wait(Wait {
        deadline: run.context.now().monotonic + wanted,
        at_deadline: vec![Value::Int(1)],
    })
}

/// A row of a level.
macro_rules! level {
    ($name:literal, $level:ident, $doc:literal) => {
        f("xlog", $name, TEXT, $doc, |run, args| {
            log(run, LogLevel::$level, args.text(0))
        })
    };
}

pub(super) static XLOG: &[Row<KemiRun>] = &[
    level!(
        "xdbg",
        Debug,
        "a log line for debugging, with pseudo-variables"
    ),
    level!(
        "xinfo",
        Info,
        "a log line for information, with pseudo-variables"
    ),
    level!(
        "xnotice",
        Notice,
        "a log line of something that should be seen, with pseudo-variables"
    ),
    level!(
        "xwarn",
        Warning,
        "a log line of a warning, with pseudo-variables"
    ),
    level!(
        "xerr",
        Error,
        "a log line of an error, with pseudo-variables"
    ),
    level!(
        "xcrit",
        Critical,
        "a log line of something badly wrong, with pseudo-variables"
    ),
    level!(
        "xalert",
        Alert,
        "a log line of what must be done at once, with pseudo-variables"
    ),
    f(
        "xlog",
        "xlog",
        &[Parameter::text("level"), Parameter::text("text")],
        "a log line of the level given, with pseudo-variables",
        |run, args| {
            let name = args.text(0);
            let name = name
                .strip_prefix(b"L_")
                .unwrap_or(name)
                .to_ascii_lowercase();
            log(run, LogLevel::named(&name), args.text(1))
        },
    ),
];

/// Writes a line: 1; -1 if its pseudo-variables cannot be read.
fn log(run: &mut KemiRun, level: LogLevel, text: &[u8]) -> Ret {
    if !run.shard.door.log.wants(level) {
        return Ret::Int(1);
    }
    let Some(format) = run.shard.format(text) else {
        return Ret::Int(-1);
    };
    let mut line = format.text(run).into_owned();
    while line
        .last()
        .is_some_and(|octet| matches!(octet, b'\r' | b'\n'))
    {
        line.pop();
    }
    run.log(level, &line);
    Ret::Int(1)
}

const fn trace(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    f("siptrace", name, parameters, doc, |run, _| {
        super::without_engine(run, "siptrace", "there is no capture server")
    })
    .of_class(Class::WithoutEngine)
}

pub(super) static SIPTRACE: &[Row<KemiRun>] = &[
    trace("sip_trace", &[], "mirrors the message"),
    trace(
        "sip_trace_mode",
        &[Parameter::text("mode")],
        "mirrors messages of the transaction or dialog",
    ),
    trace("sip_trace_dst", URI, "mirrors the message to an address"),
    trace(
        "sip_trace_dst_cid",
        &[Parameter::text("uri"), Parameter::text("correlation")],
        "mirrors the message to an address, with a name of what it belongs to",
    ),
    trace(
        "sip_trace_dst_cid_type",
        &[
            Parameter::text("uri"),
            Parameter::text("correlation"),
            Parameter::text("type"),
        ],
        "mirrors messages to an address, with a name of what they belong to",
    ),
    trace("hlog", TEXT, "writes a text to the capture server"),
    trace(
        "hlog_cid",
        &[Parameter::text("correlation"), Parameter::text("text")],
        "writes a text to the capture server, with a name of what it belongs to",
    ),
];
