//! Numbers of answered requests as measured with Kamailio 5.6.3, and what bounds the tree.

use super::*;

const SETTINGS: PikeSettings = PikeSettings {
    sampling_time_unit_seconds: 2,
    requests_per_unit: 16,
    remove_latency_seconds: 4,
};

fn source(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn answered(pike: &Pike, text: &str, now: Time) -> usize {
    let verdicts: Vec<_> = (0..60).map(|_| pike.check(source(text), now)).collect();
    let first = verdicts
        .iter()
        .position(|verdict| *verdict != PikeVerdict::Ok)
        .unwrap_or(verdicts.len());
    for (at, verdict) in verdicts.iter().enumerate().skip(first + 1) {
        assert_eq!(*verdict, PikeVerdict::Blocked, "request {at}");
    }
    first
}

#[test]
fn a_new_address_is_answered_21_times_at_limit_16() {
    let pike = Pike::new(SETTINGS, 1);
    let now = Time::from_secs(100);
    let verdicts: Vec<_> = (0..23)
        .map(|_| pike.check(source("127.0.1.1"), now))
        .collect();
    assert_eq!(
        verdicts
            .iter()
            .position(|verdict| *verdict != PikeVerdict::Ok),
        Some(21)
    );
    assert_eq!(verdicts.get(21), Some(&PikeVerdict::NewlyBlocked));
    assert_eq!(verdicts.get(22), Some(&PikeVerdict::Blocked));
}

#[test]
fn neighbours_need_fewer_requests() {
    let pike = Pike::new(SETTINGS, 1);
    let now = Time::from_secs(100);
    assert_eq!(answered(&pike, "127.0.1.1", now), 21);
    assert_eq!(answered(&pike, "127.0.1.2", now), 16);
    assert_eq!(answered(&pike, "127.0.1.2", now), 0);
    assert_eq!(answered(&pike, "127.0.2.1", now), 17);
    assert_eq!(answered(&pike, "127.1.3.1", now), 18);
    assert_eq!(answered(&pike, "127.1.3.9", now), 16);
    assert_eq!(answered(&pike, "192.0.2.1", now), 21);
}

#[test]
fn a_block_ends_with_the_unit_after_a_quiet_one() {
    let pike = Pike::new(SETTINGS, 1);
    let flooder = source("192.0.2.1");
    answered(&pike, "192.0.2.1", Time::from_secs(100));
    assert_eq!(
        pike.check(flooder, Time::from_millis(103_999)),
        PikeVerdict::Blocked,
        "the last unit was a flood"
    );
    assert_eq!(pike.check(flooder, Time::from_secs(104)), PikeVerdict::Ok);
    let again: Vec<_> = (0..16)
        .map(|_| pike.check(flooder, Time::from_secs(105)))
        .collect();
    assert_eq!(again.get(13), Some(&PikeVerdict::Ok));
    assert_eq!(again.get(14), Some(&PikeVerdict::NewlyBlocked));
    assert_eq!(again.get(15), Some(&PikeVerdict::Blocked));
}

#[test]
fn a_steady_source_under_the_limit_is_never_blocked() {
    let pike = Pike::new(SETTINGS, 1);
    for second in 0..1_000 {
        for _ in 0..7 {
            let verdict = pike.check(source("192.0.2.1"), Time::from_secs(second));
            assert_eq!(verdict, PikeVerdict::Ok, "second {second}");
        }
    }
}

#[test]
fn a_source_is_forgotten_after_the_remove_latency() {
    let pike = Pike::new(SETTINGS, 1);
    assert_eq!(answered(&pike, "192.0.2.1", Time::from_secs(100)), 21);
    assert_eq!(
        answered(&pike, "192.0.2.1", Time::from_secs(104)),
        21,
        "as if it were new"
    );
    assert_eq!(pike.len(), 4);
    assert_eq!(pike.sweep(Time::from_secs(107), 1_000), 0);
    assert_eq!(pike.sweep(Time::from_secs(108), 1_000), 4);
    assert!(pike.is_empty());
}

#[test]
fn v6_addresses_take_a_node_for_each_octet() {
    let pike = Pike::new(SETTINGS, 1);
    let now = Time::from_secs(100);
    assert_eq!(answered(&pike, "2001:db8::1", now), 4 + 13 + 1 + 15);
    assert_eq!(answered(&pike, "2001:db8::2", now), 16);
    assert_eq!(answered(&pike, "::ffff:192.0.2.1", now), 21);
    assert_eq!(answered(&pike, "192.0.2.1", now), 0, "the same source");
}

#[test]
fn sources_are_listed_by_count() {
    let pike = Pike::new(SETTINGS, 1);
    let now = Time::from_secs(100);
    answered(&pike, "192.0.2.1", now);
    for _ in 0..5 {
        pike.check(source("192.0.2.2"), now);
    }
    pike.check(source("198.51.100.1"), now);
    let listed: Vec<_> = pike
        .list(now)
        .iter()
        .map(|one| (one.address.to_string(), one.current, one.blocked))
        .collect();
    assert_eq!(
        listed,
        [
            ("192.0.2.1".to_owned(), 54, true),
            ("192.0.2.2".to_owned(), 4, false)
        ]
    );
}

#[test]
fn the_tree_is_bounded_and_the_oldest_go_first() {
    let pike = Pike::new(
        PikeSettings {
            requests_per_unit: 1,
            ..SETTINGS
        },
        1,
    );
    // One octet at the front, so that all nodes share a stripe; all are inner nodes or leaves of addresses seen once.
    let address = |n: u32| IpAddr::from([10, (n >> 16) as u8, (n >> 8) as u8, n as u8]);
    for n in 0..200_000 {
        let now = Time::from_millis(100_000 + u64::from(n) / 1_000);
        for _ in 0..4 {
            pike.check(address(n), now);
        }
    }
    assert!(pike.len() <= PIKE_NODES_MAX);
    for n in 200_000..300_000 {
        let now = Time::from_millis(100_200 + u64::from(n) / 1_000);
        for _ in 0..4 {
            pike.check(address(n), now);
        }
    }
    assert_eq!(pike.len(), PIKE_NODES_MAX);
    let held = |n: u32| {
        let wanted = address(n);
        pike.list(Time::from_millis(100_300))
            .iter()
            .any(|one| one.address == wanted)
    };
    assert!(!held(10));
    assert!(held(299_999));
    let mut evicted = 0;
    pike.visit(&mut |name, _, value| {
        if name == "pike_evicted_total" {
            evicted = value;
        }
    });
    assert!(evicted > 30_000, "{evicted}");
}
