//! `pvx`: structured values as a whole, and made of lists of parameters.

use strowger_lua::{Args, Parameter, Ret, Returns, Row, Value};

use super::pv::written;
use super::pvx::f;
use super::yes_no;
use crate::kemi::kept::Kept;
use crate::kemi::run::KemiRun;
use crate::pv::{Family, Place, PvSink, PvValue, StoreKey, WriteOutcome};

const NAME: &[Parameter] = &[Parameter::text("name")];
const NAME_INDEX: &[Parameter] = &[Parameter::text("name"), Parameter::int("index")];
const PARAMS_NAME: &[Parameter] = &[Parameter::text("parameters"), Parameter::text("name")];
const NAME_PV: &[Parameter] = &[Parameter::text("name"), Parameter::text("pv")];

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "xavp_getd",
        NAME,
        Returns::Value,
        "all structures of a name, the newest first: tables of lists; nil if there is none",
        |run, args| all(run, Family::Many, args),
    ),
    f(
        "xavp_getd_p1",
        NAME_INDEX,
        Returns::Value,
        "one structure of a name: a table of lists; nil if there is none",
        |run, args| one(run, Family::Many, args),
    ),
    f(
        "xavp_get_keys",
        NAME_INDEX,
        Returns::Value,
        "the names of the fields of a structure: a list; nil if there is none",
        |run, args| keys(run, Family::Many, args),
    ),
    f(
        "xavi_getd",
        NAME,
        Returns::Value,
        "all structures of a name, the newest first: tables of lists; nil if there is none",
        |run, args| all(run, Family::AnyCase, args),
    ),
    f(
        "xavi_getd_p1",
        NAME_INDEX,
        Returns::Value,
        "one structure of a name: a table of lists; nil if there is none",
        |run, args| one(run, Family::AnyCase, args),
    ),
    f(
        "xavi_get_keys",
        NAME_INDEX,
        Returns::Value,
        "the names of the fields of a structure: a list; nil if there is none",
        |run, args| keys(run, Family::AnyCase, args),
    ),
    f(
        "xavp_params_explode",
        PARAMS_NAME,
        Returns::Int,
        "makes a structure of parameters `a=1;b=2`",
        |run, args| explode(run, Family::Many, args),
    ),
    f(
        "xavu_params_explode",
        PARAMS_NAME,
        Returns::Int,
        "makes a structure of parameters `a=1;b=2`",
        |run, args| explode(run, Family::Single, args),
    ),
    f(
        "xavp_params_implode",
        NAME_PV,
        Returns::Int,
        "writes the fields of a structure as parameters into a pseudo-variable",
        |run, args| implode(run, Family::Many, args),
    ),
    f(
        "xavu_params_implode",
        NAME_PV,
        Returns::Int,
        "writes the fields of a structure as parameters into a pseudo-variable",
        |run, args| implode(run, Family::Single, args),
    ),
    f(
        "xavp_slist_explode",
        &[
            Parameter::text("list"),
            Parameter::text("separator"),
            Parameter::text("mode"),
            Parameter::text("name"),
        ],
        Returns::Int,
        "makes a structure of a list, each item a value of the field `v`; mode `t` trims blanks",
        slist,
    ),
];

