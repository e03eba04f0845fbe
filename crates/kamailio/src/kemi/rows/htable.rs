//! `htable`: the hash tables that all shards share. Codes were observed on Kamailio 5.6.3.

use std::sync::Arc;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::tables::TableValue;
use strowger_routing::tables::hash_table::{HashTable, Matching, Operator, TableError};
use strowger_sip::Time;

use super::IfNull;
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

const TABLE: &[Parameter] = &[Parameter::text("table")];
const CELL: &[Parameter] = &[Parameter::text("table"), Parameter::text("key")];
const MATCH: &[Parameter] = &[
    Parameter::text("table"),
    Parameter::text("operator"),
    Parameter::text("value"),
];
const EXPRESSION: &[Parameter] = &[Parameter::text("table"), Parameter::text("expression")];

/// What adding to a cell answers that holds no number.
const NO_NUMBER: i64 = -255;

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("htable", name, parameters, returns, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sht_get",
        CELL,
        Returns::Value,
        "the value of a cell; nil if there is none",
        |run, args| get(run, args, IfNull::Nil),
    ),
    f(
        "sht_gete",
        CELL,
        Returns::Value,
        "the value of a cell; an empty string if there is none",
        |run, args| get(run, args, IfNull::Empty),
    ),
    f(
        "sht_getw",
        CELL,
        Returns::Value,
        "the value of a cell; <null> if there is none",
        |run, args| get(run, args, IfNull::Marked),
    ),
    f(
        "sht_is_null",
        CELL,
        Returns::Int,
        "there is no such cell",
        |run, args| {
            with(run, args, |table, now| {
                value(table.get(args.text(1), now).is_none())
            })
        },
    ),
    f(
        "sht_sets",
        &[
            Parameter::text("table"),
            Parameter::text("key"),
            Parameter::text("value"),
        ],
        Returns::Int,
        "sets a cell to a text",
        |run, args| {
            store(run, args, 1, |table, now| {
                table.set_text(args.text(1), args.text(2), now)
            })
        },
    ),
    f(
        "sht_seti",
        &[
            Parameter::text("table"),
            Parameter::text("key"),
            Parameter::int("value"),
        ],
        Returns::Int,
        "sets a cell to a number",
        |run, args| {
            store(run, args, 1, |table, now| {
                table.set_int(args.text(1), args.int(2), now)
            })
        },
    ),
    f(
        "sht_setxs",
        &[
            Parameter::text("table"),
            Parameter::text("key"),
            Parameter::text("value"),
            Parameter::int("seconds"),
        ],
        Returns::Int,
        "sets a cell to a text for so many seconds",
        |run, args| {
            store(run, args, 1, |table, now| {
                let value = TableValue::text(args.text(2));
                table.set_expiring(args.text(1), value, seconds(args.int(3)), now)
            })
        },
    ),
    f(
        "sht_setxi",
        &[
            Parameter::text("table"),
            Parameter::text("key"),
            Parameter::int("value"),
            Parameter::int("seconds"),
        ],
        Returns::Int,
        "sets a cell to a number for so many seconds; answers 0 when it did, as Kamailio does",
        |run, args| {
            store(run, args, 0, |table, now| {
                let value = TableValue::Int(args.int(2));
                table.set_expiring(args.text(1), value, seconds(args.int(3)), now)
            })
        },
    ),
    f(
        "sht_setex",
        &[
            Parameter::text("table"),
            Parameter::text("key"),
            Parameter::int("seconds"),
        ],
        Returns::Int,
        "lets a cell expire after so many seconds; without effect in a table that keeps its cells for ever",
        |run, args| {
            with(run, args, |table, now| {
                table.set_expiry(args.text(1), seconds(args.int(2)), now);
                Ret::Int(1)
            })
        },
    ),
    f(
        "sht_inc",
        CELL,
        Returns::Int,
        "adds one, and answers the sum; -255 if the cell holds no number",
        |run, args| add(run, args, 1),
    ),
    f(
        "sht_dec",
        CELL,
        Returns::Int,
        "takes one, and answers the rest; -255 if the cell holds no number",
        |run, args| add(run, args, -1),
    ),
    f(
        "sht_rm",
        CELL,
        Returns::Int,
        "removes a cell, there or not",
        |run, args| {
            with(run, args, |table, _| {
                table.remove(args.text(1));
                Ret::Int(1)
            })
        },
    ),
    f(
        "sht_rm_name",
        MATCH,
        Returns::Int,
        "removes the cells whose name matches: eq, ne, re, sw, ew or in",
        |run, args| {
            matching(run, args, |table, wanted, now| {
                table.remove_names(wanted, now);
                true
            })
        },
    ),
    f(
        "sht_rm_value",
        MATCH,
        Returns::Int,
        "removes the cells whose text matches",
        |run, args| {
            matching(run, args, |table, wanted, now| {
                table.remove_values(wanted, now);
                true
            })
        },
    ),
    f(
        "sht_rm_name_re",
        EXPRESSION,
        Returns::Int,
        "removes the cells whose name an expression matches",
        |run, args| {
            by_expression(run, args, |table, wanted, now| {
                table.remove_names(wanted, now);
            })
        },
    ),
    f(
        "sht_rm_value_re",
        EXPRESSION,
        Returns::Int,
        "removes the cells whose text an expression matches",
        |run, args| {
            by_expression(run, args, |table, wanted, now| {
                table.remove_values(wanted, now);
            })
        },
    ),
    f(
        "sht_match_name",
        MATCH,
        Returns::Int,
        "the name of a cell matches",
        |run, args| matching(run, args, HashTable::any_name),
    ),
    f(
        "sht_match_str_value",
        MATCH,
        Returns::Int,
        "the text of a cell matches",
        |run, args| matching(run, args, HashTable::any_value),
    ),
    f(
        "sht_has_name",
        MATCH,
        Returns::Int,
        "the name of a cell matches",
        |run, args| matching(run, args, HashTable::any_name),
    ),
    f(
        "sht_has_str_value",
        MATCH,
        Returns::Int,
        "the text of a cell matches",
        |run, args| matching(run, args, HashTable::any_value),
    ),
    f(
        "sht_reset",
        TABLE,
        Returns::Int,
        "removes all cells; answers 0 when it did, as Kamailio does",
        |run, args| {
            with(run, args, |table, _| {
                table.reset();
                Ret::Int(0)
            })
        },
    ),
    f(
        "sht_lock",
        CELL,
        Returns::Int,
        "there is such a table; every change of a cell is one step, nothing is locked",
        |run, args| with(run, args, |_, _| Ret::Int(1)),
    ),
    f(
        "sht_unlock",
        CELL,
        Returns::Int,
        "there is such a table",
        |run, args| with(run, args, |_, _| Ret::Int(1)),
    ),
];

