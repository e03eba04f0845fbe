//! Who uses a port: looked up in the kernel's tables, to make "address in use" an error one can act on.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use strowger_sip::Transport;

/// Name and number of the process that holds a port, as far as this user may see it.
pub fn port_owner(transport: Transport, address: SocketAddr) -> Option<String> {
    let family = if transport == Transport::Udp {
        "udp"
    } else {
        "tcp"
    };
    let inodes: Vec<String> = [
        format!("/proc/net/{family}"),
        format!("/proc/net/{family}6"),
    ]
    .iter()
    .filter_map(|table| fs::read_to_string(table).ok())
    .flat_map(|table| {
        table
            .lines()
            .skip(1)
            .filter_map(|line| holder(line, transport, address))
            .collect::<Vec<_>>()
    })
    .collect();
    let processes = fs::read_dir("/proc").ok()?;
    processes.filter_map(Result::ok).find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let files = fs::read_dir(process.path().join("fd")).ok()?;
        let holds = files
            .filter_map(Result::ok)
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| {
                let link = link.to_string_lossy();
                inodes
                    .iter()
                    .any(|inode| link == format!("socket:[{inode}]"))
            });
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        holds.then(|| format!("`{}` (pid {pid})", name.trim()))
    })
}

/// The inode of a socket that keeps `address` from being bound.
fn holder(line: &str, transport: Transport, address: SocketAddr) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let listens = transport == Transport::Udp || *fields.get(3)? == "0A";
    let ip = parse_ip(ip)?;
    let same = ip == address.ip() || ip.is_unspecified();
    (listens && same && u16::from_str_radix(port, 16).ok()? == address.port())
        .then(|| fields.get(9).map(ToString::to_string))?
}

/// An address as the kernel prints it: 32-bit words in the byte order of the machine.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        u32::from_str_radix(text.get(at..at + 8)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut octets = [0u8; 16];
            for (place, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(place * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        let owner = port_owner(Transport::Udp, address).expect("an owner");
        assert!(
            owner.contains(&format!("pid {}", std::process::id())),
            "{owner}"
        );
    }
}
