//! A relayed request: its server transaction, its branches and the response context between them (RFC 3261 §16; DESIGN §4).
//!
//! Events of transactions, timers, DNS and connections become calls of the response context; [`Core::process`] carries
//! out the actions that come of it, in order. Nothing is answered or sent outside that loop.

use std::sync::Arc;

use smallvec::SmallVec;
use strowger_proxy::{
    Action, BranchId, DialogHop, Kind, LoopHash, RecordRouteToken, ResponseContext, RoutePlan,
    Target, TargetSet, Wait, max_breadth,
};
use strowger_registrar::{AddressOfRecord, Bindings};
use strowger_sip::{Message, Method, Now, StatusCode, Time};
use strowger_transaction::{Flow, RequestKey, ServerKey, TimerKey};

use crate::branch::{Branch, BranchRef, Waiting};
use crate::call::PolicyCall;
use crate::core::Core;
use crate::program::{Program, add_targets};
use crate::relay_table::RelayKey;
use crate::reply::OwnReply;
use crate::timer::ElementTimer;

/// What routing found out about the way of a request.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// Route header fields, ours taken off.
    pub(crate) route: RoutePlan,
    /// The token of our Record-Route, if the request came with one.
    pub(crate) token: Option<RecordRouteToken>,
    /// The contacts of a local user; `None` if the Request-URI was not looked up.
    pub(crate) targets: Option<Bindings>,
    /// That user.
    pub(crate) aor: Option<AddressOfRecord>,
    /// Branches the request may have at one time.
    pub(crate) max_breadth: u32,
    /// The transaction of the request, if it has one already.
    pub(crate) server: Option<ServerKey>,
    /// What a program keeps with it; its targets are those of the draft.
    pub(crate) program: Option<Box<Program>>,
}

/// Positions of header fields in a message.
pub(crate) type Positions = SmallVec<[u16; 8]>;

/// One relayed request.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) request: Arc<Message>,
    pub(crate) source: Flow,
    pub(crate) route: RoutePlan,
    pub(crate) loop_hash: LoopHash,
    pub(crate) targets: TargetSet,
    pub(crate) branches: SmallVec<[Branch; 1]>,
    /// Header fields that are taken off before forwarding.
    pub(crate) remove: Positions,
    pub(crate) caller_behind_nat: bool,
    /// The targets are contacts of a local user.
    pub(crate) looked_up: bool,
    pub(crate) server: ServerKey,
    pub(crate) received: Time,
    pub(crate) context: ResponseContext,
    /// What a program keeps with it.
    pub(crate) program: Option<Box<Program>>,
    max_breadth: u32,
    ring: Option<TimerKey>,
}

impl Core {
    /// Relays a request with a transaction (§16.2, §16.6).
    pub(crate) fn relay(
        &mut self,
        now: Now,
        source: Flow,
        request: Arc<Message>,
        key: Option<RequestKey>,
        way: Way,
    ) -> Option<RelayKey> {
        let targets = match self.targets(now, &request, &way) {
            Ok(targets) => targets,
            Err(status) => {
                self.reply_stateless(now, now.monotonic, source, &request, status, None, b"");
                return None;
            }
        };
        let key = key.unwrap_or_else(|| self.transactions.request_key(&request));
        let kind = if request.method() == Method::Invite {
            Kind::Invite
        } else {
            Kind::NonInvite
        };
        let server = match way.server {
            Some(server) => Some(server),
            None => self.server_for_relay(now, key, &request, &source, way.program.as_deref()),
        };
        let Some(server) = server else {
            self.refuse_full(now, source, &request);
            return None;
        };
        let mut context = ResponseContext::new(kind, &self.settings.proxy);
        context.set_more_targets(true);
        if let Some(program) = &way.program {
            context.ask_program(program.draft.hooks.failure.is_some());
            if program.draft.ring_timeout.is_some() {
                context.set_ring_limit(program.draft.ring_timeout);
            }
        }
        let relay = Relay {
            loop_hash: self.loop_hash(&request),
            // What a program lets pass is its affair.
            remove: match &way.program {
                Some(_) => Positions::new(),
                None => self.fields_to_remove(&request),
            },
            caller_behind_nat: self.caller_is_behind_nat(&request, &source),
            looked_up: way.targets.is_some(),
            program: way.program,
            request: Arc::clone(&request),
            source,
            route: way.route,
            targets,
            branches: SmallVec::new(),
            server,
            received: now.monotonic,
            context,
            max_breadth: if way.max_breadth == 0 {
                self.settings.proxy.max_breadth
            } else {
                way.max_breadth
            },
            ring: None,
        };
        let Some(key) = self.relays.insert(relay) else {
            self.transactions.release_server(server);
            self.refuse_full(now, source, &request);
            return None;
        };
        self.transactions.set_server_user(server, key.pack());
        self.counters.relayed += 1;
        if let Some(relay) = self.relays.get_mut(key) {
            relay.context.settle(&mut self.actions);
        }
        if kind == Kind::Invite {
            self.say_trying(now, key);
        }
        self.process(now, key);
        Some(key)
    }

