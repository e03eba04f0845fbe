//! Phones behind NAT: their Contacts name addresses that mean nothing here (DESIGN §2a rules 4 and 8).

use strowger_sip::Transport;
use strowger_transaction::Flow;

use crate::world::{
    ALICE, BOB, Dialog, Draft, Sent, World, lines, settings, statuses_to, tcp, the, udp,
};

const ALICE_INSIDE: &str = "10.0.0.1:5060";
const BOB_INSIDE: &str = "192.168.1.7:5062";

fn uri(inside: &str, user: &str, flow: Flow) -> String {
    match flow.transport {
        Transport::Udp => format!("sip:{user}@{inside}"),
        _ => format!("sip:{user}@{inside};transport=tcp"),
    }
}

fn world(bob: Flow) -> World {
    let mut world = World::new(settings());
    let sent = world.register("bob", &uri(BOB_INSIDE, "bob", bob), bob);
    assert_eq!(sent[0].status(), 200);
    world
}

fn invite(alice: Flow) -> Draft {
    Draft::new("INVITE", "alice", "bob", "i", alice)
        .sent_by(ALICE_INSIDE)
        .contact(&format!("<{}>", uri(ALICE_INSIDE, "alice", alice)))
}

fn only(sent: &[Sent], method: &str, flow: Flow) {
    assert_eq!(sent.len(), 1, "{:?}", lines(sent));
    assert_eq!(sent[0].flow, flow, "{:?}", lines(sent));
    assert!(sent[0].line().starts_with(method), "{:?}", lines(sent));
}

/// A call, and both ends of its dialog.
fn call(world: &mut World, alice: Flow, bob: Flow) -> (Dialog, Dialog) {
    let draft = invite(alice);
    let sent = world.send(&draft);
    only(&sent, "INVITE", bob);
    let ok = world.answer(&sent[0], "200 OK", "b");
    only(&ok, "SIP/2.0 200", alice);
    (
        Dialog::of_caller(&draft, &ok[0]),
        Dialog::of_callee(&sent[0], "b"),
    )
}

fn flows() -> Vec<(Flow, Flow)> {
    let mut pairs = Vec::new();
    for alice in [udp(ALICE), tcp(ALICE, 1)] {
        for bob in [udp(BOB), tcp(BOB, 2)] {
            pairs.push((alice, bob));
        }
    }
    pairs
}

#[test]
fn a_whole_call_arrives_over_the_flows() {
    for (alice, bob) in flows() {
        let mut world = world(bob);
        let (caller, callee) = call(&mut world, alice, bob);
        only(&world.send(&caller.request("ACK", 1)), "ACK", bob);
        let sent = world.send(&caller.request("INVITE", 2));
        only(&sent, "INVITE", bob);
        only(&world.answer(&sent[0], "200 OK", "b"), "SIP/2.0 200", alice);
        only(&world.send(&caller.request("ACK", 2)), "ACK", bob);
        let sent = world.send(&callee.request("INVITE", 1));
        only(&sent, "INVITE", alice);
        only(&world.answer(&sent[0], "200 OK", "a"), "SIP/2.0 200", bob);
        only(&world.send(&callee.request("ACK", 1)), "ACK", alice);
        let sent = world.send(&callee.request("BYE", 2));
        only(&sent, "BYE", alice);
        only(&world.answer(&sent[0], "200 OK", "a"), "SIP/2.0 200", bob);
        let sent = world.send(&caller.request("BYE", 3));
        only(&sent, "BYE", bob);
        assert!(world.connects.is_empty() && world.questions.is_empty());
        world.pass_seconds(140);
        assert!(world.element.is_idle());
    }
}

