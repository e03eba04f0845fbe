//! What is kept of a panic: the message that made it, for replay. A panic is a bug of ours.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use strowger_net::PanicReport;

/// Files kept in one run of the process.
const FILES_MAX: u32 = 32;

/// Where panics are written.
#[derive(Debug)]
pub struct PanicBox {
    folder: Option<PathBuf>,
    written: AtomicU32,
}

impl PanicBox {
    /// Files go to `panics` in this folder; without a folder only the log is told.
    pub fn new(data: Option<&std::path::Path>) -> PanicBox {
        PanicBox {
            folder: data.map(|data| data.join("panics")),
            written: AtomicU32::new(0),
        }
    }

    /// Tells the log, and keeps the message.
    pub fn keep(&self, shard: u16, report: &PanicReport) {
        let source = report
            .flow
            .map_or_else(|| "-".to_owned(), |flow| flow.remote.to_string());
        let file = self.write(report).unwrap_or_default();
        tracing::error!(
            shard,
            source,
            file,
            "a shard panicked while it was {}, and was restarted: {}; this is a bug, please report it with the file",
            report.while_doing,
            report.message.escape_debug()
        );
    }

    fn write(&self, report: &PanicReport) -> Option<String> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        if report.octets.is_empty() || number >= FILES_MAX {
            return None;
        }
        let folder = self.folder.as_ref()?;
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
