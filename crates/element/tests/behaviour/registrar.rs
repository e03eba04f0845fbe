//! REGISTER through the element, with its journal (RFC 3261 §10.3; DESIGN §2a rule 9).

use core::time::Duration;

use strowger_element::{Answer, Command, EventKind};

use crate::world::{
    ALICE, BOB, Draft, World, registration, settings, statuses_to, tcp, the, udp, world_with_bob,
};

const CONTACT: &str = "sip:bob@192.0.2.2:5060";

fn durable() -> World {
    let mut settings = settings();
    settings.durable = true;
    World::new(settings)
}

fn register() -> Draft {
    registration("bob", CONTACT, udp(BOB))
}

fn rings(world: &mut World, branch: &str) -> bool {
    let sent = world.send(&Draft::new("MESSAGE", "alice", "bob", branch, udp(ALICE)));
    sent.iter().any(|sent| sent.line().starts_with("MESSAGE"))
}

#[test]
fn the_200_waits_for_the_journal() {
    let mut world = durable();
    assert!(world.send(&register()).is_empty());
    assert!(!rings(&mut world, "before"), "nothing is visible yet");
    let sent = world.answer_journal(Answer::Journaled);
    assert_eq!(statuses_to(&sent, BOB), [200]);
    assert!(
        sent[0]
            .header("Contact")
            .expect("Contact")
            .contains("expires=600")
    );
    assert!(rings(&mut world, "after"));
}

#[test]
fn a_200_lists_what_is_there_when_it_leaves_and_not_when_the_journal_was_asked() {
    let mut world = durable();
    world.send(&register());
    world.answer_journal(Answer::Journaled);
    world.pass_seconds(599);
    world.send(&registration(
        "bob",
        &format!("sip:bob@{ALICE}"),
        udp(ALICE),
    ));
    world.pass(Duration::from_millis(1_500));
    let sent = world.answer_journal(Answer::Journaled);
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    let text = sent[0].text();
    assert!(!text.contains(CONTACT), "it has expired meanwhile: {text}");
    assert!(text.contains("expires=59"), "{text}");
    assert!(!text.contains("expires=600"), "{text}");
}

#[test]
fn a_failed_journal_changes_nothing() {
    let mut world = durable();
    world.send(&register());
    let sent = world.answer_journal(Answer::Failed);
    assert_eq!(statuses_to(&sent, BOB), [500]);
    assert!(!rings(&mut world, "m"));
    assert!(world.shared.location.is_empty());
    // The next REGISTER is tried again.
    let mut next = register();
    next.cseq += 1;
    next.branch += "next";
    world.send(&next);
    assert_eq!(
        statuses_to(&world.answer_journal(Answer::Journaled), BOB),
        [200]
    );
}

#[test]
fn a_retransmission_after_a_failed_journal_gets_the_same_answer() {
    let mut world = durable();
    world.send(&register());
    assert!(
        world.send(&register()).is_empty(),
        "absorbed while it waits"
    );
    let sent = world.answer_journal(Answer::Failed);
    assert_eq!(statuses_to(&sent, BOB), [500]);
    assert!(world.journal.is_empty(), "one REGISTER is judged once");
    let again = world.send(&register());
    assert_eq!(statuses_to(&again, BOB), [500]);
    assert_eq!(
        again[0].message.as_bytes(),
        sent[0].message.as_bytes(),
        "the stored answer"
    );
    assert!(world.journal.is_empty());
    world.pass(core::time::Duration::from_secs(33));
    assert!(world.element.is_idle());
}

#[test]
fn registers_of_one_user_wait_for_each_other() {
    let mut world = durable();
    world.send(&register());
    let mut second = register();
    second.cseq = 2;
    second.branch += "2";
    second.extra = "Expires: 0\r\n".into();
    assert!(world.send(&second).is_empty());
    assert_eq!(world.journal.len(), 1, "the second is not judged yet");
    let first = world.answer_journal(Answer::Journaled);
    assert_eq!(statuses_to(&first, BOB), [200]);
    assert_eq!(world.journal.len(), 1, "now it is");
    let second = world.answer_journal(Answer::Journaled);
    assert_eq!(statuses_to(&second, BOB), [200]);
    assert_eq!(second[0].header("Contact"), None);
    assert!(world.shared.location.is_empty());
    assert!(world.element.is_idle());
}

#[test]
fn a_retransmission_meanwhile_makes_one_binding_and_is_answered() {
    let mut world = durable();
    world.send(&register());
    world.send(&register());
    world.send(&register());
    assert_eq!(world.journal.len(), 1);
    let sent = world.answer_journal(Answer::Journaled);
    assert!(statuses_to(&sent, BOB).iter().all(|&status| status == 200));
    assert!(!sent.is_empty());
    assert!(world.journal.is_empty(), "a retransmission changes nothing");
    assert_eq!(world.shared.location.len(), 1);
    assert!(world.element.is_idle());
}

