//! What is kept of a panic: the message that made it, for replay. A panic is a bug of ours.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use strowger_net::PanicReport;

/// Files kept in one run of the process.
const FILES_MAX: u32 = 32;

/// Panics that are logged in [`LINES_WITHIN`]; more are counted only.
const LINES_MAX: u32 = 10;

/// The time in which they are counted.
const LINES_WITHIN: Duration = Duration::from_secs(10);

/// Where panics are written.
#[derive(Debug)]
pub struct PanicBox {
    folder: Option<PathBuf>,
    written: AtomicU32,
    /// Since when lines are counted, and how many were written.
    told: Mutex<Option<(Instant, u32)>>,
}

impl PanicBox {
    /// Files go to `panics` in this folder; without a folder only the log is told.
    pub fn new(data: Option<&std::path::Path>) -> PanicBox {
        PanicBox {
            folder: data.map(|data| data.join("panics")),
            written: AtomicU32::new(0),
            told: Mutex::default(),
        }
    }

    /// Tells the log that a shard has panicked too often.
    pub fn tell_rest(shard: u16, rest: Duration) {
        tracing::error!(
            shard,
            "ALARM: a shard panicked again and again and takes no messages for {} s; new requests for it get 503",
            rest.as_secs().max(1)
        );
    }

    /// Keeps the message, and tells the log; of many in a row, the log hears of the first ones.
    pub fn keep(&self, shard: u16, report: &PanicReport) {
        let file = self.write(report).unwrap_or_default();
        if !self.may_tell(Instant::now()) {
            return;
        }
        let source = report
            .flow
            .map_or_else(|| "-".to_owned(), |flow| flow.remote.to_string());
        tracing::error!(
            shard,
            source,
            file,
            "a shard panicked while it was {}, and was restarted: {}; its requests in progress are lost, registrations are \
             not; this is a bug, please report it with the file",
            report.while_doing,
            report.message.escape_debug()
        );
    }

    /// True if another line may be written in this ten seconds.
    fn may_tell(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|(since, _)| now.duration_since(since) >= LINES_WITHIN) {
            *told = Some((now, 0));
        }
        let Some((_, lines)) = &mut *told else {
            return true;
        };
        *lines += 1;
        *lines <= LINES_MAX
    }

    fn write(&self, report: &PanicReport) -> Option<String> {
        let folder = self.folder.as_ref()?;
        if report.octets.is_empty() {
            return None;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        if number >= FILES_MAX {
            return None;
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .ok()?;
        let path = folder.join(format!("{}-{number}.sip", std::process::id()));
        // What phones send may hold credentials: for the server's user only.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .ok()?;
        file.write_all(&report.octets).ok()?;
        Some(path.display().to_string())
    }
}
