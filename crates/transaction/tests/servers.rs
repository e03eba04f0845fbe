//! Server transactions on virtual time: every timer, what matches, and what is refused (RFC 3261 §17.2; RFC 6026).

mod peer;

use core::time::Duration;

use peer::{Peer, USER, ack, cancel_of, remote, request, request_with, tcp, tcp_of, udp};
use strowger_sip::{Message, StatusCode};
use strowger_transaction::{
    Flow, ListenerId, RequestMatch, RespondError, ServerKey, StreamId, TableLimits, TimerSettings,
    TransactionEvent,
};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn terminated(at: f64, server: ServerKey) -> (Duration, TransactionEvent) {
    (
        seconds(at),
        TransactionEvent::ServerTerminated { server, user: USER },
    )
}

fn timed_out(at: f64, server: ServerKey) -> (Duration, TransactionEvent) {
    (
        seconds(at),
        TransactionEvent::ServerTimeout { server, user: USER },
    )
}

#[test]
fn an_invite_gets_its_100_after_200_ms_unless_the_user_responded() {
    let mut peer = Peer::new();
    peer.accept(&request("INVITE", "z9hG4bKslow"), udp());
    let quick = request("INVITE", "z9hG4bKquick");
    let server = peer.accept(&quick, udp());
    peer.respond(server, &quick, 180).expect("sent");
    peer.run_for(seconds(10.0));
    assert_eq!(peer.times_of("SIP/2.0 100"), [0.2]);
    assert!(peer.last().text().contains("branch=z9hG4bKslow"));
    assert!(
        peer.last()
            .text()
            .contains("To: <sip:bob@example.test>\r\n")
    );
}

#[test]
fn the_100_leaves_at_once_or_never_if_the_setting_says_so() {
    for (trying_after, expected) in [(Some(Duration::ZERO), vec![0.0]), (None, vec![])] {
        let mut peer = Peer::with(
            TimerSettings {
                trying_after,
                ..TimerSettings::default()
            },
            TableLimits::default(),
        );
        peer.accept(&request("INVITE", "z9hG4bK1"), udp());
        peer.run_for(seconds(10.0));
        assert_eq!(peer.times_of("SIP/2.0 100"), expected);
    }
}

#[test]
fn a_retransmitted_invite_gets_the_last_provisional_response() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 180).expect("sent");
    peer.respond(server, &invite, 183).expect("sent");
    assert_eq!(peer.receive_request(&invite, udp()), RequestMatch::Absorbed);
    assert_eq!(peer.last().first_line(), "SIP/2.0 183 Session Progress");
    assert_eq!(peer.sent.len(), 3);
}

#[test]
fn a_failure_is_retransmitted_up_to_t2_until_timer_h() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 486).expect("sent");
    peer.run_for(seconds(100.0));
    let expected = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(peer.times_of("SIP/2.0 486"), expected);
    assert_eq!(peer.events, [timed_out(32.0, server)]);
    assert_eq!(peer.transactions.server_count(), 0);
}

#[test]
fn an_ack_ends_retransmissions_and_further_ones_are_absorbed_until_timer_i() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 486).expect("sent");
    peer.run_for(seconds(1.0));
    let ack = ack(&invite, "ours");
    assert_eq!(
        peer.receive_request(&ack, udp()),
        RequestMatch::AckedFinal { server, user: USER }
    );
    assert_eq!(peer.receive_request(&ack, udp()), RequestMatch::Absorbed);
    assert_eq!(peer.receive_request(&invite, udp()), RequestMatch::Absorbed);
    peer.run_for(seconds(100.0));
    assert_eq!(peer.times_of("SIP/2.0 486"), [0.0, 0.5]);
    assert_eq!(peer.events, [terminated(6.0, server)]);
    assert!(matches!(
        peer.receive_request(&ack, udp()),
        RequestMatch::New(_)
    ));
}

