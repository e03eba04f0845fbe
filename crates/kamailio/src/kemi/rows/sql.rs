//! `sqlops`: statements for a database, for which the run waits. Codes were observed on Kamailio 5.6.3.

use core::time::Duration;

use strowger_lua::{Args, Parameter, Ret, Returns, Row, Value, Wait};
use strowger_routing::{Errand, ErrandAnswer, SqlRequest, SqlRows};

use crate::kemi::door::LogLevel;
use crate::kemi::run::{KemiRun, Resumption};
use crate::pv::{Family, Place, PvValue, spec_prefix};

/// Results that one request keeps (16).
pub const SQL_RESULTS_MAX: usize = 16;
/// Rows of one result that are kept (1,000).
pub const SQL_ROWS_MAX: usize = 1_000;
/// Octets of one statement (64 KiB).
pub const SQL_STATEMENT_OCTETS_MAX: usize = 64 * 1_024;
/// Seconds that a run waits for a database (5).
pub const SQL_SECONDS: u64 = 5;

const QUERY: &[Parameter] = &[
    Parameter::text("connection"),
    Parameter::text("query"),
    Parameter::text("result"),
];
const RESULT: &[Parameter] = &[Parameter::text("result")];
const CELL: &[Parameter] = &[
    Parameter::text("result"),
    Parameter::int("row"),
    Parameter::int("column"),
];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("sqlops", name, parameters, returns, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sql_query",
        QUERY,
        Returns::Int,
        "a statement whose rows are kept under a name: 0, or -1",
        |run, args| begin(run, args.text(0), args.text(1), args.text(2), keep_result),
    )
    .waiting(),
    f(
        "sql_xquery",
        QUERY,
        Returns::Int,
        "a statement whose rows become values of $xavp(result): 1, 2 for no row, or -1",
        |run, args| begin(run, args.text(0), args.text(1), args.text(2), keep_values),
    )
    .waiting(),
    f(
        "sql_pvquery",
        &[
            Parameter::text("connection"),
            Parameter::text("query"),
            Parameter::text("pvs"),
        ],
        Returns::Int,
        "a statement whose first row goes to pseudo-variables: 1, 2 for no row, or -1",
        |run, args| begin(run, args.text(0), args.text(1), args.text(2), write_values),
    )
    .waiting(),
    f(
        "sql_query_async",
        &[Parameter::text("connection"), Parameter::text("query")],
        Returns::Int,
        "a statement without a result; the run waits for it too",
        |run, args| begin(run, args.text(0), args.text(1), b"", forget),
    )
    .waiting(),
    f(
        "sql_num_rows",
        RESULT,
        Returns::Int,
        "rows of a result; 0 if there is none",
        |run, args| count(result(run, args).map_or(0, |rows| rows.rows.len())),
    ),
    f(
        "sql_num_columns",
        RESULT,
        Returns::Int,
        "columns of a result; 0 if there is none",
        |run, args| count(result(run, args).map_or(0, |rows| rows.columns.len())),
    ),
    f(
        "sql_is_null",
        CELL,
        Returns::Int,
        "1 if the value is null, 0 if not, -1 if there is none",
        |run, args| {
            Ret::Int(match cell(run, args) {
                Some(Some(_)) => 0,
                Some(None) => 1,
                None => -1,
            })
        },
    ),
    f(
        "sql_result_get",
        CELL,
        Returns::Value,
        "a value as text; nil for null or none",
        |run, args| Ret::optional_text(cell(run, args).flatten().map(<[u8]>::to_vec)),
    ),
    f(
        "sql_result_gete",
        CELL,
        Returns::Value,
        "a value as text; an empty string for null or none",
        |run, args| Ret::text(cell(run, args).flatten().unwrap_or_default()),
    ),
    f(
        "sql_result_getz",
        CELL,
        Returns::Value,
        "a value as text; 0 for null or none",
        |run, args| match cell(run, args).flatten() {
            Some(text) => Ret::text(text),
            None => Ret::Int(0),
        },
    ),
    f(
        "sql_result_free",
        RESULT,
        Returns::Int,
        "forgets a result",
        |run, args| {
            run.kept().results.remove(args.text(0));
            Ret::Int(1)
        },
    ),
];

