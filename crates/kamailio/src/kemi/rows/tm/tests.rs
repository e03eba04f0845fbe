//! Tests of `tm`.

use strowger_routing::{
    ForwardError, ReplyOutcome, StoredMessage, TransactionMatch, TransactionView,
};

use crate::kemi::fake::{FakeContext, FakeHost, Outcomes, parsed, run_lua};
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

const BUSY: &str = "SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK2
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>;tag=2
Call-ID: c1
CSeq: 1 INVITE
Content-Length: 0

";

fn with(change: impl FnOnce(&mut Outcomes)) -> FakeContext {
    FakeContext::of(INVITE).with(|context| change(&mut context.outcomes))
}

fn view(reply_code: u16, branch_count: u16) -> TransactionView {
    TransactionView {
        exists: true,
        reply_code,
        branch_count,
        branch_index: branch_count.saturating_sub(1),
        ..TransactionView::default()
    }
}

/// What an expression answers in a function for failures.
fn after_failure(view: TransactionView, stored: Option<&str>, expressions: &str) -> String {
    let script =
        format!("function ksr_request_route() end function failed() return {expressions} end");
    let context = with(|outcomes| outcomes.transaction = view).with(|context| {
        let stored = stored.map(|text| (StoredMessage::Reply, parsed(text)));
        context.stored.extend(stored);
    });
    let run = FakeHost::new(&script, |_| {}).call("failed", RoutePlace::Failure, context);
    run.shown()
}

#[test]
fn t_check_trans_tells_what_a_message_belongs_to() {
    let script = "return KSR.tm.t_check_trans(), KSR.tm.t_lookup_request(), \
                  KSR.tm.t_lookup_cancel(), KSR.tm.t_lookup_cancel_flags(1)";
    for (matched, answer) in [
        (TransactionMatch::None, "-1 -1 -1 -1"),
        (TransactionMatch::Own, "0 1 -1 -1"),
        (TransactionMatch::Cancel, "1 -1 1 1"),
        (TransactionMatch::Ack, "1 -1 -1 -1"),
    ] {
        let run = run_lua(
            script,
            with(|outcomes| outcomes.match_transaction = matched),
        );
        assert_eq!(run.shown(), answer, "{matched:?}");
    }
}

#[test]
fn t_newtran_makes_one_transaction() {
    let script = "return KSR.tm.t_newtran()";
    let run = run_lua(script, FakeContext::of(INVITE));
    assert_eq!(
        (run.shown().as_str(), run.acts),
        ("1", vec!["new_transaction".to_owned()])
    );
    let run = run_lua(script, with(|outcomes| outcomes.transaction.exists = true));
    assert_eq!((run.shown().as_str(), run.acts), ("-10", Vec::new()));
    let run = run_lua(script, with(|outcomes| outcomes.new_transaction = false));
    assert_eq!(run.shown(), "-1");
}

#[test]
fn t_relay_answers_by_what_went_wrong() {
    for (forward, answer) in [
        (Ok(()), "1 1"),
        (Err(ForwardError::Refused), "-1 -1"),
        (Err(ForwardError::Full), "-1 -1"),
        (Err(ForwardError::BadUri), "-400 -400"),
        (Err(ForwardError::NoRoute), "-478 -478"),
    ] {
        let run = run_lua(
            "return KSR.tm.t_relay(), KSR.tm.t_relay_to_flags(3)",
            with(|outcomes| outcomes.forward = forward),
        );
        assert_eq!(run.shown(), answer);
        assert_eq!(run.acts, ["forward", "forward"]);
    }
}

