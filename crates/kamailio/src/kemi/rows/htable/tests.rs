//! Tests of `htable`.

use std::sync::Arc;

use strowger_routing::tables::ScriptTables;
use strowger_routing::tables::hash_table::TableDefinition;
use strowger_sip::{Now, Time};

use crate::kemi::fake::{FakeContext, run_lua};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn tables() -> Arc<ScriptTables> {
    let tables = ScriptTables::new(1);
    for text in ["t=>size=4;", "e=>size=4;autoexpire=100;"] {
        let definition = TableDefinition::parse(text).expect("a definition");
        tables.hash_tables.define(definition).expect("room");
    }
    Arc::new(tables)
}

fn context(tables: &Arc<ScriptTables>) -> FakeContext {
    FakeContext::of(INVITE).with(|context| context.tables = Arc::clone(tables))
}

/// What expressions answer, with `h` for the module and `g` for reading a pseudo-variable.
fn answers(tables: &Arc<ScriptTables>, script: &str) -> String {
    let script = format!("local h, g = KSR.htable, KSR.pv.get {script}");
    run_lua(&script, context(tables)).shown()
}

#[test]
fn cells_hold_texts_and_numbers() {
    let tables = tables();
    assert_eq!(
        answers(
            &tables,
            "return h.sht_is_null('t', 'a'), h.sht_get('t', 'a'), h.sht_gete('t', 'a'), h.sht_getw('t', 'a'), \
             h.sht_sets('t', 'a', 'x'), h.sht_seti('t', 'n', 5), h.sht_get('t', 'a'), h.sht_gete('t', 'n'), \
             h.sht_getw('t', 'a'), h.sht_is_null('t', 'a')",
        ),
        "1 nil [] [<null>] 1 1 [x] 5 [x] -1"
    );
    assert_eq!(
        answers(
            &tables,
            "return h.sht_rm('t', 'a'), h.sht_rm('t', 'a'), h.sht_get('t', 'a')"
        ),
        "1 1 nil"
    );
}

#[test]
fn tables_that_are_not_there_fail() {
    let run = run_lua(
        "local h = KSR.htable return h.sht_get('x', 'a'), h.sht_sets('x', 'a', 'b'), h.sht_seti('x', 'a', 1), \
         h.sht_inc('x', 'a'), h.sht_rm('x', 'a'), h.sht_match_name('x', 'eq', 'a'), h.sht_reset('x'), \
         h.sht_lock('x', 'a'), h.sht_setex('x', 'a', 1), h.sht_is_null('x', 'a'), h.sht_rm_name_re('x', 'a')",
        context(&tables()),
    );
    assert_eq!(run.shown(), "nil -1 -1 -255 -1 -1 -1 -1 -1 -1 1");
    assert_eq!(
        run.log.first().map(String::as_str),
        Some("Error: there is no hash table x")
    );
}

#[test]
fn numbers_are_counted_in_one_step() {
    assert_eq!(
        answers(
            &tables(),
            "h.sht_seti('t', 'n', 5) h.sht_sets('t', 's', 'x') return h.sht_inc('t', 'n'), h.sht_inc('t', 'n'), \
             h.sht_dec('t', 'n'), h.sht_inc('t', 'none'), h.sht_dec('t', 'none'), h.sht_inc('t', 's'), h.sht_get('t', 's')",
        ),
        "6 7 6 -255 -255 -255 [x]"
    );
}

#[test]
fn cells_expire_in_tables_that_let_them() {
    let tables = tables();
    let set = "return h.sht_setxs('e', 's', 'v', 7), h.sht_setxi('e', 'i', 3, 9), h.sht_sets('e', 'd', 'v'), \
               h.sht_setex('e', 'd', 50), h.sht_setex('t', 'none', 5), \
               g('$shtex(e=>s)'), g('$shtex(e=>i)'), g('$shtex(e=>d)'), g('$shtex(e=>none)')";
    assert_eq!(answers(&tables, set), "1 0 1 1 1 7 9 50 0");
    let later = context(&tables).with(|context| {
        let monotonic = Time::from_secs(108);
        context.now = Now {
            monotonic,
            ..context.now
        };
    });
    let run = run_lua(
        "return KSR.htable.sht_get('e', 's'), KSR.htable.sht_get('e', 'i')",
        later,
    );
    assert_eq!(run.shown(), "nil 3");
}

