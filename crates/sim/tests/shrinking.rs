//! A failure is shrunk to what it needs.

use strowger_sim::{Fault, Random, Sabotage, Scenario, run_with, shrink};

#[test]
fn a_failing_scenario_shrinks_to_few_errands_and_no_other_fault() {
    let run = |scenario: &Scenario| run_with(scenario, Some(Sabotage::TimeoutToBye));
    let mut scenario = Scenario::quiet(7);
    let mut random = Random::new(7);
    for fault in [
        Fault::Duplication,
        Fault::SlowJournal,
        Fault::Crash,
        Fault::Garbage,
    ] {
        scenario.add(fault, &mut random);
    }
    let failure = run(&scenario).expect_err("every BYE is answered 408");
    let shrunk = shrink(&scenario, failure, &run);
    let left = scenario.errands as usize - shrunk.scenario.skipped_errands.len();
    assert!(left <= 3, "{left} errands: {}", shrunk.scenario.describe());
    assert_eq!(shrunk.scenario.faults(), []);
    assert!(shrunk.failure.reason.contains("408 to a non-INVITE"));
    assert!(shrunk.runs <= strowger_sim::SHRINKING_RUNS_MAX);
    let text = shrunk.scenario.describe();
    assert!(
        text.contains("seed 7") && text.contains("errand "),
        "{text}"
    );
    run(&shrunk.scenario).expect_err("what is left fails too");
}
