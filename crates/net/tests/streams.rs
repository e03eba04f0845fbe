//! TCP over loopback: framing, keep-alives, connections opened and shared, limits and time limits.

mod toy;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use strowger_net::seam::ConnectId;
use strowger_transaction::{Flow, TransmitToken};
use toy::{Order, Seen, World, is_closed, receive_message, request, start};

const OK: &str = "SIP/2.0 200 OK\r\n";

fn received_flow(world: &World) -> Flow {
    match world.next() {
        Seen::Received { flow, .. } => flow,
        other => panic!("a message, not {other:?}"),
    }
}

fn connected_flow(world: &World) -> Flow {
    match world.next() {
        Seen::Connected { flow, .. } => flow,
        other => panic!("a connection, not {other:?}"),
    }
}

fn connect(number: u64, remote: SocketAddr) -> Order {
    Order::Connect {
        request: ConnectId(number),
        remote,
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(toy::PATIENCE)).unwrap();
    socket
}

#[test]
fn answers_over_both_families() {
    for listener in ["tcp:127.0.0.1:0", "tcp:[::1]:0"] {
        let world = start(&[listener], |_| {});
        let mut peer = world.tcp_peer();
        peer.write_all(&request("OPTIONS", "call-0")).unwrap();
        assert!(receive_message(&mut peer).starts_with(OK));
        let flow = received_flow(&world);
        assert_eq!(flow.remote, peer.local_addr().unwrap());
        assert!(flow.stream.is_some());
    }
}

#[test]
fn a_message_in_pieces_is_one_message() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.set_nodelay(true).unwrap();
    for piece in request("OPTIONS", "call-0").chunks(7) {
        peer.write_all(piece).unwrap();
    }
    assert!(receive_message(&mut peer).starts_with(OK));
}

#[test]
fn two_messages_in_one_segment_are_two_messages_answered_in_order() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(
        &[
            request("OPTIONS", "first-0"),
            request("OPTIONS", "second-0"),
        ]
        .concat(),
    )
    .unwrap();
    assert!(receive_message(&mut peer).contains("first-0"));
    assert!(receive_message(&mut peer).contains("second-0"));
}

#[test]
fn a_keep_alive_ping_is_answered_with_a_pong() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(&[&b"\r\n\r\n"[..], &request("OPTIONS", "call-0")].concat())
        .unwrap();
    assert!(receive_message(&mut peer).starts_with(&format!("\r\n{OK}")));
}

#[test]
fn connections_are_spread_over_workers_and_reach_every_shard() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        (settings.workers, settings.shards) = (2, 2)
    });
    let mut owners = Vec::new();
    for number in 0..4 {
        let mut peer = world.tcp_peer();
        for shard in 0..2 {
            peer.write_all(&request("OPTIONS", &format!("{number}-{shard}")))
                .unwrap();
            assert!(receive_message(&mut peer).starts_with(OK));
            owners.push(received_flow(&world).stream.unwrap().worker);
        }
        drop(peer);
        // The shard that marks bindings lost for all hears of it last.
        assert!(matches!(world.next(), Seen::FlowClosed { shard: 1, .. }));
        assert!(matches!(world.next(), Seen::FlowClosed { shard: 0, .. }));
    }
    owners.sort_unstable();
    assert_eq!(owners, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(world.running.driver().connection_count(), 0);
}

#[test]
fn a_refused_connection_fails() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    world.order(0, [connect(4, unused)]);
    assert_eq!(
        world.next(),
        Seen::ConnectFailed {
            shard: 0,
            request: ConnectId(4)
        }
    );
    assert_eq!(world.running.driver().connection_count(), 0);
}

#[test]
fn a_connection_that_does_not_open_in_time_fails() {
    let world = start(&["tcp:127.0.0.1:0"], |s| {
        s.streams.connect_timeout = Duration::from_millis(150)
    });
    // A listener whose queue is full: the kernel then ignores further attempts.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0))))
        .unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _first = TcpStream::connect(address).unwrap();
    world.order(0, [connect(4, address)]);
    assert_eq!(
        world.next(),
        Seen::ConnectFailed {
            shard: 0,
            request: ConnectId(4)
        }
    );
}

#[test]
fn one_connection_serves_all_who_ask_for_its_address() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        (settings.workers, settings.shards) = (2, 2)
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = listener.local_addr().unwrap();
    world.order(0, [connect(1, remote), connect(2, remote)]);
    world.order(1, [connect(3, remote)]);
    let mut peer = accept(&listener);
    let flows = [
        connected_flow(&world),
        connected_flow(&world),
        connected_flow(&world),
    ];
    assert!(
        flows
            .iter()
            .all(|flow| *flow == flows[0] && flow.remote == remote)
    );
    for shard in 0..2 {
        let octets = request("OPTIONS", &format!("out-{shard}"));
        world.order(
            shard,
            [Order::Send {
                flow: flows[0],
                token: TransmitToken::NONE,
                octets,
            }],
        );
        assert!(receive_message(&mut peer).contains(&format!("out-{shard}")));
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "only one connection was opened");
    world.count_until(|counters| counters.streams_opened == 1);
    // The peer's own requests come on it too.
    peer.write_all(&request("OPTIONS", "in-1")).unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    assert_eq!(received_flow(&world), flows[0]);
}

