//! `sanity`.

use strowger_routing::ReplyOutcome;

use super::{OPTIONS, REPLY, check, check_with, of};
use crate::cfg::Value;

/// A change of the OPTIONS, the bit that finds it, and the refusal; what the parser refuses cannot come here.
const FAULTS: &[(&str, &str, i64, i64, &str)] = &[
    (
        "sip:bob@kam.test SIP",
        "http://x SIP",
        2,
        0,
        "400 Bad Request URI",
    ),
    (
        "sip:bob@kam.test SIP",
        "http://x SIP",
        1_024,
        1,
        "400 Bad Request URI",
    ),
    (
        "<sip:alice@kam.test>",
        "<http://x>",
        1_024,
        2,
        "400 Invalid From Header",
    ),
    (
        "To: <sip:bob@kam.test>",
        "To: <http://x>",
        1_024,
        4,
        "400 Invalid To Header",
    ),
    (
        "Max",
        "Contact: <http://x>\nMax",
        1_024,
        8,
        "400 Invalid Contact Header",
    ),
    (
        "Max",
        "Expires: x\nMax",
        256,
        0,
        "400 Expires value is illegal",
    ),
    (
        "Max",
        "Expires: 99999999999\nMax",
        256,
        0,
        "400 Expires value is illegal",
    ),
    (
        "Max",
        "Proxy-Require: foo, bar\nMax",
        512,
        0,
        "420 Bad Proxy Require Extension headers=Unsupported: foo, bar\\r\\n",
    ),
    (
        "Max",
        "Authorization: Digest foo\nMax",
        2_048,
        0,
        "400 Bad Auth Header",
    ),
    (
        "Max",
        "Proxy-Authorization: Digest foo\nMax",
        8_192,
        0,
        "400 Bad Auth Header",
    ),
];

#[test]
fn faults_are_found_by_their_bit_and_answered() {
    for (from, to, bit, uri, answer) in FAULTS {
        let message = OPTIONS.replace(from, to);
        let run = check(
            of(&message),
            &format!("KSR.sanity.sanity_check({bit},{uri}) => -1"),
        );
        assert_eq!(run.acts, [format!("answer Stateless {answer}")], "{to}");
        let other = if *bit == 1_024 {
            (*bit, 15 & !uri)
        } else {
            (0x7fff & !bit & !1_024, 0)
        };
        if !to.contains("http") && !to.contains("Auth") {
            check(
                of(&message),
                &format!("KSR.sanity.sanity_check({},{}) => 1", other.0, other.1),
            );
        }
    }
}

#[test]
fn sound_messages_pass_every_check() {
    let run = check(
        of(OPTIONS),
        "
        KSR.sanity.sanity_check(17895,7) => 1
        KSR.sanity.sanity_check(17604,6) => 1
        KSR.sanity.sanity_check(32767,15) => 1
        KSR.sanity.sanity_check(0,0) => 1
        KSR.sanity.sanity_check_defaults() => 1
        KSR.sanity.sanity_reply() => 1
        ",
    );
    assert!(run.acts.is_empty());
    let tel = OPTIONS.replace("sip:bob@kam.test SIP", "tel:+123 SIP");
    check(of(&tel), "KSR.sanity.sanity_check(17895,7) => 1");
    // The check bit of Proxy-Require is not in the masks of the example.
    let require = OPTIONS.replace("Max", "Proxy-Require: foo\nMax");
    check(of(&require), "KSR.sanity.sanity_check(17604,6) => 1");
}

#[test]
fn replies_and_acks_are_never_answered() {
    let fault = "KSR.sanity.sanity_check(256,0) => -1";
    let reply = REPLY.replace("From:", "Expires: x\nFrom:");
    assert!(check(of(&reply), fault).acts.is_empty());
    let ack = OPTIONS
        .replace("OPTIONS", "ACK")
        .replace("Max", "Expires: x\nMax");
    assert!(check(of(&ack), fault).acts.is_empty());
}

#[test]
fn a_refusal_may_be_kept_back() {
    let bad = OPTIONS.replace("Max", "Expires: x\nMax");
    let noreply = |door: &mut crate::kemi::KemiDoor| {
        door.set_parameter("sanity", "noreply", Value::Integer(1));
    };
    let run = check_with(
        noreply,
        of(&bad),
        "
        KSR.sanity.sanity_check(256,0) => -1
        KSR.sanity.sanity_reply() => 1
        KSR.sanity.sanity_reply() => 1
        ",
    );
    assert_eq!(run.acts, ["answer Stateless 400 Expires value is illegal"]);
    let failing = of(&bad).with(|context| context.outcomes.answers.push_back(ReplyOutcome::Failed));
    check_with(
        noreply,
        failing,
        "
        KSR.sanity.sanity_check(256,0) => -1
        KSR.sanity.sanity_reply() => -1
        ",
    );
    let run = check_with(
        |door| door.set_parameter("sanity", "default_msg_checks", Value::Integer(2)),
        of(&bad),
        "KSR.sanity.sanity_check_defaults() => 1",
    );
    assert!(run.acts.is_empty());
    let known = OPTIONS.replace("Max", "Proxy-Require: foo\nMax");
    check_with(
        |door| door.set_parameter("sanity", "proxy_require", Value::Text("path, foo".into())),
        of(&known),
        "KSR.sanity.sanity_check(512,0) => 1",
    );
}
