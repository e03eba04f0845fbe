//! Forwarding without a transaction: the ACK to a 2xx, and the responses to what was forwarded so (RFC 3261 §16.11).

use std::sync::Arc;

use smallvec::SmallVec;
use strowger_proxy::{
    DialogHop, Forwarding, LocalSide, Program, RecordRouteToken, RecordRouting, ResponseChanges,
    RoutePlan, Target, is_secure, next_hop, request_hash,
};
use strowger_resolve::{Answer as DnsAnswer, NextHop, Resolution, Step, Target as HopTarget};
use strowger_routing::Draft;
use strowger_sip::{Message, Now, Transport, Uri, UriError};
use strowger_transaction::{Flow, ListenerId, TransmitToken, marked_via_target};

use crate::connect::Connecting;
use crate::core::{Core, Parked};
use crate::seam::{Output, QueryId};
use crate::timer::ElementTimer;

/// A request that is forwarded without a transaction.
#[derive(Debug)]
struct StatelessForward {
    request: Arc<Message>,
    source: Flow,
    route: RoutePlan,
    /// The contact that takes the place of a Request-URI of ours.
    contact: Option<Arc<[u8]>>,
    /// What a program changed.
    draft: Option<Box<Draft>>,
}

impl StatelessForward {
    fn uri(&self) -> &[u8] {
        let changed = self.draft.as_ref().map(|draft| &draft.target.uri);
        match (&self.contact, changed.filter(|uri| !uri.is_empty())) {
            (Some(contact), _) => contact,
            (None, Some(uri)) => uri,
            (None, None) => self.route.request_uri(&self.request),
        }
    }
}

/// A request that is forwarded without a transaction and waits for the DNS or a connection.
#[derive(Debug)]
pub(crate) struct WaitingForward {
    forward: StatelessForward,
    resolution: Resolution,
}

impl Core {
    /// Forwards the ACK to a 2xx along its dialog.
    pub(crate) fn forward_ack(
        &mut self,
        now: Now,
        request: &Arc<Message>,
        source: &Flow,
        route: RoutePlan,
        token: Option<&RecordRouteToken>,
    ) {
        // §16.3 step 3 holds for ACK too, which nobody answers.
        if !matches!(request.max_forwards(), Ok(hops) if hops != Some(0)) {
            self.counters.discarded += 1;
            return;
        }
        let hop = token.map_or(DialogHop::Uri, |token| {
            token.hop(token.direction(&self.secrets, request), |_| true)
        });
        let mut forward = StatelessForward {
            request: Arc::clone(request),
            source: *source,
            route,
            contact: None,
            draft: None,
        };
        match hop {
            DialogHop::Flow(flow) => self.send_stateless(&forward, flow),
            DialogHop::Dead => self.counters.discarded += 1,
            DialogHop::Uri => {
                if let Some(contact) = self.contact_for_ack(now, &forward) {
                    forward.contact = Some(contact.uri);
                    if let Some(flow) = contact.flow {
                        return self.send_stateless(&forward, flow);
                    }
                }
                let uri = forward.uri();
                let next = next_hop(request, &forward.route, uri, b"");
                let hop = hop_of(request, next, is_secure(uri));
                self.go_stateless(now, forward, hop);
            }
        }
    }

    /// Takes a request without a transaction to its next hop: at once to an address over datagrams.
    fn go_stateless(&mut self, now: Now, forward: StatelessForward, hop: Option<NextHop>) {
        let Some(hop) = hop else {
            self.counters.discarded += 1;
            return;
        };
        if let Some(target) = hop.numeric_target(self.local)
            && target.transport == Transport::Udp
        {
            match self.listener_of_stateless(&forward, &target) {
                Some(listener) => {
                    let flow = Flow::udp(listener, target.address);
                    self.send_stateless(&forward, flow);
                }
                None => self.counters.discarded += 1,
            }
            return;
        }
        let seed = self.random();
        let resolution = Resolution::new(hop, &self.settings.resolve, self.local, seed);
        self.step_stateless(
            now,
            Box::new(WaitingForward {
                forward,
                resolution,
            }),
        );
    }

