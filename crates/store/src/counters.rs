//! What the journal counts.

/// Counts of the journal since the start of the process.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct JournalCounters {
    /// Changes committed.
    pub committed: u64,
    /// Transactions committed.
    pub batches: u64,
    /// Changes in the largest transaction so far.
    pub batch_largest: u64,
    /// Changes refused because the queue was full.
    pub queue_full: u64,
    /// Changes that waited longer than the deadline.
    pub late: u64,
    /// Changes of transactions that the database refused.
    pub failed: u64,
    /// Transactions refused because the file system was full.
    pub disk_full: u64,
    /// Transactions refused for any other reason.
    pub database_errors: u64,
    /// Transactions that were committed after their deadline and then undone.
    pub undone: u64,
    /// Checkpoints of the write-ahead log.
    pub checkpoints: u64,
    /// Checkpoints that failed.
    pub checkpoint_errors: u64,
    /// Rows of expired bindings deleted.
    pub purged: u64,
    /// Changes that wait now.
    pub waiting: u64,
}

impl JournalCounters {
    /// Calls `f` with name, help and value of each.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "journal_committed_total",
            "Changes of bindings committed",
            self.committed,
        );
        f(
            "journal_batches_total",
            "Transactions committed",
            self.batches,
        );
        f(
            "journal_batch_largest",
            "Changes in the largest transaction",
            self.batch_largest,
        );
        f(
            "journal_queue_full_total",
            "Changes refused because the journal's queue was full",
            self.queue_full,
        );
        f(
            "journal_late_total",
            "Changes that waited longer than the journal's deadline",
            self.late,
        );
        f(
            "journal_failed_total",
            "Changes of transactions that the database refused",
            self.failed,
        );
        f(
            "journal_disk_full_total",
            "Transactions refused because the file system was full",
            self.disk_full,
        );
        f(
            "journal_database_errors_total",
            "Transactions refused by the database",
            self.database_errors,
        );
        f(
            "journal_undone_total",
            "Transactions undone because they came after their deadline",
            self.undone,
        );
        f(
            "journal_checkpoints_total",
            "Checkpoints of the write-ahead log",
            self.checkpoints,
        );
        f(
            "journal_checkpoint_errors_total",
            "Checkpoints that failed",
            self.checkpoint_errors,
        );
        f(
            "journal_purged_total",
            "Rows of expired bindings deleted",
            self.purged,
        );
        f(
            "journal_waiting",
            "Changes that wait for the journal now",
            self.waiting,
        );
    }
}