#[test]
fn relaying_over_a_transport_sets_the_destination() {
    for (call, destination) in [
        ("t_relay_to_proto('tcp')", "sip:kam.test;transport=tcp"),
        (
            "t_relay_to_proto_addr('udp', '192.0.2.1', 5070)",
            "sip:192.0.2.1:5070;transport=udp",
        ),
        (
            "t_relay_to_proto_addr('tls', '[2001:db8::1]', 0)",
            "sip:[2001:db8::1];transport=tls",
        ),
        (
            "t_relay_to_proxy('tcp:192.0.2.1:5070')",
            "sip:192.0.2.1:5070;transport=tcp",
        ),
        (
            "t_relay_to_proxy('udp:[2001:db8::1]:5070')",
            "sip:[2001:db8::1]:5070;transport=udp",
        ),
        (
            "t_relay_to_proxy_flags('udp:proxy.test', 1)",
            "sip:proxy.test;transport=udp",
        ),
    ] {
        let run = run_lua(&format!("return KSR.tm.{call}"), FakeContext::of(INVITE));
        assert_eq!(run.shown(), "1", "{call}");
        assert_eq!(run.acts, ["forward"]);
        let set = String::from_utf8_lossy(&run.draft().target.destination).into_owned();
        assert_eq!(set, destination);
    }
}

#[test]
fn t_relay_to_proto_keeps_the_host_of_a_destination() {
    let run = run_lua(
        "KSR.setdsturi('sip:192.0.2.9:5090;transport=tcp') return KSR.tm.t_relay_to_proto('udp')",
        FakeContext::of(INVITE),
    );
    assert_eq!(
        &*run.draft().target.destination,
        b"sip:192.0.2.9:5090;transport=udp"
    );
}

#[test]
fn places_that_are_none_are_not_relayed_to() {
    for (call, answer) in [
        ("t_relay_to_proto('carrier pigeon')", "-1"),
        ("t_relay_to_proto_addr('udp', 'a b', 1)", "-1"),
        ("t_relay_to_proto_addr('udp', 'a', 70000)", "-1"),
        ("t_relay_to_proxy('sip:192.0.2.1:5070')", "-1"),
        ("t_relay_to_proxy('udp')", "-1"),
        ("t_relay_to_proxy('udp:h:port')", "-1"),
    ] {
        let run = run_lua(&format!("return KSR.tm.{call}"), FakeContext::of(INVITE));
        assert_eq!(run.shown(), answer, "{call}");
        assert!(run.acts.is_empty());
        assert!(run.draft().target.destination.is_empty());
    }
}

#[test]
fn t_reply_needs_a_transaction_and_t_send_reply_makes_one() {
    let script = "return KSR.tm.t_reply(486, 'Busy'), KSR.tm.t_send_reply('404', 'Nobody')";
    let run = run_lua(script, FakeContext::of(INVITE));
    assert_eq!(run.shown(), "-1 1");
    assert_eq!(run.acts, ["answer Stateful 404 Nobody"]);
    assert_eq!(run.log, ["Error: t_reply: there is no transaction"]);

    let run = run_lua(
        script,
        with(|outcomes| {
            outcomes.transaction.exists = true;
            outcomes.answers = [ReplyOutcome::Sent, ReplyOutcome::Refused].into();
        }),
    );
    assert_eq!(run.shown(), "1 -1");
    assert_eq!(
        run.acts,
        ["answer Stateful 486 Busy", "answer Stateful 404 Nobody"]
    );
    let run = run_lua(
        "return KSR.tm.t_send_reply(99, 'x')",
        FakeContext::of(INVITE),
    );
    assert_eq!((run.shown().as_str(), run.acts.len()), ("-1", 0));
}

#[test]
fn functions_are_armed_and_disarmed_by_name() {
    let run = run_lua(
        "KSR.tm.t_on_branch('b') KSR.tm.t_on_reply('r') KSR.tm.t_on_failure('f') \
         KSR.tm.t_on_branch_failure('bf')",
        FakeContext::of(INVITE),
    );
    let hooks = &run.draft().hooks;
    for (hook, name) in [
        (&hooks.branch, "b"),
        (&hooks.reply, "r"),
        (&hooks.failure, "f"),
    ] {
        assert_eq!(hook.as_deref(), Some(name.as_bytes()));
    }
    assert_eq!(hooks.branch_failure, None, "no engine calls it");
    let run = run_lua(
        "return KSR.tm.t_is_set('failure_route'), KSR.tm.t_on_failure('f'), \
         KSR.tm.t_is_set('failure_route'), KSR.tm.t_on_failure(''), KSR.tm.t_is_set('failure_route')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 1 1 1 -1");
    assert_eq!(run.draft().hooks.failure, None);
}

