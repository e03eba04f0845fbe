//! The verbs (`RoutingContext`) and who calls them (`RoutingPolicy`). Verbs act at once; those that wait (a journal, the
//! DNS, a connection) go on by themselves after the policy has returned.

use strowger_sip::{Host, Message, StatusCode, Uri};

/// What became of the Route header fields (RFC 3261 §16.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LooseRoute {
    /// There was no Route of ours; the request is routed by its Request-URI, or by a Route that names another.
    None,
    /// Our Route was removed, but carried no valid token: treat the request as out of dialog.
    Unverified,
    /// Our Route was removed and its token is valid for this dialog.
    Verified,
}

/// Which challenge a request without good credentials gets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// 401 with WWW-Authenticate, where we are the user agent server (REGISTER).
    Www,
    /// 407 with Proxy-Authenticate.
    Proxy,
}

/// The outcome of [`RoutingContext::authenticate`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// The credentials are good and their user owns the identity that the request claims.
    Passed,
    /// A challenge or a refusal was sent; nothing is left to do.
    Answered,
}

/// The outcome of [`RoutingContext::lookup`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The target set holds this many contacts.
    Found(usize),
    /// The user exists but is nowhere registered (480).
    Unregistered,
    /// No such user (404).
    UnknownUser,
}

/// The verbs of one request. Each answers or forwards at most once; a second final answer is refused and counted.
pub trait RoutingContext {
    /// The request as received.
    fn request(&self) -> &Message;
    /// The Request-URI as routing has it now (after strict-router recovery).
    fn request_uri(&self) -> &[u8];
    /// True if the URI names this element: a listening address, or a local domain.
    fn is_ours(&self, uri: &Uri<'_>) -> bool;
    /// True if the host is one of the local domains or a listening address.
    fn is_local_host(&self, host: &Host<'_>) -> bool;
    /// The checks of RFC 3261 §8.2 and §16.3: scheme, Max-Forwards, loops, Proxy-Require. True if the request may go on; else it was answered.
    fn check(&mut self) -> bool;
    /// Removes our Route header fields (RFC 3261 §16.4).
    fn loose_route(&mut self) -> LooseRoute;
    /// True if a Route is left that names another element: the request goes there, whatever its Request-URI.
    fn has_route(&self) -> bool;
    /// Verifies digest credentials and that their user owns From (and To of REGISTER).
    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication;
    /// Registrar (RFC 3261 §10.3): changes the bindings and answers.
    fn save(&mut self);
    /// Fills the target set with the contacts of the address of record in the Request-URI.
    fn lookup(&mut self) -> Lookup;
    /// Redirect server (RFC 3261 §8.3): answers 302 with the target set.
    fn redirect(&mut self);
    /// Answers statelessly, or through the transaction if there is one. `headers` are complete lines.
    fn reply(&mut self, status: StatusCode, headers: &[u8]);
    /// The answer of a user agent server to OPTIONS (RFC 3261 §11.2).
    fn reply_options(&mut self);
    /// Forwards to the target set, or to the Request-URI and Route where it is empty (RFC 3261 §16.5, §16.6). An ACK is forwarded statelessly.
    fn relay(&mut self);
    /// Ends without an answer.
    fn discard(&mut self, why: &'static str);
}

/// Decides what happens to a request.
pub trait RoutingPolicy: Send {
    /// A request that no transaction absorbed. Never called for CANCEL.
    fn request(&self, context: &mut dyn RoutingContext);
}
