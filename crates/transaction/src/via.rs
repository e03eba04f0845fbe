//! Where a response goes (RFC 3261 §18.2.2; RFC 3581 §4).
//!
//! What the receiver writes into the topmost Via (§18.2.1: `received`, `rport`) is done where octets are written:
//! `strowger_sip::write_response` for replies of our own, `Edits::mark_source` for what is forwarded.

use core::net::{IpAddr, SocketAddr};

use strowger_sip::{Message, Transport, Via};

use crate::flow::{Flow, ListenerId};

/// Whether `maddr` of a Via is followed. Anyone can write one and turn us into a source of packets for a third party,
/// so only peers that are trusted as neighbours may.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum MaddrRule {
    /// The parameter counts for nothing.
    #[default]
    Ignore,
    /// The response goes to the address it names (§18.2.2, second bullet).
    Follow,
}

/// Where a response goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ResponseTarget {
    /// Out on this flow.
    Flow(Flow),
    /// The connection is gone: open one to the address the request came from, at the port of sent-by, and send there.
    Connect {
        /// Transport of the request.
        transport: Transport,
        /// The listener the request arrived at.
        listener: ListenerId,
        /// The peer.
        remote: SocketAddr,
    },
}

/// Where the response goes to a request that arrived on `flow` with this topmost Via. `alive` says whether the
/// connection of `flow`, if it has one, is still open.
pub fn response_target(
    via: &Via<'_>,
    flow: &Flow,
    alive: bool,
    maddr: MaddrRule,
) -> ResponseTarget {
    if !flow.transport.is_reliable() {
        return ResponseTarget::Flow(datagram_flow(via, flow, maddr));
    }
    if alive {
        return ResponseTarget::Flow(*flow);
    }
    let mut remote = flow.remote;
    remote.set_port(via.port.unwrap_or(flow.transport.default_port()));
    ResponseTarget::Connect {
        transport: flow.transport,
        listener: flow.listener,
        remote,
    }
}

/// The flow for the response to a request that has just arrived on `flow`: its connection is alive. `maddr` counts for
/// nothing.
#[inline]
pub fn response_flow(request: &Message, flow: &Flow) -> Flow {
    let mut back = *flow;
    if !flow.transport.is_reliable() && !request.has_rport() {
        let port = request.sent_by_port();
        back.remote
            .set_port(port.unwrap_or(flow.transport.default_port()));
    }
    back
}

fn datagram_flow(via: &Via<'_>, flow: &Flow, maddr: MaddrRule) -> Flow {
    let sent_by_port = via.port.unwrap_or(flow.transport.default_port());
    let named = match maddr {
        MaddrRule::Follow => via.maddr().and_then(|host| host.ip()),
        MaddrRule::Ignore => None,
    };
    let mut remote = flow.remote;
    if let Some(address) = named {
        remote = SocketAddr::new(address, sent_by_port);
    } else if !via.has_rport() {
        remote.set_port(sent_by_port);
    }
    Flow { remote, ..*flow }
}

