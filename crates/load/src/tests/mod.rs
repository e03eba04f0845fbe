//! Every scenario against a toy server on virtual time, and every complaint about messages.

mod toy;

use core::time::Duration;

use strowger_sip::Time;

use crate::{Amount, Pace, Reason, Scenario, Statistics, Task};
use toy::World;

const CLOSED: Pace = Pace::Closed { window: 2 };

fn reasons(statistics: &Statistics) -> Vec<(Reason, u64)> {
    let found = statistics.reasons.iter();
    found
        .map(|(reason, finding)| (*reason, finding.count))
        .collect()
}

/// Ten operations of a scenario against a server that bends what it sends.
fn bent(scenario: Scenario, bend: fn(String) -> String) -> Vec<(Reason, u64)> {
    let mut world = World::new(scenario, |_| {});
    world.bend = bend;
    reasons(&world.run(Amount::Operations(10), CLOSED))
}

#[test]
fn every_scenario_is_clean_against_a_good_server() {
    for scenario in Scenario::ALL {
        let mut world = World::new(scenario, |settings| {
            settings.password = Some("secret".to_owned());
            if scenario == Scenario::Invite404 {
                settings.users = crate::Users::Numbered {
                    prefix: "nobody".to_owned(),
                    first: 1,
                    digits: 1,
                    count: 3,
                };
            }
        });
        world.challenges = scenario == Scenario::RegisterAuth;
        let statistics = world.run(Amount::Operations(10), CLOSED);
        assert!(
            statistics.is_clean(),
            "{scenario:?}: {:?}",
            statistics.reasons
        );
        assert_eq!((statistics.started, statistics.succeeded), (10, 10));
        assert_eq!(statistics.latency.count(), 10);
        assert_eq!((statistics.retransmissions, statistics.strays), (0, 0));
        assert_eq!(world.generator.in_flight(), 0);
    }
}

#[test]
fn a_call_is_made_of_what_it_must_be() {
    let mut world = World::new(Scenario::Call, |_| {});
    let statistics = world.run(Amount::Operations(1), CLOSED);
    let starts: Vec<_> = world
        .sent
        .iter()
        .map(|text| text.split("\r\n").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        starts,
        [
            "INVITE sip:01@example.test SIP/2.0",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK",
            "ACK sip:01@127.0.0.1:7000 SIP/2.0",
            "BYE sip:01@127.0.0.1:7000 SIP/2.0",
            "SIP/2.0 200 OK",
        ]
    );
    // The recorded route in reverse (RFC 3261 §12.1.2).
    let route = "Route: <sip:outer;lr>\r\nRoute: <sip:inner;lr>\r\n";
    assert!(world.sent[3].contains(route) && world.sent[4].contains(route));
    assert_eq!((statistics.provisional, statistics.release.count()), (1, 1));
}

#[test]
fn a_lost_request_is_sent_again_and_its_latency_counts() {
    let mut world = World::new(Scenario::Options, |_| {});
    world.lost = vec![0, 1];
    let statistics = world.run(Amount::Operations(1), CLOSED);
    assert!(statistics.is_clean());
    assert_eq!(statistics.retransmissions, 2);
    assert_eq!(statistics.latency.max(), Duration::from_millis(1_500));
}

#[test]
fn silence_ends_after_64_t1() {
    let mut world = World::new(Scenario::Options, |_| {});
    world.lost = (0..100).collect();
    let begun = world.now;
    let statistics = world.run(Amount::Operations(1), CLOSED);
    assert_eq!(reasons(&statistics), [(Reason::TimedOut, 1)]);
    assert_eq!(statistics.retransmissions, 10);
    assert_eq!(world.now, begun + Duration::from_secs(32));
}

#[test]
fn an_invite_that_only_rings_is_given_up() {
    let mut world = World::new(Scenario::Call, |_| {});
    world.bend = |text| text.replace("SIP/2.0 200 OK", "SIP/2.0 183 Session Progress");
    let begun = world.now;
    let statistics = world.run(Amount::Operations(1), CLOSED);
    assert_eq!(reasons(&statistics)[0], (Reason::TimedOut, 1));
    assert!(world.now >= begun + Duration::from_secs(32));
}

