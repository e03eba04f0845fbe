//! Client transactions on virtual time: every timer, ACK, CANCEL, and which responses match (RFC 3261 §17.1, §9.1).

mod peer;

use core::time::Duration;

use peer::{Peer, USER, message, response, tcp, tcp_of, udp};
use strowger_sip::Method;
use strowger_transaction::{
    CancelOutcome, ResponseMatch, Stray, TableLimits, TimerSettings, TokenError, TransactionEvent,
};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn invite_is_retransmitted_with_doubling_intervals_until_timer_b() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.times_of("INVITE"),
        [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    );
    assert!(
        peer.sent
            .windows(2)
            .all(|pair| pair[0].octets == pair[1].octets)
    );
    assert_eq!(
        peer.events,
        [(
            seconds(32.0),
            TransactionEvent::ClientTimeout { client, user: USER }
        )]
    );
    assert_eq!(peer.transactions.client_count(), 0);
}

#[test]
fn the_capped_profile_stops_doubling_at_t2() {
    let timers = TimerSettings {
        timer_a_capped_at_t2: true,
        ..TimerSettings::default()
    };
    let mut peer = Peer::with(timers, TableLimits::default());
    peer.start("INVITE", udp());
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.times_of("INVITE"),
        [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    );
}

#[test]
fn other_requests_are_retransmitted_up_to_t2_until_timer_f() {
    let mut peer = Peer::new();
    let client = peer.start("MESSAGE", udp());
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.times_of("MESSAGE"),
        [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    );
    assert_eq!(
        peer.events,
        [(
            seconds(32.0),
            TransactionEvent::ClientTimeout { client, user: USER }
        )]
    );
}

#[test]
fn nothing_is_retransmitted_over_a_stream() {
    let mut peer = Peer::new();
    let invite = peer.start("INVITE", tcp());
    let other = peer.start("MESSAGE", tcp());
    peer.run_for(seconds(100.0));
    assert_eq!(peer.sent.len(), 2);
    let expected = [invite, other].map(|client| {
        (
            seconds(32.0),
            TransactionEvent::ClientTimeout { client, user: USER },
        )
    });
    assert_eq!(peer.events, expected);
}

#[test]
fn a_provisional_response_ends_retransmissions_of_an_invite_and_timer_b() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    peer.run_for(seconds(0.6));
    let ringing = response(&peer.last().octets, 180, "t");
    assert_eq!(
        peer.receive_response(&ringing),
        ResponseMatch::Provisional { client, user: USER }
    );
    peer.run_for(seconds(300.0));
    assert_eq!(peer.times_of("INVITE"), [0.0, 0.5]);
    assert_eq!(peer.events, []);
    assert!(peer.transactions.client_is_pending(client));
    assert_eq!(peer.transactions.poll_timeout(), None);
}

#[test]
fn a_provisional_response_slows_other_requests_to_t2() {
    let mut peer = Peer::new();
    let client = peer.start("OPTIONS", udp());
    peer.run_for(seconds(0.2));
    let trying = response(&peer.last().octets, 100, "t");
    assert_eq!(
        peer.receive_response(&trying),
        ResponseMatch::Provisional { client, user: USER }
    );
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.times_of("OPTIONS"),
        [0.0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    );
    assert_eq!(
        peer.events,
        [(
            seconds(32.0),
            TransactionEvent::ClientTimeout { client, user: USER }
        )]
    );
}

