//! What is asked of the topmost Via of every request, without putting together all of its parts (RFC 3261 §18.2.1, §17.2.3).

use crate::host::Host;
use crate::message::Message;
use crate::transport::Transport;
use crate::via::has_cookie;

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
        let via = &self.via;
        let default = || via.known_transport.map_or(5060, Transport::default_port);
        let host = Host::in_place(&self.octets, via.host);
        (host, via.port.unwrap_or_else(default))
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
