//! Our own addresses: IPv6, two families, advertised names (RFC 3261 §16.6 steps 4 and 8, RFC 5658).

use strowger_element::{Listener, Settings};
use strowger_sip::Transport;
use strowger_transaction::{Flow, ListenerId};

use crate::world::{ALICE, BOB, Dialog, Draft, World, addr, settings, the, udp};

const ALICE_6: &str = "[2001:db8::1]:5060";
const BOB_6: &str = "[2001:db8::2]:5062";

fn two_families() -> Settings {
    let mut settings = settings();
    settings.listeners.push(Listener {
        transport: Transport::Udp,
        address: addr("[2001:db8::10]:5060"),
        advertised: None,
    });
    settings
}

fn udp6(remote: &str) -> Flow {
    Flow::udp(ListenerId(2), addr(remote))
}

/// A call, an ACK, and a BYE from either side, each over the flow where its peer is.
fn whole_call(world: &mut World, alice: Flow, bob: Flow) -> Vec<String> {
    let sent = world.register("bob", &format!("sip:bob@{}", bob.remote), bob);
    assert_eq!(sent[0].status(), 200);
    let draft = Draft::new("INVITE", "alice", "bob", "i", alice);
    let sent = world.send(&draft);
    let invite = the(&sent, "INVITE");
    assert_eq!(invite.flow, bob);
    let ok = world.answer(invite, "200 OK", "b");
    assert_eq!(the(&ok, "200").flow, alice);
    let caller = Dialog::of_caller(&draft, &ok[0]);
    let callee = Dialog::of_callee(invite, "b");
    assert_eq!(the(&world.send(&caller.request("ACK", 1)), "ACK").flow, bob);
    assert_eq!(
        the(&world.send(&callee.request("BYE", 1)), "BYE").flow,
        alice
    );
    let bye = world.send(&caller.request("BYE", 2));
    assert_eq!(the(&bye, "BYE").flow, bob);
    assert_eq!(bye[0].header("Route"), None);
    let routes = invite.headers("Record-Route");
    world.pass_seconds(140);
    assert!(world.element.is_idle());
    routes
}

#[test]
fn a_call_over_ipv6() {
    let routes = whole_call(&mut World::new(two_families()), udp6(ALICE_6), udp6(BOB_6));
    assert_eq!(routes.len(), 1);
    assert!(
        routes[0].ends_with("@[2001:db8::10]:5060;lr>"),
        "{routes:?}"
    );
}

#[test]
fn a_call_from_one_family_to_the_other_has_a_route_on_each_side() {
    for (alice, bob) in [(udp6(ALICE_6), udp(BOB)), (udp(ALICE), udp6(BOB_6))] {
        let routes = whole_call(&mut World::new(two_families()), alice, bob);
        assert_eq!(routes.len(), 2, "{routes:?}");
    }
}

#[test]
fn an_advertised_name_stands_for_the_bound_address() {
    let mut settings = settings();
    settings.listeners[0].advertised = Some(("sip.home.test".into(), 5070));
    let mut world = World::new(settings);
    let routes = whole_call(&mut world, udp(ALICE), udp(BOB));
    assert!(routes[0].ends_with("@sip.home.test:5070;lr>"), "{routes:?}");
    let mut options =
        Draft::new("OPTIONS", "alice", "x", "o", udp(ALICE)).uri("sip:sip.home.test:5070");
    options.to = "<sip:sip.home.test:5070>".into();
    the(&world.send(&options), "200");
}

#[test]
fn another_port_of_our_address_is_somebody_else() {
    let mut world = World::new(settings());
    let draft = Draft::new("INVITE", "alice", "x", "i", udp(ALICE)).uri("sip:x@192.0.2.10:5082");
    assert_eq!(
        the(&world.send(&draft), "INVITE").flow,
        udp("192.0.2.10:5082")
    );
}