#[test]
fn a_failure_is_acknowledged_again_and_again_until_timer_d() {
    let mut peer = Peer::new();
    let client = peer.start_with(
        "INVITE",
        udp(),
        "Via: SIP/2.0/UDP a;branch=z9hG4bKa\r\nRoute: <sip:p1;lr>, <sip:p2;lr>\r\nRequire: x\r\n",
    );
    let invite = peer.last().octets.clone();
    let busy = response(&invite, 486, "99sa0xk");
    assert_eq!(
        peer.receive_response(&busy),
        ResponseMatch::Final { client, user: USER }
    );
    let top_via = String::from_utf8(invite)
        .expect("text")
        .lines()
        .nth(1)
        .expect("Via")
        .to_owned();
    assert_eq!(
        peer.last().text(),
        format!(
            "ACK sip:bob@example.test SIP/2.0\r\n{top_via}\r\nRoute: <sip:p1;lr>, <sip:p2;lr>\r\nMax-Forwards: 69\r\n\
             To: <sip:bob@example.test>;tag=99sa0xk\r\nFrom: <sip:alice@example.test>;tag=88sja8x\r\n\
             Call-ID: 987asjd97y7atg\r\nCSeq: 986759 ACK\r\nContent-Length: 0\r\n\r\n"
        )
    );
    peer.run_for(seconds(31.9));
    assert_eq!(peer.receive_response(&busy), ResponseMatch::Absorbed);
    assert_eq!(peer.times_of("ACK"), [0.0, 31.9]);
    assert_eq!(peer.sent[1].octets, peer.sent[2].octets);
    peer.run_for(seconds(1.0));
    assert_eq!(
        peer.events,
        [(
            seconds(32.0),
            TransactionEvent::ClientTerminated { client, user: USER }
        )]
    );
    assert_eq!(
        peer.receive_response(&busy),
        ResponseMatch::Stray(Stray::Unmatched)
    );
}

#[test]
fn over_a_stream_a_failure_is_acknowledged_once_and_the_transaction_ends() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", tcp());
    let busy = response(&peer.last().octets, 486, "t");
    assert_eq!(
        peer.receive_response(&busy),
        ResponseMatch::Final { client, user: USER }
    );
    assert_eq!(peer.times_of("ACK"), [0.0]);
    assert_eq!(
        peer.events,
        [(
            seconds(0.0),
            TransactionEvent::ClientTerminated { client, user: USER }
        )]
    );
    assert_eq!(peer.transactions.poll_timeout(), None);
}

#[test]
fn every_2xx_reaches_the_user_until_timer_m_and_none_is_acknowledged_here() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    let invite = peer.last().octets.clone();
    let (ours, forked) = (response(&invite, 200, "one"), response(&invite, 200, "two"));
    assert_eq!(
        peer.receive_response(&ours),
        ResponseMatch::Final { client, user: USER }
    );
    peer.run_for(seconds(31.0));
    assert_eq!(
        peer.receive_response(&ours),
        ResponseMatch::RepeatedSuccess { client, user: USER }
    );
    assert_eq!(
        peer.receive_response(&forked),
        ResponseMatch::RepeatedSuccess { client, user: USER }
    );
    assert_eq!(
        peer.receive_response(&response(&invite, 180, "two")),
        ResponseMatch::Absorbed
    );
    peer.run_for(seconds(2.0));
    assert_eq!(
        peer.events,
        [(
            seconds(32.0),
            TransactionEvent::ClientTerminated { client, user: USER }
        )]
    );
    assert_eq!(peer.sent.len(), 1);
}

