//! The verbs of the native policy, each implemented once.

use std::sync::Arc;

use strowger_proxy::{Refusal, Validated, write_refusal_lines};
use strowger_registrar::{
    AuthKind, Authenticator, ChallengeCause, LocationService, Verdict, owns_identity,
    write_redirect_contacts,
};
use strowger_routing::{Authentication, ChallengeKind, Lookup, LooseRoute, NativeContext as _};
use strowger_sip::{HeaderName, Method, StatusCode, Uri};
use strowger_transaction::RequestKey;

use super::Run;
use crate::core::Core;
use crate::event::{EventKind, Interest};
use crate::relay::Way;
use crate::reply::OwnReply;
use crate::server;

impl Run {
    pub(super) fn reply_with(&mut self, status: StatusCode, reason: Option<&[u8]>, headers: &[u8]) {
        if status.is_final() && !self.answer_once() {
            return;
        }
        let reply = OwnReply {
            reason,
            headers,
            key: self.key,
            ..OwnReply::of(status)
        };
        // The request stays where it is: to hold it twice takes two turns of the bus.
        let Run {
            core: Some(core),
            request,
            response,
            ..
        } = self
        else {
            unreachable!("a run is given to the policy with the core");
        };
        let Some(request) = request.as_deref().or(response.as_deref()) else {
            unreachable!("a run has a message");
        };
        if request.method() != Method::Ack {
            core.reply_own(self.now, self.received, self.flow, request, &reply);
        }
    }

    pub(super) fn request_uri_bytes(&self) -> &[u8] {
        self.route.request_uri(self.message_of_request())
    }

    fn challenge(&mut self, kind: AuthKind, realm: &str, cause: ChallengeCause) {
        let mut lines = Vec::with_capacity(256);
        self.authenticator(kind, realm, &|_| None)
            .write_challenge(cause, &mut lines);
        self.core_mut().counters.challenges += 1;
        let status = match kind {
            AuthKind::Www => StatusCode::UNAUTHORIZED,
            AuthKind::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        };
        if cause == ChallengeCause::Wrong && self.core().interest.wants(Interest::FAILURES) {
            let (now, flow, kind) = (self.now, self.flow, EventKind::CredentialsRefused);
            let request = Arc::clone(self.message_of_request());
            self.core_mut().event_request(
                now,
                now.monotonic,
                flow,
                &request,
                kind,
                status.get(),
                b"",
            );
        }
        self.reply_with(status, None, &lines);
    }

