//! Sockets of the floods and the mutator.

use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Octets of each receive buffer: what comes while the sender is busy.
const BUFFER_OCTETS: usize = 4 << 20;

/// A UDP port with a large receive buffer.
pub fn udp(address: SocketAddr) -> Result<UdpSocket, String> {
    let open = || -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(BUFFER_OCTETS)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| format!("no UDP port at {address}: {error}"))
}

/// The first place of `needle` in `octets`.
pub fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets
        .windows(needle.len())
        .position(|window| window == needle)
}
