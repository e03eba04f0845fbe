//! The parts of a run: users enter, the scenario warms up and is measured, users leave.

use core::time::Duration;

use crate::pace::Pace;
use crate::scenario::Scenario;
use crate::settings::Settings;

/// Operations in flight while users enter and leave.
const PREPARATION_WINDOW: u32 = 64;

/// What is done in a phase.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The scenario's operation.
    Scenario,
    /// REGISTER of each user, with credentials if they are asked for.
    Enter,
    /// REGISTER with Expires 0 of each user whom this run registered.
    Leave,
}

/// How much is done in a phase.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many operations.
    Operations(u64),
    /// Operations begin for so long.
    Duration(Duration),
    /// Each user once.
    Users,
}

/// One part of a run.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name in reports; empty where a run has one measured phase.
    pub name: &'static str,
    /// What is done.
    pub task: Task,
    /// How much.
    pub amount: Amount,
    /// How fast.
    pub pace: Pace,
    /// Whether it is reported.
    pub measured: bool,
}

/// The phases of a run: `warm` operations go before the `amount` that is measured; `keep` leaves users registered.
pub fn phases(
    settings: &Settings,
    amount: Amount,
    warm: u64,
    pace: Pace,
    keep: bool,
) -> Vec<Phase> {
    let aside = |task| Phase {
        name: "",
        task,
        amount: Amount::Users,
        pace: Pace::Closed {
            window: PREPARATION_WINDOW,
        },
        measured: false,
    };
    let own = |name, amount, measured| Phase {
        name,
        task: Task::Scenario,
        amount,
        pace,
        measured,
    };
    let scenario = settings.scenario;
    let mut phases = Vec::new();
    if scenario.has_called_side() {
        phases.push(aside(Task::Enter));
    }
    if scenario == Scenario::Register {
        phases.push(own("fresh", Amount::Users, true));
    }
    if warm > 0 {
        phases.push(own("", Amount::Operations(warm), false));
    }
    let name = match scenario {
        Scenario::Register => "refresh",
        _ => "",
    };
    if amount != Amount::Operations(0) {
        phases.push(own(name, amount, true));
    }
    if !keep && (scenario.registers() || scenario.has_called_side()) {
        phases.push(aside(Task::Leave));
    }
    phases
}
