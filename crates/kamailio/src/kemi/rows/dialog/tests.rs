//! Tests of `dialog`.

use std::sync::Arc;

use strowger_routing::tables::ScriptTables;
use strowger_sip::{Now, Time};

use crate::cfg::Value;
use crate::kemi::fake::{FakeContext, FakeHost, FakeRun};
use crate::kemi::run::RoutePlace;

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn within(method: &str) -> String {
    INVITE
        .replace("INVITE", method)
        .replace("To: <sip:bob@kam.test>", "To: <sip:bob@kam.test>;tag=2")
}

struct Bench {
    tables: Arc<ScriptTables>,
    seconds: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            tables: Arc::new(ScriptTables::new(1)),
            seconds: 100,
        }
    }

    fn run_at(&self, place: RoutePlace, text: &str, script: &str) -> FakeRun {
        let script = format!(
            "function ksr_request_route() end function here() local d, g = KSR.dialog, KSR.pv.get {script} end"
        );
        let mut host = FakeHost::new(&script, |door| {
            door.set_parameter(
                "dialog",
                "profiles_with_value",
                Value::Text("caller ; callee".into()),
            );
            door.set_parameter("dialog", "profiles_no_value", Value::Text("st".into()));
        });
        let context = FakeContext::of(text).with(|context| {
            context.tables = Arc::clone(&self.tables);
            let monotonic = Time::from_secs(self.seconds);
            context.now = Now {
                monotonic,
                ..context.now
            };
        });
        host.call("here", place, context)
    }

    fn answers(&self, text: &str, script: &str) -> String {
        self.run_at(RoutePlace::Request, text, script).shown()
    }
}

#[test]
fn a_dialog_is_known_from_its_invite_to_its_bye() {
    let bench = Bench::new();
    assert_eq!(
        bench.answers(
            INVITE,
            "return d.is_known_dlg(), d.dlg_manage(), d.dlg_manage(), d.is_known_dlg()"
        ),
        "-1 1 -1 1"
    );
    assert_eq!(
        bench.answers(&within("UPDATE"), "return d.is_known_dlg(), d.dlg_manage()"),
        "1 1"
    );
    assert_eq!(
        bench.answers(
            &within("BYE"),
            "return d.is_known_dlg(), d.dlg_manage(), d.is_known_dlg()"
        ),
        "1 1 1"
    );
    assert_eq!(
        bench.answers(&within("BYE"), "return d.is_known_dlg()"),
        "-1"
    );
    assert!(bench.tables.dialogs.is_empty());
}

#[test]
fn what_is_relayed_confirms_and_ends_dialogs_too() {
    let mut bench = Bench::new();
    bench.answers(INVITE, "d.dlg_manage() return KSR.tm.t_relay()");
    bench.answers(&within("ACK"), "return KSR.tm.t_relay()");
    bench.seconds += 3_600;
    assert_eq!(bench.answers(INVITE, "return d.is_known_dlg()"), "1");
    bench.answers(&within("BYE"), "return KSR.tm.t_relay()");
    assert!(bench.tables.dialogs.is_empty());
}

#[test]
fn a_dialog_that_nobody_confirms_ends_by_itself() {
    let mut bench = Bench::new();
    bench.answers(INVITE, "return d.dlg_manage()");
    bench.seconds += 300;
    assert_eq!(bench.answers(INVITE, "return d.is_known_dlg()"), "-1");
}

#[test]
fn only_an_invite_begins_a_dialog() {
    let bench = Bench::new();
    assert_eq!(
        bench.answers(
            &INVITE.replace("INVITE", "OPTIONS"),
            "return d.dlg_manage()"
        ),
        "-1"
    );
    assert_eq!(
        bench.answers(&within("INVITE"), "return d.dlg_manage()"),
        "-1"
    );
    let reply = format!(
        "SIP/2.0 200 OK\n{}",
        within("INVITE")
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
    );
    assert_eq!(
        bench.answers(&reply, "return d.dlg_manage(), d.is_known_dlg()"),
        "-1 -1"
    );
    bench.answers(INVITE, "return d.dlg_manage()");
    assert_eq!(
        bench.answers(&reply, "return d.dlg_manage(), d.is_known_dlg()"),
        "1 1"
    );
    assert_eq!(bench.tables.dialogs.len(), 1);
}

#[test]
fn profiles_count_dialogs_by_value() {
    let bench = Bench::new();
    let script = "d.dlg_manage() return d.set_dlg_profile('caller', 'alice'), d.set_dlg_profile_static('st'), \
                  d.set_dlg_profile('none', 'x'), d.set_dlg_profile('st', 'x'), d.set_dlg_profile_static('caller'), \
                  d.is_in_profile('caller', 'alice'), d.is_in_profile('caller', 'bob'), d.is_in_profile_static('st'), d.is_in_profile('none', 'x')";
    assert_eq!(bench.answers(INVITE, script), "1 1 -1 -1 -1 1 -1 1 -1");
    let script = "local v = '$var(n)' return d.get_profile_size('caller', 'alice', v), g(v), d.get_profile_size('caller', 'bob', v), g(v), \
                  d.get_profile_size_static('st', v), g(v), d.get_profile_size('none', 'x', v), d.get_profile_size('caller', '', v), \
                  d.get_profile_size_static('caller', v), d.get_profile_size('caller', 'alice', 'nothing')";
    assert_eq!(bench.answers(INVITE, script), "1 1 1 0 1 1 -1 -1 -1 -1");
}