#[test]
fn repeated_finals_of_other_requests_are_absorbed_until_timer_k() {
    let mut peer = Peer::new();
    let client = peer.start("MESSAGE", udp());
    let ok = response(&peer.last().octets, 200, "t");
    assert_eq!(
        peer.receive_response(&ok),
        ResponseMatch::Final { client, user: USER }
    );
    assert_eq!(peer.receive_response(&ok), ResponseMatch::Absorbed);
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.events,
        [(
            seconds(5.0),
            TransactionEvent::ClientTerminated { client, user: USER }
        )]
    );
    assert_eq!(peer.sent.len(), 1);
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let mut peer = Peer::new();
    let client = peer.start_with(
        "INVITE",
        udp(),
        "Route: <sip:p1;lr>\r\nProxy-Require: x\r\n",
    );
    let invite = peer.last().octets.clone();
    assert_eq!(
        peer.cancel(client, "Reason: SIP;cause=200\r\n"),
        CancelOutcome::Held
    );
    assert_eq!(peer.cancel(client, ""), CancelOutcome::TooLate);
    peer.run_for(seconds(0.6));
    assert_eq!(peer.times_of("CANCEL"), [0.0; 0]);
    assert_eq!(
        peer.receive_response(&response(&invite, 100, "t")),
        ResponseMatch::Provisional { client, user: USER }
    );
    let top_via = String::from_utf8(invite.clone())
        .expect("text")
        .lines()
        .nth(1)
        .expect("Via")
        .to_owned();
    assert_eq!(
        peer.last().text(),
        format!(
            "CANCEL sip:bob@example.test SIP/2.0\r\n{top_via}\r\nRoute: <sip:p1;lr>\r\nMax-Forwards: 69\r\n\
             To: <sip:bob@example.test>\r\nFrom: <sip:alice@example.test>;tag=88sja8x\r\nCall-ID: 987asjd97y7atg\r\n\
             CSeq: 986759 CANCEL\r\nReason: SIP;cause=200\r\nContent-Length: 0\r\n\r\n"
        )
    );
    let cancel = peer.last().octets.clone();
    peer.run_for(seconds(0.6));
    assert_eq!(peer.times_of("CANCEL"), [0.6, 1.1]);
    assert_eq!(
        peer.receive_response(&response(&cancel, 200, "t")),
        ResponseMatch::Absorbed
    );
    let terminated = response(&invite, 487, "t");
    assert_eq!(
        peer.receive_response(&terminated),
        ResponseMatch::Final { client, user: USER }
    );
    peer.run_for(seconds(100.0));
    assert_eq!(peer.times_of("CANCEL"), [0.6, 1.1]);
    assert_eq!(peer.times_of("ACK").len(), 1);
    assert_eq!(peer.events.len(), 1);
    assert_eq!(peer.transactions.client_count(), 0);
}

#[test]
fn a_branch_that_ignores_cancel_ends_after_64_t1() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    let invite = peer.last().octets.clone();
    peer.receive_response(&response(&invite, 180, "t"));
    peer.run_for(seconds(10.0));
    assert_eq!(peer.cancel(client, ""), CancelOutcome::Sent);
    peer.receive_response(&response(&invite, 180, "t"));
    peer.run_for(seconds(100.0));
    assert_eq!(
        peer.events,
        [(
            seconds(42.0),
            TransactionEvent::ClientTimeout { client, user: USER }
        )]
    );
    assert_eq!(peer.transactions.client_count(), 0);
}

#[test]
fn cancel_comes_too_late_after_the_final_response() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    let ok = response(&peer.last().octets, 200, "t");
    peer.receive_response(&ok);
    assert_eq!(peer.cancel(client, "Reason: x\r\n"), CancelOutcome::TooLate);
    let other = peer.start("MESSAGE", udp());
    assert_eq!(peer.cancel(other, ""), CancelOutcome::TooLate);
    peer.transactions.release_client(other);
    assert_eq!(peer.cancel(other, ""), CancelOutcome::Unknown);
}

#[test]
fn a_final_response_instead_of_a_provisional_drops_the_held_cancel() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    let invite = peer.last().octets.clone();
    assert_eq!(
        peer.cancel(client, "Reason: SIP;cause=200\r\n"),
        CancelOutcome::Held
    );
    assert_eq!(
        peer.receive_response(&response(&invite, 404, "t")),
        ResponseMatch::Final { client, user: USER }
    );
    peer.run_for(seconds(100.0));
    assert_eq!(peer.times_of("CANCEL"), [0.0; 0]);
}

