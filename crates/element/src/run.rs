//! The run of the routing policy over one request: every verb of [`RoutingContext`], implemented once.

use std::sync::Arc;

use strowger_proxy::{RecordRouteToken, RoutePlan, write_refusal_lines};
use strowger_registrar::{
    AuthKind, Authenticator, Bindings, LocationService, Verdict, owns_identity,
    write_redirect_contacts,
};
use strowger_routing::{Authentication, ChallengeKind, Lookup, LooseRoute, RoutingContext};
use strowger_sip::{Host, Message, Method, Now, StatusCode, Time, Uri};
use strowger_transaction::{Flow, RequestKey};

use crate::element::Element;
use crate::event::{EventKind, Interest};
use crate::relay::Way;
use crate::server;

/// One request on its way through the policy.
pub(crate) struct Run<'e> {
    element: &'e mut Element,
    now: Now,
    flow: Flow,
    request: Arc<Message>,
    key: Option<RequestKey>,
    route: RoutePlan,
    token: Option<RecordRouteToken>,
    max_breadth: u32,
    targets: Bindings,
    looked_up: bool,
    answered: bool,
}

impl<'e> Run<'e> {
    pub(crate) fn new(
        element: &'e mut Element,
        now: Now,
        flow: Flow,
        request: Message,
        key: Option<RequestKey>,
    ) -> Run<'e> {
        Run {
            element,
            now,
            flow,
            request: Arc::new(request),
            key,
            route: RoutePlan::default(),
            token: None,
            max_breadth: 0,
            targets: Bindings::new(),
            looked_up: false,
            answered: false,
        }
    }

    /// The policy has returned. A request that it neither answered nor relayed is told of.
    pub(crate) fn finish(self) {
        if !self.answered {
            self.element.counters.discarded += 1;
        }
    }

    /// Marks the request as answered; false if it was before.
    fn answer_once(&mut self) -> bool {
        if self.answered {
            self.element.counters.double_answers_refused += 1;
            return false;
        }
        self.answered = true;
        true
    }

    fn reply_with(&mut self, status: StatusCode, reason: Option<&[u8]>, headers: &[u8]) {
        if status.is_final() && !self.answer_once() {
            return;
        }
        if self.request.method() == Method::Ack {
            return;
        }
        self.element.reply_stateless(
            self.now,
            self.now.monotonic,
            self.flow,
            &self.request,
            status,
            reason,
            headers,
        );
    }

    fn request_uri_bytes(&self) -> &[u8] {
        self.route.request_uri(&self.request)
    }

    fn challenge(
        &mut self,
        kind: AuthKind,
        realm: &str,
        cause: strowger_registrar::ChallengeCause,
    ) {
        let mut lines = Vec::with_capacity(256);
        self.authenticator(kind, realm, &|_| None)
            .write_challenge(cause, &mut lines);
        self.element.counters.challenges += 1;
        let status = match kind {
            AuthKind::Www => StatusCode::UNAUTHORIZED,
            AuthKind::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        };
        if cause == strowger_registrar::ChallengeCause::Wrong
            && self.element.interest.wants(Interest::FAILURES)
        {
            let (now, kind) = (self.now, EventKind::CredentialsRefused);
            self.element.event_request(
                now,
                now.monotonic,
                self.flow,
                &self.request,
                kind,
                status.get(),
                b"",
            );
        }
        self.reply_with(status, None, &lines);
    }

    fn authenticator<'a>(
        &'a self,
        kind: AuthKind,
        realm: &'a str,
        domain_of: &'a dyn Fn(&Uri<'_>) -> Option<&'a str>,
    ) -> Authenticator<'a> {
        Authenticator {
            realm,
            kind,
            settings: &self.element.settings.auth,
            subscribers: &self.element.shared.subscribers,
            nonces: &self.element.shared.nonces,
            secrets: &self.element.secrets,
            domain_of,
            now: self.now,
        }
    }
}

