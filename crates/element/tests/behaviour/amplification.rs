//! What strangers are sent over UDP, in proportion to what they sent: a forged source must not be flooded by our answers, and
//! no phone may notice (docs/decisions/0013-answers-within-measure.md).

use std::fmt::Write;
use std::sync::Arc;

use strowger_element::Input;
use strowger_transaction::Flow;

use crate::world::{ALICE, World, addr, guarded, password, registration, settings, tcp, udp};

/// The shortest that is understood.
fn shortest(method: &str, uri: &str, to: &str, branch: u32) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK{branch}\r\nf:<sip:a@home.test>;tag=1\r\nt:<{to}>\r\n\
         i:{branch}\r\nCSeq:1 {method}\r\nMax-Forwards:9\r\n\r\n"
    )
}

fn register_of_baresip(branch: u32) -> String {
    format!(
        "REGISTER sip:home.test SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK5b7a1b8e{branch};rport\r\n\
         Contact: <sip:alice-0x5581f2c6d0a0@{ALICE}>;expires=3600;+sip.instance=\"<urn:uuid:7a5c3f0e-4f6e-1d5b-2c9e-9b1d2f3a4c5d>\"\r\n\
         Max-Forwards: 70\r\nTo: <sip:alice@home.test>\r\nFrom: <sip:alice@home.test>;tag=5a0c9e2e1f7d8b36\r\n\
         Call-ID: 3f0c5a7e9d1b2c48\r\nCSeq: {branch} REGISTER\r\nUser-Agent: baresip v1.0.0 (x86_64/linux)\r\n\
         Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER\r\nSupported: gruu,replaces,norefersub\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn register_of_sipp(branch: u32) -> String {
    format!(
        "REGISTER sip:home.test SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK-4711-1-{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@home.test>;tag=4711SIPpTag001\r\nTo: <sip:alice@home.test>\r\nCall-ID: 1-4711@192.0.2.1\r\n\
         CSeq: {branch} REGISTER\r\nContact: <sip:alice@{ALICE}>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    )
}

fn options_of_sipsak(branch: u32) -> String {
    format!(
        "OPTIONS sip:192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK.5c6f3b2e{branch};rport;alias\r\n\
         From: sip:sipsak@{ALICE};tag=3c6a4a8e\r\nTo: sip:192.0.2.10\r\nCall-ID: 10135{branch}@192.0.2.1\r\n\
         CSeq: 1 OPTIONS\r\nContact: sip:sipsak@{ALICE}\r\nContent-Length: 0\r\nMax-Forwards: 70\r\n\
         User-Agent: sipsak 0.9.8.1\r\nAccept: text/plain\r\n\r\n"
    )
}

/// Each kind of request, as a function of a number that makes it new.
type Kind = (&'static str, fn(u32) -> String);

const KINDS: [Kind; 9] = [
    ("REGISTER of baresip", register_of_baresip),
    ("REGISTER of sipp", register_of_sipp),
    ("OPTIONS of sipsak", options_of_sipsak),
    ("shortest REGISTER", |n| {
        shortest("REGISTER", "sip:home.test", "sip:a@home.test", n)
    }),
    ("shortest INVITE", |n| {
        shortest("INVITE", "sip:bob@home.test", "sip:bob@home.test", n)
    }),
    ("shortest OPTIONS", |n| {
        shortest("OPTIONS", "sip:home.test", "sip:home.test", n)
            .replace("f:<sip:a@home.test>", "f:<sip:a@far>")
    }),
    ("shortest INVITE of a foreigner", |n| {
        shortest("INVITE", "sip:bob@home.test", "sip:bob@home.test", n)
            .replace("f:<sip:a@home.test>", "f:<sip:a@far>")
    }),
    ("shortest BYE", |n| {
        shortest("BYE", "sip:home.test", "sip:home.test>;tag=x", n)
            .replace("f:<sip:a@home.test>", "f:<sip:a@far>")
            .replace("tag=x>", "tag=x")
    }),
    ("shortest CANCEL", |n| {
        shortest("CANCEL", "sip:bob@home.test", "sip:bob@home.test", n)
    }),
];

/// Sends `count` requests from `source`: octets there and back, and what was answered last.
fn exchange(world: &mut World, kind: Kind, source: Flow, count: u32) -> (usize, usize, String) {
    let (mut asked, mut answered, mut last) = (0, 0, String::from("nothing"));
    for number in 0..count {
        let text = kind.1(number);
        asked += text.len();
        last = String::from("nothing");
        for sent in world.receive(source, &text) {
            answered += sent.message.as_bytes().len();
            last = sent.status().to_string();
        }
    }
    (asked, answered, last)
}

#[test]
fn the_table_of_answers_is_as_decided() {
    let mut table = String::from(
        "request                        | octets | first answer          | of 1,000 at once, out to in | in the end\n",
    );
    for kind in KINDS {
        let mut world = World::new(guarded());
        let (asked, answered, first) = exchange(&mut world, kind, udp(ALICE), 1);
        let ratio = answered as f64 / asked as f64;
        let other = udp("192.0.2.77:5060");
        let (all_asked, all_answered, last) = exchange(&mut world, kind, other, 1_000);
        let all = all_answered as f64 / all_asked as f64;
        writeln!(
            table,
            "{:30} | {asked:6} | {first} of {answered:3}, {ratio:4.2} times | {all:27.2} | {last}",
            kind.0
        )
        .expect("text");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_flood_gets_less_than_one_and_a_half_times_what_it_sends() {
    for kind in KINDS {
        let mut world = World::new(guarded());
        let (asked, answered, _) = exchange(&mut world, kind, udp(ALICE), 2_000);
        let most = asked * 3 / 2 + 8_192;
        assert!(answered <= most, "{}: {answered} for {asked}", kind.0);
        assert!(answered as f64 / (asked as f64) < 1.55, "{}", kind.0);
        assert!(world.element.is_idle(), "and costs no memory: {}", kind.0);
        assert!(
            world.pass_seconds(40).is_empty(),
            "and nothing is sent again"
        );
    }
}

#[test]
fn no_phone_notices() {
    let mut world = World::new(guarded());
    // A phone that was refused before, as often as phones are, is challenged and registered at once.
    for kind in &KINDS[..3] {
        let (_, _, last) = exchange(&mut world, *kind, udp(ALICE), 2_000);
        assert_ne!(last, "nothing", "{}", kind.0);
    }
    assert_eq!(world.element.counters().answers_withheld, 0);
    world.register_as_owner("alice", &format!("sip:alice@{ALICE}"), udp(ALICE));
}

#[test]
fn options_are_always_answered() {
    let mut world = World::new(guarded());
    let (_, _, last) = exchange(&mut world, KINDS[5], udp(ALICE), 2_000);
    assert_eq!(last, "200");
    let counters = world.element.counters();
    assert!(counters.answers_shortened > 0);
    assert_eq!(counters.answers_withheld, 0);
}

#[test]
fn connections_and_other_sources_are_not_concerned() {
    let mut world = World::new(guarded());
    let flood = KINDS[3];
    exchange(&mut world, flood, udp(ALICE), 2_000);
    let withheld = world.element.counters().answers_withheld;
    assert!(withheld > 1_000);
    for other in [udp("192.0.2.99:5060"), tcp(ALICE, 1)] {
        let (_, _, last) = exchange(&mut world, flood, other, 10);
        assert_eq!(last, "401");
    }
    assert_eq!(world.element.counters().answers_withheld, withheld);
    // A minute later the source is as good as any.
    world.pass_seconds(60);
    assert_eq!(exchange(&mut world, flood, udp(ALICE), 10).2, "401");
}

#[test]
fn many_bindings_are_told_to_their_owner() {
    let mut world = World::new(settings());
    for number in 0..10 {
        let contact = format!("sip:alice@192.0.2.1:{}", 6_000 + number);
        world.register("alice", &contact, udp(ALICE));
    }
    world.input(Input::Reconfigure(Arc::new(guarded())));
    let mut question = registration("alice", "", udp(ALICE));
    question.contact.clear();
    question.extra.clear();
    let challenged = world.send(&question);
    for number in 0..200 {
        question.cseq = 100 + number;
        question.branch = format!("z9hG4bKq{number}");
        question.call_id = format!("q{number}");
        let answer = question.authorized(&challenged[0], "alice", &password("alice"), 1 + number);
        assert_eq!(world.send(&answer)[0].headers("Contact").len(), 10);
    }
}

#[test]
fn where_nobody_is_challenged_the_bindings_are_told_within_measure() {
    let mut world = World::new(settings());
    for number in 0..10 {
        let contact = format!("sip:alice@192.0.2.1:{}", 6_000 + number);
        world.register("alice", &contact, udp(ALICE));
    }
    world.pass_seconds(60);
    let mut question = registration("alice", "", udp("203.0.113.9:5060"));
    question.contact.clear();
    question.extra.clear();
    let answered = (0..100).filter(|number| {
        question.cseq = 100 + number;
        question.branch = format!("z9hG4bKs{number}");
        question.call_id = format!("s{number}");
        !world.send(&question).is_empty()
    });
    assert!(answered.count() < 40);
}

#[test]
fn malformed_requests_are_answered_within_measure_too() {
    let world = World::new(settings());
    let ingress = world.ingress();
    let source = udp("192.0.2.55:5060");
    let now = world.now.monotonic;
    let answered = (0..1_000).filter(|_| ingress.may_answer(&source, (100, 250), now));
    assert_eq!(answered.count(), 81, "8,192 octets of 100 too many each");
    assert!(ingress.may_answer(&source, (100, 150), now));
    assert_eq!(source.remote, addr("192.0.2.55:5060"));
}
