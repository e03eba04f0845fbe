//! Via: protocol, sent-by and parameters of one hop (RFC 3261 §20.42, §18.2.1; RFC 3581).

use core::net::IpAddr;
use core::ops::Range;

use crate::Transport;
use crate::charset;
use crate::error::FieldError;
use crate::field::{Field, Scope};
use crate::host::Host;
use crate::params::{self, Params, is_named};
use crate::span::Span;

/// One Via value.
#[derive(Clone, Debug)]
pub struct Via<'a> {
    /// The transport as it stands.
    pub transport_token: &'a [u8],
    /// The transport, if it is in use here.
    pub transport: Option<Transport>,
    /// The port of sent-by, if it is there.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
    /// Where the value lies in the octets it was read from, without surrounding LWS.
    pub range: Range<usize>,
    pub(crate) sent_by_end: usize,
    octets: &'a [u8],
    host: Span,
    branch: Option<&'a [u8]>,
    /// Each with its semicolon; empty if absent.
    received: &'a [u8],
    rport: &'a [u8],
    maddr: &'a [u8],
}

/// Branches that begin so are unique by RFC 3261 §8.1.1.7; others come from RFC 2543 elements.
pub const BRANCH_COOKIE: &[u8] = b"z9hG4bK";

impl<'a> Via<'a> {
    /// Reads the first Via value of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Via<'a>, FieldError> {
        Via::parse_at(octets, octets.len(), 0)
    }

    pub(crate) fn parse_at(octets: &'a [u8], end: usize, at: usize) -> Result<Via<'a>, FieldError> {
        let mut spans = ViaSpans::NONE;
        scan(Field::new(octets, end), at, usize::MAX, &mut spans)?;
        // What looks like an address but is none is refused here, where nobody depends on the rest.
        if Host::parse(spans.host.of(octets)).is_none() {
            return Err(FieldError::Host);
        }
        Ok(Via::from_spans(octets, &spans))
    }

    #[inline]
    pub(crate) fn from_spans(octets: &'a [u8], spans: &ViaSpans) -> Via<'a> {
        Via {
            transport_token: spans.transport.of(octets),
            transport: spans.known_transport,
            octets,
            host: spans.host,
            port: spans.port,
            params: Params::new(spans.params.of(octets)),
            range: spans.whole.range(),
            sent_by_end: usize::from(spans.sent_by_end),
            branch: spans.branch.of_present(octets),
            received: spans.received.of(octets),
            rport: spans.rport.of(octets),
            maddr: spans.maddr.of(octets),
        }
    }

    /// The host of sent-by. What looks like an IPv4 address but is none counts as a name.
    pub fn host(&self) -> Host<'a> {
        Host::in_place(self.octets, self.host)
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// True if the branch begins with [`BRANCH_COOKIE`] and says more than that.
    pub fn has_unique_branch(&self) -> bool {
        self.branch.is_some_and(has_cookie)
    }

    /// The address in `received`, with or without brackets.
    pub fn received(&self) -> Option<IpAddr> {
        Host::parse(Params::new(self.received).get(b"received")?.value?)?.ip()
    }

    /// `rport`: absent, without value, or with a port (RFC 3581 §3).
    pub fn rport(&self) -> Option<Option<u16>> {
        let param = Params::new(self.rport).get(b"rport")?;
        Some(
            param
                .value
                .and_then(|digits| charset::decimal(digits, 65_535))
                .map(|port| port as u16),
        )
    }

    /// True if `rport` is there, with or without a port.
    pub fn has_rport(&self) -> bool {
        !self.rport.is_empty()
    }

    /// The host in `maddr`.
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(Params::new(self.maddr).get(b"maddr")?.value?)
    }

    /// The `ttl` parameter.
    pub fn ttl(&self) -> Option<u8> {
        charset::decimal(self.params.get(b"ttl")?.value?, 255).map(|ttl| ttl as u8)
    }

    /// The port of sent-by, or the default of the transport (§18.2.2); 5060 for transports unknown here.
    pub fn sent_by_port_or_default(&self) -> u16 {
        self.port
            .unwrap_or_else(|| self.transport.map_or(5060, Transport::default_port))
    }

    /// Where sent-by ends in the octets; parameters may be inserted there.
    pub fn sent_by_end(&self) -> usize {
        self.sent_by_end
    }
}

/// True if a branch begins with [`BRANCH_COOKIE`] and says more than that.
#[inline(always)]
pub(crate) fn has_cookie(branch: &[u8]) -> bool {
    match branch.first_chunk::<7>() {
        Some(cookie) if branch.len() > cookie.len() => {
            cookie == b"z9hG4bK" || cookie.eq_ignore_ascii_case(BRANCH_COOKIE)
        }
        _ => false,
    }
}

