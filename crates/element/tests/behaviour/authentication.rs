//! Identity, as it is by default (RFC 3261 §22; DESIGN §2a rules 1 to 3).

use crate::world::{
    ALICE, BOB, Dialog, Draft, World, guarded, lines, password, registration, statuses_to, the, udp,
};

fn world() -> World {
    let mut world = World::new(guarded());
    world.register_as_owner("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    world
}

fn invite() -> Draft {
    Draft::new("INVITE", "alice", "bob", "i", udp(ALICE))
}

#[test]
fn a_stranger_is_challenged_without_a_trace() {
    let mut world = World::new(guarded());
    let sent = world.send(&invite());
    assert_eq!(statuses_to(&sent, ALICE), [407]);
    assert!(world.send(&invite().ack(&sent[0])).is_empty());
    let register = registration("alice", &format!("sip:alice@{ALICE}"), udp(ALICE));
    assert_eq!(statuses_to(&world.send(&register), ALICE), [401]);
    assert!(world.element.is_idle());
    assert!(world.pass_seconds(40).is_empty(), "nothing is sent again");
}

#[test]
fn an_authorised_call_passes_and_its_credentials_stay_here() {
    let mut world = world();
    let challenge = world.send(&invite());
    let other = "Proxy-Authorization: Digest username=\"a\", realm=\"else.test\", nonce=\"n\", uri=\"sip:x\", response=\"00000000000000000000000000000000\"";
    let draft = invite()
        .line(other)
        .line("P-Asserted-Identity: <sip:president@home.test>")
        .line("P-Preferred-Identity: <sip:alice@home.test>")
        .authorized(&challenge[0], "alice", &password("alice"), 1);
    let sent = world.send(&draft);
    let invite = the(&sent, "INVITE");
    assert_eq!(
        invite.headers("Proxy-Authorization"),
        [&other["Proxy-Authorization: ".len()..]],
        "those for another realm go on"
    );
    assert_eq!(invite.header("P-Asserted-Identity"), None);
    assert_eq!(invite.header("P-Preferred-Identity"), None);
}

#[test]
fn a_request_inside_the_dialog_needs_no_challenge() {
    let mut world = world();
    let challenge = world.send(&invite());
    let draft = invite().authorized(&challenge[0], "alice", &password("alice"), 1);
    let sent = world.send(&draft);
    let invite = the(&sent, "INVITE");
    let ok = world.answer(invite, "200 OK", "b");
    let caller = Dialog::of_caller(&draft, the(&ok, "200"));
    let callee = Dialog::of_callee(invite, "b");
    let ack = world.send(&caller.request("ACK", draft.cseq));
    assert_eq!(lines(&ack), [format!("ACK sip:bob@{BOB} SIP/2.0 -> {BOB}")]);
    let again = world.send(&caller.request("INVITE", 9));
    the(&again, "INVITE");
    let bye = world.send(&callee.request("BYE", 1));
    assert_eq!(
        lines(&bye),
        [format!("BYE sip:alice@{ALICE} SIP/2.0 -> {ALICE}")]
    );
}

#[test]
fn a_token_of_another_call_is_worth_nothing() {
    let mut world = world();
    let challenge = world.send(&invite());
    let draft = invite().authorized(&challenge[0], "alice", &password("alice"), 1);
    let sent = world.send(&draft);
    let ok = world.answer(&sent[0], "200 OK", "b");
    let mut stolen = Dialog::of_caller(&draft, the(&ok, "200"));
    stolen.call_id = "another".into();
    let sent = world.send(&stolen.request("BYE", 7));
    assert_eq!(statuses_to(&sent, ALICE), [407]);
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let mut world = world();
    let blank = |text: String| {
        let nonce = text
            .split("nonce=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let tag = text
            .split(";tag=")
            .last()
            .and_then(|rest| rest.split("\r\n").next());
        text.replace(nonce.expect("a nonce"), "NONCE")
            .replace(tag.expect("a tag"), "TAG")
            .replace("mallory", "alice")
    };
    let mut answers = Vec::new();
    for (user, secret) in [("alice", "wrong"), ("mallory", "wrong")] {
        let draft = Draft::new("INVITE", user, "bob", "same", udp(ALICE));
        let challenge = world.send(&draft);
        let sent = world.send(&draft.authorized(&challenge[0], user, secret, 1));
        assert_eq!(statuses_to(&sent, ALICE), [407]);
        assert!(!sent[0].text().contains("stale"));
        answers.push((blank(challenge[0].text()), blank(sent[0].text())));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(world.element.is_idle());
}

#[test]
fn nobody_calls_in_the_name_of_another() {
    let mut world = world();
    let mut draft = invite();
    draft.from = "<sip:carol@home.test>;tag=f1".into();
    let challenge = world.send(&draft);
    let sent = world.send(&draft.authorized(&challenge[0], "alice", &password("alice"), 1));
    assert_eq!(statuses_to(&sent, ALICE), [403]);
    let preferred = invite().line("P-Preferred-Identity: <sip:carol@home.test>");
    let challenge = world.send(&preferred);
    let sent = world.send(&preferred.authorized(&challenge[0], "alice", &password("alice"), 1));
    assert_eq!(statuses_to(&sent, ALICE), [403]);
}

#[test]
fn nobody_registers_for_another() {
    let mut world = World::new(guarded());
    let mut draft = registration("alice", &format!("sip:alice@{ALICE}"), udp(ALICE));
    draft.to = "<sip:carol@home.test>".into();
    let challenge = world.send(&draft);
    let sent = world.send(&draft.authorized(&challenge[0], "alice", &password("alice"), 1));
    assert_eq!(statuses_to(&sent, ALICE), [403]);
    assert!(world.shared.location.is_empty());
}

#[test]
fn an_old_nonce_is_stale() {
    let mut world = world();
    let challenge = world.send(&invite());
    world.pass_seconds(301);
    let sent = world.send(&invite().authorized(&challenge[0], "alice", &password("alice"), 1));
    assert_eq!(statuses_to(&sent, ALICE), [407]);
    assert!(sent[0].text().contains("stale=true"), "{}", sent[0].text());
    let sent = world.send(&invite().authorized(&sent[0], "alice", &password("alice"), 1));
    the(&sent, "INVITE");
}

#[test]
fn a_nonce_count_serves_once() {
    let mut world = world();
    let message = Draft::new("MESSAGE", "alice", "bob", "m", udp(ALICE));
    let challenge = world.send(&message);
    let first = message.authorized(&challenge[0], "alice", &password("alice"), 1);
    the(&world.send(&first), "MESSAGE");
    let mut replayed = first.clone();
    replayed.call_id = "stolen".into();
    replayed.branch += "x";
    let sent = world.send(&replayed);
    assert_eq!(statuses_to(&sent, ALICE), [407]);
    assert!(sent[0].text().contains("stale=true"));
    the(
        &world.send(&message.authorized(&challenge[0], "alice", &password("alice"), 2)),
        "MESSAGE",
    );
}

#[test]
fn a_retransmission_of_an_authorised_request_is_accepted() {
    let mut world = World::new(guarded());
    let draft = registration("alice", &format!("sip:alice@{ALICE}"), udp(ALICE));
    let challenge = world.send(&draft);
    let authorized = draft.authorized(&challenge[0], "alice", &password("alice"), 1);
    for _ in 0..3 {
        assert_eq!(statuses_to(&world.send(&authorized), ALICE), [200]);
    }
    let options = Draft::new("OPTIONS", "alice", "x", "o", udp(ALICE)).uri("sip:home.test");
    let challenge = world.send(&options);
    let authorized = options.authorized(&challenge[0], "alice", &password("alice"), 1);
    for _ in 0..2 {
        assert_eq!(statuses_to(&world.send(&authorized), ALICE), [200]);
    }
}

#[test]
fn a_foreign_caller_is_let_in_only_if_that_is_set() {
    for accept_foreign in [false, true] {
        let mut settings = guarded();
        settings.policy.native().accept_foreign = accept_foreign;
        let mut world = World::new(settings);
        world.register_as_owner("bob", &format!("sip:bob@{BOB}"), udp(BOB));
        let mut draft = invite();
        draft.from = "<sip:alice@else.test>;tag=f1".into();
        let sent = world.send(&draft);
        if accept_foreign {
            the(&sent, "INVITE");
        } else {
            assert_eq!(statuses_to(&sent, ALICE), [403]);
        }
        draft.branch += "2";
        let sent = world.send(&draft.clone().uri("sip:other@third.test"));
        assert_eq!(
            statuses_to(&sent, ALICE),
            [403],
            "never between two foreign domains"
        );
        let mut around = draft.line("Route: <sip:192.0.2.99;lr>");
        around.branch += "3";
        let sent = world.send(&around);
        assert_eq!(statuses_to(&sent, ALICE), [403], "nor by a Route to one");
    }
}

#[test]
fn a_token_without_a_dialog_is_worth_nothing() {
    let mut world = world();
    let challenge = world.send(&invite());
    let draft = invite().authorized(&challenge[0], "alice", &password("alice"), 1);
    let sent = world.send(&draft);
    let ok = world.answer(&sent[0], "200 OK", "b");
    let mut stolen = Dialog::of_caller(&draft, the(&ok, "200"));
    stolen.remote = "<sip:bob@home.test>".into();
    for (method, target) in [
        ("INVITE", "sip:bob@home.test"),
        ("MESSAGE", "sip:x@else.test"),
    ] {
        stolen.target = target.into();
        let sent = world.send(&stolen.request(method, 20));
        assert_eq!(statuses_to(&sent, ALICE), [407]);
        stolen.local = "<sip:x@else.test>;tag=f1".into();
        let sent = world.send(&stolen.request(method, 21));
        assert_eq!(statuses_to(&sent, ALICE), [403]);
        stolen.local = "<sip:alice@home.test>;tag=f1".into();
    }
}
