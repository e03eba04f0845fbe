//! The figures of a run, as a table.

use core::fmt::Write;

use crate::runner::Outcome;

/// The table of all targets that were run.
pub fn table(outcomes: &[(&str, Outcome)]) -> String {
    let mut out = format!(
        "{:<16} {:>9} {:>7} {:>9} {:>6} {:>6} {:>11} {:>8}\n",
        "target", "runs", "seconds", "runs/s", "read", "deep", "slowest ms", "findings"
    );
    for (name, outcome) in outcomes {
        let seconds = outcome.elapsed.as_secs_f64();
        let _ = writeln!(
            out,
            "{name:<16} {:>9} {seconds:>7.1} {:>9.0} {:>5.1}% {:>5.1}% {:>11.1} {:>8}",
            outcome.runs,
            outcome.runs as f64 / seconds.max(f64::MIN_POSITIVE),
            share(outcome.read, outcome.runs),
            share(outcome.deep, outcome.runs),
            outcome.slowest.as_secs_f64() * 1_000.0,
            outcome.findings.len(),
        );
    }
    let runs: u64 = outcomes.iter().map(|(_, outcome)| outcome.runs).sum();
    let findings: usize = outcomes
        .iter()
        .map(|(_, outcome)| outcome.findings.len())
        .sum();
    let _ = writeln!(out, "{runs} inputs, {findings} findings");
    out
}

/// The share in percent.
pub fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
