//! A shard without its policy: everything that the verbs act on (DESIGN §2, §4). A run of the policy owns it meanwhile.
//!
//! ```text
//! Received ─► transactions ─► ACK filter ─► CANCEL ─► Arrival, for the policy
//!          └► response ─► (policy) ─► transactions ─► (policy) ─► relay
//! Connected, Resolved, Completed, timers ─► whoever was parked under that name
//! ```
//!
//! What the policy is to be asked comes out as [`PolicyCall`]s, which [`crate::Element`] carries out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;
use strowger_proxy::{Actions, Forwarder, HashKeys};
use strowger_registrar::{
    AddressOfRecord, AuthCounters, LocationService, PendingLimits, PendingRegistrations,
    RegistrarCounters,
};
use strowger_resolve::LocalTransports;
use strowger_routing::{HookName, PolicyInterest, SlEvent};
use strowger_sip::{Message, Method, Now, SpareMessages, StatusCode, Time};
use strowger_transaction::survivors::Survivors;
use strowger_transaction::token::{Home, Secrets};
use strowger_transaction::{
    Flow, RequestMatch, ServerKey, ShardIdentity, TagSource, TimerWheel, Transactions,
    TransmitBatch,
};

use crate::admission::{Admission, Refused, new_servers_max};
use crate::branch::BranchRef;
use crate::call::{Arrival, PolicyCall};
use crate::connect::Connecting;
use crate::counters::ElementCounters;
use crate::event::Interest;
use crate::park::{ParkedRun, WaitingRequests};
use crate::registration::WaitingChange;
use crate::relay::Relay;
use crate::relay_table::RelayTable;
use crate::run::Run;
use crate::seam::{Answer, Command, ConnectId, Input, Output, QueryId, ShardMessage};
use crate::server::RecentRequests;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::stateless::WaitingForward;
use crate::timer::ElementTimer;
use crate::transmit::SentBy;

/// What a query's answer is for.
#[derive(Debug)]
pub(crate) enum Parked {
    /// A branch that waits for the DNS.
    Branch(BranchRef),
    /// A request without a transaction that waits for the DNS.
    Stateless(Box<WaitingForward>),
    /// A change of bindings that is with the journal.
    Registration(AddressOfRecord),
    /// A run of the policy.
    Policy(Box<ParkedRun>),
}

/// One shard of a SIP element, without its policy.
pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) secrets: Secrets,
    pub(crate) home: Home,
    pub(crate) shard: u16,
    pub(crate) local: LocalTransports,
    /// What the policy is to be asked, in order.
    pub(crate) calls: VecDeque<PolicyCall>,
    /// At which stages it wants to be asked.
    pub(crate) policy_interest: PolicyInterest,
    /// Requests whose run is parked and that have no transaction.
    pub(crate) waiting_requests: WaitingRequests,
    /// Requests that a program has suspended, by number.
    pub(crate) suspended: HashMap<u64, Box<Run>, FixedState>,
    /// Where runs of the policy are parked, by the policy's own number.
    pub(crate) parked_runs: HashMap<u64, QueryId, FixedState>,
    /// Parked runs that hold a transaction, by the `user` of that transaction.
    pub(crate) held_requests: HashMap<u64, QueryId, FixedState>,
    /// Messages for which the policy was asked.
    pub(crate) messages: u64,
    pub(crate) transactions: Transactions,
    pub(crate) relays: RelayTable<Relay>,
    pub(crate) left_relays: Survivors,
    pub(crate) parked: HashMap<QueryId, Parked, FixedState>,
    pub(crate) connecting: HashMap<ConnectId, Connecting, FixedState>,
    /// Server transactions for which a connection is being opened.
    pub(crate) reattaching: HashSet<ServerKey, FixedState>,
    pub(crate) timers: TimerWheel<ElementTimer>,
    pub(crate) actions: Actions,
    pub(crate) forwarder: Forwarder,
    /// The keys of the hashes in branches.
    pub(crate) hash_keys: HashKeys,
    /// Room for the branch that is being written.
    pub(crate) branch_text: Vec<u8>,
    pub(crate) sent_by: Vec<SentBy>,
    pub(crate) registrations: PendingRegistrations<WaitingChange>,
    pub(crate) registrar_counters: RegistrarCounters,
    pub(crate) auth_counters: AuthCounters,
    pub(crate) batch: TransmitBatch,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) recent: RecentRequests,
    pub(crate) interest: Interest,
    /// What of the new is let in.
    pub(crate) admission: Admission,
    /// How long a share to refuse holds.
    pub(crate) admission_until: Time,
    /// Requests that were refused lately.
    pub(crate) refused: Refused,
    /// Server transactions beyond which nothing new is let in.
    pub(crate) new_servers_max: usize,
    pub(crate) counters: ElementCounters,
    /// Messages that nobody holds any more.
    pub(crate) spare_messages: SpareMessages,
    random: u64,
    next_name: u64,
}

