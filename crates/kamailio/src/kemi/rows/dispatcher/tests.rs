//! Tests of `dispatcher`.

use std::sync::Arc;

use strowger_routing::tables::ScriptTables;
use strowger_routing::tables::dispatcher::{DispatcherSettings, parse_list};
use strowger_sip::{Time, Transport};

use crate::cfg::Value;
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

const LIST: &str = "1 sip:127.0.0.1:5070;transport=tcp;x=1
2 sip:127.0.0.1:5071;transport=udp 0 10 attrs=x
2 sip:127.0.0.1:5072 0 5
2 sip:127.0.0.1:5073 0 1 socket=tcp:127.0.0.1:5060
3 sip:127.0.7.2:5099
4 sip:127.0.7.2
5 sip:127.0.7.2:6000
6 sip:127.0.7.2:5099;transport=tcp
7 sip:127.0.7.2:5099 1
";

fn tables() -> Arc<ScriptTables> {
    let tables = ScriptTables::new(1);
    tables
        .dispatcher
        .reload(parse_list(LIST).expect("a list"))
        .expect("room");
    Arc::new(tables)
}

/// Runs with `d` for the module and `g` for reading a pseudo-variable.
fn run_with(tables: &Arc<ScriptTables>, parameters: &[(&str, Value)], script: &str) -> FakeRun {
    let script = format!("local d, g = KSR.dispatcher, KSR.pv.get {script}");
    let mut host = FakeHost::new(&script, |door| {
        for (name, value) in parameters {
            door.set_parameter("dispatcher", name, value.clone());
        }
    });
    let context = FakeContext::of(INVITE)
        .from("127.0.7.2:5099", Transport::Udp)
        .with(|context| context.tables = Arc::clone(tables));
    host.request(context)
}

fn run(tables: &Arc<ScriptTables>, script: &str) -> FakeRun {
    run_with(tables, &[("flags", Value::Integer(2))], script)
}

fn answers(script: &str) -> String {
    run(&tables(), script).shown()
}

#[test]
fn a_destination_becomes_the_next_hop_and_the_others_stand_behind() {
    let script = "return d.ds_select_dst(2, 8), g('$du'), g('$ru'), g('$xavp(_dsdst_=>uri)'), g('$xavp(_dsdst_=>grp)'), \
                  g('$xavp(_dsdst_=>attrs)'), g('$xavp(_dsdst_[1]=>uri)'), g('$xavp(_dsdst_[1]=>attrs)'), \
                  g('$xavp(_dsdst_[2]=>uri)'), g('$xavp(_dsdst_[3]=>uri)'), g('$xavp(_dsctx_=>cnt)')";
    assert_eq!(
        answers(script),
        "1 [sip:127.0.0.1:5071;transport=udp] [sip:bob@kam.test] [sip:127.0.0.1:5071;transport=udp] 2 [attrs=x] \
         [sip:127.0.0.1:5072] nil [sip:127.0.0.1:5073] nil 3"
    );
}

#[test]
fn failover_goes_through_the_destinations_once() {
    let script = "return d.ds_select_dst(2, 8), d.ds_next_dst(), g('$du'), g('$xavp(_dsdst_=>uri)'), d.ds_next_dst(), g('$du'), \
                  d.ds_next_dst(), g('$du'), d.ds_next_dst(), g('$xavp(_dsdst_=>uri)')";
    assert_eq!(
        answers(script),
        "1 1 [sip:127.0.0.1:5072] [sip:127.0.0.1:5072] 1 [sip:127.0.0.1:5073] -1 [sip:127.0.0.1:5073] -1 nil"
    );
}

#[test]
fn a_destination_names_the_socket_to_leave_from() {
    let run = run(
        &tables(),
        "d.ds_select_dst(2, 8) d.ds_next_dst() d.ds_next_dst()",
    );
    assert_eq!(run.draft().target.listener, Some(1));
}

#[test]
fn another_selection_takes_the_place_of_the_one_before() {
    let script = "d.ds_select_dst(2, 8) d.ds_select_dst(3, 8) return g('$du'), d.ds_next_dst(), g('$xavp(_dsctx_=>cnt)')";
    assert_eq!(answers(script), "[sip:127.0.7.2:5099] -1 1");
}

#[test]
fn without_the_flag_there_is_no_failover() {
    let script = "return d.ds_select_dst(2, 8), g('$du'), g('$xavp(_dsdst_=>uri)'), g('$xavp(_dsctx_=>cnt)'), d.ds_next_dst(), d.ds_mark_dst()";
    let run = run_with(&tables(), &[], script);
    assert_eq!(
        run.shown(),
        "1 [sip:127.0.0.1:5071;transport=udp] nil 0 -1 -1"
    );
}

