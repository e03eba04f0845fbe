//! Runs of the policy that wait, and the requests behind them that have no transaction yet (DESIGN §2, "Waiting is one
//! mechanism"): their retransmissions are absorbed, an INVITE gets its 100 after 200 ms, a CANCEL finds them.

use core::time::Duration;
use std::collections::HashMap;

use foldhash::fast::FixedState;
use strowger_routing::Errand;
use strowger_sip::{Message, Method, Now, StatusCode, Time};
use strowger_transaction::{Flow, RequestKey};

use crate::call::PolicyCall;
use crate::core::{Core, Parked};
use crate::reply::OwnReply;
use crate::run::{Run, Subject};
use crate::seam::{Output, Query, QueryId};
use crate::timer::ElementTimer;

/// A run that waits.
pub(crate) struct ParkedRun {
    /// The policy's number for it.
    pub(crate) id: u64,
    /// Taken out when it goes on.
    pub(crate) run: Option<Box<Run>>,
}

impl core::fmt::Debug for ParkedRun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ParkedRun")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Requests without a transaction whose runs are parked.
#[derive(Debug)]
pub(crate) struct WaitingRequests(HashMap<RequestKey, QueryId, FixedState>);

impl WaitingRequests {
    pub(crate) fn new(seed: u64) -> WaitingRequests {
        WaitingRequests(HashMap::with_hasher(FixedState::with_seed(seed)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The `user` of a server transaction that a run holds and that is not relayed: apart from all keys of relays, whose
/// slots end long before.
pub(crate) const fn held_by(number: u64) -> u64 {
    1 << 63 | number
}

impl Core {
    /// How long a parked INVITE waits before it is answered 100 (RFC 3261 §17.2.1).
    const TRYING_MILLIS: u64 = 200;

    /// Keeps a run of the policy that waits.
    pub(crate) fn park_run(&mut self, now: Now, mut run: Box<Run>, id: u64, deadline: Time) {
        let query = QueryId(self.next_name());
        if self.parked.len() >= Self::PARKED_MAX {
            self.counters.table_full += 1;
            self.calls.push_back(PolicyCall::Abandon(id));
            self.conclude(now, run, Some("too many runs wait"));
            return;
        }
        if let Subject::Request = run.subject
            && run.server.is_none()
            && !run.answered
            && let Some(key) = run.key
        {
            self.waiting_requests.0.insert(key, query);
            if run.is_invite() && !run.tried {
                let at = run.received + Duration::from_millis(Self::TRYING_MILLIS);
                self.timers.arm(at, ElementTimer::ParkedTrying(query));
            }
        }
        if let (Subject::Failure(key), Some(_)) = (run.subject, &run.relay)
            && let Some(program) = self.program_mut(key)
        {
            program.parked = Some(id);
        }
        match run.errand.take() {
            None | Some(Errand::Sleep(_)) => {}
            Some(errand) => self.outputs.push_back(Output::Query {
                query,
                request: Query::Errand(errand),
            }),
        }
        self.timers.arm(deadline, ElementTimer::Query(query));
        self.parked_runs.insert(id, query);
        if run.server.is_some() {
            self.held_requests.insert(held_by(run.number), query);
        }
        let parked = ParkedRun { id, run: Some(run) };
        self.parked.insert(query, Parked::Policy(Box::new(parked)));
    }

    /// A parked run is about to go on: it is not parked any more.
    pub(crate) fn unpark(&mut self, parked: &ParkedRun) {
        self.parked_runs.remove(&parked.id);
        let Some(run) = &parked.run else { return };
        self.held_requests.remove(&held_by(run.number));
        if let Some(key) = run.key {
            self.waiting_requests.0.remove(&key);
        }
        if let Subject::Failure(key) = run.subject
            && let Some(program) = self.program_mut(key)
        {
            program.parked = None;
        }
    }

    /// A parked run will not go on: its request was cancelled.
    pub(crate) fn forget_run(&mut self, id: u64) {
        if let Some(query) = self.parked_runs.remove(&id)
            && let Some(Parked::Policy(parked)) = self.parked.remove(&query)
        {
            self.unpark(&parked);
        }
    }

    /// Ends the parked runs that a new policy does not hold.
    pub(crate) fn end_foreign_runs(&mut self, now: Now, holds: &dyn Fn(u64) -> bool) {
        let mut foreign: Vec<(u64, QueryId)> = self
            .parked_runs
            .iter()
            .map(|(run, query)| (*run, *query))
            .filter(|(run, _)| !holds(*run))
            .collect();
        foreign.sort_unstable_by_key(|(_, query)| *query);
        for (run, _) in foreign {
            self.run_was_ended(now, run, "its script was replaced");
        }
    }

    /// The policy has ended a parked run itself.
    pub(crate) fn run_was_ended(&mut self, now: Now, id: u64, why: &str) {
        let Some(query) = self.parked_runs.remove(&id) else {
            return;
        };
        if let Some(Parked::Policy(mut parked)) = self.parked.remove(&query) {
            self.unpark(&parked);
            if let Some(run) = parked.run.take() {
                self.conclude(now, run, Some(why));
            }
        }
    }

    /// True if the request is a copy of one whose run is parked, or the CANCEL of one.
    pub(crate) fn waiting_absorbs(
        &mut self,
        now: Now,
        key: RequestKey,
        flow: Flow,
        message: &Message,
    ) -> bool {
        if message.method() == Method::Cancel {
            let invite = self.transactions.invite_key(message);
            return match self.waiting_requests.0.get(&invite).copied() {
                Some(query) => self.cancel_waiting(now, query, flow, message),
                // A copy of a CANCEL whose own run is parked.
                None => self.waiting_requests.0.contains_key(&key),
            };
        }
        message.method() != Method::Ack && self.waiting_requests.0.contains_key(&key)
    }

    /// A CANCEL for an INVITE whose run is parked: 200 to it, 487 to the INVITE; whatever the run does later is refused.
    fn cancel_waiting(&mut self, now: Now, query: QueryId, flow: Flow, cancel: &Message) -> bool {
        let Some(Parked::Policy(mut parked)) = self.parked.remove(&query) else {
            return false;
        };
        self.answer_cancel(now, flow, cancel, StatusCode::OK);
        if let Some(run) = &mut parked.run
            && run.is_invite()
            && !run.answered
        {
            run.answered = true;
            run.cancelled = true;
            let reply = OwnReply::of(StatusCode::REQUEST_TERMINATED);
            if !self.answer_statefully(now, run, &reply)
                && let Some(request) = run.request.clone()
            {
                self.reply_own(now, run.received, run.flow, &request, &reply);
            }
        }
        self.parked.insert(query, Parked::Policy(parked));
        true
    }

    /// A parked INVITE has waited for 200 ms.
    pub(crate) fn parked_trying(&mut self, now: Now, query: QueryId) {
        let Some(Parked::Policy(parked)) = self.parked.get_mut(&query) else {
            return;
        };
        let Some(run) = parked.run.as_mut().filter(|run| !run.answered) else {
            return;
        };
        run.tried = true;
        let force_rport = run.draft.force_rport;
        if let Some(request) = run.request.clone() {
            let (flow, received) = (run.flow, run.received);
            self.reply_own(
                now,
                received,
                flow,
                &request,
                &OwnReply {
                    force_rport,
                    ..OwnReply::of(StatusCode::TRYING)
                },
            );
        }
    }

    /// An answer of our own to the request of a run, through a transaction that is made for it if there is none.
    pub(crate) fn answer_statefully(
        &mut self,
        now: Now,
        run: &mut Run,
        reply: &OwnReply<'_>,
    ) -> bool {
        let Some(request) = run.request.clone() else {
            return false;
        };
        if run.server.is_none() && !self.make_server(now, run) {
            return false;
        }
        let Some(server) = run.server else {
            return false;
        };
        self.respond(now, server, run.received, run.flow, &request, reply)
    }

    /// Begins the transaction of the request of a run.
    pub(crate) fn make_server(&mut self, now: Now, run: &mut Run) -> bool {
        let Some(request) = &run.request else {
            return false;
        };
        let key = match run.key {
            Some(key) => key,
            None => self.transactions.request_key(request),
        };
        let back = if run.draft.force_rport {
            Some(run.flow)
        } else {
            None
        };
        let made = match back {
            Some(back) => self.transactions.create_server_towards(
                now,
                key,
                request,
                (&run.flow, back),
                held_by(run.number),
                &mut self.batch,
            ),
            None => self.transactions.create_server(
                now,
                key,
                request,
                &run.flow,
                held_by(run.number),
                &mut self.batch,
            ),
        };
        match made {
            Ok(server) => {
                run.server = Some(server);
                true
            }
            Err(_) => {
                self.counters.table_full += 1;
                false
            }
        }
    }
}
