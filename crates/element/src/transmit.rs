//! Sending one branch: its transaction, its branch parameter and the request as it leaves (RFC 3261 §16.6 steps 8 to 10).

use smallvec::SmallVec;
use strowger_proxy::{
    Checks, Forwarding, LocalSide, LoopHash, Ownership, Program, RecordRouteToken, RecordRouting,
    Refusal, RoutePlan, Side, Validated, has_looped, is_record_routed, is_secure, next_hop,
    validate,
};
use strowger_registrar::{behind_nat, own_credentials};
use strowger_sip::{HeaderName, Host, Message, Method, Now, StatusCode, Transport, Uri};
use strowger_transaction::token::BranchMode;
use strowger_transaction::{ClientStart, Flow, ListenerId};

use crate::branch::{BranchRef, Waiting};
use crate::core::Core;
use crate::relay::Positions;
use crate::settings::{Listener, Settings};
use crate::timer::ElementTimer;

/// A listener's address as it is written into Via and Record-Route.
#[derive(Clone, Debug)]
pub(crate) struct SentBy {
    pub(crate) text: Box<[u8]>,
    /// What stands behind the user part of the Route that we write for it, from the `@` on; empty if such a Route would not count as ours.
    route: Box<[u8]>,
    host: Box<[u8]>,
    ip: Option<std::net::IpAddr>,
    port: u16,
}

impl SentBy {
    pub(crate) fn of(listener: &Listener, settings: &Settings) -> SentBy {
        let (host, port) = match &listener.advertised {
            Some((host, port)) => (host.to_string(), *port),
            None => match listener.address.ip() {
                std::net::IpAddr::V4(ip) => (ip.to_string(), listener.address.port()),
                std::net::IpAddr::V6(ip) => (format!("[{ip}]"), listener.address.port()),
            },
        };
        let text = format!("{host}:{port}");
        let route = match listener.transport {
            Transport::Udp => format!("@{text};lr"),
            other => format!("@{text};transport={};lr", other.as_param()),
        };
        let whole = format!("sip:user{route}");
        let ours = Uri::parse(whole.as_bytes())
            .is_ok_and(|uri| uri.is_sip() && settings.is_own_route(&uri.host, uri.port));
        SentBy {
            text: text.into_bytes().into_boxed_slice(),
            route: if ours {
                route.into_bytes().into()
            } else {
                Box::default()
            },
            ip: Host::parse(host.as_bytes()).and_then(|host| host.ip()),
            host: host.into_bytes().into_boxed_slice(),
            port,
        }
    }

    /// How many octets at the end of a Route's URI are what we write behind the user part for this listener.
    fn end_of_route(&self, uri: &[u8]) -> Option<usize> {
        let ours = !self.route.is_empty() && uri.ends_with(&self.route);
        ours.then_some(self.route.len())
    }

    fn host(&self) -> Host<'_> {
        match self.ip {
            Some(std::net::IpAddr::V4(address)) => Host::V4(address),
            Some(std::net::IpAddr::V6(address)) => Host::V6(address),
            None => Host::Name(&self.host),
        }
    }
}

impl Core {
    /// Checks of §16.3, and the plan of §16.4, which is put into `route`.
    pub(crate) fn check_request(
        &self,
        request: &Message,
        flow: &Flow,
        route: &mut RoutePlan,
    ) -> Result<Validated, Refusal> {
        let checks = Checks {
            secrets: &self.secrets,
            home: self.home,
            loop_hash: &|| self.loop_hash(request),
            settings: &self.settings.proxy,
        };
        let validated = match validate(request, &checks) {
            // Where we are the final recipient there is no hop to count (§8.2.2 asks for none).
            Err(Refusal::TooManyHops) if request.method() == Method::Register => Validated {
                max_breadth: self.settings.proxy.max_breadth,
                last_hop: true,
            },
            validated => validated?,
        };
        self.plan_route(request, flow, route)?;
        Ok(validated)
    }

    /// True if the request passed here before and was routed the same way. The native policy asks [`Core::check_request`];
    /// programs are not asked, so that none of them can be made an amplifier.
    pub(crate) fn has_looped(&self, request: &Message) -> bool {
        let checks = Checks {
            secrets: &self.secrets,
            home: self.home,
            loop_hash: &|| self.loop_hash(request),
            settings: &self.settings.proxy,
        };
        request.method() != Method::Ack && has_looped(request, &checks)
    }