    /// Forwards a request of a program without a transaction.
    pub(crate) fn forward_program(
        &mut self,
        now: Now,
        request: &Arc<Message>,
        source: &Flow,
        route: RoutePlan,
        draft: Box<Draft>,
    ) {
        if !matches!(request.max_forwards(), Ok(hops) if hops != Some(0)) {
            self.counters.discarded += 1;
            return;
        }
        let (flow, destination) = (draft.target.flow, draft.target.destination.clone());
        let forward = StatelessForward {
            request: Arc::clone(request),
            source: *source,
            route,
            contact: None,
            draft: Some(draft),
        };
        if let Some(flow) = flow {
            return self.send_stateless(&forward, flow);
        }
        let uri = forward.uri();
        let next: &[u8] = if destination.is_empty() {
            next_hop(request, &forward.route, uri, b"")
        } else {
            &destination
        };
        let hop = hop_of(request, next, is_secure(uri));
        self.go_stateless(now, forward, hop);
    }

    /// A response to a request that was forwarded without a transaction goes where the next Via says, over datagrams
    /// (§16.11).
    pub(crate) fn forward_stateless_response(&mut self, response: &Message) {
        let back = response
            .vias()
            .nth(1)
            .and_then(Result::ok)
            .and_then(|via| marked_via_target(&via))
            .filter(|(transport, _)| !transport.is_reliable())
            .and_then(|(transport, remote)| {
                let listener = self.settings.listener_towards(transport, &remote)?;
                Some(Flow::udp(listener, remote))
            });
        let Some(back) = back else {
            self.counters.stray_responses += 1;
            return;
        };
        let forwarder = &mut self.forwarder;
        let changes = ResponseChanges::default();
        self.batch.push_with(back, TransmitToken::NONE, |out| {
            forwarder.write_response_as(response, b"", back.transport, &changes, out);
        });
    }

    /// Where an ACK goes whose peer gave its address of record for a contact: to the first contact of that user.
    fn contact_for_ack(&self, now: Now, forward: &StatelessForward) -> Option<Target> {
        let uri = forward.uri();
        let parsed = parsed(&forward.request, uri).ok()?;
        let ours = parsed.is_sip() && self.settings.is_own_target(&parsed.host, parsed.port);
        if !ours || forward.route.remaining(&forward.request).next().is_some() {
            return None;
        }
        let aor = self.local_user(uri)?;
        let bindings = self.reachable(&aor, uri, now);
        let mut targets = self.contacts(now, Some(aor), &bindings).ok()?;
        let first = targets.next_group(1).start;
        targets.in_order(first).cloned()
    }

    /// The DNS has answered, or not in time.
    pub(crate) fn resolved_stateless(
        &mut self,
        now: Now,
        mut waiting: Box<WaitingForward>,
        answer: DnsAnswer,
    ) {
        let shared = Arc::clone(&self.shared);
        waiting
            .resolution
            .answer(answer, &shared.dns, now.monotonic);
        self.step_stateless(now, waiting);
    }

    fn step_stateless(&mut self, now: Now, mut waiting: Box<WaitingForward>) {
        let shared = Arc::clone(&self.shared);
        match waiting.resolution.step(&shared.dns, now.monotonic) {
            Step::Ask(question) if self.parked.len() < Self::PARKED_MAX => {
                let query = QueryId(self.next_name());
                self.parked.insert(query, Parked::Stateless(waiting));
                self.outputs.push_back(Output::Resolve { query, question });
                let limit = core::time::Duration::from_secs(Self::DNS_SECONDS_MAX);
                self.timers
                    .arm(now.monotonic + limit, ElementTimer::Query(query));
            }
            Step::Target(target) => match self.listener_of_stateless(&waiting.forward, &target) {
                Some(listener) if target.transport == Transport::Udp => {
                    let flow = Flow::udp(listener, target.address);
                    self.send_stateless(&waiting.forward, flow);
                }
                Some(listener) => {
                    let (remote, transport) = (target.address, target.transport);
                    let waiting = Connecting::Stateless(waiting);
                    if !self.open(now, waiting, listener, remote, transport) {
                        self.counters.discarded += 1;
                    }
                }
                None => self.counters.discarded += 1,
            },
            Step::Ask(_) | Step::Failed(_) => self.counters.discarded += 1,
        }
    }

