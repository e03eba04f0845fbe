//! Tests of `tm_serial`.

use strowger_routing::DraftTarget;

use crate::cfg::Value;
use crate::kemi::fake::{FakeContext, FakeHost};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn host(script: &str) -> FakeHost {
    FakeHost::new(script, |door| {
        door.set_parameter("tm", "contacts_avp", Value::Text("tm_contacts".into()));
    })
}

fn forked() -> FakeContext {
    FakeContext::of(INVITE).with(|context| {
        context.draft.target.flags = 8;
        for (uri, q) in [
            ("sip:b@h", Some(500)),
            ("sip:c@h", Some(900)),
            ("sip:d@h", Some(500)),
        ] {
            context.draft.branches.push(DraftTarget {
                uri: uri.as_bytes().into(),
                q,
                ..DraftTarget::default()
            });
        }
    })
}

/// The targets as `first + others`.
fn targets(context: &FakeContext) -> String {
    let others = context.draft.branches.iter().map(|one| &one.uri);
    let all = core::iter::once(&context.draft.target.uri).chain(others);
    let all: Vec<_> = all.map(|uri| String::from_utf8_lossy(uri)).collect();
    all.join(" + ")
}

#[test]
fn contacts_are_tried_by_falling_q_and_those_without_last() {
    for (times, answers, expected) in [
        (0, "1", ""),
        (1, "1 1", "sip:c@h"),
        (2, "1 1 1", "sip:b@h + sip:d@h"),
        (3, "1 1 1 1", "sip:bob@kam.test"),
        (4, "1 1 1 1 -2", "sip:bob@kam.test"),
    ] {
        let script = format!(
            "return KSR.tm.t_load_contacts(){}",
            ", KSR.tm.t_next_contacts()".repeat(times)
        );
        let run = host(&script).request(forked());
        assert_eq!(run.shown(), answers);
        assert_eq!(targets(run.context()), expected);
    }
}

#[test]
fn a_target_keeps_its_flags() {
    let script = "KSR.tm.t_load_contacts() KSR.tm.t_next_contacts() KSR.tm.t_next_contacts() KSR.tm.t_next_contacts()";
    let run = host(script).request(forked());
    assert_eq!(run.draft().target.flags, 8);
}

#[test]
fn one_target_alone_is_left_where_it_is() {
    let run = host(
        "return KSR.tm.t_load_contacts(), KSR.tm.t_next_contacts(), KSR.tm.t_next_contact_flow()",
    )
    .request(FakeContext::of(INVITE));
    assert_eq!(run.shown(), "1 -2 -2");
    assert!(run.draft().target.uri.is_empty());
}

#[test]
fn without_the_parameter_the_functions_fail() {
    let run = FakeHost::new(
        "return KSR.tm.t_load_contacts(), KSR.tm.t_next_contacts()",
        |_| {},
    )
    .request(forked());
    assert_eq!(run.shown(), "-1 -1");
    assert_eq!(run.draft().branches.len(), 3);
    assert_eq!(run.log.len(), 2);
}