    /// The plan of §16.4: whose the Route values are.
    pub(crate) fn plan_route(
        &self,
        request: &Message,
        flow: &Flow,
        route: &mut RoutePlan,
    ) -> Result<(), Refusal> {
        let settings = &self.settings;
        let is_ours = |uri: &Uri<'_>| uri.is_sip() && settings.is_own_route(&uri.host, uri.port);
        let port = settings
            .listener(flow.listener)
            .map_or(0, |listener| listener.address.port());
        route.read(
            request,
            &Ownership {
                is_ours: &is_ours,
                own_end: &|uri| self.sent_by.iter().find_map(|own| own.end_of_route(uri)),
                received_on: (flow.transport, port),
            },
        )
    }

    /// The hash that tells a loop from a spiral.
    pub(crate) fn loop_hash(&self, request: &Message) -> LoopHash {
        let own: SmallVec<[*const u8; 2]> = if request.has_header(HeaderName::ProxyAuthorization) {
            own_credentials(request, &|realm| self.is_own_realm(realm))
                .map(|header| header.value.as_ptr())
                .collect()
        } else {
            SmallVec::new()
        };
        LoopHash::of(request, &self.hash_keys, &|value| {
            own.contains(&value.as_ptr())
        })
    }

    fn is_own_realm(&self, realm: &[u8]) -> bool {
        self.settings
            .domains
            .iter()
            .any(|domain| domain.as_bytes().eq_ignore_ascii_case(realm))
    }

    /// Header fields that do not leave: credentials for us, and identities that a stranger asserts (DESIGN §2a rule 2).
    pub(crate) fn fields_to_remove(&self, request: &Message) -> Positions {
        let mut remove = Positions::new();
        // A message has far fewer lines (`Limits`).
        let position = |index: usize| u16::try_from(index).ok();
        if request.has_header(HeaderName::ProxyAuthorization)
            || request.has_header(HeaderName::Authorization)
        {
            remove.extend(
                own_credentials(request, &|realm| self.is_own_realm(realm))
                    .filter_map(|header| position(header.index)),
            );
        }
        for name in [
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
        ] {
            if request.has_header(name) {
                let named = request.headers_named(name);
                remove.extend(named.filter_map(|header| position(header.index)));
            }
        }
        remove
    }

    /// True if requests to the caller's Contact must go to the flow it called on.
    pub(crate) fn caller_is_behind_nat(&self, request: &Message, source: &Flow) -> bool {
        if !is_record_routed(request) {
            return false;
        }
        match request.contacts().next() {
            Some(Ok(strowger_sip::Contact::Address(contact))) => {
                behind_nat(request, contact.uri, source)
            }
            _ => false,
        }
    }

    /// Starts a branch: over its flow, or wherever its URI leads.
    pub(crate) fn begin_branch(&mut self, now: Now, at: BranchRef) {
        if self.asks_before_branch(at) {
            return;
        }
        let Some(relay) = self.relays.get(at.relay) else {
            return;
        };
        let Some(branch) = relay.branches.get(usize::from(at.branch.0)) else {
            return;
        };
        // A Route that is left leads past whatever way a binding knows (§16.6 step 7).
        let routed = relay.looked_up && relay.route.remaining(&relay.request).next().is_some();
        match branch.target.flow {
            Some(flow) if !routed => self.send_branch(now, at, flow),
            _ => self.begin_by_uri(now, at),
        }
    }

    /// Starts a branch by its URI, Route or Path.
    pub(crate) fn begin_by_uri(&mut self, now: Now, at: BranchRef) {
        let Some(relay) = self.relays.get(at.relay) else {
            return;
        };
        let Some(branch) = relay.branches.get(usize::from(at.branch.0)) else {
            return;
        };
        let (request, route, target) = (&relay.request, &relay.route, &branch.target);
        let program = relay.program.is_some();
        let hop = if program && !target.destination.is_empty() {
            self.hop_of(Uri::parse(&target.destination), false)
        } else if let Some(hop) = target.hop.as_ref().filter(|_| {
            !program && target.path.is_empty() && route.remaining(request).next().is_none()
        }) {
            Ok(hop.clone())
        } else {
            let next = next_hop(request, route, &target.uri, &target.path);
            let uri = if next == request.request_uri() {
                request.request_uri_parsed()
            } else {
                Uri::parse(next)
            };
            if let Ok(uri) = &uri
                && !program
                && *next == *target.uri
                && uri.is_sip()
                && self.settings.is_own_target(&uri.host, uri.port)
            {
                return self.make_way(now, at);
            }
            self.hop_of(uri, is_secure(&target.uri))
        };
        match hop {
            Ok(hop) => self.go_by(now, at, hop),
            Err(status) => self.branch_failed(at, status),
        }
    }

    /// About how long the request will be when it leaves.
    pub(crate) fn request_octets(&self, at: BranchRef) -> usize {
        /// What a proxy adds: Via, Record-Route, Max-Breadth.
        const ADDED_OCTETS: usize = 300;
        self.relays
            .get(at.relay)
            .map_or(0, |relay| relay.request.len() + ADDED_OCTETS)
    }

