//! Lines of scripts in the server's log. What comes from the wire in them is escaped, so that nobody can forge a line,
//! and a script that writes without end cannot fill the disk.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::fmt::Write;
use std::time::Instant;

use strowger_kamailio::kemi::{KemiLog, LogLevel};

/// Lines of scripts written in one second (2,000); more are counted and left out.
pub const LINES_PER_SECOND_MAX: u64 = 2_000;
/// Octets of one line (4,096); what is longer is cut.
pub const LINE_OCTETS_MAX: usize = 4_096;

/// Takes the lines of all shards.
#[derive(Debug)]
pub struct ScriptLines {
    level: AtomicU8,
    began: Instant,
    /// The second that is counted, and its lines.
    second: AtomicU64,
    lines: AtomicU64,
    written: AtomicU64,
    left_out: AtomicU64,
}

impl ScriptLines {
    /// Lines of this level and above are written.
    pub fn new(level: LogLevel) -> ScriptLines {
        ScriptLines {
            level: AtomicU8::new(level as u8),
            began: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            written: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Takes over another level.
    pub fn set_level(&self, level: LogLevel) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// Shows every counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "script_lines",
            "Log lines that scripts wrote",
            self.written.load(Ordering::Relaxed),
        );
        f(
            "script_lines_left_out",
            "Log lines of scripts left out because there were too many in one second",
            self.left_out.load(Ordering::Relaxed),
        );
    }

    /// True if this second has room for one more. Two threads that meet at its turn may let a few more through.
    fn has_room(&self, second: u64) -> bool {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_PER_SECOND_MAX {
            self.written.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        if self.left_out.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "the script writes more than {LINES_PER_SECOND_MAX} lines in a second; the others are left out and \
                 counted (script_lines_left_out)"
            );
        }
        false
    }
}

impl KemiLog for ScriptLines {
    fn wants(&self, level: LogLevel) -> bool {
        level as u8 <= self.level.load(Ordering::Relaxed)
    }

    fn line(&self, level: LogLevel, text: &[u8]) {
        if !self.wants(level) || !self.has_room(self.began.elapsed().as_secs()) {
            return;
        }
        let text = escaped(text);
        match level {
            LogLevel::Alert | LogLevel::Critical | LogLevel::Error => {
                tracing::error!("script: {text}");
            }
            LogLevel::Warning => tracing::warn!("script: {text}"),
            LogLevel::Notice | LogLevel::Info => tracing::info!("script: {text}"),
            LogLevel::Debug => tracing::debug!("script: {text}"),
        }
    }
}

/// The text without anything that a terminal or a log store would obey; the line's own end is taken off.
fn escaped(text: &[u8]) -> String {
    let whole = text.trim_ascii_end();
    let kept = whole.get(..LINE_OCTETS_MAX).unwrap_or(whole);
    let mut out = String::with_capacity(kept.len());
    for chunk in kept.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && character != '\t' {
                let _ = write!(out, "{}", character.escape_default());
            } else {
                out.push(character);
            }
        }
        for octet in chunk.invalid() {
            let _ = write!(out, "\\x{octet:02x}");
        }
    }
    if kept.len() < whole.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_the_wire_cannot_forge_a_line() {
        assert_eq!(escaped(b"hello\n"), "hello");
        assert_eq!(
            escaped(b"a\r\n2026 ERROR forged \x1b[31m\xff"),
            "a\\r\\n2026 ERROR forged \\u{1b}[31m\\xff"
        );
        let long = vec![b'x'; LINE_OCTETS_MAX + 1];
        assert!(escaped(&long).ends_with("x…"));
    }

    #[test]
    fn levels_and_rate_are_kept() {
        let lines = ScriptLines::new(LogLevel::Notice);
        assert!(lines.wants(LogLevel::Alert) && lines.wants(LogLevel::Notice));
        assert!(!lines.wants(LogLevel::Info));
        lines.set_level(LogLevel::Debug);
        assert!(lines.wants(LogLevel::Debug));
        let written = (0..LINES_PER_SECOND_MAX + 5)
            .filter(|_| lines.has_room(1))
            .count();
        assert_eq!(written as u64, LINES_PER_SECOND_MAX);
        assert!(lines.has_room(2), "another second has room again");
        assert_eq!(lines.left_out.load(Ordering::Relaxed), 5);
    }
}