type Fields = [(Vec<u8>, PvValue<'static>)];

fn scalar(value: &PvValue<'_>) -> Value {
    match value {
        PvValue::Null => Value::Nil,
        PvValue::Int(number) => Value::Int(*number),
        PvValue::Str(text) => Value::text(text),
    }
}

/// Names of the fields, each once, in the order in which they were set.
fn names(fields: &Fields) -> Vec<&[u8]> {
    let mut names: Vec<&[u8]> = Vec::new();
    for (name, _) in fields {
        if !names.contains(&name.as_slice()) {
            names.push(name);
        }
    }
    names
}

/// Of each field the list of its values, the newest first.
fn table(fields: &Fields) -> Value {
    let lists = names(fields).into_iter().map(|name| {
        let values = fields.iter().rev().filter(|(other, _)| other == name);
        (
            Value::text(name),
            Value::list(values.map(|(_, value)| scalar(value))),
        )
    });
    Value::Table(lists.collect())
}

fn all(run: &KemiRun, family: Family, args: Args<'_>) -> Ret {
    let Some(kept) = Kept::get(&*run.context) else {
        return Ret::Value(Value::Nil);
    };
    let tables: Vec<Value> = kept
        .xavps
        .structures(family, args.text(0))
        .map(table)
        .collect();
    Ret::Value(if tables.is_empty() {
        Value::Nil
    } else {
        Value::list(tables)
    })
}

fn structure<'r>(run: &'r KemiRun, family: Family, args: Args<'_>) -> Option<&'r Fields> {
    let index = usize::try_from(args.int(1)).ok()?;
    let kept = Kept::get(&*run.context)?;
    kept.xavps.structures(family, args.text(0)).nth(index)
}

fn one(run: &KemiRun, family: Family, args: Args<'_>) -> Ret {
    Ret::Value(structure(run, family, args).map_or(Value::Nil, table))
}

fn keys(run: &KemiRun, family: Family, args: Args<'_>) -> Ret {
    let list = |fields| Value::list(names(fields).into_iter().map(Value::text));
    Ret::Value(structure(run, family, args).map_or(Value::Nil, list))
}

/// Puts a field into a new structure, or into the newest.
fn put(
    run: &mut KemiRun,
    family: Family,
    (root, field): (&[u8], &[u8]),
    value: PvValue<'_>,
    is_first: bool,
) -> bool {
    let place = if is_first {
        Place::Newest
    } else {
        Place::At(0)
    };
    run.set_stored_value(
        &StoreKey::Xavp {
            family,
            root,
            place,
            field: Some((field, Place::Newest)),
        },
        value,
    )
}

fn explode(run: &mut KemiRun, family: Family, args: Args<'_>) -> Ret {
    let (params, root) = (args.text(0), args.text(1));
    if root.is_empty() {
        return Ret::Int(-1);
    }
    let params = params.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
    let mut count = 0;
    for param in params.filter(|param| !param.is_empty()) {
        let equals = param.iter().position(|octet| *octet == b'=');
        let (name, value) = match equals.and_then(|at| param.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (param, &b""[..]),
        };
        let value = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""))
            .unwrap_or(value);
        if !put(
            run,
            family,
            (root, name.trim_ascii()),
            PvValue::octets(value),
            count == 0,
        ) {
            return Ret::Int(-1);
        }
        count += 1;
    }
    yes_no(count > 0)
}

fn implode(run: &mut KemiRun, family: Family, args: Args<'_>) -> Ret {
    let fields = Kept::get(&*run.context)
        .and_then(|kept| kept.xavps.structures(family, args.text(0)).next());
    let Some(fields) = fields else {
        return Ret::Int(-1);
    };
    let mut text = Vec::new();
    for (name, value) in fields {
        text.extend_from_slice(name);
        let value = value.text().unwrap_or_default();
        if !value.is_empty() {
            text.push(b'=');
            text.extend_from_slice(&value);
        }
        text.push(b';');
    }
    let outcome = written(run, args.text(1), PvValue::owned(text));
    yes_no(outcome == Some(WriteOutcome::Written))
}

fn slist(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let (list, separators, mode, root) = (args.text(0), args.text(1), args.text(2), args.text(3));
    if root.is_empty() || separators.is_empty() {
        return Ret::Int(-1);
    }
    let trims = mode.contains(&b't') || mode.contains(&b'T');
    // The first of the list is the newest value, as programs count them.
    let items: Vec<&[u8]> = list
        .split(|octet| separators.contains(octet))
        .map(|item| if trims { item.trim_ascii() } else { item })
        .collect();
    let mut is_first = true;
    for item in items.into_iter().rev() {
        if !put(
            run,
            Family::Many,
            (root, b"v"),
            PvValue::octets(item),
            is_first,
        ) {
            return Ret::Int(-1);
        }
        is_first = false;
    }
    yes_no(!is_first)
}
