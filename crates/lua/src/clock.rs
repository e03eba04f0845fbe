//! What a slice costs: a clock that the driver hands in.

use std::time::Duration;

/// Reads the time that budgets are measured in.
pub trait BudgetClock: Send {
    /// Nanoseconds since any epoch. `instructions` is how many instructions of the script ran since the last reading;
    /// a clock of a simulation advances by them, a real one ignores them.
    fn read(&mut self, instructions: u64) -> u64;
}

/// A clock that advances by instructions alone: equal runs cost equal time, whatever the machine does.
#[derive(Clone, Debug)]
pub struct InstructionClock {
    nanos: u64,
    nanos_per_instruction: u64,
}

impl InstructionClock {
    /// A clock on which an instruction takes this long.
    pub fn new(per_instruction: Duration) -> Self {
        InstructionClock {
            nanos: 0,
            nanos_per_instruction: u64::try_from(per_instruction.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

impl Default for InstructionClock {
    /// 10 ns for an instruction.
    fn default() -> Self {
        InstructionClock::new(Duration::from_nanos(10))
    }
}

impl BudgetClock for InstructionClock {
    fn read(&mut self, instructions: u64) -> u64 {
        self.nanos = self
            .nanos
            .saturating_add(instructions.saturating_mul(self.nanos_per_instruction));
        self.nanos
    }
}
