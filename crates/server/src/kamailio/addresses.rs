//! `listen` and `alias`: sockets to open, and the names that are this server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use strowger_kamailio::cfg::{Diagnostics, KamailioConfig, Listen, Severity, Span};
use strowger_sip::Transport;

use super::machine::Machine;
use crate::config;

/// Opens what the configuration names; without `listen`, every IPv4 address.
pub fn listeners(
    kamailio: &KamailioConfig,
    machine: &dyn Machine,
    notes: &mut Diagnostics,
) -> Vec<config::Listen> {
    let on = |name: &str| kamailio.global(name).and_then(|value| value.integer()) == Some(1);
    let tcp = !on("disable_tcp");
    if on("enable_tls") || on("tls_enable") {
        let message = "TLS is not spoken yet: `enable_tls` opens nothing".to_owned();
        notes.push(Severity::Warning, None, message, String::new());
    }
    let default_port = port_of(kamailio, "port").unwrap_or(Transport::Udp.default_port());
    let mut out = Vec::new();
    for listen in &kamailio.listen {
        let transports: &[Transport] = match listen.transport {
            Some(Transport::Udp) => &[Transport::Udp],
            Some(Transport::Tcp) if tcp => &[Transport::Tcp],
            Some(Transport::Tcp) => {
                notes.warning(listen.span, "not opened: `disable_tcp` is set", "");
                continue;
            }
            None if tcp => &[Transport::Udp, Transport::Tcp],
            None => &[Transport::Udp],
            Some(other) => {
                let message = format!("not opened: {} is not spoken yet", other.as_str());
                notes.warning(listen.span, message, "use udp or tcp");
                continue;
            }
        };
        let port = listen.port.unwrap_or(default_port);
        let position = notes.sources.position(listen.span);
        for address in addresses(listen, on("auto_bind_ipv6"), machine, notes) {
            for transport in transports {
                out.push(config::Listen {
                    advertised: advertised(listen, notes),
                    ..socket(*transport, SocketAddr::new(address, port), position)
                });
            }
        }
    }
    if kamailio.listen.is_empty() {
        let mut all: Vec<IpAddr> = vec![Ipv4Addr::UNSPECIFIED.into()];
        if on("auto_bind_ipv6") {
            all.push(Ipv6Addr::UNSPECIFIED.into());
        }
        for address in all {
            let address = SocketAddr::new(address, default_port);
            out.push(socket(Transport::Udp, address, (1, 1)));
            if tcp {
                out.push(socket(Transport::Tcp, address, (1, 1)));
            }
        }
    }
    out
}

/// A global port.
pub fn port_of(kamailio: &KamailioConfig, name: &str) -> Option<u16> {
    kamailio
        .global(name)
        .and_then(|value| value.integer())
        .and_then(|port| u16::try_from(port).ok())
}

fn socket(transport: Transport, address: SocketAddr, position: (usize, usize)) -> config::Listen {
    config::Listen {
        transport,
        address,
        advertised: None,
        text: format!("{}:{address}", transport.as_param()),
        position,
    }
}

fn advertised(listen: &Listen, notes: &mut Diagnostics) -> Option<(Box<str>, Option<u16>)> {
    let (host, port) = listen.advertise.as_ref()?;
    match config::domain(host) {
        Ok(host) => Some((host.into(), *port)),
        Err(refused) => {
            notes.error(listen.span, refused.reason, refused.fix);
            None
        }
    }
}

/// The addresses that a `listen` names.
fn addresses(
    listen: &Listen,
    all_families: bool,
    machine: &dyn Machine,
    notes: &mut Diagnostics,
) -> Vec<IpAddr> {
    let mut out = Vec::new();
    for host in &listen.hosts {
        if host == "*" {
            out.push(Ipv4Addr::UNSPECIFIED.into());
            out.extend(all_families.then_some(IpAddr::from(Ipv6Addr::UNSPECIFIED)));
            continue;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = match bare.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => match machine.interface(host) {
                Some(addresses) => addresses,
                None => machine.resolve(host),
            },
        };
        if found.is_empty() {
            let message =
                format!("`{host}` is no address, interface or known name of this machine");
            notes.error(listen.span, message, "write an IP address");
        }
        out.extend(found);
    }
    out
}

/// The local domains: aliases, then names that `listen` uses; else the first listening address.
pub fn domains(
    kamailio: &KamailioConfig,
    listeners: &[config::Listen],
    machine: &dyn Machine,
    notes: &mut Diagnostics,
) -> Vec<Box<str>> {
    let mut domains: Vec<Box<str>> = Vec::new();
    for alias in &kamailio.aliases {
        add(&mut domains, &alias.host, Some(alias.span), notes);
    }
    let named = kamailio.listen.iter().flat_map(|listen| {
        let named = listen.hosts.iter().filter(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            *host != "*" && bare.parse::<IpAddr>().is_err() && machine.interface(host).is_none()
        });
        named.map(|host| (host.as_str(), listen.span))
    });
    for (host, span) in named.collect::<Vec<_>>() {
        add(&mut domains, host, Some(span), notes);
    }
    if domains.is_empty() {
        let fixed = listeners
            .iter()
            .map(|one| one.address.ip())
            .find(|ip| !ip.is_unspecified());
        let own = fixed.unwrap_or(Ipv4Addr::LOCALHOST.into());
        domains.push(config::host_text(own));
    }
    domains
}

fn add(domains: &mut Vec<Box<str>>, host: &str, span: Option<Span>, notes: &mut Diagnostics) {
    match config::domain(host) {
        Ok(domain) if domains.iter().any(|one| **one == *domain) => {}
        Ok(domain) => domains.push(domain.into()),
        Err(refused) => {
            notes.push(Severity::Error, span, refused.reason, refused.fix);
        }
    }
}
