//! What the receiver of a request writes into its topmost Via (RFC 3261 §18.2.1; RFC 3581 §4).

use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use crate::charset;
use crate::edit::Edits;
use crate::host::write_ip;
use crate::message::Message;
use crate::via::HostSpan;

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
        let same = match (via.host, source.ip()) {
            (HostSpan::V4(address), IpAddr::V4(source)) => address == source,
            (HostSpan::Name(_), _) => false,
            (HostSpan::V4(address), source) => source.to_canonical() == address,
            (HostSpan::V6(address), source) => {
                IpAddr::V6(address).to_canonical() == source.to_canonical()
            }
        };
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
        SourceParams {
            place,
            excess,
            received: !same || asked,
            rport: asked,
        }
    }

    fn write(&self, out: &mut Vec<u8>, source: SocketAddr) {
        if self.received {
            out.extend_from_slice(b";received=");
            write_received(out, source);
        }
        if self.rport {
            out.extend_from_slice(b";rport=");
            charset::write_decimal(out, u64::from(source.port()));
        }
    }
}

/// An IPv6 address stands without brackets here (§25.1 `via-received`).
fn write_received(out: &mut Vec<u8>, source: SocketAddr) {
    let start = out.len();
    write_ip(out, source.ip().to_canonical());
    if out.get(start) == Some(&b'[') {
        out.pop();
        out.remove(start);
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
        if params.received || !params.place.is_empty() {
            self.replace_range_with(params.place.clone(), |out| params.write(out, source));
        }
    }
}

/// Appends the line(s) of the topmost Via as a response carries them back.
pub(crate) fn write_via_line(
    out: &mut Vec<u8>,
    message: &Message,
    source: SocketAddr,
    line: Range<usize>,
) {
    let octets = message.as_bytes();
    let params = SourceParams::of(message, source);
    let SourceParams { place, excess, .. } = &params;
    let mut at = line.start;
    let mut copy_to = |out: &mut Vec<u8>, cut: &Range<usize>| {
        out.extend_from_slice(octets.get(at..cut.start).unwrap_or_default());
        at = cut.end;
    };
    let excess_first = !excess.is_empty() && excess.start < place.start;
    if excess_first {
        copy_to(out, excess);
    }
    copy_to(out, place);
    params.write(out, source);
    if !excess.is_empty() && !excess_first {
        copy_to(out, excess);
    }
    copy_to(out, &(line.end..line.end));
}
