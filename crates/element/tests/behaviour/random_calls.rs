//! Calls in which everything happens at random: whatever is answered, fails, closes or stays silent, each INVITE gets one
//! final response and nothing is left in the end.

use std::collections::HashMap;

use core::time::Duration;
use strowger_resolve::{Answer as DnsAnswer, QuestionKind, Record};

use crate::world::{ALICE, BOB, CAROL, Draft, Sent, World, lines, settings, tcp, udp};

/// Games played; a hundred take about a second.
const SEEDS: u64 = 150;

/// xorshift64*: the seed of a failure is printed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or(0) % end
    }
}

const ANSWERS: [&str; 12] = [
    "100 Trying",
    "180 Ringing",
    "183 Session Progress",
    "200 OK",
    "302 Moved Temporarily",
    "404 Not Found",
    "407 Proxy Authentication Required",
    "486 Busy Here",
    "487 Request Terminated",
    "503 Service Unavailable",
    "603 Decline",
    "408 Request Timeout",
];

struct Game {
    world: World,
    random: Random,
    call: Draft,
    /// Requests that callees received and may answer.
    received: Vec<Sent>,
    /// Final responses that the caller received, by To tag for 2xx.
    failures: HashMap<String, usize>,
    successes: usize,
    trace: Vec<String>,
}

impl Game {
    fn new(seed: u64, method: &str) -> Game {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut settings = settings();
        settings.proxy.recurse_on_3xx = random.below(2) == 0;
        settings.proxy.ring_seconds_max = (random.below(2) == 0).then_some(60);
        let mut world = World::new(settings);
        let contacts = [
            (format!("sip:bob@{BOB}"), udp(BOB)),
            (format!("sip:bob@{CAROL}"), udp(CAROL)),
            ("sip:bob@phone.test".into(), udp(BOB)),
            ("sip:bob@10.0.0.9:5060".into(), udp(CAROL)),
            (format!("sip:bob@{BOB};transport=tcp"), tcp(BOB, 2)),
            (format!("sip:bob@{CAROL};transport=tcp"), udp(CAROL)),
            ("sip:bob@[2001:db8::7]".into(), udp(CAROL)),
            ("sip:bob@home.test".into(), udp(CAROL)),
        ];
        for (contact, flow) in &contacts {
            let q = [";q=1", ";q=0.5", ";q=0.1"][random.below(3)];
            if random.below(3) == 0 {
                world.register_with("bob", contact, *flow, q);
            }
        }
        let stream = random.below(2) == 0;
        let flow = if stream { tcp(ALICE, 1) } else { udp(ALICE) };
        let octets = if random.below(3) == 0 { 1_500 } else { 0 };
        let call = Draft::new(method, "alice", "bob", "random", flow);
        Game {
            world,
            random,
            call: call.body("text/plain", octets),
            received: Vec::new(),
            failures: HashMap::new(),
            successes: 0,
            trace: Vec::new(),
        }
    }

    fn take(&mut self, sent: Vec<Sent>) {
        self.trace.extend(lines(&sent));
        for sent in sent {
            let status = sent.status();
            let to_caller = sent.flow.remote.ip() == self.call.flow.remote.ip();
            if status == 0 {
                if !sent.line().starts_with("ACK") {
                    self.received.push(sent);
                }
            } else if to_caller && sent.message.method() == self.call_method() {
                match status {
                    0..200 => {}
                    200..300 => self.successes += 1,
                    _ => {
                        *self.failures.entry(sent.text()).or_default() += 1;
                        let ack = self.call.ack(&sent);
                        if self.call.method == "INVITE" && self.random.below(4) > 0 {
                            let sent = self.world.send(&ack);
                            self.trace.extend(lines(&sent));
                        }
                    }
                }
            }
        }
    }

