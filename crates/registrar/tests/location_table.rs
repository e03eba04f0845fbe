//! The location table under change, loss of connections, expiry and many threads at once.

use std::sync::atomic::{AtomicBool, Ordering};

use strowger_registrar::{
    AddressOfRecord, Binding, BindingChange, BindingParts, LocationChange, LocationLimits,
    LocationService, LocationTable,
};
use strowger_sip::{Now, Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

fn aor(user: &str) -> AddressOfRecord {
    AddressOfRecord::new(user.as_bytes(), "example.test")
}

fn stream(slot: u32) -> Flow {
    Flow {
        transport: Transport::Tcp,
        listener: ListenerId(0),
        remote: "192.0.2.1:9".parse().expect("an address"),
        stream: Some(StreamId {
            worker: 0,
            slot,
            generation: 0,
        }),
    }
}

fn udp() -> Flow {
    Flow::udp(ListenerId(0), "192.0.2.1:5060".parse().expect("an address"))
}

struct Sample<'a> {
    contact: &'a str,
    q: Option<u16>,
    expires: u64,
    updated: u64,
    flow: Flow,
    path: &'a str,
}

impl Default for Sample<'_> {
    fn default() -> Self {
        Sample {
            contact: "sip:a@192.0.2.1",
            q: None,
            expires: 100,
            updated: 0,
            flow: udp(),
            path: "",
        }
    }
}

impl Sample<'_> {
    fn binding(&self) -> Binding {
        Binding::new(&BindingParts {
            contact: self.contact.as_bytes(),
            params: b"",
            q: self.q,
            expires_at: Time::from_secs(self.expires),
            updated_at: Time::from_secs(self.updated),
            call_id: b"c",
            cseq: 1,
            path: self.path.as_bytes(),
            user_agent: b"",
            flow: self.flow,
            behind_nat: false,
            flow_lost: false,
            outbound: false,
            branch_hash: 0,
        })
        .expect("fits")
    }
}

fn change(aor: &AddressOfRecord, steps: impl IntoIterator<Item = BindingChange>) -> LocationChange {
    LocationChange {
        aor: aor.clone(),
        now: Now::default(),
        steps: steps.into_iter().collect(),
    }
}

fn put(binding: Binding) -> BindingChange {
    BindingChange::Put {
        binding,
        replaced: None,
    }
}

fn table() -> LocationTable {
    LocationTable::new(LocationLimits::default(), 42)
}

fn contacts(table: &LocationTable, aor: &AddressOfRecord, now: u64) -> Vec<String> {
    let found = table.lookup(aor.as_bytes(), Time::from_secs(now));
    found
        .iter()
        .map(|binding| String::from_utf8_lossy(binding.contact()).into_owned())
        .collect()
}

#[test]
fn targets_are_ordered_by_q_then_the_most_recent_first() {
    let (table, alice) = (table(), aor("alice"));
    let samples = [
        ("sip:a", Some(500), 1),
        ("sip:b", None, 1),
        ("sip:c", Some(500), 2),
        ("sip:d", Some(1_000), 0),
    ];
    table.publish(&change(
        &alice,
        samples.map(|(contact, q, updated)| {
            put(Sample {
                contact,
                q,
                updated,
                ..Sample::default()
            }
            .binding())
        }),
    ));
    assert_eq!(
        contacts(&table, &alice, 10),
        ["sip:b", "sip:d", "sip:c", "sip:a"]
    );
}

#[test]
fn expired_bindings_are_never_seen_and_the_sweep_frees_them() {
    let table = table();
    for user in 0..1_000 {
        let expires = if user % 2 == 0 { 100 } else { 200 };
        let binding = Sample {
            expires,
            flow: stream(user),
            ..Sample::default()
        }
        .binding();
        table.publish(&change(&aor(&user.to_string()), [put(binding)]));
    }
    assert!(contacts(&table, &aor("0"), 100).is_empty());
    assert_eq!(table.len(), 1_000);
    let mut swept = 0;
    while table.len() > 500 {
        let gone = table.sweep(Time::from_secs(150), 10);
        assert!(
            gone.len() <= 100,
            "the budget bounds the work: {}",
            gone.len()
        );
        swept += gone.len();
    }
    assert_eq!(swept, 500);
    assert!(table.sweep(Time::from_secs(150), usize::MAX).is_empty());
    table.sweep(Time::from_secs(200), usize::MAX);
    assert_eq!((table.len(), table.counters().aors), (0, 0));
    assert_eq!(table.counters().bindings_expired, 1_000);
}

