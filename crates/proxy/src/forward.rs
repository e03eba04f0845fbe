//! Writing what leaves: a request for one target (RFC 3261 §16.6), and a response (§16.7 steps 3, 7 and 9).
//!
//! Both are written from the received octets and a list of edits straight into the transmit buffer.

use std::net::SocketAddr;

use strowger_sip::{Edits, HeaderName, Message, NameAddr, StatusCode, Transport, Uri};
use strowger_transaction::token::Secrets;

use crate::record_route::RecordRouteToken;
use crate::route::RoutePlan;

/// Max-Forwards of requests that bring none (§16.6 step 3).
const MAX_FORWARDS_DEFAULT: u32 = 70;

/// One of our addresses as it is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LocalSide<'a> {
    /// The transport.
    pub transport: Transport,
    /// Host and port, such as `192.0.2.1:5060` or `[2001:db8::1]:5060`.
    pub sent_by: &'a [u8],
}

/// What to record-route with.
#[derive(Copy, Clone, Debug)]
pub enum RecordRouting<'a> {
    /// A token that names both flows, with its keys.
    Token(&'a RecordRouteToken, &'a Secrets),
    /// Whatever a program says.
    Plain {
        /// The user part; empty without.
        user: &'a [u8],
        /// Parameters, each with its semicolon, `;lr` among them.
        parameters: &'a [u8],
        /// Two values are written where the sides differ, marked with `;r2=on`.
        double: bool,
    },
}

/// What is changed of a response beyond its topmost Via.
#[derive(Copy, Clone, Debug, Default)]
pub struct ResponseChanges<'a> {
    /// Another status.
    pub status: Option<StatusCode>,
    /// Another reason.
    pub reason: Option<&'a [u8]>,
    /// Identities that its sender asserts stay: a program decides about them.
    pub keep_identities: bool,
}

/// What a program has changed of a request.
#[derive(Copy, Clone, Debug)]
pub struct Program<'a> {
    /// Changes of the received octets.
    pub edits: &'a Edits,
    /// Max-Forwards is among them.
    pub max_forwards_done: bool,
}

/// One request on its way to one target.
#[derive(Clone, Debug)]
pub struct Forwarding<'a> {
    /// As received.
    pub request: &'a Message,
    /// What is to become of its routes.
    pub route: &'a RoutePlan,
    /// The Request-URI for the target.
    pub uri: &'a [u8],
    /// Path values joined by commas, to stand before the Route values; empty without.
    pub path: &'a [u8],
    /// Where the request came from.
    pub source: SocketAddr,
    /// Our address on the side it came from.
    pub upstream: LocalSide<'a>,
    /// Our address on the side it goes to.
    pub downstream: LocalSide<'a>,
    /// The whole branch parameter.
    pub branch: &'a [u8],
    /// Stay in the path of the dialog.
    pub record_route: Option<RecordRouting<'a>>,
    /// The share of Max-Breadth.
    pub max_breadth: Option<u32>,
    /// Positions of header fields to take off: our own credentials, identities we do not trust.
    pub remove: &'a [u16],
    /// Complete header lines to add.
    pub extra: &'a [u8],
    /// What a program has changed before.
    pub program: Option<Program<'a>>,
}

/// The URI that says where a request goes: the first Route value after ours were taken off, else the Request-URI
/// (§16.6 step 7). That of a strict router becomes the Request-URI, which changes nothing here.
pub fn next_hop<'a>(
    request: &'a Message,
    route: &'a RoutePlan,
    uri: &'a [u8],
    path: &'a [u8],
) -> &'a [u8] {
    match first_route(request, route, path) {
        Some(first) => first.uri,
        None => uri,
    }
}

/// True if the next hop must be reached by TLS because the Request-URI is sips (§16.6 step 7).
pub fn is_secure(uri: &[u8]) -> bool {
    let scheme = uri.get(..b"sips:".len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:")) && Uri::parse(uri).is_ok()
}

/// Writes messages; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Forwarder {
    edits: Edits,
    scratch: Vec<u8>,
}

impl Forwarder {
    /// A forwarder.
    pub fn new() -> Forwarder {
        Forwarder::default()
    }