impl Core {
    /// Waits (DNS, journal, connections) that one shard may have at a time.
    pub const PARKED_MAX: usize = 200_000;
    /// Relayed requests that one shard may hold.
    pub const RELAYS_MAX: usize = 1_000_000;
    /// Things that the policy may still have to be asked or told after one input.
    pub const CALLS_MAX: usize = 10_000;
    /// Requests that programs may have suspended at a time, per shard.
    pub const SUSPENDED_MAX: usize = 100_000;

    /// A shard with these settings. `seed` makes hash tables and choices of equal weight unpredictable to peers.
    pub(crate) fn new(
        settings: Arc<Settings>,
        shared: Arc<Shared>,
        secrets: Secrets,
        shard: u16,
        seed: u64,
    ) -> Core {
        let home = Home {
            node: settings.node,
            shards: settings.shards,
        };
        let transactions = Transactions::new(
            settings.timers.clone(),
            settings.transactions.clone(),
            secrets,
            ShardIdentity {
                home,
                shard: u8::try_from(shard).unwrap_or(u8::MAX),
            },
            seed,
        );
        let mut core = Core {
            local: LocalTransports::new(),
            calls: VecDeque::new(),
            policy_interest: PolicyInterest::default(),
            waiting_requests: WaitingRequests::new(seed),
            suspended: HashMap::with_hasher(FixedState::with_seed(seed)),
            parked_runs: HashMap::with_hasher(FixedState::with_seed(seed)),
            held_requests: HashMap::with_hasher(FixedState::with_seed(seed)),
            messages: 0,
            settings,
            shared,
            secrets,
            home,
            shard,
            transactions,
            relays: RelayTable::new(Self::RELAYS_MAX),
            left_relays: Survivors::default(),
            parked: HashMap::with_hasher(FixedState::with_seed(seed)),
            connecting: HashMap::with_hasher(FixedState::with_seed(seed)),
            reattaching: HashSet::with_hasher(FixedState::with_seed(seed)),
            actions: Actions::new(),
            forwarder: Forwarder::new(),
            hash_keys: HashKeys::new(&secrets),
            branch_text: Vec::new(),
            sent_by: Vec::new(),
            timers: TimerWheel::new(),
            registrations: PendingRegistrations::new(PendingLimits::default(), seed),
            registrar_counters: RegistrarCounters::default(),
            auth_counters: AuthCounters::default(),
            batch: TransmitBatch::new(),
            outputs: VecDeque::new(),
            recent: RecentRequests::new(seed),
            interest: Interest::DEFAULT,
            admission: Admission::Open,
            admission_until: Time::ZERO,
            refused: Refused::default(),
            new_servers_max: 0,
            counters: ElementCounters::default(),
            spare_messages: SpareMessages::new(),
            random: seed | 1,
            // A shard that replaces one that panicked must not give out the names of answers still under way for it.
            next_name: seed >> 1,
        };
        core.adopt_listeners();
        if shard == 0 {
            core.timers.arm(Time::from_secs(1), ElementTimer::Sweep);
        }
        core
    }

