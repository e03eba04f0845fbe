//! Two elements with two shards each, and a network that loses, doubles and reorders.

use strowger_sim::{Scenario, World};

#[test]
fn two_elements_with_two_shards_complete_1000_calls_over_a_bad_network() {
    let scenario = Scenario {
        errands: 1_250,
        ..Scenario::bad_network(1)
    };
    assert_eq!(scenario.shards, [2, 2]);
    assert_eq!(scenario.network.loss_per_mille, 100);
    let summary = World::of(&scenario)
        .run()
        .unwrap_or_else(|failure| panic!("{failure}"));
    let errands = &summary.errands;
    assert!(errands.calls >= 1_000, "{errands:?}");
    assert_eq!(errands.errands, 1_250);
    assert!(errands.answered > 600, "{errands:?}");
    for status in [302, 408, 480, 486, 487, 603] {
        assert!(errands.failed.contains_key(&status), "no {status}");
    }
    assert!(errands.in_dialog > 600 && errands.queries > 20);
    // The network may break a call in a thousand; an element may break none.
    assert!(errands.excused <= 3, "{errands:?}");
    let network = &summary.network;
    assert!(network.lost * 10 > network.sent * 9 / 10, "{network:?}");
    assert!(network.duplicated > 0 && network.held_back > 0);
}

#[test]
fn calls_survive_two_lossy_hops_of_thirty_percent() {
    let mut scenario = Scenario {
        errands: 150,
        ..Scenario::bad_network(2)
    };
    scenario.network.loss_per_mille = 300;
    let summary = World::of(&scenario)
        .run()
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(summary.errands.errands, 150);
}
