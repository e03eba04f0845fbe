//! `nathelper`: signs of a NAT, and addresses that help over it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::Range;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{HeaderName, Host, Transport, Uri, write_ip};

use super::yes_no;
use crate::kemi::run::KemiRun;
use crate::kemi::sdp::{self, SdpLines};
use crate::pv::UriText;

const FLAGS: &[Parameter] = &[Parameter::int("flags")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("nathelper", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "nat_uac_test",
        FLAGS,
        "one of the signs of a NAT that the bits ask for is there",
        |run, args| yes_no(nat_uac_test(run, args.int(0))),
    ),
    f(
        "fix_nated_register",
        &[],
        "keeps the source address for the binding",
        |run, _| {
            run.context.draft_mut().use_source_for_binding = true;
            Ret::Int(1)
        },
    ),
    f(
        "fix_nated_contact",
        &[],
        "writes the source address into Contact in place of its host",
        |run, _| yes_no(fix_contact(run)),
    ),
    f(
        "set_contact_alias",
        &[],
        "adds the source address to the URI of Contact as `alias`",
        |run, _| Ret::Int(set_alias(run, None, false).unwrap_or(-1)),
    ),
    f(
        "set_contact_alias_trim",
        &[],
        "the same; an alias that is there goes",
        |run, _| Ret::Int(set_alias(run, None, true).unwrap_or(-1)),
    ),
    f(
        "add_contact_alias",
        &[],
        "the same as set_contact_alias; 2 without Contact",
        |run, _| Ret::Int(set_alias(run, None, false).unwrap_or(2)),
    ),
    f(
        "add_contact_alias_addr",
        &[
            Parameter::text("ip"),
            Parameter::text("port"),
            Parameter::text("transport"),
        ],
        "adds an address to the URI of Contact as `alias`; 2 without Contact",
        add_alias,
    ),
    f(
        "handle_ruri_alias",
        &[],
        "takes the address in `alias` of the Request-URI as destination: 1, 2 if there is none",
        |run, _| Ret::Int(handle_alias(run)),
    ),
    f(
        "add_rcv_param",
        FLAGS,
        "adds the source address to Contact as `received`: 0 behind the URI, 1 in it",
        |run, args| yes_no(add_received(run, args.int(0) != 0)),
    ),
    f(
        "is_rfc1918",
        &[Parameter::text("ip")],
        "the address is a private one",
        |_, args| yes_no(ip(args.text(0)).is_some_and(is_private)),
    ),
    f(
        "fix_nated_sdp",
        FLAGS,
        "changes the SDP: 1 adds direction, 2 the address of media, 4 adds nortpproxy, 8 the address of the origin",
        |run, args| {
            let source = run.context.source().remote.ip();
            Ret::Int(fix_sdp(run, args.int(0), source))
        },
    ),
    f(
        "fix_nated_sdp_ip",
        &[Parameter::int("flags"), Parameter::text("ip")],
        "the same with another address",
        |run, args| match ip(args.text(1)) {
            Some(address) => Ret::Int(fix_sdp(run, args.int(0), address)),
            None => Ret::Int(-1),
        },
    ),
];

fn ip(text: &[u8]) -> Option<IpAddr> {
    Host::parse(text)?.ip()
}

/// The networks that nobody reaches from outside: RFC 1918, RFC 6598, and 192.0.0.0/24.
pub(super) fn is_private(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    let [a, b, c, _] = address.octets();
    address.is_private() || (a == 100 && b & 0xc0 == 64) || (a, b, c) == (192, 0, 0)
}

/// The addresses that the SDP gives: of the session and of its media.
fn media_addresses(run: &KemiRun) -> Vec<IpAddr> {
    let Some(lines) = SdpLines::of(run.context.message()) else {
        return Vec::new();
    };
    lines
        .iter()
        .filter_map(|line| sdp::address(&line, b"c="))
        .filter_map(|range| ip(lines.text(range)))
        .collect()
}

fn nat_uac_test(run: &KemiRun, flags: i64) -> bool {
    let asked = |bit: i64| flags & bit != 0;
    let message = run.context.message();
    let source = run.context.source();
    let remote = source.remote;
    let via = message.via();
    let contact = || {
        let contact = message.contacts().next()?.ok()?;
        let uri = contact.address()?.uri;
        Uri::parse(uri).ok().filter(Uri::is_sip)
    };
    let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    (asked(1) && contact().is_some_and(|uri| uri.host.ip().is_some_and(is_private)))
        || (asked(2) && via.host.ip() != Some(remote.ip()))
        || (asked(4) && via.host.ip().is_some_and(is_private))
        || (asked(8) && media_addresses(run).into_iter().any(is_private))
        || (asked(16) && via.sent_by_port_or_default() != remote.port())
        || (asked(32) && is_private(remote.ip()))
        || ((asked(64) || asked(512)) && matches!(source.transport, Transport::Ws | Transport::Wss))
        || (asked(128) && contact().is_some_and(|uri| uri.port_or_default() != remote.port()))
        || (asked(256)
            && media_addresses(run)
                .into_iter()
                .any(|address| address != remote.ip() && address != unspecified))
}

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

fn fix_contact(run: &mut KemiRun) -> bool {
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

fn add_alias(run: &mut KemiRun, args: Args<'_>) -> Ret {
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
fn set_alias(
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
    params.retain(|param| !param.is_empty() && !(trims && param.starts_with(b"alias=")));
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

fn add_received(run: &mut KemiRun, in_uri: bool) -> bool {
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
fn handle_alias(run: &mut KemiRun) -> i64 {
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

/// Changes the SDP. 1 if an address was changed, 2 if not, -1 without SDP.
fn fix_sdp(run: &mut KemiRun, flags: i64, address: IpAddr) -> i64 {
    let Some(lines) = SdpLines::of(run.context.message()) else {
        return -1;
    };
    let asked = |bit: i64| flags & bit != 0;
    let (mut changes, mut ends) = (Vec::new(), Vec::new());
    let mut text = Vec::new();
    match address {
        IpAddr::V4(address) => text.extend_from_slice(address.to_string().as_bytes()),
        IpAddr::V6(address) => text.extend_from_slice(address.to_string().as_bytes()),
    }
    let mut old = Vec::new();
    for line in lines.iter() {
        for (bit, prefix) in [(2, b"c="), (8, b"o=")] {
            if let Some(range) = sdp::address(&line, prefix).filter(|_| asked(bit)) {
                old.push(lines.text(range.clone()).to_vec());
                changes.push((range, text.clone()));
            }
        }
    }
    if asked(1) {
        ends.extend(
            lines
                .media()
                .map(|media| (media.end, b"a=direction:active\r\n".to_vec())),
        );
    }
    let rewritten = !changes.is_empty();
    let end = lines.range().end;
    for address in old {
        let line = [b"a=oldmediaip:", &address[..], b"\r\n"].concat();
        ends.push((end, line));
    }
    if asked(4) {
        ends.push((end, b"a=nortpproxy:yes\r\n".to_vec()));
    }
    changes.extend(ends.into_iter().map(|(at, line)| (at..at, line)));
    match run.replace_in_body(&changes) {
        true if rewritten => 1,
        true => 2,
        false => -1,
    }
}
