//! What the receiver of a request writes into its topmost Via (RFC 3261 §18.2.1; RFC 3581 §4).

use core::net::{IpAddr, SocketAddr};
use core::ops::Range;
use std::io::Write as _;

use crate::copied_octets::CopiedOctets;
use crate::edit::Edits;
use crate::host::{Host, dotted_quad};
use crate::message::Message;

/// What the receiver changes in the topmost Via.
struct SourceParams {
    /// Where `received` and `rport` are written, and what they replace: the `rport` that came, else the `received`,
    /// else nothing after sent-by.
    place: Range<usize>,
    /// A `received` that came and stands elsewhere: nobody but the receiver may set it.
    excess: Range<usize>,
    /// True if sent-by is a name or another address, or if `rport` asks for it.
    received: bool,
    rport: bool,
}

impl SourceParams {
    #[inline]
    fn of(message: &Message, source: SocketAddr) -> SourceParams {
        let via = &message.via;
        let (received, rport) = (via.received.range(), via.rport.range());
        let sent_by_end = usize::from(via.sent_by_end);
        let asked = !via.rport.is_absent();
        let (place, excess) = match (via.received.is_absent(), asked) {
            (true, true) => (rport, 0..0),
            (false, false) => (received, 0..0),
            (true, false) => (sent_by_end..sent_by_end, 0..0),
            (false, true) if received.end == rport.start => (received.start..rport.end, 0..0),
            (false, true) => (rport, received),
        };
        let received = asked || !is_sent_by(message, source.ip());
        SourceParams {
            place,
            excess,
            received,
            rport: asked || message.rport_forced,
        }
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>, source: SocketAddr) {
        let IpAddr::V4(address) = source.ip().to_canonical() else {
            return self.write_v6(out, source);
        };
        let mut text = [0; TEXT_OCTETS];
        let mut len = 0;
        if self.received {
            let mut quad = [0; 16];
            let quad_len = dotted_quad(&mut quad, address);
            put(&mut text, &mut len, b";received=");
            put(&mut text, &mut len, &quad);
            len -= quad.len() - quad_len;
        }
        if self.rport {
            let (digits, zeros) = port_digits(source.port());
            put(&mut text, &mut len, b";rport=");
            // Leading zeros fall off at the front.
            put(&mut text, &mut len, &(digits >> (8 * zeros)).to_le_bytes());
            len -= 3 + zeros;
        }
        out.extend_from_slice(text.get(..len).unwrap_or_default());
    }

    /// An IPv6 address stands without brackets here (§25.1 `via-received`).
    #[cold]
    fn write_v6(&self, out: &mut Vec<u8>, source: SocketAddr) {
        if self.received {
            // Writing to a Vec cannot fail.
            let _ = write!(out, ";received={}", source.ip().to_canonical());
        }
        if self.rport {
            let _ = write!(out, ";rport={}", source.port());
        }
    }
}

/// True if the host of the topmost sent-by is this address.
fn is_sent_by(message: &Message, address: IpAddr) -> bool {
    let host = Host::in_place(message.as_bytes(), message.via.host).ip();
    host.is_some_and(|host| host.to_canonical() == address.to_canonical())
}

/// The five digits of a port, the first in the lowest octet, and how many of them are leading zeros.
#[inline(always)]
fn port_digits(port: u16) -> (u64, usize) {
    let port = u32::from(port);
    let (first, rest) = (port / 10_000, port % 10_000);
    // Two numbers below 100 side by side; 103/1024 is a tenth, near enough.
    let pairs = (rest / 100) | ((rest % 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f;
    let four = tens | (pairs - 10 * tens) << 8;
    let values = u64::from(first) | u64::from(four) << 8;
    let zeros = (values | 1 << 32).trailing_zeros() / 8;
    (values | 0x30_3030_3030, zeros as usize)
}

/// Room for both parameters, and a little beyond the port.
const TEXT_OCTETS: usize = b";received=255.255.255.255.;rport=12345678".len();

#[inline(always)]
fn put<const N: usize>(text: &mut [u8; TEXT_OCTETS], len: &mut usize, octets: &[u8; N]) {
    if let Some(place) = text.get_mut(*len..).and_then(|rest| rest.first_chunk_mut()) {
        *place = *octets;
        *len += N;
    }
}

impl Edits {
    /// Notes where a request came from in its topmost Via: `received` if sent-by is a name or another address,
    /// both `received` and `rport` if the sender asked for `rport`. Values that came with the request go.
    pub fn mark_source(&mut self, message: &Message, source: SocketAddr) {
        let params = SourceParams::of(message, source);
        if !params.excess.is_empty() {
            self.replace_range(params.excess.clone(), b"");
        }
        if params.received || params.rport || !params.place.is_empty() {
            self.replace_range_plain(params.place.clone(), |out| params.write(out, source));
        }
    }
}

/// Writes into the topmost Via, which is being copied, what a response carries back (RFC 3261 §18.2.1, RFC 3581 §4).
#[inline(never)]
pub(crate) fn write_source<'a>(
    out: &mut Vec<u8>,
    mut copy: CopiedOctets<'a>,
    message: &Message,
    source: &SocketAddr,
) -> CopiedOctets<'a> {
    let params = SourceParams::of(message, *source);
    let SourceParams { place, excess, .. } = &params;
    let excess_first = !excess.is_empty() && excess.start < place.start;
    if excess_first {
        copy.skip(out, excess.clone());
    }
    copy.skip(out, place.clone());
    params.write(out, *source);
    if !excess.is_empty() && !excess_first {
        copy.skip(out, excess.clone());
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_written_by_its_digits() {
        for port in 0..=u16::MAX {
            let (digits, zeros) = port_digits(port);
            let text = digits.to_le_bytes();
            assert_eq!(text.get(zeros..5), Some(port.to_string().as_bytes()));
        }
    }
}