/// Where the parts of a Via lie.
#[derive(Clone, Debug)]
pub(crate) struct ViaSpans {
    pub(crate) whole: Span,
    pub(crate) transport: Span,
    pub(crate) known_transport: Option<Transport>,
    /// The host as it stands: a name, the form of an IPv4 address, or an IPv6 reference.
    pub(crate) host: Span,
    pub(crate) port: Option<u16>,
    /// Not 0 as soon as sent-by has been read.
    pub(crate) sent_by_end: u16,
    pub(crate) params: Span,
    /// Value of `branch`.
    pub(crate) branch: Span,
    /// `;received=…` with its semicolon.
    pub(crate) received: Span,
    /// `;rport…` with its semicolon.
    pub(crate) rport: Span,
    /// `;maddr=…` with its semicolon.
    pub(crate) maddr: Span,
}

impl ViaSpans {
    /// Nothing read.
    pub(crate) const NONE: ViaSpans = ViaSpans {
        whole: Span::ABSENT,
        transport: Span::ABSENT,
        known_transport: None,
        host: Span::ABSENT,
        port: None,
        sent_by_end: 0,
        params: Span::ABSENT,
        branch: Span::ABSENT,
        received: Span::ABSENT,
        rport: Span::ABSENT,
        maddr: Span::ABSENT,
    };
}

/// Reads the Via value at `at`. What could be read before an error is in `spans`.
#[inline(never)]
pub(crate) fn scan<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    parameters_max: usize,
    spans: &mut ViaSpans,
) -> Result<(), FieldError> {
    let start = field.skip_lws(at);
    spans.whole = Span::new(start, field.end());
    let host_start = if field.has(start, b"SIP/2.0/UDP ") {
        spans.transport = Span::new(start + 8, start + 11);
        spans.known_transport = Some(Transport::Udp);
        field.skip_lws(start + 12)
    } else {
        let transport_start = protocol(field, start)?;
        let transport_end = field.token_end(transport_start);
        let host_start = field.skip_lws(transport_end);
        if transport_end == transport_start || host_start == transport_end {
            return Err(FieldError::Protocol);
        }
        spans.transport = Span::new(transport_start, transport_end);
        spans.known_transport = Transport::from_token(field.slice(transport_start, transport_end));
        host_start
    };
    let mut end = Host::end(field, host_start).ok_or(FieldError::Host)?;
    spans.host = Span::new(host_start, end);
    let colon = match field.get(end) {
        Some(octet) if octet <= b' ' => field.skip_lws(end),
        _ => end,
    };
    if field.get(colon) == Some(b':') {
        let (port, digits_end) = field
            .port(field.skip_lws(colon + 1))
            .ok_or(FieldError::Port)?;
        spans.port = Some(port);
        end = digits_end;
    }
    spans.sent_by_end = end as u16;
    spans.params = Span::new(end, field.end());
    let params_start = end;
    let mut count = 0;
    let mut empty_branches = 0;
    while !field.ends_at(end) {
        count += 1;
        // The common parameters, without LWS and quotes.
        let common = match field.get(end + 1) {
            Some(b'b') if spans.branch.is_absent() => {
                let value = params::simple(field, end, b";branch=");
                value.map(|(start, end)| {
                    spans.branch = Span::new(start, end);
                    end
                })
            }
            Some(b'r') => common_response_parameter(field, end, spans),
            _ => None,
        };
        if let Some(next) = common {
            end = next;
            continue;
        }
        let Some(param) = params::scan(field, end)? else {
            break;
        };
        let name = field.slice(param.name_start, param.name_end);
        match name.len() {
            5 if is_named(name, b"rport") && spans.rport.is_absent() => {
                spans.rport = Span::new(end, param.end);
            }
            5 if is_named(name, b"maddr") && spans.maddr.is_absent() => {
                spans.maddr = Span::new(end, param.end);
            }
            6 if is_named(name, b"branch") => {
                if !spans.branch.is_absent() {
                    return Err(FieldError::RepeatedParameter);
                }
                if param.value_start != 0 && param.value_start < param.end {
                    spans.branch = Span::new(param.value_start, param.end);
                } else {
                    empty_branches += 1;
                }
            }
            8 if is_named(name, b"received") && spans.received.is_absent() => {
                spans.received = Span::new(end, param.end);
            }
            _ => {}
        }
        end = param.end;
    }
    if count > parameters_max {
        return Err(FieldError::TooManyParameters);
    }
    // `;branch=;branch=x`: another element might see the first.
    if empty_branches > 0 && (empty_branches > 1 || !spans.branch.is_absent()) {
        return Err(FieldError::RepeatedParameter);
    }
    if !field.ends_at(end) {
        let after = field.skip_lws(end);
        if field.get(after).is_some_and(|octet| octet != b',') {
            return Err(FieldError::Trailing);
        }
    }
    spans.params = Span::new(params_start, end);
    spans.whole = Span::new(start, end);
    Ok(())
}

