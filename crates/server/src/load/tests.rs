//! What the command line of `load` accepts and refuses.

use std::time::Duration;

use clap::Parser;
use strowger_load::{Pace, Task};

use super::args::{LoadArgs, duration};
use super::plan::Plan;
use super::target;
use crate::exit::{Exit, Failure};

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    args: LoadArgs,
}

fn plan(words: &[&str]) -> Result<Plan, Failure> {
    let words = ["load"].iter().chain(words);
    Plan::of(&Words::try_parse_from(words).expect("a command line").args)
}

#[test]
fn a_target_has_its_forms() {
    for (text, address) in [
        ("udp:127.0.0.1:5070", "127.0.0.1:5070"),
        ("127.0.0.1", "127.0.0.1:5060"),
        ("sip:10.0.0.1", "10.0.0.1:5060"),
        ("udp:[::1]:5070", "[::1]:5070"),
        ("::1", "[::1]:5060"),
    ] {
        assert_eq!(target::parse(text).expect(text).to_string(), address);
    }
    for (text, part) in [
        ("tcp:127.0.0.1:5060", "UDP only"),
        ("udp:127.0.0.1:0", "port 0"),
        ("udp:127.0.0.1:x", "no address"),
        ("udp:", "no address"),
    ] {
        let failure = target::parse(text).expect_err(text);
        assert_eq!(failure.exit, Exit::Usage, "{text}");
        assert!(failure.message.contains(part), "{}", failure.message);
    }
}

#[test]
fn only_near_addresses_and_those_named_may_be_loaded() {
    let permit = |target: &str, named: &[&str]| {
        let named: Vec<_> = named
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        target::permit(target.parse().expect("an address"), &named)
    };
    for near in [
        "127.9.9.9:1",
        "10.1.2.3:1",
        "192.168.0.1:1",
        "172.16.0.1:1",
        "[::1]:1",
        "[fd00::1]:1",
        "[fe80::1]:1",
    ] {
        permit(near, &[]).expect(near);
    }
    for far in [
        "192.0.2.1:1",
        "172.32.0.1:1",
        "100.64.0.1:1",
        "[2001:db8::1]:1",
        "[::ffff:192.0.2.1]:1",
    ] {
        let failure = permit(far, &["198.51.100.1"]).expect_err(far);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure
                .fix
                .expect("advice")
                .contains("--i-may-load-this-host")
        );
    }
    permit("192.0.2.1:1", &["192.0.2.1"]).expect("it was named");
    for many in ["224.0.1.75:5060", "255.255.255.255:5060", "0.0.0.0:5060"] {
        permit(many, &["224.0.1.75", "255.255.255.255", "0.0.0.0"]).expect_err(many);
    }
}

#[test]
fn durations_have_units() {
    for (text, millis) in [
        ("100ms", 100),
        ("1.5s", 1_500),
        ("30", 30_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for bad in ["", "s", "5 parsecs", "-1s", "9h9", "1000h"] {
        duration(bad).expect_err(bad);
    }
}

#[test]
fn a_run_has_its_phases() {
    let tasks = |words: &[&str]| -> Vec<(Task, &'static str, bool)> {
        let phases = plan(words).expect("a plan").phases();
        phases
            .iter()
            .map(|phase| (phase.task, phase.name, phase.measured))
            .collect()
    };
    assert_eq!(
        tasks(&["options", "--ops", "5"]),
        [(Task::Scenario, "", true)]
    );
    assert_eq!(
        tasks(&["register", "--warm", "3"]),
        [
            (Task::Scenario, "fresh", true),
            (Task::Scenario, "", false),
            (Task::Scenario, "refresh", true),
            (Task::Leave, "", false),
        ]
    );
    assert_eq!(
        tasks(&["call", "--keep"]),
        [(Task::Enter, "", false), (Task::Scenario, "", true)]
    );
    let open = plan(&["options", "--rate", "2.5"]).expect("a plan");
    assert_eq!(open.pace, Pace::Open { per_second: 2.5 });
}

#[test]
fn what_makes_no_sense_is_told_with_a_fix() {
    for (words, part) in [
        (&["options", "--domain", "a@b"][..], "no domain"),
        (&["options", "--domain", "x{user}"], "no domain"),
        (&["call", "--from", "nobody"], "no SIP URI of a user"),
        (
            &["options", "--target", "udp:192.0.2.1:5060"],
            "neither loopback nor private",
        ),
    ] {
        let failure = plan(words).expect_err(part);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains(part), "{}", failure.message);
        assert!(failure.fix.is_some());
    }
    for words in [
        &["load", "sing"][..],
        &["load", "options", "--rate", "5", "--window", "5"],
        &["load", "options", "--rate", "1e9"],
        &["load", "options", "--ops", "5", "--duration", "5s"],
        &["load", "options", "--from-number", "x"],
        &["load", "options", "--password", "secret"],
    ] {
        Words::try_parse_from(words).expect_err("refused");
    }
}
