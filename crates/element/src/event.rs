//! Events: what happened, small and of fixed size, built only if somebody's interest mask asks.
//!
//! Metrics, log lines, the live view and (later) call records, bus messages and statistics are all made from these.

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{Time, Transport};

use crate::text::Text;

/// Who wants which events: a set of bits.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest(pub u32);

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// Final responses of 300 and above, challenges apart; time-outs; refused messages.
    pub const FAILURES: Interest = Interest(1);
    /// Bindings that appeared, went or changed their contact.
    pub const REGISTRATIONS: Interest = Interest(1 << 1);
    /// Calls that were answered or ended.
    pub const CALLS: Interest = Interest(1 << 2);
    /// Every request with its answer (the live view).
    pub const REQUESTS: Interest = Interest(1 << 3);
    /// Calls that failed.
    pub const FAILED_CALLS: Interest = Interest(1 << 4);
    /// What a server logs unless told otherwise: failures, state changes, call ends.
    pub const DEFAULT: Interest = Interest(0b1_0111);
    /// Everything.
    pub const ALL: Interest = Interest(u32::MAX);

    /// True if any bit of `other` is asked for.
    pub const fn wants(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }
    /// Both sets.
    pub const fn and(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

/// What kind of thing happened.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A request got its final answer (`status`); `elapsed` since it arrived.
    Answered,
    /// A request was not answered, `detail` says why.
    Dropped,
    /// A binding was added; `detail` is the contact.
    Registered,
    /// A binding was refreshed; `detail` is the contact.
    Refreshed,
    /// A binding was removed or expired; `detail` is the contact.
    Unregistered,
    /// A call was answered with 2xx.
    CallAnswered,
    /// A call ended with BYE.
    CallEnded,
    /// A call got another final response than 2xx.
    CallFailed,
    /// A message could not be understood; `detail` is the reason.
    Malformed,
    /// Credentials were refused; `detail` is the user name as sent.
    CredentialsRefused,
}

/// One event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, wall clock.
    pub wall: Time,
    /// Time since the request arrived; zero where there is none.
    pub elapsed: Duration,
    /// Response status, 0 if there is none.
    pub status: u16,
    /// Transport of the source.
    pub transport: Transport,
    /// Where the request came from.
    pub source: SocketAddr,
    /// The method.
    pub method: Text,
    /// The caller: From as `user@host`.
    pub from: Text,
    /// The called: To as `user@host`.
    pub to: Text,
    /// Call-ID.
    pub call_id: Text,
    /// More, by kind.
    pub detail: Text,
}
