//! What is let in while the server is overloaded, full or ending: what has begun goes on (RFC 3261 §21.5.4).

use strowger_element::seam::Answer;
use strowger_element::{Admission, Command};
use strowger_transaction::TableLimits;

use crate::world::{
    ALICE, BOB, CAROL, Dialog, Draft, Sent, World, lines, registration, settings, statuses_to, the,
    udp, with_bob, world_with_bob,
};

fn set(world: &mut World, admission: Admission) {
    assert!(world.command(Command::SetAdmission(admission)).is_empty());
}

fn invite(branch: &str) -> Draft {
    Draft::new("INVITE", "alice", "bob", branch, udp(ALICE))
}

/// Of each method that begins something, one.
fn new_requests(branch: &str) -> Vec<Draft> {
    let from = udp(CAROL);
    let mut all: Vec<Draft> = [
        "INVITE",
        "MESSAGE",
        "OPTIONS",
        "SUBSCRIBE",
        "REFER",
        "DANCE",
    ]
    .iter()
    .map(|method| Draft::new(method, "carol", "bob", &format!("{method}{branch}"), from))
    .collect();
    all.push(registration("carol", &format!("sip:carol@{CAROL}"), from));
    all
}

fn assert_refused(sent: &[Sent]) {
    assert_eq!(statuses_to(sent, CAROL), [503], "{:?}", lines(sent));
    let after: u32 = sent[0]
        .header("Retry-After")
        .and_then(|seconds| seconds.parse().ok())
        .expect("Retry-After");
    assert!((5..=10).contains(&after), "{after}");
}

/// A call that rings when `admission` is set is answered, used and ended.
fn goes_on_in(admission: Admission) -> World {
    let mut world = world_with_bob();
    let draft = invite("c1");
    let forwarded = world.send(&draft);
    let at_bob = the(&forwarded, "INVITE");
    world.answer(at_bob, "180 Ringing", "b1");
    set(&mut world, admission);
    for draft in new_requests("x") {
        assert_refused(&world.send(&draft));
    }
    // A retransmission belongs to what has begun.
    assert_eq!(statuses_to(&world.send(&draft), ALICE), [180]);
    let answered = world.answer(at_bob, "200 OK", "b1");
    assert_eq!(statuses_to(&answered, ALICE), [200]);
    let dialog = Dialog::of_caller(&draft, &answered[0]);
    let mut ack = dialog.request("ACK", 1);
    ack.branch += "ack";
    the(&world.send(&ack), "ACK");
    for (method, cseq) in [("INVITE", 2), ("INFO", 3), ("BYE", 4)] {
        let sent = world.send(&dialog.request(method, cseq));
        let at_bob = the(&sent, method);
        assert_eq!(
            statuses_to(&world.answer(at_bob, "200 OK", "b1"), ALICE),
            [200]
        );
    }
    world
}

#[test]
fn an_overloaded_server_refuses_what_is_new_and_serves_what_has_begun() {
    let mut world = goes_on_in(Admission::Overloaded(100));
    assert_eq!(world.element.counters().shed_overloaded, 7);
    assert_eq!(world.element.counters().shed_forgotten, 0);
    for number in 0..5_000 {
        world.send(&invite(&format!("n{number}")));
    }
    let forgotten = world.element.counters().shed_forgotten;
    // Of so many, thrown into so many places, each has its own with luck only: 4096 * (1 - exp(-5000 / 4096)) are kept.
    assert!((2_000..2_500).contains(&forgotten), "{forgotten}");
    set(&mut world, Admission::Open);
    assert_eq!(the(&world.send(&invite("c2")), "INVITE").flow, udp(BOB));
}

#[test]
fn a_server_that_ends_refuses_what_is_new_until_what_has_begun_is_done() {
    let world = goes_on_in(Admission::Draining);
    assert_eq!(world.element.counters().shed_draining, 7);
    // The re-INVITE was answered 2xx, the rest too: nobody waits for anything.
    assert_eq!(world.element.in_progress(), 0);
    assert!(!world.element.is_idle(), "copies are absorbed for a while");
}

#[test]
fn a_ringing_call_is_in_progress_until_its_failure_was_acknowledged() {
    let mut world = world_with_bob();
    let draft = invite("c3");
    let forwarded = world.send(&draft);
    let at_bob = the(&forwarded, "INVITE");
    world.answer(at_bob, "180 Ringing", "b1");
    set(&mut world, Admission::Draining);
    assert_eq!(world.element.in_progress(), 1);
    // A CANCEL is no new request.
    let sent = world.send(&draft.cancel());
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    let ended = world.answer(at_bob, "487 Request Terminated", "b1");
    assert_eq!(statuses_to(&ended, ALICE), [487]);
    assert_eq!(world.element.in_progress(), 1);
    let failure = ended.iter().find(|sent| sent.status() == 487);
    world.send(&draft.ack(failure.expect("seen before")));
    assert_eq!(world.element.in_progress(), 0);
}

