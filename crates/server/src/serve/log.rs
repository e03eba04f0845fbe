//! Log lines on standard error: for people, or one JSON object per line.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::log_lines::LineForm;
use crate::config::Log;

/// The form of a running log, and its level, which can be changed.
#[derive(Clone, Debug)]
pub struct LogLevel {
    handle: reload::Handle<LevelFilter, Registry>,
    form: LineForm,
}

impl LogLevel {
    /// Takes over another level.
    pub fn set(&self, log: &Log) {
        let _ = self.handle.reload(level(log));
    }

    /// How its lines look.
    pub fn form(&self) -> LineForm {
        self.form
    }
}

/// The one of two levels that shows more.
pub fn louder(one: &'static str, other: &'static str) -> &'static str {
    let parsed = |name: &str| name.parse().unwrap_or(LevelFilter::INFO);
    match parsed(one) < parsed(other) {
        true => other,
        false => one,
    }
}

fn level(log: &Log) -> LevelFilter {
    log.level.parse().unwrap_or(LevelFilter::INFO)
}

/// Starts the log. A second start in one process keeps the first.
pub fn start(log: &Log) -> LogLevel {
    let (filter, handle) = reload::Layer::new(level(log));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let form = match (log.json, terminal) {
        (true, _) => LineForm::Json,
        (false, true) => LineForm::Colored,
        (false, false) => LineForm::Plain,
    };
    let registry = tracing_subscriber::registry().with(filter);
    // A line that cannot be written is lost: telling so on the same standard error would panic.
    let layer = fmt::layer()
        .with_target(false)
        .with_ansi(form == LineForm::Colored)
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let started = match form {
        LineForm::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LineForm::Plain | LineForm::Colored => registry.with(layer).try_init(),
    };
    if let Err(error) = started {
        eprintln!("warning: the log was started already: {error}");
    }
    LogLevel { handle, form }
}
