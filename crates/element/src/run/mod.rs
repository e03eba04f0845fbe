//! The run of the policy over one message. It owns the core while the policy has it, so that verbs act at once; parked
//! and suspended runs are kept without it.

mod answer;
mod bindings;
mod context;
mod credentials;
mod forward;
mod native;

pub(crate) use forward::changed_message;

use core::any::Any;
use std::sync::Arc;

use strowger_proxy::{RecordRouteToken, RoutePlan};
use strowger_registrar::{AddressOfRecord, Bindings};
use strowger_routing::{Draft, Errand, HookName};
use strowger_sip::{Message, Method, Now, Time, Transport};
use strowger_transaction::{Flow, ListenerId, RequestKey, ServerKey};

use crate::branch::BranchRef;
use crate::call::Arrival;
use crate::core::Core;
use crate::relay_table::RelayKey;

/// What a run is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A request that came.
    Request,
    /// A branch that is about to be sent.
    Branch(BranchRef),
    /// A response, whatever it belongs to.
    Reply,
    /// A response of a branch.
    TransactionReply(BranchRef),
    /// A request all branches of which have failed.
    Failure(RelayKey),
    /// Something that happened.
    Event,
}

/// One message on its way through the policy.
pub(crate) struct Run {
    /// The element, while the policy runs.
    pub(crate) core: Option<Box<Core>>,
    pub(crate) now: Now,
    pub(crate) received: Time,
    pub(crate) subject: Subject,
    pub(crate) flow: Flow,
    pub(crate) request: Option<Arc<Message>>,
    pub(crate) response: Option<Arc<Message>>,
    pub(crate) key: Option<RequestKey>,
    /// The transaction of the request, as long as it is not relayed.
    pub(crate) server: Option<ServerKey>,
    pub(crate) relay: Option<RelayKey>,
    pub(crate) route: RoutePlan,
    pub(crate) token: Option<RecordRouteToken>,
    pub(crate) max_breadth: u32,
    pub(crate) targets: Bindings,
    pub(crate) looked_up: bool,
    /// The local user that was looked up.
    pub(crate) aor: Option<AddressOfRecord>,
    /// The request has its final answer, or was forwarded.
    pub(crate) answered: bool,
    /// The status that the program answered with through the transaction; 0 for none.
    pub(crate) replied: u16,
    /// The caller has cancelled.
    pub(crate) cancelled: bool,
    /// Further targets were added to a relayed request.
    pub(crate) forwarded: bool,
    /// The request is to be kept until it is continued.
    pub(crate) suspended: bool,
    /// Suspended, but its own program lets it go on in this function.
    pub(crate) continued_in: Option<HookName>,
    pub(crate) draft: Draft,
    pub(crate) attachment: Option<Box<dyn Any + Send>>,
    pub(crate) errand: Option<Errand>,
    /// Number of the message.
    pub(crate) number: u64,
    /// Position of the header field with the credentials that were verified.
    pub(crate) credentials: Option<usize>,
    /// It was answered 100 while it waited.
    pub(crate) tried: bool,
    /// How often it continued itself.
    pub(crate) continuations: u8,
    /// When its suspension ends.
    pub(crate) suspended_until: Time,
    /// A program has changed the draft.
    drafted: bool,
}

impl Default for Run {
    fn default() -> Run {
        let nowhere = core::net::SocketAddr::from(([0, 0, 0, 0], 0));
        let start = Now {
            monotonic: Time::ZERO,
            wall: Time::ZERO,
        };
        Run {
            core: None,
            now: start,
            received: Time::ZERO,
            subject: Subject::Request,
            flow: Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                remote: nowhere,
                stream: None,
            },
            request: None,
            response: None,
            key: None,
            server: None,
            relay: None,
            route: RoutePlan::default(),
            token: None,
            max_breadth: 0,
            targets: Bindings::new(),
            looked_up: false,
            aor: None,
            answered: false,
            replied: 0,
            cancelled: false,
            forwarded: false,
            suspended: false,
            continued_in: None,
            draft: Draft::default(),
            attachment: None,
            errand: None,
            number: 0,
            credentials: None,
            tried: false,
            continuations: 0,
            suspended_until: Time::ZERO,
            drafted: false,
        }
    }
}

