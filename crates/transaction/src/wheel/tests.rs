//! The wheel against a sorted list, and each promise of its documentation by itself.

use super::*;
use proptest::prelude::*;

fn drain(wheel: &mut TimerWheel<u32>, now: Time) -> Vec<u32> {
    core::iter::from_fn(|| wheel.pop_due(now).map(|(_, payload)| payload)).collect()
}

#[test]
fn fires_in_order_of_deadline_then_of_arming() {
    let mut wheel = TimerWheel::new();
    wheel.arm(Time::from_millis(300), 3);
    wheel.arm(Time::from_millis(100), 1);
    wheel.arm(Time::from_millis(300), 4);
    wheel.arm(Time::from_millis(200), 2);
    assert_eq!(wheel.next_deadline(), Some(Time::from_millis(100)));
    assert_eq!(drain(&mut wheel, Time::from_millis(99)), []);
    wheel.arm(Time::from_millis(300), 5);
    assert_eq!(drain(&mut wheel, Time::from_millis(300)), [1, 2, 3, 4, 5]);
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn never_fires_early_and_at_most_one_tick_late() {
    let mut wheel = TimerWheel::new();
    wheel.arm(Time::from_nanos(1_500_001), 1);
    assert_eq!(wheel.next_deadline(), Some(Time::from_millis(2)));
    assert_eq!(drain(&mut wheel, Time::from_nanos(1_999_999)), []);
    assert_eq!(drain(&mut wheel, Time::from_millis(2)), [1]);
}

#[test]
fn a_cancelled_timer_never_fires_and_its_key_stays_harmless() {
    let mut wheel = TimerWheel::new();
    let first = wheel.arm(Time::from_secs(32), 1);
    assert_eq!(wheel.cancel(first), Some(1));
    let second = wheel.arm(Time::from_secs(40), 2);
    assert_eq!(wheel.cancel(first), None);
    assert!(!wheel.rearm(first, Time::from_secs(1)));
    assert!(wheel.rearm(second, Time::from_secs(1)));
    assert_eq!(drain(&mut wheel, Time::from_secs(1)), [2]);
    assert!(wheel.is_empty());
}

#[test]
fn a_deadline_in_the_past_fires_at_once() {
    let mut wheel = TimerWheel::new();
    assert_eq!(drain(&mut wheel, Time::from_secs(10)), []);
    wheel.arm(Time::from_secs(1), 1);
    assert_eq!(drain(&mut wheel, Time::from_secs(10)), [1]);
}

#[test]
fn the_latest_time_can_be_armed() {
    let mut wheel = TimerWheel::new();
    wheel.arm(Time::MAX, 1);
    assert_eq!(drain(&mut wheel, Time::from_secs(1 << 33)), []);
    wheel.arm(Time::from_secs((1 << 33) + 1), 2);
    assert_eq!(drain(&mut wheel, Time::from_secs((1 << 33) + 1)), [2]);
}

#[derive(Debug, Clone)]
enum Action {
    Arm(u64),
    Rearm(usize, u64),
    Cancel(usize),
    Advance(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let delay = prop_oneof![0..5u64, 0..200u64, 0..40_000u64, 0..90_000_000u64];
    prop_oneof![
        4 => delay.clone().prop_map(Action::Arm),
        1 => (any::<usize>(), delay.clone()).prop_map(|(which, delay)| Action::Rearm(which, delay)),
        1 => any::<usize>().prop_map(Action::Cancel),
        2 => delay.prop_map(Action::Advance),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_list(actions in prop::collection::vec(action(), 1..200)) {
        let mut wheel = TimerWheel::new();
        // (tick, order of arming, payload, key)
        let mut model: Vec<(u64, usize, u32, TimerKey)> = Vec::new();
        let mut now = 0;
        for (order, action) in actions.into_iter().enumerate() {
            match action {
                Action::Arm(delay) => {
                    let key = wheel.arm(Time::from_millis(now + delay), order as u32);
                    model.push((now + delay, order, order as u32, key));
                }
                Action::Rearm(which, delay) if !model.is_empty() => {
                    let index = which % model.len();
                    let entry = &mut model[index];
                    (entry.0, entry.1) = (now + delay, order);
                    prop_assert!(wheel.rearm(entry.3, Time::from_millis(now + delay)));
                }
                Action::Cancel(which) if !model.is_empty() => {
                    let entry = model.swap_remove(which % model.len());
                    prop_assert_eq!(wheel.cancel(entry.3), Some(entry.2));
                }
                Action::Advance(delay) => {
                    now += delay;
                    model.sort_by_key(|entry| (entry.0, entry.1));
                    let due = model.partition_point(|entry| entry.0 <= now);
                    let expected: Vec<u32> = model.drain(..due).map(|entry| entry.2).collect();
                    prop_assert_eq!(drain(&mut wheel, Time::from_millis(now)), expected);
                }
                _ => {}
            }
            let earliest = model.iter().map(|entry| entry.0).min();
            match (wheel.next_deadline(), earliest) {
                (None, None) => {}
                (Some(next), Some(earliest)) => prop_assert!(next <= Time::from_millis(earliest)),
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert_eq!(wheel.len(), model.len());
        }
    }
}