    pub(super) fn authenticator<'a>(
        &'a self,
        kind: AuthKind,
        realm: &'a str,
        domain_of: &'a dyn Fn(&Uri<'_>) -> Option<&'a str>,
    ) -> Authenticator<'a> {
        let core = self.core();
        Authenticator {
            realm,
            kind,
            settings: &core.settings.auth,
            subscribers: &core.shared.subscribers,
            nonces: &core.shared.nonces,
            secrets: &core.secrets,
            domain_of,
            now: self.now,
        }
    }

    pub(super) fn native_check(&mut self) -> bool {
        match self.check_and_plan() {
            Ok(validated) => {
                self.max_breadth = validated.max_breadth;
                let is_options = || self.message_of_request().method() == Method::Options;
                if validated.last_hop && is_options() {
                    // §16.3 step 3: the last hop of an OPTIONS may answer it.
                    self.native_reply_options();
                    return false;
                }
                true
            }
            Err(refusal) => {
                self.core_mut().actions.counters.count_refusal(refusal);
                let mut lines = Vec::new();
                let request = self.message_of_request();
                write_refusal_lines(refusal, request, &self.core().settings.proxy, &mut lines);
                self.reply_with(
                    refusal.status(),
                    refusal.reason().map(str::as_bytes),
                    &lines,
                );
                false
            }
        }
    }

    /// Checks the request and plans its route, in place.
    fn check_and_plan(&mut self) -> Result<Validated, Refusal> {
        match self {
            Run {
                core: Some(core),
                request: Some(request),
                flow,
                route,
                ..
            } => core.check_request(request, flow, route),
            _ => unreachable!("a request is checked while the policy has the core"),
        }
    }

    pub(super) fn native_loose_route(&mut self) -> LooseRoute {
        let Run {
            core: Some(core),
            request: Some(request),
            flow,
            route,
            token,
            ..
        } = self
        else {
            unreachable!("a request is routed while the policy has the core");
        };
        // One that is malformed leads nowhere.
        if request.method() == Method::Ack && core.plan_route(request, flow, route).is_err() {
            route.clear();
        }
        if !route.reached_own_route() {
            return LooseRoute::None;
        }
        // A token stands for a dialog; without one it says nothing.
        *token = request
            .to_tag()
            .and_then(|_| route.token(request, &core.secrets));
        if token.is_some() {
            LooseRoute::Verified
        } else {
            LooseRoute::Unverified
        }
    }

    pub(super) fn native_has_route(&self) -> bool {
        let request = self.message_of_request();
        request.has_header(HeaderName::Route) && self.route.remaining(request).next().is_some()
    }

    /// Whether the Request-URI names this element; `Some(true)` if it names a user, too.
    pub(super) fn names_us(&self) -> Option<bool> {
        let settings = &self.core().settings;
        let request = self.message_of_request();
        let as_received =
            self.route.request_uri_is_as_received() && self.draft_now().target.uri.is_empty();
        if as_received && let Some(target) = request.request_target() {
            let ours = settings.is_own_target(&target.host, target.port);
            return ours.then_some(target.has_user);
        }
        match &self.request_uri_parsed() {
            Ok(uri) if uri.is_sip() && settings.is_own_target(&uri.host, uri.port) => {
                Some(uri.user.is_some_and(|user| !user.is_empty()))
            }
            _ => None,
        }
    }

    pub(super) fn native_authenticate(&mut self, kind: ChallengeKind) -> Authentication {
        let request = Arc::clone(self.message_of_request());
        let settings = Arc::clone(&self.core().settings);
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
        self.core_mut().auth_counters.count(&verdict);
        match verdict {
            Verdict::Passed(subscriber) => {
                if owns_identity(&subscriber, &request, &domain_of) {
                    self.core_mut().counters.authenticated += 1;
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

    pub(super) fn native_save(&mut self) {
        if !self.answer_once() {
            return;
        }
        let request = Arc::clone(self.message_of_request());
        let (now, flow, key) = (self.now, self.flow, self.key);
        self.core_mut().register(now, flow, request, key);
    }

    pub(super) fn native_lookup(&mut self) -> Lookup {
        let core = self.core();
        let uri = self.request_uri_bytes();
        let Some(aor) = core.local_user(uri) else {
            return Lookup::UnknownUser;
        };
        let targets = core.reachable(&aor, uri, self.now);
        let known = || {
            let domain = core::str::from_utf8(aor.domain()).unwrap_or_default();
            let lost = !core
                .shared
                .location
                .bindings(aor.as_bytes(), self.now.monotonic)
                .is_empty();
            lost || core.shared.subscribers.get(&aor.user(), domain).is_some()
        };
        let outcome = match targets.len() {
            0 if known() => Lookup::Unregistered,
            0 => Lookup::UnknownUser,
            count => Lookup::Found(count),
        };
        self.targets = targets;
        self.aor = Some(aor);
        self.looked_up = true;
        outcome
    }

    pub(super) fn native_redirect(&mut self) {
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

    pub(super) fn native_reply_options(&mut self) {
        match server::judge(self.message_of_request()) {
            Err(refusal) => self.reply_with(refusal.status, None, &refusal.headers),
            Ok(()) if self.is_merged() => {
                self.reply_with(StatusCode::LOOP_DETECTED, Some(b"Request Merged"), b"")
            }
            Ok(()) => self.reply_with(StatusCode::OK, None, Core::CAPABILITIES),
        }
    }

    /// True if the same request came by another way.
    fn is_merged(&mut self) -> bool {
        match self {
            Run {
                core: Some(core),
                request: Some(request),
                now,
                key,
                ..
            } => {
                // The key is made of what tells one way from another: branch and sender.
                let way = key.map_or(0, RequestKey::bits);
                core.recent.is_merged(*now, request, way)
            }
            _ => false,
        }
    }

    pub(super) fn native_relay(&mut self) {
        if !self.answer_once() {
            return;
        }
        let route = core::mem::take(&mut self.route);
        let (now, flow, token) = (self.now, self.flow, self.token);
        let request = Arc::clone(self.message_of_request());
        if request.method() == Method::Ack {
            self.core_mut()
                .forward_ack(now, &request, &flow, route, token.as_ref());
            return;
        }
        let way = Way {
            route,
            token,
            targets: self.looked_up.then(|| core::mem::take(&mut self.targets)),
            aor: self.aor.take(),
            max_breadth: self.max_breadth,
            server: None,
            program: None,
        };
        let key = self.key;
        self.core_mut().relay(now, flow, request, key, way);
    }

    pub(super) fn native_discard(&mut self, why: &'static str) {
        if !self.answer_once() {
            return;
        }
        let (now, flow, kind) = (self.now, self.flow, EventKind::Dropped);
        let request = Arc::clone(self.message_of_request());
        let core = self.core_mut();
        core.counters.discarded += 1;
        if core.interest.wants(Interest::REQUESTS) {
            let why = why.as_bytes();
            core.event_request(now, now.monotonic, flow, &request, kind, 0, why);
        }
    }
}