fn value(yes: bool) -> Ret {
    super::yes_no(yes)
}

fn seconds(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The table of the first argument, after an error line if there is none.
fn table(run: &KemiRun, args: Args<'_>) -> Option<(Arc<HashTable>, Time)> {
    let name = args.text(0);
    let table = run.context.tables().hash_tables.table(name);
    if table.is_none() {
        let line = [b"there is no hash table ", name].concat();
        run.log(LogLevel::Error, &line);
    }
    Some((table?, run.context.now().monotonic))
}

/// Calls `f` with the table; -1 if there is none.
fn with(run: &mut KemiRun, args: Args<'_>, f: impl FnOnce(&HashTable, Time) -> Ret) -> Ret {
    match table(run, args) {
        Some((table, now)) => f(&table, now),
        None => Ret::Int(-1),
    }
}

fn get(run: &KemiRun, args: Args<'_>, if_null: IfNull) -> Ret {
    let found = table(run, args).and_then(|(table, now)| table.get(args.text(1), now));
    super::got(super::stores::value_of(found), if_null)
}

fn store(
    run: &mut KemiRun,
    args: Args<'_>,
    done: i64,
    f: impl FnOnce(&HashTable, Time) -> Result<(), TableError>,
) -> Ret {
    let Some((table, now)) = table(run, args).filter(|_| args.optional_text(1).is_some()) else {
        return Ret::Int(-1);
    };
    match f(&table, now) {
        Ok(()) => Ret::Int(done),
        Err(error) => {
            run.log(LogLevel::Error, error.to_string().as_bytes());
            Ret::Int(-1)
        }
    }
}

fn add(run: &mut KemiRun, args: Args<'_>, delta: i64) -> Ret {
    let sum = table(run, args).and_then(|(table, now)| {
        let sum = table.add(args.text(1), delta, now);
        sum.ok().flatten()
    });
    Ret::Int(sum.unwrap_or(NO_NUMBER))
}

fn matching(
    run: &mut KemiRun,
    args: Args<'_>,
    f: fn(&HashTable, &Matching<'_>, Time) -> bool,
) -> Ret {
    let Some((table, now)) = table(run, args) else {
        return Ret::Int(-1);
    };
    let operand = args.text(2);
    let Some(operator) = Operator::parse(args.text(1)) else {
        run.log(LogLevel::Warning, b"htable: there is no such operator");
        return Ret::Int(-1);
    };
    match operator.with(operand) {
        Some(wanted) => value(f(&table, &wanted, now)),
        None => {
            let Some(pattern) = run.shard.pattern(operand) else {
                return Ret::Int(-1);
            };
            let is_match = |text: &[u8]| pattern.is_match(text);
            value(f(&table, &Matching::Expression(&is_match), now))
        }
    }
}

/// The older functions answer 1 for a table that is not there too.
fn by_expression(run: &mut KemiRun, args: Args<'_>, f: fn(&HashTable, &Matching<'_>, Time)) -> Ret {
    let Some((table, now)) = table(run, args) else {
        return Ret::Int(1);
    };
    let Some(pattern) = run.shard.pattern(args.text(1)) else {
        return Ret::Int(-1);
    };
    let is_match = |text: &[u8]| pattern.is_match(text);
    f(&table, &Matching::Expression(&is_match), now);
    Ret::Int(1)
}

#[cfg(test)]
mod tests;
