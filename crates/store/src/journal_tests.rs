//! The journal: order, batches, what failures leave behind, `kill -9`.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::checkpoint::Checkpointer;
use crate::testing::{
    PATIENCE, TestFolder, WALL, answers, aor, binding, listeners, put, remove, stored,
};
use crate::writer::Step;

fn settings() -> JournalSettings {
    // Far away, so that a slow machine does not fail changes; tests of the deadline bring their own.
    JournalSettings {
        deadline: Duration::from_secs(600),
        listeners: listeners(),
        ..JournalSettings::default()
    }
}

fn hasty() -> JournalSettings {
    JournalSettings {
        deadline: Duration::from_millis(10),
        ..settings()
    }
}

/// Receive answers until `count` waiters have one.
fn collect(receiver: &Receiver<(Vec<u64>, bool)>, count: usize) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    while all.len() < count {
        let (items, ok) = receiver.recv_timeout(PATIENCE).expect("an answer");
        all.extend(items.into_iter().map(|item| (item, ok)));
    }
    all
}

fn bound(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
    expected
        .iter()
        .map(|(user, cseq)| (format!("sip:{user}@example.test"), *cseq))
        .collect()
}

fn io_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_WRITE),
        None,
    )
}

/// A hook that stops the journal at a step until the test lets it go on, and says that it is there.
struct Gate {
    reached: Receiver<()>,
    open: Sender<()>,
}

fn gate_at(step: Step) -> (Faults, Gate) {
    let (say_reached, reached) = channel();
    let (open, wait_open) = channel();
    let faults: Faults = Box::new(move |at, _| {
        if at == step {
            let _ = say_reached.send(());
            let _ = wait_open.recv();
        }
        Ok(())
    });
    (faults, Gate { reached, open })
}

#[test]
fn an_answered_change_is_there_after_the_process_is_gone() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let journal = Journal::start(&database, settings(), completion)
        .expect("starts")
        .expect("durable");
    journal.submit(1, put("1001", 7)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, true)]);
    // The files as `kill -9` would leave them: nothing was closed.
    let copy = TestFolder::new();
    for name in ["strowger.db", "strowger.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copied");
    }
    let (reopened, _copy_lock) = copy.open();
    assert_eq!(stored(&reopened), bound(&[("1001", 7)]));
}

#[test]
fn memory_needs_no_journal() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, _receiver) = answers();
    let settings = JournalSettings {
        durability: Durability::Memory,
        ..settings()
    };
    assert!(
        Journal::start(&database, settings, completion)
            .expect("nothing to do")
            .is_none()
    );
}

#[test]
fn disk_durability_commits_too() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let settings = JournalSettings {
        durability: Durability::Disk,
        ..settings()
    };
    let journal = Journal::start(&database, settings, completion)
        .expect("starts")
        .expect("durable");
    journal.submit(1, put("1001", 1)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, true)]);
}

#[test]
fn changes_of_one_aor_are_written_in_order() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let journal = Journal::start(&database, settings(), completion)
        .expect("starts")
        .expect("durable");
    for cseq in 1..=300 {
        journal
            .submit(u64::from(cseq), put("1001", cseq))
            .expect("room");
        journal
            .submit(u64::from(cseq), put("1002", cseq))
            .expect("room");
        journal
            .submit(u64::from(cseq), remove("1002"))
            .expect("room");
    }
    let order = collect(&receiver, 900);
    assert!(order.is_sorted_by_key(|(item, _)| *item));
    assert!(order.iter().all(|(_, ok)| *ok));
    assert_eq!(stored(&database), bound(&[("1001", 300)]));
}

