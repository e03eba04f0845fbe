//! What the receiver of a request writes into its topmost Via (RFC 3261 §18.2.1; RFC 3581 §4).

use core::net::SocketAddr;
use core::ops::Range;

use crate::charset;
use crate::edit::Edits;
use crate::host::write_ip;
use crate::message::Message;
use crate::params;

/// Parameters of the topmost Via that the receiver changes.
struct SourceParams {
    /// `;received=…` as it came, if it came: nobody but the receiver may set it.
    received: Option<Range<usize>>,
    /// `;rport…` as it came.
    rport: Option<Range<usize>>,
    /// True if `received` has to stand: sent-by is another address or a name, or `rport` asks for it.
    needs_received: bool,
    sent_by_end: usize,
}

impl SourceParams {
    fn of(message: &Message, source: SocketAddr) -> SourceParams {
        let via = message.via();
        let mut found = SourceParams {
            received: None,
            rport: None,
            needs_received: false,
            sent_by_end: via.sent_by_end,
        };
        let octets = message.as_bytes().get(..via.range.end).unwrap_or_default();
        let mut at = via.params_start.max(via.sent_by_end);
        while let Ok(Some(param)) = params::scan(octets, at) {
            let whole = at..param.end;
            match octets.get(param.name_start..param.name_end) {
                Some(name) if name.len() == 5 && name.eq_ignore_ascii_case(b"rport") => {
                    found.rport = Some(whole)
                }
                Some(name) if name.len() == 8 && name.eq_ignore_ascii_case(b"received") => {
                    found.received = Some(whole)
                }
                _ => {}
            }
            at = param.end;
        }
        let same = via
            .host
            .ip()
            .is_some_and(|address| address.to_canonical() == source.ip().to_canonical());
        found.needs_received = !same || found.rport.is_some();
        found
    }

    fn write(&self, out: &mut Vec<u8>, source: SocketAddr) {
        if self.needs_received {
            out.extend_from_slice(b";received=");
            write_received(out, source);
        }
        if self.rport.is_some() {
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
        for range in [&params.received, &params.rport].into_iter().flatten() {
            self.replace_range(range.clone(), b"");
        }
        if params.needs_received || params.rport.is_some() {
            self.insert_at_with(params.sent_by_end, |out| params.write(out, source));
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
    let mut copy =
        |from: usize, to: usize| out.extend_from_slice(octets.get(from..to).unwrap_or_default());
    copy(line.start, params.sent_by_end);
    let mut cuts = [
        params.received.clone().unwrap_or(0..0),
        params.rport.clone().unwrap_or(0..0),
    ];
    cuts.sort_by_key(|cut| cut.start);
    params.write(out, source);
    let mut at = params.sent_by_end;
    for cut in cuts.into_iter().filter(|cut| !cut.is_empty()) {
        out.extend_from_slice(octets.get(at..cut.start).unwrap_or_default());
        at = cut.end;
    }
    out.extend_from_slice(octets.get(at..line.end).unwrap_or_default());
}