#[test]
fn an_accepted_connection_serves_requests_to_its_address() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    let flow = received_flow(&world);
    world.order(0, [connect(6, peer.local_addr().unwrap())]);
    assert_eq!(
        world.next(),
        Seen::Connected {
            shard: 0,
            request: ConnectId(6),
            flow
        }
    );
}

#[test]
fn the_source_address_is_that_of_the_listener() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    world.order(0, [connect(1, listener.local_addr().unwrap())]);
    let peer = accept(&listener);
    assert_eq!(peer.peer_addr().unwrap().ip(), world.addresses[0].ip());
}

#[test]
fn closing_tells_every_shard_the_first_one_last_and_frees_the_place() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| settings.shards = 3);
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    let flow = received_flow(&world);
    peer.shutdown(Shutdown::Write).unwrap();
    for shard in (0..3).rev() {
        assert_eq!(world.next(), Seen::FlowClosed { shard, flow });
    }
    let send = Order::Send {
        flow,
        token: TransmitToken(8),
        octets: b"late".to_vec(),
    };
    world.order(2, [send]);
    assert_eq!(
        world.next(),
        Seen::TransmitFailed {
            shard: 2,
            flow,
            token: TransmitToken(8),
            branch: None
        }
    );
}

#[test]
fn a_flow_of_another_peer_is_not_sent_to() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    let flow = received_flow(&world);
    assert!(receive_message(&mut peer).starts_with(OK));
    let other = Flow {
        remote: SocketAddr::from(([127, 0, 0, 1], 9)),
        ..flow
    };
    let stale = Order::Send {
        flow: other,
        token: TransmitToken(8),
        octets: b"stale\r\n\r\n".to_vec(),
    };
    let fresh = Order::Send {
        flow,
        token: TransmitToken(9),
        octets: b"fresh\r\n\r\n".to_vec(),
    };
    world.order(0, [stale, Order::Close { flow: other }, fresh]);
    let failed = Seen::TransmitFailed {
        shard: 0,
        flow: other,
        token: TransmitToken(8),
        branch: None,
    };
    assert_eq!(world.next(), failed);
    assert_eq!(receive_message(&mut peer), "fresh\r\n\r\n");
}

#[test]
fn an_order_to_close_takes_effect_after_what_was_sent_before() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    let flow = received_flow(&world);
    let octets = [&b"x".repeat(300_000)[..], b"\r\n\r\n"].concat();
    world.order(
        0,
        [
            Order::Send {
                flow,
                token: TransmitToken(1),
                octets,
            },
            Order::Close { flow },
        ],
    );
    assert_eq!(receive_message(&mut peer).len(), 300_004);
    assert!(is_closed(&mut peer));
    assert_eq!(world.next(), Seen::FlowClosed { shard: 0, flow });
}

#[test]
fn a_connection_that_is_closing_is_not_found_again() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = listener.local_addr().unwrap();
    world.order(0, [connect(1, remote)]);
    let _first = accept(&listener);
    let flow = connected_flow(&world);
    world.order(0, [Order::Close { flow }, connect(2, remote)]);
    let _second = accept(&listener);
    let seen = [world.next(), world.next()];
    assert!(
        seen.contains(&Seen::FlowClosed { shard: 0, flow }),
        "{seen:?}"
    );
    let again = seen.iter().find_map(|seen| match seen {
        Seen::Connected {
            request: ConnectId(2),
            flow,
            ..
        } => Some(*flow),
        _ => None,
    });
    assert!(again.is_some_and(|again| again != flow));
}

#[test]
fn a_peer_that_does_not_read_is_closed_when_its_buffer_is_full() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        settings.streams.output_octets_max = 100_000
    });
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    let flow = received_flow(&world);
    let mut sent = 0;
    let failed = loop {
        let octets = vec![b'x'; 50_000];
        world.order(
            0,
            [Order::Send {
                flow,
                token: TransmitToken(sent),
                octets,
            }],
        );
        sent += 1;
        assert!(sent < 10_000, "the buffer has no end");
        if world.running.driver().counters().streams_closed_overflow > 0 {
            break sent - 1;
        }
    };
    let mut seen = [world.next(), world.next()];
    seen.sort_by_key(|seen| matches!(seen, Seen::FlowClosed { .. }));
    assert_eq!(
        seen[0],
        Seen::TransmitFailed {
            shard: 0,
            flow,
            token: TransmitToken(failed),
            branch: None
        }
    );
    assert_eq!(seen[1], Seen::FlowClosed { shard: 0, flow });
}

