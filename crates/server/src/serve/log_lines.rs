//! Events as lines of the log, as `tracing` writes all others, gathered in one buffer.

use std::io::{self, Write};

use strowger_element::Event;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::lines::{Names, Weight, weight, write_words};
use super::stamp::Stamp;

/// Octets gathered before they are written.
const GATHERED_OCTETS_MAX: usize = 64 << 10;

/// How a log line looks.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// Plain text.
    Plain,
    /// Text with the colours of a terminal.
    Colored,
    /// A JSON object.
    Json,
}

/// True if events of this weight pass a level of the log.
pub fn passes(weight: Weight, level: LevelFilter) -> bool {
    let own = match weight {
        Weight::Failure => Level::WARN,
        Weight::Change => Level::INFO,
        Weight::Detail => Level::DEBUG,
    };
    own <= level
}

/// Lines that were not written yet.
pub struct LogLines {
    form: LineForm,
    stamp: Stamp,
    gathered: Vec<u8>,
    count: u64,
    /// The words of a line that is being made.
    words: Vec<u8>,
}

impl LogLines {
    /// No lines.
    pub fn new(form: LineForm) -> LogLines {
        LogLines {
            form,
            stamp: Stamp::default(),
            gathered: Vec::with_capacity(GATHERED_OCTETS_MAX),
            count: 0,
            words: Vec::new(),
        }
    }

    /// Appends the line of an event; its time stamp is when it happened.
    pub fn add(&mut self, event: &Event, names: &Names) {
        let weight = weight(event);
        match self.form {
            LineForm::Plain => self.add_plain(event, weight, names),
            LineForm::Colored => self.add_colored(event, weight, names),
            LineForm::Json => self.add_json(event, weight, names),
        }
        self.count += 1;
    }

    /// True once the lines should be written though more may come at once.
    pub fn is_full(&self) -> bool {
        self.gathered.len() >= GATHERED_OCTETS_MAX
    }

    /// Writes all lines with one call. Returns how many may be lost.
    pub fn write_to(&mut self, mut log: impl Write) -> u64 {
        let written = match self.gathered.is_empty() {
            true => Ok(()),
            false => log.write_all(&self.gathered),
        };
        self.gathered.clear();
        self.gathered.shrink_to(2 * GATHERED_OCTETS_MAX);
        let count = core::mem::take(&mut self.count);
        written.map_or(count, |()| 0)
    }

    /// Writes all lines to where the log goes.
    pub fn write(&mut self) -> u64 {
        self.write_to(io::stderr().lock())
    }

    fn add_plain(&mut self, event: &Event, weight: Weight, names: &Names) {
        let out = &mut self.gathered;
        self.stamp.write(event.wall, out);
        out.extend_from_slice(match weight {
            Weight::Failure => b"  WARN ",
            Weight::Change => b"  INFO ",
            Weight::Detail => b" DEBUG ",
        });
        write_words(event, names, out);
        out.extend_from_slice(b" call_id=");
        event.call_id.write(out);
        out.push(b'\n');
    }

    fn add_colored(&mut self, event: &Event, weight: Weight, names: &Names) {
        let out = &mut self.gathered;
        out.extend_from_slice(b"\x1b[2m");
        self.stamp.write(event.wall, out);
        out.extend_from_slice(match weight {
            Weight::Failure => b"\x1b[0m \x1b[33m WARN\x1b[0m ",
            Weight::Change => b"\x1b[0m \x1b[32m INFO\x1b[0m ",
            Weight::Detail => b"\x1b[0m \x1b[34mDEBUG\x1b[0m ",
        });
        write_words(event, names, out);
        out.extend_from_slice(b" \x1b[3mcall_id\x1b[0m\x1b[2m=\x1b[0m");
        event.call_id.write(out);
        out.push(b'\n');
    }

    fn add_json(&mut self, event: &Event, weight: Weight, names: &Names) {
        let (words, out) = (&mut self.words, &mut self.gathered);
        out.extend_from_slice(b"{\"timestamp\":\"");
        self.stamp.write(event.wall, out);
        out.extend_from_slice(match weight {
            Weight::Failure => b"\",\"level\":\"WARN\",\"message\":\"".as_slice(),
            Weight::Change => b"\",\"level\":\"INFO\",\"message\":\"",
            Weight::Detail => b"\",\"level\":\"DEBUG\",\"message\":\"",
        });
        words.clear();
        write_words(event, names, words);
        write_escaped(words, out);
        out.extend_from_slice(b"\",\"call_id\":\"");
        words.clear();
        event.call_id.write(words);
        write_escaped(words, out);
        out.extend_from_slice(b"\"}\n");
    }
}

