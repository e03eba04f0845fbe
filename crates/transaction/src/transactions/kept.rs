//! What a server transaction keeps to say again: its last response, or the INVITE from which a 100 is written when it
//! is due. Most INVITEs have a response within 200 ms, and then no 100 was ever written (RFC 3261 §17.2.1).

use std::sync::Arc;

use strowger_sip::{Message, StatusCode, write_response};

use crate::flow::Flow;

/// One of both, or nothing.
#[derive(Debug)]
pub(super) enum Kept {
    /// The last response.
    Response(Box<[u8]>),
    /// The INVITE, until it has a response.
    Request(Option<Arc<Message>>),
}

impl Kept {
    /// Nothing.
    pub(super) const NOTHING: Kept = Kept::Request(None);

    /// The response.
    pub(super) fn response(&self) -> Option<&[u8]> {
        match self {
            Kept::Response(octets) => Some(octets),
            Kept::Request(_) => None,
        }
    }

    /// Writes the 100 if the INVITE is still kept; `back` is where it goes.
    pub(super) fn write_trying(&mut self, back: &Flow, room: &mut Vec<u8>) {
        if let Kept::Request(Some(request)) = self {
            *self = Kept::Response(trying(request, back, room));
        }
    }
}

/// A 100 for a request that came from `source`. `room` is given back as it was.
pub(super) fn trying(request: &Message, source: &Flow, room: &mut Vec<u8>) -> Box<[u8]> {
    let start = room.len();
    write_response(
        room,
        request,
        source.remote,
        StatusCode::TRYING,
        None,
        None,
        b"",
        None,
    );
    let octets = room.get(start..).unwrap_or_default().into();
    room.truncate(start);
    octets
}