#[test]
fn an_idle_connection_is_closed() {
    let world = start(&["tcp:127.0.0.1:0"], |s| {
        s.streams.idle_timeout = Duration::from_millis(100)
    });
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    let flow = received_flow(&world);
    assert!(is_closed(&mut peer));
    assert_eq!(world.next(), Seen::FlowClosed { shard: 0, flow });
    world.count_until(|counters| counters.streams_closed_idle == 1);
}

#[test]
fn a_connection_that_never_completes_a_message_is_closed() {
    for octets in [&b""[..], b"\r\n\r\n", b"OPTIONS sip:a SIP/2.0\r\nVia: "] {
        let world = start(&["tcp:127.0.0.1:0"], |s| {
            s.streams.message_timeout = Duration::from_millis(100)
        });
        let mut peer = world.tcp_peer();
        peer.write_all(octets).unwrap();
        assert!(is_closed(&mut peer));
        world.count_until(|counters| counters.streams_closed_slow == 1);
    }
}

#[test]
fn a_message_that_stops_half_way_closes_the_connection() {
    let world = start(&["tcp:127.0.0.1:0"], |s| {
        s.streams.message_timeout = Duration::from_millis(100)
    });
    let mut peer = world.tcp_peer();
    peer.write_all(&[&request("OPTIONS", "call-0")[..], b"OPTIONS sip:a SIP"].concat())
        .unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    assert!(is_closed(&mut peer));
    world.count_until(|counters| counters.streams_closed_slow == 1);
}

#[test]
fn an_unframed_message_is_refused_and_the_connection_closed() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let mut peer = world.tcp_peer();
    let whole = String::from_utf8(request("OPTIONS", "call-0")).unwrap();
    let unframed = whole.replace("Content-Length: 0\r\n", "");
    peer.write_all(&[unframed.as_bytes(), &[b'x'; 50_000]].concat())
        .unwrap();
    assert!(receive_message(&mut peer).starts_with("SIP/2.0 400 "));
    assert!(is_closed(&mut peer));
    world.count_until(|counters| counters.streams_closed_framing == 1);
}

#[test]
fn malformed_messages_are_refused_and_too_many_in_a_row_close() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        settings.streams.malformed_max = 3
    });
    let mut peer = world.tcp_peer();
    let malformed = String::from_utf8(request("OPTIONS", "call-0"))
        .unwrap()
        .replace("CSeq: 1", "CSeq: one");
    for message in [&malformed[..], &malformed] {
        peer.write_all(message.as_bytes()).unwrap();
        assert!(receive_message(&mut peer).starts_with("SIP/2.0 400 "));
    }
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    for _ in 0..3 {
        peer.write_all(malformed.as_bytes()).unwrap();
        assert!(receive_message(&mut peer).starts_with("SIP/2.0 400 "));
    }
    assert!(is_closed(&mut peer));
}

#[test]
fn connections_are_limited_per_source_and_in_all() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        settings.streams.connections_per_source_max = 2
    });
    let mut peers: Vec<TcpStream> = (0..3).map(|_| world.tcp_peer()).collect();
    assert!(is_closed(&mut peers[2]));
    peers[0].write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(receive_message(&mut peers[0]).starts_with(OK));
    world.count_until(|counters| counters.streams_refused_source == 1);

    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        settings.streams.connections_max = 1
    });
    let mut peers: Vec<TcpStream> = (0..2).map(|_| world.tcp_peer()).collect();
    assert!(is_closed(&mut peers[1]));
    world.order(0, [connect(4, world.addresses[0])]);
    assert_eq!(
        world.next(),
        Seen::ConnectFailed {
            shard: 0,
            request: ConnectId(4)
        }
    );
}

#[test]
fn shutdown_writes_what_is_buffered() {
    let world = start(&["tcp:127.0.0.1:0"], |settings| {
        settings.streams.output_octets_max = 50_000_000
    });
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    assert!(receive_message(&mut peer).starts_with(OK));
    let flow = received_flow(&world);
    let octets = [&b"x".repeat(20_000_000)[..], b"\r\n\r\n"].concat();
    world.order(
        0,
        [Order::Send {
            flow,
            token: TransmitToken::NONE,
            octets,
        }],
    );
    let address = world.addresses[0];
    let reader = std::thread::spawn(move || {
        let mut octets = 0;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match std::io::Read::read(&mut peer, &mut buffer).unwrap() {
                0 => return octets,
                count => octets += count,
            }
        }
    });
    world.running.shutdown(toy::PATIENCE);
    assert_eq!(reader.join().unwrap(), 20_000_004);
    assert!(TcpStream::connect(address).is_err());
}