#[test]
fn only_the_same_sent_by_and_cseq_method_match() {
    let mut peer = Peer::new();
    peer.start("INVITE", udp());
    let ok = response(&peer.last().octets, 200, "t");
    let text = String::from_utf8(ok.as_bytes().to_vec()).expect("text");
    let mut changed =
        |from: &str, to: &str| peer.receive_response(&message(text.replace(from, to)));
    assert_eq!(
        changed("192.0.2.1:5060", "192.0.2.1:5070"),
        ResponseMatch::Stray(Stray::Mismatched)
    );
    assert_eq!(
        changed("192.0.2.1:5060", "192.0.2.1"),
        ResponseMatch::Stray(Stray::Mismatched)
    );
    assert_eq!(
        changed("CSeq: 986759 INVITE", "CSeq: 986759 BYE"),
        ResponseMatch::Stray(Stray::Mismatched)
    );
    assert_eq!(
        changed("CSeq: 986759 INVITE", "CSeq: 986759 CANCEL"),
        ResponseMatch::Stray(Stray::Unmatched)
    );
    let foreign = ResponseMatch::Stray(Stray::Branch(TokenError::Foreign));
    assert_eq!(changed("branch=z9hG4bK", "branch=z9hG4bKx"), foreign);
    assert_eq!(
        changed(
            "SIP/2.0/UDP 192.0.2.1:5060;branch",
            "SIP/2.0/UDP 192.0.2.1:5060;other"
        ),
        foreign
    );
    assert!(matches!(
        changed("z9hG4bK", "Z9HG4BK"),
        ResponseMatch::Final { .. }
    ));
    let counters = peer.transactions.counters();
    assert_eq!(
        (
            counters.stray_mismatched,
            counters.stray_unmatched,
            counters.stray_foreign
        ),
        (3, 1, 2)
    );
}

#[test]
fn the_answer_to_a_request_forwarded_without_a_transaction_is_recognised() {
    let mut peer = Peer::new();
    let mut branch = Vec::new();
    peer.transactions
        .write_stateless_branch(0x1234_5678_9abc_def0, 7, &mut branch);
    let branch = String::from_utf8(branch).expect("text");
    let via = format!("SIP/2.0/UDP 192.0.2.1:5060;branch={branch}");
    let request = peer::request_with("BYE", &via, "<sip:bob@example.test>;tag=1");
    let ok = response(request.as_bytes(), 200, "t");
    let ResponseMatch::Stateless(token) = peer.receive_response(&ok) else {
        panic!("not recognised")
    };
    assert_eq!(
        (token.slot, token.generation, token.loop_hash),
        (0x1234_5678, 0x9abc_def0, 7)
    );
}

#[test]
fn a_failed_transmission_ends_the_client_that_sent_it() {
    let mut peer = Peer::new();
    let client = peer.start("INVITE", udp());
    let token = peer.last().token;
    peer.transactions.transmit_failed(token);
    peer.transactions.transmit_failed(token);
    peer.collect();
    assert_eq!(
        peer.events,
        [(
            seconds(0.0),
            TransactionEvent::ClientTransportError { client, user: USER }
        )]
    );
    assert_eq!(peer.transactions.client_count(), 0);
}

#[test]
fn an_icmp_error_finds_its_client_by_the_quoted_branch() {
    let mut peer = Peer::new();
    let client = peer.start("MESSAGE", udp());
    let sent = message(peer.last().octets.clone());
    peer.transactions.transmit_failed_branch(b"z9hG4bKnashds8");
    peer.transactions
        .transmit_failed_branch(sent.via().branch().expect("branch"));
    peer.collect();
    assert_eq!(
        peer.events,
        [(
            seconds(0.0),
            TransactionEvent::ClientTransportError { client, user: USER }
        )]
    );
}

#[test]
fn a_closed_connection_ends_all_clients_that_wait_on_it() {
    let mut peer = Peer::new();
    let first = peer.start("INVITE", tcp());
    let accepted = peer.start("INVITE", tcp());
    let ok = response(&peer.last().octets, 200, "t");
    peer.receive_response(&ok);
    peer.start("MESSAGE", udp());
    let second = peer.start("MESSAGE", tcp());
    peer.transactions.flow_closed(&tcp());
    peer.collect();
    let expected = [first, second].map(|client| {
        (
            seconds(0.0),
            TransactionEvent::ClientTransportError { client, user: USER },
        )
    });
    assert_eq!(peer.events, expected);
    assert_eq!(
        peer.receive_response(&ok),
        ResponseMatch::RepeatedSuccess {
            client: accepted,
            user: USER
        }
    );
}

