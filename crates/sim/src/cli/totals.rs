//! Sums over all seeds.

use core::time::Duration;
use std::collections::BTreeMap;

use strowger_sim::{PROBES, Probes, Summary};

/// Excuses are judged from so many errands on.
const JUDGED_FROM: u64 = 1_000;
/// Of 1,000 errands, those that may have gone wrong because the network lost too much.
const EXCUSED_MAX: u64 = 3;
/// And those whose answer may never have been acknowledged.
const UNACKNOWLEDGED_MAX: u64 = 20;
/// And those that an incident may have changed.
const DISTURBED_MAX: u64 = 60;

/// What the runs came to.
#[derive(Default)]
pub struct Totals {
    errands: u64,
    calls: u64,
    answered: u64,
    failed: BTreeMap<u16, u64>,
    singles: u64,
    in_dialog: u64,
    unacknowledged: u64,
    excused: u64,
    disturbed: u64,
    incidents: u64,
    messages: u64,
    on_connections: u64,
    lost: u64,
    seconds: u64,
    seconds_least: Option<u64>,
    pub probes: Probes,
}

impl Totals {
    /// Adds a run.
    pub fn take(&mut self, summary: &Summary) {
        let errands = &summary.errands;
        self.errands += errands.errands;
        self.calls += errands.calls;
        self.answered += errands.answered;
        for (status, count) in &errands.failed {
            *self.failed.entry(*status).or_default() += count;
        }
        self.singles += errands.singles_answered;
        self.in_dialog += errands.in_dialog;
        self.unacknowledged += errands.unacknowledged;
        self.excused += errands.excused;
        self.disturbed += errands.disturbed;
        self.incidents += summary.incidents;
        self.messages += summary.network.sent;
        self.on_connections += summary.network.on_connections;
        self.lost += summary.network.lost;
        let seconds = summary.ended_at.as_secs();
        self.seconds += seconds;
        self.seconds_least = Some(
            self.seconds_least
                .map_or(seconds, |least| least.min(seconds)),
        );
        self.probes.merge(&summary.probes);
    }

    /// What of that which is put down to the network or to a crash is more than ever was: then a checker excuses a bug.
    pub fn too_many_excuses(&self) -> Option<String> {
        if self.errands < JUDGED_FROM {
            return None;
        }
        let kinds = [
            ("errands put down to the network", self.excused, EXCUSED_MAX),
            (
                "answers without an ACK",
                self.unacknowledged,
                UNACKNOWLEDGED_MAX,
            ),
            (
                "errands put down to an incident",
                self.disturbed,
                DISTURBED_MAX,
            ),
        ];
        let found = kinds
            .into_iter()
            .find(|(_, count, max)| count * 1_000 > self.errands * max);
        found.map(|(what, count, max)| {
            format!("{count} {what}, of {}; {max} in 1,000 may be", self.errands)
        })
    }

    /// Prints the sums.
    pub fn print(&self, seeds: u64, failures: usize, wall: Duration) {
        println!("rare paths");
        for probe in PROBES {
            let count = self.probes.count(probe.name);
            println!("  {count:>9}  {:<40}{}", probe.name, probe.what);
        }
        let failed: Vec<String> = self
            .failed
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        println!("seeds           {seeds}, failed {failures}");
        println!(
            "errands         {}, {} of them calls",
            self.errands, self.calls
        );
        println!(
            "answered        {} calls, {} other requests",
            self.answered, self.singles
        );
        println!("ended otherwise {}", failed.join(", "));
        println!("in dialogs      {} requests answered", self.in_dialog);
        println!(
            "network's fault {} errands, {} answers without an ACK",
            self.excused, self.unacknowledged
        );
        println!(
            "incidents       {}, {} errands went otherwise than planned",
            self.incidents, self.disturbed
        );
        println!(
            "messages        {}, {} on connections, {} datagrams lost",
            self.messages, self.on_connections, self.lost
        );
        println!(
            "virtual time    {} s, {} s at least",
            self.seconds,
            self.seconds_least.unwrap_or(0)
        );
        let probes = PROBES.len();
        println!(
            "probes          {} of {probes} hit",
            probes - self.probes.missed().len()
        );
        println!("wall time       {:.1} s", wall.as_secs_f64());
    }
}
