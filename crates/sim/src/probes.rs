//! Coverage probes: rare paths that must be known to have been taken, counted over all seeds.
//!
//! Most are made from what was on the wire ([`ProbeWatch`]) or from counters of the elements; a path that no seed takes is
//! a hole in the simulation, and fails a long run.

mod watch;

use std::collections::BTreeMap;

use crate::node::ElementNode;
pub use watch::ProbeWatch;

/// A rare path.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its name.
    pub name: &'static str,
    /// When it counts.
    pub what: &'static str,
    /// The counter of the elements that it is made from, if it is.
    counter: Option<&'static str>,
}

const fn seen(name: &'static str, what: &'static str) -> Probe {
    Probe {
        name,
        what,
        counter: None,
    }
}

const fn counted(name: &'static str, counter: &'static str, what: &'static str) -> Probe {
    Probe {
        name,
        what,
        counter: Some(counter),
    }
}

/// All probes.
pub const PROBES: &[Probe] = &[
    // CANCEL and its races (RFC 3261 §9, §16.10).
    seen(
        "cancel-while-dns-pending",
        "CANCEL for an INVITE that waits for the DNS",
    ),
    seen(
        "cancel-before-provisional",
        "CANCEL for an INVITE that was sent on and has had no provisional response",
    ),
    seen("cancel-while-ringing", "CANCEL for an INVITE that rings"),
    seen(
        "cancel-after-success",
        "CANCEL for an INVITE whose 2xx has passed",
    ),
    seen(
        "success-after-cancel",
        "2xx to an INVITE that was cancelled",
    ),
    counted(
        "cancel-unmatched",
        "cancels_unmatched",
        "CANCEL for nothing: 481",
    ),
    counted(
        "cancel-ignored",
        "proxy_cancels_ignored",
        "a cancelled branch that never answered ended 64*T1 later",
    ),
    counted(
        "branch-abandoned",
        "proxy_branches_abandoned",
        "a branch given up before anything was sent",
    ),
    // Timers.
    counted(
        "timer-c-fired",
        "proxy_timer_c_fired",
        "timer C ended a branch",
    ),
    counted(
        "branch-timed-out",
        "proxy_branches_timed_out",
        "timer B or F ended a branch",
    ),
    counted(
        "ack-never-came",
        "server_timeouts",
        "timer H: a failure was never acknowledged",
    ),
    counted(
        "non-invite-unanswered",
        "servers_unanswered",
        "a non-INVITE request was given up without a response",
    ),
    counted(
        "408-suppressed",
        "proxy_finals_suppressed",
        "no 408 was sent to a non-INVITE request",
    ),
    counted("trying-sent", "tryings_sent", "100 after 200 ms"),
    counted(
        "deadline-passed",
        "deadlines_passed",
        "a wait ended by its deadline",
    ),
    // Retransmissions.
    counted(
        "request-absorbed",
        "requests_absorbed",
        "a retransmitted request was absorbed",
    ),
    counted(
        "response-absorbed",
        "responses_absorbed",
        "a retransmitted response was absorbed",
    ),
    counted(
        "ack-absorbed",
        "acks_absorbed",
        "an ACK to a failure was absorbed",
    ),
    seen(
        "register-repeated-while-journal-pending",
        "a REGISTER came again while its change was with the journal",
    ),
    seen(
        "invite-repeated-while-dns-pending",
        "an INVITE came again while it waited for the DNS",
    ),
    counted(
        "register-retransmission",
        "register_retransmissions_total",
        "a REGISTER came again after its 200",
    ),
    counted(
        "register-out-of-order",
        "register_out_of_order_total",
        "a REGISTER with an old CSeq",
    ),
    // Forking and finals (§16.7, RFC 6026).
    seen("parallel-fork", "an INVITE went to several devices at once"),
    seen(
        "serial-fork-fallback",
        "a device failed and the next one was tried",
    ),
    counted(
        "second-success",
        "proxy_successes_repeated",
        "a further 2xx was passed on",
    ),
    seen(
        "final-contradicted",
        "a final response after another final response of one branch",
    ),
    seen(
        "loop-482",
        "a request that had been here, routed the same way",
    ),
    // The next hop (RFC 3263).
    counted(
        "transport-error",
        "client_transport_errors",
        "a request that could not be sent",
    ),
    seen(
        "transmit-failed-next-target",
        "an ICMP error, and the next target was tried",
    ),
    seen("dns-silent", "a question was never answered"),
    seen("dns-lied", "a question was answered wrongly"),
    counted("late-answer", "late_answers", "an answer for nobody"),
    // Authentication.
    seen("stale-nonce", "a challenge that says stale=true"),
    // The journal.
    seen("journal-failed", "a change could not be made durable"),
    seen("journal-timeout", "a change took longer than two seconds"),
    seen(
        "journal-denied",
        "a change was kept although the journal said that it failed",
    ),
    seen("register-500", "a REGISTER was answered 500"),
    // Crashes, panics, clocks.
    seen(
        "restart-with-bindings",
        "a process began anew with bindings of its journal",
    ),
    seen("crash-while-ringing", "a process ended while a call rang"),
    seen(
        "crash-while-dns-pending",
        "a process ended while a request waited for the DNS",
    ),
    seen(
        "crash-while-journal-pending",
        "a process ended while a change was with its journal",
    ),
    seen(
        "shard-replaced-with-work",
        "a shard that held something was replaced",
    ),
    seen(
        "shard-replaced-while-journal-pending",
        "a shard was replaced while a change of its was with the journal",
    ),
    seen("clock-set-back", "the wall clock went back"),
    seen("clock-set-forward", "the wall clock went forward"),
    seen(
        "success-without-transaction",
        "a 2xx came for a transaction that was lost, and was dropped",
    ),
    seen(
        "dialog-after-restart",
        "a request in a dialog from before a restart was passed on",
    ),
    // Connections.
    seen(
        "connection-opened-by-element",
        "an element opened a connection",
    ),
    seen(
        "connection-used-again",
        "an element found the connection that was open",
    ),
    seen(
        "connection-reset",
        "a connection was reset while a REGISTER over it was with the journal",
    ),
    seen(
        "half-open-written",
        "something was written to a connection whose peer was gone",
    ),
    seen(
        "written-to-closed-connection",
        "a message for a connection that had closed, told as a failure",
    ),
    seen("connect-refused", "a connection could not be opened"),
    seen(
        "dead-flow-480",
        "a request for a peer whose connection is gone was refused with 480",
    ),
    // Strangers.
    seen("malformed-refused", "a malformed message was refused"),
    seen("malformed-dropped", "a malformed message was dropped"),
    counted(
        "stray-forged",
        "stray_mac",
        "a response with a forged branch",
    ),
    counted(
        "stray-late",
        "stray_unmatched",
        "a response for a transaction that has ended",
    ),
];

