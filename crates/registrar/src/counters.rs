//! What the registrar of one shard answered.

use crate::register::Outcome;
use crate::reply::{Cause, RegisterReply};

/// Answers to REGISTER, by cause.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct RegistrarCounters {
    /// Accepted with changes.
    pub changed: u64,
    /// Queries and requests that changed nothing.
    pub unchanged: u64,
    /// Retransmissions answered without change.
    pub retransmissions: u64,
    /// Refused: syntax.
    pub malformed: u64,
    /// Refused: too many contacts, or too much text in one.
    pub oversized: u64,
    /// Refused: too many bindings.
    pub too_many_bindings: u64,
    /// Refused: not an address of record of ours.
    pub not_ours: u64,
    /// Refused: extension.
    pub bad_extension: u64,
    /// Refused: interval too brief.
    pub too_brief: u64,
    /// Refused: CSeq out of order.
    pub out_of_order: u64,
    /// Refused: too many were waiting.
    pub busy: u64,
    /// Failed: the store.
    pub store_failed: u64,
    /// Refused: the location table is full.
    pub full: u64,
}

impl RegistrarCounters {
    /// Counts an outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Reply(reply) | Outcome::Change { reply, .. } => self.count_reply(reply),
        }
    }
    /// Counts a reply.
    pub fn count_reply(&mut self, reply: &RegisterReply) {
        let counter = match reply.cause {
            Cause::Changed => &mut self.changed,
            Cause::Unchanged => &mut self.unchanged,
            Cause::Retransmission => &mut self.retransmissions,
            Cause::Malformed => &mut self.malformed,
            Cause::TooManyContacts | Cause::TooLong => &mut self.oversized,
            Cause::TooManyBindings => &mut self.too_many_bindings,
            Cause::NotOurs => &mut self.not_ours,
            Cause::BadExtension => &mut self.bad_extension,
            Cause::TooBrief => &mut self.too_brief,
            Cause::OutOfOrder => &mut self.out_of_order,
            Cause::Busy => &mut self.busy,
            Cause::StoreFailed => &mut self.store_failed,
            Cause::Full => &mut self.full,
        };
        *counter += 1;
    }
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "register_changed_total",
            "REGISTERs that changed bindings.",
            self.changed,
        );
        f(
            "register_unchanged_total",
            "REGISTERs that asked or changed nothing.",
            self.unchanged,
        );
        f(
            "register_retransmissions_total",
            "REGISTERs processed before.",
            self.retransmissions,
        );
        f(
            "register_malformed_total",
            "REGISTERs refused for syntax.",
            self.malformed,
        );
        f(
            "register_oversized_total",
            "REGISTERs with too many contacts or too long ones.",
            self.oversized,
        );
        f(
            "register_too_many_bindings_total",
            "REGISTERs over the limit of bindings.",
            self.too_many_bindings,
        );
        f(
            "register_not_ours_total",
            "REGISTERs for addresses of record that are not ours.",
            self.not_ours,
        );
        f(
            "register_bad_extension_total",
            "REGISTERs refused with 420.",
            self.bad_extension,
        );
        f(
            "register_too_brief_total",
            "REGISTERs refused with 423.",
            self.too_brief,
        );
        f(
            "register_out_of_order_total",
            "REGISTERs whose CSeq was not higher.",
            self.out_of_order,
        );
        f(
            "register_refused_busy_total",
            "REGISTERs refused because too many waited.",
            self.busy,
        );
        f(
            "register_store_failed_total",
            "REGISTERs that the store failed.",
            self.store_failed,
        );
        f(
            "register_full_total",
            "REGISTERs refused because the location table is full.",
            self.full,
        );
    }
}
