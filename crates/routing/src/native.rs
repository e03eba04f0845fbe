//! The native policy: registrar, proxy or redirect server for the local domains, closed to strangers.
//!
//! Order (DESIGN §2a rule 1): checks, dialog token, identity, routing. Read RFC 3261 §8.2, §10.3, §16.3 to §16.5
//! before changing it.
//!
//! ```text
//! ACK ──────────► route verified? relay : discard
//! check ────────► answered
//! Route token ok ► relay
//! REGISTER ─────► local domain? authenticate 401, save : 403
//! From local ───► authenticate 407
//! From foreign ─► to us: answer; to local user: accept_foreign or 403; to foreign, or by a Route to others: 403
//! Request-URI ──► us: user agent server; local user: lookup; foreign: relay
//! ```

use strowger_sip::{Method, Now, StatusCode, Uri};

use crate::context::{
    Authentication, ChallengeKind, Lookup, LooseRoute, NativeContext, RoutingContext,
};
use crate::policy::{Routed, RoutingPolicy, Stage};

/// What is done with a request for a registered user.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Forward it.
    #[default]
    Proxy,
    /// Answer 302 with the contacts.
    Redirect,
}

/// Settings of the native policy.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// Challenge every request from a local identity. False is for the laboratory.
    pub auth_required: bool,
    /// Forward requests of foreign identities to local users.
    pub accept_foreign: bool,
    /// Proxy or redirect server.
    pub mode: Mode,
}

impl Default for PolicySettings {
    fn default() -> PolicySettings {
        PolicySettings {
            auth_required: true,
            accept_foreign: false,
            mode: Mode::Proxy,
        }
    }
}

/// The native policy.
#[derive(Clone, Debug, Default)]
pub struct NativePolicy {
    settings: PolicySettings,
}

/// Where a request wants to go.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Destination {
    /// This element itself: our address or domain without a user.
    Ourselves,
    /// A user of a local domain.
    LocalUser,
    /// Anything else.
    Foreign,
}

impl NativePolicy {
    /// A policy with these settings.
    pub fn new(settings: PolicySettings) -> NativePolicy {
        NativePolicy { settings }
    }

    fn destination(context: &dyn NativeContext) -> Destination {
        match context.request_is_for_us() {
            Some(false) => Destination::Ourselves,
            Some(true) => Destination::LocalUser,
            None => Destination::Foreign,
        }
    }

    /// True if foreign identities may ask for this.
    fn is_open_to_strangers(&self, destination: Destination, context: &dyn NativeContext) -> bool {
        let admits = match destination {
            Destination::Ourselves => true,
            Destination::LocalUser => self.settings.accept_foreign,
            Destination::Foreign => false,
        };
        admits && !context.has_route()
    }

    fn from_is_local(context: &dyn NativeContext) -> bool {
        match &context.request().from().uri_parsed() {
            Ok(uri) => uri.is_sip() && context.is_local_host(&uri.host),
            Err(_) => false,
        }
    }

    fn register(&self, context: &mut dyn NativeContext) {
        let local = |uri: &Uri<'_>| uri.is_sip() && context.is_local_host(&uri.host);
        let record_is_local = match context.request().to().uri_parsed() {
            Ok(uri) if uri.is_sip() => local(&uri),
            // §10.3 step 5 asks for a SIP or SIPS URI.
            _ => return context.reply(StatusCode::BAD_REQUEST, b""),
        };
        let target_is_local = context.request_uri_parsed().is_ok_and(|uri| local(&uri));
        if !target_is_local {
            return context.reply(StatusCode::FORBIDDEN, b"");
        }
        if !record_is_local {
            // RFC 3261 §10.3 step 5: the address of record is not of this domain.
            return context.reply(StatusCode::NOT_FOUND, b"");
        }
        if self.settings.auth_required
            && context.authenticate(ChallengeKind::Www) == Authentication::Answered
        {
            return;
        }
        context.save();
    }

    fn user_agent_server(context: &mut dyn NativeContext) {
        if context.request().to_tag().is_some() {
            // RFC 3261 §12.2.2: we hold no dialogs.
            return context.reply(StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST, b"");
        }
        match context.request().method() {
            Method::Options => context.reply_options(),
            Method::Extension(_) => context.reply(StatusCode::NOT_IMPLEMENTED, ALLOW),
            _ => context.reply(StatusCode::METHOD_NOT_ALLOWED, ALLOW),
        }
    }

    fn local_user(&self, context: &mut dyn NativeContext) {
        match (context.lookup(), self.settings.mode) {
            (Lookup::Found(_), Mode::Proxy) => context.relay(),
            (Lookup::Found(_), Mode::Redirect) => context.redirect(),
            (Lookup::Unregistered, _) => context.reply(StatusCode::TEMPORARILY_UNAVAILABLE, b""),
            (Lookup::UnknownUser, _) => context.reply(StatusCode::NOT_FOUND, b""),
        }
    }
}

/// What this element answers itself (RFC 3261 §20.5).
const ALLOW: &[u8] = b"Allow: OPTIONS, REGISTER, CANCEL, ACK\r\n";

impl RoutingPolicy for NativePolicy {
    fn route(&mut self, stage: &Stage, mut context: Box<dyn RoutingContext>, _now: Now) -> Routed {
        if *stage == Stage::Request {
            self.request(&mut *context);
        }
        Routed::done(context)
    }

    fn into_any(self: Box<Self>) -> Box<dyn core::any::Any> {
        self
    }
}

impl NativePolicy {
    /// Decides what happens to a request that no transaction absorbed; never a CANCEL.
    pub fn request(&self, context: &mut dyn NativeContext) {
        let method_is_ack = context.request().method() == Method::Ack;
        if method_is_ack {
            return match context.loose_route() {
                LooseRoute::Verified => context.relay(),
                _ => context.discard("ACK for no transaction or dialog of ours"),
            };
        }
        if !context.check() {
            return;
        }
        let has_dialog = context.request().to_tag().is_some();
        if context.loose_route() == LooseRoute::Verified && has_dialog {
            return context.relay();
        }
        if context.request().method() == Method::Register {
            return self.register(context);
        }
        let destination = Self::destination(context);
        let is_open = self.is_open_to_strangers(destination, context);
        // Who asks is looked at only where something depends on it.
        if self.settings.auth_required || !is_open {
            if !Self::from_is_local(context) {
                if !is_open {
                    return context.reply(StatusCode::FORBIDDEN, b"");
                }
            } else if self.settings.auth_required
                && context.authenticate(ChallengeKind::Proxy) == Authentication::Answered
            {
                return;
            }
        }
        match destination {
            Destination::Ourselves => Self::user_agent_server(context),
            Destination::LocalUser => self.local_user(context),
            Destination::Foreign => context.relay(),
        }
    }
}