/// How often each probe was hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    hits: BTreeMap<&'static str, u64>,
}

impl Probes {
    /// A path was taken.
    pub fn hit(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// A path was taken so often.
    pub fn add(&mut self, name: &'static str, times: u64) {
        debug_assert!(PROBES.iter().any(|probe| probe.name == name), "{name}");
        if times > 0 {
            *self.hits.entry(name).or_default() += times;
        }
    }

    /// Takes the counters of an element in, at the end.
    pub fn count_counters(&mut self, node: &ElementNode) {
        for probe in PROBES {
            if let Some(counter) = probe.counter {
                self.add(probe.name, node.counter(counter));
            }
        }
        self.add("journal-failed", node.journal.failures);
        self.add("journal-timeout", node.journal.timeouts);
        self.add("journal-denied", node.journal.denied);
    }

    /// Adds what another world counted.
    pub fn merge(&mut self, other: &Probes) {
        for (name, times) in &other.hits {
            *self.hits.entry(name).or_default() += times;
        }
    }

    /// How often this one was hit.
    pub fn count(&self, name: &str) -> u64 {
        self.hits.get(name).copied().unwrap_or(0)
    }

    /// Those that were never hit.
    pub fn missed(&self) -> Vec<&'static str> {
        let missed = PROBES.iter().filter(|probe| self.count(probe.name) == 0);
        missed.map(|probe| probe.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_once() {
        for (place, probe) in PROBES.iter().enumerate() {
            let before = PROBES.iter().take(place);
            assert!(before.into_iter().all(|other| other.name != probe.name));
        }
    }

    #[test]
    fn what_was_never_hit_is_missed() {
        let mut probes = Probes::default();
        assert_eq!(probes.missed().len(), PROBES.len());
        probes.hit("loop-482");
        let mut sum = Probes::default();
        sum.merge(&probes);
        sum.merge(&probes);
        assert_eq!(sum.count("loop-482"), 2);
        assert_eq!(sum.missed().len(), PROBES.len() - 1);
    }
}
