//! The checks before a request is proxied (RFC 3261 §16.3; RFC 5393 §4, §5). Syntax was checked by the parser,
//! credentials are checked by who routes.

use strowger_sip::{HeaderName, Message, Method, Scheme, StatusCode};
use strowger_transaction::token::{Home, Secrets, parse_branch};

use crate::loop_hash::LoopHash;
use crate::max_breadth;
use crate::settings::ProxySettings;

/// Highest Max-Forwards (RFC 3261 §20.22).
const MAX_FORWARDS_MAX: u32 = 255;

/// Why a request is not proxied.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The scheme of the Request-URI is not one we can route by (416).
    UnsupportedScheme,
    /// The Request-URI is malformed (400).
    BadRequestUri,
    /// Max-Forwards is not a number up to 255 (400).
    BadMaxForwards,
    /// Max-Breadth is not a number (400).
    BadMaxBreadth,
    /// A Route value that routing needs is malformed (400).
    BadRoute,
    /// Max-Forwards is 0 (483).
    TooManyHops,
    /// The request has been here with the same routing input (482).
    Loop,
    /// Proxy-Require names what we do not know (420).
    BadExtension,
    /// More branches than Max-Breadth allows (440).
    MaxBreadthExceeded,
}

impl Refusal {
    /// The status to answer with.
    pub const fn status(self) -> StatusCode {
        match self {
            Refusal::UnsupportedScheme => StatusCode::UNSUPPORTED_URI_SCHEME,
            Refusal::BadRequestUri
            | Refusal::BadMaxForwards
            | Refusal::BadMaxBreadth
            | Refusal::BadRoute => StatusCode::BAD_REQUEST,
            Refusal::TooManyHops => StatusCode::TOO_MANY_HOPS,
            Refusal::Loop => StatusCode::LOOP_DETECTED,
            Refusal::BadExtension => StatusCode::BAD_EXTENSION,
            Refusal::MaxBreadthExceeded => StatusCode::MAX_BREADTH_EXCEEDED,
        }
    }

    /// What is wrong, as a reason phrase; `None` where the registered phrase says it.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Refusal::BadRequestUri => Some("Bad Request-URI"),
            Refusal::BadMaxForwards => Some("Bad Max-Forwards"),
            Refusal::BadMaxBreadth => Some("Bad Max-Breadth"),
            Refusal::BadRoute => Some("Bad Route"),
            _ => None,
        }
    }
}

/// What the checks need to know.
#[derive(Copy, Clone)]
pub struct Checks<'a> {
    /// Keys of our branches.
    pub secrets: &'a Secrets,
    /// Whose branches are ours.
    pub home: Home,
    /// The loop hash of this request; asked for only if one of its Vias is ours.
    pub loop_hash: &'a dyn Fn() -> LoopHash,
    /// Limits, and the option tags we know.
    pub settings: &'a ProxySettings,
}

/// A request that may be proxied.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// Branches it may have at one time.
    pub max_breadth: u32,
    /// An OPTIONS that may go no further: answer it as its final recipient (§16.3 step 3, §11), do not forward it.
    pub last_hop: bool,
}

/// Checks a request. A user agent server that is the final recipient need not refuse [`Refusal::TooManyHops`].
pub fn validate(request: &Message, checks: &Checks<'_>) -> Result<Validated, Refusal> {
    check_scheme(request)?;
    let hops = match request.max_forwards() {
        Ok(None) => None,
        Ok(Some(hops)) if hops <= MAX_FORWARDS_MAX => Some(hops),
        Ok(Some(_)) | Err(_) => return Err(Refusal::BadMaxForwards),
    };
    let last_hop = hops == Some(0);
    if last_hop && request.method() != Method::Options {
        return Err(Refusal::TooManyHops);
    }
    if has_looped(request, checks) {
        return Err(Refusal::Loop);
    }
    if unsupported(request, checks.settings).next().is_some() {
        return Err(Refusal::BadExtension);
    }
    Ok(Validated {
        max_breadth: max_breadth::incoming(request, checks.settings)?,
        last_hop,
    })
}

/// Appends the header lines that a refusal carries: Unsupported for 420.
pub fn write_refusal_lines(
    refusal: Refusal,
    request: &Message,
    settings: &ProxySettings,
    out: &mut Vec<u8>,
) {
    if refusal != Refusal::BadExtension {
        return;
    }
    let mut separator: &[u8] = b"Unsupported: ";
    for tag in unsupported(request, settings) {
        out.extend_from_slice(separator);
        out.extend_from_slice(tag);
        separator = b", ";
    }
    out.extend_from_slice(b"\r\n");
}

/// sip and sips; tel and urn where a Route says where to go.
fn check_scheme(request: &Message) -> Result<(), Refusal> {
    if request.is_sip_request_uri() {
        return Ok(());
    }
    match request.request_uri_parsed() {
        Ok(uri) => match uri.scheme {
            Scheme::Sip | Scheme::Sips => Ok(()),
            Scheme::Tel | Scheme::Urn if request.has_header(HeaderName::Route) => Ok(()),
            Scheme::Tel | Scheme::Urn | Scheme::Other(_) => Err(Refusal::UnsupportedScheme),
        },
        Err(_) => Err(Refusal::BadRequestUri),
    }
}

/// True if one of the Vias is ours and was written for the same routing input.
pub fn has_looped(request: &Message, checks: &Checks<'_>) -> bool {
    let is_loop = |branch: &[u8]| {
        parse_branch(checks.secrets, checks.home, branch)
            .is_ok_and(|token| (checks.loop_hash)().matches(token.loop_hash))
    };
    if request.branch().is_some_and(is_loop) {
        return true;
    }
    if request.has_one_via() {
        return false;
    }
    let others = request.vias_below().filter_map(Result::ok);
    others.filter_map(|via| via.branch()).any(is_loop)
}

fn unsupported<'a>(
    request: &'a Message,
    settings: &'a ProxySettings,
) -> impl Iterator<Item = &'a [u8]> {
    request.option_tags(HeaderName::ProxyRequire).filter(|tag| {
        !settings
            .proxy_require
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(tag))
    })
}
