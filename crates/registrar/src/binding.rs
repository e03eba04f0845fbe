//! A binding: one contact address of an address of record (RFC 3261 §10, RFC 3327, RFC 5626).
//!
//! There are millions of them, so all text and the flow lie in one shared block of octets; copying a binding copies
//! no text. Layout of the block: six little-endian u16 ends (flow, contact, parameters, Call-ID, Path, User-Agent),
//! then the pieces in that order.

use core::fmt;
use core::ops::Range;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use strowger_sip::{Method, Params, Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

use crate::shared_octets::shared;

/// Everything a binding holds, to build one.
#[derive(Clone, Debug)]
pub struct BindingParts<'a> {
    /// The contact URI as registered.
    pub contact: &'a [u8],
    /// Contact header parameters but `q` and `expires`, each with its leading semicolon, as registered.
    pub params: &'a [u8],
    /// `q` in thousandths, if it was given.
    pub q: Option<u16>,
    /// When the binding ends, monotonic clock.
    pub expires_at: Time,
    /// When it was last registered, monotonic clock.
    pub updated_at: Time,
    /// Call-ID of the last REGISTER.
    pub call_id: &'a [u8],
    /// CSeq of the last REGISTER.
    pub cseq: u32,
    /// Path values joined by commas, in the order received; they become the Route of a request (RFC 3327).
    pub path: &'a [u8],
    /// User-Agent of the last REGISTER.
    pub user_agent: &'a [u8],
    /// Where the last REGISTER came from, and the way back.
    pub flow: Flow,
    /// The contact address cannot be reached; requests go to the flow.
    pub behind_nat: bool,
    /// The connection of the flow is gone.
    pub flow_lost: bool,
    /// Instance and reg-id identify the binding instead of the URI (RFC 5626).
    pub outbound: bool,
    /// [`branch_hash`] of the last REGISTER, which tells its retransmission from a CSeq used twice.
    pub branch_hash: u64,
}

/// A binding.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    block: Arc<[u8]>,
    expires_at: Time,
    updated_at: Time,
    branch_hash: u64,
    cseq: u32,
    q: u16,
    flags: u8,
}

const Q_ABSENT: u16 = u16::MAX;
const BEHIND_NAT: u8 = 1;
const FLOW_LOST: u8 = 2;
const OUTBOUND: u8 = 4;

const PIECES: usize = 6;
const ENDS_OCTETS: usize = PIECES * 2;

impl Binding {
    /// Packs a binding; `None` if its text does not fit 65,535 octets.
    pub fn new(parts: &BindingParts<'_>) -> Option<Binding> {
        let flow = PackedFlow::new(&parts.flow);
        let pieces: [&[u8]; PIECES] = [
            flow.as_bytes(),
            parts.contact,
            parts.params,
            parts.call_id,
            parts.path,
            parts.user_agent,
        ];
        let mut ends = [0; ENDS_OCTETS];
        let mut end = ENDS_OCTETS;
        for (piece, place) in pieces.iter().zip(ends.as_chunks_mut::<2>().0) {
            end += piece.len();
            *place = u16::try_from(end).ok()?.to_le_bytes();
        }
        let [flow, contact, params, call_id, path, user_agent] = pieces;
        let block = shared(&[&ends, flow, contact, params, call_id, path, user_agent]);
        let mut flags = 0;
        for (set, flag) in [
            (parts.behind_nat, BEHIND_NAT),
            (parts.flow_lost, FLOW_LOST),
            (parts.outbound, OUTBOUND),
        ] {
            if set {
                flags |= flag;
            }
        }
        Some(Binding {
            block,
            expires_at: parts.expires_at,
            updated_at: parts.updated_at,
            branch_hash: parts.branch_hash,
            cseq: parts.cseq,
            q: parts.q.map_or(Q_ABSENT, |q| q.min(1_000)),
            flags,
        })
    }
    /// The same binding for these methods alone: a bit each, by [`Method::known_index`].
    pub fn allowing(mut self, methods: u16) -> Binding {
        let end = self.end_of_pieces();
        let mut block = self.block.get(..end).unwrap_or_default().to_vec();
        if methods != u16::MAX {
            block.extend_from_slice(&methods.to_le_bytes());
        }
        self.block = block.into();
        self
    }

