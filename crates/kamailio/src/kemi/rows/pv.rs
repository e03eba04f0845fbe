//! `pv`: pseudo-variables by their text.

use strowger_lua::{Args, Parameter, Ret, Returns, Row, Value};

use super::{IfNull, got};
use crate::kemi::run::KemiRun;
use crate::pv::{PvValue, WriteOutcome};

const NAME: &[Parameter] = &[Parameter::text("pv")];
const TEXT_DEFAULT: &[Parameter] = &[Parameter::text("pv"), Parameter::text("default")];
const NUMBER_DEFAULT: &[Parameter] = &[Parameter::text("pv"), Parameter::int("default")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("pv", name, parameters, returns, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "get",
        NAME,
        Returns::Value,
        "the value of a pseudo-variable; nil for null",
        |run, args| get(run, args, IfNull::Nil),
    ),
    f(
        "gete",
        NAME,
        Returns::Value,
        "the value; an empty string for null",
        |run, args| get(run, args, IfNull::Empty),
    ),
    f(
        "getw",
        NAME,
        Returns::Value,
        "the value; `<null>` for null",
        |run, args| get(run, args, IfNull::Marked),
    ),
    f(
        "geti",
        NAME,
        Returns::Int,
        "the value as a number; 0 for what is none",
        |run, args| Ret::Int(integer(&value(run, args.text(0))).unwrap_or(0)),
    ),
    f(
        "getvs",
        TEXT_DEFAULT,
        Returns::Value,
        "the value; the text given for null",
        |run, args| match value(run, args.text(0)) {
            PvValue::Null => Ret::text(args.text(1)),
            value => got(value, IfNull::Nil),
        },
    ),
    f(
        "getvn",
        NUMBER_DEFAULT,
        Returns::Value,
        "the value; the number given for null",
        |run, args| match value(run, args.text(0)) {
            PvValue::Null => Ret::Value(Value::Int(args.int(1))),
            value => got(value, IfNull::Nil),
        },
    ),
    f(
        "seti",
        &[Parameter::text("pv"), Parameter::int("value")],
        Returns::Bool,
        "sets a pseudo-variable to a number; true, and nothing done, if it cannot be set",
        |run, args| set(run, args.text(0), PvValue::Int(args.int(1))),
    ),
    f(
        "sets",
        &[Parameter::text("pv"), Parameter::text("value")],
        Returns::Bool,
        "sets a pseudo-variable to a string; true, and nothing done, if it cannot be set",
        |run, args| set(run, args.text(0), PvValue::octets(args.text(1))),
    ),
    f(
        "unset",
        NAME,
        Returns::Bool,
        "takes the value of a pseudo-variable away",
        |run, args| set(run, args.text(0), PvValue::Null),
    ),
    f(
        "is_null",
        NAME,
        Returns::Bool,
        "the value is null, or the text is no pseudo-variable",
        |run, args| Ret::Bool(value(run, args.text(0)).is_null()),
    ),
];

/// The value; null for what is no pseudo-variable.
fn value(run: &mut KemiRun, text: &[u8]) -> PvValue<'static> {
    run.value(text).unwrap_or_default()
}

fn get(run: &mut KemiRun, args: Args<'_>, if_null: IfNull) -> Ret {
    run.got(args.text(0), if_null)
}

/// A number, or the digits of one.
pub(super) fn integer(value: &PvValue<'_>) -> Option<i64> {
    match value {
        PvValue::Int(number) => Some(*number),
        PvValue::Str(text) => core::str::from_utf8(text).ok()?.trim().parse().ok(),
        PvValue::Null => None,
    }
}

/// Sets a pseudo-variable: false if the text is none, or the value does not fit.
fn set(run: &mut KemiRun, text: &[u8], value: PvValue<'_>) -> Ret {
    Ret::Bool(written(run, text, value).is_some_and(|outcome| outcome != WriteOutcome::Refused))
}

/// Sets a pseudo-variable; `None` if the text is none.
pub(super) fn written(run: &mut KemiRun, text: &[u8], value: PvValue<'_>) -> Option<WriteOutcome> {
    let spec = run.shard.spec(text)?;
    Some(spec.write(run, value))
}