#[test]
fn a_batch_is_what_queued_during_the_last_commit() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let (faults, gate) = gate_at(Step::Commit);
    let journal = Journal::start_with(&database, settings(), completion, faults).expect("starts");
    journal.submit(0, put("1000", 1)).expect("room");
    gate.reached
        .recv_timeout(PATIENCE)
        .expect("the first commit");
    for number in 1..=20u64 {
        journal
            .submit(number, put(&format!("{}", 1000 + number), 1))
            .expect("room");
    }
    gate.open.send(()).expect("waits");
    gate.open.send(()).expect("waits");
    assert_eq!(
        receiver.recv_timeout(PATIENCE).expect("an answer"),
        (vec![0], true)
    );
    assert_eq!(
        receiver.recv_timeout(PATIENCE).expect("an answer"),
        ((1..=20).collect(), true)
    );
    let counters = journal.counters();
    assert_eq!(
        (counters.batches, counters.committed, counters.batch_largest),
        (2, 21, 20)
    );
}

#[test]
fn a_full_queue_refuses_at_once_and_calls_nobody() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let (faults, gate) = gate_at(Step::Commit);
    let small = JournalSettings {
        queue_max: 2,
        ..settings()
    };
    let journal = Journal::start_with(&database, small, completion, faults).expect("starts");
    journal.submit(0, put("1000", 1)).expect("room");
    gate.reached
        .recv_timeout(PATIENCE)
        .expect("the first commit");
    journal.submit(1, put("1001", 1)).expect("room");
    journal.submit(2, put("1002", 1)).expect("room");
    assert_eq!(journal.submit(3, put("1003", 1)), Err(QueueFull(3)));
    assert_eq!(journal.counters().waiting, 3);
    drop(gate);
    assert_eq!(collect(&receiver, 3), [(0, true), (1, true), (2, true)]);
    assert_eq!(journal.counters().queue_full, 1);
    assert_eq!(
        stored(&database),
        bound(&[("1000", 1), ("1001", 1), ("1002", 1)])
    );
}

#[test]
fn what_waits_too_long_before_its_commit_is_rolled_back() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let (faults, gate) = gate_at(Step::Written);
    let journal = Journal::start_with(&database, hasty(), completion, faults).expect("starts");
    journal.submit(1, put("1001", 1)).expect("room");
    gate.reached
        .recv_timeout(PATIENCE)
        .expect("rows are written");
    journal.submit(2, put("1002", 1)).expect("room");
    let mut failed = collect(&receiver, 2);
    failed.sort_unstable();
    assert_eq!(failed, [(1, false), (2, false)]);
    drop(gate);
    let counters = journal.counters();
    drop(journal);
    assert_eq!(counters.late, 2);
    assert_eq!(stored(&database), []);
}

#[test]
fn a_commit_that_comes_too_late_is_undone() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let journal = Journal::start(&database, settings(), completion)
        .expect("starts")
        .expect("durable");
    journal.submit(1, put("1001", 1)).expect("room");
    journal.submit(2, put("1002", 1)).expect("room");
    collect(&receiver, 2);
    drop(journal);

    let (completion, receiver) = answers();
    let (faults, gate) = gate_at(Step::Commit);
    let journal = Journal::start_with(&database, hasty(), completion, faults).expect("starts");
    journal.submit(3, put("1001", 2)).expect("room");
    gate.reached.recv_timeout(PATIENCE).expect("in COMMIT");
    assert_eq!(collect(&receiver, 1), [(3, false)]);
    drop(gate);
    drop(journal);
    assert_eq!(stored(&database), bound(&[("1001", 1), ("1002", 1)]));
}

#[test]
fn several_changes_of_one_aor_are_undone_to_what_was_before_all() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut rows = RowWriter::new(listeners());
    let connection = database.connect().expect("opens");
    rows.apply(&connection, &put("1001", 1)).expect("written");
    let changes = [
        put("1001", 2),
        remove("1001"),
        put("1001", 3),
        put("1002", 3),
    ];
    let before: Vec<_> = changes
        .iter()
        .map(|change| rows.apply(&connection, change).expect("written"))
        .collect();
    crate::rows::restore(&connection, &before).expect("restored");
    assert_eq!(stored(&database), bound(&[("1001", 1)]));
}

