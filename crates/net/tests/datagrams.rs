//! UDP over loopback: echo, batches, segmented sends, errors.

mod toy;

use std::collections::BTreeSet;
use std::net::UdpSocket;

use strowger_transaction::TransmitToken;
use toy::{Order, Seen, receive, request, start, try_start};

#[test]
fn answers_over_ipv4() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let peer = world.udp_peer();
    peer.send_to(&request("OPTIONS", "call-0"), world.addresses[0])
        .unwrap();
    let answer = receive(&peer);
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("call-0"));
    let Seen::Received { shard: 0, flow, .. } = world.next() else {
        panic!("a message")
    };
    assert_eq!(flow, world.udp_flow(peer.local_addr().unwrap()));
}

#[test]
fn answers_over_ipv6() {
    let world = start(&["udp:[::1]:0"], |_| {});
    let peer = world.udp_peer();
    peer.send_to(&request("OPTIONS", "call-0"), world.addresses[0])
        .unwrap();
    assert!(receive(&peer).starts_with("SIP/2.0 200 OK\r\n"));
}

#[test]
fn both_families_on_one_worker_keep_their_addresses() {
    let world = start(&["udp:127.0.0.1:0", "udp:[::1]:0"], |_| {});
    let peers = [
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("[::1]:0").unwrap(),
    ];
    for round in 0..3 {
        for (peer, address) in peers.iter().zip(&world.addresses) {
            peer.set_read_timeout(Some(toy::PATIENCE)).unwrap();
            peer.send_to(&request("OPTIONS", &format!("{round}-0")), address)
                .unwrap();
            assert!(receive(peer).starts_with("SIP/2.0 200 OK\r\n"));
        }
    }
}

#[test]
fn two_workers_answer_for_two_shards() {
    let world = start(&["udp:127.0.0.1:0"], |settings| {
        (settings.workers, settings.shards) = (2, 2)
    });
    let peers: Vec<UdpSocket> = (0..16).map(|_| world.udp_peer()).collect();
    for (number, peer) in peers.iter().enumerate() {
        for shard in 0..2 {
            peer.send_to(
                &request("OPTIONS", &format!("{number}-{shard}")),
                world.addresses[0],
            )
            .unwrap();
        }
    }
    for peer in &peers {
        let answers = [receive(peer), receive(peer)];
        assert!(
            answers
                .iter()
                .all(|answer| answer.starts_with("SIP/2.0 200 OK\r\n"))
        );
    }
    let mut shards = BTreeSet::new();
    for _ in 0..32 {
        let Seen::Received { shard, call_id, .. } = world.next() else {
            panic!("a message")
        };
        assert_eq!(call_id.last().copied(), Some(b'0' + shard as u8));
        shards.insert(shard);
    }
    assert_eq!(shards, BTreeSet::from([0, 1]));
    world
        .count_until(|counters| (counters.datagrams_received, counters.datagrams_sent) == (32, 32));
}

#[test]
fn a_burst_is_answered_in_batches() {
    let world = start(&["udp:127.0.0.1:0"], |settings| settings.shards = 4);
    let peer = world.udp_peer();
    for number in 0..100 {
        peer.send_to(
            &request("OPTIONS", &format!("{number:03}")),
            world.addresses[0],
        )
        .unwrap();
    }
    for _ in 0..100 {
        assert!(receive(&peer).starts_with("SIP/2.0 200 OK\r\n"));
    }
}

#[test]
fn equal_datagrams_to_one_peer_arrive_whole_and_in_order() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let (peer, other) = (world.udp_peer(), world.udp_peer());
    let to = |socket: &UdpSocket| world.udp_flow(socket.local_addr().unwrap());
    let text = |number: usize| {
        format!(
            "{number:03}{}",
            "x".repeat(if number == 40 { 2_000 } else { 400 })
        )
    };
    let sends = (0..100).flat_map(|number| {
        let octets = text(number).into_bytes();
        let first = Order::Send {
            flow: to(&peer),
            token: TransmitToken::NONE,
            octets: octets.clone(),
        };
        [
            first,
            Order::Send {
                flow: to(&other),
                token: TransmitToken::NONE,
                octets,
            },
        ]
    });
    world.order(0, sends);
    for number in 0..100 {
        assert_eq!(receive(&peer), text(number));
        assert_eq!(receive(&other), text(number));
    }
    let counters = world.running.driver().counters();
    assert_eq!(counters.datagrams_sent, 200);
    if counters.datagrams_segmented > 0 {
        assert_eq!(counters.datagrams_segmented, 198, "all but the long ones");
        assert!(
            counters.datagram_send_calls <= 10,
            "{} calls",
            counters.datagram_send_calls
        );
    }
}

