//! Route information preprocessing (RFC 3261 §16.4, §16.12; RFC 5658 for two values of ours in a row).
//!
//! Nothing is changed here: the [`RoutePlan`] says what forwarding will take off, by ranges of the received request.

use core::ops::Range;

use smallvec::SmallVec;
use strowger_sip::{HeaderName, Message, NameAddr, Transport, Uri, UriError};
use strowger_transaction::token::Secrets;

use crate::record_route::RecordRouteToken;
use crate::validate::Refusal;

/// Route values of ours in one request; a dialog has one or two for each time its requests pass here.
pub const OWN_ROUTES_MAX: usize = 32;

/// Where the Request-URI to route by comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum RequestUri {
    #[default]
    AsReceived,
    /// The last Route value: a strict router had put ours into the request line.
    Route(Range<usize>),
    /// Without our maddr, and the port and transport that went with it.
    Rewritten(Box<[u8]>),
}

/// A URI of ours in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OwnRoute {
    uri: Range<usize>,
    /// Its user part, empty if it has none.
    user: Range<usize>,
}

impl OwnRoute {
    fn of(range: Range<usize>, uri: &Uri<'_>) -> OwnRoute {
        let user = uri.user.map_or(0..0, |user| {
            let start = user.as_ptr().addr() - uri.as_bytes().as_ptr().addr();
            range.start + start..range.start + start + user.len()
        });
        OwnRoute { uri: range, user }
    }
}

/// How to route a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutePlan {
    request_uri: RequestUri,
    /// Route values to take off.
    removed: SmallVec<[Range<usize>; 2]>,
    /// URIs of ours that were reached, in the order of the path.
    own: SmallVec<[OwnRoute; 2]>,
    /// No Route value is left but those to take off.
    used_up: bool,
    /// Route values count for nothing and stay as they are: a program routes by other means.
    ignored: bool,
    /// The URI of ours that was reached last, where it was taken off already.
    taken_off: Option<Box<[u8]>>,
}

/// Who we are, as far as routes go.
pub struct Ownership<'a> {
    /// True if a URI names this element: host and port of a listener, or a local domain.
    pub is_ours: &'a dyn Fn(&Uri<'_>) -> bool,
    /// How many octets at the end of a URI are what we write behind the user part of ours, from the `@` on, if
    /// [`Ownership::is_ours`] holds of such a URI. Nearly every Route that names us is one of these, and then need not be
    /// read.
    pub own_end: &'a dyn Fn(&[u8]) -> Option<usize>,
    /// Transport and local port that the request came in on.
    pub received_on: (Transport, u16),
}

/// The user part of a Route that we wrote ourselves, by its place in the URI: digits of a token, then our own text.
fn own_user(uri: &[u8], ownership: &Ownership<'_>) -> Option<Range<usize>> {
    const SCHEME: &[u8] = b"sip:";
    let end = (ownership.own_end)(uri)?;
    let user = SCHEME.len()..uri.len().checked_sub(end)?;
    // All octets are looked at, whatever the first ones are: that is done sixteen at a time.
    let strange = |octet: &u8| !matches!(octet, b'0'..=b'9' | b'a'..=b'z');
    let digits = uri.get(user.clone())?;
    let any_strange = digits.iter().fold(false, |any, octet| any | strange(octet));
    let ours = uri.starts_with(SCHEME) && !digits.is_empty() && !any_strange;
    ours.then_some(user)
}

impl RoutePlan {
    /// Routes that are neither obeyed nor changed.
    pub fn ignoring() -> RoutePlan {
        RoutePlan {
            ignored: true,
            ..RoutePlan::default()
        }
    }

    /// What is left of this plan once its route values were taken off the request.
    pub fn carried_out(&self, request: &Message) -> RoutePlan {
        RoutePlan {
            taken_off: self.own_route(request).map(Into::into),
            ..RoutePlan::ignoring()
        }
    }

    /// The plan for a request, by its Request-URI and Route.
    pub fn of(request: &Message, ownership: &Ownership<'_>) -> Result<RoutePlan, Refusal> {
        let mut plan = RoutePlan::default();
        plan.read(request, ownership)?;
        Ok(plan)
    }

    /// Forgets all; keeps memory.
    #[inline]
    pub fn clear(&mut self) {
        self.request_uri = RequestUri::AsReceived;
        self.removed.clear();
        self.own.clear();
        self.used_up = false;
        self.ignored = false;
        self.taken_off = None;
    }

    /// Makes this the plan for a request. After an error it is of no use.
    pub fn read(&mut self, request: &Message, ownership: &Ownership<'_>) -> Result<(), Refusal> {
        self.clear();
        let plan = self;
        if request.is_plain_request_uri() && !request.has_header(HeaderName::Route) {
            // Neither lr nor maddr, and no route: nearly all requests out of dialogs.
            plan.used_up = true;
            return Ok(());
        }
        // One without parameters has neither lr nor maddr.
        let last = match request.is_plain_request_uri() {
            true => None,
            false => plan.recover(request, ownership)?,
        };
        plan.used_up = !request.has_header(HeaderName::Route);
        if plan.used_up {
            return Ok(());
        }
        plan.used_up = true;
        for route in request.routes() {
            let route = route.map_err(|_| Refusal::BadRoute)?;
            if last.as_ref() == Some(&route.range) {
                break;
            }
            let range = route.uri_range();
            let own = match own_user(route.uri, ownership) {
                Some(user) => OwnRoute {
                    user: range.start + user.start..range.start + user.end,
                    uri: range,
                },
                None => {
                    let uri = route.uri_parsed().map_err(|_| Refusal::BadRoute)?;
                    if !(ownership.is_ours)(&uri) {
                        plan.used_up = false;
                        break;
                    }
                    OwnRoute::of(range, &uri)
                }
            };
            if plan.own.len() >= OWN_ROUTES_MAX {
                return Err(Refusal::BadRoute);
            }
            plan.own.push(own);
            plan.removed.push(route.range);
        }
        Ok(())
    }

