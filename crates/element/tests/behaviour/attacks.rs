//! Attacks that took other servers down or fooled them, and a clock that jumps: each must come to nothing.

use core::time::Duration;

use strowger_registrar::LocationService;
use strowger_sip::{Limits, Message};

use crate::draft::response;
use crate::world::{
    ALICE, BOB, Draft, World, guarded, lines, password, registration, settings, statuses_to, the,
    udp, with_bob, world_with_bob,
};

fn invite(branch: &str) -> Draft {
    Draft::new("INVITE", "alice", "bob", branch, udp(ALICE))
}

#[test]
fn a_claimed_identity_is_taken_off_however_it_is_spelled() {
    let spellings = [
        "P-Asserted-Identity: <sip:queen@home.test>",
        "P-Asserted-Identity \t: <sip:queen@home.test>",
        "p-aSSERTED-iDENTITY:<sip:queen@home.test>",
        "P-Asserted-Identity:\r\n <sip:queen@home.test>",
        "P-Asserted-Identity: <sip:queen@home.test>\r\nP-Asserted-Identity: <tel:+1queen>",
        "P-Preferred-Identity \t: <sip:alice@home.test>\r\nP-Asserted-Identity : <sip:queen@home.test>",
    ];
    for (number, spelling) in spellings.iter().enumerate() {
        let mut world = world_with_bob();
        let sent = world.send(&invite(&format!("p{number}")).line(spelling));
        let text = the(&sent, "INVITE").text().to_ascii_lowercase();
        assert!(!text.contains("queen"), "{spelling}: {text}");
        assert!(!text.contains("asserted"), "{spelling}: {text}");
    }
}

#[test]
fn no_value_brings_a_line_of_its_own() {
    // What hides a line break in a value is refused, or leaves as one value.
    let mut world = world_with_bob();
    for (number, subject) in ["a\rRoute: <sip:x>", "a\nRoute: <sip:x>", "a\0b"]
        .iter()
        .enumerate()
    {
        let text = invite(&format!("s{number}"))
            .line(&format!("Subject: {subject}"))
            .text();
        assert!(
            Message::parse(text.into_bytes(), &Limits::default()).is_err(),
            "{subject:?}"
        );
    }
    let folded = world.send(&invite("f").line("Subject: a\r\n Route: <sip:evil.test;lr>"));
    let forwarded = the(&folded, "INVITE");
    assert_eq!(forwarded.flow, udp(BOB));
    assert_eq!(forwarded.message.vias().count(), 2);
    assert!(forwarded.message.routes().next().is_none());
}

#[test]
fn lengths_never_wrap_and_never_contradict_each_other() {
    let with = |lines: &str| {
        let text = invite("l").text().replace("Content-Length: 0\r\n", lines);
        Message::parse(text.into_bytes(), &Limits::default())
    };
    for lines in [
        "Content-Length: 4294967296\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999999999\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nl: 0\r\n",
    ] {
        assert!(with(lines).is_err(), "{lines:?}");
    }
    assert!(with("l: 0\r\n").is_ok());
}

#[test]
fn a_forged_2xx_goes_nowhere() {
    let mut world = world_with_bob();
    let sent = world.send(&invite("v"));
    let genuine = the(&sent, "INVITE").message.branch().map(<[u8]>::to_vec);
    let branch = String::from_utf8(genuine.expect("a branch")).expect("text");
    let forged = |branch: &str| {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch={branch}\r\n\
             Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKvictim\r\nFrom: <sip:a@home.test>;tag=f1\r\n\
             To: <sip:b@home.test>;tag=t\r\nCall-ID: forged\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
    };
    // Nearly ours: one character of the MAC is another.
    let last = if branch.ends_with('a') { "b" } else { "a" };
    let nearly = format!("{}{last}", &branch[..branch.len() - 1]);
    for branch in ["z9hG4bKother", &nearly, "", "z9hG4bK"] {
        let sent = world.receive(udp("203.0.113.77:5060"), &forged(branch));
        assert_eq!(lines(&sent), [""; 0], "{branch}");
    }
    assert!(world.element.counters().stray_responses >= 3);
}

