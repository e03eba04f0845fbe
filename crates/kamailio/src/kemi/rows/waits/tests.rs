//! Tests of `waits`.

use strowger_lua::Outcome;
use strowger_sip::Time;

use super::*;
use crate::kemi::fake::{FakeContext, FakeHost, run_lua};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn deadline(outcome: &Outcome) -> Time {
    match outcome {
        Outcome::Parked { deadline, .. } => *deadline,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_sleeps_and_goes_on() {
    for (call, time) in [
        ("sleep(2)", Duration::from_secs(2)),
        ("ms_sleep(30)", Duration::from_millis(30)),
    ] {
        for answer in [Some(ErrandAnswer::Slept), None] {
            let mut host = FakeHost::new(&format!("return KSR.async.{call}"), |_| {});
            let run = host.request(FakeContext::of(INVITE));
            assert_eq!(
                run.acts,
                [format!("begin_errand {:?}", Errand::Sleep(time))]
            );
            assert_eq!(deadline(&run.outcome), Time::from_secs(100) + time);
            assert_eq!(host.resume(answer).shown(), "1");
        }
    }
}

#[test]
fn times_that_are_none_are_refused() {
    let run = run_lua(
        "local a = KSR.async return a.sleep(-1), a.sleep(101), a.ms_sleep(100001), a.route('', 1), a.route('f', -1), a.route('f', 101)",
        FakeContext::of(INVITE).with(|context| context.outcomes.suspend = Some((1, 2))),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 -1 -1");
    assert!(run.acts.is_empty());
}

#[test]
fn a_route_suspends_the_request_and_continues_it_later() {
    for (call, time) in [
        ("route('later', 3)", Duration::from_secs(3)),
        ("ms_route('later', 500)", Duration::from_millis(500)),
    ] {
        let mut host = FakeHost::new(&format!("return KSR.async.{call}"), |_| {});
        let run = host.request(FakeContext::of(INVITE).with(|context| {
            context.outcomes.suspend = Some((3, 4));
            context.outcomes.continue_suspended = true;
        }));
        assert_eq!(
            run.acts,
            [
                "suspend".to_owned(),
                format!("begin_errand {:?}", Errand::Sleep(time))
            ]
        );
        let run = host.resume(Some(ErrandAnswer::Slept));
        assert_eq!(run.shown(), "1");
        assert_eq!(run.acts, ["continue_suspended 3 4 later"]);
    }
}

#[test]
fn a_request_that_cannot_be_suspended_or_is_gone_is_not_continued() {
    let run = run_lua(
        "return KSR.async.route('later', 1)",
        FakeContext::of(INVITE),
    );
    assert_eq!(
        (run.shown().as_str(), run.acts),
        ("-1", vec!["suspend".to_owned()])
    );

    let mut host = FakeHost::new("return KSR.async.route('later', 1)", |_| {});
    host.request(FakeContext::of(INVITE).with(|context| context.outcomes.suspend = Some((3, 4))));
    assert_eq!(host.resume(None).shown(), "-1");
}

#[test]
fn tasks_fail() {
    let run = run_lua(
        "local a = KSR.async return a.task_route('f'), a.task_group_route('f', 'g'), a.task_data('f', 'd'), \
         a.task_group_data('f', 'd', 'g'), a.get_gname(), a.get_data()",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 [] []");
}
