//! `htable`: iterators. One walks over the cells as they were when it began, in the order of their names; changes go to
//! the table.

use std::sync::Arc;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::tables::TableValue;
use strowger_routing::tables::hash_table::{HashTable, ListedCell};
use strowger_sip::Time;

use super::stores::value_of;
use crate::kemi::Kept;
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::PvValue;

/// Iterators that one request may have (4).
pub const ITERATORS_MAX: usize = 4;
/// Cells that one iterator walks over (10,000).
pub const ITERATOR_CELLS_MAX: usize = 10_000;

const NAME: &[Parameter] = &[Parameter::text("iterator")];

/// An iterator.
#[derive(Debug)]
pub struct TableIterator {
    name: Vec<u8>,
    table: Arc<HashTable>,
    /// The cells to come, the next last.
    cells: Vec<ListedCell>,
    /// The cell at which it stands.
    current: Option<ListedCell>,
}

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("htable", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sht_iterator_start",
        &[Parameter::text("iterator"), Parameter::text("table")],
        "begins to walk over a table",
        |run, args| super::yes_no(start(run, args.text(0), args.text(1))),
    ),
    f(
        "sht_iterator_next",
        NAME,
        "goes to the next cell, $shtitkey and $shtitval; -1 if there is none",
        |run, args| {
            let Some(iterator) = find(run, args.text(0)) else {
                return Ret::Int(-1);
            };
            iterator.current = iterator.cells.pop();
            super::yes_no(iterator.current.is_some())
        },
    ),
    f("sht_iterator_end", NAME, "ends the walk", |run, args| {
        let iterators = &mut run.kept().iterators;
        let before = iterators.len();
        iterators.retain(|iterator| iterator.name != args.text(0));
        super::yes_no(iterators.len() < before)
    }),
    f("sht_iterator_rm", NAME, "removes the cell", |run, args| {
        at_cell(run, args, |table, key, _| {
            table.remove(key);
            true
        })
    }),
    f(
        "sht_iterator_sets",
        &[Parameter::text("iterator"), Parameter::text("value")],
        "sets the cell to a text",
        |run, args| {
            let value = TableValue::text(args.text(1));
            at_cell(run, args, |table, key, now| {
                table.set(key, value, now).is_ok()
            })
        },
    ),
    f(
        "sht_iterator_seti",
        &[Parameter::text("iterator"), Parameter::int("value")],
        "sets the cell to a number",
        |run, args| {
            let value = TableValue::Int(args.int(1));
            at_cell(run, args, |table, key, now| {
                table.set(key, value, now).is_ok()
            })
        },
    ),
    f(
        "sht_iterator_setex",
        &[Parameter::text("iterator"), Parameter::int("seconds")],
        "lets the cell expire after so many seconds",
        |run, args| {
            let seconds = u64::try_from(args.int(1)).unwrap_or(0);
            at_cell(run, args, |table, key, now| {
                table.set_expiry(key, seconds, now);
                true
            })
        },
    ),
];

fn start(run: &mut KemiRun, name: &[u8], table: &[u8]) -> bool {
    let Some(table) = run.context.tables().hash_tables.table(table) else {
        run.log(
            LogLevel::Error,
            b"an iterator needs a hash table that is there",
        );
        return false;
    };
    let mut cells = table.dump(run.context.now().monotonic);
    if cells.len() > ITERATOR_CELLS_MAX {
        run.log(
            LogLevel::Warning,
            b"an iterator does not see all cells: too many",
        );
        cells.truncate(ITERATOR_CELLS_MAX);
    }
    cells.reverse();
    let iterators = &mut run.kept().iterators;
    iterators.retain(|iterator| iterator.name != name);
    let fits = iterators.len() < ITERATORS_MAX;
    if fits {
        iterators.push(TableIterator {
            name: name.to_vec(),
            table,
            cells,
            current: None,
        });
    }
    fits
}

fn find<'r>(run: &'r mut KemiRun, name: &[u8]) -> Option<&'r mut TableIterator> {
    let mut iterators = run.kept().iterators.iter_mut();
    iterators.find(|iterator| iterator.name == name)
}

/// Changes the cell at which the iterator stands; -1 if it stands at none.
fn at_cell(
    run: &mut KemiRun,
    args: Args<'_>,
    change: impl FnOnce(&HashTable, &[u8], Time) -> bool,
) -> Ret {
    let now = run.context.now().monotonic;
    let Some(iterator) = find(run, args.text(0)) else {
        return Ret::Int(-1);
    };
    let current = iterator.current.as_ref();
    super::yes_no(current.is_some_and(|cell| change(&iterator.table, &cell.key, now)))
}

fn current<'r>(run: &'r KemiRun, name: &[u8]) -> Option<&'r ListedCell> {
    let mut iterators = Kept::get(&*run.context)?.iterators.iter();
    let iterator = iterators.find(|iterator| iterator.name == name)?;
    iterator.current.as_ref()
}

/// `$shtitkey(name)`.
pub(crate) fn iterator_key<'r>(run: &'r KemiRun, name: &[u8]) -> PvValue<'r> {
    current(run, name).map_or(PvValue::Null, |cell| PvValue::octets(&cell.key))
}

/// `$shtitval(name)`.
pub(crate) fn iterator_value<'r>(run: &'r KemiRun, name: &[u8]) -> PvValue<'r> {
    value_of(current(run, name).map(|cell| cell.value.clone()))
}

#[cfg(test)]
mod tests;
