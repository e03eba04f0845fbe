//! Forking: several contacts of one user (RFC 3261 §16.6, §16.7).

use core::time::Duration;

use crate::world::{
    ALICE, BOB, CAROL, Dialog, Draft, Sent, World, lines, settings, statuses_to, the, udp,
};
use strowger_element::Settings;
use strowger_proxy::Fork;

const DESK: &str = "sip:bob@192.0.2.2:5060";
const MOBILE: &str = "sip:bob@192.0.2.3:5060";

fn world_of(settings: Settings, q: [&str; 2]) -> World {
    let mut world = World::new(settings);
    for ((contact, from), q) in [(DESK, BOB), (MOBILE, CAROL)].into_iter().zip(q) {
        let sent = world.register_with("bob", contact, udp(from), q);
        assert_eq!(sent[0].status(), 200);
    }
    world
}

fn parallel() -> World {
    world_of(settings(), ["", ""])
}

fn serial() -> World {
    world_of(settings(), [";q=1", ";q=0.3"])
}

fn invite() -> Draft {
    Draft::new("INVITE", "alice", "bob", "i", udp(ALICE))
}

/// The messages to one peer that begin so.
fn to<'a>(sent: &'a [Sent], remote: &str, start: &str) -> Vec<&'a Sent> {
    sent.iter()
        .filter(|sent| sent.flow.remote.to_string() == remote && sent.line().starts_with(start))
        .collect()
}

fn both(sent: &[Sent]) -> (&Sent, &Sent) {
    assert_eq!(sent.len(), 2, "{:?}", lines(sent));
    (to(sent, BOB, "INVITE")[0], to(sent, CAROL, "INVITE")[0])
}

