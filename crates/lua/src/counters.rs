//! What the script host of one shard did.

/// Runs, by what became of them.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct LuaCounters {
    /// Runs begun.
    pub started: u64,
    /// Runs that came to their end, an exit included.
    pub finished: u64,
    /// Of these: ended by an exit marker.
    pub exited: u64,
    /// Times a run began to wait.
    pub parked: u64,
    /// Times a parked run went on.
    pub resumed: u64,
    /// Of these: at its deadline.
    pub timed_out: u64,
    /// Runs that ended with an error of the script.
    pub failed: u64,
    /// Runs ended because a slice used up its time.
    pub overruns: u64,
    /// Runs ended because they used up the memory.
    pub out_of_memory: u64,
    /// Parked runs ended to make room in the memory.
    pub ended_for_memory: u64,
    /// Parked runs ended because their generation was retired.
    pub ended_by_reload: u64,
    /// Calls answered without running.
    pub quarantined: u64,
    /// Calls of an entry that the script does not define.
    pub no_entry: u64,
    /// Waits answered at once because too many runs were parked.
    pub park_refused: u64,
    /// Waits begun where the script could not wait.
    pub waits_abandoned: u64,
    /// Calls of functions with wrong arguments.
    pub argument_faults: u64,
    /// Full collections because memory ran short.
    pub full_collections: u64,
    /// Scripts loaded.
    pub loads: u64,
    /// Scripts that did not load.
    pub load_failures: u64,
}

impl LuaCounters {
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "script_runs_started_total",
            "Script runs begun",
            self.started,
        );
        f(
            "script_runs_finished_total",
            "Script runs that came to their end",
            self.finished,
        );
        f(
            "script_runs_exited_total",
            "Script runs ended by an exit function",
            self.exited,
        );
        f(
            "script_runs_parked_total",
            "Times a script run began to wait",
            self.parked,
        );
        f(
            "script_runs_resumed_total",
            "Times a waiting script run went on",
            self.resumed,
        );
        f(
            "script_waits_timed_out_total",
            "Script waits that ended at their deadline",
            self.timed_out,
        );
        f(
            "script_runs_failed_total",
            "Script runs ended by an error",
            self.failed,
        );
        f(
            "script_overruns_total",
            "Script runs ended because they used up their CPU time",
            self.overruns,
        );
        f(
            "script_out_of_memory_total",
            "Script runs ended because they used up the memory",
            self.out_of_memory,
        );
        f(
            "script_ended_for_memory_total",
            "Waiting script runs ended to make room in memory",
            self.ended_for_memory,
        );
        f(
            "script_ended_by_reload_total",
            "Waiting script runs ended with their old generation",
            self.ended_by_reload,
        );
        f(
            "script_quarantined_total",
            "Calls of routes in quarantine, not run",
            self.quarantined,
        );
        f(
            "script_no_entry_total",
            "Calls of functions that the script does not define",
            self.no_entry,
        );
        f(
            "script_park_refused_total",
            "Waits refused because too many runs waited",
            self.park_refused,
        );
        f(
            "script_waits_abandoned_total",
            "Waits begun where the script could not wait",
            self.waits_abandoned,
        );
        f(
            "script_argument_faults_total",
            "Function calls with wrong arguments",
            self.argument_faults,
        );
        f(
            "script_full_collections_total",
            "Full garbage collections because memory ran short",
            self.full_collections,
        );
        f("script_loads_total", "Scripts loaded", self.loads);
        f(
            "script_load_failures_total",
            "Scripts that did not load",
            self.load_failures,
        );
    }
}