#[test]
fn an_address_that_nothing_can_be_sent_to_does_not_end_segmentation() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let peer = world.udp_peer();
    let nobody = world.udp_flow("127.0.0.1:0".parse().unwrap());
    let good = world.udp_flow(peer.local_addr().unwrap());
    let send = |flow, token| Order::Send {
        flow,
        token: TransmitToken(token),
        octets: b"equal".to_vec(),
    };
    world.order(0, [send(nobody, 1), send(nobody, 2)]);
    for token in [1, 2] {
        let token = TransmitToken(token);
        assert_eq!(
            world.next(),
            Seen::TransmitFailed {
                shard: 0,
                flow: nobody,
                token,
                branch: None
            }
        );
    }
    world.order(0, [send(good, 3), send(good, 4)]);
    assert_eq!(
        (receive(&peer), receive(&peer)),
        ("equal".to_owned(), "equal".to_owned())
    );
    let before = world.running.driver().counters().datagrams_segmented;
    // Where the kernel can segment at all, it still did.
    let other = start(&["udp:127.0.0.1:0"], |_| {});
    let flow = other.udp_flow(peer.local_addr().unwrap());
    other.order(0, [send(flow, 3), send(flow, 4)]);
    assert_eq!(
        before,
        other.running.driver().counters().datagrams_segmented
    );
}

#[test]
fn segmentation_can_be_switched_off() {
    let world = start(&["udp:127.0.0.1:0"], |settings| {
        settings.segmentation = false
    });
    let peer = world.udp_peer();
    let flow = world.udp_flow(peer.local_addr().unwrap());
    world.order(
        0,
        (0..150).map(|number: u32| Order::Send {
            flow,
            token: TransmitToken::NONE,
            octets: number.to_string().into(),
        }),
    );
    for number in 0..150 {
        assert_eq!(receive(&peer), number.to_string());
    }
    world.count_until(|counters| {
        (counters.datagrams_segmented, counters.datagram_send_calls) == (0, 3)
    });
}

#[test]
fn an_icmp_error_reaches_the_shard_of_the_branch() {
    for (listener, closed) in [
        ("udp:127.0.0.1:0", "127.0.0.1:0"),
        ("udp:[::1]:0", "[::1]:0"),
    ] {
        let world = start(&[listener], |settings| {
            (settings.workers, settings.shards) = (2, 2)
        });
        let unused = UdpSocket::bind(closed).unwrap().local_addr().unwrap();
        let flow = world.udp_flow(unused);
        world.order(
            0,
            [Order::Send {
                flow,
                token: TransmitToken(5),
                octets: request("OPTIONS", "out-1"),
            }],
        );
        let expected = Seen::TransmitFailed {
            shard: 1,
            flow,
            token: TransmitToken::NONE,
            branch: Some(b"z9hG4bK-out-1".to_vec()),
        };
        assert_eq!(world.next(), expected);
        // The error of one peer does not keep others from being served.
        let peer = world.udp_peer();
        peer.send_to(&request("OPTIONS", "call-0"), world.addresses[0])
            .unwrap();
        assert!(receive(&peer).starts_with("SIP/2.0 200 OK\r\n"));
    }
}

#[test]
fn errors_of_other_peers_do_not_lose_datagrams() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let unused = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let peer = world.udp_peer();
    let good = world.udp_flow(peer.local_addr().unwrap());
    for number in 0..50 {
        let octets = format!("{number}").into_bytes();
        let bad = Order::Send {
            flow: world.udp_flow(unused),
            token: TransmitToken::NONE,
            octets: b"x".to_vec(),
        };
        world.order(
            0,
            [
                bad,
                Order::Send {
                    flow: good,
                    token: TransmitToken(3),
                    octets,
                },
            ],
        );
    }
    for number in 0..50 {
        assert_eq!(receive(&peer), number.to_string());
    }
    assert!(world.is_quiet());
}

#[test]
fn a_datagram_that_is_too_long_fails_with_its_token() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let flow = world.udp_flow(world.udp_peer().local_addr().unwrap());
    world.order(
        0,
        [Order::Send {
            flow,
            token: TransmitToken(9),
            octets: vec![b'x'; 70_000],
        }],
    );
    assert_eq!(
        world.next(),
        Seen::TransmitFailed {
            shard: 0,
            flow,
            token: TransmitToken(9),
            branch: None
        }
    );
}

#[test]
fn malformed_datagrams_are_refused_and_keep_alives_ignored() {
    let world = start(&["udp:127.0.0.1:0"], |_| {});
    let peer = world.udp_peer();
    for octets in [
        &b"\r\n\r\n"[..],
        b"",
        b"\0\0\0\0",
        b"INVITE nonsense\r\n\r\n",
    ] {
        peer.send_to(octets, world.addresses[0]).unwrap();
    }
    assert!(receive(&peer).starts_with("SIP/2.0 400 "));
    world.count_until(|counters| {
        (counters.datagram_keep_alives, counters.messages_malformed) == (3, 1)
    });
}

#[test]
fn a_port_in_use_is_an_error_that_says_so() {
    for workers in [1, 2] {
        let first = start(&["udp:127.0.0.1:0"], |settings| settings.workers = workers);
        let taken = first.addresses[0];
        let again = || {
            try_start(&[&format!("udp:{taken}")], |settings| {
                settings.workers = workers
            })
        };
        let text = again().err().unwrap().to_string();
        assert!(
            text.contains(&taken.to_string()) && text.contains("in use"),
            "{text}"
        );
        drop(first);
        drop(again().unwrap());
    }
}

#[test]
fn an_address_that_is_not_ours_is_an_error_that_says_so() {
    let error = try_start(&["udp:192.0.2.1:5060"], |_| {})
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("192.0.2.1:5060") && error.contains("no interface"),
        "{error}"
    );
    assert!(
        try_start(&["udp:0.0.0.0:0"], |_| {})
            .err()
            .unwrap()
            .to_string()
            .contains("wildcard")
    );
}
