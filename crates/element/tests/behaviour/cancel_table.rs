//! CANCEL against everything that may be waiting (RFC 3261 §9.2, §16.10; DESIGN §2, "Waiting is one mechanism").

use strowger_resolve::{Answer as DnsAnswer, Record};

use crate::world::{
    ALICE, BOB, CAROL, Draft, Sent, World, registration, settings, the, udp, with_bob,
};

/// One row: what is sent when the CANCEL comes, and what follows.
struct Row {
    waiting: &'static str,
    at_once: Vec<Sent>,
    later: Vec<Sent>,
}

fn invite() -> Draft {
    Draft::new("INVITE", "alice", "bob", "i", udp(ALICE))
}

/// A world in which bob registered these contacts from a place of his own each.
fn world(contacts: &[(&str, &str)]) -> World {
    let mut world = World::new(settings());
    for (contact, parameters) in contacts {
        let sent = world.register_with("bob", contact, udp(BOB), parameters);
        assert_eq!(sent[0].status(), 200);
    }
    world
}

fn address(_: &strowger_resolve::Question) -> DnsAnswer {
    DnsAnswer::Records {
        records: vec![Record::A([192, 0, 2, 3].into())],
        ttl_seconds: 60,
    }
}

fn dns_pending() -> Row {
    let mut world = world(&[("sip:bob@phone.test:5060", "")]);
    world.send(&invite());
    assert_eq!(world.questions.len(), 1);
    let at_once = world.send(&invite().cancel());
    let later = world.answer_dns(address);
    row(world, "the DNS", at_once, later)
}

fn stream_connecting() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060;transport=tcp", "")]);
    world.send(&invite());
    assert_eq!(world.connects.len(), 1);
    let at_once = world.send(&invite().cancel());
    let later = world.connected(4);
    row(world, "a connection", at_once, later)
}

fn no_provisional() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let sent = world.send(&invite());
    let at_once = world.send(&invite().cancel());
    let mut later = world.answer(&sent[0], "180 Ringing", "b");
    later.extend(world.answer(the(&later, "CANCEL"), "200 OK", "b"));
    later.extend(world.answer(&sent[0], "487 Request Terminated", "b"));
    row(world, "a first response", at_once, later)
}

fn after_provisional() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    let at_once = world.send(&invite().cancel());
    let mut later = world.answer(the(&at_once, "CANCEL"), "200 OK", "b");
    later.extend(world.answer(&sent[0], "487 Request Terminated", "b"));
    row(world, "a final response", at_once, later)
}

fn callee_answers_all_the_same() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    let at_once = world.send(&invite().cancel());
    let later = world.answer(&sent[0], "200 OK", "b");
    row(world, "a final response that crosses", at_once, later)
}

fn between_serial_branches() -> Row {
    let mut world = world(&[
        ("sip:bob@192.0.2.2:5060", ";q=1"),
        ("sip:bob@phone.test:5060", ";q=0.5"),
    ]);
    let sent = world.send(&invite());
    world.answer(&sent[0], "486 Busy Here", "b");
    assert_eq!(world.questions.len(), 1, "the second target waits");
    let at_once = world.send(&invite().cancel());
    let later = world.answer_dns(address);
    row(world, "the next serial branch", at_once, later)
}

fn one_rings_one_waits() -> Row {
    let mut world = world(&[
        ("sip:bob@192.0.2.2:5060", ""),
        ("sip:bob@phone.test:5060", ""),
    ]);
    let sent = world.send(&invite());
    world.answer(&sent[0], "180 Ringing", "b");
    let at_once = world.send(&invite().cancel());
    let mut later = world.answer_dns(address);
    later.extend(world.answer(&sent[0], "487 Request Terminated", "b"));
    row(world, "a final response and the DNS", at_once, later)
}

fn after_success() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let sent = world.send(&invite());
    world.answer(&sent[0], "200 OK", "b");
    let at_once = world.send(&invite().cancel());
    row(world, "nothing, after a 2xx", at_once, Vec::new())
}

fn after_failure() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let sent = world.send(&invite());
    let busy = world.answer(&sent[0], "486 Busy Here", "b");
    let at_once = world.send(&invite().cancel());
    let later = world.send(&invite().ack(the(&busy, "486")));
    row(world, "the ACK to a failure", at_once, later)
}

fn journal_pending() -> Row {
    let mut settings = settings();
    settings.durable = true;
    let mut world = World::new(settings);
    let register = registration("alice", "sip:alice@192.0.2.1:5060", udp(ALICE));
    world.send(&register);
    assert_eq!(world.journal.len(), 1);
    let at_once = world.send(&register.cancel());
    let later = world.answer_journal(strowger_element::Answer::Journaled);
    row(world, "the journal (REGISTER)", at_once, later)
}

fn message_unanswered() -> Row {
    let mut world = world(&[("sip:bob@192.0.2.2:5060", "")]);
    let message = Draft::new("MESSAGE", "alice", "bob", "i", udp(ALICE));
    let sent = world.send(&message);
    let at_once = world.send(&message.cancel());
    let later = world.answer(&sent[0], "200 OK", "b");
    row(world, "a final response (MESSAGE)", at_once, later)
}

fn nothing() -> Row {
    let mut world = with_bob(settings());
    let at_once = world.send(&invite().cancel());
    row(world, "nothing", at_once, Vec::new())
}

/// Nothing is left in the end, whatever happened.
fn row(mut world: World, waiting: &'static str, at_once: Vec<Sent>, later: Vec<Sent>) -> Row {
    world.pass_seconds(140);
    assert!(world.element.is_idle(), "{waiting}");
    Row {
        waiting,
        at_once,
        later,
    }
}

fn render(sent: &[Sent]) -> String {
    let name = |sent: &Sent| match sent.flow.remote.to_string().as_str() {
        ALICE => "caller",
        BOB => "callee",
        CAROL => "callee's other address",
        _ => "somebody else",
    };
    let text: Vec<String> = sent
        .iter()
        .map(|sent| {
            let what = match (sent.message.status(), sent.message.method()) {
                (Some(status), method) => format!(
                    "{} ({})",
                    status.get(),
                    String::from_utf8_lossy(method.as_bytes())
                ),
                (None, method) => String::from_utf8_lossy(method.as_bytes()).into_owned(),
            };
            format!("{what} to {}", name(sent))
        })
        .collect();
    if text.is_empty() {
        "-".into()
    } else {
        text.join(", ")
    }
}

#[test]
fn cancel_finds_whatever_is_waiting() {
    let rows = [
        dns_pending(),
        stream_connecting(),
        no_provisional(),
        after_provisional(),
        callee_answers_all_the_same(),
        between_serial_branches(),
        one_rings_one_waits(),
        after_success(),
        after_failure(),
        journal_pending(),
        message_unanswered(),
        nothing(),
    ];
    let mut table = String::new();
    for row in rows {
        table += &format!(
            "waiting for {}\n  on CANCEL: {}\n  later:     {}\n",
            row.waiting,
            render(&row.at_once),
            render(&row.later)
        );
    }
    insta::assert_snapshot!(table);
}
