//! Client and server transactions against each other over a list of octets that loses, doubles and reorders
//! (RFC 3261 §17; RFC 6026). Every run ends with empty tables, one final response per request and no timer left.

mod peer;

use core::time::Duration;

use peer::{Peer, message, udp};
use strowger_sip::{Message, Method, Time};
use strowger_transaction::{
    CancelOutcome, RequestMatch, ResponseMatch, ServerKey, TransactionEvent,
};

/// Small deterministic generator (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Client,
    Server,
}

/// What the server's user answers, and when after the first request.
type Plan = &'static [(u64, u16)];

struct Hop {
    client: Peer,
    server: Peer,
    dice: Dice,
    loss_percent: u64,
    /// (arrival, order, receiver, octets)
    wire: Vec<(Time, usize, End, Vec<u8>)>,
    order: usize,
    /// What the users saw.
    requests: usize,
    finals: Vec<u16>,
    repeated: usize,
    /// 2xx that reached the client's end of the wire.
    successes: usize,
    plan: Plan,
    pending: Vec<(Time, ServerKey, Message, u16)>,
    invite: Option<(ServerKey, Message)>,
}

impl Hop {
    fn new(seed: u64, loss_percent: u64, plan: Plan) -> Hop {
        Hop {
            client: Peer::new(),
            server: Peer::new(),
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            loss_percent,
            wire: Vec::new(),
            order: 0,
            requests: 0,
            finals: Vec::new(),
            repeated: 0,
            successes: 0,
            plan,
            pending: Vec::new(),
            invite: None,
        }
    }

    /// Puts what was sent on the wire: some is lost, some doubled, all delayed by 1 to 80 ms.
    fn pump(&mut self) {
        for end in [End::Client, End::Server] {
            let (peer, to) = match end {
                End::Client => (&mut self.client, End::Server),
                End::Server => (&mut self.server, End::Client),
            };
            for sent in peer.sent.drain(..) {
                let copies = if self.dice.below(100) < 10 { 2 } else { 1 };
                for _ in 0..copies {
                    let arrival = peer.now + Duration::from_millis(1 + self.dice.below(80));
                    if self.dice.below(100) >= self.loss_percent {
                        self.order += 1;
                        self.wire
                            .push((arrival, self.order, to, sent.octets.clone()));
                    }
                }
            }
        }
    }

    fn run(&mut self, until: Time) {
        loop {
            self.pump();
            self.wire.sort();
            let times = [
                self.wire.first().map(|entry| entry.0),
                self.client.transactions.poll_timeout(),
                self.server.transactions.poll_timeout(),
                self.pending.iter().map(|entry| entry.0).min(),
            ];
            let Some(next) = times
                .into_iter()
                .flatten()
                .min()
                .filter(|next| *next <= until)
            else {
                break;
            };
            self.client.run_until(next.max(self.client.now));
            self.server.run_until(next.max(self.server.now));
            self.answer(next);
            while self.wire.first().is_some_and(|entry| entry.0 <= next) {
                let (_, _, to, octets) = self.wire.remove(0);
                match to {
                    End::Server => self.serve(&message(octets)),
                    End::Client => self.take(&message(octets)),
                }
            }
        }
    }

