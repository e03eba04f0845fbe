//! Where the load goes, and whether it may.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::exit::{Exit, Failure};

/// Port of SIP where none is written (RFC 3261 §19.1.2).
const PORT: u16 = 5_060;

/// Reads `udp:HOST:PORT`; transport and port may be left out.
///
/// # Errors
/// It is no address, its name has none, or its transport is not UDP.
pub fn parse(text: &str) -> Result<SocketAddr, Failure> {
    let usage =
        |message: String| Failure::new(Exit::Usage, message).fix("--target udp:127.0.0.1:5060");
    let rest = match text.split_once(':') {
        Some(("udp" | "UDP" | "sip", rest)) => rest,
        Some((transport @ ("tcp" | "tls" | "ws" | "wss" | "sips"), _)) => {
            return Err(usage(format!("load goes over UDP only, not {transport}")));
        }
        _ => text,
    };
    if let Some(address) = crate::config::address(rest, PORT) {
        return match address.port() {
            0 => Err(usage(format!(
                "`{text}` has port 0, where nobody can listen"
            ))),
            _ => Ok(address),
        };
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (rest, Some(PORT)),
    };
    let port = port.filter(|_| !host.is_empty() && !host.contains([':', '@', '/']));
    let Some(port) = port else {
        return Err(usage(format!("`{text}` is no address and port")));
    };
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|_| Failure::new(Exit::Failed, format!("the name {host} has no address")))?;
    found
        .next()
        .ok_or_else(|| Failure::new(Exit::Failed, format!("the name {host} has no address")))
}

/// Refuses every target that is neither on this machine nor in a private network, unless it was named.
///
/// # Errors
/// The target may not be loaded.
pub fn permit(target: SocketAddr, named: &[IpAddr]) -> Result<(), Failure> {
    let ip = target.ip().to_canonical();
    if is_many(ip) {
        return Err(
            Failure::new(Exit::Usage, format!("{ip} is not the address of one host"))
                .fix("--target udp:ADDRESS:PORT of one server"),
        );
    }
    if is_near(ip) || named.iter().any(|one| one.to_canonical() == ip) {
        return Ok(());
    }
    let message = format!(
        "{ip} is neither loopback nor private: load on a server of others is an attack, and a crime in most places"
    );
    let fix = format!("if the server is yours, say so: --i-may-load-this-host {ip}");
    Err(Failure::new(Exit::Usage, message).fix(fix))
}

/// Loopback, private (RFC 1918, RFC 4193) and link-local addresses.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn is_many(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    ip.is_multicast() || ip.is_unspecified() || broadcast
}
