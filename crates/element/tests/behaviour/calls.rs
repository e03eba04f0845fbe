//! Calls through one element on virtual time.

use core::time::Duration;

use crate::world::{ALICE, BOB, World, lines, request, response, settings, udp, world_with_bob};

#[test]
fn a_call_is_set_up_and_ended_through_record_route() {
    let mut world = world_with_bob();
    let sent = world.receive(udp(ALICE), &request("INVITE", "alice", "bob", "i1", ALICE));
    assert_eq!(
        lines(&sent),
        [format!("INVITE sip:bob@{BOB} SIP/2.0 -> {BOB}")]
    );
    let invite = &sent[0];
    assert_eq!(invite.header("Max-Forwards").as_deref(), Some("69"));
    let route = invite.header("Record-Route").expect("record-routed");
    let ringing = world.receive(udp(BOB), &response(invite, "180 Ringing", "b1", ""));
    assert_eq!(lines(&ringing), [format!("SIP/2.0 180 Ringing -> {ALICE}")]);
    let ok = world.receive(
        udp(BOB),
        &response(invite, "200 OK", "b1", &format!("sip:bob@{BOB}")),
    );
    assert_eq!(lines(&ok), [format!("SIP/2.0 200 OK -> {ALICE}")]);
    assert_eq!(ok[0].header("Record-Route"), Some(route.clone()));
    assert_eq!(ok[0].message.vias().count(), 1);
    let in_dialog = |method: &str, cseq: u32, branch: &str| {
        format!(
            "{method} sip:bob@{BOB} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\nRoute: {route}\r\n\
             From: <sip:alice@home.test>;tag=f1\r\nTo: <sip:bob@home.test>;tag=b1\r\nCall-ID: call-i1\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let spent = in_dialog("ACK", 1, "a0").replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(lines(&world.receive(udp(ALICE), &spent)), [""; 0]);
    let ack = world.receive(udp(ALICE), &in_dialog("ACK", 1, "a1"));
    assert_eq!(lines(&ack), [format!("ACK sip:bob@{BOB} SIP/2.0 -> {BOB}")]);
    assert_eq!(ack[0].header("Route"), None);
    // Nobody answers an ACK: a response to it is forged, and is not carried on.
    let forged = response(&ack[0], "200 OK", "b1", "");
    assert_eq!(lines(&world.receive(udp(BOB), &forged)), [""; 0]);
    let bye = world.receive(udp(ALICE), &in_dialog("BYE", 2, "b2"));
    assert_eq!(lines(&bye), [format!("BYE sip:bob@{BOB} SIP/2.0 -> {BOB}")]);
    let done = world.receive(udp(BOB), &response(&bye[0], "200 OK", "b1", ""));
    assert_eq!(lines(&done), [format!("SIP/2.0 200 OK -> {ALICE}")]);
    world.pass(Duration::from_secs(70));
    assert!(world.element.is_idle());
}

#[test]
fn cancel_is_held_until_a_provisional_and_ends_in_487() {
    let mut world = world_with_bob();
    let sent = world.receive(udp(ALICE), &request("INVITE", "alice", "bob", "c1", ALICE));
    let cancel = request("CANCEL", "alice", "bob", "c1", ALICE);
    assert_eq!(
        lines(&world.receive(udp(ALICE), &cancel)),
        [format!("SIP/2.0 200 OK -> {ALICE}")]
    );
    let held = world.receive(udp(BOB), &response(&sent[0], "180 Ringing", "b1", ""));
    assert!(
        lines(&held).contains(&format!("CANCEL sip:bob@{BOB} SIP/2.0 -> {BOB}")),
        "{held:?}"
    );
    let ended = world.receive(
        udp(BOB),
        &response(&sent[0], "487 Request Terminated", "b1", ""),
    );
    let ended = lines(&ended);
    assert!(
        ended.contains(&format!("ACK sip:bob@{BOB} SIP/2.0 -> {BOB}")),
        "{ended:?}"
    );
    assert!(
        ended.contains(&format!("SIP/2.0 487 Request Terminated -> {ALICE}")),
        "{ended:?}"
    );
    world.pass(Duration::from_secs(80));
    assert!(world.element.is_idle());
}

#[test]
fn cancel_without_transaction_is_481() {
    let mut world = world_with_bob();
    let sent = world.receive(
        udp(ALICE),
        &request("CANCEL", "alice", "bob", "nothing", ALICE),
    );
    assert_eq!(sent[0].status(), 481);
}

#[test]
fn unknown_user_is_404_stateless_and_its_ack_is_absorbed() {
    let mut world = World::new(settings());
    let sent = world.receive(
        udp(ALICE),
        &request("INVITE", "alice", "nobody", "n1", ALICE),
    );
    assert_eq!(sent[0].status(), 404);
    let to = sent[0].header("To").expect("To");
    let ack = request("ACK", "alice", "nobody", "n1", ALICE)
        .replace("To: <sip:nobody@home.test>", &format!("To: {to}"));
    assert!(world.receive(udp(ALICE), &ack).is_empty());
    assert_eq!(world.element.counters().acks_absorbed, 1);
    assert!(world.element.is_idle());
}

#[test]
fn silent_callee_ends_in_408() {
    let mut world = world_with_bob();
    world.receive(udp(ALICE), &request("INVITE", "alice", "bob", "s1", ALICE));
    let sent = world.pass(Duration::from_secs(33));
    let times: Vec<_> = sent
        .iter()
        .filter(|(_, sent)| sent.line().starts_with("INVITE"))
        .map(|(at, _)| at.as_millis())
        .collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    let replies: Vec<_> = sent
        .iter()
        .filter(|(_, sent)| sent.status() != 0)
        .map(|(at, sent)| (at.as_millis(), sent.status()))
        .collect();
    assert_eq!(replies[..2], [(200, 100), (32_000, 408)]);
}

#[test]
fn message_to_silent_callee_gets_no_408() {
    let mut world = world_with_bob();
    world.receive(udp(ALICE), &request("MESSAGE", "alice", "bob", "m1", ALICE));
    let sent = world.pass(Duration::from_secs(100));
    assert!(
        sent.iter()
            .all(|(_, sent)| sent.line().starts_with("MESSAGE"))
    );
    assert!(world.element.is_idle());
}

/// A few calls ring when hundreds have ended, and what is left is moved together: they go on as if nothing had been.
#[test]
fn what_is_left_of_many_calls_goes_on_after_it_was_moved() {
    const CROWD: usize = 1_200;
    let mut world = world_with_bob();
    let mut calls = Vec::new();
    for n in 0..CROWD {
        let id = format!("m{n}");
        let sent = world.receive(udp(ALICE), &request("INVITE", "alice", "bob", &id, ALICE));
        calls.push((id, sent.into_iter().next().expect("relayed")));
    }
    let ringing = calls.split_off(CROWD - 4);
    for (_, invite) in &calls {
        let busy = response(invite, "486 Busy Here", "b1", "");
        world.receive(udp(BOB), &busy);
    }
    assert!(world.element.counters().relay_gatherings > 0);
    for (n, (id, invite)) in ringing.iter().enumerate() {
        let ringing = world.receive(udp(BOB), &response(invite, "180 Ringing", "b1", ""));
        assert_eq!(lines(&ringing), [format!("SIP/2.0 180 Ringing -> {ALICE}")]);
        assert_eq!(ringing[0].header("Call-ID"), Some(format!("call-{id}")));
        if n % 2 == 0 {
            let cancel = request("CANCEL", "alice", "bob", id, ALICE);
            let cancelled = lines(&world.receive(udp(ALICE), &cancel));
            assert!(
                cancelled.contains(&format!("CANCEL sip:bob@{BOB} SIP/2.0 -> {BOB}")),
                "{cancelled:?}"
            );
        } else {
            let ok = response(invite, "200 OK", "b1", &format!("sip:bob@{BOB}"));
            let ok = world.receive(udp(BOB), &ok);
            assert_eq!(lines(&ok), [format!("SIP/2.0 200 OK -> {ALICE}")]);
        }
    }
    world.pass(Duration::from_secs(80));
    assert!(world.element.is_idle());
}