#[test]
fn the_last_tenth_of_the_transactions_is_for_calls_that_have_begun() {
    let mut few = settings();
    few.transactions = TableLimits {
        servers_max: 20,
        clients_max: 1_000,
    };
    let mut world = with_bob(few);
    let draft = invite("first");
    let forwarded = world.send(&draft);
    let answered = world.answer(the(&forwarded, "INVITE"), "200 OK", "b1");
    let dialog = Dialog::of_caller(&draft, &answered[0]);
    let begun = (0..30)
        .filter(|number| {
            let sent = world.send(&invite(&format!("n{number}")));
            sent.iter().any(|sent| sent.line().starts_with("INVITE"))
        })
        .count();
    // Bob's REGISTER is one, the first call is one.
    assert!((15..=17).contains(&begun), "{begun}");
    for draft in new_requests("y") {
        assert_refused(&world.send(&draft));
    }
    assert!(world.element.counters().shed_full >= 7 + 13);
    let bye = world.send(&dialog.request("BYE", 2));
    assert_eq!(the(&bye, "BYE").flow, udp(BOB));
}

#[test]
fn many_refused_requests_leave_nothing_behind() {
    let mut world = world_with_bob();
    world.pass_seconds(70);
    set(&mut world, Admission::Overloaded(100));
    for number in 0..2_000 {
        let sent = world.send(&invite(&format!("m{number}")));
        assert_eq!(sent.len(), 1);
    }
    assert!(world.element.is_idle());
    assert!(world.pass_seconds(40).is_empty(), "nothing is sent again");
}

#[test]
fn a_server_that_is_a_little_overloaded_refuses_a_little() {
    let mut world = world_with_bob();
    set(&mut world, Admission::Overloaded(30));
    let refused = (0..1_000)
        .filter(|number| statuses_to(&world.send(&invite(&format!("p{number}"))), ALICE) == [503])
        .count();
    assert!((250..350).contains(&refused), "{refused}");
}

#[test]
fn the_copy_of_a_refused_request_is_refused_and_its_ack_absorbed() {
    let mut world = world_with_bob();
    set(&mut world, Admission::Overloaded(50));
    let mut refused = Vec::new();
    for number in 0..100 {
        let draft = invite(&format!("r{number}"));
        let sent = world.send(&draft);
        if statuses_to(&sent, ALICE) == [503] {
            refused.push((draft, sent));
        }
    }
    assert!((30..70).contains(&refused.len()), "{}", refused.len());
    // Meanwhile the server has caught up.
    for admission in [Admission::Overloaded(5), Admission::Open] {
        set(&mut world, admission);
        for (draft, sent) in &refused {
            assert_eq!(statuses_to(&world.send(draft), ALICE), [503]);
            assert!(world.send(&draft.ack(&sent[0])).is_empty());
        }
    }
    // Its sender has given up long ago: who comes with the same branch is another.
    world.pass_seconds(33);
    assert_eq!(the(&world.send(&refused[0].0), "INVITE").flow, udp(BOB));
}

#[test]
fn a_share_to_refuse_that_nobody_says_again_lapses() {
    let mut world = world_with_bob();
    set(&mut world, Admission::Overloaded(100));
    assert_eq!(statuses_to(&world.send(&invite("l1")), ALICE), [503]);
    world.pass_seconds(2);
    assert_eq!(the(&world.send(&invite("l2")), "INVITE").flow, udp(BOB));
}

#[test]
fn a_server_that_ends_lets_nothing_in_whatever_is_said_later() {
    let mut world = world_with_bob();
    set(&mut world, Admission::Draining);
    set(&mut world, Admission::Open);
    assert_eq!(statuses_to(&world.send(&invite("d1")), ALICE), [503]);
}

#[test]
fn the_copy_of_a_register_that_waits_for_the_journal_is_absorbed() {
    let mut durable = settings();
    durable.durable = true;
    let mut world = World::new(durable);
    let draft = registration("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    assert!(world.send(&draft).is_empty(), "it is with the journal");
    set(&mut world, Admission::Draining);
    assert!(world.send(&draft).is_empty(), "so is its copy");
    let sent = world.answer_journal(Answer::Journaled);
    assert_eq!(statuses_to(&sent, BOB), [200]);
}
