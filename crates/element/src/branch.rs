//! One branch of a relayed request on its way to its next hop: DNS, connection, transmission (RFC 3261 §16.6 steps 6 to 10).
//!
//! ```text
//! begin ─ flow known ──────────────────────────────► send
//!       └ URI ─► Resolving ─► target UDP ───────────► send
//!                    ▲      └ target stream ► Connecting ─► send
//!                    └── next target ◄── failed (time-out, 503, ICMP, connection) ──┘
//! ```

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use strowger_proxy::{BranchId, Target, Wait};
use strowger_resolve::{
    Answer as DnsAnswer, NextHop, NextHopError, Resolution, Step, Target as HopTarget,
};
use strowger_sip::{Now, StatusCode, Time, Transport, Uri, UriError};
use strowger_transaction::{ClientKey, Flow, ListenerId, TimerKey};

use crate::connect::Connecting;
use crate::core::{Core, Parked};
use crate::relay_table::RelayKey;
use crate::seam::{Output, QueryId};
use crate::timer::ElementTimer;

/// Names one branch of one relayed request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct BranchRef {
    pub(crate) relay: RelayKey,
    pub(crate) branch: BranchId,
}

/// What a branch waits for.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    /// Not begun, or ended.
    Nothing,
    /// An answer from the DNS.
    Dns,
    /// A connection; then the request goes out on it.
    Connection {
        /// The target that the connection is for.
        target: HopTarget,
        /// The request was moved to TCP for its size: if the connection fails it goes out over UDP after all.
        for_size: bool,
    },
    /// A response to the request sent by this transaction.
    Response(ClientKey),
}

/// Where RFC 3263 leads.
#[derive(Debug)]
pub(crate) struct Resolving {
    resolution: Resolution,
    /// Until when the DNS may be asked for a target; none while it was not.
    until: Option<Time>,
}

/// The way to the next hop.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) target: Target,
    pub(crate) waiting: Waiting,
    /// The share of Max-Breadth (RFC 5393 §5.3.3).
    pub(crate) max_breadth: u32,
    /// Where RFC 3263 leads; none where a flow was given.
    pub(crate) resolving: Option<Box<Resolving>>,
    /// It leads to an address, the only one: nothing was resolved.
    pub(crate) numeric: bool,
    pub(crate) timer_c: Option<TimerKey>,
    /// The program was asked about it.
    pub(crate) asked: bool,
    /// What the program changed for this branch alone.
    pub(crate) draft: Option<Box<strowger_routing::Draft>>,
    /// The flow it was sent on.
    pub(crate) sent_on: Option<Flow>,
    /// The program is hearing its final response, and may take its time: nobody else ends the branch meanwhile.
    pub(crate) hearing: bool,
    /// When the time ends that a program gave it for any response.
    pub(crate) silent_until: Option<Time>,
}

impl Branch {
    pub(crate) const fn new(target: Target, max_breadth: u32) -> Branch {
        Branch {
            target,
            waiting: Waiting::Nothing,
            max_breadth,
            resolving: None,
            numeric: false,
            timer_c: None,
            asked: false,
            draft: None,
            sent_on: None,
            hearing: false,
            silent_until: None,
        }
    }
}

impl Core {
    /// How long a question to the DNS may take; the caller is answered well before its own timers end.
    pub const DNS_SECONDS_MAX: u64 = 5;
    /// How long all questions for one target may take: a DNS that answers each of many questions late must not keep the
    /// caller waiting beyond 32 s.
    pub const RESOLVE_SECONDS_MAX: u64 = 20;
    /// Requests longer than this leave over TCP where the transport is free (RFC 3261 §18.1.1).
    pub const UDP_OCTETS_MAX: usize = 1_300;

    /// The next hop that a URI names, or the status of a branch whose URI names none.
    pub(crate) fn hop_of(
        &self,
        uri: Result<Uri<'_>, UriError>,
        secure: bool,
    ) -> Result<NextHop, StatusCode> {
        let uri = uri.map_err(|_| StatusCode::BAD_REQUEST)?;
        NextHop::from_uri(&uri, secure).map_err(|error| match error {
            _ if self.settings.compatibility.failure_statuses => self.unresolvable(),
            NextHopError::Scheme => StatusCode::UNSUPPORTED_URI_SCHEME,
            _ => StatusCode::BAD_REQUEST,
        })
    }

