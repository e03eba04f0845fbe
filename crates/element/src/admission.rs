//! What of the new is let in while the server is overloaded or ends (RFC 3261 §21.5.4): what has begun goes on.
//!
//! ```text
//! response, ACK, CANCEL, retransmission, request with a To tag ─► always let in
//! any other request ─► Open: let in, while nine tenths of the transactions suffice
//!                      Overloaded: so many of a hundred get 503 with Retry-After, without state
//!                      Draining: all do
//! ```
//!
//! What a server that is behind reads is what has waited longest: refusing what is new among it sheds the oldest first,
//! whose senders are nearest to giving up or sending again, until the queue is short.

use strowger_sip::{Message, Method, Now, StatusCode};
use strowger_transaction::Flow;

use crate::core::Core;
use crate::settings::Settings;

/// What of the new is let in.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Everything.
    #[default]
    Open,
    /// All but so many of a hundred: the server cannot keep up.
    Overloaded(u8),
    /// Nothing: the server ends once what has begun is done.
    Draining,
}

/// How a request that is not let in is answered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// Retry-After of the 503, in seconds; what is said lies between this and twice as much, so that those who were
    /// refused at once do not come back at once.
    pub retry_after_seconds: u32,
}

impl Default for AdmissionSettings {
    fn default() -> AdmissionSettings {
        AdmissionSettings {
            retry_after_seconds: 5,
        }
    }
}

/// Of ten server transactions, those that only requests in dialogs may take (1).
const KEPT_OF_TEN: usize = 1;

/// Server transactions beyond which nothing new is let in.
pub(crate) fn new_servers_max(settings: &Settings) -> usize {
    let all = usize::try_from(settings.transactions.servers_max).unwrap_or(usize::MAX);
    all - all / 10 * KEPT_OF_TEN
}

impl Core {
    /// True if a request that no transaction knows is refused for now.
    pub(crate) fn is_shed(&mut self, method: Method<'_>, request: &Message) -> bool {
        if self.admission == Admission::Open
            && self.transactions.server_count() < self.new_servers_max
        {
            return false;
        }
        if matches!(method, Method::Ack | Method::Cancel) || request.to_tag().is_some() {
            return false;
        }
        match self.admission {
            Admission::Open | Admission::Draining => true,
            Admission::Overloaded(percent) => {
                self.transactions.server_count() >= self.new_servers_max
                    || self.random() % 100 < u64::from(percent)
            }
        }
    }

    /// Answers 503 without state.
    pub(crate) fn shed(&mut self, now: Now, flow: Flow, request: &Message) {
        match self.admission {
            Admission::Open => self.counters.shed_full += 1,
            Admission::Overloaded(_) => self.counters.shed_overloaded += 1,
            Admission::Draining => self.counters.shed_draining += 1,
        }
        self.reply_unavailable(now, flow, request);
    }

    /// Answers 503 without state, and says when to come again.
    pub(crate) fn reply_unavailable(&mut self, now: Now, flow: Flow, request: &Message) {
        let least = u64::from(self.settings.admission.retry_after_seconds);
        let seconds = least + self.random() % (least + 1);
        let lines = format!("Retry-After: {seconds}\r\n");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let received = now.monotonic;
        self.reply_stateless(now, received, flow, request, status, None, lines.as_bytes());
    }

    /// Requests that are not done: their senders wait for a final response, or for us to hear their ACK. Looks at all
    /// transactions.
    pub(crate) fn in_progress(&self) -> usize {
        self.transactions.unfinished_server_count()
            + self.parked.len()
            + self.suspended.len()
            + usize::from(!self.registrations.is_empty())
    }
}
