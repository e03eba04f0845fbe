//! Tests of `tm_settings`.

use core::time::Duration;

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

#[test]
fn timers_are_milliseconds_and_zero_leaves_them() {
    let run = run_lua(
        "return KSR.tm.t_set_fr(30000, 2000)",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1");
    assert_eq!(run.draft().ring_timeout, Some(Duration::from_secs(30)));
    assert_eq!(run.draft().response_timeout, Some(Duration::from_secs(2)));

    let run = run_lua(
        "return KSR.tm.t_set_fr(0, 500), KSR.tm.t_set_fr_inv(700)",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1 1");
    assert_eq!(run.draft().ring_timeout, Some(Duration::from_millis(700)));
    assert_eq!(
        run.draft().response_timeout,
        Some(Duration::from_millis(500))
    );
}

#[test]
fn timers_go_back_to_what_is_configured() {
    let run = run_lua(
        "KSR.tm.t_set_fr(1, 1) return KSR.tm.t_reset_fr()",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1");
    assert_eq!(
        (run.draft().ring_timeout, run.draft().response_timeout),
        (None, None)
    );
}

#[test]
fn times_below_zero_are_refused() {
    let run = run_lua(
        "return KSR.tm.t_set_fr(-1, 5), KSR.tm.t_set_fr(5, -1)",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1");
    assert_eq!(
        (run.draft().ring_timeout, run.draft().response_timeout),
        (None, None)
    );
}

#[test]
fn what_has_no_effect_is_accepted() {
    let run = run_lua(
        "local t = KSR.tm return t.t_set_auto_inv_100(0), t.t_set_disable_6xx(1), t.t_set_disable_failover(1), \
         t.t_set_disable_internal_reply(1), t.t_set_no_e2e_cancel_reason(1), t.t_set_max_lifetime(1, 1), \
         t.t_reset_max_lifetime(), t.t_set_retr(1, 1), t.t_reset_retr(), t.t_use_uac_headers(), \
         t.t_drop_replies('n'), t.t_drop_replies_all(), t.t_clean()",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1 1 1 1 1 1 1 1 1 1 1 1 1");
    assert!(run.acts.is_empty());
}

#[test]
fn what_never_is_says_so() {
    let script =
        "return KSR.tm.t_is_expired(), KSR.tm.t_is_retr_async_reply(), KSR.tm.t_save_lumps()";
    assert_eq!(run_lua(script, FakeContext::of(INVITE)).shown(), "-1 -1 -1");
    let context =
        FakeContext::of(INVITE).with(|context| context.outcomes.transaction.exists = true);
    assert_eq!(run_lua(script, context).shown(), "-1 -1 1");
}

#[test]
fn what_needs_an_engine_warns_once_a_module() {
    let run = run_lua(
        "return KSR.tm.t_replicate('sip:a@b'), KSR.tm.t_replicate('sip:a@b'), \
         KSR.tm.t_uac_send('a', 'b', 'c', 'd', 'e', 'f')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1");
    assert_eq!(
        run.log,
        ["Warning: functions of tm fail: requests are not replicated"]
    );
}