    /// Names and values of the counters of this shard and its layers.
    pub fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.counters.visit(f);
        self.transactions.counters().visit(f);
        self.registrar_counters.visit(f);
        self.auth_counters.visit(f);
        self.registrations.counters().visit(f);
        self.actions.counters.visit(f);
        f(
            "suspended",
            "Requests suspended by a program",
            self.suspended.len() as u64,
        );
        f(
            "server_transactions",
            "Server transactions held",
            self.transactions.server_count() as u64,
        );
        f(
            "client_transactions",
            "Client transactions held",
            self.transactions.client_count() as u64,
        );
        f("relays", "Relayed requests held", self.relays.len() as u64);
        f(
            "parked",
            "Runs that wait for an answer",
            self.parked.len() as u64,
        );
    }

    /// True if nothing is held: no transaction, relay, wait or pending registration.
    pub fn is_idle(&self) -> bool {
        self.relays.is_empty()
            && self.parked.is_empty()
            && self.connecting.is_empty()
            && self.registrations.is_empty()
            && self.suspended.is_empty()
            && self.transactions.server_count() == 0
            && self.transactions.client_count() == 0
    }

    /// Takes in what happened; requests and settings come by other ways.
    pub(crate) fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Received { flow, message } => {
                let response = Arc::clone(&message);
                self.received_response(now, flow, message);
                self.spare_messages.put(response);
            }
            Input::Connected { request, flow } => self.connected(now, request, flow),
            Input::ConnectFailed { request } => self.connect_failed(now, request),
            Input::TransmitFailed {
                flow: _,
                token,
                branch,
            } => match branch {
                Some(branch) => self.transactions.transmit_failed_branch(&branch),
                None => self.transactions.transmit_failed(token),
            },
            Input::FlowClosed { flow } => self.flow_closed(&flow),
            Input::Resolved { query, answer } => match self.parked.remove(&query) {
                Some(parked) => self.dns_answered(now, query, parked, answer),
                None => self.counters.late_answers += 1,
            },
            Input::Completed { query, answer } => self.completed(now, query, answer),
            Input::FromShard(ShardMessage::Continue { number, hook }) => {
                match self.suspended.remove(&number) {
                    Some(run) => self.calls.push_back(PolicyCall::Continue(run, hook)),
                    None => self.counters.late_answers += 1,
                }
            }
            Input::Reconfigure(settings) => self.reconfigure(settings),
            Input::Command(Command::DropBindings { aor }) => {
                self.drop_bindings(now, aor.as_bytes())
            }
            Input::Command(Command::SetInterest(bits)) => self.interest = Interest(bits),
            Input::Command(Command::SetAdmission(admission)) => self.set_admission(now, admission),
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now, &mut self.batch);
        while let Some((_, timer)) = self.timers.pop_due(now.monotonic) {
            self.timer(now, timer);
        }
    }

    /// When [`Core::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        match (
            self.transactions.poll_timeout(),
            self.timers.next_deadline(),
        ) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next thing to do for the driver. Messages to send are moved into `batch`.
    pub fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output> {
        if !self.batch.is_empty() {
            if batch.is_empty() {
                core::mem::swap(batch, &mut self.batch);
            } else {
                let base = batch.bytes.len();
                batch.bytes.extend_from_slice(&self.batch.bytes);
                for send in &mut self.batch.sends {
                    send.range = base + send.range.start..base + send.range.end;
                }
                batch.sends.append(&mut self.batch.sends);
            }
            self.batch.clear();
            return Some(Output::Transmit);
        }
        self.outputs.pop_front()
    }

    /// A request, as far as it needs no policy; else what the policy is asked about.
    pub(crate) fn request(
        &mut self,
        now: Now,
        flow: Flow,
        message: Arc<Message>,
    ) -> Option<Arrival> {
        self.counters.requests += 1;
        let method = message.method();
        let position = method
            .known_index()
            .map_or(14, |index| usize::from(index).min(14));
        self.counters.requests_by_method[position] += 1;
        let key = match self
            .transactions
            .match_request(now, &message, &flow, &mut self.batch)
        {
            RequestMatch::New(key) => Some(key),
            RequestMatch::AckForSuccess { .. } => None,
            RequestMatch::Absorbed | RequestMatch::AckedFinal { .. } => return None,
        };
        if let Some(key) = key
            && !self.waiting_requests.is_empty()
            && self.waiting_absorbs(now, key, flow, &message)
        {
            return None;
        }
        match method {
            Method::Ack
                if TagSource::new(&self.secrets, key).is_ack_for_stateless_reply(&message) =>
            {
                self.counters.acks_absorbed += 1;
                self.shared.sl.count(self.shard, SlEvent::AckAbsorbed);
                if let Some(hook) = self.policy_interest.filtered_acks.clone() {
                    self.tell_program(hook, "sl:filtered-ack", flow, message);
                }
                return None;
            }
            Method::Cancel if !self.policy_interest.cancels => {
                self.cancel(now, flow, &message);
                return None;
            }
            _ if self.is_program() && self.has_looped(&message) => {
                let status = StatusCode::LOOP_DETECTED;
                self.reply_stateless(now, now.monotonic, flow, &message, status, None, b"");
                return None;
            }
            _ if self.is_shed(now, method, key, &message) => {
                self.shed(now, flow, &message);
                return None;
            }
            _ => {}
        }
        Some(Arrival { flow, message, key })
    }

    /// Tells a program of something that happened to a message.
    pub(crate) fn tell_program(
        &mut self,
        hook: HookName,
        name: &'static str,
        flow: Flow,
        message: Arc<Message>,
    ) {
        if self.calls.len() >= Self::CALLS_MAX {
            self.counters.table_full += 1;
            return;
        }
        self.calls.push_back(PolicyCall::Event {
            hook,
            name,
            flow,
            message,
        });
    }

    /// A response goes to the policy first, if that wants to see it.
    fn received_response(&mut self, now: Now, flow: Flow, message: Arc<Message>) {
        if self.policy_interest.replies {
            self.calls.push_back(PolicyCall::Reply { flow, message });
        } else {
            self.response(now, message);
        }
    }

    fn flow_closed(&mut self, flow: &Flow) {
        self.transactions.flow_closed(flow);
        self.registrations_flow_closed(flow);
        if self.shard == 0 {
            // The table is shared and every shard hears of the flow: one of them marks it.
            self.shared.location.mark_flow_lost(flow);
        }
    }

    /// The DNS has answered whoever was parked.
    pub(crate) fn dns_answered(
        &mut self,
        now: Now,
        query: QueryId,
        parked: Parked,
        answer: strowger_resolve::Answer,
    ) {
        match parked {
            Parked::Branch(branch) => self.resolved(now, branch, answer),
            Parked::Stateless(waiting) => self.resolved_stateless(now, waiting, answer),
            Parked::Policy(parked) => self.calls.push_back(PolicyCall::Resume {
                parked,
                answer: None,
            }),
            other => {
                self.parked.insert(query, other);
            }
        }
    }

    fn completed(&mut self, now: Now, query: QueryId, answer: Answer) {
        match self.parked.remove(&query) {
            Some(Parked::Registration(aor)) => self.registration_stored(now, &aor, &answer),
            Some(Parked::Policy(parked)) => {
                let answer = match answer {
                    Answer::Errand(answer) => answer,
                    Answer::Journaled | Answer::Failed => {
                        strowger_routing::ErrandAnswer::Failed("no answer".into())
                    }
                };
                self.calls.push_back(PolicyCall::Resume {
                    parked,
                    answer: Some(answer),
                });
            }
            Some(other) => {
                self.parked.insert(query, other);
            }
            None => self.counters.late_answers += 1,
        }
    }

    fn reconfigure(&mut self, settings: Arc<Settings>) {
        self.transactions
            .reconfigure(settings.timers.clone(), settings.transactions.clone());
        self.settings = settings;
        self.adopt_listeners();
    }

    fn adopt_listeners(&mut self) {
        let mut local = LocalTransports::new();
        for listener in &self.settings.listeners {
            local.insert(listener.transport, listener.address.ip());
        }
        self.local = local;
        self.new_servers_max = new_servers_max(&self.settings);
        let settings = &self.settings;
        let listeners = settings.listeners.iter();
        self.sent_by = listeners
            .map(|listener| SentBy::of(listener, settings))
            .collect();
    }

    /// The next pseudo-random number: for choices of equal weight, never for secrets.
    pub(crate) fn random(&mut self) -> u64 {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A name for a query or a connection, unique in this shard.
    pub(crate) fn next_name(&mut self) -> u64 {
        self.next_name = self.next_name.wrapping_add(1);
        self.next_name
    }

    /// Counts one of our own responses.
    pub(crate) fn count_reply(&mut self, status: StatusCode) {
        self.counters.replies_by_class[ElementCounters::class(status.get())] += 1;
    }
}
