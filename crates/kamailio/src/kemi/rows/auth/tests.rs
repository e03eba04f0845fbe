//! Tests of `auth`.

use strowger_routing::{DigestOutcome, ReplyOutcome};

use crate::cfg::Value;
use crate::kemi::fake::{FakeContext, FakeHost, run_lua};

const REGISTER: &str = "REGISTER sip:kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:alice@kam.test>
Call-ID: c1
CSeq: 1 REGISTER
Authorization: Digest username=\"alice\", realm=\"kam.test\", nonce=\"n\", uri=\"sip:kam.test\", response=\"0\"
Content-Length: 0

";

fn digest(outcome: DigestOutcome) -> FakeContext {
    FakeContext::of(REGISTER).with(|context| context.outcomes.digest = outcome)
}

#[test]
fn codes_say_what_is_wrong_with_credentials() {
    for (outcome, answer) in [
        (DigestOutcome::Passed, "1"),
        (DigestOutcome::Failed, "-1"),
        (DigestOutcome::WrongPassword, "-2"),
        (DigestOutcome::UnknownUser, "-3"),
        (DigestOutcome::StaleNonce, "-4"),
        (DigestOutcome::NoCredentials, "-5"),
        (DigestOutcome::NonceReused, "-6"),
        (DigestOutcome::NotTheClaimed, "-8"),
    ] {
        let run = run_lua(
            "return KSR.auth_db.auth_check('kam.test', 'subscriber', 1)",
            digest(outcome),
        );
        assert_eq!(run.shown(), answer, "{outcome:?}");
        assert_eq!(run.acts, ["verify_digest kam.test account identity=true"]);
    }
}

#[test]
fn passwords_come_from_the_account_or_from_the_script() {
    for (call, act) in [
        ("auth_db.auth_check('r', 't', 0)", "account identity=false"),
        (
            "auth_db.www_authenticate('r', 't')",
            "account identity=false",
        ),
        (
            "auth_db.proxy_authenticate('r', 't')",
            "account identity=false",
        ),
        (
            "auth.pv_auth_check('r', 'secret', 0, 0)",
            "plain:secret identity=false",
        ),
        (
            "auth.pv_auth_check('r', 'abcd', 1, 1)",
            "ha1:abcd identity=true",
        ),
        (
            "auth.pv_www_authenticate('r', 'secret', 0)",
            "plain:secret identity=false",
        ),
        (
            "auth.pv_proxy_authenticate('r', 'abcd', 1)",
            "ha1:abcd identity=false",
        ),
    ] {
        let run = run_lua(&format!("return KSR.{call}"), digest(DigestOutcome::Passed));
        assert_eq!(run.shown(), "1");
        assert_eq!(run.acts, [format!("verify_digest r {act}")]);
    }
}

#[test]
fn an_empty_realm_is_an_error() {
    let run = run_lua(
        "return KSR.auth_db.auth_check('', 't', 0), KSR.auth.pv_auth_check('', 'x', 0, 0)",
        digest(DigestOutcome::Passed),
    );
    assert_eq!(run.shown(), "-1 -1");
    assert!(run.acts.is_empty());
}

#[test]
fn challenges_read_their_flags() {
    for (call, act) in [
        (
            "auth_challenge('r', 0)",
            "qop=false stale=false status=None",
        ),
        (
            "auth_challenge('r', 2)",
            "qop=false stale=false status=None",
        ),
        ("auth_challenge('r', 4)", "qop=true stale=false status=None"),
        ("auth_challenge('r', 8)", "qop=true stale=false status=None"),
        (
            "auth_challenge('r', 16)",
            "qop=false stale=true status=None",
        ),
        (
            "auth_challenge_hftype('r', 0, 1)",
            "qop=false stale=false status=Some(401)",
        ),
        (
            "auth_challenge_hftype('r', 0, 2)",
            "qop=false stale=false status=Some(407)",
        ),
        (
            "auth_challenge_hftype('r', 0, 0)",
            "qop=false stale=false status=None",
        ),
        (
            "www_challenge('r', 2)",
            "qop=false stale=false status=Some(401)",
        ),
        (
            "proxy_challenge('r', 0)",
            "qop=false stale=false status=Some(407)",
        ),
    ] {
        let run = run_lua(
            &format!("return KSR.auth.{call}"),
            FakeContext::of(REGISTER),
        );
        assert_eq!(run.shown(), "1");
        assert_eq!(run.acts, [format!("challenge r {act}")], "{call}");
    }
}

