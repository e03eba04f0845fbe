//! What one element counted beyond what its layers count themselves.

/// Counters of one shard.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct ElementCounters {
    /// Requests received.
    pub requests: u64,
    /// Responses received.
    pub responses: u64,
    /// Requests by method: the fourteen known ones in the order of `Method::known_index`, then all others.
    pub requests_by_method: [u64; 15],
    /// Responses of our own by class, 1xx to 6xx.
    pub replies_by_class: [u64; 6],
    /// Responses forwarded by class, 1xx to 6xx.
    pub forwarded_by_class: [u64; 6],
    /// ACKs to stateless replies, absorbed before routing.
    pub acks_absorbed: u64,
    /// Requests left without an answer on purpose.
    pub discarded: u64,
    /// A second final answer was attempted and refused.
    pub double_answers_refused: u64,
    /// Responses that belong to nothing of ours, dropped.
    pub stray_responses: u64,
    /// CANCELs without a transaction.
    pub cancels_unmatched: u64,
    /// Requests relayed with a transaction.
    pub relayed: u64,
    /// Requests forwarded statelessly.
    pub forwarded_stateless: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// Requests whose credentials were verified.
    pub authenticated: u64,
    /// Answers from the DNS or a service that came for nobody.
    pub late_answers: u64,
    /// Parked runs whose deadline passed.
    pub deadlines_passed: u64,
    /// Requests refused with 503 because a table was full.
    pub table_full: u64,
    /// New requests refused with 503 because nine tenths of the transactions were taken.
    pub shed_full: u64,
    /// New requests refused with 503 because the server could not keep up.
    pub shed_overloaded: u64,
    /// New requests refused with 503 because the server ends.
    pub shed_draining: u64,
    /// Refused requests that were forgotten for later ones: a copy of such a one may be let in.
    pub shed_forgotten: u64,
    /// Answers over UDP that were not sent because they were too much longer than what the source had sent.
    pub answers_withheld: u64,
    /// Answers over UDP that were sent without what may be left out, for the same reason.
    pub answers_shortened: u64,
    /// Runs of a program that failed.
    pub program_failures: u64,
    /// Requests that a program neither answered nor forwarded.
    pub unanswered: u64,
    /// Responses that a program dropped.
    pub responses_dropped: u64,
    /// Suspended requests that were cancelled.
    pub suspended_cancelled: u64,
    /// Turns that ended before the policy was asked all that it is to be asked.
    pub calls_put_off: u64,
    /// Suspended requests that another shard was asked to continue.
    pub continued_elsewhere: u64,
    /// Responses whose connection had closed and could not be opened again.
    pub responses_undeliverable: u64,
    /// Times that the relayed requests that were left when most had ended were moved together.
    pub relay_gatherings: u64,
}

const METHODS: [&str; 15] = [
    "requests_invite",
    "requests_ack",
    "requests_bye",
    "requests_cancel",
    "requests_options",
    "requests_register",
    "requests_info",
    "requests_prack",
    "requests_update",
    "requests_subscribe",
    "requests_notify",
    "requests_publish",
    "requests_refer",
    "requests_message",
    "requests_other",
];
const REPLIES: [&str; 6] = [
    "replies_1xx",
    "replies_2xx",
    "replies_3xx",
    "replies_4xx",
    "replies_5xx",
    "replies_6xx",
];
const FORWARDED: [&str; 6] = [
    "forwarded_1xx",
    "forwarded_2xx",
    "forwarded_3xx",
    "forwarded_4xx",
    "forwarded_5xx",
    "forwarded_6xx",
];

impl ElementCounters {
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f("requests", "Requests received", self.requests);
        f("responses", "Responses received", self.responses);
        for (name, value) in METHODS.iter().zip(self.requests_by_method) {
            f(name, "Requests received with this method", value);
        }
        for (name, value) in REPLIES.iter().zip(self.replies_by_class) {
            f(name, "Responses of our own in this class", value);
        }
        for (name, value) in FORWARDED.iter().zip(self.forwarded_by_class) {
            f(name, "Responses forwarded in this class", value);
        }
        f(
            "acks_absorbed",
            "ACKs to stateless replies, absorbed",
            self.acks_absorbed,
        );
        f(
            "discarded",
            "Requests left without an answer on purpose",
            self.discarded,
        );
        f(
            "double_answers_refused",
            "Second final answers refused",
            self.double_answers_refused,
        );
        f(
            "stray_responses",
            "Responses that belong to nothing of ours",
            self.stray_responses,
        );
        f(
            "cancels_unmatched",
            "CANCELs without a transaction",
            self.cancels_unmatched,
        );
        f(
            "relayed",
            "Requests relayed with a transaction",
            self.relayed,
        );
        f(
            "forwarded_stateless",
            "Requests forwarded without a transaction",
            self.forwarded_stateless,
        );
        f("challenges", "Challenges sent", self.challenges);
        f(
            "authenticated",
            "Requests with verified credentials",
            self.authenticated,
        );
        f(
            "late_answers",
            "Answers from DNS or a service that came for nobody",
            self.late_answers,
        );
        f(
            "deadlines_passed",
            "Waits that ended by their deadline",
            self.deadlines_passed,
        );
        f(
            "table_full",
            "Requests refused because a table was full",
            self.table_full,
        );
        f(
            "shed_full",
            "New requests refused with 503 because nine tenths of the transactions were taken",
            self.shed_full,
        );
        f(
            "shed_overloaded",
            "New requests refused with 503 because the server could not keep up",
            self.shed_overloaded,
        );
        f(
            "shed_draining",
            "New requests refused with 503 because the server was ending",
            self.shed_draining,
        );
        f(
            "shed_forgotten",
            "Refused requests forgotten for later ones: a copy may be let in",
            self.shed_forgotten,
        );
        f(
            "answers_withheld",
            "Answers over UDP not sent because they exceed what the source had sent by too much",
            self.answers_withheld,
        );
        f(
            "answers_shortened",
            "Answers over UDP sent without what may be left out, for the same reason",
            self.answers_shortened,
        );
        f(
            "program_failures",
            "Runs of a program that failed",
            self.program_failures,
        );
        f(
            "unanswered",
            "Requests that a program neither answered nor forwarded",
            self.unanswered,
        );
        f(
            "responses_dropped",
            "Responses that a program dropped",
            self.responses_dropped,
        );
        f(
            "calls_put_off",
            "Turns that ended before the policy was asked everything",
            self.calls_put_off,
        );
        f(
            "suspended_cancelled",
            "Suspended requests that were cancelled",
            self.suspended_cancelled,
        );
        f(
            "continued_elsewhere",
            "Suspended requests that another shard was asked to continue",
            self.continued_elsewhere,
        );
        f(
            "responses_undeliverable",
            "Responses whose connection closed and could not be opened again",
            self.responses_undeliverable,
        );
        f(
            "relay_gatherings",
            "Times that the relayed requests left when most had ended were moved together",
            self.relay_gatherings,
        );
    }

    pub(crate) fn class(status: u16) -> usize {
        usize::from((status / 100).clamp(1, 6)) - 1
    }
}
