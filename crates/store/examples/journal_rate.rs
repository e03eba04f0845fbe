//! Measures what the journal adds to a REGISTER: `journal_rate [FOLDER] [process|disk] [RATE] [SECONDS] [USERS]`.
//!
//! Submits changes at a steady rate from one thread, users in random order, and prints how long they waited.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use strowger_registrar::{
    AddressOfRecord, Binding, BindingChange, BindingParts, LocationChange, LocationLimits,
    LocationTable,
};
use strowger_sip::{Now, Time};
use strowger_store::{
    DataFolder, Database, Durability, Journal, JournalSettings, ListenerNames, load,
};
use strowger_transaction::{Flow, ListenerId};

/// How often the submitting thread wakes.
const TICK: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(default_folder, PathBuf::from);
    let durability = match arguments.next().as_deref() {
        Some("disk") => Durability::Disk,
        _ => Durability::Process,
    };
    let rate: u64 = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let users: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;

    let data = DataFolder::open(&folder)?;
    let lock = data.lock()?;
    let opening = Instant::now();
    let database = Database::open_for_service(&data, &lock, 0)?.database;
    let checked = opening.elapsed();
    let table = LocationTable::new(LocationLimits::default(), 1);
    let loaded = load::bindings(&database, &table, clocks(), &ListenerNames::default())?;
    println!(
        "opened and checked in {checked:?}, {} bindings loaded after {:?}",
        loaded.bindings,
        opening.elapsed()
    );
    let total = usize::try_from(rate * seconds)?;
    let done: &'static Done = Box::leak(Box::new(Done::with_capacity(total)));
    let settings = JournalSettings {
        durability,
        ..JournalSettings::default()
    };
    let completion = |items: &[Instant], ok: bool| done.record(items, ok);
    let journal = Journal::start(&database, settings, completion)?.ok_or("no journal")?;

    println!(
        "{rate}/s for {seconds} s, {users} users, {durability:?}, {}",
        folder.display()
    );
    let start = Instant::now();
    let mut random = 1u64;
    for number in 0..total as u64 {
        let due = start + Duration::from_nanos(number * 1_000_000_000 / rate);
        if due > Instant::now() + TICK {
            thread::sleep(TICK);
        }
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let change = change((random >> 33) % users, u32::try_from(number)?);
        if journal.submit(Instant::now(), change).is_err() {
            println!("queue full at {number}");
        }
    }
    let counters = {
        while journal.counters().waiting > 0 {
            thread::sleep(TICK);
        }
        journal.counters()
    };
    done.print();
    println!("{counters:#?}");
    let log = std::fs::metadata(folder.join("strowger.db-wal"))?.len();
    println!("log {} KiB", log / 1024);
    drop(journal);
    println!(
        "database {} KiB",
        std::fs::metadata(database.path())?.len() / 1024
    );
    Ok(())
}

fn default_folder() -> PathBuf {
    std::env::temp_dir().join(format!("strowger-journal-rate-{}", std::process::id()))
}

fn clocks() -> Now {
    Now {
        monotonic: Time::from_secs(100),
        wall: Time::from_secs(1_700_000_000),
    }
}

fn change(user: u64, cseq: u32) -> LocationChange {
    let contact = format!("sip:user{user}@192.0.2.5:5062;transport=udp;line=a1b2c3d4");
    let call_id = format!("a84b4c76e66710{user:016x}@pc33.example.test");
    let now = Now {
        monotonic: Time::from_secs(100),
        wall: Time::from_secs(1_700_000_000),
    };
    let binding = Binding::new(&BindingParts {
        contact: contact.as_bytes(),
        params: b";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";methods=\"INVITE, ACK, BYE\"",
        q: None,
        expires_at: Time::from_secs(3_700),
        updated_at: now.monotonic,
        call_id: call_id.as_bytes(),
        cseq,
        path: b"",
        user_agent: b"Phone Model 7/1.2.3",
        flow: Flow::udp(ListenerId(0), ([198, 51, 100, 7], 40_000).into()),
        behind_nat: true,
        flow_lost: false,
        outbound: false,
        branch_hash: u64::from(cseq),
    });
    let steps = binding.map(|binding| BindingChange::Put {
        binding,
        replaced: None,
    });
    let aor = AddressOfRecord::new(format!("user{user}").as_bytes(), "example.test");
    LocationChange {
        aor,
        now,
        steps: steps.into_iter().collect(),
    }
}

/// Waiting times and sizes of batches.
struct Done {
    times: Mutex<(Vec<Duration>, Vec<usize>, usize)>,
}

impl Done {
    fn with_capacity(total: usize) -> Done {
        Done {
            times: Mutex::new((Vec::with_capacity(total), Vec::new(), 0)),
        }
    }

    fn record(&self, items: &[Instant], ok: bool) {
        if let Ok(mut times) = self.times.lock() {
            times.0.extend(items.iter().map(Instant::elapsed));
            times.1.push(items.len());
            times.2 += if ok { 0 } else { items.len() };
        }
    }

    fn print(&self) {
        let Ok(mut times) = self.times.lock() else {
            return;
        };
        let (waits, batches, failed) = &mut *times;
        waits.sort_unstable();
        batches.sort_unstable();
        let part = |per_mille: usize, length: usize| {
            (length * per_mille / 1000).min(length.saturating_sub(1))
        };
        for (name, per_mille) in [
            ("p50", 500),
            ("p90", 900),
            ("p99", 990),
            ("p99.9", 999),
            ("max", 1000),
        ] {
            let wait = waits
                .get(part(per_mille, waits.len()))
                .copied()
                .unwrap_or_default();
            let batch = batches
                .get(part(per_mille, batches.len()))
                .copied()
                .unwrap_or_default();
            println!(
                "{name:>6}  wait {:>8.3} ms  batch {batch:>5}",
                wait.as_secs_f64() * 1e3
            );
        }
        println!("{failed} failed");
    }
}
