//! `async`: runs that wait for time to pass. No worker waits with them.

use core::time::Duration;

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row, Value, Wait};
use strowger_routing::{Errand, ErrandAnswer};

use crate::kemi::door::LogLevel;
use crate::kemi::run::{KemiRun, Resumption};

/// Seconds that a run sleeps at most (100).
pub const SLEEP_SECONDS_MAX: u64 = 100;

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("async", name, parameters, Returns::Int, doc, call)
}

const fn engineless(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    let call: fn(&mut KemiRun, Args<'_>) -> Ret =
        |run, _| super::without_engine(run, "async", "there are no task workers");
    f(name, parameters, doc, call).of_class(Class::WithoutEngine)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sleep",
        &[Parameter::int("seconds")],
        "waits so many seconds",
        |run, args| sleep(run, args.int(0), 1_000),
    )
    .waiting(),
    f(
        "ms_sleep",
        &[Parameter::int("milliseconds")],
        "waits so many milliseconds",
        |run, args| sleep(run, args.int(0), 1),
    )
    .waiting(),
    f(
        "route",
        &[Parameter::text("function"), Parameter::int("seconds")],
        "suspends the request and lets it go on in a function after so many seconds; what follows the call waits too",
        |run, args| route(run, args, 1_000),
    )
    .waiting(),
    f(
        "ms_route",
        &[Parameter::text("function"), Parameter::int("milliseconds")],
        "the same in milliseconds",
        |run, args| route(run, args, 1),
    )
    .waiting(),
    Row::new(
        "async",
        "get_gname",
        &[],
        Returns::Value,
        "the group of the task: none, an empty string",
        |_, _| Ret::Known(b""),
    ),
    Row::new(
        "async",
        "get_data",
        &[],
        Returns::Value,
        "the data of the task: none, an empty string",
        |_, _| Ret::Known(b""),
    ),
    engineless(
        "task_route",
        &[Parameter::text("function")],
        "runs a function in a task worker",
    ),
    engineless(
        "task_group_route",
        &[Parameter::text("function"), Parameter::text("group")],
        "runs a function in a task worker of a group",
    ),
    engineless(
        "task_data",
        &[Parameter::text("function"), Parameter::text("data")],
        "runs a function in a task worker",
    ),
    engineless(
        "task_group_data",
        &[
            Parameter::text("function"),
            Parameter::text("data"),
            Parameter::text("group"),
        ],
        "runs a function in a task worker of a group",
    ),
];

/// So many units of so many milliseconds, if that is a time that a run may wait.
fn time(run: &KemiRun, number: i64, unit: u64) -> Option<Duration> {
    let time = u64::try_from(number)
        .ok()
        .map(|number| number.saturating_mul(unit))
        .filter(|milliseconds| *milliseconds <= SLEEP_SECONDS_MAX * 1_000)
        .map(Duration::from_millis);
    if time.is_none() {
        run.log(LogLevel::Error, b"async: that is no time to wait");
    }
    time
}

fn sleep(run: &mut KemiRun, number: i64, unit: u64) -> Ret {
    match time(run, number, unit) {
        Some(time) => begin(run, time, woken),
        None => Ret::Int(-1),
    }
}

/// Lets the run wait: the errand or the deadline ends it, whoever keeps the time.
fn begin(run: &mut KemiRun, time: Duration, then: Resumption) -> Ret {
    run.context.begin_errand(Errand::Sleep(time));
    run.resumption = Some(then);
    Ret::Wait(Wait {
        deadline: run.context.now().monotonic + time,
        at_deadline: vec![Value::Int(1)],
    })
}

/// The time is over, by the errand or by the deadline.
fn woken(_: &mut KemiRun, _: Option<ErrandAnswer>) -> Vec<Value> {
    vec![Value::Int(1)]
}

fn route(run: &mut KemiRun, args: Args<'_>, unit: u64) -> Ret {
    let name = args.text(0);
    let Some(time) = time(run, args.int(1), unit).filter(|_| !name.is_empty()) else {
        return Ret::Int(-1);
    };
    let Some((index, label)) = run.context.suspend() else {
        run.log(LogLevel::Error, b"async: the request cannot be suspended");
        return Ret::Int(-1);
    };
    run.kept().continuation = Some((index, label, name.into()));
    begin(run, time, go_on)
}

fn go_on(run: &mut KemiRun, _: Option<ErrandAnswer>) -> Vec<Value> {
    let gone_on = match run.kept().continuation.take() {
        Some((index, label, name)) => run.context.continue_suspended(index, label, name),
        None => false,
    };
    vec![Value::Int(if gone_on { 1 } else { -1 })]
}

#[cfg(test)]
mod tests;