#[test]
fn a_lost_connection_takes_its_bindings_out_of_the_targets() {
    let (table, alice) = (table(), aor("alice"));
    let bindings = [
        Sample {
            contact: "sip:tcp",
            flow: stream(1),
            ..Sample::default()
        },
        Sample {
            contact: "sip:path",
            flow: stream(1),
            path: "<sip:edge;lr>",
            ..Sample::default()
        },
        Sample {
            contact: "sip:other",
            flow: stream(2),
            ..Sample::default()
        },
        Sample {
            contact: "sip:udp",
            ..Sample::default()
        },
    ];
    table.publish(&change(
        &alice,
        bindings.map(|sample| put(sample.binding())),
    ));
    assert_eq!(table.mark_flow_lost(&udp()), 0);
    assert_eq!(table.mark_flow_lost(&stream(1)), 1);
    assert_eq!(table.mark_flow_lost(&stream(1)), 0);
    assert_eq!(
        contacts(&table, &alice, 1),
        ["sip:path", "sip:other", "sip:udp"]
    );
    assert_eq!(
        table.bindings(alice.as_bytes(), Time::ZERO).len(),
        4,
        "it is still registered"
    );
    // It comes back over another connection.
    let old = Sample {
        contact: "sip:tcp",
        flow: stream(1),
        ..Sample::default()
    }
    .binding();
    let new = Sample {
        contact: "sip:tcp",
        flow: stream(3),
        ..Sample::default()
    }
    .binding();
    table.publish(&change(
        &alice,
        [BindingChange::Put {
            binding: new,
            replaced: Some(old),
        }],
    ));
    assert_eq!(contacts(&table, &alice, 1).len(), 4);
    assert_eq!(table.mark_flow_lost(&stream(3)), 1);
}

#[test]
fn a_binding_that_moved_no_longer_depends_on_the_old_connection() {
    let (table, alice) = (table(), aor("alice"));
    let over = |slot| {
        Sample {
            flow: stream(slot),
            ..Sample::default()
        }
        .binding()
    };
    table.publish(&change(&alice, [put(over(1))]));
    table.publish(&change(
        &alice,
        [BindingChange::Put {
            binding: over(2),
            replaced: Some(over(1)),
        }],
    ));
    assert_eq!(table.mark_flow_lost(&stream(1)), 0);
    table.publish(&change(&alice, [BindingChange::Remove(over(2))]));
    assert_eq!(table.mark_flow_lost(&stream(2)), 0);
    assert!(table.is_empty());
}

#[test]
fn listing_goes_by_pages_in_order() {
    let table = table();
    for user in 0..25 {
        table.publish(&change(
            &aor(&format!("u{user:02}")),
            [put(Sample::default().binding())],
        ));
    }
    let mut seen = Vec::new();
    let mut after: Option<AddressOfRecord> = None;
    loop {
        let page = table.list(Time::ZERO, after.as_ref().map(|aor| aor.as_bytes()), 10);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.iter().map(|(aor, _)| aor.to_string()));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
}

/// Writers replace pairs of bindings as one change each; readers must always see both of one generation.
#[test]
fn a_change_is_seen_whole_by_every_thread() {
    let (table, done) = (table(), AtomicBool::new(false));
    let generation = |n: u64| {
        ["sip:left", "sip:right"].map(|contact| {
            Sample {
                contact,
                updated: n,
                ..Sample::default()
            }
            .binding()
        })
    };
    let users: Vec<AddressOfRecord> = (0..8).map(|n| aor(&n.to_string())).collect();
    for user in &users {
        table.publish(&change(user, generation(0).map(put)));
    }
    std::thread::scope(|scope| {
        for share in users.chunks(4) {
            let (table, done, generation) = (&table, &done, &generation);
            scope.spawn(move || {
                for n in 1..2_000 {
                    for user in share {
                        table.publish(&change(user, generation(n).map(put)));
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        let (table, done, users) = (&table, &done, &users);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                for user in users {
                    let seen = table.bindings(user.as_bytes(), Time::ZERO);
                    assert_eq!(seen.len(), 2);
                    assert_eq!(
                        seen.first().map(|b| b.updated_at()),
                        seen.last().map(|b| b.updated_at())
                    );
                }
                table.sweep(Time::ZERO, usize::MAX);
            }
        });
    });
    assert_eq!(table.len(), 16);
    assert_eq!(table.counters().bindings_updated, 2 * 8 * 1_999);
}

/// Connections come and go while their bindings are refreshed; afterwards nothing of them is left behind.
#[test]
fn refreshes_and_lost_connections_from_many_threads_leave_nothing_behind() {
    let table = table();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let table = &table;
            scope.spawn(move || {
                let user = aor(&thread.to_string());
                for round in 0..1_000u32 {
                    let binding = Sample {
                        flow: stream(round % 5),
                        ..Sample::default()
                    }
                    .binding();
                    table.publish(&change(&user, [put(binding.clone())]));
                    table.mark_flow_lost(&stream((round + thread) % 5));
                    if round % 3 == 0 {
                        table.publish(&change(&user, [BindingChange::Remove(binding)]));
                    }
                }
            });
        }
    });
    table.sweep(Time::MAX, usize::MAX);
    assert!(table.is_empty());
    assert_eq!(
        (0..5)
            .map(|slot| table.mark_flow_lost(&stream(slot)))
            .sum::<usize>(),
        0
    );
}