    /// The listener that a request without a transaction leaves from: the one that a program chose, the one it came in
    /// on, or one towards the target.
    fn listener_of_stateless(
        &self,
        forward: &StatelessForward,
        target: &HopTarget,
    ) -> Option<ListenerId> {
        let draft = forward.draft.as_deref();
        let chosen = draft
            .and_then(|draft| draft.target.listener)
            .map(ListenerId);
        let received = draft.map(|_| forward.source.listener);
        let (transport, address) = (target.transport, &target.address);
        self.fitting(chosen, transport, address)
            .or_else(|| self.fitting(received, transport, address))
            .or_else(|| self.settings.listener_towards(transport, address))
    }

    /// A connection that a stateless forward waits for is open.
    pub(crate) fn connected_stateless(&mut self, waiting: &WaitingForward, flow: Flow) {
        self.send_stateless(&waiting.forward, flow);
    }

    fn send_stateless(&mut self, forward: &StatelessForward, flow: Flow) {
        let StatelessForward {
            request,
            source,
            route,
            ..
        } = forward;
        let mut branch = core::mem::take(&mut self.branch_text);
        branch.clear();
        let loop_hash = self.loop_hash(request).value();
        self.transactions.write_stateless_branch(
            request_hash(request, &self.hash_keys),
            loop_hash,
            &mut branch,
        );
        let remove = match forward.draft {
            Some(_) => SmallVec::new(),
            None => self.fields_to_remove(request),
        };
        let (Some(upstream), Some(downstream)) = (
            self.sent_by.get(usize::from(source.listener.0)),
            self.sent_by.get(usize::from(flow.listener.0)),
        ) else {
            self.counters.discarded += 1;
            return;
        };
        let plain = forward
            .draft
            .as_ref()
            .and_then(|draft| Some((draft.record_route.as_ref()?, &draft.record_route_params)));
        let parameters: Vec<u8> = plain.map_or_else(Vec::new, |(plain, more)| {
            [&plain.parameters[..], more].concat()
        });
        let forwarding = Forwarding {
            request,
            route,
            uri: forward.uri(),
            path: b"",
            source: source.remote,
            upstream: LocalSide {
                transport: source.transport,
                sent_by: &upstream.text,
            },
            downstream: LocalSide {
                transport: flow.transport,
                sent_by: &downstream.text,
            },
            branch: &branch,
            record_route: plain.map(|(plain, _)| RecordRouting::Plain {
                user: &plain.user,
                parameters: &parameters,
                double: plain.double,
            }),
            max_breadth: None,
            remove: &remove,
            extra: b"",
            program: forward.draft.as_ref().map(|draft| Program {
                edits: &draft.edits,
                max_forwards_done: draft.max_forwards_done,
            }),
        };
        let forwarder = &mut self.forwarder;
        self.batch.push_with(flow, TransmitToken::NONE, |out| {
            forwarder.write_request(&forwarding, out)
        });
        self.branch_text = branch;
        self.counters.forwarded_stateless += 1;
    }
}

/// A URI by its parts; what was read with the message is not read again.
fn parsed<'a>(request: &'a Message, uri: &'a [u8]) -> Result<Uri<'a>, UriError> {
    if uri == request.request_uri() {
        request.request_uri_parsed()
    } else {
        Uri::parse(uri)
    }
}

/// The next hop that a URI names.
fn hop_of(request: &Message, uri: &[u8], secure: bool) -> Option<NextHop> {
    NextHop::from_uri(&parsed(request, uri).ok()?, secure).ok()
}