#[test]
fn the_values_have_the_names_that_are_configured() {
    let parameters = [
        ("flags", Value::Integer(2)),
        ("xavp_dst", Value::Text("gw".into())),
        ("xavp_ctx", Value::Text("info".into())),
    ];
    let script = "d.ds_select_dst(2, 8) return g('$xavp(gw=>uri)'), g('$xavp(info=>cnt)'), d.ds_next_dst(), g('$xavp(gw=>uri)')";
    let run = run_with(&tables(), &parameters, script);
    assert_eq!(
        run.shown(),
        "[sip:127.0.0.1:5071;transport=udp] 3 1 [sip:127.0.0.1:5072]"
    );
}

#[test]
fn the_host_of_a_destination_becomes_that_of_the_request_uri() {
    let script = "return d.ds_select_domain(1, 4), g('$ru'), g('$du'), d.ds_next_domain(), \
                  d.ds_select_domain(2, 8), d.ds_next_domain(), g('$ru')";
    assert_eq!(
        answers(script),
        "1 [sip:bob@127.0.0.1:5070;transport=tcp;x=1] nil -1 1 1 [sip:bob@127.0.0.1:5072]"
    );
}

#[test]
fn choosing_and_using_can_be_two_steps() {
    let script =
        "return d.ds_select(2, 8), g('$du'), d.ds_set_dst(), g('$du'), d.ds_set_domain(), g('$ru')";
    assert_eq!(
        answers(script),
        "1 nil 1 [sip:127.0.0.1:5071;transport=udp] 1 [sip:bob@127.0.0.1:5071;transport=udp]"
    );
    assert_eq!(answers("return d.ds_set_dst(), d.ds_set_domain()"), "-1 -1");
}

#[test]
fn a_limit_bounds_the_destinations() {
    for call in [
        "ds_select_dst_limit(2, 8, 2)",
        "ds_select_domain_limit(2, 8, 2)",
        "ds_select_limit(2, 8, 2)",
        "ds_select_routes_limit('2=8', '0', 2)",
    ] {
        let script =
            format!("return d.{call}, g('$xavp(_dsctx_=>cnt)'), g('$xavp(_dsdst_[2]=>uri)')");
        assert_eq!(answers(&script), "1 2 nil", "{call}");
    }
}

#[test]
fn rules_choose_from_several_sets() {
    let script = "return d.ds_select_routes('3=8;2=8', '0'), g('$du'), g('$xavp(_dsctx_=>cnt)'), g('$xavp(_dsdst_[1]=>uri)'), \
                  g('$xavp(_dsdst_[1]=>grp)')";
    assert_eq!(
        answers(script),
        "1 [sip:127.0.7.2:5099] 4 [sip:127.0.0.1:5071;transport=udp] 2"
    );
    let script = "return d.ds_select_routes('9=8;3=8', '1'), g('$ru'), d.ds_select_routes('3=8', '2'), \
                  d.ds_select_routes('zz', '0'), d.ds_select_routes('3=8', 'x'), d.ds_select_routes('9=8', '0')";
    assert_eq!(answers(script), "1 [sip:bob@127.0.7.2:5099] 1 -1 -1 -1");
}

#[test]
fn unknown_sets_and_sets_without_a_usable_destination_fail() {
    let run = run(
        &tables(),
        "return d.ds_select_dst(9, 4), d.ds_select_dst(7, 4)",
    );
    assert_eq!(run.shown(), "-1 -1");
    assert_eq!(
        run.log,
        [
            "Error: dispatcher: set 9: there is no such set of destinations",
            "Error: dispatcher: set 7: no destination of the set is in use",
        ]
    );
}

#[test]
fn a_hash_over_a_text_needs_its_parameter() {
    assert_eq!(answers("return d.ds_select_dst(2, 7)"), "-1");
    let parameters = [("hash_pvar", Value::Text("$fU".into()))];
    let first = run_with(
        &tables(),
        &parameters,
        "return d.ds_select_dst(2, 7), g('$du')",
    )
    .shown();
    let again = run_with(
        &tables(),
        &parameters,
        "return d.ds_select_dst(2, 7), g('$du')",
    )
    .shown();
    assert_eq!(first, again);
    assert!(first.starts_with("1 [sip:127.0.0.1:507"));
}

#[test]
fn every_algorithm_finds_a_destination() {
    for algorithm in [0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 99] {
        assert_eq!(
            answers(&format!("return d.ds_select_dst(2, {algorithm})")),
            "1",
            "{algorithm}"
        );
    }
}