#[test]
fn names_and_texts_are_matched_by_operators() {
    let tables = tables();
    answers(
        &tables,
        "h.sht_sets('t', 'abc', 'Val') h.sht_seti('t', 'n', 7)",
    );
    for (operator, operand, name, text) in [
        ("eq", "abc", "1", "-1"),
        ("eq", "ABC", "-1", "-1"),
        ("eq", "Val", "-1", "1"),
        ("eq", "7", "-1", "-1"),
        ("ne", "abc", "1", "1"),
        ("sw", "ab", "1", "-1"),
        ("sw", "Va", "-1", "1"),
        ("ew", "bc", "1", "-1"),
        ("in", "al", "-1", "1"),
        ("re", "^ABC$", "1", "-1"),
        ("re", "^v", "-1", "1"),
        ("re", "(", "-1", "-1"),
        ("co", "abc", "-1", "-1"),
    ] {
        let script = format!(
            "return h.sht_match_name('t', '{operator}', '{operand}'), h.sht_match_str_value('t', '{operator}', '{operand}'), \
             h.sht_has_name('t', '{operator}', '{operand}'), h.sht_has_str_value('t', '{operator}', '{operand}')"
        );
        assert_eq!(
            answers(&tables, &script),
            format!("{name} {text} {name} {text}"),
            "{operator} {operand}"
        );
    }
}

#[test]
fn cells_are_removed_by_name_and_by_text() {
    for (call, answer, left) in [
        ("sht_rm_name('t', 'sw', 'a')", "1", "nil [v2] 3"),
        ("sht_rm_name('t', 're', 'b|n')", "1", "[v1] nil nil"),
        ("sht_rm_name('t', 'qq', 'a')", "-1", "[v1] [v2] 3"),
        ("sht_rm_value('t', 'eq', 'v1')", "1", "nil [v2] 3"),
        ("sht_rm_value('t', 're', 'V.')", "1", "nil nil 3"),
        ("sht_rm_name_re('t', '^A')", "1", "nil [v2] 3"),
        ("sht_rm_value_re('t', '2$')", "1", "[v1] nil 3"),
        ("sht_rm_name_re('t', '(')", "-1", "[v1] [v2] 3"),
        ("sht_reset('t')", "0", "nil nil nil"),
    ] {
        let script = format!(
            "h.sht_sets('t', 'a', 'v1') h.sht_sets('t', 'b', 'v2') h.sht_seti('t', 'n', 3) \
             return h.{call}, h.sht_get('t', 'a'), h.sht_get('t', 'b'), h.sht_get('t', 'n')"
        );
        assert_eq!(
            answers(&tables(), &script),
            format!("{answer} {left}"),
            "{call}"
        );
    }
}

#[test]
fn locks_are_answered_for_tables_that_are_there() {
    assert_eq!(
        answers(
            &tables(),
            "return h.sht_lock('t', 'a'), h.sht_unlock('t', 'a')"
        ),
        "1 1"
    );
}

#[test]
fn values_that_are_too_long_are_refused() {
    let script = "return h.sht_sets('t', 'a', string.rep('x', 65537)), h.sht_sets('t', string.rep('k', 1025), 'v')";
    assert_eq!(answers(&tables(), script), "-1 -1");
}

#[test]
fn cells_are_pseudo_variables_too() {
    let tables = tables();
    let script = "local p = KSR.pv return p.sets('$sht(t=>k)', 'v'), g('$sht(t=>k)'), p.seti('$sht(t=>n)', 5), \
                  g('$shtinc(t=>n)'), g('$shtdec(t=>n)'), g('$shtinc(t=>none)'), p.unset('$sht(t=>k)'), g('$sht(t=>k)'), \
                  p.sets('$sht(x=>k)', 'v'), g('$sht(x=>k)'), g('$shtex(x=>k)')";
    assert_eq!(
        answers(&tables, script),
        "true [v] true 6 5 nil true nil false nil nil"
    );
}

#[test]
fn cells_are_counted_by_their_names() {
    let script = "h.sht_sets('t', 'x1', 'v') h.sht_sets('t', 'x2', 'v') h.sht_sets('t', 'y', 'v') \
                  return g('$shtcn(t=>~~^X)'), g('$shtcn(t=>x.*)'), g('$shtcn(t=>%~x)'), g('$shtcn(t=>==y)'), g('$shtcn(t=>**)'), \
                  g('$shtcn(t=>~~()')";
    assert_eq!(answers(&tables(), script), "2 2 2 1 3 nil");
}

#[test]
fn the_time_of_a_cell_is_set_by_its_pseudo_variable() {
    let script =
        "h.sht_sets('e', 'k', 'v') KSR.pv.seti('$shtex(e=>k)', 5) return g('$shtex(e=>k)')";
    assert_eq!(answers(&tables(), script), "5");
}

#[test]
fn shared_values_are_zero_until_they_are_set_and_empty_when_they_are_unset() {
    let tables = tables();
    let script = "local p = KSR.pv local a = g('$shv(s)') p.sets('$shv(s)', 'x') local b = g('$shv(s)') \
                  p.seti('$shv(s)', 4) local c = g('$shv(s)') p.unset('$shv(s)') return a, b, c, g('$shv(s)')";
    assert_eq!(answers(&tables, script), "0 [x] 4 []");
    answers(&tables, "KSR.pv.sets('$shv(s)', 'seen by all')");
    assert_eq!(answers(&tables, "return g('$shv(s)')"), "[seen by all]");
}