#[test]
fn the_parameter_qop_is_the_default() {
    for (qop, flags, offered) in [
        ("", 0, false),
        ("", 4, true),
        ("auth", 0, true),
        ("auth-int", 2, false),
    ] {
        let script = format!("return KSR.auth.auth_challenge('r', {flags})");
        let mut host = FakeHost::new(&script, |door| {
            door.set_parameter("auth", "qop", Value::Text(qop.into()))
        });
        let run = host.request(FakeContext::of(REGISTER));
        assert_eq!(
            run.acts,
            [format!("challenge r qop={offered} stale=false status=None")]
        );
    }
}

#[test]
fn a_challenge_after_a_stale_nonce_says_so() {
    let script = "KSR.auth_db.auth_check('r', 't', 0) KSR.auth.auth_challenge('r', 0)";
    for (outcome, stale) in [
        (DigestOutcome::StaleNonce, true),
        (DigestOutcome::NonceReused, true),
        (DigestOutcome::WrongPassword, false),
    ] {
        let run = run_lua(script, digest(outcome));
        assert_eq!(
            run.acts[1],
            format!("challenge r qop=false stale={stale} status=None")
        );
    }
}

#[test]
fn a_challenge_that_did_not_leave_is_an_error() {
    for outcome in [ReplyOutcome::Failed, ReplyOutcome::Refused] {
        let context =
            FakeContext::of(REGISTER).with(|context| context.outcomes.challenge = outcome);
        assert_eq!(
            run_lua("return KSR.auth.auth_challenge('r', 0)", context).shown(),
            "-1"
        );
    }
}

#[test]
fn the_digest_user_is_of_the_credentials_that_were_good() {
    let text = REGISTER.replace(
        "CSeq:",
        "Proxy-Authorization: Digest username=\"victim\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"\nCSeq:",
    );
    let position = |line: &str| text.lines().skip(1).position(|one| one.starts_with(line));
    let good = position("Authorization:");
    let user = |verified: Option<usize>| {
        let context =
            FakeContext::of(&text).with(|context| context.outcomes.verified_credentials = verified);
        run_lua("return KSR.kx.get_au()", context)
            .shown()
            .to_owned()
    };
    assert!(good.is_some());
    assert_eq!(user(None), "[victim]");
    assert_eq!(user(good), "[alice]");
}

#[test]
fn credentials_that_were_good_are_removed() {
    let context =
        FakeContext::of(REGISTER).with(|context| context.outcomes.verified_credentials = Some(5));
    let run = run_lua("return KSR.auth.consume_credentials()", context);
    assert_eq!(run.shown(), "1");
    assert!(
        !run.message().contains("Authorization"),
        "{}",
        run.message()
    );
    assert!(run.message().contains("CSeq: 1 REGISTER\nContent-Length"));

    let run = run_lua(
        "return KSR.auth.consume_credentials()",
        FakeContext::of(REGISTER),
    );
    assert_eq!(run.shown(), "-1");
    assert_eq!(run.message(), REGISTER);
    let context =
        FakeContext::of(REGISTER).with(|context| context.outcomes.verified_credentials = Some(99));
    assert_eq!(
        run_lua("return KSR.auth.consume_credentials()", context).shown(),
        "-1"
    );
}

#[test]
fn credentials_are_found_by_their_realm() {
    let script =
        "return KSR.auth.has_credentials('kam.test'), KSR.auth.has_credentials('other.test')";
    assert_eq!(run_lua(script, FakeContext::of(REGISTER)).shown(), "1 -1");
    let proxy = REGISTER.replace("Authorization", "Proxy-Authorization");
    assert_eq!(run_lua(script, FakeContext::of(&proxy)).shown(), "1 -1");
    let basic = REGISTER.replace("Digest username", "Basic username");
    assert_eq!(run_lua(script, FakeContext::of(&basic)).shown(), "-1 -1");
}

#[test]
fn is_subscriber_asks_for_the_account() {
    let script = "return KSR.auth_db.is_subscriber('sip:alice@kam.test', 'subscriber', 0)";
    assert_eq!(run_lua(script, FakeContext::of(REGISTER)).shown(), "-1");
}