    fn server_for_relay(
        &mut self,
        now: Now,
        key: RequestKey,
        request: &Arc<Message>,
        source: &Flow,
        program: Option<&Program>,
    ) -> Option<ServerKey> {
        let (user, batch) = (u64::MAX, &mut self.batch);
        let made = if program.is_none() {
            self.transactions
                .create_server_sharing(now, key, request, source, user, batch)
        } else if program.is_some_and(|program| program.draft.force_rport) {
            let towards = (source, *source);
            self.transactions
                .create_server_towards(now, key, request, towards, user, batch)
        } else {
            self.transactions
                .create_server(now, key, request, source, user, batch)
        };
        made.ok()
    }

    /// The 100 that others send at once.
    fn say_trying(&mut self, now: Now, key: RelayKey) {
        let Some(reason) = self.settings.compatibility.trying_reason.clone() else {
            return;
        };
        let Some(relay) = self.relays.get(key) else {
            return;
        };
        let (server, source, received) = (relay.server, relay.source, relay.received);
        let request = Arc::clone(&relay.request);
        let reply = OwnReply {
            reason: Some(reason.as_bytes()),
            ..OwnReply::of(StatusCode::TRYING)
        };
        self.respond(now, server, received, source, &request, &reply);
    }

    fn refuse_full(&mut self, now: Now, source: Flow, request: &Message) {
        self.counters.table_full += 1;
        self.reply_unavailable(now, source, request);
    }

    /// The target set (§16.5): contacts of a local user, the flow of a dialog, or the Request-URI as it is.
    fn targets(&self, now: Now, request: &Message, way: &Way) -> Result<TargetSet, StatusCode> {
        if let Some(program) = &way.program {
            let mut set = TargetSet::new(&self.settings.proxy);
            set.set_parallel();
            add_targets(
                &program.draft,
                way.route.request_uri(request),
                false,
                &mut set,
            );
            return Ok(set);
        }
        if let Some(bindings) = &way.targets {
            return self.contacts(now, way.aor.clone(), bindings);
        }
        let mut set = TargetSet::new(&self.settings.proxy);
        let mut target = Target::from_uri(way.route.request_uri(request));
        if let Some(token) = &way.token {
            let direction = token.direction(&self.secrets, request);
            match token.hop(direction, |_| true) {
                DialogHop::Flow(flow) => {
                    let side = token.side(direction);
                    target.flow = Some(flow);
                    target.behind_nat = side.is_some_and(|side| side.behind_nat);
                    target.flow_required = target.behind_nat;
                }
                DialogHop::Uri => {}
                DialogHop::Dead => return Err(StatusCode::TEMPORARILY_UNAVAILABLE),
            }
        }
        set.add(target);
        Ok(set)
    }

