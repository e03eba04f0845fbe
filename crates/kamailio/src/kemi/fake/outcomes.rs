//! What the verbs of a fake context answer.

use std::collections::VecDeque;

use strowger_routing::{
    Authentication, DigestOutcome, ForwardError, Hooks, Lookup, LookupOutcome, LooseRoute,
    ReplyOutcome, SaveOutcome, SlStatistics, TransactionMatch, TransactionView,
};

/// What the verbs answer.
#[derive(Clone, Debug)]
pub(crate) struct Outcomes {
    pub(crate) check: bool,
    pub(crate) loose_route: LooseRoute,
    pub(crate) has_route: bool,
    pub(crate) authenticate: Authentication,
    pub(crate) lookup: Lookup,
    /// Answers of [`RoutingContext::answer`] in their order; [`ReplyOutcome::Sent`] when they are used up.
    pub(crate) answers: VecDeque<ReplyOutcome>,
    pub(crate) forward_response: bool,
    pub(crate) forward: Result<(), ForwardError>,
    pub(crate) forward_stateless: Result<(), ForwardError>,
    pub(crate) new_transaction: bool,
    pub(crate) match_transaction: TransactionMatch,
    pub(crate) transaction: TransactionView,
    pub(crate) cancel_branches: bool,
    pub(crate) suspend: Option<(u32, u32)>,
    pub(crate) continue_suspended: bool,
    pub(crate) armed: Hooks,
    pub(crate) obey_route: Option<bool>,
    /// The destination that `obey_route` sets, if it is not empty.
    pub(crate) next_route: String,
    pub(crate) own_route: Option<Vec<u8>>,
    pub(crate) save: SaveOutcome,
    pub(crate) lookup_bindings: LookupOutcome,
    pub(crate) is_registered: bool,
    pub(crate) digest: DigestOutcome,
    pub(crate) challenge: ReplyOutcome,
    pub(crate) verified_credentials: Option<usize>,
    pub(crate) statistics: SlStatistics,
}

impl Default for Outcomes {
    fn default() -> Outcomes {
        Outcomes {
            check: true,
            loose_route: LooseRoute::None,
            has_route: false,
            authenticate: Authentication::Passed,
            lookup: Lookup::Unregistered,
            answers: VecDeque::new(),
            forward_response: true,
            forward: Ok(()),
            forward_stateless: Ok(()),
            new_transaction: true,
            match_transaction: TransactionMatch::None,
            transaction: TransactionView::default(),
            cancel_branches: true,
            suspend: None,
            continue_suspended: false,
            armed: Hooks::default(),
            obey_route: None,
            next_route: String::new(),
            own_route: None,
            save: SaveOutcome::Inserted,
            lookup_bindings: LookupOutcome::None,
            is_registered: false,
            digest: DigestOutcome::NoCredentials,
            challenge: ReplyOutcome::Sent,
            verified_credentials: None,
            statistics: SlStatistics::default(),
        }
    }
}
