//! Log lines on standard error: for people, or one JSON object per line.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::Log;

/// Changes the level of a running log.
#[derive(Clone, Debug)]
pub struct LogLevel {
    handle: reload::Handle<LevelFilter, Registry>,
}

impl LogLevel {
    /// Takes over another level.
    pub fn set(&self, log: &Log) {
        let _ = self.handle.reload(level(log));
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
    let registry = tracing_subscriber::registry().with(filter);
    let started = if log.json {
        let layer = fmt::layer()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_writer(std::io::stderr);
        registry.with(layer).try_init()
    } else {
        let layer = fmt::layer()
            .with_target(false)
            .with_ansi(terminal)
            .with_writer(std::io::stderr);
        registry.with(layer).try_init()
    };
    if let Err(error) = started {
        eprintln!("warning: the log was started already: {error}");
    }
    LogLevel { handle }
}
