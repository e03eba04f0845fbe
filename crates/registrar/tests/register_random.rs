//! Random REGISTERs: whatever is sent, the answer tells exactly what is then bound.

use smallvec::SmallVec;
use strowger_registrar::{
    AddressOfRecord, Binding, LocationLimits, LocationService, LocationTable, Outcome,
    RegistrarSettings, Registration, register,
};
use strowger_sip::{Limits, Message, Now, Time};
use strowger_transaction::{Flow, ListenerId};

/// A generator of the test's own: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

fn random_register(random: &mut Random) -> Message {
    const URIS: [&str; 7] = [
        "<sip:a@192.0.2.4>",
        "<sip:%61@192.0.2.4>",
        "<sip:a@192.0.2.4;transport=tcp>",
        "<sip:b@PHONE.example.net>",
        "<sip:b@phone.example.net>",
        "<tel:+1>",
        "sip:c@192.0.2.4",
    ];
    const PARAMS: [&str; 7] = [
        "",
        "",
        ";expires=0",
        ";expires=100",
        ";expires=30",
        ";expires=9999999",
        ";q=0.5",
    ];
    let mut lines = String::new();
    if random.below(12) == 0 {
        lines.push_str("Contact: *\r\n");
    } else {
        for _ in 0..random.below(4) {
            let (uri, params) = (random.pick(&URIS), random.pick(&PARAMS));
            lines.push_str(&format!("Contact: {uri}{params}\r\n"));
        }
    }
    if random.below(2) == 0 {
        lines.push_str(random.pick(&["Expires: 0\r\n", "Expires: 600\r\n", "Expires: 59\r\n"]));
    }
    let (call_id, cseq, branch) = (random.below(2), random.below(40), random.below(3));
    let text = format!(
        "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK{branch}\r\n\
         From: <sip:alice@example.test>;tag=a\r\nTo: <sip:alice@example.test>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(text.into_bytes(), &Limits::default())
        .map_err(|failure| failure.error)
        .expect("parses")
}

fn texts(bindings: &[Binding]) -> Vec<String> {
    bindings
        .iter()
        .map(|binding| format!("{binding:?}"))
        .collect()
}

#[test]
fn the_answer_tells_what_is_bound() {
    let settings = RegistrarSettings {
        bindings_per_aor_max: 3,
        ..RegistrarSettings::default()
    };
    let aor = AddressOfRecord::new(b"alice", "example.test");
    let mut changes = 0;
    for seed in 0..200 {
        let mut random = Random(seed);
        let table = LocationTable::new(LocationLimits::default(), seed);
        let mut now = Now::default();
        for _ in 0..60 {
            let request = random_register(&mut random);
            let before = table.bindings(aor.as_bytes(), now.monotonic);
            let outcome = register(&Registration {
                request: &request,
                aor: &aor,
                flow: Flow::udp(ListenerId(0), ([192, 0, 2, 4], 5060).into()),
                bindings: &before,
                room: table.room(),
                settings: &settings,
                now,
            });
            let reply = match outcome {
                Outcome::Reply(reply) => reply,
                Outcome::Change { change, reply } => {
                    changes += 1;
                    assert!(!change.is_empty());
                    let mut applied: SmallVec<[Binding; 2]> = before.iter().cloned().collect();
                    change.apply(&mut applied);
                    table.publish(&change);
                    let published = table.bindings(aor.as_bytes(), now.monotonic);
                    assert_eq!(texts(&applied), texts(&published), "seed {seed}");
                    reply
                }
            };
            let after = table.bindings(aor.as_bytes(), now.monotonic);
            assert!(after.len() <= 3, "seed {seed}");
            assert!(
                after
                    .iter()
                    .all(|binding| binding.remaining_seconds(now.monotonic) <= 7_200),
                "seed {seed}"
            );
            if reply.status.is_success() {
                let listed = String::from_utf8_lossy(&reply.headers)
                    .matches("Contact: ")
                    .count();
                assert_eq!(listed, after.len(), "seed {seed}");
            } else {
                assert_eq!(texts(&before), texts(&after), "seed {seed}");
            }
            now.monotonic = now.monotonic + std::time::Duration::from_secs(random.below(200));
        }
        table.sweep(Time::MAX, usize::MAX);
        assert!(table.is_empty(), "seed {seed}");
    }
    assert!(changes > 1_000, "{changes}");
}