#[test]
fn an_open_loop_keeps_its_pace_and_latency_counts_from_when_an_operation_was_due() {
    let mut world = World::new(Scenario::Options, |_| {});
    let begun = world.now;
    let pace = Pace::Open { per_second: 100.0 };
    let statistics = world.run(Amount::Duration(Duration::from_secs(1)), pace);
    assert_eq!(statistics.succeeded, 100);
    assert!((statistics.per_second(pace) - 100.0).abs() < 0.1);
    assert_eq!(statistics.ended, begun + Duration::from_millis(990));

    world.now = begun + Duration::from_secs(10);
    let phase = crate::Phase {
        name: "",
        task: Task::Scenario,
        amount: Amount::Operations(3),
        pace,
        measured: true,
    };
    world.generator.begin(world.now, phase);
    // The machine was not asked for 50 ms.
    world.now = world.now + Duration::from_millis(50);
    world.run_until(Time::MAX);
    let statistics = world.generator.statistics();
    assert_eq!(
        (statistics.late, statistics.latency.max()),
        (3, Duration::from_millis(50))
    );
}

#[test]
fn operations_of_an_open_loop_that_are_due_at_nearly_the_same_time_begin_together() {
    let mut world = World::new(Scenario::Options, |_| {});
    let begun = world.now;
    let pace = Pace::Open {
        per_second: 10_000.0,
    };
    let statistics = world.run(Amount::Operations(12), pace);
    // Numbers 0 to 5 at 0 µs, 6 to 11 at 600 µs.
    assert_eq!(statistics.ended, begun + Duration::from_micros(600));
    assert_eq!(statistics.latency.max(), Duration::ZERO);
}

#[test]
fn a_registration_keeps_its_call_id_and_counts_on() {
    let mut world = World::new(Scenario::Register, |_| {});
    world.run(Amount::Users, CLOSED);
    world.run(Amount::Operations(3), CLOSED);
    let line = |text: &str, name: &str| {
        let found = text.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_owned()
    };
    let (fresh, refresh) = (&world.sent[0], &world.sent[3]);
    assert_eq!(line(fresh, "Call-ID"), line(refresh, "Call-ID"));
    assert_eq!(
        (line(fresh, "CSeq"), line(refresh, "CSeq")),
        ("CSeq: 1 REGISTER".to_owned(), "CSeq: 2 REGISTER".to_owned())
    );
}

#[test]
fn users_who_were_registered_leave() {
    let mut world = World::new(Scenario::Message, |_| {});
    assert!(
        world
            .run_task(Task::Enter, Amount::Users, CLOSED)
            .is_clean()
    );
    let left = world.run_task(Task::Leave, Amount::Users, CLOSED);
    assert!(left.is_clean() && left.succeeded == 3);
    let again = world.run_task(Task::Leave, Amount::Users, CLOSED);
    assert_eq!(again.started, 0);
}

#[test]
fn credentials_are_missed_and_refused() {
    let run = |scenario, password: Option<&str>, challenges, bend: fn(String) -> String| {
        let mut world = World::new(scenario, |settings| {
            settings.password = password.map(str::to_owned);
        });
        (world.challenges, world.bend) = (challenges, bend);
        reasons(&world.run(Amount::Operations(2), CLOSED))
    };
    let same = |text| text;
    let refuse = |text: String| text.replace("SIP/2.0 200 OK", "SIP/2.0 401 Unauthorized");
    let unknown = |text: String| text.replace("Digest realm", "Unheard realm");
    let auth = Scenario::RegisterAuth;
    assert_eq!(run(auth, None, true, same), [(Reason::PasswordMissing, 2)]);
    assert_eq!(
        run(auth, Some("p"), true, refuse),
        [(Reason::PasswordRefused, 2)]
    );
    assert_eq!(
        run(auth, Some("p"), true, unknown),
        [(Reason::ChallengeUnusable, 2)]
    );
    assert_eq!(
        run(auth, Some("p"), false, same),
        [(Reason::ChallengeMissing, 2)]
    );
    assert_eq!(
        run(Scenario::Register, None, true, same),
        [(Reason::Status(401), 2)]
    );
}

