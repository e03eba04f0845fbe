//! Connections of a world: whose ends they are, and what each end knows of the other (RFC 3261 §18).
//!
//! ```text
//! open at both ends ─ close at one ─► data in between arrives ─► the other end hears of it ─► gone
//!                   └ broken: what is written vanishes, and nobody is told (half-open)
//! ```

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use strowger_sip::{Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

use crate::plan::{AgentId, NodeId};

/// Place of a connection in its world.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamNumber(pub usize);

/// One of the two ends of a connection: 0 opened it, 1 accepted it.
pub type Side = usize;

/// Who holds an end.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user agent.
    Agent(AgentId),
    /// An element, which knows the connection under this name.
    Element(NodeId, StreamId),
}

/// One end.
#[derive(Clone, Debug)]
pub struct End {
    /// Whose it is.
    pub holder: Holder,
    /// Its address.
    pub address: SocketAddr,
    /// False once it was closed here, or was told that the other was.
    pub is_open: bool,
    /// When the last message will have arrived here: later ones come later.
    pub last_arrival: Time,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its ends.
    pub ends: [End; 2],
    /// What is written vanishes.
    pub broken: bool,
    /// An end that wrote to the broken connection will give it up.
    pub given_up: [bool; 2],
}

/// All connections of a world.
#[derive(Debug, Default)]
pub struct Streams {
    all: Vec<Stream>,
    by_name: HashMap<(NodeId, StreamId), (StreamNumber, Side)>,
    free: BTreeMap<NodeId, Vec<u32>>,
    slots: BTreeMap<NodeId, u32>,
    generations: BTreeMap<NodeId, u32>,
}

/// The listener that stands for streams.
pub const STREAM_LISTENER: ListenerId = ListenerId(1);

impl Streams {
    /// A name for a connection in the table of an element; slots are used again, as in production.
    pub fn name(&mut self, node: NodeId) -> StreamId {
        let slot = match self.free.entry(node).or_default().pop() {
            Some(slot) => slot,
            None => {
                let next = self.slots.entry(node).or_default();
                *next += 1;
                *next - 1
            }
        };
        let generation = self.generations.entry(node).or_default();
        *generation += 1;
        StreamId {
            worker: 0,
            slot,
            generation: *generation,
        }
    }

    /// A process begins anew: its names do too.
    pub fn forget_names(&mut self, node: NodeId) {
        self.free.remove(&node);
        self.slots.remove(&node);
        self.generations.remove(&node);
        self.by_name.retain(|(one, _), _| *one != node);
    }

    /// Adds an open connection between two holders.
    pub fn open(&mut self, now: Time, ends: [(Holder, SocketAddr); 2]) -> StreamNumber {
        let number = StreamNumber(self.all.len());
        for (side, (holder, _)) in ends.iter().enumerate() {
            if let Holder::Element(node, id) = holder {
                self.by_name.insert((*node, *id), (number, side));
            }
        }
        self.all.push(Stream {
            ends: ends.map(|(holder, address)| End {
                holder,
                address,
                is_open: true,
                last_arrival: now,
            }),
            broken: false,
            given_up: [false; 2],
        });
        number
    }

    /// Connections so far.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// A connection.
    pub fn get(&self, number: StreamNumber) -> Option<&Stream> {
        self.all.get(number.0)
    }

    /// A connection, to change it.
    pub fn get_mut(&mut self, number: StreamNumber) -> Option<&mut Stream> {
        self.all.get_mut(number.0)
    }

    /// The open connection that an element calls so, and its side. The peer must be the same: names come again after a
    /// restart.
    pub fn of_flow(&self, node: NodeId, flow: &Flow) -> Option<(StreamNumber, Side)> {
        let (number, side) = *self.by_name.get(&(node, flow.stream?))?;
        let stream = self.get(number)?;
        let (own, other) = (stream.ends.get(side)?, stream.ends.get(1 - side)?);
        (own.is_open && other.address == flow.remote).then_some((number, side))
    }

    /// The open connection of an element to this address.
    pub fn to_remote(&self, node: NodeId, remote: SocketAddr) -> Option<Flow> {
        self.all.iter().rev().find_map(|stream| {
            (0..2).find_map(|side| {
                let (own, other) = (stream.ends.get(side)?, stream.ends.get(1 - side)?);
                let fits = matches!(own.holder, Holder::Element(one, _) if one == node)
                    && own.is_open
                    && other.address == remote;
                if fits { stream.flow(side) } else { None }
            })
        })
    }

    /// The newest open connection of an agent to this address, and its side.
    pub fn of_agent(
        &self,
        agent: AgentId,
        remote: Option<SocketAddr>,
    ) -> Option<(StreamNumber, Side)> {
        let newest_first = self.all.iter().enumerate().rev();
        newest_first
            .flat_map(|(number, stream)| (0..2).map(move |side| (number, stream, side)))
            .find(|(_, stream, side)| {
                let ends = (stream.ends.get(*side), stream.ends.get(1 - side));
                matches!(ends, (Some(own), Some(other)) if own.holder == Holder::Agent(agent)
                    && own.is_open
                    && remote.is_none_or(|remote| other.address == remote))
            })
            .map(|(number, _, side)| (StreamNumber(number), side))
    }

    /// All connections of an element that are open at its end.
    pub fn of_element(&self, node: NodeId) -> Vec<(StreamNumber, Side)> {
        let sides = self.all.iter().enumerate().flat_map(|(number, stream)| {
            (0..2).map(move |side| (StreamNumber(number), stream, side))
        });
        sides
            .filter(|(_, stream, side)| {
                stream.ends.get(*side).is_some_and(|end| {
                    end.is_open && matches!(end.holder, Holder::Element(one, _) if one == node)
                })
            })
            .map(|(number, _, side)| (number, side))
            .collect()
    }

    /// Closes an end; true if it was open. An element's slot is free again.
    pub fn close(&mut self, number: StreamNumber, side: Side) -> bool {
        let Some(end) = self
            .all
            .get_mut(number.0)
            .and_then(|stream| stream.ends.get_mut(side))
        else {
            return false;
        };
        if !core::mem::replace(&mut end.is_open, false) {
            return false;
        }
        if let Holder::Element(node, id) = end.holder
            && self.by_name.remove(&(node, id)).is_some()
        {
            self.free.entry(node).or_default().push(id.slot);
        }
        true
    }
}

impl Stream {
    /// The flow of this connection as the element at `side` knows it; none for an agent.
    pub fn flow(&self, side: Side) -> Option<Flow> {
        let (own, other) = (self.ends.get(side)?, self.ends.get(1 - side)?);
        match own.holder {
            Holder::Element(_, id) => Some(Flow {
                transport: Transport::Tcp,
                listener: STREAM_LISTENER,
                remote: other.address,
                stream: Some(id),
            }),
            Holder::Agent(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 5060))
    }

    #[test]
    fn a_slot_is_used_again_under_another_generation() {
        let mut streams = Streams::default();
        let name = streams.name(0);
        let ends = [
            (Holder::Agent(3), address(3)),
            (Holder::Element(0, name), address(1)),
        ];
        let number = streams.open(Time::ZERO, ends);
        let flow = streams.get(number).and_then(|stream| stream.flow(1));
        let flow = flow.expect("an element's end has a flow");
        assert_eq!(streams.of_flow(0, &flow), Some((number, 1)));
        assert!(streams.close(number, 1));
        assert!(!streams.close(number, 1));
        assert_eq!(streams.of_flow(0, &flow), None);
        let next = streams.name(0);
        assert_eq!(next.slot, name.slot);
        assert_ne!(next.generation, name.generation);
    }
}
