//! The keyed token in the user part of our Record-Route URIs: it names both flows of a dialog, so that requests inside
//! the dialog find their way without any state here (RFC 3261 §16.6 step 4; RFC 5626 §5.3 for flows; RFC 5658).
//!
//! | octets | field |
//! |---|---|
//! | 1 | version and kind (see [`strowger_transaction::token`]) |
//! | 1 | key id |
//! | 2 | node |
//! | 4 | keyed hash of the From tag of the request that made the dialog |
//! | n | the side of the caller, then of the callee |
//! | 8 | MAC over kind, all octets before, and the Call-ID |
//!
//! A side is one octet (transport 0-4 or 7 for none, 8 IPv6, 16 stream, 32 sticky, 64 behind NAT), the listener (2),
//! address (4 or 16), port (2), and for a stream worker (2), slot (4) and generation (4).

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;
use strowger_sip::{HeaderName, Message, Method, Transport};
use strowger_transaction::token::{
    Kind, Mac, SecretKey, Secrets, TokenError, VERSION, decode, encode,
};
use strowger_transaction::{Flow, ListenerId, StreamId};

/// Octets of the longest token: head, node, hash, two IPv6 streams, MAC.
const TOKEN_OCTETS_MAX: usize = 2 + 2 + 4 + 2 * 31 + 8;
const MAC_OCTETS: usize = 8;
const NO_FLOW: u8 = 7;
const IPV6: u8 = 8;
const STREAM: u8 = 16;
const STICKY: u8 = 32;
const BEHIND_NAT: u8 = 64;

/// One side of a dialog as we saw it when the dialog was made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The path to the neighbour.
    pub flow: Flow,
    /// Requests to this side must use the flow while it lives, whatever their URI says.
    pub sticky: bool,
    /// The neighbour's own address is of no use to us.
    pub behind_nat: bool,
}

/// Towards whom a request inside a dialog goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the caller's side to the callee's.
    ToCallee,
    /// From the callee's side to the caller's.
    ToCaller,
}

/// How a request inside a dialog leaves.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DialogHop {
    /// Over this flow.
    Flow(Flow),
    /// As Route or Request-URI say.
    Uri,
    /// The flow is dead and the peer cannot be reached otherwise: 430, or 480 to peers that do not know it.
    Dead,
}

/// What a token says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RecordRouteToken {
    /// The node that wrote it.
    pub node: u16,
    /// The side that sent the request that made the dialog.
    pub caller: Option<Side>,
    /// The side it was sent to.
    pub callee: Option<Side>,
    key_id: u8,
    from_tag_hash: u32,
    /// The direction of the request it came with, once that is known.
    direction: Option<Direction>,
}

impl RecordRouteToken {
    /// A token for the dialog that a request with this From tag makes.
    pub fn new(
        secrets: &Secrets,
        node: u16,
        from_tag: &[u8],
        caller: Option<Side>,
        callee: Option<Side>,
    ) -> RecordRouteToken {
        let key = &secrets.current;
        RecordRouteToken {
            node,
            caller,
            callee,
            key_id: key.id,
            from_tag_hash: from_tag_hash(key, from_tag),
            direction: None,
        }
    }

    /// Appends the token as text, valid for this Call-ID.
    pub fn write(&self, secrets: &Secrets, call_id: &[u8], out: &mut Vec<u8>) {
        let key = secrets.key(self.key_id).unwrap_or(&secrets.current);
        let mut octets: SmallVec<[u8; TOKEN_OCTETS_MAX]> = SmallVec::new();
        octets.push(VERSION << 4 | Kind::RecordRoute as u8);
        octets.push(key.id);
        octets.extend_from_slice(&self.node.to_be_bytes());
        octets.extend_from_slice(&self.from_tag_hash.to_be_bytes());
        write_side(self.caller.as_ref(), &mut octets);
        write_side(self.callee.as_ref(), &mut octets);
        let mac = mac(key, &octets, call_id);
        octets.extend_from_slice(&mac);
        encode(&octets, out);
    }

