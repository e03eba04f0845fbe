//! Tests of `tmx`.

use crate::kemi::fake::{FakeContext, FakeHost, run_lua};
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

#[test]
fn a_run_knows_where_it_is() {
    let script = "function ksr_request_route() end function here() local x = KSR.tmx \
                  return x.t_is_request_route(), x.t_is_reply_route(), x.t_is_failure_route(), x.t_is_branch_route() end";
    for (place, answer) in [
        (RoutePlace::Request, "1 -1 -1 -1"),
        (RoutePlace::Reply, "-1 1 -1 -1"),
        (RoutePlace::TransactionReply, "-1 1 -1 -1"),
        (RoutePlace::Failure, "-1 -1 1 -1"),
        (RoutePlace::Branch, "-1 -1 -1 1"),
        (RoutePlace::BranchFailure, "-1 -1 -1 -1"),
    ] {
        let run = FakeHost::new(script, |_| {}).call("here", place, FakeContext::of(INVITE));
        assert_eq!(run.shown(), answer, "{place:?}");
    }
}

#[test]
fn a_request_is_suspended_and_continued_by_its_name() {
    let script = "return KSR.tmx.t_suspend(), KSR.tmx.t_continue(3, 4, 'later')";
    let run = run_lua(script, FakeContext::of(INVITE));
    assert_eq!(run.shown(), "-1 -1");
    let run = run_lua(
        script,
        FakeContext::of(INVITE).with(|context| {
            context.outcomes.suspend = Some((3, 4));
            context.outcomes.continue_suspended = true;
        }),
    );
    assert_eq!(run.shown(), "1 1");
    assert_eq!(run.acts, ["suspend", "continue_suspended 3 4 later"]);
}

#[test]
fn names_that_are_none_are_not_continued() {
    let run = run_lua(
        "return KSR.tmx.t_continue(-1, 4, 'later'), KSR.tmx.t_continue(1, 4294967296, 'later')",
        FakeContext::of(INVITE).with(|context| context.outcomes.continue_suspended = true),
    );
    assert_eq!(run.shown(), "-1 -1");
    assert!(run.acts.is_empty());
}

#[test]
fn the_names_of_a_suspended_request_are_read_as_values() {
    let run = run_lua(
        "return KSR.pv.get('$T(id_index)'), KSR.pv.get('$T(id_label)')",
        FakeContext::of(INVITE).with(|context| {
            context.outcomes.transaction.exists = true;
            context.outcomes.transaction.id_index = 3;
            context.outcomes.transaction.id_label = 4;
        }),
    );
    assert_eq!(run.shown(), "3 4");
}

#[test]
fn branches_are_cancelled_all_or_but_this() {
    let run = run_lua(
        "local c = KSR.tmx.t_cancel_branches return c('all'), c('others'), c('this')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1 1 -1");
    assert_eq!(
        run.acts,
        [
            "cancel_branches others=false",
            "cancel_branches others=true"
        ]
    );
    let context = FakeContext::of(INVITE).with(|context| context.outcomes.cancel_branches = false);
    assert_eq!(
        run_lua("return KSR.tmx.t_cancel_branches('all')", context).shown(),
        "-1"
    );
}

#[test]
fn flags_are_flushed_where_there_is_a_transaction() {
    let script = "return KSR.tmx.t_flush_flags(), KSR.tmx.t_flush_xflags()";
    assert_eq!(run_lua(script, FakeContext::of(INVITE)).shown(), "-1 -1");
    let context =
        FakeContext::of(INVITE).with(|context| context.outcomes.transaction.exists = true);
    assert_eq!(run_lua(script, context).shown(), "1 1");
}

#[test]
fn what_never_is_says_so() {
    let run = run_lua(
        "return KSR.tmx.t_precheck_trans(), KSR.tmx.t_reuse_branch(), KSR.tmx.t_reply_callid('a', '1', 400, 'x'), \
         KSR.tmx.t_cancel_callid('a', '1', 0), KSR.tmx.t_cancel_callid_reason('a', '1', 0, 400)",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 -1");
    assert_eq!(run.log.len(), 1);
}
