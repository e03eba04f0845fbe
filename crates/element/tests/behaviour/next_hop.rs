//! Finding the next hop and going to another one when it fails (RFC 3263 §4).

use strowger_resolve::{Answer as DnsAnswer, Question, QuestionKind, Record};

use crate::world::{ALICE, Draft, Sent, World, lines, settings, statuses_to, the, udp};

const FIRST: &str = "198.51.100.1:5070";
const SECOND: &str = "198.51.100.2:5071";

fn invite() -> Draft {
    Draft::new("INVITE", "alice", "x", "i", udp(ALICE)).uri("sip:x@far.test")
}

/// far.test has two servers over UDP.
fn zone(question: &Question) -> DnsAnswer {
    let srv = |priority, port, target: &str| Record::Srv {
        priority,
        weight: 0,
        port,
        target: target.into(),
    };
    let records = match (question.kind, &*question.name) {
        (QuestionKind::Srv, "_sip._udp.far.test") => {
            vec![srv(1, 5070, "one.far.test"), srv(2, 5071, "two.far.test")]
        }
        (QuestionKind::A, "one.far.test") => vec![Record::A([198, 51, 100, 1].into())],
        (QuestionKind::A, "two.far.test") => vec![Record::A([198, 51, 100, 2].into())],
        _ => return DnsAnswer::NoSuchName { ttl_seconds: 60 },
    };
    DnsAnswer::Records {
        records,
        ttl_seconds: 60,
    }
}

/// Answers the DNS until nothing is asked any more.
fn resolve(world: &mut World) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !world.questions.is_empty() {
        sent.extend(world.answer_dns(zone));
    }
    sent
}

fn begun() -> (World, Sent) {
    let mut world = World::new(settings());
    assert!(world.send(&invite()).is_empty());
    let mut sent = resolve(&mut world);
    assert_eq!(
        lines(&sent),
        [format!("INVITE sip:x@far.test SIP/2.0 -> {FIRST}")]
    );
    (world, sent.remove(0))
}

fn second(world: &mut World, mut sent: Vec<Sent>) -> Sent {
    sent.extend(resolve(world));
    assert!(
        statuses_to(&sent, ALICE)
            .iter()
            .all(|&status| status == 100),
        "{:?}",
        lines(&sent)
    );
    let next = the(&sent, "INVITE");
    assert_eq!(next.flow, udp(SECOND));
    sent.into_iter()
        .find(|sent| sent.line().starts_with("INVITE"))
        .expect("found before")
}

#[test]
fn an_icmp_error_leads_to_the_next_server() {
    let (mut world, first) = begun();
    let sent = world.failed(&first);
    let next = second(&mut world, sent);
    let branch = |sent: &Sent| sent.message.via().branch().map(<[u8]>::to_vec);
    assert_ne!(
        branch(&first),
        branch(&next),
        "each attempt is a transaction of its own"
    );
    assert_eq!(
        statuses_to(&world.answer(&next, "200 OK", "x"), ALICE),
        [200]
    );
}