    /// Carries out what the response context asked for.
    pub(crate) fn process(&mut self, now: Now, key: RelayKey) {
        while let Some(action) = self.actions.pop() {
            match action {
                Action::Forward => {
                    if let Some(forward) = self.actions.take_forward() {
                        self.forward_upstream(now, key, &forward);
                    }
                }
                Action::Reply(status) => self.reply_upstream(now, key, status),
                // The transaction ends by itself and absorbs retransmissions until then (RFC 4320 §4.2).
                Action::Silence => {}
                Action::AbandonRequest(_) => {
                    let parked = self
                        .program_mut(key)
                        .and_then(|program| program.parked.take());
                    if let Some(id) = parked {
                        self.forget_run(id);
                        self.calls.push_back(PolicyCall::Abandon(id));
                    }
                }
                Action::AskProgram => self.calls.push_back(PolicyCall::Failure(key)),
                Action::Cancel(branch) => {
                    if let Some(Waiting::Response(client)) = self.waiting(key, branch) {
                        let reason = self.cancel_reason(key);
                        self.transactions
                            .cancel_client(now, client, &reason, &mut self.batch);
                    }
                }
                Action::Abandon(branch, _) => {
                    if let Some(branch) = self.branch_mut(BranchRef { relay: key, branch }) {
                        branch.waiting = Waiting::Nothing;
                        branch.resolving = None;
                        branch.numeric = false;
                    }
                }
                Action::Terminate(branch) => {
                    if let Some(Waiting::Response(client)) = self.waiting(key, branch) {
                        self.transactions.release_client(client);
                    }
                }
                Action::StartNextGroup => self.start_next_group(now, key),
                Action::SetTimer(branch, _, duration) => {
                    let at = BranchRef { relay: key, branch };
                    let old = self.branch_mut(at).and_then(|branch| branch.timer_c.take());
                    let timer = self.set_timer(old, now, duration, ElementTimer::TimerC(at));
                    if let Some(branch) = self.branch_mut(at) {
                        branch.timer_c = Some(timer);
                    }
                }
                Action::ClearTimer(branch) => {
                    let at = BranchRef { relay: key, branch };
                    if let Some(timer) =
                        self.branch_mut(at).and_then(|branch| branch.timer_c.take())
                    {
                        self.timers.cancel(timer);
                    }
                }
                Action::SetRingLimit(duration) => {
                    let timer = self.set_timer(None, now, duration, ElementTimer::Ring(key));
                    if let Some(relay) = self.relays.get_mut(key) {
                        relay.ring = Some(timer);
                    }
                }
                Action::ClearRingLimit => {
                    if let Some(timer) =
                        self.relays.get_mut(key).and_then(|relay| relay.ring.take())
                    {
                        self.timers.cancel(timer);
                    }
                }
                Action::Finished => {
                    let relay = self.relays.get(key);
                    let request = relay.map(|relay| Arc::clone(&relay.request));
                    self.relays.remove(key);
                    if let Some(request) = request {
                        self.spare_messages.put(request);
                    }
                    if self.left_relays.one_ended(self.relays.len()) {
                        self.move_relays();
                    }
                }
            }
        }
    }

    /// Moves the requests together that are left when most have ended, and makes the tables of what they wait for smaller.
    /// A request that others hold too stays where it is.
    #[cold]
    fn move_relays(&mut self) {
        let mut before = Vec::new();
        self.relays.each(|relay| {
            if Arc::strong_count(&relay.request) == 1 {
                let copy = Arc::new(Message::clone(&relay.request));
                before.push(core::mem::replace(&mut relay.request, copy));
            }
        });
        self.calls.shrink_to(2 * self.calls.len());
        self.suspended.shrink_to(2 * self.suspended.len());
        self.parked_runs.shrink_to(2 * self.parked_runs.len());
        self.held_requests.shrink_to(2 * self.held_requests.len());
        self.parked.shrink_to(2 * self.parked.len());
        self.connecting.shrink_to(2 * self.connecting.len());
        self.reattaching.shrink_to(2 * self.reattaching.len());
        self.outputs.shrink_to(2 * self.outputs.len());
        self.batch.bytes.shrink_to(2 * self.batch.bytes.len());
        self.batch.sends.shrink_to(2 * self.batch.sends.len());
        self.counters.relay_gatherings += 1;
    }

    /// The Reason of a CANCEL (RFC 3326): so that a phone does not show a call that was taken elsewhere as missed.
    fn cancel_reason(&self, key: RelayKey) -> Vec<u8> {
        let cause = self
            .relays
            .get(key)
            .and_then(|relay| relay.context.cancel_cause());
        match cause {
            None => Vec::new(),
            Some(StatusCode::OK) => {
                b"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n".to_vec()
            }
            Some(status) => format!("Reason: SIP;cause={}\r\n", status.get()).into_bytes(),
        }
    }