/// Appends text as it stands in a JSON string. It holds no control characters: what an event displays has none.
fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|octet| matches!(octet, b'"' | b'\\')) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.push(b'\\');
        let (special, after) = special.split_at(1);
        out.extend_from_slice(special);
        rest = after;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use strowger_element::EventKind;
    use strowger_sip::Time;
    use tracing_subscriber::fmt;
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::time::FormatTime;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::serve::lines::tests::{KINDS, event};
    use crate::serve::lines::words;

    const FORMS: [LineForm; 3] = [LineForm::Plain, LineForm::Colored, LineForm::Json];

    /// The clock of an event, for `tracing`.
    struct At(Time);

    impl FormatTime for At {
        fn format_time(&self, writer: &mut Writer<'_>) -> core::fmt::Result {
            let mut text = Vec::new();
            Stamp::default().write(self.0, &mut text);
            writer.write_str(&String::from_utf8_lossy(&text))
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic before").write(octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn by_tracing(form: LineForm, event: &Event) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = fmt::layer()
            .with_target(false)
            .with_timer(At(event.wall))
            .with_writer(move || writer.clone());
        let tell = || {
            let words = words(event, &Names::default());
            let call_id = tracing::field::display(&event.call_id);
            match weight(event) {
                Weight::Failure => tracing::warn!(call_id, "{words}"),
                Weight::Change => tracing::info!(call_id, "{words}"),
                Weight::Detail => tracing::debug!(call_id, "{words}"),
            }
        };
        let registry = tracing_subscriber::registry();
        match form {
            LineForm::Json => {
                let layer = layer.json().flatten_event(true);
                tracing::subscriber::with_default(registry.with(layer), tell);
            }
            LineForm::Plain | LineForm::Colored => {
                let layer = layer.with_ansi(form == LineForm::Colored);
                tracing::subscriber::with_default(registry.with(layer), tell);
            }
        }
        let octets = sink.0.lock().expect("no panic before").clone();
        String::from_utf8(octets).expect("text")
    }

    #[test]
    fn lines_look_as_tracing_writes_them() {
        let mut ended = event(EventKind::CredentialsRefused);
        ended.detail = strowger_element::Text::new(b"\"a\\b\"\x1b[0m");
        let events = KINDS.map(event).into_iter().chain([ended]);
        for (event, form) in events.flat_map(|event| FORMS.map(|form| (event, form))) {
            let mut lines = LogLines::new(form);
            lines.add(&event, &Names::default());
            let line = String::from_utf8(lines.gathered).expect("text");
            assert_eq!(line, by_tracing(form, &event));
        }
    }

    #[test]
    fn a_level_keeps_out_what_weighs_less() {
        let passing = |level| {
            [Weight::Failure, Weight::Change, Weight::Detail].map(|weight| passes(weight, level))
        };
        assert_eq!(passing(LevelFilter::OFF), [false, false, false]);
        assert_eq!(passing(LevelFilter::ERROR), [false, false, false]);
        assert_eq!(passing(LevelFilter::WARN), [true, false, false]);
        assert_eq!(passing(LevelFilter::INFO), [true, true, false]);
        assert_eq!(passing(LevelFilter::DEBUG), [true, true, true]);
    }

    #[test]
    fn lines_are_written_with_one_call() {
        struct Calls(Vec<usize>);
        impl Write for &mut Calls {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                self.0
                    .push(octets.iter().filter(|octet| **octet == b'\n').count());
                Ok(octets.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut calls = Calls(Vec::new());
        let mut lines = LogLines::new(LineForm::Plain);
        for _ in 0..3 {
            lines.add(&event(EventKind::CallEnded), &Names::default());
        }
        assert_eq!(lines.write_to(&mut calls), 0);
        assert_eq!(lines.write_to(&mut calls), 0);
        assert_eq!(calls.0, [3]);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = LogLines::new(LineForm::Json);
        lines.add(&event(EventKind::CallEnded), &Names::default());
        lines.add(&event(EventKind::CallFailed), &Names::default());
        assert_eq!(lines.write_to(Full), 2);
        assert_eq!(lines.write_to(Full), 0);
    }
}
