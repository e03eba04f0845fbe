//! Each checker can fail: a fault of its class is put between an element and its world, and is found.

use strowger_sim::{Sabotage, Scenario, World, run_with};

/// Worlds that are tried: a fault that hits one message, or one shard, can hit one where it does no harm.
const SEEDS: core::ops::Range<u64> = 5..11;

/// What the checkers say about the first run in which this fault does harm.
fn found(sabotage: Sabotage) -> String {
    for seed in SEEDS {
        let scenario = Scenario {
            errands: 60,
            users_per_domain: 4,
            network: strowger_sim::NetworkSettings::default(),
            ..Scenario::bad_network(seed)
        };
        let mut world = World::of(&scenario);
        world.sabotage(sabotage);
        if let Err(failure) = world.run() {
            assert_eq!(failure.seed, seed);
            assert!(!failure.last.is_empty());
            return failure.reason;
        }
    }
    panic!("{sabotage:?} is not found");
}

/// A test per fault: its name, the fault, what the report says.
macro_rules! faults {
    ($($name:ident: $fault:ident => $says:literal;)*) => {$(
        #[test]
        fn $name() {
            let reason = found(Sabotage::$fault);
            assert!(reason.contains($says), "{reason}");
        }
    )*};
}

faults! {
    a_lost_binding_is_found: LoseBinding => "an acknowledged binding is lost";
    a_binding_that_nobody_asked_for_is_found: ImmortalBinding => "bindings where";
    a_lying_journal_is_found: LyingJournal => "is not in the journal";
    a_second_final_response_is_found: DoubleFinal => "a second final response";
    a_swallowed_success_is_found: SwallowSuccess => "a 2xx was not passed on";
    a_swallowed_ack_is_found: SwallowAck => "an ACK was not passed on";
    a_swallowed_bye_is_found: SwallowBye => "BYE in the dialog ended with None";
    a_408_to_bye_is_found: TimeoutToBye => "408 to a non-INVITE";
    a_storm_is_found: Storm => "a storm";
    a_message_nobody_can_read_is_found: Garble => "cannot be parsed";
    leaked_transactions_are_found: ForgetTimers => "still holds something";
    responses_at_the_wrong_shard_are_found: WrongShard => "a 2xx was not passed on";
    leaked_credentials_are_found: LeakCredentials => "passed credentials on";
    a_cancel_at_the_wrong_shard_is_found: WrongShardCancel => "a CANCEL found no transaction";
}

/// It needs connections, which the bad network has none of.
#[test]
fn a_flow_whose_end_the_first_shard_hears_of_too_early_is_found() {
    let found = (1..=20)
        .find_map(|seed| run_with(&Scenario::mixed(seed), Some(Sabotage::FirstShardFirst)).err());
    let reason = found.expect("a failure").reason;
    assert!(reason.contains("a connection that is gone"), "{reason}");
}