#[test]
fn a_caller_who_was_named_is_challenged() {
    let mut world = World::new(Scenario::Call, |settings| {
        settings.from = Some("sip:boss@example.test".to_owned());
        settings.password = Some("p".to_owned());
    });
    world.challenges = true;
    let statistics = world.run(Amount::Operations(3), CLOSED);
    assert!(statistics.is_clean(), "{:?}", statistics.reasons);
    assert_eq!(statistics.statuses.get(&407), Some(&3));
    let nobody = |settings: &mut crate::Settings| settings.password = Some("p".to_owned());
    let mut stranger = World::new(Scenario::Invite404, nobody);
    stranger.challenges = true;
    let statistics = stranger.run(Amount::Operations(3), CLOSED);
    assert_eq!(reasons(&statistics), [(Reason::Status(407), 3)]);
}

#[test]
fn users_call_each_other_with_their_own_passwords() {
    let mut world = World::new(Scenario::Message, |settings| {
        let user = |name: &str| crate::User {
            name: name.to_owned(),
            password: Some("p".to_owned()),
        };
        settings.users = crate::Users::Listed(vec![user("staff"), user("boss")]);
    });
    world.challenges = true;
    // The toy knows `boss` alone.
    assert!(world.run(Amount::Operations(1), CLOSED).is_clean());
    let proved = &world.sent[1];
    assert!(proved.starts_with("MESSAGE sip:staff@"));
    assert!(
        proved.contains("\r\nFrom: <sip:boss@example.test>;tag="),
        "{proved}"
    );
}

#[test]
fn faulty_responses_are_told_by_reason() {
    let via = |text: String| text.replacen("Via:", "Via: SIP/2.0/UDP x;branch=z9hG4bKx\r\nVia:", 1);
    // Of another's branch nothing is known.
    let stray = bent(Scenario::Options, via);
    assert_eq!(stray, [(Reason::TimedOut, 10)]);
    let second_via =
        |text: String| text.replacen("From:", "Via: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom:", 1);
    assert_eq!(
        bent(Scenario::Options, second_via),
        [(Reason::ViaCount, 10)]
    );
    let tag = |text: String| text.replace(";tag=s", "");
    assert_eq!(bent(Scenario::Options, tag), [(Reason::ToTagMissing, 10)]);
    let longer = |text: String| format!("{text}x");
    assert_eq!(
        bent(Scenario::Options, longer),
        [(Reason::ContentLength, 10)]
    );
    let cseq = |text: String| text.replace("CSeq: 1 ", "CSeq: 2 ");
    assert_eq!(bent(Scenario::Options, cseq), [(Reason::OtherRequest, 10)]);
    let status = |text: String| text.replace("200 OK", "503 Service Unavailable");
    assert_eq!(bent(Scenario::Options, status), [(Reason::Status(503), 10)]);
    let contact = |text: String| text.replace("Contact: ", "X-Contact: ");
    assert_eq!(
        bent(Scenario::Register, contact),
        [(Reason::ContactMissing, 10)]
    );
    let expires = |text: String| text.replace(";expires=3600", "");
    assert_eq!(
        bent(Scenario::Register, expires),
        [(Reason::ExpiresMissing, 10)]
    );
    let others = |text: String| text.replace("Contact: ", "Contact: <sip:x@192.0.2.1>;expires=1, ");
    assert_eq!(
        bent(Scenario::Register, others),
        [(Reason::OtherContacts, 10)]
    );
}

#[test]
fn faults_at_the_called_side_are_told_by_reason() {
    let hops = |text: String| text.replace("Max-Forwards: 69", "Max-Forwards: 70");
    assert_eq!(
        bent(Scenario::Message, hops),
        [(Reason::CalledMaxForwards, 10)]
    );
    let via = |text: String| match text.starts_with("MESSAGE") {
        true => text.replace("Via: SIP/2.0/UDP 127.0.0.1:5060", "X-Via: x"),
        false => text,
    };
    assert_eq!(bent(Scenario::Message, via)[0].0, Reason::TimedOut);
    let uri = |text: String| text.replacen("@127.0.0.1:7000 SIP/2.0", "@127.0.0.1 SIP/2.0", 1);
    assert_eq!(
        bent(Scenario::Message, uri),
        [(Reason::CalledRequestUri, 10)]
    );
    let route =
        |text: String| text.replace("Max-Forwards: 69", "Max-Forwards: 69\r\nRoute: <sip:x;lr>");
    assert_eq!(
        bent(Scenario::Message, route),
        [(Reason::CalledRouteLeft, 10)]
    );
    let record = |text: String| text.replace("Record-Route", "X-Record-Route");
    assert_eq!(
        bent(Scenario::Call, record),
        [
            (Reason::RecordRouteMissing, 10),
            (Reason::CalledRecordRouteMissing, 10)
        ]
    );
    let body = |text: String| match text.split_once("Content-Length: ") {
        Some((head, _)) if text.starts_with("SIP/2.0 200") => {
            format!("{head}Content-Length: 0\r\n\r\n")
        }
        _ => text,
    };
    assert_eq!(bent(Scenario::Call, body), [(Reason::BodyMissing, 10)]);
    let contact = |text: String| text.replace("Contact: <sip:01@", "X-Contact: <sip:01@");
    assert_eq!(bent(Scenario::Call, contact)[0].0, Reason::DialogImpossible);
}