    /// Finds the Request-URI where ours stands in its place: a strict router put the target into the last Route value,
    /// whose range this gives, or the sender wrote our maddr.
    fn recover(
        &mut self,
        request: &Message,
        ownership: &Ownership<'_>,
    ) -> Result<Option<Range<usize>>, Refusal> {
        let uri = request
            .request_uri_parsed()
            .map_err(|_| Refusal::BadRequestUri)?;
        if uri.is_sip() && uri.lr() && (ownership.is_ours)(&uri) {
            let last = request.routes().last().transpose();
            if let Some(last) = last.map_err(|_| Refusal::BadRoute)? {
                // It becomes the Request-URI.
                last.uri_parsed().map_err(|_| Refusal::BadRoute)?;
                self.own
                    .push(OwnRoute::of(request.request_uri_range(), &uri));
                self.request_uri = RequestUri::Route(last.uri_range());
                self.removed.push(last.range.clone());
                return Ok(Some(last.range));
            }
        }
        if let Some(rewritten) = without_own_maddr(&uri, ownership) {
            self.request_uri = RequestUri::Rewritten(rewritten);
        }
        Ok(None)
    }

    /// The Request-URI to route by.
    pub fn request_uri<'a>(&'a self, request: &'a Message) -> &'a [u8] {
        match &self.request_uri {
            RequestUri::AsReceived => request.request_uri(),
            RequestUri::Route(range) => request.as_bytes().get(range.clone()).unwrap_or_default(),
            RequestUri::Rewritten(uri) => uri,
        }
    }

    /// True if that is the one that came.
    pub fn request_uri_is_as_received(&self) -> bool {
        self.request_uri == RequestUri::AsReceived
    }

    /// The same by its parts; what was read with the message is not read again.
    pub fn request_uri_parsed<'a>(&'a self, request: &'a Message) -> Result<Uri<'a>, UriError> {
        match &self.request_uri {
            RequestUri::AsReceived => request.request_uri_parsed(),
            _ => Uri::parse(self.request_uri(request)),
        }
    }

    /// True if a route of ours was reached.
    pub fn reached_own_route(&self) -> bool {
        !self.own.is_empty()
    }

    /// True if the Request-URI had to be taken from the last Route.
    pub fn is_strict_recovery(&self) -> bool {
        matches!(self.request_uri, RequestUri::Route(_))
    }

    /// The token of the last route of ours that carries a valid one for this dialog. Of several in a row (two values of
    /// one pass, or a spiral) the last one names the flow that leads on.
    pub fn token(&self, request: &Message, secrets: &Secrets) -> Option<RecordRouteToken> {
        self.own.iter().rev().find_map(|own| {
            let user = request.as_bytes().get(own.user.clone())?;
            RecordRouteToken::parse(secrets, user, request.call_id())
                .ok()
                .and_then(|token| token.of(secrets, request))
        })
    }

    /// The URI of ours that was reached last.
    pub fn own_route<'a>(&'a self, request: &'a Message) -> Option<&'a [u8]> {
        match self.own.last() {
            Some(own) => request.as_bytes().get(own.uri.clone()),
            None => self.taken_off.as_deref(),
        }
    }

    /// The Route values that stay and lead on, topmost first.
    pub fn remaining<'a>(&'a self, request: &'a Message) -> impl Iterator<Item = NameAddr<'a>> {
        let routes = (!self.ignored && !self.used_up).then(|| request.routes());
        routes
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter(|route| !self.removed.contains(&route.range))
    }

    /// The Route values to take off, by their ranges in the request.
    pub fn removed(&self) -> &[Range<usize>] {
        &self.removed
    }
}

/// The Request-URI without our maddr and a port or transport of no more use, if the request came in where it says.
fn without_own_maddr(uri: &Uri<'_>, ownership: &Ownership<'_>) -> Option<Box<[u8]>> {
    let maddr = uri.param(b"maddr")?;
    if !uri.is_sip() {
        return None;
    }
    let named = [b"sip:".as_slice(), maddr].concat();
    let (transport, port) = ownership.received_on;
    let indicated = uri.transport().unwrap_or(if uri.port_or_default() == 5061 {
        Transport::Tls
    } else {
        Transport::Udp
    });
    let ours = Uri::parse(&named).is_ok_and(|uri| (ownership.is_ours)(&uri));
    if !ours || uri.port_or_default() != port || indicated != transport {
        return None;
    }
    let raw = uri.as_bytes();
    let scheme = raw.len() - uri.opaque.len();
    let mut out = raw.get(..scheme)?.to_vec();
    if let Some(user) = uri.user {
        out.extend_from_slice(user);
        if let Some(password) = uri.password {
            out.push(b':');
            out.extend_from_slice(password);
        }
        out.push(b'@');
    }
    uri.host.write(&mut out);
    for param in uri.parameters {
        if !param.name.eq_ignore_ascii_case(b"maddr")
            && !param.name.eq_ignore_ascii_case(b"transport")
        {
            out.push(b';');
            out.extend_from_slice(param.name);
            if let Some(value) = param.value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }
    Some(out.into())
}
