//! Timers and table sizes of the transaction layer (RFC 3261 §17 and Table 4; RFC 6026 for timers L and M).

use core::time::Duration;

/// The timers of RFC 3261 Table 4. The default is the RFC's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerSettings {
    /// T1, the estimate of a round trip; 500 ms.
    pub t1: Duration,
    /// T2, the longest interval between retransmissions of non-INVITE requests and INVITE responses; 4 s.
    pub t2: Duration,
    /// T4, the longest a message stays in the network; 5 s. Timers I and K.
    pub t4: Duration,
    /// Timer B, how long an INVITE waits for any response; 64*T1.
    pub timer_b: Duration,
    /// Timer D, how long an INVITE client answers repeated failures; at least 32 s, zero on reliable transports.
    pub timer_d: Duration,
    /// Timer F, how long another request waits for its final response; 64*T1.
    pub timer_f: Duration,
    /// Timer H, how long a failure to an INVITE is repeated without an ACK; 64*T1.
    pub timer_h: Duration,
    /// Timer J, how long a non-INVITE server repeats its final response; 64*T1, zero on reliable transports.
    pub timer_j: Duration,
    /// Timer L, how long an accepted INVITE absorbs retransmissions of the request; 64*T1 (RFC 6026 §8.7).
    pub timer_l: Duration,
    /// Timer M, how long an accepted INVITE client passes further 2xx on; 64*T1 (RFC 6026 §8.4).
    pub timer_m: Duration,
    /// How long an INVITE for which CANCEL was sent waits for its final response; 64*T1 (RFC 3261 §9.1).
    pub cancel_wait: Duration,
    /// How long a non-INVITE server waits for a response from its user before it is given up; twice 64*T1.
    /// No RFC timer: by then the client has long ended, and nothing may be answered (RFC 4320 §4.2).
    pub non_invite_unanswered: Duration,
    /// When an INVITE server transaction answers 100 by itself unless its user responded; 200 ms (RFC 3261 §17.2.1).
    /// Zero answers at once, `None` leaves 100 to the user.
    pub trying_after: Option<Duration>,
    /// Kamailio's habit: the interval of INVITE retransmissions stops growing at T2. RFC 3261 §17.1.1.2 keeps doubling.
    pub timer_a_capped_at_t2: bool,
    /// Kamailio's habit: a non-INVITE request may be answered 408. RFC 4320 §4.2 forbids it.
    pub non_invite_408: bool,
}

impl TimerSettings {
    /// The RFC's timers for another T1: all that are defined as 64*T1 follow it, timer D stays at 32 s or above.
    pub const fn with_t1(t1: Duration) -> TimerSettings {
        let long = t1.saturating_mul(64);
        let minimum_d = Duration::from_secs(32);
        TimerSettings {
            t1,
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            timer_b: long,
            timer_d: if long.as_nanos() > minimum_d.as_nanos() {
                long
            } else {
                minimum_d
            },
            timer_f: long,
            timer_h: long,
            timer_j: long,
            timer_l: long,
            timer_m: long,
            cancel_wait: long,
            non_invite_unanswered: long.saturating_mul(2),
            trying_after: Some(Duration::from_millis(200)),
            timer_a_capped_at_t2: false,
            non_invite_408: false,
        }
    }
}

impl Default for TimerSettings {
    fn default() -> TimerSettings {
        TimerSettings::with_t1(Duration::from_millis(500))
    }
}

/// How many transactions one shard may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Server transactions; 1,000,000.
    pub servers_max: u32,
    /// Client transactions, CANCELs included; 1,000,000.
    pub clients_max: u32,
}

impl Default for TableLimits {
    fn default() -> TableLimits {
        TableLimits {
            servers_max: 1_000_000,
            clients_max: 1_000_000,
        }
    }
}
