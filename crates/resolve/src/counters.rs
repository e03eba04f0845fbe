//! Counters of the cache and of the limits of resolution.

/// What the cache and all resolutions have counted.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct ResolveCounters {
    /// Look-ups that found a live answer.
    pub cache_hits: u64,
    /// Look-ups that found none.
    pub cache_misses: u64,
    /// Answers stored.
    pub cache_inserts: u64,
    /// Answers thrown out before their time to make room.
    pub cache_evictions: u64,
    /// Answers "no such name".
    pub answers_negative: u64,
    /// Questions without a usable answer.
    pub answers_failed: u64,
    /// Records dropped beyond the limit of one answer.
    pub records_dropped: u64,
    /// Resolutions that met the limit of questions.
    pub questions_limited: u64,
    /// Resolutions that met the limit of targets.
    pub targets_limited: u64,
    /// Resolutions that moved to a further target after a failure.
    pub failovers: u64,
}

impl ResolveCounters {
    /// Calls `f` with name, help text and value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "dns_cache_hits",
            "DNS look-ups answered by the cache",
            self.cache_hits,
        );
        f(
            "dns_cache_misses",
            "DNS look-ups that the cache could not answer",
            self.cache_misses,
        );
        f(
            "dns_cache_inserts",
            "DNS answers stored",
            self.cache_inserts,
        );
        f(
            "dns_cache_evictions",
            "DNS answers thrown out to make room",
            self.cache_evictions,
        );
        f(
            "dns_answers_negative",
            "DNS answers: no such name",
            self.answers_negative,
        );
        f(
            "dns_answers_failed",
            "DNS questions without a usable answer",
            self.answers_failed,
        );
        f(
            "dns_records_dropped",
            "DNS records beyond the limit of one answer",
            self.records_dropped,
        );
        f(
            "resolve_questions_limited",
            "Resolutions that met the limit of questions",
            self.questions_limited,
        );
        f(
            "resolve_targets_limited",
            "Resolutions that met the limit of targets",
            self.targets_limited,
        );
        f(
            "resolve_failovers",
            "Moves to a further target after a failure",
            self.failovers,
        );
    }
}
