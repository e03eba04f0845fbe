//! `strowger load`: load for SIP servers, and what became of it.
//!
//! The protocol part is the machine of `strowger-load`; here are its command line, its sockets' loop ([`drive`]), what
//! the server under load consumed ([`process`]), and the report.

mod accounts;
mod args;
mod drive;
mod live;
mod plan;
mod process;
mod report;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strowger_load::Task;

use crate::exit::{Exit, Failure};
use crate::serve::signals::Signals;
use drive::{Drive, Ended};
use plan::Plan;
use process::Watched;
use report::Report;

pub use args::LoadArgs;

/// Runs a scenario. Returns the exit code: 0 if all of it was clean.
///
/// # Errors
/// The command line makes no sense, the target may not be loaded, or no socket can be opened.
pub fn run(args: &LoadArgs, json: bool) -> Result<u8, Failure> {
    let plan = Plan::of(args)?;
    let watched = Watched::new(&args.pid)?;
    let stop = stop_on_signal()?;
    let mut drive = Drive::open(&plan, stop)?;
    let mut clean = true;
    let mut over = false;
    let mut reported = false;
    for phase in plan.phases() {
        if over && phase.task != Task::Leave {
            continue;
        }
        let before = watched.sample();
        let ended = drive.run(phase).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("waiting for datagrams failed: {error}"),
            )
        })?;
        over |= ended != Ended::Complete;
        let report = Report {
            plan: &plan,
            phase,
            statistics: drive.statistics(),
            ended,
            usage: watched.since(&before),
        };
        match phase.task {
            // Who cannot register cannot be called.
            Task::Enter if !report.statistics.is_clean() => {
                report.show(json);
                (clean, over, reported) = (false, true, true);
            }
            // A run that ends while it warms up has nothing else to show.
            Task::Scenario if phase.measured || over => {
                report.show(json);
                reported = true;
                clean &= report.is_clean();
            }
            Task::Leave if !report.statistics.is_clean() && report.statistics.started > 0 => {
                eprintln!("note: {}", report.left_behind());
            }
            _ => {}
        }
    }
    if !reported {
        eprintln!("note: the run was ended before anything was measured");
    }
    Ok(match clean && reported {
        true => 0,
        false => Exit::Failed as u8,
    })
}

/// Becomes true with the first SIGINT, SIGTERM or SIGHUP; the second ends the program.
fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let failed =
        |error: String| Failure::new(Exit::Failed, format!("signals cannot be awaited: {error}"));
    let signals = Signals::block().map_err(|error| failed(error.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let wait = move || {
        signals.wait();
        told.store(true, Ordering::Relaxed);
        signals.unblock();
        loop {
            std::thread::park();
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread
        .spawn(wait)
        .map_err(|error| failed(error.to_string()))?;
    Ok(stop)
}