    fn set_timer(
        &mut self,
        old: Option<TimerKey>,
        now: Now,
        duration: core::time::Duration,
        timer: ElementTimer,
    ) -> TimerKey {
        let deadline = now.monotonic + duration;
        match old {
            Some(key) if self.timers.rearm(key, deadline) => key,
            _ => self.timers.arm(deadline, timer),
        }
    }

    fn start_next_group(&mut self, now: Now, key: RelayKey) {
        let Some(relay) = self.relays.get_mut(key) else {
            return;
        };
        let group = relay.targets.next_group(relay.max_breadth);
        relay
            .context
            .set_more_targets(!relay.targets.is_exhausted());
        let size = group.len();
        relay.branches.reserve_exact(size);
        // All branches of the group exist before the first begins: one that fails at once must not end the request.
        let mut made: SmallVec<[BranchId; 4]> = SmallVec::new();
        for (index, place) in group.enumerate() {
            let Some(target) = relay.targets.in_order(place) else {
                continue;
            };
            let breadth = max_breadth::share(relay.max_breadth, size, index).unwrap_or(1);
            let target = Branch::new(target.clone(), breadth);
            let Ok(branch) = relay.context.add_branch(Wait::Dns, &mut self.actions) else {
                break;
            };
            relay.branches.push(target);
            made.push(branch);
        }
        if made.is_empty() {
            relay.context.settle(&mut self.actions);
        }
        for branch in made {
            self.begin_branch(now, BranchRef { relay: key, branch });
        }
    }

    /// The context of a relayed request, with the actions it writes to.
    pub(crate) fn with_context(
        &mut self,
        at: BranchRef,
        event: impl FnOnce(&mut ResponseContext, BranchId, &mut strowger_proxy::Actions),
    ) {
        if let Some(relay) = self.relays.get_mut(at.relay) {
            event(&mut relay.context, at.branch, &mut self.actions);
        }
    }

    /// A branch could not be started, or its target is taken to have answered `status`.
    pub(crate) fn branch_failed(&mut self, at: BranchRef, status: StatusCode) {
        self.with_context(at, |context, branch, actions| {
            context.failed_to_start(branch, status, actions)
        });
    }

    /// The branch, while its request is relayed.
    pub(crate) fn branch_mut(&mut self, at: BranchRef) -> Option<&mut Branch> {
        self.relays
            .get_mut(at.relay)?
            .branches
            .get_mut(usize::from(at.branch.0))
    }

    fn waiting(&self, key: RelayKey, branch: BranchId) -> Option<Waiting> {
        Some(
            self.relays
                .get(key)?
                .branches
                .get(usize::from(branch.0))?
                .waiting
                .clone(),
        )
    }

    /// Timer C, or the wait for a cancelled branch, has ended.
    pub(crate) fn timer_c(&mut self, now: Now, at: BranchRef) {
        if let Some(branch) = self.branch_mut(at) {
            branch.timer_c = None;
            if branch.hearing {
                // Its final response is there, and with the program.
                let again = core::time::Duration::from_secs(1);
                let timer = self.set_timer(None, now, again, ElementTimer::TimerC(at));
                if let Some(branch) = self.branch_mut(at) {
                    branch.timer_c = Some(timer);
                }
                return;
            }
        }
        self.with_context(at, |context, branch, actions| {
            context.timer(branch, actions)
        });
        self.process(now, at.relay);
    }

    /// The limit of ringing is reached.
    pub(crate) fn ring_limit(&mut self, now: Now, key: RelayKey) {
        if let Some(relay) = self.relays.get_mut(key) {
            relay.ring = None;
            relay.context.ring_limit(&mut self.actions);
        }
        self.process(now, key);
    }
}

#[cfg(test)]
mod tests {
    use super::Relay;
    use crate::branch::Branch;
    use crate::relay_table::RelayTable;

    /// The allocator has runs of 16,384 octets and then of 20,480: a little more would cost a fifth.
    #[test]
    fn a_page_of_relays_fits_what_the_allocator_hands_out() {
        let page = RelayTable::<Relay>::PAGE_OCTETS;
        assert!((15_360..=16_384).contains(&page), "{page}");
    }

    /// Three phones of one user are usual: 1,024 octets is one of the allocator's sizes.
    #[test]
    fn three_branches_fit_what_the_allocator_hands_out() {
        assert!(3 * size_of::<Branch>() <= 1_024, "{}", size_of::<Branch>());
    }
}