    /// True if the contact allows the method, or never said which it allows.
    pub fn allows(&self, method: Method<'_>) -> bool {
        let kept = self.block.get(self.end_of_pieces()..).unwrap_or_default();
        match (kept, method.known_index()) {
            (&[low, high], Some(index)) if index < 16 => {
                u16::from_le_bytes([low, high]) & (1 << index) != 0
            }
            _ => true,
        }
    }

    fn end_of_pieces(&self) -> usize {
        match self.block.get(ENDS_OCTETS - 2..ENDS_OCTETS) {
            Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
            _ => 0,
        }
    }

    /// All of it, for the store.
    pub fn parts(&self) -> BindingParts<'_> {
        BindingParts {
            contact: self.contact(),
            params: self.params(),
            q: self.q_given(),
            expires_at: self.expires_at,
            updated_at: self.updated_at,
            call_id: self.call_id(),
            cseq: self.cseq,
            path: self.path(),
            user_agent: self.user_agent(),
            flow: self.flow(),
            behind_nat: self.behind_nat(),
            flow_lost: self.flow_lost(),
            outbound: self.is_outbound(),
            branch_hash: self.branch_hash,
        }
    }

    /// The contact URI as registered. It may carry URI headers, which a request line may not (RFC 3261 §19.1.1).
    pub fn contact(&self) -> &[u8] {
        self.piece(1)
    }
    /// Contact header parameters but `q` and `expires`, each with its leading semicolon.
    pub fn params(&self) -> &[u8] {
        self.piece(2)
    }
    /// Call-ID of the last REGISTER.
    pub fn call_id(&self) -> &[u8] {
        self.piece(3)
    }
    /// Path values joined by commas; empty without Path. Ready to be the value of a Route header field.
    pub fn path(&self) -> &[u8] {
        self.piece(4)
    }
    /// User-Agent of the last REGISTER; empty if there was none.
    pub fn user_agent(&self) -> &[u8] {
        self.piece(5)
    }
    /// Where the last REGISTER came from, and the way back.
    pub fn flow(&self) -> Flow {
        PackedFlow::read(self.piece(0)).unwrap_or(UNKNOWN_FLOW)
    }
    /// `+sip.instance` with its quotes removed.
    pub fn instance(&self) -> Option<&[u8]> {
        Params::new(self.params()).value(b"+sip.instance")
    }
    /// `reg-id` of RFC 5626.
    pub fn reg_id(&self) -> Option<u32> {
        let digits = Params::new(self.params()).value(b"reg-id")?;
        core::str::from_utf8(digits).ok()?.parse().ok()
    }
    /// Preference in thousandths; 1000 where none was given (RFC 3261 §16.6 treats equal ones alike).
    pub fn q(&self) -> u16 {
        self.q_given().unwrap_or(1_000)
    }
    /// Preference in thousandths, if it was given.
    pub fn q_given(&self) -> Option<u16> {
        (self.q != Q_ABSENT).then_some(self.q)
    }
    /// When the binding ends, monotonic clock.
    pub fn expires_at(&self) -> Time {
        self.expires_at
    }
    /// When it was last registered, monotonic clock.
    pub fn updated_at(&self) -> Time {
        self.updated_at
    }
    /// CSeq of the last REGISTER.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }
    /// [`branch_hash`] of the last REGISTER.
    pub fn branch_hash(&self) -> u64 {
        self.branch_hash
    }
    /// The contact address cannot be reached; requests go to the flow.
    pub fn behind_nat(&self) -> bool {
        self.flags & BEHIND_NAT != 0
    }
    /// The connection of the flow is gone.
    pub fn flow_lost(&self) -> bool {
        self.flags & FLOW_LOST != 0
    }
    /// Instance and reg-id identify the binding instead of the URI.
    pub fn is_outbound(&self) -> bool {
        self.flags & OUTBOUND != 0
    }
    /// True if requests must use the connection the binding came over: a stream, and no Path leads elsewhere.
    pub fn needs_stream(&self) -> bool {
        self.path().is_empty() && self.flow().stream.is_some()
    }
    /// False once the binding has expired.
    pub fn is_live(&self, now: Time) -> bool {
        self.expires_at > now
    }
    /// Seconds until it expires, rounded up, so that a fresh binding shows what was granted.
    pub fn remaining_seconds(&self, now: Time) -> u64 {
        self.expires_at
            .saturating_since(now)
            .as_nanos()
            .div_ceil(1_000_000_000) as u64
    }
    /// Appends what identifies the binding within its address of record: the contact URI, and for an outbound binding
    /// reg-id and instance too. Equal keys are one row of a store.
    pub fn write_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.contact());
        if self.is_outbound() {
            out.push(0);
            out.extend_from_slice(&self.reg_id().unwrap_or(0).to_be_bytes());
            out.extend_from_slice(self.instance().unwrap_or_default());
        }
    }
    /// True if both have the same key.
    pub fn same_key(&self, other: &Binding) -> bool {
        self.contact() == other.contact()
            && self.is_outbound() == other.is_outbound()
            && (!self.is_outbound()
                || (self.reg_id() == other.reg_id() && self.instance() == other.instance()))
    }
    pub(crate) fn set_flow_lost(&mut self) {
        self.flags |= FLOW_LOST;
    }

    fn piece(&self, index: usize) -> &[u8] {
        let end = |at: usize| match self.block.get(at * 2..at * 2 + 2) {
            Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
            _ => 0,
        };
        let range: Range<usize> = if index == 0 {
            ENDS_OCTETS..end(0)
        } else {
            end(index - 1)..end(index)
        };
        self.block.get(range).unwrap_or_default()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<{}>{}",
            self.contact().escape_ascii(),
            self.params().escape_ascii()
        )?;
        if let Some(q) = self.q_given() {
            write!(f, ";q={}.{:03}", q / 1_000, q % 1_000)?;
        }
        let flow = self.flow();
        write!(
            f,
            " until {}ms call-id {} cseq {} from {}:{}",
            self.expires_at.as_millis(),
            self.call_id().escape_ascii(),
            self.cseq,
            flow.transport.as_str(),
            flow.remote
        )?;
        for (set, word) in [
            (self.behind_nat(), " nat"),
            (self.flow_lost(), " lost"),
            (self.is_outbound(), " outbound"),
        ] {
            if set {
                f.write_str(word)?;
            }
        }
        if !self.path().is_empty() {
            write!(f, " path {}", self.path().escape_ascii())?;
        }
        Ok(())
    }
}