    /// Appends the request as it leaves.
    pub fn write_request(&mut self, forwarding: &Forwarding<'_>, out: &mut Vec<u8>) {
        let Forwarding { request, route, .. } = *forwarding;
        match &forwarding.program {
            Some(program) => self.edits.copy_from(program.edits),
            None => self.edits.clear(),
        }
        // In the order of the message, as edits come cheapest. Of what is put before all header fields the last call stands
        // first: Via, then Record-Route, then Route.
        let strict = first_route(request, route, forwarding.path).filter(|first| !is_loose(first));
        self.set_request_uri(
            request,
            strict.as_ref().map_or(forwarding.uri, |strict| strict.uri),
        );
        self.write_path(forwarding, strict.as_ref());
        if let Some(routing) = &forwarding.record_route {
            self.write_record_routes(forwarding, routing);
        }
        let downstream = &forwarding.downstream;
        self.edits.insert_first(request, HeaderName::Via, |line| {
            line.extend_from_slice(b"SIP/2.0/");
            line.extend_from_slice(downstream.transport.as_str().as_bytes());
            line.push(b' ');
            line.extend_from_slice(downstream.sent_by);
            line.extend_from_slice(b";branch=");
            line.extend_from_slice(forwarding.branch);
        });
        self.edits.mark_source(request, forwarding.source);
        if !forwarding
            .program
            .is_some_and(|program| program.max_forwards_done)
        {
            let hops = match request.max_forwards() {
                Ok(Some(hops)) => hops.saturating_sub(1),
                Ok(None) | Err(_) => MAX_FORWARDS_DEFAULT,
            };
            self.edits
                .set_number(request, HeaderName::MaxForwards, hops);
        }
        if let Some(breadth) = forwarding.max_breadth {
            self.edits
                .set_number(request, HeaderName::MaxBreadth, breadth);
        }
        self.take_routes_off(forwarding, strict.as_ref());
        for header in forwarding
            .remove
            .iter()
            .filter_map(|&index| request.header_at(usize::from(index)))
        {
            self.edits.remove(request, &header);
        }
        if !forwarding.extra.is_empty() {
            self.edits.append_lines(request, forwarding.extra);
        }
        if downstream.transport.is_reliable() {
            self.edits.ensure_content_length(request);
        }
        self.edits.write(request, out);
    }

    /// Appends a response without its topmost Via and without identities that its sender asserts (RFC 3325), with
    /// `lines` added; `upstream` is the transport it leaves on. False, with nothing written, if no Via is left: the
    /// response was meant for us (§16.7 step 3).
    pub fn write_response(
        &mut self,
        response: &Message,
        lines: &[u8],
        upstream: Transport,
        out: &mut Vec<u8>,
    ) -> bool {
        self.write_response_as(response, lines, upstream, &ResponseChanges::default(), out)
    }

    /// The same with further changes.
    pub fn write_response_as(
        &mut self,
        response: &Message,
        lines: &[u8],
        upstream: Transport,
        changes: &ResponseChanges<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        if response.has_one_via() {
            return false;
        }
        self.edits.clear();
        self.edits.remove_list_item(response, response.via().range);
        if changes.status.is_some() || changes.reason.is_some() {
            let status = changes.status.or(response.status());
            let reason = changes.reason.unwrap_or(response.reason());
            self.edits
                .replace_range_with(0..response.header_start().saturating_sub(2), |line| {
                    line.extend_from_slice(b"SIP/2.0 ");
                    line.extend_from_slice(
                        status.map_or(0, StatusCode::get).to_string().as_bytes(),
                    );
                    line.push(b' ');
                    line.extend_from_slice(reason);
                });
        }
        for name in [
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
        ] {
            if !changes.keep_identities && response.has_header(name) {
                for header in response.headers_named(name) {
                    self.edits.remove(response, &header);
                }
            }
        }
        if !lines.is_empty() {
            self.edits.append_lines(response, lines);
        }
        if upstream.is_reliable() {
            self.edits.ensure_content_length(response);
        }
        self.edits.write(response, out);
        true
    }

    /// Record-Route values for both sides (§16.6 step 4).
    fn write_record_routes(&mut self, forwarding: &Forwarding<'_>, routing: &RecordRouting<'_>) {
        let Forwarding { request, route, .. } = *forwarding;
        let secure = is_secure(forwarding.uri)
            || first_route(request, route, forwarding.path)
                .is_some_and(|first| is_secure(first.uri));
        // The upper of two values is for the callee's side, which sends to the first it sees (RFC 5658 §5).
        let double = forwarding.upstream != forwarding.downstream;
        if double && !matches!(routing, RecordRouting::Plain { double: false, .. }) {
            self.record_route(request, routing, &forwarding.upstream, secure, double);
        }
        self.record_route(request, routing, &forwarding.downstream, secure, double);
    }

    /// Path values before the Route values (§16.6 step 6); of those of a strict router what is left when its own is in the
    /// Request-URI.
    fn write_path(&mut self, forwarding: &Forwarding<'_>, strict: Option<&NameAddr<'_>>) {
        let path = forwarding.path;
        let values = match strict {
            Some(strict) if !path.is_empty() => {
                after_comma(path.get(strict.range.end..).unwrap_or_default())
            }
            _ => path,
        };
        if !values.is_empty() {
            self.edits
                .insert_first(forwarding.request, HeaderName::Route, |line| {
                    line.extend_from_slice(values)
                });
        }
    }