    fn serve(&mut self, request: &Message) {
        match self.server.receive_request(request, udp()) {
            RequestMatch::New(_) if request.method() == Method::Ack => {}
            RequestMatch::New(_) => {
                let server = self.server.accept(request, udp());
                if request.method() == Method::Cancel {
                    self.server.respond(server, request, 200).expect("sent");
                    if let Some(invite) = self.server.transactions.find_invite_for_cancel(request)
                        && self.server.transactions.server_is_pending(invite)
                        && let Some((_, original)) = &self.invite
                    {
                        let original = original.clone();
                        self.server.respond(invite, &original, 487).expect("sent");
                    }
                    return;
                }
                self.requests += 1;
                self.invite = Some((server, request.clone()));
                for (after, status) in self.plan {
                    let at = self.server.now + Duration::from_millis(*after);
                    self.pending.push((at, server, request.clone(), *status));
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, now: Time) {
        let due: Vec<_> = self
            .pending
            .extract_if(.., |entry| entry.0 <= now)
            .collect();
        for (_, server, request, status) in due {
            // After a CANCEL the plan is void.
            let _ = self.server.respond(server, &request, status);
        }
    }

    fn take(&mut self, response: &Message) {
        self.successes += usize::from(response.status().is_some_and(|status| status.is_success()));
        match self.client.receive_response(response) {
            ResponseMatch::Final { .. } => {
                self.finals.push(response.status().expect("response").get())
            }
            ResponseMatch::RepeatedSuccess { .. } => self.repeated += 1,
            ResponseMatch::Stray(stray) => {
                assert_eq!(stray, strowger_transaction::Stray::Unmatched);
            }
            _ => {}
        }
    }

    fn assert_empty(&self, seed: u64) {
        for peer in [&self.client, &self.server] {
            assert_eq!(
                peer.transactions.client_count() + peer.transactions.server_count(),
                0,
                "seed {seed}"
            );
            assert_eq!(peer.transactions.poll_timeout(), None, "seed {seed}");
        }
    }

    fn timed_out(&self) -> bool {
        self.client
            .events
            .iter()
            .any(|(_, event)| matches!(event, TransactionEvent::ClientTimeout { .. }))
    }
}

#[test]
fn a_message_gets_one_final_response_over_a_lossy_hop() {
    for seed in 0..200 {
        let mut hop = Hop::new(seed, 25, &[(20, 200)]);
        hop.client.start("MESSAGE", udp());
        hop.run(Time::from_secs(200));
        assert_eq!(
            hop.finals.len() + usize::from(hop.timed_out()),
            1,
            "seed {seed}"
        );
        assert!(
            hop.requests <= 1,
            "seed {seed}: the user saw the request {} times",
            hop.requests
        );
        hop.assert_empty(seed);
    }
}

#[test]
fn a_failed_invite_is_acknowledged_over_a_lossy_hop() {
    let mut unacknowledged = 0;
    for seed in 0..200 {
        let mut hop = Hop::new(seed, 25, &[(50, 180), (3000, 486)]);
        hop.client.start("INVITE", udp());
        hop.run(Time::from_secs(200));
        assert_eq!(hop.finals, [486], "seed {seed}");
        assert_eq!(hop.requests, 1, "seed {seed}");
        let no_ack = |(_, event): &&(_, TransactionEvent)| {
            matches!(event, TransactionEvent::ServerTimeout { .. })
        };
        unacknowledged += hop.server.events.iter().filter(no_ack).count();
        hop.assert_empty(seed);
    }
    assert_eq!(
        unacknowledged, 0,
        "eleven responses and their ACKs cannot all be lost here"
    );
}

#[test]
fn an_accepted_invite_loses_no_2xx_that_the_user_repeats() {
    const PLAN: Plan = &[
        (30, 180),
        (1000, 200),
        (1500, 200),
        (2500, 200),
        (4500, 200),
        (8500, 200),
        (12_500, 200),
    ];
    for seed in 0..200 {
        let mut hop = Hop::new(seed, 25, PLAN);
        hop.client.start("INVITE", udp());
        hop.run(Time::from_secs(200));
        assert_eq!(hop.finals, [200], "seed {seed}");
        assert_eq!(
            hop.finals.len() + hop.repeated,
            hop.successes,
            "seed {seed}"
        );
        hop.assert_empty(seed);
    }
}

#[test]
fn a_cancelled_invite_ends_with_487_over_a_lossy_hop() {
    for seed in 0..200 {
        let mut hop = Hop::new(seed, 25, &[(50, 180), (60, 180), (70, 180)]);
        let client = hop.client.start("INVITE", udp());
        hop.run(Time::from_millis(seed * 10));
        let now = Time::from_millis(seed * 10);
        hop.client.run_until(now.max(hop.client.now));
        let outcome = hop.client.cancel(client, "");
        assert!(
            matches!(outcome, CancelOutcome::Sent | CancelOutcome::Held),
            "seed {seed}"
        );
        hop.run(Time::from_secs(200));
        assert_eq!(hop.finals, [487], "seed {seed}");
        hop.assert_empty(seed);
    }
}

#[test]
fn a_dead_hop_ends_by_timeout_and_leaves_nothing() {
    for method in ["INVITE", "MESSAGE"] {
        let mut hop = Hop::new(1, 100, &[]);
        hop.client.start(method, udp());
        hop.run(Time::from_secs(200));
        assert!(hop.timed_out());
        hop.assert_empty(1);
    }
}