    fn call_method(&self) -> strowger_sip::Method<'static> {
        match self.call.method.as_str() {
            "INVITE" => strowger_sip::Method::Invite,
            _ => strowger_sip::Method::Message,
        }
    }

    fn is_answered(&self) -> bool {
        self.successes > 0 || !self.failures.is_empty()
    }

    fn step(&mut self) {
        let kind = self.random.below(12);
        let sent = match kind {
            0..5 if !self.received.is_empty() => {
                let which = self.random.below(self.received.len());
                let answer = ANSWERS[self.random.below(ANSWERS.len())];
                self.trace.push(format!("  answer {which} {answer}"));
                let tag = format!("t{which}");
                self.world.answer(&self.received[which], answer, &tag)
            }
            5 if !self.received.is_empty() => {
                let which = self.random.below(self.received.len());
                self.trace.push(format!("  failed {which}"));
                self.world.failed(&self.received[which])
            }
            6 => {
                self.trace.push("  DNS".into());
                let fails = self.random.below(3) == 0;
                self.world.answer_dns(|question| match question.kind {
                    _ if fails => DnsAnswer::Failed,
                    QuestionKind::A => DnsAnswer::Records {
                        records: vec![
                            Record::A([192, 0, 2, 3].into()),
                            Record::A([192, 0, 2, 2].into()),
                        ],
                        ttl_seconds: 9,
                    },
                    _ => DnsAnswer::NoSuchName { ttl_seconds: 9 },
                })
            }
            7 if !self.world.connects.is_empty() => {
                self.trace.push("  connection".into());
                if self.random.below(2) == 0 {
                    let slot = 10 + u32::try_from(self.random.below(5)).unwrap_or(0);
                    self.world.connected(slot)
                } else {
                    self.world.connect_failed()
                }
            }
            8 if self.random.below(4) == 0 => {
                self.trace.push("  CANCEL".into());
                self.world.send(&self.call.cancel())
            }
            9 if self.random.below(3) == 0 => {
                let flow = [tcp(BOB, 2), tcp(ALICE, 1), tcp(BOB, 10), tcp(CAROL, 11)]
                    [self.random.below(4)];
                self.trace.push(format!("  closed {flow:?}"));
                self.world.closed(flow)
            }
            10 if !self.is_answered() && self.call.flow.stream.is_none() => {
                self.trace.push("  repeated".into());
                self.world.send(&self.call)
            }
            _ => {
                let millis = [1, 100, 600, 5_000, 40_000][self.random.below(5)];
                self.trace.push(format!("  {millis} ms"));
                let sent = self.world.pass(Duration::from_millis(millis));
                sent.into_iter().map(|(_, sent)| sent).collect()
            }
        };
        self.take(sent);
    }

    fn play(&mut self) {
        let sent = self.world.send(&self.call);
        self.take(sent);
        for _ in 0..40 {
            self.step();
        }
        // Nobody says anything any more. Timer C, then CANCEL, then the callee's silence; all over again for each group.
        for _ in 0..50 {
            if self.world.element.is_idle() {
                break;
            }
            let sent = self.world.pass_seconds(40);
            self.take(sent);
        }
    }
}

#[test]
fn whatever_happens_each_request_ends_once() {
    for seed in 1..=SEEDS {
        let method = if seed % 4 == 0 { "MESSAGE" } else { "INVITE" };
        let mut game = Game::new(seed, method);
        game.play();
        let told = format!("seed {seed}:\n{}", game.trace.join("\n"));
        assert!(game.world.element.is_idle(), "something is left, {told}");
        assert!(
            game.failures.len() <= 1,
            "{} different failures, {told}",
            game.failures.len()
        );
        if method == "INVITE" {
            let stream_died = game.call.flow.stream.is_some();
            assert!(game.is_answered() || stream_died, "no answer, {told}");
            assert!(
                game.successes == 0 || game.failures.is_empty(),
                "both ways, {told}"
            );
        } else {
            assert!(game.successes + game.failures.len() <= 1, "{told}");
        }
    }
}