    /// Takes a branch to its next hop: at once to an address, else to what the DNS says.
    pub(crate) fn go_by(&mut self, now: Now, at: BranchRef, hop: NextHop) {
        if let Some(target) = hop.numeric_target(self.local) {
            if let Some(branch) = self.branch_mut(at) {
                branch.numeric = true;
            }
            return self.go_to(now, at, target);
        }
        let seed = self.random();
        let resolution = Resolution::new(hop, &self.settings.resolve, self.local, seed);
        let Some(branch) = self.branch_mut(at) else {
            return;
        };
        branch.resolving = Some(Box::new(Resolving {
            resolution,
            until: None,
        }));
        if !self.step_resolution(now, at) {
            self.branch_failed(at, self.unresolvable());
        }
    }

    /// Leaves the target that failed; false if there is no other.
    pub(crate) fn has_next_target(&mut self, now: Now, at: BranchRef) -> bool {
        let shared = Arc::clone(&self.shared);
        let Some(branch) = self.branch_mut(at) else {
            return false;
        };
        let Some(resolving) = &mut branch.resolving else {
            if branch.numeric {
                shared.dns.count_failover();
            }
            return false;
        };
        !matches!(
            resolving.resolution.next_target(&shared.dns, now.monotonic),
            Step::Failed(_)
        )
    }

    /// The DNS has answered, or not in time.
    pub(crate) fn resolved(&mut self, now: Now, at: BranchRef, answer: DnsAnswer) {
        let shared = Arc::clone(&self.shared);
        let Some(branch) = self
            .branch_mut(at)
            .filter(|branch| matches!(branch.waiting, Waiting::Dns))
        else {
            self.counters.late_answers += 1;
            return;
        };
        branch.waiting = Waiting::Nothing;
        if let Some(Resolving { resolution, .. }) = branch.resolving.as_deref_mut() {
            resolution.answer(answer, &shared.dns, now.monotonic);
        }
        if !self.step_resolution(now, at) {
            self.branch_failed(at, self.unresolvable());
        }
        self.process(now, at.relay);
    }

    /// What a next hop that cannot be found counts as.
    fn unresolvable(&self) -> StatusCode {
        self.other_status(478)
    }

    /// What a next hop that cannot be reached counts as.
    pub(crate) fn unreachable_status(&self) -> StatusCode {
        self.other_status(477)
    }