    /// Reads a token and checks that we wrote it for this Call-ID.
    pub fn parse(
        secrets: &Secrets,
        user: &[u8],
        call_id: &[u8],
    ) -> Result<RecordRouteToken, TokenError> {
        let mut octets = [0; TOKEN_OCTETS_MAX];
        let length = decode(user, &mut octets).ok_or(TokenError::Foreign)?;
        let octets = octets.get(..length).unwrap_or_default();
        let (body, its_mac) = octets
            .split_last_chunk::<MAC_OCTETS>()
            .ok_or(TokenError::Foreign)?;
        let mut reader = Reader(body);
        let [head, key_id] = reader.array().ok_or(TokenError::Foreign)?;
        if head >> 4 != VERSION {
            return Err(TokenError::UnknownVersion(head >> 4));
        }
        if head & 15 != Kind::RecordRoute as u8 {
            return Err(TokenError::WrongKind(head & 15));
        }
        let key = secrets.key(key_id).ok_or(TokenError::UnknownKey(key_id))?;
        if mac(key, body, call_id) != *its_mac {
            return Err(TokenError::BadMac);
        }
        let read = |mut reader: Reader<'_>| {
            let node = u16::from_be_bytes(reader.array()?);
            let from_tag_hash = u32::from_be_bytes(reader.array()?);
            let caller = reader.side()?;
            let callee = reader.side()?;
            Some(RecordRouteToken {
                node,
                caller,
                callee,
                key_id,
                from_tag_hash,
                direction: None,
            })
        };
        read(reader).ok_or(TokenError::Foreign)
    }

    /// The token with the direction of a request, if that is of the dialog that the token was written for: one of its
    /// tags is the From tag that made the dialog. A token stands in for a challenge, so a Call-ID used again must not be
    /// enough.
    pub fn of(mut self, secrets: &Secrets, request: &Message) -> Option<RecordRouteToken> {
        let direction = self.direction(secrets, request);
        let its_own = direction == Direction::ToCallee || self.made_by(secrets, request.to_tag());
        self.direction = Some(direction);
        its_own.then_some(self)
    }

    /// The direction of a request of this dialog: the caller's requests carry the From tag that made the dialog.
    pub fn direction(&self, secrets: &Secrets, request: &Message) -> Direction {
        match self.direction {
            Some(direction) => direction,
            None if self.made_by(secrets, request.from_tag()) => Direction::ToCallee,
            None => Direction::ToCaller,
        }
    }

    /// True if this is the From tag that made the dialog.
    fn made_by(&self, secrets: &Secrets, tag: Option<&[u8]>) -> bool {
        let key = secrets.key(self.key_id).unwrap_or(&secrets.current);
        from_tag_hash(key, tag.unwrap_or_default()) == self.from_tag_hash
    }

    /// The side that a request in this direction leaves to.
    pub const fn side(&self, direction: Direction) -> Option<&Side> {
        match direction {
            Direction::ToCallee => self.callee.as_ref(),
            Direction::ToCaller => self.caller.as_ref(),
        }
    }

    /// How a request in this direction leaves: a live flow wins over the URI, and a peer behind NAT whose connection is
    /// gone is never dialled.
    pub fn hop(&self, direction: Direction, is_live: impl FnOnce(&StreamId) -> bool) -> DialogHop {
        let Some(side) = self.side(direction).filter(|side| side.sticky) else {
            return DialogHop::Uri;
        };
        match &side.flow.stream {
            None => DialogHop::Flow(side.flow),
            Some(stream) if is_live(stream) => DialogHop::Flow(side.flow),
            Some(_) if side.behind_nat => DialogHop::Dead,
            Some(_) => DialogHop::Uri,
        }
    }
}

/// True if a request is record-routed: it makes a dialog, or may do so for all we know.
pub fn is_record_routed(request: &Message) -> bool {
    request.to_tag().is_none()
        && match request.method() {
            Method::Invite | Method::Subscribe | Method::Refer => true,
            Method::Extension(_) => request.has_header(HeaderName::Contact),
            _ => false,
        }
}

fn from_tag_hash(key: &SecretKey, from_tag: &[u8]) -> u32 {
    Mac::for_kind(key, Kind::FromTag).part(from_tag).finish() as u32
}

fn mac(key: &SecretKey, octets: &[u8], call_id: &[u8]) -> [u8; MAC_OCTETS] {
    Mac::for_kind(key, Kind::RecordRoute)
        .part(octets)
        .part(call_id)
        .finish()
        .to_be_bytes()
}

/// A side whose address has a scope (link-local IPv6) cannot be named outside this process and is left out.
fn write_side(side: Option<&Side>, out: &mut SmallVec<[u8; TOKEN_OCTETS_MAX]>) {
    let nameable = |side: &&Side| !matches!(side.flow.remote, SocketAddr::V6(remote) if remote.scope_id() != 0);
    let Some(side) = side.filter(nameable) else {
        out.push(NO_FLOW);
        return;
    };
    let flow = &side.flow;
    let mut head = match flow.transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    };
    for (set, flag) in [
        (flow.remote.is_ipv6(), IPV6),
        (flow.stream.is_some(), STREAM),
        (side.sticky, STICKY),
        (side.behind_nat, BEHIND_NAT),
    ] {
        if set {
            head |= flag;
        }
    }
    out.push(head);
    out.extend_from_slice(&flow.listener.0.to_be_bytes());
    match flow.remote.ip() {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
    out.extend_from_slice(&flow.remote.port().to_be_bytes());
    if let Some(stream) = &flow.stream {
        out.extend_from_slice(&stream.worker.to_be_bytes());
        out.extend_from_slice(&stream.slot.to_be_bytes());
        out.extend_from_slice(&stream.generation.to_be_bytes());
    }
}

/// Takes octets off the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (octets, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*octets)
    }

    /// The outer `None` is a malformed side, the inner one a side without flow.
    fn side(&mut self) -> Option<Option<Side>> {
        let [head] = self.array()?;
        let transport = match head & 7 {
            0 => Transport::Udp,
            1 => Transport::Tcp,
            2 => Transport::Tls,
            3 => Transport::Ws,
            4 => Transport::Wss,
            NO_FLOW => return Some(None),
            _ => return None,
        };
        let listener = ListenerId(u16::from_be_bytes(self.array()?));
        let address = if head & IPV6 == 0 {
            IpAddr::from(self.array::<4>()?)
        } else {
            IpAddr::from(self.array::<16>()?)
        };
        let remote = SocketAddr::new(address, u16::from_be_bytes(self.array()?));
        let stream = match head & STREAM {
            0 => None,
            _ => Some(StreamId {
                worker: u16::from_be_bytes(self.array()?),
                slot: u32::from_be_bytes(self.array()?),
                generation: u32::from_be_bytes(self.array()?),
            }),
        };
        let flow = Flow {
            transport,
            listener,
            remote,
            stream,
        };
        Some(Some(Side {
            flow,
            sticky: head & STICKY != 0,
            behind_nat: head & BEHIND_NAT != 0,
        }))
    }
}