#[test]
fn a_full_table_refuses_and_counts() {
    let limits = TableLimits {
        clients_max: 2,
        ..TableLimits::default()
    };
    let mut peer = Peer::with(TimerSettings::default(), limits);
    let first = peer.transactions.reserve_client().expect("room");
    peer.transactions.reserve_client().expect("room");
    assert!(peer.transactions.reserve_client().is_err());
    assert_eq!(peer.transactions.counters().clients_full, 1);
    peer.transactions.release_client(first);
    let again = peer.transactions.reserve_client().expect("room");
    assert_ne!(again, first);
}

#[test]
fn a_late_response_of_the_run_before_finds_no_request_of_this_one() {
    let mut before = Peer::new();
    before.start("INVITE", udp());
    let late = response(&before.last().octets, 200, "t");
    let mut after = Peer::with_seed(TimerSettings::default(), TableLimits::default(), 43);
    let client = after.start("INVITE", udp());
    assert_eq!(
        after.receive_response(&late),
        ResponseMatch::Stray(Stray::Unmatched)
    );
    assert!(after.transactions.client_is_pending(client));
}

#[test]
fn nothing_is_remembered_of_a_connection_that_was_gone_before_it_was_used() {
    let mut peer = Peer::new();
    for round in 0..100 {
        let client = peer.start("MESSAGE", tcp_of(round));
        peer.transactions.transmit_failed(client.token());
    }
    assert_eq!(peer.transactions.stream_count(), 0);
}

/// Many ACKs are kept for timer D long after their server transactions have ended; what is left of them can be said again.
#[test]
fn what_is_left_of_many_clients_is_said_again_as_before() {
    const CROWD: usize = 1_200;
    let mut peer = Peer::new();
    let mut late = Vec::new();
    for n in 0..CROWD {
        let client = peer.start("INVITE", udp());
        let sent = peer.last().octets.clone();
        if n < 2 {
            late.push((client, sent));
        } else {
            peer.receive_response(&response(&sent, 486, "theirs"));
        }
    }
    peer.run_for(Duration::from_secs(20));
    let acked: Vec<_> = late
        .iter()
        .map(|(_, sent)| {
            let busy = response(sent, 486, "theirs");
            peer.receive_response(&busy);
            (busy, peer.last().octets.clone())
        })
        .collect();
    // Timer D of the others ends.
    peer.run_for(Duration::from_secs(13));
    assert_eq!(peer.transactions.client_count(), 2);
    assert!(peer.transactions.counters().gatherings > 0);
    for (busy, ack) in acked {
        peer.receive_response(&busy);
        assert_eq!(peer.last().octets, ack);
    }
}

/// The body of an INVITE goes when a provisional response comes, if it is worth it: CANCEL and ACK are what they were.
#[test]
fn cancel_and_ack_of_an_invite_do_not_show_whether_its_body_was_kept() {
    for header_octets in [0, 300, 700, 900, 2_000] {
        let mut peer = Peer::new();
        let filler = format!("X-Filler: {}\r\n", "x".repeat(header_octets));
        let client = peer.start_with("INVITE", udp(), &filler);
        let sent = peer.last().octets.clone();
        peer.receive_response(&response(&sent, 180, "theirs"));
        assert_eq!(peer.cancel(client, ""), CancelOutcome::Sent);
        let cancel = message(peer.last().octets.clone());
        peer.receive_response(&response(&sent, 487, "theirs"));
        let ack = message(peer.last().octets.clone());
        let invite = message(sent.clone());
        for (derived, method) in [(&cancel, Method::Cancel), (&ack, Method::Ack)] {
            assert_eq!(derived.method(), method);
            assert_eq!(derived.content_length(), Some(0), "{}", sent.len());
            assert!(derived.as_bytes().ends_with(b"\r\n\r\n"));
            assert_eq!(derived.cseq().number, 986_759);
            assert_eq!(derived.via().branch(), invite.via().branch());
        }
    }
}
