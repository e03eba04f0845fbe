//! The loop between the machine and its ports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strowger_load::{Generator, Phase, Statistics, Task};
use strowger_net::{Arrival, DatagramPorts, address_towards};
use strowger_sip::Time;
use strowger_transaction::TransmitBatch;

use super::live::Live;
use super::plan::Plan;
use crate::exit::{Exit, Failure};

/// Octets of the buffers of each port.
const BUFFER_OCTETS: usize = 4 << 20;
/// Longest sleep: a signal is seen after that.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// How long what is under way may take to end after a signal, or after too many failures.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long users may take to leave.
const LEAVE_PATIENCE: Duration = Duration::from_secs(30);

/// How a phase ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it was done.
    Complete,
    /// A signal came.
    Interrupted,
    /// Too many failures.
    Failures,
}

impl Ended {
    /// A name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Ended::Complete => "complete",
            Ended::Interrupted => "interrupted",
            Ended::Failures => "failures",
        }
    }
}

/// Machine and ports of one run.
#[derive(Debug)]
pub struct Drive {
    generator: Generator,
    ports: DatagramPorts,
    batch: TransmitBatch,
    stop: Arc<AtomicBool>,
    /// A signal that was already obeyed, so that users can still leave.
    obeyed: bool,
}

impl Drive {
    /// Opens the ports. `stop` ends the run when it becomes true.
    ///
    /// # Errors
    /// There is no route to the target, or no port to be had.
    pub fn open(plan: &Plan, stop: Arc<AtomicBool>) -> Result<Drive, Failure> {
        let target = plan.settings.target;
        let failed = |error: std::io::Error| {
            Failure::new(
                Exit::Failed,
                format!("no ports to reach {target} from: {error}"),
            )
        };
        let own = address_towards(target).map_err(failed)?;
        let has_called_side = plan.settings.scenario.has_called_side();
        let count = plan.ports + usize::from(has_called_side);
        let ports = DatagramPorts::bind(own, count, BUFFER_OCTETS).map_err(failed)?;
        let (callers, called) = ports.addresses().split_at(plan.ports);
        let mut run = [0; 4];
        crate::password::fill_random(&mut run).map_err(failed)?;
        let run = u32::from_ne_bytes(run);
        let called = called.first().copied();
        Ok(Drive {
            generator: Generator::new(plan.settings.clone(), callers, called, run),
            ports,
            batch: TransmitBatch::new(),
            stop,
            obeyed: false,
        })
    }

    /// The figures of the last phase.
    pub fn statistics(&self) -> &Statistics {
        self.generator.statistics()
    }

    /// Runs one phase to its end.
    ///
    /// # Errors
    /// The kernel refuses to wait.
    pub fn run(&mut self, phase: Phase) -> std::io::Result<Ended> {
        let Drive {
            generator,
            ports,
            batch,
            ..
        } = self;
        let begun = ports.now();
        let mut ended = Ended::Complete;
        // What is under way then is given up.
        let mut gives_up_at = match phase.task {
            Task::Leave => begun + LEAVE_PATIENCE,
            _ => Time::MAX,
        };
        let mut live = Live::new(phase.measured, begun);
        generator.begin(begun, phase);
        loop {
            let now = ports.now();
            if ended == Ended::Complete {
                let signal = !self.obeyed && self.stop.load(Ordering::Relaxed);
                ended = match (signal, generator.has_failed_too_often()) {
                    (true, _) => Ended::Interrupted,
                    (false, true) => Ended::Failures,
                    (false, false) => Ended::Complete,
                };
                if ended != Ended::Complete {
                    self.obeyed |= signal;
                    generator.stop(now, batch);
                    gives_up_at = gives_up_at.min(now + PATIENCE);
                }
            }
            if now >= gives_up_at {
                generator.abandon(now);
            }
            generator.handle_timeout(now, batch);
            ports.send(batch);
            batch.clear();
            if generator.is_finished(now) {
                return Ok(ended);
            }
            live.tick(now, generator);
            let next = generator.poll_timeout(now).unwrap_or(Time::MAX);
            ports.wait(next.saturating_since(ports.now()).min(SLEEP_MAX))?;
            ports.receive(|port, now, arrival| match arrival {
                Arrival::Datagram(remote, octets) => {
                    generator.handle_datagram(now, port, remote, octets, batch);
                }
                Arrival::Unreachable(branch) => generator.handle_unreachable(now, branch, batch),
            });
        }
    }
}
