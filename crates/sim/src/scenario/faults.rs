//! Kinds of fault that a scenario can have: each can be added, with its measure drawn from the seed, and taken out.

use core::time::Duration;

use super::Scenario;
use crate::random::Random;

/// A kind of fault.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Datagrams vanish.
    Loss,
    /// Datagrams arrive twice.
    Duplication,
    /// Datagrams overtake each other.
    Reordering,
    /// The elements lose sight of each other.
    Partition,
    /// Devices vanish.
    Vanishing,
    /// The journal is slow.
    SlowJournal,
    /// The journal fails.
    FailingJournal,
    /// The journal says that it failed, and did not.
    LyingJournal,
    /// The DNS does not answer.
    SilentDns,
    /// The DNS answers late.
    SlowDns,
    /// The DNS answers wrongly.
    LyingDns,
    /// The DNS names a server that is not there.
    DeadServer,
    /// Processes end and begin anew.
    Crash,
    /// Shards panic and are replaced.
    ShardPanic,
    /// Wall clocks are set.
    ClockJump,
    /// Connections are reset.
    Reset,
    /// Connections become half-open.
    HalfOpen,
    /// Garbage is on the wire.
    Garbage,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Fault; 18] = [
        Fault::Loss,
        Fault::Duplication,
        Fault::Reordering,
        Fault::Partition,
        Fault::Vanishing,
        Fault::SlowJournal,
        Fault::FailingJournal,
        Fault::LyingJournal,
        Fault::SilentDns,
        Fault::SlowDns,
        Fault::LyingDns,
        Fault::DeadServer,
        Fault::Crash,
        Fault::ShardPanic,
        Fault::ClockJump,
        Fault::Reset,
        Fault::HalfOpen,
        Fault::Garbage,
    ];
}

impl Scenario {
    /// Adds a kind of fault.
    pub fn add(&mut self, fault: Fault, random: &mut Random) {
        match fault {
            Fault::Loss => self.network.loss_per_mille = random.pick(&[20, 50, 100, 150], 20),
            Fault::Duplication => self.network.duplication_per_mille = random.pick(&[20, 100], 20),
            Fault::Reordering => self.network.reordering_per_mille = random.pick(&[50, 200], 50),
            Fault::Partition => self.partition = true,
            Fault::Vanishing => self.vanishing = true,
            Fault::SlowJournal => self.journal.slow_per_mille = random.pick(&[100, 300], 100),
            Fault::FailingJournal => self.journal.failure_per_mille = random.pick(&[50, 200], 50),
            Fault::LyingJournal => self.journal.lie_per_mille = random.pick(&[50, 200], 50),
            Fault::SilentDns => self.zone.silence_per_mille = random.pick(&[100, 400], 100),
            Fault::SlowDns => {
                self.zone.slow_per_mille = random.pick(&[200, 500], 200);
                // Or the answers of the first minute would do for all.
                self.zone.ttl_seconds = 2;
            }
            Fault::LyingDns => self.zone.lie_per_mille = random.pick(&[50, 200], 50),
            Fault::DeadServer => self.dead_servers = true,
            Fault::Crash => self.crashes = random.pick(&[1, 2], 1),
            Fault::ShardPanic => self.panics = random.pick(&[1, 2, 4], 1),
            Fault::ClockJump => self.clock_jumps = random.pick(&[1, 2], 1),
            Fault::Reset => {
                self.resets = random.pick(&[1, 3, 6], 1);
                self.have_streams();
            }
            Fault::HalfOpen => {
                self.half_opens = random.pick(&[1, 3], 1);
                self.have_streams();
            }
            Fault::Garbage => self.garbage = random.pick(&[3, 10], 3),
        }
    }

    fn have_streams(&mut self) {
        /// Devices on connections, where connections are what is tried.
        const SOME: u32 = 400;
        self.streams_per_mille = self.streams_per_mille.max(SOME);
    }