/// Where a response goes whose topmost Via (ours already taken off) was received and marked by us, when nothing else
/// was kept: transport and address, or `None` if the Via was not marked and sent-by is a name.
pub fn marked_via_target(via: &Via<'_>) -> Option<(Transport, SocketAddr)> {
    let transport = via.transport?;
    let sent_by: Option<IpAddr> = via.host().ip();
    let address = via.received().or(sent_by)?;
    let rport = via.rport().flatten();
    Some((
        transport,
        SocketAddr::new(
            address,
            rport.unwrap_or_else(|| via.sent_by_port_or_default()),
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::StreamId;

    fn udp(remote: &str) -> Flow {
        Flow::udp(ListenerId(1), remote.parse().expect("address"))
    }

    fn tcp(remote: &str) -> Flow {
        let stream = Some(StreamId {
            worker: 0,
            slot: 1,
            generation: 2,
        });
        Flow {
            transport: Transport::Tcp,
            stream,
            ..udp(remote)
        }
    }

    #[test]
    fn the_short_way_back_is_the_same() {
        for via in [
            "SIP/2.0/UDP a.example.com",
            "SIP/2.0/UDP a.example.com:5066;branch=z9hG4bK1",
            "SIP/2.0/UDP 192.0.2.1;rport",
            "SIP/2.0/UDP 192.0.2.1:7;rport=99;maddr=203.0.113.9",
            "SIP/2.0/TLS [2001:db8::1];maddr=203.0.113.9",
        ] {
            let text = format!(
                "OPTIONS sip:h SIP/2.0\r\nVia: {via}\r\nFrom: <sip:h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let request =
                Message::parse(text.into_bytes(), &strowger_sip::Limits::default()).expect("valid");
            for flow in [
                udp("192.0.2.7:999"),
                udp("[2001:db8::7]:5060"),
                tcp("192.0.2.7:999"),
            ] {
                let long = target(via, &flow, true, MaddrRule::Ignore);
                assert_eq!(
                    ResponseTarget::Flow(response_flow(&request, &flow)),
                    long,
                    "{via}"
                );
            }
        }
    }

    fn target(via: &str, flow: &Flow, alive: bool, maddr: MaddrRule) -> ResponseTarget {
        response_target(
            &Via::parse(via.as_bytes()).expect("valid"),
            flow,
            alive,
            maddr,
        )
    }

    #[test]
    fn without_rport_the_port_of_sent_by_counts() {
        let flow = udp("192.0.2.9:40000");
        let to = |via| target(via, &flow, true, MaddrRule::Ignore);
        assert_eq!(
            to("SIP/2.0/UDP pc.example.com;branch=z9hG4bK1"),
            ResponseTarget::Flow(udp("192.0.2.9:5060"))
        );
        assert_eq!(
            to("SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bK1"),
            ResponseTarget::Flow(udp("192.0.2.9:5066"))
        );
        assert_eq!(
            to("SIP/2.0/UDP 10.0.0.1:5066;rport;branch=z9hG4bK1"),
            ResponseTarget::Flow(flow)
        );
    }

    #[test]
    fn maddr_of_a_stranger_is_ignored() {
        let flow = udp("192.0.2.9:5060");
        let via = "SIP/2.0/UDP 192.0.2.9;maddr=198.51.100.7;branch=z9hG4bK1";
        assert_eq!(
            target(via, &flow, true, MaddrRule::Ignore),
            ResponseTarget::Flow(flow)
        );
        assert_eq!(
            target(via, &flow, true, MaddrRule::Follow),
            ResponseTarget::Flow(udp("198.51.100.7:5060"))
        );
        let name = "SIP/2.0/UDP 192.0.2.9;maddr=victim.example;branch=z9hG4bK1";
        assert_eq!(
            target(name, &flow, true, MaddrRule::Follow),
            ResponseTarget::Flow(flow)
        );
    }

    #[test]
    fn a_stream_carries_the_response_back_and_is_opened_again_if_it_is_gone() {
        let flow = tcp("192.0.2.9:40000");
        let via = "SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1";
        assert_eq!(
            target(via, &flow, true, MaddrRule::Follow),
            ResponseTarget::Flow(flow)
        );
        let remote = "192.0.2.9:5070".parse().expect("address");
        let connect = ResponseTarget::Connect {
            transport: Transport::Tcp,
            listener: ListenerId(1),
            remote,
        };
        assert_eq!(target(via, &flow, false, MaddrRule::Follow), connect);
    }

    #[test]
    fn a_marked_via_says_where_to_go_without_state() {
        let of = |via: &str| {
            marked_via_target(&Via::parse(via.as_bytes()).expect("valid"))
                .map(|(_, remote)| remote.to_string())
        };
        assert_eq!(
            of("SIP/2.0/UDP h;received=192.0.2.1;rport=9988").as_deref(),
            Some("192.0.2.1:9988")
        );
        assert_eq!(
            of("SIP/2.0/UDP h:5070;received=192.0.2.1").as_deref(),
            Some("192.0.2.1:5070")
        );
        assert_eq!(
            of("SIP/2.0/TLS 192.0.2.3").as_deref(),
            Some("192.0.2.3:5061")
        );
        assert_eq!(of("SIP/2.0/UDP h:5070"), None);
    }
}