#[test]
fn an_io_error_in_a_commit_fails_the_batch_and_the_next_one_works() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let mut errors = vec![io_error()];
    let faults: Faults = Box::new(move |step, _| match step {
        Step::Commit => errors.pop().map_or(Ok(()), Err),
        _ => Ok(()),
    });
    let journal = Journal::start_with(&database, settings(), completion, faults).expect("starts");
    journal.submit(1, put("1001", 1)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, false)]);
    journal.submit(2, put("1002", 2)).expect("room");
    assert_eq!(collect(&receiver, 1), [(2, true)]);
    assert_eq!(stored(&database), bound(&[("1002", 2)]));
    let counters = journal.counters();
    assert_eq!(
        (counters.failed, counters.database_errors, counters.undone),
        (1, 1, 1)
    );
}

#[test]
fn nothing_is_written_until_a_doubtful_commit_is_undone() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    // COMMIT fails once; putting the rows back fails twice: right after it, and before the next batch.
    let (mut commits, mut undos) = (1, 2);
    let faults: Faults = Box::new(move |step, _| {
        let left = match step {
            Step::Commit => &mut commits,
            Step::Undo => &mut undos,
            _ => return Ok(()),
        };
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        Err(io_error())
    });
    let journal = Journal::start_with(&database, settings(), completion, faults).expect("starts");
    journal.submit(1, put("1001", 1)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, false)]);
    journal.submit(2, put("1002", 2)).expect("room");
    assert_eq!(collect(&receiver, 1), [(2, false)]);
    journal.submit(3, put("1003", 3)).expect("room");
    assert_eq!(collect(&receiver, 1), [(3, true)]);
    assert_eq!(stored(&database), bound(&[("1003", 3)]));
}

#[test]
fn a_full_disk_fails_changes_until_there_is_space() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let (limit, limits) = channel::<u32>();
    let faults: Faults = Box::new(move |step, connection| match (step, limits.try_recv()) {
        (Step::Begin, Ok(pages)) => connection.pragma_update(None, "max_page_count", pages),
        _ => Ok(()),
    });
    let journal = Journal::start_with(&database, settings(), completion, faults).expect("starts");
    limit.send(1).expect("kept");
    let many = 200;
    for number in 0..many {
        journal
            .submit(number, put(&format!("{}", 1000 + number), 1))
            .expect("room");
    }
    let failed = collect(&receiver, 200).iter().filter(|(_, ok)| !ok).count();
    assert!(failed > 0);
    assert!(journal.counters().disk_full > 0);
    assert_eq!(stored(&database).len(), 200 - failed);

    limit.send(1_000_000).expect("kept");
    journal.submit(1, put("2001", 1)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, true)]);
}

#[test]
fn a_disk_that_became_read_only_fails_changes_until_it_is_not() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let (order, orders) = channel::<bool>();
    // What SQLite says of a file system that was mounted anew without writing: nothing can be changed, all can be read.
    let faults: Faults = Box::new(move |step, connection| match (step, orders.try_recv()) {
        (Step::Begin, Ok(read_only)) => connection.pragma_update(None, "query_only", read_only),
        _ => Ok(()),
    });
    let journal = Journal::start_with(&database, settings(), completion, faults).expect("starts");
    journal.submit(1, put("1001", 1)).expect("room");
    assert_eq!(collect(&receiver, 1), [(1, true)]);

    order.send(true).expect("kept");
    journal.submit(2, put("1002", 2)).expect("room");
    assert_eq!(collect(&receiver, 1), [(2, false)]);
    assert_eq!(stored(&database), bound(&[("1001", 1)]));
    assert!(journal.counters().database_errors > 0);

    order.send(false).expect("kept");
    journal.submit(3, put("1003", 3)).expect("room");
    assert_eq!(collect(&receiver, 1), [(3, true)]);
    assert_eq!(stored(&database), bound(&[("1001", 1), ("1003", 3)]));
}