impl Run {
    /// A request that came.
    pub(crate) fn begin(&mut self, now: Now, arrival: Arrival, core: &mut Core) {
        core.messages += 1;
        self.now = now;
        self.received = now.monotonic;
        self.subject = Subject::Request;
        self.flow = arrival.flow;
        self.request = Some(arrival.message);
        self.key = arrival.key;
        self.number = core.messages;
    }

    /// Forgets what it was about; keeps memory.
    pub(crate) fn recycle(&mut self) {
        self.request = None;
        self.response = None;
        self.key = None;
        self.server = None;
        self.relay = None;
        self.route = RoutePlan::default();
        self.token = None;
        self.max_breadth = 0;
        self.targets.clear();
        self.looked_up = false;
        self.aor = None;
        self.answered = false;
        self.replied = 0;
        self.cancelled = false;
        self.forwarded = false;
        self.suspended = false;
        self.continued_in = None;
        self.attachment = None;
        self.errand = None;
        self.credentials = None;
        self.tried = false;
        self.continuations = 0;
        if core::mem::take(&mut self.drafted) {
            self.draft.clear();
        }
    }

    /// True if nothing of it is left to do once its policy has ended.
    pub(crate) fn is_plain(&self) -> bool {
        self.answered && !self.suspended && self.server.is_none()
    }

    /// True if the request is an INVITE.
    pub(crate) fn is_invite(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| request.method() == Method::Invite)
    }

    /// The element.
    fn core(&self) -> &Core {
        match &self.core {
            Some(core) => core,
            None => unreachable!("a run is given to the policy with the core"),
        }
    }

    /// The element, to change.
    fn core_mut(&mut self) -> &mut Core {
        match &mut self.core {
            Some(core) => core,
            None => unreachable!("a run is given to the policy with the core"),
        }
    }

    /// The request; the response where there is none.
    fn message_of_request(&self) -> &Arc<Message> {
        match (&self.request, &self.response) {
            (Some(message), _) | (None, Some(message)) => message,
            (None, None) => unreachable!("a run has a message"),
        }
    }

    /// Marks the request as answered; false if it was before.
    fn answer_once(&mut self) -> bool {
        if self.answered {
            self.core_mut().counters.double_answers_refused += 1;
            return false;
        }
        self.answered = true;
        true
    }

    /// What a program said of `rport` shows in the message from now on.
    fn apply_rport(&mut self) {
        if self.draft.force_rport
            && let Some(request) = self.request.as_mut().and_then(Arc::get_mut)
        {
            request.force_rport();
        }
    }

    /// The draft, to change: after the request was relayed that of the relay.
    fn drafting(&mut self) -> &mut Draft {
        self.drafted = true;
        let relayed = self.relay.filter(|_| self.subject == Subject::Request);
        match (relayed, &mut self.core) {
            (Some(key), Some(core)) => match core.program_mut(key) {
                Some(program) => &mut program.draft,
                None => &mut self.draft,
            },
            _ => &mut self.draft,
        }
    }

    /// The draft.
    fn draft_now(&self) -> &Draft {
        let relayed = self.relay.filter(|_| self.subject == Subject::Request);
        relayed
            .and_then(|key| self.core().program(key))
            .map_or(&self.draft, |program| &program.draft)
    }

    /// Takes over a draft.
    pub(crate) fn set_draft(&mut self, draft: Draft) {
        self.drafted = true;
        self.draft = draft;
    }
}

/// The time since a request arrived.
pub(crate) fn elapsed(now: Now, received: Time) -> core::time::Duration {
    now.monotonic.saturating_since(received)
}