#[test]
fn t_is_set_sees_what_the_transaction_has_armed() {
    let script = "local set = KSR.tm.t_is_set return set('branch_route'), set('onreply_route'), \
                  set('failure_route'), set('branch_failure_route'), set('nothing')";
    let run = run_lua(
        script,
        with(|outcomes| {
            outcomes.armed.reply = Some(b"r"[..].into());
            outcomes.armed.branch_failure = Some(b"bf"[..].into());
        }),
    );
    assert_eq!(run.shown(), "-1 1 -1 1 -1");
}

#[test]
fn t_is_canceled_needs_a_transaction() {
    for (exists, cancelled, answer) in [(false, true, "-1"), (true, false, "-1"), (true, true, "1")]
    {
        let run = run_lua(
            "return KSR.tm.t_is_canceled()",
            with(|outcomes| {
                outcomes.transaction.exists = exists;
                outcomes.transaction.cancelled = cancelled;
            }),
        );
        assert_eq!(run.shown(), answer);
    }
}

const ALL: &str = "KSR.tm.t_any_replied(), KSR.tm.t_any_timeout(), KSR.tm.t_branch_replied(), \
                   KSR.tm.t_branch_timeout()";

#[test]
fn a_branch_without_a_reply_has_timed_out() {
    assert_eq!(after_failure(view(408, 1), None, ALL), "-1 1 -1 1");
}

#[test]
fn the_reply_that_is_looked_at_does_not_count_as_a_reply_before() {
    assert_eq!(after_failure(view(486, 1), Some(BUSY), ALL), "-1 -1 -1 -1");
    assert_eq!(after_failure(view(486, 2), Some(BUSY), ALL), "1 -1 -1 -1");
}

#[test]
fn a_branch_that_rang_and_timed_out_has_replied() {
    let ringing = BUSY.replace("486 Busy Here", "180 Ringing");
    assert_eq!(after_failure(view(408, 1), Some(&ringing), ALL), "-1 1 1 1");
}

#[test]
fn a_408_that_somebody_sent_is_no_timeout() {
    let timeout = BUSY.replace("486 Busy Here", "408 Request Timeout");
    assert_eq!(
        after_failure(view(408, 1), Some(&timeout), ALL),
        "-1 -1 -1 -1"
    );
}

#[test]
fn without_a_transaction_nothing_has_replied() {
    let run = run_lua(
        &format!(
            "return {ALL}, KSR.tm.t_grep_status(486), KSR.tm.t_check_status('4..'), \
                  KSR.tm.t_get_status_code(), KSR.tm.t_get_branch_index(), KSR.tm.t_retransmit_reply(), KSR.tm.t_release()"
        ),
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 -1 -1 -1 0 -1 1");
}

#[test]
fn the_status_is_that_of_the_reply_or_of_the_transaction() {
    let script = "return KSR.tm.t_get_status_code(), KSR.tm.t_check_status('486'), \
                  KSR.tm.t_check_status('^4[0-9][0-9]$'), KSR.tm.t_check_status('5..'), KSR.tm.t_check_status('(')";
    assert_eq!(
        run_lua(script, FakeContext::of(BUSY)).shown(),
        "486 1 1 -1 -1"
    );
    let context = with(|outcomes| outcomes.transaction = view(486, 1));
    assert_eq!(run_lua(script, context).shown(), "486 1 1 -1 -1");
}

#[test]
fn t_grep_status_looks_at_branches_before_the_one_that_failed() {
    let grep = "KSR.tm.t_grep_status(486), KSR.tm.t_grep_status(487)";
    assert_eq!(after_failure(view(486, 1), Some(BUSY), grep), "-1 -1");
    assert_eq!(after_failure(view(486, 2), Some(BUSY), grep), "1 -1");
}

#[test]
fn the_branch_and_the_reply_of_a_transaction_are_told() {
    let run = run_lua(
        "return KSR.tm.t_get_branch_index(), KSR.tm.t_retransmit_reply()",
        with(|outcomes| outcomes.transaction = view(180, 3)),
    );
    assert_eq!(run.shown(), "2 1");
}
