//! Addresses: of this host's interfaces, and between the kernel's form and ours.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// True for the loopback interface.
    pub loopback: bool,
    /// The address with port 0; a link-local IPv6 address carries its scope.
    pub address: SocketAddr,
    /// The interface's name.
    pub interface: String,
}

impl InterfaceAddress {
    /// True for addresses that mean nothing without naming the interface (IPv6 link-local).
    pub fn is_link_local(&self) -> bool {
        matches!(self.address.ip(), IpAddr::V6(address) if address.is_unicast_link_local())
    }
}

/// The addresses a wildcard stands for, in a defined order: loopback last, IPv4 before IPv6.
pub fn interface_addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut found: Vec<InterfaceAddress> = getifaddrs()?
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|entry| {
            let mut address = entry.address.as_ref().and_then(from_kernel)?;
            address.set_port(0);
            let loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
            Some(InterfaceAddress {
                loopback,
                address,
                interface: entry.interface_name,
            })
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// An Internet address from the kernel; `None` for other families.
pub(crate) fn from_kernel(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddr::V6((*v6).into()))
}

/// What per-source limits count as one source: an IPv4 address or an IPv6 /64.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_the_interface_addresses() {
        let addresses = interface_addresses().expect("interfaces can be listed");
        let loopback = addresses
            .iter()
            .find(|a| a.address.ip() == IpAddr::from([127, 0, 0, 1]));
        assert!(loopback.is_some_and(|a| a.loopback && a.address.port() == 0));
    }

    #[test]
    fn one_v6_network_is_one_source() {
        let source = |text: &str| source_of(text.parse().expect("an address"));
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
