//! A seed decides everything, and whatever it decides, the checkers hold.

use std::collections::BTreeSet;

use strowger_sim::{Fault, Probes, Scenario, Summary, World, run};

fn hold(scenario: &Scenario) -> Summary {
    run(scenario).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, again) = (hold(&Scenario::mixed(3)), hold(&Scenario::mixed(3)));
    assert_eq!(one, again);
    assert_ne!(one.trace_hash, hold(&Scenario::mixed(4)).trace_hash);
}

#[test]
fn mixed_scenarios_hold_and_take_rare_paths() {
    let (mut answered, mut incidents) = (0, 0);
    let mut probes = Probes::default();
    let mut faults = BTreeSet::new();
    for seed in 100..130 {
        let scenario = Scenario::mixed(seed);
        faults.extend(scenario.faults());
        // As many as a debug build does in a few seconds; many more are run elsewhere.
        if seed >= 114 {
            continue;
        }
        let summary = hold(&scenario);
        assert!(summary.ended_at.as_secs() >= 120);
        assert_eq!(summary.errands.errands, 100);
        answered += summary.errands.answered;
        incidents += summary.incidents;
        probes.merge(&summary.probes);
    }
    assert!(answered > 350, "{answered}");
    assert!(incidents > 20, "{incidents}");
    assert_eq!(faults.len(), Fault::ALL.len());
    let missed = probes.missed();
    assert!(missed.len() < 18, "{missed:?}");
}

/// A quiet world with one kind of fault and what can be said of it for certain.
fn with(fault: Fault, seed: u64) -> Scenario {
    let mut random = strowger_sim::Random::new(seed);
    let mut scenario = Scenario::quiet(seed);
    scenario.add(fault, &mut random);
    scenario
}

#[test]
fn a_quiet_world_goes_as_planned() {
    let scenario = Scenario {
        streams_per_mille: 400,
        nat_per_mille: 300,
        ..Scenario::quiet(11)
    };
    let summary = hold(&scenario);
    let errands = &summary.errands;
    assert_eq!((errands.excused, errands.merged), (0, 0));
    assert_eq!(summary.incidents, 0);
    assert!(summary.network.on_connections > 500, "{summary:?}");
}

#[test]
fn an_element_that_crashes_comes_back_with_its_bindings() {
    let mut probes = Probes::default();
    for seed in 1..5 {
        probes.merge(&hold(&with(Fault::Crash, seed)).probes);
    }
    assert!(probes.count("restart-with-bindings") >= 4);
    assert!(probes.count("dialog-after-restart") > 0);
}

#[test]
fn connections_that_break_are_noticed_and_replaced() {
    let mut probes = Probes::default();
    for seed in 1..6 {
        probes.merge(&hold(&with(Fault::Reset, seed)).probes);
        probes.merge(&hold(&with(Fault::HalfOpen, seed)).probes);
    }
    for probe in ["connection-reset", "half-open-written"] {
        assert!(probes.count(probe) > 0, "{probe}");
    }
}

#[test]
fn what_is_left_out_is_left_out() {
    let mut scenario = with(Fault::Crash, 2);
    scenario.skipped_errands = (0..90).collect();
    scenario.skipped_incidents = (0..4).collect();
    let summary = World::of(&scenario)
        .run()
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(summary.errands.errands, 10);
    assert_eq!(summary.incidents, 0);
}
