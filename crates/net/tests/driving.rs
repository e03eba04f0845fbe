//! Timers, deliveries from other threads and from inside services, and panics.

mod toy;

use std::time::Duration;

use strowger_net::NetCounters;
use strowger_net::seam::{Admission, ConnectId, QueryId};
use toy::{Order, Seen, nowhere, receive, request, start};

#[test]
fn a_deadline_set_by_another_thread_wakes_its_worker() {
    let world = start(&["udp:127.0.0.1:0"], |settings| {
        (settings.workers, settings.shards) = (2, 3)
    });
    for shard in 0..3 {
        world.order(shard, [Order::TimerAfter(Duration::from_millis(20))]);
        assert_eq!(world.next(), Seen::Timeout { shard });
    }
    // An earlier deadline takes the place of a later one that the worker sleeps for.
    world.order(1, [Order::TimerAfter(Duration::from_secs(3_600))]);
    world.order(1, [Order::TimerAfter(Duration::from_millis(20))]);
    assert_eq!(world.next(), Seen::Timeout { shard: 1 });
}

#[test]
fn a_service_may_answer_from_inside_the_call() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    world.order(0, [Order::Resolve(QueryId(11), toy::question())]);
    assert_eq!(
        world.next(),
        Seen::Connected {
            shard: 0,
            request: ConnectId(11),
            flow: nowhere()
        }
    );
}

#[test]
fn a_panic_replaces_the_shard_and_blocks_the_message() {
    let world = start(&["udp:127.0.0.1:0"], |settings| settings.shards = 2);
    let peer = world.udp_peer();
    let fatal = request("PANIC", "call-1");
    peer.send_to(&fatal, world.addresses[0]).unwrap();
    let Seen::Panicked { shard: 1, report } = world.next() else {
        panic!("a report")
    };
    assert_eq!(
        (report.message.as_str(), report.while_doing),
        ("told to", "Received")
    );
    assert_eq!(report.octets, fatal);
    assert_eq!(report.flow.map(|flow| flow.remote), peer.local_addr().ok());
    assert!(receive(&peer).starts_with("SIP/2.0 500 Server Internal Error\r\n"));
    // The retransmission is dropped; all shards go on.
    peer.send_to(&fatal, world.addresses[0]).unwrap();
    for shard in 0..2 {
        peer.send_to(
            &request("OPTIONS", &format!("call-{shard}")),
            world.addresses[0],
        )
        .unwrap();
        assert!(receive(&peer).starts_with("SIP/2.0 200 OK\r\n"));
        assert!(matches!(world.next(), Seen::Received { .. }));
    }
    world.count_until(|counters| (counters.shard_panics, counters.messages_blocked) == (1, 1));
}

#[test]
fn a_panic_over_tcp_leaves_the_connection() {
    use std::io::Write;
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(&request("PANIC", "call-0")).unwrap();
    let Seen::Panicked { report, .. } = world.next() else {
        panic!("a report")
    };
    assert_eq!(report.octets, request("PANIC", "call-0"));
    assert!(toy::receive_message(&mut peer).starts_with("SIP/2.0 500 "));
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(toy::receive_message(&mut peer).starts_with("SIP/2.0 200 OK\r\n"));
}

#[test]
fn a_shard_that_panics_again_and_again_rests_and_the_others_go_on() {
    let world = start(&["udp:127.0.0.1:0"], |settings| settings.shards = 2);
    let peer = world.udp_peer();
    for number in 0..5 {
        // Each another message: an equal one would be dropped.
        let fatal = request("PANIC", &format!("call-{number}-1"));
        peer.send_to(&fatal, world.addresses[0]).unwrap();
        assert!(receive(&peer).starts_with("SIP/2.0 500 "));
        assert!(matches!(world.next(), Seen::Panicked { shard: 1, .. }));
    }
    assert!(matches!(world.next(), Seen::Rests { shard: 1 }));
    let to = |shard: u16| request("OPTIONS", &format!("call-{shard}"));
    peer.send_to(&to(1), world.addresses[0]).unwrap();
    assert!(receive(&peer).starts_with("SIP/2.0 503 "));
    peer.send_to(&to(0), world.addresses[0]).unwrap();
    assert!(receive(&peer).starts_with("SIP/2.0 200 "));
    world.count_until(|counters| {
        let NetCounters {
            shard_panics,
            shard_rests,
            messages_unserved,
            ..
        } = counters;
        (*shard_panics, *shard_rests, *messages_unserved) == (5, 1, 6)
    });
}

#[test]
fn a_panic_over_the_deadline_is_a_restart_as_well() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let peer = world.udp_peer();
    for number in 0..5 {
        let sickening = request("SICKEN", &format!("call-{number}-0"));
        peer.send_to(&sickening, world.addresses[0]).unwrap();
        assert!(receive(&peer).starts_with("SIP/2.0 200 "));
    }
    world.count_until(|counters| (counters.shard_panics, counters.shard_rests) == (5, 1));
    peer.send_to(&request("OPTIONS", "call-0"), world.addresses[0])
        .unwrap();
    assert!(receive(&peer).starts_with("SIP/2.0 503 "));
}

#[test]
fn a_shard_that_replaces_another_learns_that_the_server_ends() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let peer = world.udp_peer();
    world.running.driver().drain();
    assert_eq!(world.next(), Seen::Other { shard: 0 });
    peer.send_to(&request("PANIC", "call-0"), world.addresses[0])
        .unwrap();
    assert!(matches!(world.next(), Seen::Panicked { .. }));
    assert_eq!(world.next(), Seen::Other { shard: 0 });
    assert_eq!(world.running.driver().admission(), Admission::Draining);
}

#[test]
fn spinning_workers_answer_too() {
    let world = start(&["udp:127.0.0.1:0"], |settings| settings.spin_polls = 50);
    let peer = world.udp_peer();
    for _ in 0..10 {
        peer.send_to(&request("OPTIONS", "call-0"), world.addresses[0])
            .unwrap();
        assert!(receive(&peer).starts_with("SIP/2.0 200 OK\r\n"));
    }
}

#[test]
fn counters_have_unique_names_and_texts() {
    let mut names = std::collections::BTreeSet::new();
    strowger_net::NetCounters::default().visit(&mut |name, help, value| {
        assert!(
            names.insert(name) && help.ends_with('.') && value == 0,
            "{name}"
        );
    });
}

#[test]
fn shutdown_ends_at_once_when_nothing_waits() {
    let world = start(&["udp:127.0.0.1:0", "tcp:127.0.0.1:0"], |settings| {
        settings.workers = 2
    });
    let begun = std::time::Instant::now();
    world.running.shutdown(Duration::from_secs(3_600));
    assert!(begun.elapsed() < toy::PATIENCE);
}
