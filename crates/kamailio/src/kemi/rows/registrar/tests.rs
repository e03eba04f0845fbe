//! Tests of `registrar`.

use strowger_routing::{DraftTarget, LookupOutcome, SaveOutcome};

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

fn found() -> FakeContext {
    FakeContext::of(INVITE).with(|context| {
        context.outcomes.lookup_bindings = LookupOutcome::Found(1);
        context.draft.target.uri = b"sip:bob@192.0.2.1"[..].into();
    })
}

#[test]
fn save_answers_by_what_became_of_the_bindings() {
    for (outcome, answer) in [
        (SaveOutcome::Inserted, "1"),
        (SaveOutcome::Updated, "2"),
        (SaveOutcome::Deleted, "3"),
        (SaveOutcome::Listed, "4"),
        (SaveOutcome::Pending, "1"),
        (SaveOutcome::Refused, "-1"),
        (SaveOutcome::TooMany, "-2"),
        (SaveOutcome::Failed, "-1"),
    ] {
        let context = FakeContext::of(INVITE).with(|context| context.outcomes.save = outcome);
        let run = run_lua("return KSR.registrar.save('location', 0)", context);
        assert_eq!(run.shown(), answer, "{outcome:?}");
        assert_eq!(
            run.acts,
            ["save_bindings no_reply=false one_binding=false memory_only=false"]
        );
    }
}

#[test]
fn save_reads_its_flags() {
    for (flags, act) in [
        (1, "no_reply=false one_binding=false memory_only=true"),
        (2, "no_reply=true one_binding=false memory_only=false"),
        (4, "no_reply=false one_binding=true memory_only=false"),
        (15, "no_reply=true one_binding=true memory_only=true"),
    ] {
        let script = format!("return KSR.registrar.save('location', {flags})");
        let run = run_lua(&script, FakeContext::of(INVITE));
        assert_eq!(run.acts, [format!("save_bindings {act}")]);
    }
}

#[test]
fn save_uri_is_for_the_address_of_record_in_to() {
    for (uri, answer, acts) in [
        ("sip:bob@kam.test", "1", 1),
        ("sip:bob@KAM.test:5060;x=y", "1", 1),
        ("sip:eve@kam.test", "-1", 0),
        ("nothing", "-1", 0),
    ] {
        let script = format!("return KSR.registrar.save_uri('location', 2, '{uri}')");
        let run = run_lua(&script, FakeContext::of(INVITE));
        assert_eq!(
            (run.shown().as_str(), run.acts.len()),
            (answer, acts),
            "{uri}"
        );
    }
}

#[test]
fn lookup_answers_by_what_was_found() {
    for (outcome, answer) in [
        (LookupOutcome::Found(2), "1 1"),
        (LookupOutcome::None, "-1 -1"),
        (LookupOutcome::MethodNotAllowed, "-2 -2"),
        (LookupOutcome::Failed, "-3 -3"),
    ] {
        let context =
            FakeContext::of(INVITE).with(|context| context.outcomes.lookup_bindings = outcome);
        let run = run_lua(
            "return KSR.registrar.lookup('location'), KSR.registrar.lookup_uri('location', 'sip:a@kam.test')",
            context,
        );
        assert_eq!(run.shown(), answer);
        assert_eq!(
            run.acts,
            [
                "lookup_bindings None",
                "lookup_bindings Some(\"sip:a@kam.test\")"
            ]
        );
    }
}

#[test]
fn lookup_to_dset_adds_contacts_to_the_targets() {
    // The fake leaves its draft as it is: the target that stands there is what a look-up would have found.
    let run = run_lua(
        "return KSR.registrar.lookup_to_dset('location', 'sip:a@kam.test')",
        found(),
    );
    assert_eq!(run.shown(), "1");
    let draft = run.draft();
    assert_eq!(&*draft.target.uri, b"sip:bob@192.0.2.1");
    assert_eq!(draft.branches.len(), 1);
    assert_eq!(&*draft.branches[0].uri, b"sip:bob@192.0.2.1");
}

#[test]
fn a_lookup_that_finds_nobody_leaves_the_targets() {
    let context = FakeContext::of(INVITE).with(|context| {
        context.draft.branches.push(DraftTarget {
            uri: b"sip:x@y"[..].into(),
            ..DraftTarget::default()
        });
    });
    let run = run_lua(
        "return KSR.registrar.lookup_to_dset('location', 'sip:a@kam.test'), KSR.registrar.lookup_branches('location')",
        context,
    );
    assert_eq!(run.shown(), "-1 -1");
    assert!(run.draft().target.uri.is_empty());
    assert_eq!(run.draft().branches.len(), 1);
    assert_eq!(&*run.draft().branches[0].uri, b"sip:x@y");
}

#[test]
fn lookup_branches_asks_for_every_target() {
    let context = found().with(|context| {
        context.draft.branches.push(DraftTarget {
            uri: b"sip:x@y"[..].into(),
            ..DraftTarget::default()
        });
    });
    let run = run_lua("return KSR.registrar.lookup_branches('location')", context);
    assert_eq!(run.shown(), "1");
    assert_eq!(
        run.acts,
        ["lookup_bindings None", "lookup_bindings Some(\"sip:x@y\")"]
    );
}

#[test]
fn registered_asks_for_a_live_binding() {
    let script = "local r = KSR.registrar return r.registered('location'), r.registered_uri('location', 'sip:a@b'), \
                  r.registered_flags('location', 'sip:a@b', 1), r.registered_action('location', 'sip:a@b', 1, 1)";
    assert_eq!(
        run_lua(script, FakeContext::of(INVITE)).shown(),
        "-1 -1 -1 -1"
    );
    let context = FakeContext::of(INVITE).with(|context| context.outcomes.is_registered = true);
    assert_eq!(run_lua(script, context).shown(), "1 1 1 1");
}

#[test]
fn unregister_answers_what_the_registrar_says() {
    let run = run_lua(
        "return KSR.registrar.unregister('location', 'sip:a@kam.test')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1");
}

#[test]
fn the_socket_is_added_as_a_header_field() {
    let run = run_lua(
        "return KSR.registrar.add_sock_hdr('X-Sock'), KSR.registrar.add_sock_hdr('a: b')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "1 -1");
    assert!(
        run.message().contains("X-Sock: udp:127.0.0.1:5060\n"),
        "{}",
        run.message()
    );
}

#[test]
fn what_needs_single_bindings_fails() {
    let run = run_lua(
        "local r = KSR.registrar return r.reg_fetch_contacts('l', 'sip:a@b', 'c'), r.reg_free_contacts('c'), r.reg_send_reply(), \
         r.set_q_override('0.5'), r.unregister_ruid('l', 'sip:a@b', 'x')",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 1 -1 -1 -1");
    assert_eq!(run.log.len(), 1);
}
