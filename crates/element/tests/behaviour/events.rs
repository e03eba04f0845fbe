//! Events are built for those who ask, and no others.

use strowger_element::{Command, EventKind, Interest};

use super::draft::Draft;
use super::world::*;

/// What is told of a call that gets `status`.
fn told(interest: Interest, status: &str) -> Vec<EventKind> {
    let mut world = world_with_bob();
    world.command(Command::SetInterest(interest.0));
    world.events.clear();
    let sent = world.send(&Draft::new("INVITE", "alice", "bob", "i", udp(ALICE)));
    world.answer(the(&sent, "INVITE"), status, "b");
    world.events.iter().map(|event| event.kind).collect()
}

#[test]
fn a_failed_call_is_told_once() {
    let failures = Interest::FAILURES.and(Interest::FAILED_CALLS);
    for interest in [Interest::DEFAULT, failures, Interest::FAILED_CALLS] {
        assert_eq!(told(interest, "486 Busy Here"), [EventKind::CallFailed]);
    }
    assert_eq!(
        told(Interest::FAILURES, "486 Busy Here"),
        [EventKind::Answered]
    );
}

#[test]
fn an_answered_call_is_told_to_who_asks_for_calls() {
    assert_eq!(told(Interest::DEFAULT, "200 OK"), [EventKind::CallAnswered]);
    assert_eq!(told(Interest::CALLS, "200 OK"), [EventKind::CallAnswered]);
    let failures = Interest::FAILURES.and(Interest::FAILED_CALLS);
    for interest in [failures, Interest::NONE] {
        assert_eq!(told(interest, "200 OK"), []);
    }
}