/// Hash of a Via branch (FNV-1a, so that a stored one stays comparable).
pub fn branch_hash(branch: &[u8]) -> u64 {
    branch.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What a damaged block would yield; never built by this module.
const UNKNOWN_FLOW: Flow = Flow::udp(
    ListenerId(0),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
);

/// A flow as octets: transport, listener, port, address family, address, and for streams worker, slot, generation.
struct PackedFlow {
    octets: [u8; 36],
    length: usize,
}

impl PackedFlow {
    fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
    fn push(&mut self, piece: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.length..self.length + piece.len()) {
            room.copy_from_slice(piece);
            self.length += piece.len();
        }
    }
    fn new(flow: &Flow) -> PackedFlow {
        let mut packed = PackedFlow {
            octets: [0; 36],
            length: 0,
        };
        packed.write(flow);
        packed
    }
    fn write(&mut self, flow: &Flow) {
        let transport = match flow.transport {
            Transport::Udp => 0u8,
            Transport::Tcp => 1,
            Transport::Tls => 2,
            Transport::Ws => 3,
            Transport::Wss => 4,
        };
        self.push(&[transport]);
        self.push(&flow.listener.0.to_le_bytes());
        self.push(&flow.remote.port().to_le_bytes());
        match flow.remote {
            SocketAddr::V4(v4) => {
                self.push(&[4]);
                self.push(&v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                self.push(&[6]);
                self.push(&v6.ip().octets());
                self.push(&v6.scope_id().to_le_bytes());
            }
        }
        if let Some(stream) = flow.stream {
            self.push(&stream.worker.to_le_bytes());
            self.push(&stream.slot.to_le_bytes());
            self.push(&stream.generation.to_le_bytes());
        }
    }
    fn read(mut octets: &[u8]) -> Option<Flow> {
        fn take<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
            let (head, tail) = octets.split_first_chunk::<N>()?;
            *octets = tail;
            Some(*head)
        }
        let input = &mut octets;
        let transport = match take::<1>(input)? {
            [0] => Transport::Udp,
            [1] => Transport::Tcp,
            [2] => Transport::Tls,
            [3] => Transport::Ws,
            [4] => Transport::Wss,
            _ => return None,
        };
        let listener = ListenerId(u16::from_le_bytes(take(input)?));
        let port = u16::from_le_bytes(take(input)?);
        let remote = match take::<1>(input)? {
            [4] => SocketAddr::new(Ipv4Addr::from(take::<4>(input)?).into(), port),
            [6] => {
                let ip = Ipv6Addr::from(take::<16>(input)?);
                SocketAddr::V6(SocketAddrV6::new(
                    ip,
                    port,
                    0,
                    u32::from_le_bytes(take(input)?),
                ))
            }
            _ => return None,
        };
        let stream = if input.is_empty() {
            None
        } else {
            Some(StreamId {
                worker: u16::from_le_bytes(take(input)?),
                slot: u32::from_le_bytes(take(input)?),
                generation: u32::from_le_bytes(take(input)?),
            })
        };
        Some(Flow {
            transport,
            listener,
            remote,
            stream,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn parts() -> BindingParts<'static> {
        BindingParts {
            contact: b"sip:alice@192.0.2.5:5062;transport=udp",
            params: b";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";reg-id=1",
            q: Some(500),
            expires_at: Time::from_secs(3_600),
            updated_at: Time::from_secs(1),
            call_id: b"3848276298220188511@192.0.2.5",
            cseq: 7,
            path: b"<sip:edge.example.test;lr>",
            user_agent: b"phone/1.0",
            flow: Flow::udp(
                ListenerId(2),
                "198.51.100.7:40000".parse().expect("an address"),
            ),
            behind_nat: true,
            flow_lost: false,
            outbound: true,
            branch_hash: 99,
        }
    }

    #[test]
    fn everything_packed_comes_back() {
        let binding = Binding::new(&parts()).expect("fits");
        assert_eq!(format!("{:?}", binding.parts()), format!("{:?}", parts()));
        assert_eq!(
            binding.instance(),
            Some(&b"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"[..])
        );
        assert_eq!(binding.reg_id(), Some(1));
    }

    #[test]
    fn stream_flows_over_either_family_come_back() {
        for remote in ["192.0.2.1:1", "[2001:db8::7%3]:5060"] {
            let flow = Flow {
                transport: Transport::Tcp,
                listener: ListenerId(u16::MAX),
                remote: remote.parse().expect("an address"),
                stream: Some(StreamId {
                    worker: 3,
                    slot: 70_000,
                    generation: u32::MAX,
                }),
            };
            let binding = Binding::new(&BindingParts { flow, ..parts() }).expect("fits");
            assert_eq!(binding.flow(), flow);
        }
    }

    #[test]
    fn too_much_text_is_refused() {
        let path = vec![b'x'; 70_000];
        assert!(
            Binding::new(&BindingParts {
                path: &path,
                ..parts()
            })
            .is_none()
        );
    }

    #[test]
    fn a_binding_is_small() {
        assert_eq!(size_of::<Binding>(), 48);
    }

    #[test]
    fn remaining_time_is_rounded_up_and_never_over_what_was_granted() {
        let binding = Binding::new(&BindingParts {
            expires_at: Time::from_secs(61),
            ..parts()
        })
        .expect("fits");
        assert_eq!(binding.remaining_seconds(Time::from_secs(1)), 60);
        assert_eq!(binding.remaining_seconds(Time::from_millis(1_001)), 60);
        assert_eq!(binding.remaining_seconds(Time::from_millis(60_999)), 1);
        assert_eq!(binding.remaining_seconds(Time::from_secs(61)), 0);
    }
}