#[test]
fn over_a_stream_a_failure_is_sent_once_and_the_ack_ends_it() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, tcp());
    peer.respond(server, &invite, 486).expect("sent");
    peer.run_for(seconds(3.0));
    assert_eq!(peer.sent.len(), 1);
    assert_eq!(
        peer.receive_request(&ack(&invite, "ours"), tcp()),
        RequestMatch::AckedFinal { server, user: USER }
    );
    assert_eq!(peer.events, [terminated(3.0, server)]);
    assert_eq!(peer.transactions.poll_timeout(), None);
}

#[test]
fn an_accepted_invite_absorbs_retransmissions_and_passes_further_2xx_until_timer_l() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 200).expect("sent");
    assert_eq!(peer.receive_request(&invite, udp()), RequestMatch::Absorbed);
    peer.run_for(seconds(1.0));
    peer.respond(server, &invite, 200).expect("sent again");
    assert_eq!(peer.times_of("SIP/2.0 200"), [0.0, 1.0]);
    assert_eq!(
        peer.respond(server, &invite, 486),
        Err(RespondError::FinalSent)
    );
    assert_eq!(
        peer.respond(server, &invite, 180),
        Err(RespondError::FinalSent)
    );
    let same_branch = ack(&invite, "ours");
    assert_eq!(
        peer.receive_request(&same_branch, udp()),
        RequestMatch::AckForSuccess { server, user: USER }
    );
    peer.run_for(seconds(100.0));
    assert_eq!(peer.events, [terminated(32.0, server)]);
    assert_eq!(peer.transactions.counters().finals_refused, 2);
    assert_eq!(
        peer.respond(server, &invite, 200),
        Err(RespondError::Unknown)
    );
}

#[test]
fn one_failure_only() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 486).expect("sent");
    assert_eq!(
        peer.respond(server, &invite, 200),
        Err(RespondError::FinalSent)
    );
    assert_eq!(
        peer.respond(server, &invite, 486),
        Err(RespondError::FinalSent)
    );
    assert_eq!(peer.sent.len(), 1);
}

#[test]
fn another_request_is_answered_from_memory_until_timer_j() {
    let mut peer = Peer::new();
    let options = request("OPTIONS", "z9hG4bK1");
    let server = peer.accept(&options, udp());
    assert_eq!(
        peer.receive_request(&options, udp()),
        RequestMatch::Absorbed
    );
    assert_eq!(peer.sent.len(), 0);
    peer.respond(server, &options, 200).expect("sent");
    peer.run_for(seconds(31.0));
    assert_eq!(
        peer.receive_request(&options, udp()),
        RequestMatch::Absorbed
    );
    assert_eq!(peer.sent[0].octets, peer.sent[1].octets);
    assert_eq!(
        peer.respond(server, &options, 404),
        Err(RespondError::FinalSent)
    );
    peer.run_for(seconds(100.0));
    assert_eq!(peer.events, [terminated(32.0, server)]);
}

#[test]
fn over_a_stream_another_request_ends_with_its_response() {
    let mut peer = Peer::new();
    let options = request("OPTIONS", "z9hG4bK1");
    let server = peer.accept(&options, tcp());
    peer.respond(server, &options, 200).expect("sent");
    assert_eq!(peer.events, [terminated(0.0, server)]);
    assert_eq!(peer.transactions.poll_timeout(), None);
}

#[test]
fn a_non_invite_request_is_never_answered_408_and_ends_silently() {
    let mut peer = Peer::new();
    let message = request("MESSAGE", "z9hG4bK1");
    let server = peer.accept(&message, udp());
    peer.run_for(seconds(32.0));
    assert_eq!(
        peer.respond(server, &message, 408),
        Err(RespondError::TimeoutToNonInvite)
    );
    peer.run_for(seconds(100.0));
    assert_eq!(peer.sent.len(), 0);
    assert_eq!(peer.events, [timed_out(64.0, server)]);
    assert_eq!(peer.transactions.counters().servers_unanswered, 1);

    let timers = TimerSettings {
        non_invite_408: true,
        ..TimerSettings::default()
    };
    let mut peer = Peer::with(timers, TableLimits::default());
    let server = peer.accept(&message, udp());
    assert_eq!(peer.respond(server, &message, 408), Ok(()));
}