#[test]
fn the_first_200_wins_and_the_other_branch_is_cancelled() {
    let mut world = parallel();
    let sent = world.send(&invite());
    let (desk, mobile) = both(&sent);
    world.answer(desk, "180 Ringing", "d");
    world.answer(mobile, "180 Ringing", "m");
    let sent = world.answer(desk, "200 OK", "d");
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    let cancel = the(&sent, "CANCEL");
    assert_eq!(cancel.flow, mobile.flow);
    assert!(world.answer(cancel, "200 OK", "m").is_empty());
    let sent = world.answer(mobile, "487 Request Terminated", "m");
    assert_eq!(lines(&sent), [format!("ACK {MOBILE} SIP/2.0 -> {CAROL}")]);
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn every_2xx_is_forwarded() {
    let mut world = parallel();
    let sent = world.send(&invite());
    let (desk, mobile) = both(&sent);
    let first = world.answer(desk, "200 OK", "d");
    let second = world.answer(mobile, "200 OK", "m");
    assert_eq!(statuses_to(&second, ALICE), [200], "both callees answered");
    for (ok, peer) in [(&first, BOB), (&second, CAROL)] {
        let dialog = Dialog::of_caller(&invite(), the(ok, "200"));
        let ack = world.send(&dialog.request("ACK", 1));
        assert_eq!(ack[0].flow, udp(peer), "each ACK to its callee");
    }
    let repeated = world.answer(mobile, "200 OK", "m");
    assert_eq!(statuses_to(&repeated, ALICE), [200], "a retransmission too");
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn equal_q_rings_together_and_lower_q_after_it() {
    let mut world = serial();
    let sent = world.send(&invite());
    assert_eq!(lines(&sent), [format!("INVITE {DESK} SIP/2.0 -> {BOB}")]);
    let sent = world.answer(&sent[0], "486 Busy Here", "d");
    assert_eq!(to(&sent, BOB, "ACK").len(), 1);
    let mobile = to(&sent, CAROL, "INVITE")[0];
    let sent = world.answer(mobile, "200 OK", "m");
    assert_eq!(statuses_to(&sent, ALICE), [200]);
}

#[test]
fn a_silent_target_makes_way_after_timer_b() {
    let mut world = serial();
    world.send(&invite());
    let sent = world.pass(Duration::from_secs(33));
    let moved: Vec<_> = sent
        .iter()
        .filter(|(_, sent)| sent.flow == udp(CAROL))
        .map(|(at, _)| at.as_millis())
        .collect();
    assert_eq!(moved.first(), Some(&32_000));
}

#[test]
fn parallel_forking_may_be_set() {
    let mut settings = settings();
    settings.proxy.fork = Fork::Parallel;
    let mut world = world_of(settings, [";q=1", ";q=0.3"]);
    both(&world.send(&invite()));
}

#[test]
fn a_6xx_ends_it_for_everybody() {
    let mut world = parallel();
    let sent = world.send(&invite());
    let (desk, mobile) = both(&sent);
    world.answer(mobile, "180 Ringing", "m");
    let sent = world.answer(desk, "603 Decline", "d");
    assert_eq!(to(&sent, CAROL, "CANCEL").len(), 1);
    assert!(
        statuses_to(&sent, ALICE).is_empty(),
        "not before the others have ended"
    );
    let sent = world.answer(mobile, "487 Request Terminated", "m");
    assert_eq!(statuses_to(&sent, ALICE), [603]);
    let mut world = serial();
    let sent = world.send(&invite());
    let sent = world.answer(&sent[0], "600 Busy Everywhere", "d");
    assert_eq!(statuses_to(&sent, ALICE), [600], "nor are others tried");
}

#[test]
fn the_best_response_is_forwarded() {
    for (first, second, best) in [
        ("404 Not Found", "486 Busy Here", 404),
        ("486 Busy Here", "302 Moved Temporarily", 302),
        (
            "500 Server Internal Error",
            "480 Temporarily Unavailable",
            480,
        ),
        ("503 Service Unavailable", "486 Busy Here", 486),
        ("503 Service Unavailable", "503 Service Unavailable", 500),
        ("486 Busy Here", "415 Unsupported Media Type", 415),
    ] {
        let mut world = parallel();
        let sent = world.send(&invite());
        let (desk, mobile) = both(&sent);
        let sent = world.answer(desk, first, "d");
        assert!(statuses_to(&sent, ALICE).is_empty());
        let sent = world.answer(mobile, second, "m");
        assert_eq!(statuses_to(&sent, ALICE), [best], "{first} and {second}");
    }
}

#[test]
fn challenges_of_all_branches_are_collected() {
    let mut world = parallel();
    let sent = world.send(&invite());
    let (desk, mobile) = both(&sent);
    let challenge = |request: &Sent, status: &str, header: &str, realm: &str| {
        crate::world::response(request, status, "t", "").replace(
            "Content-Length",
            &format!("{header}: Digest realm=\"{realm}\", nonce=\"n\"\r\nContent-Length"),
        )
    };
    world.receive(
        desk.flow,
        &challenge(desk, "401 Unauthorized", "WWW-Authenticate", "desk"),
    );
    let sent = world.receive(
        mobile.flow,
        &challenge(
            mobile,
            "407 Proxy Authentication Required",
            "Proxy-Authenticate",
            "mobile",
        ),
    );
    let best = sent
        .iter()
        .find(|sent| sent.flow == udp(ALICE))
        .expect("a challenge");
    assert!(best.status() == 401 || best.status() == 407);
    assert_eq!(best.headers("WWW-Authenticate").len(), 1, "{}", best.text());
    assert_eq!(
        best.headers("Proxy-Authenticate").len(),
        1,
        "{}",
        best.text()
    );
}

#[test]
fn timer_c_is_reset_by_183() {
    let mut world = crate::world::world_with_bob();
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    assert!(
        world
            .pass_seconds(184)
            .iter()
            .all(|sent| sent.status() != 408)
    );
    world.answer(&sent[0], "183 Session Progress", "b");
    let later = world.pass(Duration::from_secs(186));
    let cancel = later
        .iter()
        .find(|(_, sent)| sent.line().starts_with("CANCEL"))
        .expect("timer C cancels");
    assert_eq!(cancel.0, Duration::from_secs(185));
    let sent = world.answer(&sent[0], "487 Request Terminated", "b");
    assert_eq!(
        statuses_to(&sent, ALICE),
        [408],
        "a 487 says nothing to the caller"
    );
}

#[test]
fn a_100_does_not_reset_timer_c() {
    let mut world = crate::world::world_with_bob();
    let sent = world.send(&invite());
    world.answer(&sent[0], "100 Trying", "b");
    world.pass_seconds(100);
    world.answer(&sent[0], "100 Trying", "b");
    let sent = world.pass_seconds(86);
    assert!(sent.iter().any(|sent| sent.line().starts_with("CANCEL")));
}

#[test]
fn the_ring_limit_ends_a_call() {
    let mut settings = settings();
    settings.proxy.ring_seconds_max = Some(20);
    let mut world = crate::world::with_bob(settings);
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    let later = world.pass(Duration::from_secs(21));
    let (at, cancel) = later.first().expect("the limit cancels");
    assert_eq!(at.as_secs(), 20);
    assert!(cancel.line().starts_with("CANCEL"));
    let sent = world.answer(&sent[0], "487 Request Terminated", "b");
    assert_eq!(statuses_to(&sent, ALICE), [480]);
}

#[test]
fn a_callee_that_ignores_cancel_is_given_up_after_64_t1() {
    let mut world = crate::world::world_with_bob();
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    let cancelled = world.send(&invite().cancel());
    world.answer(the(&cancelled, "CANCEL"), "200 OK", "b");
    let later = world.pass(Duration::from_secs(33));
    let ended: Vec<_> = later
        .iter()
        .filter(|(_, sent)| sent.status() >= 300)
        .map(|(at, sent)| (at.as_millis(), sent.status()))
        .collect();
    assert_eq!(ended.first(), Some(&(32_000, 487)));
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_target_that_fails_at_once_does_not_end_the_call() {
    for (first, second) in [("", ""), (";q=1", ";q=0.5")] {
        let mut world = World::new(settings());
        // There is no IPv6 listener.
        world.register_with("bob", "sip:bob@[2001:db8::1]", udp(CAROL), first);
        world.register_with("bob", DESK, udp(BOB), second);
        let sent = world.send(&invite());
        assert_eq!(lines(&sent), [format!("INVITE {DESK} SIP/2.0 -> {BOB}")]);
        assert_eq!(
            statuses_to(&world.answer(&sent[0], "200 OK", "d"), ALICE),
            [200]
        );
    }
}

#[test]
fn max_breadth_is_shared_among_parallel_branches() {
    let mut world = parallel();
    let sent = world.send(&invite().line("Max-Breadth: 5"));
    let (desk, mobile) = both(&sent);
    let breadth = |sent: &Sent| {
        sent.header("Max-Breadth")
            .and_then(|text| text.parse().ok())
    };
    let shares: [Option<u32>; 2] = [breadth(desk), breadth(mobile)];
    assert_eq!(shares.iter().flatten().sum::<u32>(), 5, "{shares:?}");
    let mut world = parallel();
    let sent = world.send(&invite().line("Max-Breadth: 1"));
    assert_eq!(sent.len(), 1, "one at a time");
    let sent = world.answer(&sent[0], "486 Busy Here", "d");
    let next = the(&sent, "INVITE");
    assert_eq!(
        next.header("Max-Breadth").as_deref(),
        Some("1"),
        "what a finished branch had is free again"
    );
}
