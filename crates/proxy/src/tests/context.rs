//! Behaviour of the response context over several events, and what must hold in every order of events.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Bench, response};
use crate::branch::{Action, Actions, BranchId, Wait};
use crate::response_context::{Kind, ResponseContext, StartError};
use crate::settings::ProxySettings;

#[test]
fn provisionals_but_100_are_forwarded_and_start_timer_c_anew() {
    let mut bench = Bench::calling(Kind::Invite, 1);
    assert_eq!(bench.respond(0, 100), "-");
    assert_eq!(bench.respond(0, 180), "timer C of 0 185s, forward 180 of 0");
    assert_eq!(bench.respond(0, 183), "timer C of 0 185s, forward 183 of 0");
}

#[test]
fn the_first_success_cancels_all_others() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    let parked = bench.park(Wait::Connect);
    bench.respond(1, 180);
    assert_eq!(
        bench.respond(0, 200),
        "clear timer of 0, forward 200 of 0, CANCEL 1, timer Cancelled of 1 32s, abandon Connect of 2"
    );
    assert!(!bench.context.start(parked, &mut bench.actions));
    assert_eq!(bench.respond(1, 487), "clear timer of 1");
    assert_eq!(
        bench.event(|context, actions| context.terminated(BranchId(0), actions)),
        "finished"
    );
}

#[test]
fn every_success_to_invite_is_forwarded() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    bench.respond(0, 200);
    assert_eq!(bench.respond(1, 200), "clear timer of 1, forward 200 of 1");
    assert_eq!(bench.respond(0, 200), "forward 200 of 0");
    assert_eq!(bench.actions.counters.successes_repeated, 2);
}

#[test]
fn a_second_final_of_another_method_is_dropped() {
    let mut bench = Bench::calling(Kind::NonInvite, 2);
    assert_eq!(bench.respond(0, 200), "forward 200 of 0");
    assert_eq!(bench.respond(1, 200), "finished");
}

#[test]
fn groups_are_tried_one_after_the_other_until_one_answers() {
    let mut bench = Bench::new(Kind::Invite, &ProxySettings::default());
    bench.start();
    bench.context.set_more_targets(true);
    bench.drain();
    assert_eq!(bench.respond(0, 486), "clear timer of 0, next group");
    bench.start();
    bench.context.set_more_targets(false);
    bench.event(|context, actions| context.settle(actions));
    assert_eq!(
        bench.respond(1, 404),
        "clear timer of 1, forward 404 of 1, finished"
    );
}

#[test]
fn a_group_that_gives_no_branch_leaves_the_best_so_far() {
    let mut bench = Bench::new(Kind::Invite, &ProxySettings::default());
    bench.start();
    bench.context.set_more_targets(true);
    bench.drain();
    assert_eq!(bench.respond(0, 486), "clear timer of 0, next group");
    assert_eq!(
        bench.event(|context, actions| context.settle(actions)),
        "forward 486 of 0, finished"
    );
}

#[test]
fn a_global_failure_ends_the_search() {
    let mut bench = Bench::calling(Kind::Invite, 1);
    bench.context.set_more_targets(true);
    assert_eq!(
        bench.respond(0, 603),
        "clear timer of 0, forward 603 of 0, finished"
    );
    assert_eq!(
        bench
            .context
            .add_branch(Wait::Dns, &mut bench.actions)
            .err(),
        Some(StartError::Stopped)
    );
}

#[test]
fn contacts_of_a_redirection_are_tried_instead_of_forwarding_it() {
    let mut bench = Bench::calling(Kind::Invite, 1);
    assert_eq!(
        bench.event(|context, actions| context.recursed(BranchId(0), actions)),
        "clear timer of 0, next group"
    );
}

#[test]
fn the_next_address_of_a_target_is_tried_on_the_same_branch() {
    let mut bench = Bench::calling(Kind::Invite, 1);
    assert!(
        bench
            .context
            .retry(BranchId(0), Wait::Connect, &mut bench.actions)
    );
    assert_eq!(bench.drain(), "clear timer of 0");
    assert!(bench.context.start(BranchId(0), &mut bench.actions));
    assert_eq!(bench.drain(), "timer C of 0 185s");
    assert_eq!(bench.respond(0, 200), "clear timer of 0, forward 200 of 0");
}

#[test]
fn a_late_final_of_an_address_given_up_ends_the_search_for_another() {
    for (status, outcome) in [
        (486, "forward 486 of 0, finished"),
        (200, "forward 200 of 0"),
    ] {
        let mut bench = Bench::calling(Kind::Invite, 1);
        bench.event(|context, actions| {
            context.retry(BranchId(0), Wait::Connect, actions);
        });
        assert_eq!(bench.respond(0, 180), "-");
        assert_eq!(
            bench.respond(0, status),
            format!("abandon Connect of 0, {outcome}")
        );
    }
}

#[test]
fn ringing_too_long_is_480_and_silence_408() {
    let settings = ProxySettings {
        ring_seconds_max: Some(60),
        ..ProxySettings::default()
    };
    for (provisional, expected) in [(Some(180), "reply 480"), (Some(100), "reply 408")] {
        let mut bench = Bench::new(Kind::Invite, &settings);
        bench.start();
        assert_eq!(bench.drain(), "timer C of 0 185s, ring limit 60s");
        provisional.map(|status| bench.respond(0, status));
        assert_eq!(
            bench.event(|context, actions| context.ring_limit(actions)),
            "CANCEL 0, timer Cancelled of 0 32s"
        );
        assert_eq!(
            bench.respond(0, 487),
            format!("clear timer of 0, clear ring limit, {expected}, finished")
        );
    }
}