#[test]
fn a_503_leads_to_the_next_server() {
    let (mut world, first) = begun();
    let sent = world.answer(&first, "503 Service Unavailable", "x");
    assert!(sent.iter().any(|sent| sent.line().starts_with("ACK")));
    let sent = sent
        .into_iter()
        .filter(|sent| !sent.line().starts_with("ACK"))
        .collect();
    let next = second(&mut world, sent);
    let mut sent = world.answer(&next, "503 Service Unavailable", "x");
    sent.extend(resolve(&mut world));
    assert_eq!(statuses_to(&sent, ALICE), [500], "none is left");
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn silence_leads_to_the_next_server() {
    let (mut world, first) = begun();
    let sent = world.pass_seconds(32);
    assert_eq!(world.questions.len(), 1);
    let sent: Vec<_> = sent
        .into_iter()
        .filter(|sent| sent.flow == first.flow)
        .collect();
    assert_eq!(sent.len(), 6, "retransmissions of the first");
    let next = second(&mut world, Vec::new());
    // The first server was slow, no more: its 200 counts no longer, that of the second does.
    assert!(statuses_to(&world.answer(&next, "200 OK", "x"), ALICE) == [200]);
}

#[test]
fn a_name_without_address_ends_the_call() {
    let mut world = World::new(settings());
    world.send(&invite().uri("sip:x@nowhere.test"));
    let sent = resolve(&mut world);
    assert_eq!(
        sent.iter().filter(|sent| sent.status() >= 400).count(),
        1,
        "{:?}",
        lines(&sent)
    );
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_dns_that_never_answers_ends_the_call_in_time() {
    for uri in [
        "sip:x@far.test",
        "sip:x@far.test:5060",
        "sips:x@far.test",
        "sip:x@far.test;transport=tcp",
    ] {
        let mut world = World::new(settings());
        let mut sent: Vec<_> = Vec::new();
        let first = world.send(&invite().uri(uri));
        sent.extend(
            first
                .into_iter()
                .map(|sent| (core::time::Duration::ZERO, sent)),
        );
        sent.extend(world.pass(core::time::Duration::from_secs(40)));
        let ended: Vec<_> = sent
            .iter()
            .filter(|(_, sent)| sent.status() >= 400)
            .collect();
        assert!(!ended.is_empty(), "{uri}");
        assert!(ended[0].0.as_secs() < 32, "{uri}: {:?}", ended[0].0);
        let asked = world.questions.len();
        let late = world.element.counters().late_answers;
        assert!(
            resolve(&mut world).is_empty(),
            "late answers change nothing"
        );
        assert_eq!(world.element.counters().late_answers, late + asked as u64);
        world.pass_seconds(140);
        assert!(world.element.is_idle());
    }
}

#[test]
fn a_message_to_a_dead_dns_ends_without_a_trace() {
    let mut world = World::new(settings());
    world.send(&Draft::new("MESSAGE", "alice", "x", "m", udp(ALICE)).uri("sip:x@far.test"));
    let sent = world.pass_seconds(32);
    assert!(
        statuses_to(&sent, ALICE)
            .iter()
            .all(|&status| status != 408)
    );
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

/// The caller's final response, and when it came.
fn final_of(
    world: &mut World,
    answer_after_seconds: u64,
    answer: impl Fn(&Question) -> DnsAnswer,
) -> (u64, u16) {
    assert!(world.send(&invite()).is_empty());
    let start = world.now.monotonic;
    for second in 1..=40 {
        let mut sent = world.pass_seconds(1);
        if second % answer_after_seconds == 0 {
            sent.extend(world.answer_dns(&answer));
        }
        let last = statuses_to(&sent, ALICE)
            .into_iter()
            .find(|status| *status >= 200);
        if let Some(status) = last {
            let took = world.now.monotonic.saturating_since(start);
            world.pass_seconds(140);
            assert!(world.element.is_idle());
            return (took.as_secs(), status);
        }
    }
    panic!("no final response in 40 s");
}

#[test]
fn a_dns_that_never_answers_costs_the_caller_less_than_32_seconds() {
    let mut world = World::new(settings());
    let (seconds, status) = final_of(&mut world, 100, zone);
    assert_eq!((status, seconds <= 25), (500, true), "{seconds} s");
}

#[test]
fn a_dns_that_says_no_such_name_ends_the_call_at_once() {
    let mut world = World::new(settings());
    let nothing = |_: &Question| DnsAnswer::NoSuchName { ttl_seconds: 60 };
    let (seconds, status) = final_of(&mut world, 1, nothing);
    assert_eq!((status, seconds <= 8), (500, true), "{seconds} s");
}

#[test]
fn a_dns_that_answers_after_ten_seconds_is_too_late_and_the_call_ends() {
    let mut world = World::new(settings());
    let (seconds, status) = final_of(&mut world, 10, zone);
    assert_eq!((status, seconds <= 25), (500, true), "{seconds} s");
    assert!(world.element.counters().deadlines_passed > 0);
}

#[test]
fn a_dns_that_answers_many_questions_late_ends_the_call_in_time() {
    // Thirty servers, and every answer takes 4 s: each alone is in time.
    let many = |question: &Question| match question.kind {
        QuestionKind::Srv => DnsAnswer::Records {
            records: (0..30)
                .map(|number| Record::Srv {
                    priority: number,
                    weight: 0,
                    port: 5060,
                    target: format!("s{number}.far.test").into(),
                })
                .collect(),
            ttl_seconds: 60,
        },
        _ => DnsAnswer::NoSuchName { ttl_seconds: 60 },
    };
    let mut world = World::new(settings());
    let (seconds, status) = final_of(&mut world, 4, many);
    assert_eq!((status, seconds <= 25), (500, true), "{seconds} s");
}
