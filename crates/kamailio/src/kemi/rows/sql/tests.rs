//! Tests of `sql`.

use strowger_lua::Outcome;
use strowger_sip::Time;

use super::*;
use crate::cfg;
use crate::kemi::fake::{FakeContext, FakeHost, FakeRun};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn host(script: &str) -> FakeHost {
    FakeHost::new(&script.replace("sql.", "KSR.sqlops."), |door| {
        let connection = cfg::Value::Text("db=>sqlite:///x".into());
        door.set_parameter("sqlops", "sqlcon", connection);
    })
}

fn rows(rows: &[&[Option<&str>]]) -> Option<ErrandAnswer> {
    let cell = |cell: &Option<&str>| cell.map(|text| text.as_bytes().into());
    Some(ErrandAnswer::Rows(SqlRows {
        columns: vec![b"name"[..].into(), b"age"[..].into()],
        rows: rows
            .iter()
            .map(|row| row.iter().map(cell).collect())
            .collect(),
        affected: 0,
    }))
}

fn two() -> Option<ErrandAnswer> {
    rows(&[&[Some("alice"), None], &[Some("bob"), Some("30")]])
}

/// Runs a script that waits once, and gives it this answer.
fn ran(script: &str, answer: Option<ErrandAnswer>) -> FakeRun {
    let mut host = host(script);
    let run = host.request(FakeContext::of(INVITE));
    let Outcome::Parked { deadline, .. } = run.outcome else {
        panic!("{:?} {:?}", run.outcome, run.log);
    };
    assert_eq!(deadline, Time::from_secs(100 + SQL_SECONDS));
    host.resume(answer)
}

#[test]
fn a_statement_is_an_errand_of_its_connection() {
    let run = host("sql.sql_query('db', 'select 1', 'r')").request(FakeContext::of(INVITE));
    let errand = Errand::Sql(SqlRequest {
        connection: b"db"[..].into(),
        statement: b"select 1"[..].into(),
    });
    assert_eq!(run.acts, [format!("begin_errand {errand:?}")]);
}

#[test]
fn rows_are_kept_under_the_name_of_their_result() {
    let run = ran(
        "local code = sql.sql_query('db', 'select', 'r') \
         return code, sql.sql_num_rows('r'), sql.sql_num_columns('r'), sql.sql_result_get('r', 0, 0), \
         sql.sql_result_get('r', 1, 1), sql.sql_num_rows('other')",
        two(),
    );
    assert_eq!(run.shown(), "0 2 2 [alice] [30] 0");
}

#[test]
fn null_and_absent_values_are_told_apart() {
    let run = ran(
        "sql.sql_query('db', 'select', 'r') \
         return sql.sql_is_null('r', 0, 0), sql.sql_is_null('r', 0, 1), sql.sql_is_null('r', 9, 0), \
         sql.sql_is_null('x', 0, 0), sql.sql_is_null('r', -1, 0), sql.sql_result_get('r', 0, 1), \
         sql.sql_result_gete('r', 0, 1), sql.sql_result_getz('r', 0, 1), sql.sql_result_getz('r', 0, 0)",
        two(),
    );
    assert_eq!(run.shown(), "0 1 -1 -1 -1 nil [] 0 [alice]");
}

#[test]
fn a_result_is_forgotten_when_freed() {
    let run = ran(
        "sql.sql_query('db', 'select', 'r') \
         return sql.sql_result_free('r'), sql.sql_num_rows('r'), sql.sql_result_free('r')",
        two(),
    );
    assert_eq!(run.shown(), "1 0 1");
}

#[test]
fn rows_become_structures() {
    let script = "local code = sql.sql_xquery('db', 'select', 'x') local g = KSR.pv.get \
                  return code, g('$xavp(x=>name)'), g('$xavp(x=>age)'), g('$xavp(x[1]=>name)'), \
                  g('$xavp(x[1]=>age)'), g('$xavp(x[2]=>name)')";
    assert_eq!(ran(script, two()).shown(), "1 [alice] nil [bob] [30] nil");
    assert_eq!(ran(script, rows(&[])).shown(), "2 nil nil nil nil nil");
}

#[test]
fn the_first_row_goes_to_variables() {
    let script = "KSR.pv.sets('$var(b)', 'old') local code = sql.sql_pvquery('db', 'select', ' $var(a) , $var(b)') \
                  return code, KSR.pv.get('$var(a)'), KSR.pv.get('$var(b)')";
    assert_eq!(ran(script, two()).shown(), "1 [alice] 0");
    assert_eq!(ran(script, rows(&[])).shown(), "2 0 [old]");
    let too_many = script.replace(" , $var(b)", "");
    assert_eq!(ran(&too_many, two()).shown(), "1 [alice] [old]");
}

#[test]
fn a_statement_without_result_answers_whether_it_went_well() {
    let script = "return sql.sql_query_async('db', 'insert')";
    assert_eq!(ran(script, rows(&[])).shown(), "1");
    assert_eq!(
        ran(script, Some(ErrandAnswer::Failed("locked".into()))).shown(),
        "-1"
    );
}

#[test]
fn without_an_answer_every_function_fails() {
    for call in [
        "sql_query('db', 's', 'r')",
        "sql_xquery('db', 's', 'r')",
        "sql_pvquery('db', 's', '$var(a)')",
    ] {
        for answer in [None, Some(ErrandAnswer::Failed("gone".into()))] {
            let run = ran(&format!("return sql.{call}"), answer);
            assert_eq!(run.shown(), "-1");
            assert_eq!(run.log.len(), 1);
        }
    }
}

#[test]
fn unknown_connections_and_bad_statements_are_not_asked() {
    let long = "x".repeat(SQL_STATEMENT_OCTETS_MAX + 1);
    for call in [
        "sql_query('other', 'select', 'r')",
        "sql_query('db', '', 'r')",
        &format!("sql_query('db', '{long}', 'r')"),
    ] {
        let run = host(&format!("return sql.{call}")).request(FakeContext::of(INVITE));
        assert_eq!(run.shown(), "-1");
        assert!(run.acts.is_empty());
    }
}

#[test]
fn results_and_their_rows_are_bounded() {
    let many: Vec<&[Option<&str>]> = vec![&[Some("x")]; SQL_ROWS_MAX + 1];
    let run = ran(
        "sql.sql_query('db', 's', 'r') return sql.sql_num_rows('r')",
        rows(&many),
    );
    assert_eq!(run.shown(), SQL_ROWS_MAX.to_string());

    let mut host = host(&format!(
        "local codes = {{}} for i = 0, {SQL_RESULTS_MAX} do codes[i] = sql.sql_query('db', 's', 'r' .. i) end \
         return codes[{SQL_RESULTS_MAX} - 1], codes[{SQL_RESULTS_MAX}]"
    ));
    let mut run = host.request(FakeContext::of(INVITE));
    while matches!(run.outcome, Outcome::Parked { .. }) {
        run = host.resume(two());
    }
    assert_eq!(run.shown(), "0 -1");
}