#[test]
fn timer_c_cancels_a_ringing_branch_and_drops_a_silent_one() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    bench.respond(0, 180);
    assert_eq!(
        bench.event(|context, actions| context.timer(BranchId(0), actions)),
        "CANCEL 0, timer Cancelled of 0 32s"
    );
    assert_eq!(
        bench.event(|context, actions| context.timer(BranchId(1), actions)),
        "terminate 1"
    );
    assert_eq!(
        bench.respond(0, 487),
        "clear timer of 0, reply 408, finished"
    );
}

#[test]
fn the_limit_of_branches_holds_over_all_groups() {
    let mut bench = Bench::new(
        Kind::Invite,
        &ProxySettings {
            branches_max: 1,
            ..ProxySettings::default()
        },
    );
    bench.start();
    assert_eq!(
        bench
            .context
            .add_branch(Wait::Dns, &mut bench.actions)
            .err(),
        Some(StartError::Limit)
    );
    assert_eq!(bench.actions.counters.branches_limited, 1);
}

#[derive(Clone, Debug)]
enum Event {
    Add,
    Start(u16),
    Response(u16, u16),
    Timeout(u16),
    Failed(u16),
    Timer(u16),
    Retry(u16),
    Recursed(u16),
    RingLimit,
    Cancel,
    Terminated(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let status = prop::sample::select(vec![100u16, 180, 200, 302, 401, 408, 486, 487, 503, 603]);
    prop_oneof![
        2 => Just(Event::Add),
        4 => (0..4u16).prop_map(Event::Start),
        8 => (0..4u16, status).prop_map(|(branch, status)| Event::Response(branch, status)),
        1 => (0..4u16).prop_map(Event::Timeout),
        1 => (0..4u16).prop_map(Event::Failed),
        1 => (0..4u16).prop_map(Event::Timer),
        1 => (0..4u16).prop_map(Event::Retry),
        1 => (0..4u16).prop_map(Event::Recursed),
        1 => Just(Event::RingLimit),
        1 => Just(Event::Cancel),
        1 => (0..4u16).prop_map(Event::Terminated),
    ]
}

fn apply(context: &mut ResponseContext, event: &Event, actions: &mut Actions) {
    match *event {
        Event::Add => {
            let _ = context.add_branch(Wait::Dns, actions);
        }
        Event::Start(branch) => {
            context.start(BranchId(branch), actions);
        }
        Event::Response(branch, status) => {
            context.response(BranchId(branch), Arc::new(response(status, "")), actions)
        }
        Event::Timeout(branch) => context.timeout(BranchId(branch), actions),
        Event::Failed(branch) => context.transport_error(BranchId(branch), actions),
        Event::Timer(branch) => context.timer(BranchId(branch), actions),
        Event::Retry(branch) => {
            context.retry(BranchId(branch), Wait::Connect, actions);
        }
        Event::Recursed(branch) => context.recursed(BranchId(branch), actions),
        Event::RingLimit => context.ring_limit(actions),
        Event::Cancel => context.cancel(actions),
        Event::Terminated(branch) => context.terminated(BranchId(branch), actions),
    }
}

proptest! {
    #[test]
    fn in_any_order_of_events_there_is_one_final_response_and_an_end(
        invite in any::<bool>(),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let kind = if invite { Kind::Invite } else { Kind::NonInvite };
        let mut context = ResponseContext::new(kind, &ProxySettings { branches_max: 4, ..ProxySettings::default() });
        let mut actions = Actions::new();
        context.add_branch(Wait::Dns, &mut actions).expect("open");
        let (mut failures, mut successes, mut finished, mut cancelled) = (0, 0, 0, [0; 4]);
        // Whatever happened, the end of all branches ends the context.
        let closing = (0..4).flat_map(|branch| [Event::Failed(branch), Event::Terminated(branch)]);
        for event in events.into_iter().chain(closing) {
            apply(&mut context, &event, &mut actions);
            while let Some(action) = actions.pop() {
                match action {
                    Action::Forward => {
                        let status = actions.take_forward().expect("a response").response.status().expect("a response");
                        prop_assert!(status.get() > 100);
                        prop_assert!(kind == Kind::Invite || status.get() != 408);
                        match status.class() {
                            1 => prop_assert_eq!(failures + successes, 0),
                            2 => successes += 1,
                            _ => failures += 1,
                        }
                    }
                    Action::Reply(_) | Action::Silence => failures += 1,
                    Action::Finished => finished += 1,
                    Action::Cancel(id) => {
                        prop_assert!(invite);
                        cancelled[usize::from(id.0)] += 1;
                    }
                    Action::StartNextGroup => context.settle(&mut actions),
                    _ => {}
                }
            }
        }
        prop_assert!(failures <= 1);
        prop_assert!(failures + successes >= 1);
        prop_assert!(invite || failures + successes == 1);
        prop_assert_eq!(finished, 1);
        prop_assert!(cancelled.iter().all(|&count| count <= 1), "{:?}", cancelled);
    }
}

#[test]
fn a_context_stays_small_while_it_is_held() {
    assert!(
        size_of::<ResponseContext>() <= 192,
        "{}",
        size_of::<ResponseContext>()
    );
    assert!(size_of::<Action>() <= 24, "{}", size_of::<Action>());
}