#[test]
fn a_request_matches_by_branch_sent_by_and_method() {
    let mut peer = Peer::new();
    peer.accept(&request("OPTIONS", "z9hG4bK1"), udp());
    let mut matches = |method: &str, via: &str| {
        peer.receive_request(&request_with(method, via, "<sip:bob@example.test>"), udp())
            == RequestMatch::Absorbed
    };
    assert!(matches("OPTIONS", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"));
    assert!(matches(
        "OPTIONS",
        "SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK1"
    ));
    assert!(!matches("OPTIONS", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2"));
    assert!(!matches("OPTIONS", "SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK1"));
    assert!(!matches(
        "OPTIONS",
        "SIP/2.0/UDP 192.0.2.9:5061;branch=z9hG4bK1"
    ));
    assert!(!matches("MESSAGE", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"));
    assert!(!matches(
        "WHATEVER",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"
    ));
    assert!(!matches("INVITE", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"));
}

#[test]
fn a_cancel_is_a_transaction_of_its_own_and_finds_its_invite() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let cancel = cancel_of(&invite);
    assert_eq!(peer.transactions.find_invite_for_cancel(&cancel), None);
    let server = peer.accept(&invite, udp());
    let own = peer.accept(&cancel, udp());
    assert_eq!(
        peer.transactions.find_invite_for_cancel(&cancel),
        Some(server)
    );
    assert_eq!(
        peer.transactions.invite_key(&cancel),
        peer.transactions.request_key(&invite)
    );
    peer.respond(own, &cancel, 200).expect("sent");
    peer.respond(server, &invite, 487).expect("sent");
    assert_eq!(peer.receive_request(&cancel, udp()), RequestMatch::Absorbed);
    assert_eq!(peer.last().first_line(), "SIP/2.0 200 OK");
    assert_eq!(
        peer.transactions.find_invite_for_cancel(&cancel),
        Some(server)
    );
    assert!(!peer.transactions.server_is_pending(server));
}

#[test]
fn a_cancel_of_another_method_finds_its_transaction_too() {
    let mut peer = Peer::new();
    let options = request("OPTIONS", "z9hG4bK1");
    let server = peer.accept(&options, udp());
    let cancel = request("CANCEL", "z9hG4bK1");
    assert_eq!(peer.transactions.find_invite_for_cancel(&cancel), None);
    assert_eq!(peer.transactions.find_for_cancel(&cancel), Some(server));
}

#[test]
fn a_client_of_rfc_2543_is_matched_by_its_header_fields() {
    let mut peer = Peer::new();
    let of = |method: &str, to: &str| request_with(method, "SIP/2.0/UDP 192.0.2.9", to);
    let invite = of("INVITE", "<sip:bob@example.test>");
    let server = peer.accept(&invite, udp());
    assert_eq!(peer.receive_request(&invite, udp()), RequestMatch::Absorbed);
    let other_via = request_with(
        "INVITE",
        "SIP/2.0/UDP 192.0.2.9:5061",
        "<sip:bob@example.test>",
    );
    assert!(matches!(
        peer.receive_request(&other_via, udp()),
        RequestMatch::New(_)
    ));
    assert_eq!(
        peer.transactions
            .find_invite_for_cancel(&of("CANCEL", "<sip:bob@example.test>")),
        Some(server)
    );
    peer.respond(server, &invite, 404).expect("sent");
    let other_tag = of("ACK", "<sip:bob@example.test>;tag=other");
    assert!(matches!(
        peer.receive_request(&other_tag, udp()),
        RequestMatch::New(_)
    ));
    let ack = of("ACK", "<sip:bob@example.test>;tag=ours");
    assert_eq!(
        peer.receive_request(&ack, udp()),
        RequestMatch::AckedFinal { server, user: USER }
    );
    assert_eq!(peer.receive_request(&ack, udp()), RequestMatch::Absorbed);
    peer.run_for(seconds(100.0));
    assert_eq!(peer.transactions.server_count(), 0);
}

#[test]
fn a_response_goes_to_the_port_of_sent_by_unless_rport_asks_for_the_source() {
    let mut peer = Peer::new();
    let source = Flow::udp(ListenerId(0), (remote().ip(), 40_000).into());
    for (via, port) in [
        ("SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bK1", 5066),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK2", 5060),
        ("SIP/2.0/UDP 10.0.0.1:5066;rport;branch=z9hG4bK3", 40_000),
        (
            "SIP/2.0/UDP 10.0.0.1:5066;maddr=198.51.100.1;branch=z9hG4bK4",
            5066,
        ),
    ] {
        let options = request_with("OPTIONS", via, "<sip:bob@example.test>");
        let server = peer.accept(&options, source);
        peer.respond(server, &options, 200).expect("sent");
        assert_eq!(
            peer.last().flow.remote,
            (remote().ip(), port).into(),
            "{via}"
        );
    }
}

#[test]
fn a_failed_transmission_is_told_and_ends_nothing() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.respond(server, &invite, 180).expect("sent");
    let token = peer.last().token;
    assert_eq!(token, server.token());
    peer.transactions.transmit_failed(token);
    peer.collect();
    assert_eq!(
        peer.events,
        [(
            seconds(0.0),
            TransactionEvent::ServerTransportError { server, user: USER }
        )]
    );
    assert_eq!(peer.respond(server, &invite, 486), Ok(()));
}

#[test]
fn what_a_closed_connection_could_not_carry_leaves_on_the_next_one() {
    let error = |server| {
        (
            seconds(0.0),
            TransactionEvent::ServerTransportError { server, user: USER },
        )
    };
    let next = Flow {
        stream: Some(StreamId {
            worker: 0,
            slot: 9,
            generation: 0,
        }),
        ..tcp()
    };
    for status in [200, 486] {
        for method in ["INVITE", "OPTIONS"] {
            let mut peer = Peer::new();
            let asked = request(method, "z9hG4bK1");
            let server = peer.accept(&asked, tcp());
            peer.transactions.flow_closed(&tcp());
            peer.collect();
            peer.respond(server, &asked, status).expect("kept");
            assert_eq!(peer.events, [error(server), error(server)]);
            assert_eq!(peer.sent.len(), 0);
            let unsent = peer.transactions.unsent_response(server).expect("kept");
            assert!(unsent.starts_with(format!("SIP/2.0 {status}").as_bytes()));
            assert!(peer.reattach(server, next));
            assert_eq!(peer.transactions.unsent_response(server), None);
            assert_eq!(
                (peer.sent.len(), peer.last().flow),
                (1, next),
                "{method} {status}"
            );
            assert!(
                peer.last()
                    .first_line()
                    .starts_with(&format!("SIP/2.0 {status}"))
            );
            peer.run_for(seconds(200.0));
            assert_eq!(peer.transactions.server_count(), 0);
            assert_eq!(
                peer.sent.len(),
                1,
                "nothing is repeated over a stream: {method} {status}"
            );
        }
    }
}

#[test]
fn a_client_that_connects_anew_and_repeats_its_request_gets_the_response() {
    let mut peer = Peer::new();
    let options = request("OPTIONS", "z9hG4bK1");
    let server = peer.accept(&options, tcp());
    peer.transactions.flow_closed(&tcp());
    peer.respond(server, &options, 200).expect("kept");
    let next = Flow {
        stream: Some(StreamId {
            worker: 0,
            slot: 9,
            generation: 0,
        }),
        ..tcp()
    };
    assert_eq!(peer.receive_request(&options, next), RequestMatch::Absorbed);
    assert_eq!(peer.last().flow, next);
}

#[test]
fn a_full_table_refuses_and_counts() {
    let limits = TableLimits {
        servers_max: 1,
        ..TableLimits::default()
    };
    let mut peer = Peer::with(TimerSettings::default(), limits);
    peer.accept(&request("OPTIONS", "z9hG4bK1"), udp());
    let second = request("OPTIONS", "z9hG4bK2");
    let RequestMatch::New(key) = peer.receive_request(&second, udp()) else {
        panic!("not new")
    };
    let now = peer.now();
    let mut out = strowger_transaction::TransmitBatch::new();
    assert!(
        peer.transactions
            .create_server(now, key, &second, &udp(), 0, &mut out)
            .is_err()
    );
    assert_eq!(peer.transactions.counters().servers_full, 1);
}

#[test]
fn a_released_transaction_leaves_no_trace() {
    let mut peer = Peer::new();
    let invite = request("INVITE", "z9hG4bK1");
    let server = peer.accept(&invite, udp());
    peer.transactions.release_server(server);
    peer.run_for(seconds(100.0));
    assert!(peer.sent.is_empty() && peer.events.is_empty());
    assert!(matches!(
        peer.receive_request(&invite, udp()),
        RequestMatch::New(_)
    ));
    assert_eq!(peer.transactions.server_user(server), None);
}

#[test]
fn every_counter_is_visited_under_its_own_name() {
    let mut names = Vec::new();
    Peer::new()
        .transactions
        .counters()
        .visit(&mut |name, help, value| {
            assert!(help.ends_with('.') && value == 0 && StatusCode::OK.get() == 200);
            names.push(name);
        });
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// So many INVITEs, each a transaction of its own.
fn crowd(count: usize) -> Vec<Message> {
    (0..count)
        .map(|n| request("INVITE", &format!("z9hG4bKcrowd{n}")))
        .collect()
}

/// Most of a crowd is done with at once; what is left is moved together and must be found as before.
#[test]
fn what_is_left_of_a_crowd_is_found_after_it_was_moved() {
    const CROWD: usize = 1_200;
    const LEFT: usize = 8;
    let mut peer = Peer::new();
    let invites = crowd(CROWD);
    let servers: Vec<ServerKey> = invites
        .iter()
        .map(|invite| {
            let server = peer.accept(invite, udp());
            peer.respond(server, invite, 486).expect("sent");
            server
        })
        .collect();
    // All but every seventy-fifth have their ACK, and end by timer I.
    let is_left = |n: usize| n.is_multiple_of(CROWD / LEFT);
    for (n, invite) in invites.iter().enumerate().filter(|(n, _)| !is_left(*n)) {
        let matched = peer.receive_request(&ack(invite, "ours"), udp());
        assert!(matches!(matched, RequestMatch::AckedFinal { server, .. } if server == servers[n]));
    }
    peer.run_for(Duration::from_secs(6));
    assert_eq!(peer.transactions.server_count(), LEFT);
    assert!(peer.transactions.counters().gatherings > 0);
    for (n, invite) in invites.iter().enumerate() {
        let before = peer.sent.len();
        let matched = peer.receive_request(invite, udp());
        if is_left(n) {
            assert_eq!(matched, RequestMatch::Absorbed, "{n}");
            assert!(peer.sent[before].first_line().contains(" 486 "));
            let matched = peer.receive_request(&ack(invite, "ours"), udp());
            // Under another key: it is the user's number that tells which one it was.
            assert!(matches!(
                matched,
                RequestMatch::AckedFinal { user: USER, .. }
            ));
        } else {
            assert!(matches!(matched, RequestMatch::New(_)), "{n}");
        }
    }
    // Each of them has taken its timer with it.
    peer.run_for(Duration::from_secs(6));
    assert_eq!(peer.transactions.server_count(), 0);
}

/// What is not finished keeps its key, and a finished one that waits for its ACK goes on retransmitting.
#[test]
fn what_was_moved_retransmits_and_what_is_pending_keeps_its_key() {
    const CROWD: usize = 1_280;
    let mut peer = Peer::new();
    let invites = crowd(CROWD);
    let servers: Vec<ServerKey> = invites
        .iter()
        .map(|invite| peer.accept(invite, udp()))
        .collect();
    // The last two of the last page: one is answered and not acknowledged, one is never answered.
    let (unanswered, unacknowledged) = (CROWD - 1, CROWD - 2);
    for (n, invite) in invites.iter().enumerate().take(unanswered) {
        peer.respond(servers[n], invite, 486).expect("sent");
        if n != unacknowledged {
            peer.receive_request(&ack(invite, "ours"), udp());
        }
    }
    peer.run_for(Duration::from_secs(6));
    assert_eq!(peer.transactions.server_count(), 2);
    assert!(peer.transactions.counters().gatherings > 0);
    assert!(!peer.transactions.server_is_pending(servers[unacknowledged]));
    assert_eq!(peer.transactions.server_user(servers[unacknowledged]), None);
    let before = peer.sent.len();
    peer.run_for(Duration::from_secs(10));
    assert!(peer.sent.len() > before);
    let repeated = &peer.sent[before..];
    assert!(
        repeated
            .iter()
            .all(|sent| sent.first_line().contains(" 486 "))
    );
    peer.respond(servers[unanswered], &invites[unanswered], 603)
        .expect("its key is what it was");
    // Timer H of both.
    peer.run_for(Duration::from_secs(40));
    assert_eq!(peer.transactions.server_count(), 0);
}

/// A key that the user may still bring a connection for stays; when none comes the transaction moves like others.
#[test]
fn what_awaits_a_connection_keeps_its_key_until_it_is_let_go() {
    const CROWD: usize = 1_280;
    let mut peer = Peer::new();
    let invites = crowd(CROWD);
    let flow = |n: usize| {
        if n < CROWD - 2 {
            udp()
        } else {
            tcp_of(n as u32)
        }
    };
    let servers: Vec<ServerKey> = invites
        .iter()
        .enumerate()
        .map(|(n, invite)| peer.accept(invite, flow(n)))
        .collect();
    for n in [CROWD - 2, CROWD - 1] {
        peer.transactions.flow_closed(&flow(n));
    }
    for (n, invite) in invites.iter().enumerate() {
        peer.respond(servers[n], invite, 486).expect("sent");
        if n < CROWD - 2 {
            peer.receive_request(&ack(invite, "ours"), udp());
        }
    }
    let (awaited, let_go) = (servers[CROWD - 2], servers[CROWD - 1]);
    peer.transactions.let_server_go(let_go);
    peer.run_for(Duration::from_secs(6));
    assert_eq!(peer.transactions.server_count(), 2);
    assert!(peer.transactions.counters().gatherings > 0);
    assert_eq!(peer.transactions.server_user(let_go), None);
    assert!(peer.transactions.unsent_response(awaited).is_some());
    let before = peer.sent.len();
    assert!(peer.reattach(awaited, tcp_of(7_000)));
    assert_eq!(peer.sent.len(), before + 1);
}

/// A retransmission that another element on the way has written anew is one all the same (§17.2.3: sent-by is compared as
/// what it means).
#[test]
fn one_sent_by_in_other_spellings_is_one() {
    let invite = |sent_by: &str| {
        request_with(
            "INVITE",
            &format!("SIP/2.0/UDP {sent_by};branch=z9hG4bKspelt"),
            "<sip:bob@example.test>",
        )
    };
    let groups: [&[&str]; 4] = [
        &[
            "[2001:db8::1]",
            "[2001:DB8:0:0::1]:5060",
            "[2001:0db8::0001]",
        ],
        &["[2001:db8::2]"],
        &["example.test", "EXAMPLE.test:5060"],
        &["example.test:5070"],
    ];
    let mut peer = Peer::new();
    for group in groups {
        for (n, sent_by) in group.iter().enumerate() {
            let invite = invite(sent_by);
            if n == 0 {
                let server = peer.accept(&invite, udp());
                peer.respond(server, &invite, 486).expect("sent");
            } else {
                let matched = peer.receive_request(&invite, udp());
                assert_eq!(matched, RequestMatch::Absorbed, "{sent_by}");
            }
        }
    }
    assert_eq!(peer.transactions.server_count(), groups.len());
}
