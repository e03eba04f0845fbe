//! Loading: what a restart finds in the tables.

use strowger_registrar::{Binding, BindingChange, BindingParts, LocationChange, LocationLimits};
use strowger_sip::{Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

use super::*;
use crate::rows::RowWriter;
use crate::testing::{NOW, TestFolder, aor, listeners, parts, put};

/// The clocks of the next process: ten seconds old, a minute later.
const LATER: Now = Now {
    monotonic: Time::from_secs(10),
    wall: Time::from_secs(1_700_000_060),
};

fn table() -> LocationTable {
    LocationTable::new(LocationLimits::default(), 1)
}

fn write(database: &Database, parts: &BindingParts<'_>, user: &str) {
    let step = BindingChange::Put {
        binding: Binding::new(parts).expect("fits"),
        replaced: None,
    };
    let change = LocationChange {
        aor: aor(user),
        now: NOW,
        steps: [step].into_iter().collect(),
    };
    RowWriter::new(listeners())
        .apply(&database.connect().expect("opens"), &change)
        .expect("written");
}

/// Write one binding, load it with these listeners, and show it.
fn reload(parts: &BindingParts<'_>, listeners: &ListenerNames) -> Binding {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    write(&database, parts, "1001");
    let table = table();
    assert_eq!(
        bindings(&database, &table, LATER, listeners)
            .expect("loads")
            .bindings,
        1
    );
    let (_, mut all) = table
        .list(LATER.monotonic, None, 9)
        .pop()
        .expect("one address of record");
    all.pop().expect("one binding")
}

#[test]
fn a_binding_comes_back_with_its_times_shifted() {
    let binding = reload(&parts(7), &listeners());
    // It had 600 s at 1,700,000,000, so 540 s a minute later; it was updated before this process began.
    let expected = BindingParts {
        expires_at: Time::from_secs(10 + 540),
        updated_at: Time::ZERO,
        ..parts(7)
    };
    assert_eq!(format!("{:?}", binding.parts()), format!("{expected:?}"));
}

#[test]
fn octets_of_any_kind_come_back() {
    let odd = BindingParts {
        user_agent: b"\xff\x00\xe9phone",
        call_id: b"\xc3\x28",
        ..parts(1)
    };
    let binding = reload(&odd, &listeners());
    assert_eq!(
        (binding.user_agent(), binding.call_id()),
        (odd.user_agent, odd.call_id)
    );
}

#[test]
fn an_outbound_binding_keeps_its_key() {
    let outbound = BindingParts {
        params: b";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";reg-id=2",
        outbound: true,
        q: Some(250),
        path: b"<sip:edge.example.test;lr>",
        ..parts(1)
    };
    let binding = reload(&outbound, &listeners());
    assert!(binding.same_key(&Binding::new(&outbound).expect("fits")));
    assert_eq!(
        (binding.q_given(), binding.path()),
        (Some(250), outbound.path)
    );
}

#[test]
fn a_stream_binding_is_lost_until_it_registers_again() {
    let flow = Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote: "198.51.100.7:40000".parse().expect("an address"),
        stream: Some(StreamId {
            worker: 1,
            slot: 2,
            generation: 3,
        }),
    };
    let binding = reload(&BindingParts { flow, ..parts(1) }, &listeners());
    assert!(binding.flow_lost());
    assert!(binding.needs_stream());
    assert_ne!(binding.flow().stream, flow.stream);
    assert_eq!(binding.flow().listener, ListenerId(1));
}

#[test]
fn a_binding_finds_its_listener_in_a_changed_configuration() {
    let listener = |text: &str| (Transport::Udp, text.parse().expect("an address"));
    let more = ListenerNames::new([
        listener("[::1]:5060"),
        listener("127.0.0.1:5070"),
        listener("127.0.0.1:5060"),
    ]);
    assert_eq!(reload(&parts(1), &more).flow().listener, ListenerId(2));
    let other = ListenerNames::new([listener("[::1]:5060"), listener("127.0.0.1:5070")]);
    assert_eq!(reload(&parts(1), &other).flow().listener, ListenerId(1));
    let none = ListenerNames::new([listener("[::1]:5060")]);
    assert!(reload(&parts(1), &none).flow_lost());
}

#[test]
fn expired_bindings_are_dropped_and_their_rows_deleted() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    write(&database, &parts(1), "1001");
    write(
        &database,
        &BindingParts {
            expires_at: Time::from_secs(3_600 + 30),
            ..parts(1)
        },
        "1002",
    );
    let table = table();
    let loaded = bindings(&database, &table, LATER, &listeners()).expect("loads");
    assert_eq!(
        loaded,
        Loaded {
            bindings: 1,
            expired: 1
        }
    );
    let again = bindings(&database, &table, LATER, &listeners()).expect("loads");
    assert_eq!(
        again,
        Loaded {
            bindings: 1,
            expired: 0
        }
    );
}

#[test]
fn bindings_can_be_forgotten() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    write(&database, &parts(1), "1001");
    clear_bindings(&database).expect("deleted");
    assert_eq!(
        bindings(&database, &table(), LATER, &listeners()).expect("loads"),
        Loaded::default()
    );
}

#[test]
fn a_hundred_thousand_bindings_load() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let connection = database.connect().expect("opens");
    let mut rows = RowWriter::new(listeners());
    connection.execute_batch("BEGIN").expect("begun");
    for number in 0..100_000 {
        rows.apply(&connection, &put(&format!("{number}"), 1))
            .expect("written");
    }
    connection.execute_batch("COMMIT").expect("committed");
    let table = table();
    assert_eq!(
        bindings(&database, &table, LATER, &listeners())
            .expect("loads")
            .bindings,
        100_000
    );
    assert_eq!(table.len(), 100_000);
}