#[test]
fn the_end_of_the_journal_commits_what_waits() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let (completion, receiver) = answers();
    let journal = Journal::start(&database, settings(), completion)
        .expect("starts")
        .expect("durable");
    for number in 0..500 {
        journal
            .submit(number, put(&format!("{}", 1000 + number), 1))
            .expect("room");
    }
    drop(journal);
    assert!(collect(&receiver, 500).iter().all(|(_, ok)| *ok));
    assert_eq!(stored(&database).len(), 500);
    let log = std::fs::metadata(folder.path().join("strowger.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0, "all is in the database itself");
}

#[test]
fn an_update_with_another_key_replaces_the_row() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut rows = RowWriter::new(listeners());
    let connection = database.connect().expect("opens");
    rows.apply(&connection, &put("1001", 1)).expect("written");
    let moved = strowger_registrar::BindingParts {
        contact: b"sip:1001@192.0.2.5",
        ..crate::testing::parts(2)
    };
    let step = strowger_registrar::BindingChange::Put {
        binding: strowger_registrar::Binding::new(&moved).expect("fits"),
        replaced: Some(binding(1)),
    };
    let change = LocationChange {
        aor: aor("1001"),
        now: crate::testing::NOW,
        steps: [step].into_iter().collect(),
    };
    rows.apply(&connection, &change).expect("written");
    assert_eq!(stored(&database), bound(&[("1001", 2)]));
}

#[test]
fn rows_of_bindings_that_expired_days_ago_are_deleted() {
    let folder = TestFolder::new();
    let (database, _lock) = folder.open();
    let mut rows = RowWriter::new(listeners());
    let connection = database.connect().expect("opens");
    rows.apply(&connection, &put("1001", 1)).expect("written");
    let checkpointer = Checkpointer::new(&database).expect("opens");
    let wall = std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(WALL.as_nanos());
    let day = Duration::from_secs(24 * 3_600);
    assert_eq!(checkpointer.purge(wall + day).expect("read"), 0);
    assert_eq!(checkpointer.purge(wall + 3 * day).expect("deleted"), 1);
    assert_eq!(stored(&database), []);
}

/// Runs as a process of its own: writes without end, and prints every answer.
#[test]
fn writes_until_killed() {
    let Ok(folder) = std::env::var("STROWGER_TEST_FOLDER") else {
        return;
    };
    let data = crate::DataFolder::open(folder).expect("there");
    let lock = data.lock().expect("free");
    let database = Database::open_for_service(&data, &lock, 1)
        .expect("opens")
        .database;
    let (completion, receiver) = answers();
    let journal = Journal::start(&database, settings(), completion)
        .expect("starts")
        .expect("durable");
    for cseq in 1..100_000 {
        for user in 0..20 {
            journal
                .submit(u64::from(cseq), put(&format!("10{user:02}"), cseq))
                .expect("room");
        }
        assert!(collect(&receiver, 20).iter().all(|(_, ok)| *ok));
        // Twenty bindings of this CSeq were acknowledged; the parent believes the file, not the pipe.
        std::fs::write(data.path().join("acknowledged"), cseq.to_string()).expect("written");
        if cseq == 50 {
            println!("\nfifty");
        }
    }
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = TestFolder::new();
    let mut other =
        crate::database::tests::child("journal::tests::writes_until_killed", &folder, "fifty");
    other.kill().expect("killed");
    other.wait().expect("gone");
    let text = std::fs::read_to_string(folder.path().join("acknowledged")).expect("written");
    let (database, _lock) = folder.open();
    let kept = stored(&database);
    assert_eq!(kept.len(), 20);
    // The file may have been cut by the kill between truncation and writing.
    let acknowledged = text.parse().unwrap_or(50);
    assert!(
        kept.iter().all(|(_, cseq)| *cseq >= acknowledged),
        "{acknowledged}: {kept:?}"
    );
}
