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

use core::time::Duration;

use strowger_sip::{Message, Method, Now, StatusCode, Time};
use strowger_transaction::{Flow, RequestKey};

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

/// How long a share to refuse holds that is not said again; a worker that cannot keep up says it twice a second at least.
const OVERLOADED_FOR: Duration = Duration::from_secs(2);

/// How long a refused request is refused again: its copies come for 64*T1 at most (RFC 3261 §17.1.1.2).
const REFUSED_FOR: Duration = Duration::from_secs(32);

/// Refused requests that are remembered; a later one takes the place of an earlier one, which is counted (4,096).
const REFUSED_MAX: u64 = 4_096;

/// Which requests were refused lately: a copy of one must not be let in, or its sender hears 503 and the called user rings.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// By lot; empty while nothing was refused lately.
    keys: Vec<Option<RequestKey>>,
    until: Time,
}

impl Refused {
    fn place(key: RequestKey) -> usize {
        usize::try_from(key.lot(REFUSED_MAX)).unwrap_or(0)
    }

    /// True if an earlier one was forgotten for it.
    fn note(&mut self, now: Time, key: RequestKey) -> bool {
        if self.keys.is_empty() {
            self.keys = vec![None; usize::try_from(REFUSED_MAX).unwrap_or(1)];
        }
        self.until = now + REFUSED_FOR;
        let place = self.keys.get_mut(Refused::place(key));
        let before = place.and_then(|place| place.replace(key));
        before.is_some_and(|before| before != key)
    }

    fn has(&mut self, now: Time, key: RequestKey) -> bool {
        if now >= self.until {
            self.keys = Vec::new();
        }
        self.keys.get(Refused::place(key)).copied().flatten() == Some(key)
    }
}

impl Core {
    /// Takes in what of the new is to be let in. A server that ends lets in nothing more, whatever is said.
    pub(crate) fn set_admission(&mut self, now: Now, admission: Admission) {
        if self.admission != Admission::Draining {
            self.admission = admission;
            self.admission_until = now.monotonic + OVERLOADED_FOR;
        }
    }

    /// True if a request that no transaction knows is refused for now.
    pub(crate) fn is_shed(
        &mut self,
        now: Now,
        method: Method<'_>,
        key: Option<RequestKey>,
        request: &Message,
    ) -> bool {
        let full = self.transactions.server_count() >= self.new_servers_max;
        if self.admission == Admission::Open && !full && self.refused.keys.is_empty() {
            return false;
        }
        if matches!(method, Method::Ack | Method::Cancel) || request.to_tag().is_some() {
            return false;
        }
        if matches!(self.admission, Admission::Overloaded(_))
            && now.monotonic >= self.admission_until
        {
            self.admission = Admission::Open;
        }
        let key = key.unwrap_or_else(|| self.transactions.request_key(request));
        let refused = full
            || match self.admission {
                Admission::Open => false,
                Admission::Draining => true,
                Admission::Overloaded(percent) => key.lot(100) < u64::from(percent),
            };
        if refused && self.refused.note(now.monotonic, key) {
            self.counters.shed_forgotten += 1;
        }
        refused || self.refused.has(now.monotonic, key)
    }

    /// Answers 503 without state; not to the copy of a REGISTER that waits for the journal and will have its own answer.
    pub(crate) fn shed(&mut self, now: Now, flow: Flow, request: &Message) {
        if request.method() == Method::Register && self.register_waits(request) {
            return;
        }
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