    fn other_status(&self, code: u16) -> StatusCode {
        if self.settings.compatibility.failure_statuses {
            StatusCode::new(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }

    /// False if there is no target left; the caller fails the branch.
    pub(crate) fn step_resolution(&mut self, now: Now, at: BranchRef) -> bool {
        let shared = Arc::clone(&self.shared);
        let room = self.parked.len() < Self::PARKED_MAX;
        let Some(branch) = self.branch_mut(at) else {
            return true;
        };
        let Some(resolving) = &mut branch.resolving else {
            return false;
        };
        match resolving.resolution.step(&shared.dns, now.monotonic) {
            Step::Ask(question) => {
                if !room {
                    self.counters.table_full += 1;
                    return false;
                }
                let now = now.monotonic;
                let all = Duration::from_secs(Self::RESOLVE_SECONDS_MAX);
                let until = *resolving.until.get_or_insert(now + all);
                if until <= now {
                    self.counters.deadlines_passed += 1;
                    return false;
                }
                branch.waiting = Waiting::Dns;
                let query = QueryId(self.next_name());
                self.parked.insert(query, Parked::Branch(at));
                self.outputs.push_back(Output::Resolve { query, question });
                let limit = now + Duration::from_secs(Self::DNS_SECONDS_MAX);
                self.timers
                    .arm(limit.min(until), ElementTimer::Query(query));
                true
            }
            Step::Target(target) => {
                resolving.until = None;
                self.go_to(now, at, target);
                true
            }
            Step::Failed(_) => false,
        }
    }

    /// Goes to a target: at once over UDP, else over a connection.
    fn go_to(&mut self, now: Now, at: BranchRef, target: HopTarget) {
        let too_big = target.transport == Transport::Udp
            && target.transport_is_free
            && self.local.reaches(Transport::Tcp, target.address.ip())
            && self.request_octets(at) > Self::UDP_OCTETS_MAX;
        if too_big {
            let target = HopTarget {
                transport: Transport::Tcp,
                ..target
            };
            self.connect(now, at, target, true);
        } else if target.transport.is_reliable() {
            self.connect(now, at, target, false);
        } else {
            self.send_to_datagram_target(now, at, &target);
        }
    }

    fn send_to_datagram_target(&mut self, now: Now, at: BranchRef, target: &HopTarget) {
        match self.listener_of(at, Transport::Udp, &target.address) {
            Some(listener) => self.send_branch(now, at, Flow::udp(listener, target.address)),
            None => self.branch_failed(at, StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// The listener that a branch leaves from: the one that a program chose, if it fits, else that towards the peer. A
    /// request that a program forwards leaves where it came in, if that leads there too.
    fn listener_of(
        &self,
        at: BranchRef,
        transport: Transport,
        remote: &SocketAddr,
    ) -> Option<ListenerId> {
        let relay = self.relays.get(at.relay)?;
        let chosen = relay
            .branches
            .get(usize::from(at.branch.0))
            .and_then(|branch| branch.target.listener)
            .map(ListenerId);
        let received = relay.program.as_ref().map(|_| relay.source.listener);
        self.fitting(chosen, transport, remote)
            .or_else(|| self.fitting(received, transport, remote))
            .or_else(|| self.settings.listener_towards(transport, remote))
    }

    /// The listener, if it has this transport and the address family of the peer.
    pub(crate) fn fitting(
        &self,
        listener: Option<ListenerId>,
        transport: Transport,
        remote: &SocketAddr,
    ) -> Option<ListenerId> {
        listener.filter(|id| {
            self.settings.listener(*id).is_some_and(|listener| {
                listener.transport == transport
                    && listener.address.is_ipv4() == remote.ip().to_canonical().is_ipv4()
            })
        })
    }

    fn connect(&mut self, now: Now, at: BranchRef, target: HopTarget, for_size: bool) {
        let (remote, transport) = (target.address, target.transport);
        let opening = self
            .listener_of(at, transport, &remote)
            .is_some_and(|listener| {
                self.open(now, Connecting::Branch(at), listener, remote, transport)
            });
        if !opening {
            return self.branch_failed(at, StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(branch) = self.branch_mut(at) {
            branch.waiting = Waiting::Connection { target, for_size };
        }
        self.with_context(at, |context, branch, _| {
            context.wait(branch, Wait::Connect);
        });
    }

    /// The connection of a branch is open.
    pub(crate) fn branch_connected(&mut self, now: Now, at: BranchRef, flow: Flow) {
        match self.branch_mut(at) {
            Some(branch) if matches!(branch.waiting, Waiting::Connection { .. }) => {
                branch.waiting = Waiting::Nothing;
            }
            _ => {
                self.counters.late_answers += 1;
                return;
            }
        }
        self.send_branch(now, at, flow);
        self.process(now, at.relay);
    }

    /// The connection of a branch could not be opened.
    pub(crate) fn branch_connect_failed(&mut self, now: Now, at: BranchRef) {
        let Some(branch) = self.branch_mut(at) else {
            self.counters.late_answers += 1;
            return;
        };
        match core::mem::replace(&mut branch.waiting, Waiting::Nothing) {
            Waiting::Connection {
                target,
                for_size: true,
            } => {
                let target = HopTarget {
                    transport: Transport::Udp,
                    ..target
                };
                self.send_to_datagram_target(now, at, &target);
            }
            Waiting::Connection { .. } => {
                if !self.has_next_target(now, at) || !self.step_resolution(now, at) {
                    self.branch_failed(at, self.unreachable_status());
                }
            }
            other => {
                branch.waiting = other;
                self.counters.late_answers += 1;
            }
        }
        self.process(now, at.relay);
    }
}
