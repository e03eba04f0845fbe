//! Sockets, transports, and the destination set.

use core::net::{IpAddr, SocketAddr};

use strowger_sip::{Transport, write_ip};

use super::item::{BranchPart, SocketOf, SocketPart};
use super::read::{push_number, written};
use super::source::{Place, PvSource};
use super::value::PvValue;

/// An address as text, an IPv6 one in brackets where a port may follow.
fn host(address: IpAddr) -> Vec<u8> {
    let mut out = Vec::new();
    write_ip(&mut out, address);
    out
}

/// A part of a socket.
pub(crate) fn socket(of: SocketOf, part: SocketPart, source: &dyn PvSource) -> PvValue<'_> {
    let Some(flow) = source.flow() else {
        return PvValue::Null;
    };
    let (address, port) = match (of, flow.advertised) {
        (SocketOf::Source, _) => place(flow.source),
        (SocketOf::Advertised, Some((name, port))) => (name.to_vec(), port),
        (SocketOf::Received | SocketOf::Advertised, _) => place(flow.received_on),
    };
    match part {
        SocketPart::Name => PvValue::maybe(flow.socket_name),
        SocketPart::Port => PvValue::Int(i64::from(port)),
        SocketPart::Ip => {
            let bare = address
                .strip_prefix(b"[")
                .and_then(|text| text.strip_suffix(b"]"));
            PvValue::owned(bare.map(<[u8]>::to_vec).unwrap_or(address))
        }
        SocketPart::Socket => written(|out| {
            out.extend_from_slice(flow.transport.as_param().as_bytes());
            push(out, &address, port);
        }),
        SocketPart::Uri | SocketPart::UriTransport => written(|out| {
            out.extend_from_slice(b"sip");
            push(out, &address, port);
            if part == SocketPart::UriTransport || flow.transport != Transport::Udp {
                out.extend_from_slice(b";transport=");
                out.extend_from_slice(flow.transport.as_param().as_bytes());
            }
        }),
    }
}

fn place(address: SocketAddr) -> (Vec<u8>, u16) {
    (host(address.ip()), address.port())
}

fn push(out: &mut Vec<u8>, address: &[u8], port: u16) {
    out.push(b':');
    out.extend_from_slice(address);
    out.push(b':');
    push_number(out, port);
}

/// The transport in lower case.
pub(crate) fn transport(source: &dyn PvSource) -> PvValue<'_> {
    source.flow().map_or(PvValue::Null, |flow| {
        PvValue::from(flow.transport.as_param())
    })
}

/// The transport as a number: UDP 1, TCP 2, TLS 3, WS 5, WSS 6.
pub(crate) fn transport_id(source: &dyn PvSource) -> PvValue<'_> {
    let Some(flow) = source.flow() else {
        return PvValue::Null;
    };
    PvValue::Int(match flow.transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Ws => 5,
        Transport::Wss => 6,
    })
}

/// The Contact line that a redirection would have: the Request-URI if it was changed, and all further branches.
pub(crate) fn destination_set(source: &dyn PvSource) -> PvValue<'_> {
    let message = source.message();
    let changed = source
        .request_uri()
        .filter(|uri| message.is_request() && *uri != message.request_uri());
    let branches = (0..)
        .map_while(|index| source.branch(index))
        .map(|branch| (branch.uri, branch.q));
    let mut contacts = changed
        .map(|uri| (uri, None))
        .into_iter()
        .chain(branches)
        .peekable();
    if contacts.peek().is_none() {
        return PvValue::Null;
    }
    written(|out| {
        out.extend_from_slice(b"Contact: ");
        for (index, (uri, q)) in contacts.enumerate() {
            out.extend_from_slice(if index > 0 { b", <" } else { b"<" });
            out.extend_from_slice(uri);
            out.push(b'>');
            if let Some(q) = q {
                out.extend_from_slice(b";q=");
                push_q(out, q);
            }
        }
    })
}

/// Thousandths as a decimal number without idle zeros: 500 is `0.5`.
fn push_q(out: &mut Vec<u8>, q: u16) {
    if q >= 1_000 {
        out.push(b'1');
    } else {
        let text = format!("0.{q:03}");
        let text = text.trim_end_matches('0');
        out.extend_from_slice(text.trim_end_matches('.').as_bytes());
    }
}

/// A part of a further branch.
pub(crate) fn branch(part: BranchPart, place: Place, source: &dyn PvSource) -> PvValue<'_> {
    let count = || (0..).map_while(|index| source.branch(index)).count();
    if part == BranchPart::Count {
        return PvValue::Int(i64::try_from(count()).unwrap_or(i64::MAX));
    }
    let index = match place {
        Place::At(index) if index >= 0 => usize::try_from(index).ok(),
        Place::At(index) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| count().checked_sub(back)),
        Place::Newest | Place::All => Some(0),
    };
    let Some(branch) = index.and_then(|index| source.branch(index)) else {
        return PvValue::Null;
    };
    match part {
        BranchPart::Uri => PvValue::octets(branch.uri),
        BranchPart::Destination => PvValue::maybe(branch.destination_uri),
        BranchPart::Path => PvValue::maybe(branch.path),
        BranchPart::Socket => PvValue::maybe(branch.socket),
        BranchPart::Flags => PvValue::Int(i64::from(branch.flags)),
        BranchPart::Q => branch
            .q
            .map_or(PvValue::Null, |q| PvValue::Int(i64::from(q))),
        BranchPart::Count => PvValue::Null,
    }
}
