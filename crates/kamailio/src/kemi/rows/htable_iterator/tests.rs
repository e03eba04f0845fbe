//! Tests of `htable_iterator`.

use std::sync::Arc;

use strowger_routing::tables::ScriptTables;
use strowger_routing::tables::hash_table::TableDefinition;

use crate::kemi::fake::{FakeContext, run_lua};

const OPTIONS: &str = "OPTIONS sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 OPTIONS
Content-Length: 0

";

fn answers(script: &str) -> String {
    let tables = ScriptTables::new(1);
    let definition = TableDefinition::parse("t=>size=4;autoexpire=100;").expect("a definition");
    tables.hash_tables.define(definition).expect("room");
    let script = format!(
        "local h, g = KSR.htable, KSR.pv.get h.sht_sets('t', 'a', 'x') h.sht_seti('t', 'b', 2) h.sht_sets('t', 'c', 'z') {script}"
    );
    let context = FakeContext::of(OPTIONS).with(|context| context.tables = Arc::new(tables));
    run_lua(&script, context).shown()
}

#[test]
fn cells_come_in_the_order_of_their_names() {
    let script = "local out = '' local ok = h.sht_iterator_start('i', 't') \
                  while h.sht_iterator_next('i') > 0 do out = out .. g('$shtitkey(i)') .. '=' .. g('$shtitval(i)') .. ' ' end \
                  return ok, out, g('$shtitkey(i)'), h.sht_iterator_next('i'), h.sht_iterator_end('i'), h.sht_iterator_end('i')";
    assert_eq!(answers(script), "1 [a=x b=2 c=z ] nil -1 1 -1");
}

#[test]
fn a_cell_is_changed_where_the_iterator_stands() {
    let script = "h.sht_iterator_start('i', 't') local before = h.sht_iterator_sets('i', 'no') \
                  h.sht_iterator_next('i') local a = h.sht_iterator_sets('i', 'new') \
                  h.sht_iterator_next('i') local b = h.sht_iterator_seti('i', 7) local e = h.sht_iterator_setex('i', 9) \
                  h.sht_iterator_next('i') local c = h.sht_iterator_rm('i') \
                  return before, a, b, e, c, g('$sht(t=>a)'), g('$sht(t=>b)'), g('$shtex(t=>b)'), g('$sht(t=>c)')";
    assert_eq!(answers(script), "-1 1 1 1 1 [new] 7 9 nil");
}

#[test]
fn what_is_not_there_fails() {
    let script = "return h.sht_iterator_start('i', 'none'), h.sht_iterator_next('i'), h.sht_iterator_rm('i'), h.sht_iterator_end('i'), g('$shtitval(i)')";
    assert_eq!(answers(script), "-1 -1 -1 -1 nil");
}

#[test]
fn iterators_are_bounded_and_begin_anew() {
    let script = "local codes = '' for i = 1, 5 do codes = codes .. h.sht_iterator_start('i' .. i, 't') .. ' ' end \
                  return codes, h.sht_iterator_start('i1', 't'), h.sht_iterator_next('i1'), g('$shtitkey(i1)')";
    assert_eq!(answers(script), "[1 1 1 1 -1 ] 1 1 [a]");
}

#[test]
fn values_are_counted() {
    assert_eq!(
        answers("return g('$shtcv(t=>x|z)'), g('$shtcv(t=>eq2)'), g('$shtcv(t=>**)')"),
        "2 1 3"
    );
}