#[test]
fn a_destination_is_marked_by_what_a_script_found() {
    let script = "return d.ds_mark_dst(), d.ds_select_dst(2, 8), d.ds_mark_dst(), d.ds_is_active_uri(2, 'sip:127.0.0.1:5071;transport=udp'), \
                  d.ds_is_active(2), d.ds_select_dst(2, 8), g('$du'), d.ds_mark_dst_state('zz'), d.ds_mark_dst_state('ip'), \
                  d.ds_select_dst(2, 8), g('$du')";
    assert_eq!(
        answers(script),
        "-1 1 1 -1 1 1 [sip:127.0.0.1:5072] -1 1 1 [sip:127.0.0.1:5073]"
    );
}

#[test]
fn destinations_are_marked_by_their_uri() {
    let script = "return d.ds_mark_addr('i', 3, 'sip:127.0.7.2:5099'), d.ds_is_active(3), d.ds_mark_addr('a', 3, 'sip:127.0.7.2:5099'), \
                  d.ds_is_active(3), d.ds_mark_addr('i', 3, 'sip:nobody'), d.ds_mark_dst('i')";
    assert_eq!(answers(script), "1 -1 1 1 -1 -1");
}

#[test]
fn the_source_is_looked_for_in_sets() {
    let script = "local f, m = d.ds_is_from_list, d.ds_is_from_list_mode return f(3), f(4), f(5), f(6), f(7), f(9), f(-1), \
                  d.ds_is_from_lists(), m(5, 3), m(6, 0), m(6, 2), m(7, 6), m(3, 6), m(3, 4)";
    assert_eq!(answers(script), "1 1 -1 1 1 -1 1 1 1 -1 1 -1 1 1");
}

#[test]
fn a_uri_is_looked_for_instead_of_the_source() {
    let script = "local f = d.ds_is_from_list_uri return f(1, 2, 'sip:127.0.0.1:5070'), f(1, 2, 'sip:127.0.0.1:5071'), \
                  f(-1, 3, 'sip:127.0.0.1:1'), f(1, 2, 'sip:name.test'), f(1, 2, 'nothing'), f(1, 0, 'sip:127.0.0.1:5070;transport=tcp')";
    assert_eq!(answers(script), "1 -1 1 -1 -1 1");
}

#[test]
fn what_was_found_goes_where_parameters_say() {
    let tables = tables();
    let list = "8 sip:127.0.7.2:5099 0 0 name=gw\n";
    tables
        .dispatcher
        .reload(parse_list(list).expect("a list"))
        .expect("room");
    let parameters = [
        ("attrs_pvname", Value::Text("$avp(attrs)".into())),
        ("setid_pvname", Value::Text("$avp(set)".into())),
    ];
    let script = "d.ds_is_from_list(8) local set = g('$avp(set)') d.ds_is_from_lists() return g('$avp(attrs)'), set, g('$avp(set)')";
    assert_eq!(
        run_with(&tables, &parameters, script).shown(),
        "[name=gw] nil 8"
    );
}

#[test]
fn sets_exist_or_not() {
    let script = "return d.ds_list_exists(2), d.ds_list_exists(9), d.ds_list_exist(2), d.ds_is_active(9), d.ds_is_active_uri(2, 'sip:x')";
    assert_eq!(answers(script), "1 -1 1 -1 -1");
}

#[test]
fn the_call_load_follows_the_call() {
    let tables = ScriptTables::new(1);
    let list = "1 sip:127.0.0.1:1 0 0 duid=a;maxload=1\n1 sip:127.0.0.1:2 0 0 duid=b;maxload=1\n";
    tables.dispatcher.configure(DispatcherSettings::default());
    tables
        .dispatcher
        .reload(parse_list(list).expect("a list"))
        .expect("room");
    let tables = Arc::new(tables);
    let calls = || -> Vec<u32> {
        let sets = tables.dispatcher.list();
        sets.iter()
            .flat_map(|(_, all)| all.iter().map(|one| one.calls()))
            .collect()
    };
    assert_eq!(
        run(
            &tables,
            "return d.ds_load_update(), d.ds_select_dst(1, 10), d.ds_load_update()"
        )
        .shown(),
        "0 1 0"
    );
    assert_eq!(calls().iter().sum::<u32>(), 1);
    let before = calls();
    assert_eq!(
        run(&tables, "return d.ds_select_dst(1, 10), d.ds_next_dst()")
            .shown()
            .split(' ')
            .next(),
        Some("1")
    );
    assert_eq!(calls().iter().sum::<u32>(), 1, "{before:?}");
    assert_eq!(
        run(&tables, "return d.ds_load_unset(), d.ds_load_unset()").shown(),
        "1 -1"
    );
    assert_eq!(calls(), [0, 0]);
    assert!(
        tables
            .dispatcher
            .next_probe_at()
            .is_none_or(|at| at >= Time::ZERO)
    );
}

#[test]
fn what_the_administration_does_fails_and_what_never_was_is_nil() {
    assert_eq!(
        answers("return d.ds_reload(), d.ds_select_next == nil"),
        "-1 true"
    );
}