#[test]
fn a_200_without_ack_is_sent_again_and_told() {
    let mut world = World::new(Scenario::Call, |_| {});
    // INVITE, 180, 200, ACK: the ACK and all that would replace it is lost.
    world.bend = |text| match text.starts_with("ACK") {
        true => text.replacen("Call-ID: ", "Call-ID: x", 1),
        false => text,
    };
    let statistics = world.run(Amount::Operations(1), CLOSED);
    assert_eq!(reasons(&statistics), [(Reason::CalledAckMissing, 1)]);
    assert_eq!(
        (statistics.succeeded, statistics.called_retransmissions),
        (1, 10)
    );
    assert_eq!(statistics.repeated, 10);
}

#[test]
fn calls_that_stand_get_their_bye_when_the_run_is_stopped() {
    let mut world = World::new(Scenario::Call, |settings| {
        settings.hold = Duration::from_secs(60)
    });
    let phase = crate::Phase {
        name: "",
        task: Task::Scenario,
        amount: Amount::Operations(100),
        pace: CLOSED,
        measured: true,
    };
    world.generator.begin(world.now, phase);
    world.run_until(world.now + Duration::from_secs(1));
    assert_eq!(world.generator.in_flight(), 2);
    let stopped = world.now;
    world.stop();
    world.run_until(Time::MAX);
    assert_eq!(world.now, stopped);
    let statistics = world.generator.statistics();
    assert!(statistics.is_clean() && statistics.succeeded == 2);
}

#[test]
fn what_is_abandoned_is_a_failure() {
    let mut world = World::new(Scenario::Options, |_| {});
    world.lost = (0..100).collect();
    let phase = crate::Phase {
        name: "",
        task: Task::Scenario,
        amount: Amount::Operations(5),
        pace: CLOSED,
        measured: true,
    };
    world.generator.begin(world.now, phase);
    world.run_until(world.now + Duration::from_secs(1));
    world.generator.abandon(world.now);
    assert!(world.generator.is_finished(world.now));
    assert_eq!(
        reasons(world.generator.statistics()),
        [(Reason::Abandoned, 2)]
    );
}

#[test]
fn too_many_failures_end_the_run() {
    let mut world = World::new(Scenario::Options, |settings| {
        settings.failures_max = Some(4)
    });
    world.bend = |text| text.replace("200 OK", "500 Oops");
    let statistics = world.run(Amount::Operations(1_000), CLOSED);
    assert!(world.generator.has_failed_too_often());
    assert!(
        (4..=6).contains(&statistics.failed),
        "{}",
        statistics.failed
    );
}

#[test]
fn an_icmp_error_fails_its_operation_at_once() {
    let mut world = World::new(Scenario::Options, |_| {});
    world.lost = (0..100).collect();
    let phase = crate::Phase {
        name: "",
        task: Task::Scenario,
        amount: Amount::Operations(1),
        pace: CLOSED,
        measured: true,
    };
    world.generator.begin(world.now, phase);
    world.run_until(world.now);
    let branch = world.sent[0]
        .split("branch=")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    let branch = branch.expect("a branch").as_bytes().to_vec();
    let mut batch = strowger_transaction::TransmitBatch::new();
    world
        .generator
        .handle_unreachable(world.now, &branch, &mut batch);
    assert_eq!(
        reasons(world.generator.statistics()),
        [(Reason::Unreachable, 1)]
    );
}
