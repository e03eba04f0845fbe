//! What is asked of the topmost Via of every request, without putting together all of its parts (RFC 3261 §18.2.1, §17.2.3).

use crate::field::Line;
use crate::header_name::HeaderName;
use crate::host::Host;
use crate::message::Message;
use crate::parse_lines::line_break;
use crate::transport::Transport;
use crate::values::{Values, ViaEnd};
use crate::via::{self, ViaSpans, has_cookie};

impl Message {
    /// The `branch` of the topmost Via, if it is unique by RFC 3261 §8.1.1.7.
    #[inline]
    pub fn unique_branch(&self) -> Option<&[u8]> {
        self.branch().filter(|branch| has_cookie(branch))
    }

    /// Host and port of the topmost sent-by; the port of the transport where there is none (§18.2.2), 5060 for transports
    /// unknown here.
    #[inline]
    pub fn sent_by_or_default(&self) -> (Host<'_>, u16) {
        let host = Host::in_place(&self.octets, self.via.host);
        (host, self.sent_by_port_or_default())
    }

    /// The topmost Via up to the end of its sent-by, as it stands.
    #[inline]
    pub fn via_up_to_sent_by(&self) -> &[u8] {
        let (start, end) = (self.via.whole.start, self.via.sent_by_end);
        self.octets
            .get(usize::from(start)..usize::from(end))
            .unwrap_or_default()
    }

    /// The port of the topmost sent-by, if it is there.
    #[inline(always)]
    pub fn sent_by_port(&self) -> Option<u16> {
        self.via.port
    }

    /// True if the topmost Via has `rport`, with or without a port.
    #[inline(always)]
    pub fn has_rport(&self) -> bool {
        !self.via.rport.is_absent()
    }

    /// The port of [`Message::sent_by_or_default`].
    #[inline(always)]
    pub fn sent_by_port_or_default(&self) -> u16 {
        let via = &self.via;
        let default = || via.known_transport.map_or(5060, Transport::default_port);
        via.port.unwrap_or_else(default)
    }

    /// The host of the topmost sent-by as it stands.
    #[inline(always)]
    pub fn sent_by_host_text(&self) -> &[u8] {
        self.via.host.of(&self.octets)
    }

    /// True if the Via behind the topmost one is there and can be read as a topmost one: what a response must have that is
    /// passed on.
    pub fn has_legible_next_via(&self) -> bool {
        self.next_via_is_plain() || {
            let end = usize::from(self.via.whole.end);
            let mut below: Values<'_, ViaEnd> = Values::after(self, HeaderName::Via, end);
            matches!(below.next(), Some(Ok(_)))
        }
    }

    /// True if the next Via begins a line of its own, is not folded, and is in order; false if that is not sure.
    #[inline]
    fn next_via_is_plain(&self) -> bool {
        if !self.has_more_via_lines || !self.via_ends_line() {
            return false;
        }
        let Some(first) = self.index.first(HeaderName::Via) else {
            return false;
        };
        let Some(entry) = self
            .index
            .find(first + 1, HeaderName::Via)
            .and_then(|at| self.index.get(at))
        else {
            return false;
        };
        let line = Line::whole(&self.octets);
        let colon = usize::from(entry.line_start) + usize::from(entry.name_len);
        if line.get(colon) != Some(b':') {
            return false;
        }
        let mut spans = ViaSpans::NONE;
        via::scan(line, colon + 1, usize::MAX, &mut spans).is_ok()
            && line_break(&self.octets, usize::from(spans.whole.end)).is_some()
    }

    /// True if there is no Via behind the topmost one; quicker than to read it.
    pub fn has_one_via(&self) -> bool {
        !self.has_more_via_lines && (self.via_ends_line() || self.vias_below().next().is_none())
    }

    /// True if the line ends right behind the topmost Via; false if that is not sure.
    #[inline(always)]
    fn via_ends_line(&self) -> bool {
        let end = usize::from(self.via.whole.end);
        let behind = self.octets.get(end..).and_then(|rest| rest.first_chunk());
        // What begins a name, or the empty line, is no fold.
        matches!(behind, Some([b'\r', b'\n', next]) if !matches!(next, b' ' | b'\t'))
    }
}