    /// Sends a branch on a flow.
    pub(crate) fn send_branch(&mut self, now: Now, at: BranchRef, flow: Flow) {
        let Ok(client) = self.transactions.reserve_client() else {
            self.counters.table_full += 1;
            return self.branch_failed(at, StatusCode::SERVICE_UNAVAILABLE);
        };
        let Some(relay) = self.relays.get_mut(at.relay) else {
            return self.transactions.release_client(client);
        };
        let Some(branch) = relay.branches.get_mut(usize::from(at.branch.0)) else {
            return self.transactions.release_client(client);
        };
        let (up, down) = (side_index(relay.source.listener), side_index(flow.listener));
        let (Some(upstream), Some(downstream)) = (self.sent_by.get(up), self.sent_by.get(down))
        else {
            self.transactions.release_client(client);
            return self.branch_failed(at, StatusCode::SERVICE_UNAVAILABLE);
        };
        let mut parameter = core::mem::take(&mut self.branch_text);
        parameter.clear();
        let loop_hash = relay.loop_hash.value();
        self.transactions.write_branch(
            client,
            BranchMode::StatefulProxy,
            loop_hash,
            &mut parameter,
        );
        let native = relay.program.is_none()
            && self.settings.proxy.record_route
            && is_record_routed(&relay.request);
        let token = native.then(|| {
            let caller = Side {
                flow: relay.source,
                sticky: relay.source.stream.is_some() || relay.caller_behind_nat,
                behind_nat: relay.caller_behind_nat,
            };
            let callee = Side {
                flow,
                sticky: flow.stream.is_some() || branch.target.flow.is_some(),
                behind_nat: branch.target.behind_nat,
            };
            let from_tag = relay.request.from_tag().unwrap_or_default();
            RecordRouteToken::new(
                &self.secrets,
                self.home.node,
                from_tag,
                Some(caller),
                Some(callee),
            )
        });
        // What the program changed: for this branch, or for all.
        let draft = branch
            .draft
            .as_deref()
            .or_else(|| relay.program.as_deref().map(|program| &program.draft));
        let parameters: SmallVec<[u8; 64]> = draft
            .and_then(|draft| Some((draft.record_route.as_ref()?, &draft.record_route_params)))
            .map(|(plain, more)| {
                let mut parameters = SmallVec::from_slice(&plain.parameters);
                parameters.extend_from_slice(more);
                parameters
            })
            .unwrap_or_default();
        let forwarding = Forwarding {
            request: &relay.request,
            route: &relay.route,
            uri: &branch.target.uri,
            path: &branch.target.path,
            source: relay.source.remote,
            upstream: LocalSide {
                transport: relay.source.transport,
                sent_by: &upstream.text,
            },
            downstream: LocalSide {
                transport: flow.transport,
                sent_by: &downstream.text,
            },
            branch: &parameter,
            record_route: match (&token, draft.and_then(|draft| draft.record_route.as_ref())) {
                (Some(token), _) => Some(RecordRouting::Token(token, &self.secrets)),
                (None, Some(plain)) => Some(RecordRouting::Plain {
                    user: &plain.user,
                    parameters: &parameters,
                    double: plain.double,
                }),
                (None, None) => None,
            },
            max_breadth: relay.program.is_none().then_some(branch.max_breadth),
            remove: &relay.remove,
            extra: b"",
            program: draft.map(|draft| Program {
                edits: &draft.edits,
                max_forwards_done: draft.max_forwards_done,
            }),
        };
        let start = ClientStart {
            method: relay.request.method(),
            flow,
            user: at.relay.pack(),
            sent_by_host: downstream.host(),
            sent_by_port: Some(downstream.port),
        };
        let forwarder = &mut self.forwarder;
        let write = |out: &mut Vec<u8>| forwarder.write_request(&forwarding, out);
        self.transactions
            .start_client(now, client, &start, write, &mut self.batch);
        self.branch_text = parameter;
        branch.waiting = Waiting::Response(client);
        branch.sent_on = Some(flow);
        let limit = relay
            .program
            .as_deref()
            .and_then(|program| program.draft.response_timeout);
        branch.silent_until = limit.map(|limit| now.monotonic + limit);
        if let Some(until) = branch.silent_until {
            self.timers.arm(until, ElementTimer::NoResponse(at));
        }
        let mut given_up = false;
        self.with_context(at, |context, branch, actions| {
            given_up = !context.start(branch, actions)
        });
        debug_assert!(!given_up, "a branch that was given up is not sent");
    }
}

fn side_index(listener: ListenerId) -> usize {
    usize::from(listener.0)
}
