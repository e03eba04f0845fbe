//! Whether a contact address can be reached, or only the flow that its REGISTER came on.
//!
//! A UA that sent its REGISTER straight to us and names another address than the one it came from is behind a NAT if
//! that address is private, or if its Via claims it too. A REGISTER that passed a proxy says nothing of the UA's own
//! address; then Path leads the way.

use std::net::{IpAddr, Ipv6Addr};

use strowger_sip::{Host, Message, Uri, plain_contact};
use strowger_transaction::Flow;

/// True if requests for this contact must go to the flow.
pub fn behind_nat(request: &Message, contact: &[u8], flow: &Flow) -> bool {
    if plain_contact(contact).is_some_and(|address| address.ip() == flow.remote.ip().to_canonical())
    {
        return false;
    }
    request.has_one_via()
        && Uri::parse(contact).is_ok_and(|uri| uri_behind_nat(request, &uri, flow))
}

/// The same of a URI that was read.
pub(crate) fn uri_behind_nat(request: &Message, uri: &Uri<'_>, flow: &Flow) -> bool {
    if !request.has_one_via() || !uri.is_sip() {
        return false;
    }
    let source = flow.remote.ip().to_canonical();
    match uri.host.ip().map(|ip| ip.to_canonical()) {
        Some(address) if address == source => false,
        Some(address) => {
            is_private(address)
                || request.via().host().ip().map(|ip| ip.to_canonical()) == Some(address)
        }
        None => is_invalid(&uri.host),
    }
}

/// Names that never resolve, which browsers use (RFC 7118).
fn is_invalid(host: &Host<'_>) -> bool {
    match host {
        Host::Name(name) => {
            let suffix = name
                .len()
                .checked_sub(b".invalid".len())
                .and_then(|at| name.get(at..));
            suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b".invalid"))
        }
        _ => false,
    }
}

/// Addresses that mean nothing outside their own network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || shared
        }
        IpAddr::V6(v6) => {
            let [high, low] = v6.octets().first_chunk::<2>().copied().unwrap_or_default();
            let unique_local = high & 0xfe == 0xfc;
            let link_local = high == 0xfe && low & 0xc0 == 0x80;
            unique_local || link_local || v6 == Ipv6Addr::LOCALHOST || v6 == Ipv6Addr::UNSPECIFIED
        }
    }
}
