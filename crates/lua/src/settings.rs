//! What an operator can set of the script host.

use std::collections::BTreeMap;
use std::time::Duration;

/// How scripts share their VM.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum HostingForm {
    /// One script is loaded; its functions are called by name and share its globals (KEMI).
    SharedGlobals,
    /// Every run executes a file in an environment of its own; what it sets is gone when it ends (FreeSWITCH).
    PerRun,
}

/// Settings of a script host.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// How scripts share their VM.
    pub form: HostingForm,
    /// CPU time of a slice: from a call, or the resumption of a run, to its end or its next wait. Default 5 ms.
    pub slice: Duration,
    /// The same for loading a script. Default 1 s.
    pub load_slice: Duration,
    /// Instructions between two looks at the clock and the memory. Default 1,000.
    pub instructions_per_check: u32,
    /// Memory of one VM; a single allocation beyond it fails. Default 32 MiB.
    pub memory_octets_max: usize,
    /// How much of it may be in use at a check, in percent; beyond, after a full collection, runs are ended. Default 87.
    pub memory_use_percent: u8,
    /// The longest string that `string.rep`, `string.gsub`, `string.format` and `table.concat` (of more than eight pieces)
    /// may make, and the longest text that a script may compile. Default 1 MiB.
    pub result_octets_max: usize,
    /// Runs that may be parked at one time. Default 10,000.
    pub parked_max: usize,
    /// Coroutines kept for the next run, per VM, beside one for each entry. Default 64.
    pub pooled_max: usize,
    /// Overruns of one route that are allowed within the window; the next call is not run. Default 3; 0 turns the quarantine off.
    pub overruns: usize,
    /// The window of the quarantine. Default 10 s.
    pub overrun_window: Duration,
    /// Routes whose overruns are remembered. Default 1,024.
    pub overrun_routes_max: usize,
    /// Seed of `math.random`.
    pub seed: u64,
    /// `pairs` goes through keys in order (numbers, then strings), so that equal runs are equal on every machine.
    /// For simulations; it costs a sort. Default off.
    pub ordered_pairs: bool,
    /// What `os.getenv` finds. Default empty.
    pub environment: BTreeMap<String, String>,
}

impl Default for HostSettings {
    fn default() -> Self {
        HostSettings {
            form: HostingForm::SharedGlobals,
            slice: Duration::from_millis(5),
            load_slice: Duration::from_secs(1),
            instructions_per_check: 1_000,
            memory_octets_max: 32 << 20,
            memory_use_percent: 87,
            result_octets_max: 1 << 20,
            parked_max: 10_000,
            pooled_max: 64,
            overruns: 3,
            overrun_window: Duration::from_secs(10),
            overrun_routes_max: 1_024,
            seed: 0,
            ordered_pairs: false,
            environment: BTreeMap::new(),
        }
    }
}
