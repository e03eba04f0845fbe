//! What the tests of this crate share: folders that go away, changes, a completion that can be waited for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use strowger_registrar::{AddressOfRecord, Binding, BindingChange, BindingParts, LocationChange};
use strowger_sip::{Now, Time};
use strowger_transaction::{Flow, ListenerId};

use crate::rows::{BINDING_COLUMNS, ListenerNames, binding_of};
use crate::{Completion, DataFolder, Database, InstanceLock};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that is removed with the value.
pub(crate) struct TestFolder(PathBuf);

impl TestFolder {
    pub(crate) fn new() -> TestFolder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("strowger-store-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        TestFolder(path)
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
    pub(crate) fn data(&self) -> DataFolder {
        DataFolder::open(&self.0).expect("the folder exists")
    }
    pub(crate) fn open(&self) -> (Database, InstanceLock) {
        let lock = self.data().lock().expect("nobody else is here");
        let opened = Database::open_for_service(&self.data(), &lock, 1).expect("it opens");
        assert_eq!(opened.warnings, []);
        (opened.database, lock)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Wall clock of the tests.
pub(crate) const WALL: Time = Time::from_secs(1_700_000_000);

/// One hour after the start of the process.
pub(crate) const NOW: Now = Now {
    monotonic: Time::from_secs(3_600),
    wall: WALL,
};

pub(crate) fn parts(cseq: u32) -> BindingParts<'static> {
    BindingParts {
        contact: b"sip:1001@192.0.2.5:5062",
        params: b";methods=\"INVITE\"",
        q: None,
        expires_at: Time::from_secs(3_600 + 600),
        updated_at: NOW.monotonic,
        call_id: b"a84b4c76e66710",
        cseq,
        path: b"",
        user_agent: b"phone/1.0",
        flow: Flow::udp(
            ListenerId(0),
            "198.51.100.7:40000".parse().expect("an address"),
        ),
        behind_nat: true,
        flow_lost: false,
        outbound: false,
        branch_hash: u64::MAX - 7,
    }
}

pub(crate) fn binding(cseq: u32) -> Binding {
    Binding::new(&parts(cseq)).expect("it fits")
}

pub(crate) fn aor(user: &str) -> AddressOfRecord {
    AddressOfRecord::new(user.as_bytes(), "example.test")
}

/// A REGISTER of `user` with this CSeq.
pub(crate) fn put(user: &str, cseq: u32) -> LocationChange {
    let step = BindingChange::Put {
        binding: binding(cseq),
        replaced: None,
    };
    LocationChange {
        aor: aor(user),
        now: NOW,
        steps: [step].into_iter().collect(),
    }
}

pub(crate) fn remove(user: &str) -> LocationChange {
    LocationChange::removal(aor(user), NOW, [binding(0)])
}

pub(crate) fn listeners() -> ListenerNames {
    ListenerNames::new([
        (
            strowger_sip::Transport::Udp,
            "127.0.0.1:5060".parse().expect("an address"),
        ),
        (
            strowger_sip::Transport::Tcp,
            "127.0.0.1:5060".parse().expect("an address"),
        ),
    ])
}

/// What a restart would find: user and CSeq of every binding, in order.
pub(crate) fn stored(database: &Database) -> Vec<(String, u32)> {
    let connection = database.connect().expect("a connection");
    let sql = format!("SELECT {BINDING_COLUMNS} FROM binding ORDER BY aor, contact");
    let mut select = connection.prepare(&sql).expect("the table is there");
    let rows = select
        .query_map([], |row| binding_of(row, NOW, &listeners()))
        .expect("a query");
    rows.map(|row| row.expect("a row").expect("a binding"))
        .map(|(aor, binding)| {
            (
                String::from_utf8_lossy(aor.as_bytes()).into_owned(),
                binding.cseq(),
            )
        })
        .collect()
}

/// Sends every answer to a channel.
pub(crate) struct Answers(Mutex<Sender<(Vec<u64>, bool)>>);

pub(crate) fn answers() -> (Answers, Receiver<(Vec<u64>, bool)>) {
    let (sender, receiver) = channel();
    (Answers(Mutex::new(sender)), receiver)
}

impl Completion<u64> for Answers {
    fn complete(&self, items: &[u64], ok: bool) {
        let _ = self
            .0
            .lock()
            .expect("no test panics here")
            .send((items.to_vec(), ok));
    }
}