#[test]
fn a_response_whose_next_via_nobody_can_read_is_not_passed_on() {
    let mut world = world_with_bob();
    let forwarded = world.send(&invite("b"));
    let at_bob = the(&forwarded, "INVITE");
    let good = response(at_bob, "180 Ringing", "t", "");
    let bent = good.replace(
        "Via: SIP/2.0/UDP 192.0.2.1:",
        "Via: SIP/2;;.0/UDP 192.0.2.1:",
    );
    assert_ne!(good, bent);
    let strays = world.element.counters().stray_responses;
    assert!(world.receive(at_bob.flow, &bent).is_empty());
    assert_eq!(world.element.counters().stray_responses, strays + 1);
    let sent = world.receive(at_bob.flow, &good);
    assert_eq!(statuses_to(&sent, ALICE), [180]);
}

#[test]
fn a_flood_of_registrations_without_credentials_keeps_no_memory() {
    let mut world = World::new(guarded());
    for number in 0..5_000 {
        let mut draft = registration("alice", &format!("sip:x{number}@{ALICE}"), udp(ALICE));
        draft.call_id = format!("flood-{number}");
        draft.branch = format!("z9hG4bKflood{number}");
        assert_eq!(statuses_to(&world.send(&draft), ALICE), [401]);
    }
    assert!(world.element.is_idle());
    assert_eq!(world.element.in_progress(), 0);
    assert!(world.journal.is_empty());
    assert!(world.pass_seconds(60).is_empty(), "no answer is sent again");
    assert_eq!(world.shared.location.len(), 0);
}

/// The wall clock jumps; time goes on as it did.
fn jump(world: &mut World, seconds: i64) {
    let wall = world.now.wall;
    let by = Duration::from_secs(seconds.unsigned_abs());
    world.now.wall = match seconds < 0 {
        true => strowger_sip::Time::from_secs(wall.as_secs() - by.as_secs()),
        false => wall + by,
    };
}

const HOUR: i64 = 3_600;

#[test]
fn a_wall_clock_that_jumps_ends_no_registration_early_or_late() {
    for seconds in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR] {
        let mut world = with_bob(settings());
        let bound = |world: &World| {
            let aor = strowger_registrar::AddressOfRecord::new(b"bob", "home.test");
            let now = world.now.monotonic;
            world.shared.location.bindings(aor.as_bytes(), now).len()
        };
        jump(&mut world, seconds);
        world.pass_seconds(590);
        assert_eq!(bound(&world), 1, "{seconds}");
        world.pass_seconds(15);
        assert_eq!(bound(&world), 0, "{seconds}");
    }
}

#[test]
fn a_wall_clock_that_jumps_ends_no_call_and_brings_no_storm_of_timers() {
    for seconds in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR] {
        let mut world = world_with_bob();
        let forwarded = world.send(&invite("j"));
        let at_bob = the(&forwarded, "INVITE");
        world.answer(at_bob, "180 Ringing", "b1");
        jump(&mut world, seconds);
        assert!(world.pass_seconds(20).is_empty(), "{seconds}");
        let answered = world.answer(at_bob, "200 OK", "b1");
        assert_eq!(statuses_to(&answered, ALICE), [200], "{seconds}");
        world.pass_seconds(70);
        assert!(world.element.is_idle(), "{seconds}");
    }
}

#[test]
fn a_challenge_may_be_answered_though_the_wall_clock_jumped() {
    for seconds in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR] {
        let mut world = World::new(guarded());
        let draft = registration("alice", &format!("sip:alice@{ALICE}"), udp(ALICE));
        let challenged = world.send(&draft);
        jump(&mut world, seconds);
        let answer = draft.authorized(&challenged[0], "alice", &password("alice"), 1);
        assert_eq!(statuses_to(&world.send(&answer), ALICE), [200], "{seconds}");
    }
}
