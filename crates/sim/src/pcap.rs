//! Packet captures that other programs can open: the classic pcap format with raw IP packets (link type 101).

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use strowger_sip::Time;

/// IP protocol number of UDP.
const UDP: u8 = 17;
/// Link type of packets that begin with their IP header.
const LINK_TYPE_RAW: u32 = 101;

/// Writes a capture.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    pub fn new(mut out: W) -> io::Result<PcapWriter<W>> {
        let mut header = Vec::with_capacity(24);
        // The magic number says: this byte order, microseconds.
        header.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        header.extend_from_slice(&2_u16.to_le_bytes());
        header.extend_from_slice(&4_u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&65_535_u32.to_le_bytes());
        header.extend_from_slice(&LINK_TYPE_RAW.to_le_bytes());
        out.write_all(&header)?;
        Ok(PcapWriter { out })
    }

    /// Writes one UDP datagram. One that mixes address families is left out.
    pub fn datagram(
        &mut self,
        at: Time,
        from: SocketAddr,
        to: SocketAddr,
        octets: &[u8],
    ) -> io::Result<()> {
        let Some(packet) = udp_packet(from, to, octets) else {
            return Ok(());
        };
        let micros = at.as_nanos() / 1_000;
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let length = packet.len() as u32;
        for word in [seconds as u32, rest as u32, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&packet)
    }

    /// Gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn udp_packet(from: SocketAddr, to: SocketAddr, octets: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(octets.len() + 8).ok()?;
    let mut packet = Vec::with_capacity(octets.len() + 48);
    let pseudo = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = length.checked_add(20)?;
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&total.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let sum = checksum(&[&packet]);
            packet.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
            [from.octets(), to.octets()].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&[UDP, 64]);
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            [from.octets(), to.octets()].concat()
        }
        _ => return None,
    };
    let start = packet.len();
    packet.extend_from_slice(&from.port().to_be_bytes());
    packet.extend_from_slice(&to.port().to_be_bytes());
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(octets);
    let [high, low] = length.to_be_bytes();
    let sum = checksum(&[&pseudo, &[0, UDP, high, low], packet.get(start..)?]);
    // Zero would say that there is none.
    let sum = if sum == 0 { u16::MAX } else { sum };
    packet
        .get_mut(start + 6..start + 8)?
        .copy_from_slice(&sum.to_be_bytes());
    Some(packet)
}

/// The checksum of IP and UDP; all parts but the last have an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_a_whole_ip_packet_with_checksums() {
        let address = |text: &str| text.parse().expect("an address");
        let mut writer = PcapWriter::new(Vec::new()).expect("memory");
        let at = Time::from_millis(1_500);
        for (from, to) in [
            ("192.0.2.1:5060", "192.0.2.2:5062"),
            ("[2001:db8::1]:5060", "[2001:db8::2]:5062"),
        ] {
            writer
                .datagram(at, address(from), address(to), b"abc")
                .expect("memory");
        }
        let file = writer.finish().expect("memory");
        assert_eq!(file.len(), 24 + 16 + 31 + 16 + 51);
        assert_eq!(file[24..32], [1, 0, 0, 0, 0x20, 0xa1, 7, 0]);
        let packet = &file[40..71];
        assert_eq!(checksum(&[&packet[..20]]), 0, "the IP header");
        let length = [0, UDP, 0, 11];
        assert_eq!(
            checksum(&[&packet[12..20], &length, &packet[20..]]),
            0,
            "the datagram"
        );
    }
}