impl RoutingContext for Run<'_> {
    fn request(&self) -> &Message {
        &self.request
    }

    fn request_uri(&self) -> &[u8] {
        self.request_uri_bytes()
    }

    fn is_ours(&self, uri: &Uri<'_>) -> bool {
        self.element.settings.is_own_target(&uri.host, uri.port)
    }

    fn is_local_host(&self, host: &Host<'_>) -> bool {
        self.element.settings.domain_of(host).is_some()
    }

    fn check(&mut self) -> bool {
        let route = self.element.check_request(&self.request, &self.flow);
        match route {
            Ok((validated, route)) => {
                self.max_breadth = validated.max_breadth;
                self.route = route;
                if validated.last_hop && self.request.method() == Method::Options {
                    // §16.3 step 3: the last hop of an OPTIONS may answer it.
                    self.reply_options();
                    return false;
                }
                true
            }
            Err(refusal) => {
                let mut lines = Vec::new();
                write_refusal_lines(
                    refusal,
                    &self.request,
                    &self.element.settings.proxy,
                    &mut lines,
                );
                self.reply_with(
                    refusal.status(),
                    refusal.reason().map(str::as_bytes),
                    &lines,
                );
                false
            }
        }
    }

    fn loose_route(&mut self) -> LooseRoute {
        if self.request.method() == Method::Ack {
            self.route = self
                .element
                .plan_route(&self.request, &self.flow)
                .unwrap_or_default();
        }
        if !self.route.reached_own_route() {
            return LooseRoute::None;
        }
        // A token stands for a dialog; without one it says nothing.
        self.token = self
            .request
            .to_tag()
            .and_then(|_| self.route.token(&self.request, &self.element.secrets));
        if self.token.is_some() {
            LooseRoute::Verified
        } else {
            LooseRoute::Unverified
        }
    }

    fn has_route(&self) -> bool {
        self.route.remaining(&self.request).next().is_some()
    }

    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication {
        let request = Arc::clone(&self.request);
        let settings = Arc::clone(&self.element.settings);
        let domain_of = |uri: &Uri<'_>| settings.domain_of(&uri.host);
        let claimed = if request.method() == Method::Register {
            request.to().uri
        } else {
            request.from().uri
        };
        let realm = Uri::parse(claimed).ok().and_then(|uri| domain_of(&uri));
        let Some(realm) = realm.or(settings.domains.first().map(|domain| &**domain)) else {
            self.reply_with(StatusCode::FORBIDDEN, None, b"");
            return Authentication::Answered;
        };
        let kind = match kind {
            ChallengeKind::Www => AuthKind::Www,
            ChallengeKind::Proxy => AuthKind::Proxy,
        };
        let verdict = self
            .authenticator(kind, realm, &|uri| domain_of(uri))
            .authenticate(&request);
        self.element.auth_counters.count(&verdict);
        match verdict {
            Verdict::Passed(subscriber) => {
                if owns_identity(&subscriber, &request, &domain_of) {
                    self.element.counters.authenticated += 1;
                    return Authentication::Passed;
                }
                self.reply_with(StatusCode::FORBIDDEN, None, b"");
            }
            Verdict::Challenge(cause) => self.challenge(kind, realm, cause),
            Verdict::Malformed(reason) => {
                self.reply_with(StatusCode::BAD_REQUEST, Some(reason.as_bytes()), b"")
            }
        }
        Authentication::Answered
    }

    fn save(&mut self) {
        if !self.answer_once() {
            return;
        }
        self.element
            .register(self.now, self.flow, Arc::clone(&self.request));
    }

    fn lookup(&mut self) -> Lookup {
        let Some(aor) = self.element.local_user(self.request_uri_bytes()) else {
            return Lookup::UnknownUser;
        };
        self.targets = self
            .element
            .reachable(&aor, self.request_uri_bytes(), self.now);
        self.looked_up = true;
        if !self.targets.is_empty() {
            return Lookup::Found(self.targets.len());
        }
        let lost = !self
            .element
            .shared
            .location
            .bindings(aor.as_bytes(), self.now.monotonic)
            .is_empty();
        let domain = core::str::from_utf8(aor.domain()).unwrap_or_default();
        let known = self
            .element
            .shared
            .subscribers
            .get(&aor.user(), domain)
            .is_some();
        if lost || known {
            Lookup::Unregistered
        } else {
            Lookup::UnknownUser
        }
    }

    fn redirect(&mut self) {
        let mut lines = Vec::with_capacity(128);
        let written = write_redirect_contacts(
            self.request_uri_bytes(),
            &self.targets,
            self.now.monotonic,
            &mut lines,
        );
        let status = if written == 0 {
            StatusCode::TEMPORARILY_UNAVAILABLE
        } else {
            StatusCode::MOVED_TEMPORARILY
        };
        self.reply_with(status, None, &lines);
    }

    fn reply(&mut self, status: StatusCode, headers: &[u8]) {
        self.reply_with(status, None, headers);
    }

    fn reply_options(&mut self) {
        let (now, request) = (self.now, Arc::clone(&self.request));
        match server::judge(&request) {
            Err(refusal) => self.reply_with(refusal.status, None, &refusal.headers),
            Ok(()) if self.element.recent.is_merged(now, &request) => {
                self.reply_with(StatusCode::LOOP_DETECTED, Some(b"Request Merged"), b"")
            }
            Ok(()) => self.reply_with(StatusCode::OK, None, Element::CAPABILITIES),
        }
    }

    fn relay(&mut self) {
        if !self.answer_once() {
            return;
        }
        let route = core::mem::take(&mut self.route);
        if self.request.method() == Method::Ack {
            self.element.forward_ack(
                self.now,
                &self.request,
                &self.flow,
                route,
                self.token.as_ref(),
            );
            return;
        }
        let targets = self.looked_up.then(|| core::mem::take(&mut self.targets));
        let request = Arc::clone(&self.request);
        let way = Way {
            route,
            token: self.token,
            targets,
            max_breadth: self.max_breadth,
        };
        self.element
            .relay(self.now, self.flow, request, self.key, way);
    }

    fn discard(&mut self, why: &'static str) {
        if !self.answer_once() {
            return;
        }
        self.element.counters.discarded += 1;
        if self.element.interest.wants(Interest::REQUESTS) {
            let (now, kind) = (self.now, EventKind::Dropped);
            self.element.event_request(
                now,
                now.monotonic,
                self.flow,
                &self.request,
                kind,
                0,
                why.as_bytes(),
            );
        }
    }
}

/// The time since a request arrived.
pub(crate) fn elapsed(now: Now, received: Time) -> core::time::Duration {
    now.monotonic.saturating_since(received)
}