#[test]
fn profiles_are_left_in_functions_for_replies() {
    let bench = Bench::new();
    let unset = "return d.unset_dlg_profile('caller', 'alice'), d.unset_dlg_profile_static('st')";
    bench.answers(
        INVITE,
        "d.dlg_manage() d.set_dlg_profile('caller', 'alice') d.set_dlg_profile_static('st')",
    );
    assert_eq!(bench.answers(INVITE, unset), "-1 -1");
    let left = bench.run_at(RoutePlace::TransactionReply, INVITE, unset);
    assert_eq!(left.shown(), "1 1");
    assert_eq!(
        bench.run_at(RoutePlace::Failure, INVITE, unset).shown(),
        "-1 -1"
    );
    assert_eq!(
        bench
            .run_at(
                RoutePlace::Failure,
                INVITE,
                "return d.unset_dlg_profile('none', 'x')"
            )
            .shown(),
        "-1"
    );
}

#[test]
fn what_is_set_before_the_dialog_belongs_to_it_then() {
    let bench = Bench::new();
    let script = "local a = d.set_dlg_profile('caller', 'alice') d.var_sets('k', 'v') d.var_sets('gone', 'x') d.var_rm('gone') d.dlg_setflag(3) \
                  local b = d.var_get('k') d.dlg_manage() \
                  return a, b, d.is_in_profile('caller', 'alice'), d.var_get('k'), d.var_get('gone'), d.dlg_isflagset(3)";
    assert_eq!(bench.answers(INVITE, script), "1 nil 1 [v] nil 1");
}

#[test]
fn what_is_kept_for_a_dialog_that_has_not_begun_is_bounded() {
    let script = "local fits, vars = 0, 0 for i = 1, 40 do if d.set_dlg_profile('caller', 'v' .. i) > 0 then fits = fits + 1 end \
                  if d.var_sets('v' .. i, 'x') > 0 then vars = vars + 1 end end return fits, vars";
    assert_eq!(Bench::new().answers(INVITE, script), "16 32");
}

#[test]
fn variables_are_read_in_three_ways() {
    let script = "d.dlg_manage() return d.var_sets('k', 'v'), d.var_get('k'), d.var_gete('no'), d.var_getw('no'), d.var_get('no'), \
                  d.var_is_null('k'), d.var_is_null('no'), d.var_rm('k'), d.var_rm('k'), d.var_get('k')";
    assert_eq!(
        Bench::new().answers(INVITE, script),
        "1 [v] [] [<null>] nil 1 -1 1 1 nil"
    );
}

#[test]
fn flags_are_set_and_taken_away() {
    let script = "return d.dlg_isflagset(1), d.dlg_setflag(1), d.dlg_isflagset(1), d.dlg_isflagset(2), d.dlg_resetflag(1), d.dlg_isflagset(1), \
                  d.dlg_setflag(32), d.dlg_setflag(-1)";
    let answer = "-1 1 1 -1 1 -1 -1 -1";
    let bench = Bench::new();
    assert_eq!(bench.answers(INVITE, script), answer);
    assert_eq!(
        bench.answers(INVITE, &format!("d.dlg_manage() {script}")),
        answer
    );
}

#[test]
fn the_lifetime_of_a_dialog_is_set() {
    let mut bench = Bench::new();
    assert_eq!(bench.answers(INVITE, "return d.dlg_set_timeout(10)"), "-1");
    assert_eq!(bench.answers(INVITE, "d.dlg_manage() return d.dlg_set_timeout(10), d.dlg_set_timeout(0), d.dlg_set_timeout(-1)"), "1 -1 -1");
    bench.answers(&within("ACK"), "return d.is_known_dlg()");
    bench.seconds += 10;
    assert_eq!(bench.answers(INVITE, "return d.is_known_dlg()"), "-1");
}

#[test]
fn properties_are_accepted_by_name_and_actions_fail() {
    let script = "return d.dlg_set_property('ka-src'), d.dlg_set_property('timeout-noreset'), d.dlg_set_property('zz'), \
                  d.dlg_reset_property('ka-dst'), d.dlg_reset_property('zz'), d.dlg_bye('all'), d.dlg_bridge('a', 'b', 'c'), \
                  d.dlg_db_load_callid('x'), d.dlg_db_load_extra(), d.dlg_set_timeout_id(1, 2, 3)";
    assert_eq!(
        Bench::new().answers(INVITE, script),
        "1 1 -1 1 -1 -1 -1 -1 -1 -1"
    );
}

#[test]
fn variables_are_pseudo_variables_too() {
    let script = "d.dlg_manage() local p = KSR.pv return p.sets('$dlg_var(k)', 'v'), g('$dlg_var(k)'), d.var_get('k'), \
                  p.seti('$dlg_var(n)', 5), g('$dlg_var(n)'), g('$dlg_var(none)'), p.unset('$dlg_var(k)'), g('$dlg_var(k)')";
    assert_eq!(
        Bench::new().answers(INVITE, script),
        "true [v] [v] true [5] nil true nil"
    );
}

#[test]
fn a_dialog_is_asked_for_by_its_names() {
    let bench = Bench::new();
    let script =
        "return d.dlg_get('c1', '1', ''), d.dlg_get('c1', '2', '1'), d.dlg_get('c1', 'x', 'y')";
    assert_eq!(bench.answers(INVITE, script), "-1 -1 -1");
    assert_eq!(
        bench.answers(INVITE, &format!("d.dlg_manage() {script}")),
        "1 1 -1"
    );
}
