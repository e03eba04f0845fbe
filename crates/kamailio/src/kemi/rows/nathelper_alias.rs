//! `nathelper`: the source address in Contact, and its way back from the Request-URI.

use core::net::SocketAddr;
use core::ops::Range;

use strowger_lua::{Args, Ret};
use strowger_sip::{HeaderName, Transport, Uri, write_ip};

use super::nathelper::ip;
use crate::kemi::run::KemiRun;
use crate::pv::UriText;

/// The Contact value that is changed: the last of the first header field, as Kamailio does.
struct Place {
    /// Where the value lies in the message.
    value: Range<usize>,
    uri: Range<usize>,
    bracketed: bool,
}

/// `None` without Contact; `Some(None)` if it is `*`, or no sip URI.
fn contact(run: &KemiRun) -> Option<Option<Place>> {
    let message = run.context.message();
    let first = message.header(HeaderName::Contact)?;
    let inside = |range: &Range<usize>| {
        first.value_range.start <= range.start && range.end <= first.value_range.end
    };
    let place = message
        .contacts()
        .filter_map(Result::ok)
        .filter_map(|contact| {
            let address = contact.address()?.clone();
            let sip = address.uri_parsed().is_ok_and(|uri| uri.is_sip());
            sip.then(|| Place {
                value: address.range.clone(),
                uri: address.uri_range(),
                bracketed: address.bracketed,
            })
        })
        .filter(|place| inside(&place.value))
        .last();
    Some(place)
}

/// `ip:port` as it stands in a URI.
fn written(address: SocketAddr) -> Vec<u8> {
    let mut out = Vec::new();
    write_ip(&mut out, address.ip());
    out.extend_from_slice(format!(":{}", address.port()).as_bytes());
    out
}

/// Writes the source address into Contact in place of its host.
pub(super) fn fix_contact(run: &mut KemiRun) -> bool {
    let Some(Some(place)) = contact(run) else {
        return false;
    };
    let octets = run.context.message().as_bytes();
    let Some(uri) = octets.get(place.uri.clone()).and_then(UriText::parse) else {
        return false;
    };
    let address = written(run.context.source().remote);
    let mut text = Vec::new();
    UriText {
        host: &address,
        port: None,
        ..uri
    }
    .write(&mut text);
    run.replace(&[(place.uri, text)])
}

/// The number of a transport in an alias: UDP 1, TCP 2, TLS 3, WS 5, WSS 6.
fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Ws => 5,
        Transport::Wss => 6,
    }
}

/// Adds an address of the script's choice.
pub(super) fn add_alias(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let transport = Transport::from_token(args.text(2));
    let port = core::str::from_utf8(args.text(1)).ok();
    let port = port.and_then(|port| port.parse().ok());
    let (Some(ip), Some(port), Some(transport)) = (ip(args.text(0)), port, transport) else {
        return Ret::Int(-1);
    };
    let address = (SocketAddr::new(ip, port), transport);
    Ret::Int(set_alias(run, Some(address), false).unwrap_or(2))
}

/// Adds `;alias=ip~port~transport` to the URI of Contact: 1, or -1 if it cannot be. `None` without Contact.
pub(super) fn set_alias(
    run: &mut KemiRun,
    address: Option<(SocketAddr, Transport)>,
    trims: bool,
) -> Option<i64> {
    let Some(place) = contact(run)? else {
        return Some(-1);
    };
    if run.context.draft().edits.touches(&place.uri) {
        return Some(-1);
    }
    let source = run.context.source();
    let (address, transport) = address.unwrap_or((source.remote, source.transport));
    let octets = run.context.message().as_bytes();
    let uri = octets.get(place.uri.clone()).and_then(UriText::parse)?;
    let mut params: Vec<&[u8]> = uri.params.split(|octet| *octet == b';').collect();
    params.retain(|param| !param.is_empty());
    if trims {
        params.retain(|param| !param.starts_with(b"alias="));
    }
    let mut alias = b"alias=".to_vec();
    write_ip(&mut alias, address.ip());
    alias.extend_from_slice(format!("~{}~{}", address.port(), number(transport)).as_bytes());
    params.push(&alias);
    let mut text = Vec::new();
    UriText {
        params: &params.join(&b';'),
        ..uri
    }
    .write(&mut text);
    if !place.bracketed {
        text.insert(0, b'<');
        text.push(b'>');
    }
    Some(if run.replace(&[(place.uri, text)]) {
        1
    } else {
        -1
    })
}

/// Adds the source address as `received`, behind the URI or in it.
pub(super) fn add_received(run: &mut KemiRun, in_uri: bool) -> bool {
    let Some(Some(place)) = contact(run) else {
        return false;
    };
    let source = run.context.source();
    let mut address = b"sip:".to_vec();
    address.extend_from_slice(&written(source.remote));
    if source.transport != Transport::Udp {
        address.extend_from_slice(b";transport=");
        address.extend_from_slice(source.transport.as_param().as_bytes());
    }
    // Inside of a URI that has no brackets it would belong to the header field.
    let (at, text) = if in_uri && place.bracketed {
        let plain = address.iter().map(|octet| match octet {
            b';' => b"%3B".to_vec(),
            b'=' => b"%3D".to_vec(),
            other => vec![*other],
        });
        let plain: Vec<u8> = plain.flatten().collect();
        (place.uri.end, [b";received=", &plain[..]].concat())
    } else {
        let text = [b";received=\"", &address[..], b"\""].concat();
        (place.value.end, text)
    };
    run.replace(&[(at..at, text)])
}

/// Takes `alias` of the Request-URI as destination: 1; 2 if there is none, -1 if it cannot be read.
pub(super) fn handle_alias(run: &mut KemiRun) -> i64 {
    let Some(uri) = UriText::parse(run.context.request_uri()).filter(|_| run.is_request()) else {
        return -1;
    };
    let mut params: Vec<&[u8]> = uri.params.split(|octet| *octet == b';').collect();
    let is_alias = |param: &&[u8]| param.starts_with(b"alias=") && param.len() > 6;
    let Some(at) = params.iter().position(is_alias) else {
        return 2;
    };
    let alias = params.remove(at).get(6..).unwrap_or_default();
    let Some(destination) = destination(alias) else {
        return -1;
    };
    let mut text = Vec::new();
    UriText {
        params: &params.join(&b';'),
        ..uri
    }
    .write(&mut text);
    let draft = run.context.draft_mut();
    draft.set_request_uri(&text);
    draft.set_destination(Some(&destination));
    1
}

/// The URI that `ip~port~transport` stands for.
fn destination(alias: &[u8]) -> Option<Vec<u8>> {
    let mut parts = alias.split(|octet| *octet == b'~');
    let (host, port, transport) = (parts.next()?, parts.next()?, parts.next()?);
    let name = match transport {
        b"1" => "",
        b"2" => ";transport=tcp",
        b"3" => ";transport=tls",
        b"5" => ";transport=ws",
        b"6" => ";transport=wss",
        _ => return None,
    };
    let text = [b"sip:", host, b":", port, name.as_bytes()].concat();
    let sound = parts.next().is_none() && Uri::parse(&text).is_ok_and(|uri| uri.port.is_some());
    sound.then_some(text)
}