fn count(number: usize) -> Ret {
    Ret::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn result<'r>(run: &'r KemiRun, args: Args<'_>) -> Option<&'r SqlRows> {
    crate::kemi::Kept::get(&*run.context)?
        .results
        .get(args.text(0))
}

/// A value; `Some(None)` for null.
fn cell<'r>(run: &'r KemiRun, args: Args<'_>) -> Option<Option<&'r [u8]>> {
    let rows = result(run, args)?;
    let row = rows.rows.get(usize::try_from(args.int(1)).ok()?)?;
    let value = row.get(usize::try_from(args.int(2)).ok()?)?;
    Some(value.as_deref())
}

fn begin(
    run: &mut KemiRun,
    connection: &[u8],
    statement: &[u8],
    result: &[u8],
    then: Resumption,
) -> Ret {
    let is_known = run
        .shard
        .door
        .values("sqlops", "sqlcon")
        .iter()
        .filter_map(|value| value.text()?.split_once("=>"))
        .any(|(name, _)| name.trim().as_bytes() == connection);
    if !is_known || statement.is_empty() || statement.len() > SQL_STATEMENT_OCTETS_MAX {
        run.log(
            LogLevel::Error,
            b"sqlops: that is no connection, or no statement",
        );
        return Ret::Int(-1);
    }
    run.kept().awaited = result.to_vec();
    run.context.begin_errand(Errand::Sql(SqlRequest {
        connection: connection.into(),
        statement: statement.into(),
    }));
    run.resumption = Some(then);
    Ret::Wait(Wait {
        deadline: run.context.now().monotonic + Duration::from_secs(SQL_SECONDS),
        at_deadline: vec![Value::Int(-1)],
    })
}

/// The rows, cut to [`SQL_ROWS_MAX`], and where they should go.
fn rows_of(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Option<(Vec<u8>, SqlRows)> {
    let awaited = core::mem::take(&mut run.kept().awaited);
    match answer {
        Some(ErrandAnswer::Rows(mut rows)) => {
            rows.rows.truncate(SQL_ROWS_MAX);
            Some((awaited, rows))
        }
        Some(ErrandAnswer::Failed(why)) => {
            run.log(LogLevel::Error, format!("sqlops: {why}").as_bytes());
            None
        }
        _ => {
            run.log(LogLevel::Error, b"sqlops: no answer in time");
            None
        }
    }
}

fn keep_result(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Vec<Value> {
    let Some((name, rows)) = rows_of(run, answer) else {
        return vec![Value::Int(-1)];
    };
    let results = &mut run.kept().results;
    if results.len() >= SQL_RESULTS_MAX && !results.contains_key(&name) {
        run.log(LogLevel::Error, b"sqlops: too many results are kept");
        return vec![Value::Int(-1)];
    }
    results.insert(name, rows);
    vec![Value::Int(0)]
}

/// One structure a row, a field a column; null is no field. The first row is the newest structure.
fn keep_values(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Vec<Value> {
    let Some((root, rows)) = rows_of(run, answer) else {
        return vec![Value::Int(-1)];
    };
    let xavps = &mut run.kept().xavps;
    xavps.set(Family::Many, &root, Place::All, None, PvValue::Null);
    for row in rows.rows.iter().rev() {
        let mut place = Place::Newest;
        for (column, value) in rows.columns.iter().zip(row) {
            let Some(value) = value else { continue };
            let field = Some((&**column, Place::Newest));
            xavps.set(Family::Many, &root, place, field, PvValue::octets(value));
            place = Place::At(0);
        }
    }
    vec![Value::Int(if rows.rows.is_empty() { 2 } else { 1 })]
}

fn write_values(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Vec<Value> {
    let Some((list, rows)) = rows_of(run, answer) else {
        return vec![Value::Int(-1)];
    };
    let Some(row) = rows.rows.into_iter().next() else {
        return vec![Value::Int(2)];
    };
    let mut rest = list.trim_ascii();
    for value in row {
        let Ok((spec, length)) = spec_prefix(rest) else {
            break;
        };
        let value = value.map_or(PvValue::Null, |text| PvValue::owned(text.into_vec()));
        spec.write(run, value);
        rest = rest.get(length..).unwrap_or_default().trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    }
    vec![Value::Int(1)]
}

fn forget(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Vec<Value> {
    let done = rows_of(run, answer).is_some();
    vec![Value::Int(if done { 1 } else { -1 })]
}