    /// Takes a kind of fault out.
    pub fn remove(&mut self, fault: Fault) {
        match fault {
            Fault::Loss => self.network.loss_per_mille = 0,
            Fault::Duplication => self.network.duplication_per_mille = 0,
            Fault::Reordering => self.network.reordering_per_mille = 0,
            Fault::Partition => self.partition = false,
            Fault::Vanishing => self.vanishing = false,
            Fault::SlowJournal => self.journal.slow_per_mille = 0,
            Fault::FailingJournal => self.journal.failure_per_mille = 0,
            Fault::LyingJournal => self.journal.lie_per_mille = 0,
            Fault::SilentDns => self.zone.silence_per_mille = 0,
            Fault::SlowDns => self.zone.slow_per_mille = 0,
            Fault::LyingDns => self.zone.lie_per_mille = 0,
            Fault::DeadServer => self.dead_servers = false,
            Fault::Crash => self.crashes = 0,
            Fault::ShardPanic => self.panics = 0,
            Fault::ClockJump => self.clock_jumps = 0,
            Fault::Reset => self.resets = 0,
            Fault::HalfOpen => self.half_opens = 0,
            Fault::Garbage => self.garbage = 0,
        }
    }

    /// The kinds of fault that it has.
    pub fn faults(&self) -> Vec<Fault> {
        let has = |fault: &Fault| match fault {
            Fault::Loss => self.network.loss_per_mille > 0,
            Fault::Duplication => self.network.duplication_per_mille > 0,
            Fault::Reordering => self.network.reordering_per_mille > 0,
            Fault::Partition => self.partition,
            Fault::Vanishing => self.vanishing,
            Fault::SlowJournal => self.journal.slow_per_mille > 0,
            Fault::FailingJournal => self.journal.failure_per_mille > 0,
            Fault::LyingJournal => self.journal.lie_per_mille > 0,
            Fault::SilentDns => self.zone.silence_per_mille > 0,
            Fault::SlowDns => self.zone.slow_per_mille > 0,
            Fault::LyingDns => self.zone.lie_per_mille > 0,
            Fault::DeadServer => self.dead_servers,
            Fault::Crash => self.crashes > 0,
            Fault::ShardPanic => self.panics > 0,
            Fault::ClockJump => self.clock_jumps > 0,
            Fault::Reset => self.resets > 0,
            Fault::HalfOpen => self.half_opens > 0,
            Fault::Garbage => self.garbage > 0,
        };
        Fault::ALL.into_iter().filter(has).collect()
    }

    /// True if the way to another domain may not be found, or be found late.
    pub(super) fn dns_is_bad(&self) -> bool {
        let zone = &self.zone;
        zone.silence_per_mille > 0
            || zone.slow_per_mille > 0
            || zone.lie_per_mille > 0
            || self.dead_servers
    }

    /// How long an incident of a crash is.
    pub(super) fn down(random: &mut Random) -> Duration {
        random.millis(200, 6_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_can_be_added_and_taken_out() {
        let mut random = Random::new(1);
        for fault in Fault::ALL {
            let mut scenario = Scenario::quiet(1);
            assert_eq!(scenario.faults(), []);
            scenario.add(fault, &mut random);
            assert_eq!(scenario.faults(), [fault]);
            scenario.remove(fault);
            assert_eq!(scenario.faults(), []);
        }
    }

    #[test]
    fn a_seed_has_three_kinds_of_fault_and_many_users() {
        for seed in 0..200 {
            let scenario = Scenario::mixed(seed);
            assert!(scenario.faults().len() >= 3, "seed {seed}");
            let parts = scenario.build();
            assert!(parts.agents.len() >= 20, "seed {seed}");
            assert_eq!(parts.errands.len(), 100);
            assert_eq!(parts.nodes.len(), 2);
            assert!(
                parts
                    .nodes
                    .iter()
                    .all(|node| (1..=4).contains(&node.shards.len()))
            );
        }
    }
}
