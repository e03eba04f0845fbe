//! Tests of `uac`.

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

fn from(script: &str, text: &str) -> (String, String) {
    let run = run_lua(&format!("return KSR.uac.{script}"), FakeContext::of(text));
    let message = run.message();
    let line = message.lines().find(|line| line.starts_with("From:"));
    (run.shown(), line.expect("a From").to_owned())
}

#[test]
fn from_gets_another_name_and_uri_and_keeps_its_tag() {
    for (call, line) in [
        (
            "uac_replace_from('\"Ann\"', 'sip:ann@x.test')",
            "From: \"Ann\" <sip:ann@x.test>;tag=1",
        ),
        (
            "uac_replace_from('', 'sip:ann@x.test')",
            "From: <sip:ann@x.test>;tag=1",
        ),
        (
            "uac_replace_from('Ann', '')",
            "From: Ann <sip:alice@kam.test>;tag=1",
        ),
        (
            "uac_replace_from_uri('sip:ann@x.test')",
            "From: <sip:ann@x.test>;tag=1",
        ),
    ] {
        let answer = from(call, INVITE);
        assert_eq!(answer, ("1".to_owned(), line.to_owned()), "{call}");
    }
}

#[test]
fn an_address_without_brackets_gets_some() {
    let text = INVITE.replace("<sip:alice@kam.test>", "sip:alice@kam.test");
    assert_eq!(
        from("uac_replace_from('Ann', 'sip:a@b;p=1')", &text).1,
        "From: Ann <sip:a@b;p=1>;tag=1"
    );
}

#[test]
fn a_display_name_stays_where_only_the_uri_is_replaced() {
    let text = INVITE.replace("From: <", "From: \"Alice\" <");
    assert_eq!(
        from("uac_replace_from_uri('sip:a@b')", &text).1,
        "From: \"Alice\" <sip:a@b>;tag=1"
    );
}

#[test]
fn to_is_replaced_alike() {
    let run = run_lua(
        "return KSR.uac.uac_replace_to('Carol', 'sip:carol@x.test')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1");
    assert!(run.message().contains("To: Carol <sip:carol@x.test>\n"));
    let run = run_lua(
        "return KSR.uac.uac_replace_to_uri('sip:carol@x.test')",
        FakeContext::of(INVITE),
    );
    assert!(run.message().contains("To: <sip:carol@x.test>\n"));
}

#[test]
fn a_field_is_replaced_once() {
    let run = run_lua(
        "local u = KSR.uac return u.uac_replace_from_uri('sip:a@b'), u.uac_replace_from_uri('sip:c@d'), \
         u.uac_replace_to_uri('sip:e@f'), u.uac_replace_to('X', 'sip:g@h')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1 -1 1 -1");
    assert!(run.message().contains("From: <sip:a@b>;tag=1\n"));
    assert!(run.message().contains("To: <sip:e@f>\n"));
}

#[test]
fn what_is_no_uri_changes_nothing() {
    let answer = from("uac_replace_from('X', 'garbage')", INVITE);
    assert_eq!(
        answer,
        (
            "-1".to_owned(),
            "From: <sip:alice@kam.test>;tag=1".to_owned()
        )
    );
}

#[test]
fn line_ends_of_a_name_do_not_end_the_line() {
    let line = from("uac_replace_from('X\\r\\nEvil: yes', 'sip:a@b')", INVITE).1;
    assert_eq!(line, "From: X  Evil: yes <sip:a@b>;tag=1");
}

#[test]
fn what_needs_a_user_agent_fails() {
    let run = run_lua(
        "local u = KSR.uac return u.uac_restore_from(), u.uac_restore_to(), u.uac_auth(), u.uac_auth_mode(1), \
         u.uac_req_send(), u.uac_reg_status('x')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 -1 -1");
    assert_eq!(
        run.log,
        ["Warning: functions of uac fail: a script has no user agent of its own"]
    );
}
