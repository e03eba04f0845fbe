//! A seed decides everything, and whatever it decides, the checkers hold.

use strowger_sim::{Scenario, World};

fn run(seed: u64) -> strowger_sim::Summary {
    let scenario = Scenario {
        errands: 40,
        ..Scenario::mixed(seed)
    };
    World::of(&scenario)
        .run()
        .unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, again) = (run(3), run(3));
    assert_eq!(one, again);
    assert_ne!(one.trace_hash, run(4).trace_hash);
}

#[test]
fn fifty_seeds_of_mixed_scenarios_hold() {
    let mut answered = 0;
    for seed in 100..150 {
        let summary = run(seed);
        assert!(summary.ended_at.as_secs() >= 120);
        answered += summary.errands.answered;
    }
    assert!(answered > 500, "{answered}");
}
