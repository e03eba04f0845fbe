//! `pvx`: variables and attribute-value pairs by their kind and name.

use strowger_lua::{Args, Parameter, Ret, Returns, Row, Value};

use super::pv::written;
use super::{IfNull, got, yes_no};
use crate::kemi::kept::Kept;
use crate::kemi::run::KemiRun;
use crate::pv::{Family, Place, PvSink, PvSource, PvValue, StoreKey, WriteOutcome};

const NAME: &[Parameter] = &[Parameter::text("name")];
const NUMBER: &[Parameter] = &[Parameter::text("name"), Parameter::int("value")];
const TEXT: &[Parameter] = &[Parameter::text("name"), Parameter::text("value")];
const CHILD: &[Parameter] = &[Parameter::text("root"), Parameter::text("name")];
const CHILD_NUMBER: &[Parameter] = &[
    Parameter::text("root"),
    Parameter::text("name"),
    Parameter::int("value"),
];
const CHILD_TEXT: &[Parameter] = &[
    Parameter::text("root"),
    Parameter::text("name"),
    Parameter::text("value"),
];

/// A row.
pub(super) const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("pvx", name, parameters, returns, doc, call)
}

/// A key made of the arguments before the value.
type KeyOf = for<'a> fn(Args<'a>) -> StoreKey<'a>;

/// Rows that get, set, test and remove what `$key` names; `$at` is the place of the value among the arguments.
macro_rules! store_rows {
    ($prefix:literal, $key:expr, $at:literal, $name:expr, $number:expr, $text:expr) => {
        &[
            f(
                concat!($prefix, "get"),
                $name,
                Returns::Value,
                "the value; nil for null",
                |run, args| get(run, $key, args, IfNull::Nil),
            ),
            f(
                concat!($prefix, "gete"),
                $name,
                Returns::Value,
                "the value; an empty string for null",
                |run, args| get(run, $key, args, IfNull::Empty),
            ),
            f(
                concat!($prefix, "getw"),
                $name,
                Returns::Value,
                "the value; `<null>` for null",
                |run, args| get(run, $key, args, IfNull::Marked),
            ),
            f(
                concat!($prefix, "seti"),
                $number,
                Returns::Int,
                "sets it to a number",
                |run, args| set(run, $key, args, PvValue::Int(args.int($at))),
            ),
            f(
                concat!($prefix, "sets"),
                $text,
                Returns::Int,
                "sets it to a string",
                |run, args| set(run, $key, args, PvValue::octets(args.text($at))),
            ),
            f(
                concat!($prefix, "rm"),
                $name,
                Returns::Int,
                "takes the newest value away",
                |run, args| set(run, $key, args, PvValue::Null),
            ),
            f(
                concat!($prefix, "is_null"),
                $name,
                Returns::Int,
                "there is no value",
                |run, args| yes_no(is_null(run, &$key(args))),
            ),
        ]
    };
}

/// The rows of a family: of its roots and of their fields.
macro_rules! family_rows {
    ($roots:ident, $fields:ident, $root:literal, $child:literal, $family:ident) => {
        pub(super) static $roots: &[Row<KemiRun>] = store_rows!(
            $root,
            |args| root_key(Family::$family, args),
            1,
            NAME,
            NUMBER,
            TEXT
        );
        pub(super) static $fields: &[Row<KemiRun>] = store_rows!(
            $child,
            |args| child_key(Family::$family, args),
            2,
            CHILD,
            CHILD_NUMBER,
            CHILD_TEXT
        );
    };
}

pub(super) static AVP: &[Row<KemiRun>] = store_rows!("avp_", avp, 1, NAME, NUMBER, TEXT);
family_rows!(XAVP, XAVP_FIELDS, "xavp_", "xavp_child_", Many);
family_rows!(XAVU, XAVU_FIELDS, "xavu_", "xavu_child_", Single);
family_rows!(XAVI, XAVI_FIELDS, "xavi_", "xavi_child_", AnyCase);

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "var_get",
        NAME,
        Returns::Value,
        "the value of `$var`; 0 if nobody set it",
        |run, args| or_zero(run, &StoreKey::Variable(args.text(0))),
    ),
    f(
        "var_seti",
        NUMBER,
        Returns::Int,
        "sets `$var` to a number",
        |run, args| set(run, variable, args, PvValue::Int(args.int(1))),
    ),
    f(
        "var_sets",
        TEXT,
        Returns::Int,
        "sets `$var` to a string",
        |run, args| set(run, variable, args, PvValue::octets(args.text(1))),
    ),
    f(
        "shv_get",
        NAME,
        Returns::Value,
        "the value of `$shv`; 0 if nobody set it",
        |run, args| or_zero(run, &StoreKey::Shared(args.text(0))),
    ),
    f(
        "shv_seti",
        NUMBER,
        Returns::Int,
        "sets `$shv` to a number",
        |run, args| set(run, shared, args, PvValue::Int(args.int(1))),
    ),
    f(
        "shv_sets",
        TEXT,
        Returns::Int,
        "sets `$shv` to a string",
        |run, args| set(run, shared, args, PvValue::octets(args.text(1))),
    ),
    f(
        "evalx",
        &[Parameter::text("pv"), Parameter::text("format")],
        Returns::Int,
        "sets a pseudo-variable to a text whose pseudo-variables are evaluated",
        |run, args| {
            let Some(format) = run.shard.format(args.text(1)) else {
                return Ret::Int(-1);
            };
            let text = format.text(run).into_owned();
            let outcome = written(run, args.text(0), PvValue::owned(text));
            yes_no(outcome == Some(WriteOutcome::Written))
        },
    ),
];

fn variable(args: Args<'_>) -> StoreKey<'_> {
    StoreKey::Variable(args.text(0))
}

fn shared(args: Args<'_>) -> StoreKey<'_> {
    StoreKey::Shared(args.text(0))
}

fn avp(args: Args<'_>) -> StoreKey<'_> {
    StoreKey::Avp(args.text(0), Place::Newest)
}

fn root_key(family: Family, args: Args<'_>) -> StoreKey<'_> {
    StoreKey::Xavp {
        family,
        root: args.text(0),
        place: Place::Newest,
        field: None,
    }
}

/// A field of the newest structure: set in its place, unlike through `$xavp(root=>field)`, which makes a new structure.
fn child_key(family: Family, args: Args<'_>) -> StoreKey<'_> {
    StoreKey::Xavp {
        family,
        root: args.text(0),
        place: Place::At(0),
        field: Some((args.text(1), Place::At(0))),
    }
}

fn get(run: &KemiRun, key: KeyOf, args: Args<'_>, if_null: IfNull) -> Ret {
    got(run.stored_value(&key(args)), if_null)
}

fn or_zero(run: &KemiRun, key: &StoreKey<'_>) -> Ret {
    match run.stored_value(key) {
        PvValue::Null => Ret::Value(Value::Int(0)),
        value => got(value, IfNull::Nil),
    }
}

fn set(run: &mut KemiRun, key: KeyOf, args: Args<'_>, value: PvValue<'_>) -> Ret {
    if args.text(0).is_empty() {
        return Ret::Int(-1);
    }
    yes_no(run.set_stored_value(&key(args), value))
}

/// True without a value; a structure that has only fields is one.
fn is_null(run: &KemiRun, key: &StoreKey<'_>) -> bool {
    match *key {
        StoreKey::Xavp {
            family,
            root,
            field: None,
            ..
        } => Kept::get(&*run.context)
            .is_none_or(|kept| kept.xavps.structures(family, root).next().is_none()),
        _ => run.stored_value(key).is_null(),
    }
}
