//! Connections that end at the wrong moment (RFC 3261 §18.2.2, §18.4).

use crate::world::{ALICE, BOB, Draft, lines, settings, statuses_to, tcp, the, udp, with_bob};

/// alice's connection comes from a port of its own; she listens on 5060.
const ALICE_OUT: &str = "192.0.2.1:40001";

fn invite() -> Draft {
    Draft::new("INVITE", "alice", "bob", "i", tcp(ALICE_OUT, 1)).sent_by(ALICE)
}

#[test]
fn a_response_whose_connection_closed_goes_over_a_new_one() {
    let mut world = with_bob(settings());
    let sent = world.send(&invite());
    world.closed(tcp(ALICE_OUT, 1));
    assert!(world.connects.is_empty(), "nothing is to be said yet");
    let sent = world.answer(the(&sent, "INVITE"), "486 Busy Here", "b");
    assert!(
        sent.iter().all(|sent| sent.flow == udp(BOB)),
        "{:?}",
        lines(&sent)
    );
    assert_eq!(
        world.connects[0].1.to_string(),
        ALICE,
        "the source address and the port of sent-by"
    );
    let sent = world.connected(9);
    assert_eq!(
        lines(&sent),
        [format!("SIP/2.0 486 Busy Here -> {ALICE} stream 9")]
    );
    // Its ACK comes over the new connection.
    let mut ack = invite().ack(&sent[0]);
    ack.flow = tcp(ALICE, 9);
    assert!(world.send(&ack).is_empty());
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn a_success_over_a_new_connection_and_its_repetition() {
    let mut world = with_bob(settings());
    let sent = world.send(&invite());
    world.closed(tcp(ALICE_OUT, 1));
    let bob = the(&sent, "INVITE");
    world.answer(bob, "180 Ringing", "b");
    world.answer(bob, "200 OK", "b");
    assert_eq!(world.connects.len(), 1, "one connection for both responses");
    let sent = world.connected(9);
    assert_eq!(
        lines(&sent),
        [format!("SIP/2.0 200 OK -> {ALICE} stream 9")]
    );
    let sent = world.answer(bob, "200 OK", "b");
    assert_eq!(
        lines(&sent),
        [format!("SIP/2.0 200 OK -> {ALICE} stream 9")]
    );
}

#[test]
fn a_client_that_cannot_be_reached_again_is_given_up() {
    let mut world = with_bob(settings());
    let sent = world.send(&invite());
    world.closed(tcp(ALICE_OUT, 1));
    world.answer(the(&sent, "INVITE"), "486 Busy Here", "b");
    assert!(world.connect_failed().is_empty());
    world.pass_seconds(140);
    assert!(world.connects.is_empty());
    assert!(world.element.is_idle());
}

#[test]
fn a_client_that_comes_back_gets_its_answer_there() {
    let mut world = with_bob(settings());
    let sent = world.send(&invite());
    world.closed(tcp(ALICE_OUT, 1));
    world.answer(the(&sent, "INVITE"), "486 Busy Here", "b");
    let mut again = invite();
    again.flow = tcp("192.0.2.1:40002", 2);
    let sent = world.send(&again);
    assert_eq!(
        lines(&sent),
        ["SIP/2.0 486 Busy Here -> 192.0.2.1:40002 stream 2"]
    );
}

#[test]
fn a_message_answered_after_its_connection_closed() {
    let mut world = with_bob(settings());
    let mut draft = Draft::new("MESSAGE", "alice", "bob", "m", tcp(ALICE_OUT, 1));
    draft.sent_by = ALICE.into();
    let sent = world.send(&draft);
    world.closed(tcp(ALICE_OUT, 1));
    world.answer(the(&sent, "MESSAGE"), "200 OK", "b");
    let sent = world.connected(3);
    assert_eq!(
        lines(&sent),
        [format!("SIP/2.0 200 OK -> {ALICE} stream 3")]
    );
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn a_connection_that_closes_after_the_answer_costs_nothing() {
    let mut world = with_bob(settings());
    let sent = world.send(&invite());
    let sent = world.answer(the(&sent, "INVITE"), "200 OK", "b");
    assert_eq!(statuses_to(&sent, ALICE_OUT), [200]);
    world.closed(tcp(ALICE_OUT, 1));
    assert!(world.connects.is_empty());
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn a_connection_that_cannot_be_opened_leads_to_the_answer() {
    let mut world = with_bob(settings());
    world.register(
        "carol",
        "sip:carol@192.0.2.3:5060;transport=tcp",
        udp("192.0.2.3:5060"),
    );
    let draft = Draft::new("INVITE", "alice", "carol", "t", udp(ALICE));
    world.send(&draft);
    let sent = world.connect_failed();
    assert_eq!(
        statuses_to(&sent, ALICE),
        [500],
        "a 503 of a branch leaves as 500 (§16.7 step 6)"
    );
    let mut draft = draft;
    draft.branch += "2";
    draft.call_id = "silent".into();
    world.send(&draft);
    let late = world.pass(core::time::Duration::from_secs(3));
    let ended = late.iter().find(|(_, sent)| {
        sent.status() == 500 && sent.header("Call-ID").as_deref() == Some("silent")
    });
    assert_eq!(ended.map(|(at, _)| at.as_secs()), Some(2));
    let before = world.element.counters().late_answers;
    world.connected(5);
    assert_eq!(world.element.counters().late_answers, before + 1);
}
