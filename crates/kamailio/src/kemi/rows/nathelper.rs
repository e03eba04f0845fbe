//! `nathelper`: signs of a NAT, and addresses that help over it.

use core::net::{IpAddr, Ipv4Addr};

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{Host, Transport, Uri};

use super::nathelper_alias::{add_alias, add_received, fix_contact, handle_alias, set_alias};
use super::yes_no;
use crate::kemi::run::KemiRun;
use crate::kemi::sdp::{self, SdpLines};

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

/// An address, one of IPv6 with brackets or without.
pub(super) fn ip(text: &[u8]) -> Option<IpAddr> {
    let bare = || core::str::from_utf8(text).ok()?.parse().ok();
    Host::parse(text).and_then(|host| host.ip()).or_else(bare)
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
        || (asked(2) && via.host().ip() != Some(remote.ip()))
        || (asked(4) && via.host().ip().is_some_and(is_private))
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
    let rewritten = !changes.is_empty();
    let end = lines.range().end;
    if flags != 0 && !lines.text(lines.range()).ends_with(b"\n") {
        ends.push((end, b"\r\n".to_vec()));
    }
    if asked(1) {
        ends.extend(
            lines
                .media()
                .map(|media| (media.end, b"a=direction:active\r\n".to_vec())),
        );
    }
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