/// Reads `received` or `rport` at `at`: where it ends.
#[inline(always)]
fn common_response_parameter<const FOLDS: bool>(
    field: Scope<'_, FOLDS>,
    at: usize,
    spans: &mut ViaSpans,
) -> Option<usize> {
    if spans.rport.is_absent() && field.has(at, b";rport") {
        let end = match field.get(at + 6) {
            Some(b'=') => field.port(at + 7)?.1,
            _ => at + 6,
        };
        let ends = field.ends_at(end) || field.get(end) == Some(b';');
        return ends.then(|| {
            spans.rport = Span::new(at, end);
            end
        });
    }
    if !spans.received.is_absent() {
        return None;
    }
    let (_, end) = params::simple(field, at, b";received=")?;
    spans.received = Span::new(at, end);
    Some(end)
}

/// Position of the transport token. The version is not compared: a message of another version is answered (505).
#[inline]
fn protocol<const FOLDS: bool>(field: Scope<'_, FOLDS>, start: usize) -> Result<usize, FieldError> {
    if field.has(start, b"SIP/2.0/") {
        return Ok(start + 8);
    }
    let mut at = start;
    for _ in 0..2 {
        let end = field.token_end(at);
        let slash = field.skip_lws(end);
        if end == at || field.get(slash) != Some(b'/') {
            return Err(FieldError::Protocol);
        }
        at = field.skip_lws(slash + 1);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_folds_may_stand_between_all_parts() {
        let via = Via::parse(b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ; branch=\r\n 390skdjuw , SIP/2.0/TCP x");
        let via = via.expect("valid");
        assert_eq!(via.transport, Some(Transport::Udp));
        assert_eq!(via.host(), Host::parse(b"192.0.2.2").expect("an address"));
        assert_eq!(via.port, Some(5070));
        assert_eq!(via.branch(), Some(&b"390skdjuw"[..]));
        assert!(!via.has_unique_branch());
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let octets =
                format!("SIP/2.0/UDP [2001:db8::9:1];received={received};rport;branch=z9hG4bKas3");
            let via = Via::parse(octets.as_bytes()).expect("valid");
            assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
            assert_eq!(via.rport(), Some(None));
            assert!(via.has_unique_branch());
        }
    }

    #[test]
    fn a_branch_stands_once_even_if_it_is_empty() {
        for octets in [
            &b"SIP/2.0/UDP h;branch=;branch=z9hG4bK1"[..],
            b"SIP/2.0/UDP h;branch;branch=z9hG4bK1",
            b"SIP/2.0/UDP h;branch=z9hG4bK1;branch=",
            b"SIP/2.0/UDP h;branch=;branch",
            b"SIP/2.0/UDP h;branch=z9hG4bK1;BRANCH=z9hG4bK1",
        ] {
            let error = Via::parse(octets).expect_err("two branches");
            assert_eq!(error, FieldError::RepeatedParameter);
        }
        let alone = Via::parse(b"SIP/2.0/UDP h;branch=").expect("as old clients send it");
        assert_eq!(alone.branch(), None);
    }

    #[test]
    fn malformed_values_are_refused() {
        for (octets, error) in [
            (&b"SIP/2.0/UDP 192.0.2.15;;,;,,"[..], FieldError::Parameter),
            (b"SIP/2.0/UDP", FieldError::Protocol),
            (b"SIP/2.0 192.0.2.15", FieldError::Protocol),
            (b"SIP/2.0/UDP 192.0.2.300", FieldError::Host),
            (b"SIP/2.0/UDP a:65536", FieldError::Port),
            (b"SIP/2.0/UDP a:", FieldError::Port),
            (b"SIP/2.0/UDP a b", FieldError::Trailing),
            (
                b"SIP/2.0/UDP a;branch=x;branch=y",
                FieldError::RepeatedParameter,
            ),
        ] {
            assert_eq!(
                Via::parse(octets).err(),
                Some(error),
                "{}",
                octets.escape_ascii()
            );
        }
    }
}
