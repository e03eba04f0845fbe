//! Start-up and shut-down: from a configuration to a running server, all of it or nothing.
//!
//! ```text
//! data folder, lock ─► database ─► secrets ─► listeners ─► admin socket ─► accounts, bindings ─► journal
//!   ─► shards and workers ─► DNS and admin runtime ─► wait for signals ─► drain ─► end
//! ```

mod accounts;
mod beside;
mod dns;
mod drain;
mod errands;
mod event_queue;
mod hub;
mod keeping;
#[cfg(test)]
mod limits_page;
mod lines;
mod live;
mod log;
mod log_brake;
mod log_lines;
mod overload;
mod panic_hook;
mod panics;
mod port_owner;
mod reload;
mod rpc;
mod scripted;
mod services;
mod settings;
pub mod signals;
mod stamp;
mod start;
mod trial;

use core::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use strowger_admin::Control;

use crate::config::Log;
use crate::exit::Failure;
use crate::locate::Located;
use log::LogLevel;
use signals::{Request, Signals};
use start::Started;

pub use accounts::hiding;
pub use trial::{run as trial, script};

/// How long connections may take to be written out at the end.
const DRAIN: Duration = Duration::from_secs(3);

/// How long the last lines of the log are waited for.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Runs a server with a configuration file until a signal ends it.
///
/// # Errors
/// Something needed for the start is missing or taken; nothing stays behind.
pub fn run(located: Located) -> Result<(), Failure> {
    let signals = block_signals()?;
    run_with(&signals, located, log::start)
}

fn run_with(
    signals: &Signals,
    located: Located,
    log: impl FnOnce(&Log) -> LogLevel,
) -> Result<(), Failure> {
    let wanted = located.config.log.clone();
    let script = located.config.script.as_ref();
    // A quiet log, as `debug=-3` of a `kamailio.cfg` asks for, is quiet once the start has been told.
    let at_start = match script.is_some_and(|script| script.kamailio_defaults) {
        true => log::louder(wanted.level, "info"),
        false => wanted.level,
    };
    let log = log(&Log {
        level: at_start,
        ..wanted.clone()
    });
    for line in located.report.lines() {
        tracing::warn!("{line}");
    }
    if let Some(script) = &located.config.script {
        script.try_load()?;
        let found = script.lint()?.list.len();
        if found > 0 {
            tracing::warn!(
                "{found} places of {} may not do what they seem to; `strowger check` shows them",
                script.file
            );
        }
    }
    let started = start::start(located, log)?;
    tracing::info!("ready");
    started.live.log.set(&wanted);
    started.live.refresh_interest();
    serve(signals, started);
    Ok(())
}

fn block_signals() -> Result<Signals, Failure> {
    Signals::block().map_err(|error| {
        Failure::new(
            crate::exit::Exit::Failed,
            format!("cannot set up signals: {error}"),
        )
    })
}

/// Serves until a signal asks for the end.
fn serve(signals: &Signals, started: Started) {
    while signals.wait() == Request::Reload {
        // The log has said what came of it.
        let _ = started.live.reload();
    }
    end(signals, started);
}

/// Ends a server; a further signal ends the process at once.
fn end(signals: &Signals, started: Started) {
    started.live.ending.store(true, Ordering::Relaxed);
    drain::drain(signals, &started.live);
    signals.unblock();
    tracing::info!("ending");
    let hub = Arc::clone(&started.live.hub);
    started.end(DRAIN);
    hub.finish(LAST_LINES);
    tracing::info!("ended");
}