#[test]
fn a_dialog_whose_stream_is_gone_gets_480_at_once() {
    let (alice, bob) = (udp(ALICE), tcp(BOB, 2));
    let mut world = world(bob);
    let (caller, _) = call(&mut world, alice, bob);
    world.closed(bob);
    let sent = world.send(&caller.request("BYE", 2));
    // The driver finds the stream gone.
    let sent = world.failed(&sent[0]);
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    assert!(
        world.connects.is_empty(),
        "the private address is not dialled"
    );
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_stream_that_closes_under_a_request_gives_480() {
    let bob = tcp(BOB, 2);
    let mut world = world(bob);
    world.send(&invite(udp(ALICE)));
    let sent = world.closed(bob);
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    assert!(world.connects.is_empty());
}

#[test]
fn a_binding_whose_stream_closed_is_not_called() {
    let bob = tcp(BOB, 2);
    let mut world = world(bob);
    world.closed(bob);
    let sent = world.send(&invite(udp(ALICE)));
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    assert!(world.connects.is_empty() && world.element.is_idle());
}

#[test]
fn another_stream_that_closes_does_no_harm() {
    let bob = tcp(BOB, 2);
    let mut world = world(bob);
    world.closed(tcp(BOB, 3));
    only(&world.send(&invite(udp(ALICE))), "INVITE", bob);
}

#[test]
fn a_big_request_to_a_datagram_flow_stays_on_it() {
    let mut world = world(udp(BOB));
    let sent = world.send(&invite(udp(ALICE)).body("application/sdp", 2_000));
    only(&sent, "INVITE", udp(BOB));
    assert!(sent[0].message.len() > 2_000);
}

#[test]
fn a_big_request_to_an_explicit_transport_stays_on_it() {
    let mut world = World::new(settings());
    world.register("bob", &format!("sip:bob@{BOB};transport=udp"), udp(BOB));
    let sent = world.send(&invite(udp(ALICE)).body("application/sdp", 2_000));
    only(&sent, "INVITE", udp(BOB));
}

#[test]
fn a_big_request_moves_to_tcp_where_it_may() {
    let mut world = World::new(settings());
    world.register("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    let sent = world.send(&invite(udp(ALICE)).body("application/sdp", 2_000));
    assert!(sent.is_empty());
    let sent = world.connected(7);
    only(&sent, "INVITE", tcp(BOB, 7));
    assert!(
        sent[0]
            .header("Via")
            .expect("Via")
            .starts_with("SIP/2.0/TCP")
    );
    only(
        &world.answer(&sent[0], "180 Ringing", "b"),
        "SIP/2.0 180",
        udp(ALICE),
    );
}

#[test]
fn a_big_request_falls_back_to_udp() {
    for silent in [false, true] {
        let mut world = World::new(settings());
        world.register("bob", &format!("sip:bob@{BOB}"), udp(BOB));
        world.send(&invite(udp(ALICE)).body("application/sdp", 2_000));
        let sent = if silent {
            world
                .pass(core::time::Duration::from_millis(2_100))
                .pop()
                .map(|(_, sent)| sent)
        } else {
            world.connect_failed().pop()
        };
        only(&Vec::from_iter(sent), "INVITE", udp(BOB));
    }
}

#[test]
fn an_icmp_error_from_a_datagram_flow_gives_480() {
    let mut world = world(udp(BOB));
    let sent = world.send(&invite(udp(ALICE)));
    let branch = sent[0].message.via().branch().map(Box::from);
    let sent = world.input(strowger_element::Input::TransmitFailed {
        flow: udp(BOB),
        token: strowger_transaction::TransmitToken::NONE,
        branch,
    });
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    the(&sent, "480");
}

#[test]
fn a_dialog_whose_stream_is_gone_goes_on_by_its_contact_where_that_can_be_reached() {
    let bob = tcp(BOB, 2);
    let mut world = World::new(settings());
    world.register("bob", &format!("sip:bob@{BOB};transport=tcp"), bob);
    let (caller, _) = call(&mut world, udp(ALICE), bob);
    world.closed(bob);
    let sent = world.send(&caller.request("BYE", 2));
    assert!(world.failed(&sent[0]).is_empty());
    assert_eq!(world.connects[0].1.to_string(), BOB);
    let sent = world.connected(9);
    only(&sent, "BYE", tcp(BOB, 9));
    only(
        &world.answer(&sent[0], "200 OK", "b"),
        "SIP/2.0 200",
        udp(ALICE),
    );
}