#[test]
fn an_operator_drops_bindings() {
    let mut world = durable();
    world.send(&register());
    world.answer_journal(Answer::Journaled);
    let aor = "sip:bob@home.test";
    world.command(Command::DropBindings { aor: aor.into() });
    assert!(rings(&mut world, "m1"), "until the journal has it");
    world.answer_journal(Answer::Failed);
    assert!(rings(&mut world, "m2"), "a failed removal changes nothing");
    world.command(Command::DropBindings { aor: aor.into() });
    world.answer_journal(Answer::Journaled);
    assert!(!rings(&mut world, "m3"));
    assert!(world.shared.location.is_empty());
    assert!(world.journal.is_empty());
}

#[test]
fn an_order_to_drop_waits_for_a_register_under_way() {
    let mut world = durable();
    world.send(&register());
    world.command(Command::DropBindings {
        aor: "sip:bob@home.test".into(),
    });
    while !world.journal.is_empty() {
        world.answer_journal(Answer::Journaled);
    }
    assert!(
        world.shared.location.is_empty(),
        "the order came after the REGISTER"
    );
    assert!(world.element.is_idle());
}

#[test]
fn bindings_expire_and_are_swept() {
    let mut world = world_with_bob();
    world.pass_seconds(599);
    assert!(rings(&mut world, "m1"));
    world.pass_seconds(2);
    assert!(!rings(&mut world, "m2"));
    assert!(world.shared.location.is_empty());
    let told = world
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Unregistered)
        .count();
    assert_eq!(told, 1);
}

#[test]
fn a_stream_that_closes_while_its_binding_is_stored_leaves_it_lost() {
    let mut world = durable();
    let flow = tcp(BOB, 5);
    let contact = format!("sip:bob@{BOB};transport=tcp");
    world.send(&registration("bob", &contact, flow));
    world.closed(flow);
    let sent = world.answer_journal(Answer::Journaled);
    assert!(sent.is_empty(), "nothing is sent over it any more");
    let sent = world.send(&Draft::new("INVITE", "alice", "bob", "i", udp(ALICE)));
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    assert!(world.connects.is_empty());
}

#[test]
fn a_register_that_cannot_be_stored_is_not_refused_over_a_closed_stream() {
    let mut world = durable();
    let flow = tcp(BOB, 5);
    world.send(&registration("bob", CONTACT, flow));
    world.closed(flow);
    assert!(world.answer_journal(Answer::Failed).is_empty());
    assert!(world.shared.location.is_empty());
    assert!(world.element.is_idle(), "no transaction keeps a refusal");
}

#[test]
fn a_stream_that_closes_while_its_register_waits_in_line_leaves_the_binding_lost() {
    let mut world = durable();
    world.send(&register());
    let flow = tcp(ALICE, 5);
    let contact = format!("sip:bob@{ALICE};transport=tcp");
    world.send(&registration("bob", &contact, flow));
    world.closed(flow);
    while !world.journal.is_empty() {
        world.answer_journal(Answer::Journaled);
    }
    assert_eq!(world.shared.location.len(), 2);
    let sent = world.send(&Draft::new("INVITE", "alice", "bob", "i", udp(ALICE)));
    assert_eq!(
        the(&sent, "INVITE").flow,
        udp(BOB),
        "the other binding alone"
    );
    assert_eq!(sent.len(), 1);
}

#[test]
fn registrations_for_others_are_refused() {
    let mut world = World::new(settings());
    let elsewhere = register().uri("sip:else.test");
    assert_eq!(statuses_to(&world.send(&elsewhere), BOB), [403]);
    let mut foreign = register();
    foreign.to = "<sip:bob@else.test>".into();
    assert_eq!(statuses_to(&world.send(&foreign), BOB), [404]);
    let brief = Draft {
        extra: "Expires: 10\r\n".into(),
        ..register()
    };
    let sent = world.send(&brief);
    assert_eq!(
        the(&sent, "423").header("Min-Expires").as_deref(),
        Some("60")
    );
}

#[test]
fn our_own_address_stands_for_the_first_domain() {
    let mut world = World::new(settings());
    let mut draft = register().uri("sip:192.0.2.10:5060");
    draft.to = "<sip:bob@192.0.2.10:5060>".into();
    draft.from = "<sip:bob@192.0.2.10:5060>;tag=1".into();
    assert_eq!(statuses_to(&world.send(&draft), BOB), [200]);
    assert!(rings(&mut world, "m"));
}

#[test]
fn a_register_and_its_cancel_meet_on_one_shard() {
    let mut settings = settings();
    settings.shards = 4;
    let ingress = World::new(settings).ingress();
    for user in ["alice", "bob", "carol", "dave"] {
        let register = registration(user, CONTACT, udp(BOB));
        let shard = |draft: &Draft| ingress.shard_for(&crate::world::parse(&draft.text()));
        assert_eq!(shard(&register), shard(&register.cancel()));
        let aor = format!("sip:{user}@home.test");
        assert_eq!(shard(&register), ingress.shard_for_aor(aor.as_bytes()));
        let invite = Draft::new("INVITE", "alice", user, "i", udp(ALICE));
        assert_eq!(shard(&invite), shard(&invite.cancel()));
    }
}