    /// Takes off the Route values that are done with. A strict router finds itself in the Request-URI and the target in the
    /// last Route value (§16.6 step 6).
    fn take_routes_off(&mut self, forwarding: &Forwarding<'_>, strict: Option<&NameAddr<'_>>) {
        let request = forwarding.request;
        for range in forwarding.route.removed() {
            self.edits.remove_list_item(request, range.clone());
        }
        let Some(strict) = strict else {
            return;
        };
        if forwarding.path.is_empty() {
            self.edits.remove_list_item(request, strict.range.clone());
        }
        self.scratch.clear();
        self.scratch.push(b'<');
        self.scratch.extend_from_slice(forwarding.uri);
        self.scratch.push(b'>');
        self.edits.append(request, b"Route", &self.scratch);
    }

    fn set_request_uri(&mut self, request: &Message, uri: &[u8]) {
        if uri != request.request_uri() {
            self.scratch.clear();
            write_request_uri(uri, &mut self.scratch);
            self.edits.set_request_uri(request, &self.scratch);
        }
    }

    fn record_route(
        &mut self,
        request: &Message,
        routing: &RecordRouting<'_>,
        side: &LocalSide<'_>,
        secure: bool,
        double: bool,
    ) {
        self.edits
            .insert_first(request, HeaderName::RecordRoute, |line| {
                line.extend_from_slice(if secure { b"<sips:" } else { b"<sip:" });
                match routing {
                    RecordRouting::Token(token, secrets) => {
                        token.write(secrets, request.call_id(), line);
                        line.push(b'@');
                    }
                    RecordRouting::Plain { user, .. } if !user.is_empty() => {
                        line.extend_from_slice(user);
                        line.push(b'@');
                    }
                    RecordRouting::Plain { .. } => {}
                }
                line.extend_from_slice(side.sent_by);
                let named = match side.transport {
                    Transport::Udp => false,
                    Transport::Tls => !secure,
                    Transport::Tcp | Transport::Ws | Transport::Wss => true,
                };
                if named {
                    line.extend_from_slice(b";transport=");
                    line.extend_from_slice(side.transport.as_param().as_bytes());
                }
                match routing {
                    RecordRouting::Token(..) => line.extend_from_slice(b";lr"),
                    RecordRouting::Plain {
                        parameters,
                        double: allowed,
                        ..
                    } => {
                        if double && *allowed {
                            line.extend_from_slice(b";r2=on");
                        }
                        line.extend_from_slice(parameters);
                    }
                }
                line.push(b'>');
            });
    }
}

/// The first Route value that the request leaves with.
fn first_route<'a>(
    request: &'a Message,
    route: &'a RoutePlan,
    path: &'a [u8],
) -> Option<NameAddr<'a>> {
    if path.is_empty() {
        route.remaining(request).next()
    } else {
        NameAddr::parse(path).ok()
    }
}

fn is_loose(route: &NameAddr<'_>) -> bool {
    route.uri_parsed().is_ok_and(|uri| uri.lr())
}

fn after_comma(rest: &[u8]) -> &[u8] {
    let start = rest
        .iter()
        .position(|octet| !matches!(octet, b' ' | b'\t' | b','))
        .unwrap_or(rest.len());
    rest.get(start..).unwrap_or_default()
}

/// A URI without what a Request-URI may not have: URI headers and the method parameter (RFC 3261 §19.1.1).
fn write_request_uri(uri: &[u8], out: &mut Vec<u8>) {
    if !uri.iter().any(|octet| matches!(octet, b';' | b'?')) {
        out.extend_from_slice(uri);
        return;
    }
    let parsed = Uri::parse(uri).ok().filter(Uri::is_sip);
    let Some(parsed) =
        parsed.filter(|parsed| !parsed.headers.is_empty() || parsed.has_param(b"method"))
    else {
        out.extend_from_slice(uri);
        return;
    };
    let headers = if parsed.headers.is_empty() {
        0
    } else {
        parsed.headers.len() + 1
    };
    let before_parameters = uri
        .len()
        .saturating_sub(headers + parsed.parameters.as_bytes().len());
    out.extend_from_slice(uri.get(..before_parameters).unwrap_or_default());
    for param in parsed
        .parameters
        .into_iter()
        .filter(|param| !param.name.eq_ignore_ascii_case(b"method"))
    {
        out.push(b';');
        out.extend_from_slice(param.name);
        if let Some(value) = param.value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}
