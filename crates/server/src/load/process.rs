//! What processes have consumed: processor time from `schedstat` of their threads, memory from `smaps_rollup`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::exit::{Exit, Failure};

/// Ticks below which they tell nothing about shares.
const TICKS_MIN: u64 = 20;

/// The server's processes.
#[derive(Debug)]
pub struct Watched {
    named: Vec<u32>,
}

/// A reading.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Nanoseconds on a processor by process and thread.
    threads: BTreeMap<(u32, u32), u64>,
    /// Ticks in user and kernel mode; they tell the shares of the two.
    user_ticks: u64,
    kernel_ticks: u64,
    pss_kib: Option<u64>,
    tool: Duration,
}

/// What was consumed between two readings.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The server's part; `None` unless its process was named.
    pub server: Option<ServerUsage>,
    /// Processor time of this program.
    pub tool: Duration,
}

/// The server's part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerUsage {
    /// Processor time, exactly.
    pub total: Duration,
    /// The share of it in user mode, from 0 to 1, as exact as ticks of 10 ms are; `None` if too few passed.
    pub user_share: Option<f64>,
    /// Memory in KiB before and after, what is shared counted in parts; `None` if it may not be read.
    pub pss_kib: Option<(u64, u64)>,
}

impl Watched {
    /// The processes with these ids.
    ///
    /// # Errors
    /// One of them does not exist.
    pub fn new(pids: &[u32]) -> Result<Watched, Failure> {
        match pids.iter().find(|pid| stat(**pid).is_none()) {
            Some(pid) => Err(
                Failure::new(Exit::Usage, format!("there is no process {pid}"))
                    .fix("--pid with the process id of the running server"),
            ),
            None => Ok(Watched {
                named: pids.to_vec(),
            }),
        }
    }

    /// Reads what they and all their children have consumed so far.
    pub fn sample(&self) -> Sample {
        let mut sample = Sample::default();
        for pid in self.all() {
            let Some(stat) = stat(pid) else { continue };
            sample.user_ticks += stat.user_ticks;
            sample.kernel_ticks += stat.kernel_ticks;
            for thread in numbers(&format!("/proc/{pid}/task")) {
                let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat"));
                let text = text.unwrap_or_default();
                let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
                sample.threads.insert((pid, thread), nanos.unwrap_or(0));
            }
            if let Some(kib) = pss_kib(pid) {
                *sample.pss_kib.get_or_insert_default() += kib;
            }
        }
        // Last, so that reading all this is not counted.
        sample.tool = own_time();
        sample
    }

    /// What was consumed since a reading.
    pub fn since(&self, before: &Sample) -> Usage {
        let tool = own_time().saturating_sub(before.tool);
        let after = self.sample();
        let nanos: u64 = after
            .threads
            .iter()
            .map(|(thread, nanos)| {
                nanos.saturating_sub(before.threads.get(thread).copied().unwrap_or(0))
            })
            .sum();
        let user = after.user_ticks.saturating_sub(before.user_ticks);
        let kernel = after.kernel_ticks.saturating_sub(before.kernel_ticks);
        let server = ServerUsage {
            total: Duration::from_nanos(nanos),
            user_share: (user + kernel >= TICKS_MIN).then(|| user as f64 / (user + kernel) as f64),
            pss_kib: before.pss_kib.zip(after.pss_kib),
        };
        Usage {
            server: (!self.named.is_empty()).then_some(server),
            tool,
        }
    }

    /// The named processes and their descendants.
    fn all(&self) -> BTreeSet<u32> {
        let mut found: BTreeSet<u32> = self.named.iter().copied().collect();
        if found.is_empty() {
            return found;
        }
        let parents: Vec<(u32, u32)> = numbers("/proc")
            .into_iter()
            .filter_map(|pid| Some((pid, stat(pid)?.parent)))
            .collect();
        let mut before = 0;
        while found.len() != before {
            before = found.len();
            let children = parents.iter().filter(|(_, parent)| found.contains(parent));
            let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
            found.extend(children);
        }
        found.remove(&std::process::id());
        found
    }
}

/// Processor time of this program.
fn own_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map(Duration::from)
        .unwrap_or_default()
}

struct Stat {
    parent: u32,
    user_ticks: u64,
    kernel_ticks: u64,
}

/// The fields of `/proc/PID/stat` after the name, which may hold blanks and parentheses.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        user_ticks: fields.get(11)?.parse().ok()?,
        kernel_ticks: fields.get(12)?.parse().ok()?,
    })
}

fn pss_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The entries of a folder whose names are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_there_is_told() {
        let failure = Watched::new(&[u32::MAX]).expect_err("no such process");
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn this_program_consumes() {
        let watched = Watched::new(&[]).expect("none");
        let before = watched.sample();
        let mut sum = 0_u64;
        while watched.since(&before).tool.is_zero() {
            sum = sum.wrapping_add(1);
        }
        assert_eq!(watched.since(&before).server, None);
    }
}
