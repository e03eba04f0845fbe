//! The process-wide directory of connections: by id, by remote address, and how many there are of whom
//! (RFC 3261 §18: connections are indexed by address, port and transport of the far end).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use strowger_sip::Transport;
use strowger_transaction::{Flow, ListenerId, StreamId};

use crate::address::source_of;
use crate::seam::ConnectId;
use crate::stream::Stream;

/// Shards that may wait for one connection to open. More are told that it failed.
const WAITERS_MAX: usize = 4_096;

/// One connection in so many is kept for those that we open, and for trusted sources (16): strangers cannot take all.
const KEPT_PART: usize = 16;

/// Who waits for a connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) shard: u16,
    pub(crate) request: ConnectId,
}

/// What a request for a connection found.
#[derive(Debug)]
pub(crate) enum Found {
    /// An open connection.
    Open(Flow),
    /// One that is being opened; the waiter will hear of it.
    Opening,
    /// None; the caller has been entered as the one who opens it and must insert it or fail it.
    Absent,
    /// Too many wait already.
    TooMany,
}

/// Why a connection was not entered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The limit of all connections.
    Total,
    /// The limit of this source.
    Source,
}

/// All connections of the process.
#[derive(Debug)]
pub(crate) struct Directory {
    connections_max: usize,
    per_source_max: usize,
    tables: Vec<Mutex<Table>>,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Table {
    streams: Slab<Arc<Stream>>,
    generation: u32,
}

#[derive(Debug, Default)]
struct Index {
    count: usize,
    by_remote: HashMap<(Transport, SocketAddr), Entry>,
    per_source: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
enum Entry {
    Opening(Vec<Waiter>),
    Open(Flow),
}

impl Directory {
    pub(crate) fn new(workers: u16, connections_max: usize, per_source_max: usize) -> Directory {
        Directory {
            connections_max,
            per_source_max,
            tables: (0..workers).map(|_| Mutex::default()).collect(),
            index: Mutex::default(),
        }
    }

    /// Looks for a connection to `remote`; if there is none the caller must open it.
    pub(crate) fn find_or_begin(
        &self,
        transport: Transport,
        remote: SocketAddr,
        waiter: Waiter,
    ) -> Found {
        let mut index = lock(&self.index);
        match index.by_remote.get_mut(&(transport, remote)) {
            Some(Entry::Open(flow)) => Found::Open(*flow),
            Some(Entry::Opening(waiters)) if waiters.len() >= WAITERS_MAX => Found::TooMany,
            Some(Entry::Opening(waiters)) => {
                waiters.push(waiter);
                Found::Opening
            }
            None => {
                index
                    .by_remote
                    .insert((transport, remote), Entry::Opening(vec![waiter]));
                Found::Absent
            }
        }
    }

    /// Counts an accepted connection of `source`; [`Directory::release`] gives it back.
    pub(crate) fn admit(&self, source: SocketAddr, trusted: bool) -> Result<(), Refused> {
        let mut index = lock(&self.index);
        let kept = match trusted {
            true => 0,
            false => self.connections_max / KEPT_PART,
        };
        if index.count >= self.connections_max - kept {
            return Err(Refused::Total);
        }
        let of_source = index.per_source.entry(source_of(source.ip())).or_default();
        if *of_source >= self.per_source_max && !trusted {
            return Err(Refused::Source);
        }
        *of_source += 1;
        index.count += 1;
        Ok(())
    }

    /// Counts a connection that we open; [`Directory::release`] gives it back.
    pub(crate) fn admit_outgoing(&self) -> Result<(), Refused> {
        let mut index = lock(&self.index);
        if index.count >= self.connections_max {
            return Err(Refused::Total);
        }
        index.count += 1;
        Ok(())
    }

    /// Undoes [`Directory::admit`] (`accepted`) or [`Directory::admit_outgoing`].
    pub(crate) fn release(&self, source: SocketAddr, accepted: bool) {
        let mut index = lock(&self.index);
        index.count = index.count.saturating_sub(1);
        let key = source_of(source.ip());
        if accepted && let Some(of_source) = index.per_source.get_mut(&key) {
            *of_source = of_source.saturating_sub(1);
            if *of_source == 0 {
                index.per_source.remove(&key);
            }
        }
    }

    /// Gives a socket its place in a worker's table.
    pub(crate) fn insert(
        &self,
        worker: u16,
        socket: TcpStream,
        transport: Transport,
        listener: ListenerId,
        remote: SocketAddr,
    ) -> Option<Arc<Stream>> {
        let mut table = lock(self.tables.get(usize::from(worker))?);
        table.generation = table.generation.wrapping_add(1);
        let generation = table.generation;
        let entry = table.streams.vacant_entry();
        let id = StreamId {
            worker,
            slot: u32::try_from(entry.key()).ok()?,
            generation,
        };
        let flow = Flow {
            transport,
            listener,
            remote,
            stream: Some(id),
        };
        Some(Arc::clone(
            entry.insert(Arc::new(Stream::new(id, flow, socket))),
        ))
    }

    /// The connection of a flow, if it still exists. A flow may come from a token that was made before a restart:
    /// then its name may be another connection's by now, and the peer tells.
    pub(crate) fn stream(&self, flow: &Flow) -> Option<Arc<Stream>> {
        let id = flow.stream?;
        let table = lock(self.tables.get(usize::from(id.worker))?);
        let stream = table.streams.get(usize::try_from(id.slot).ok()?)?;
        is_of(stream, flow).then(|| Arc::clone(stream))
    }

    /// Enters an open connection under its remote address, unless another has that place; returns who waited.
    pub(crate) fn opened(&self, flow: Flow) -> Vec<Waiter> {
        let mut index = lock(&self.index);
        match index.by_remote.get_mut(&(flow.transport, flow.remote)) {
            Some(Entry::Open(_)) => Vec::new(),
            Some(entry) => match core::mem::replace(entry, Entry::Open(flow)) {
                Entry::Opening(waiters) => waiters,
                Entry::Open(_) => Vec::new(),
            },
            None => {
                index
                    .by_remote
                    .insert((flow.transport, flow.remote), Entry::Open(flow));
                Vec::new()
            }
        }
    }

    /// Forgets an attempt to open a connection; returns who waited.
    pub(crate) fn failed(&self, transport: Transport, remote: SocketAddr) -> Vec<Waiter> {
        let mut index = lock(&self.index);
        match index.by_remote.remove(&(transport, remote)) {
            Some(Entry::Opening(waiters)) => waiters,
            // An accepted connection from that very address took the place meanwhile.
            Some(open) => {
                index.by_remote.insert((transport, remote), open);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Removes a connection from its table and, if it stands there, from the index.
    pub(crate) fn remove(&self, flow: &Flow) {
        let Some(id) = flow.stream else { return };
        if let Some(table) = self.tables.get(usize::from(id.worker)) {
            let mut table = lock(table);
            let slot = usize::try_from(id.slot).unwrap_or(usize::MAX);
            if table
                .streams
                .get(slot)
                .is_some_and(|stream| stream.id == id)
            {
                table.streams.remove(slot);
            }
        }
        self.unlist(flow);
    }

    /// Keeps a connection from being found by its remote address; it is about to close.
    pub(crate) fn unlist(&self, flow: &Flow) {
        let mut index = lock(&self.index);
        let key = (flow.transport, flow.remote);
        let entry = index.by_remote.get(&key);
        if matches!(entry, Some(Entry::Open(open)) if open.stream == flow.stream) {
            index.by_remote.remove(&key);
        }
    }

    /// Connections that exist or are being opened.
    pub(crate) fn count(&self) -> usize {
        lock(&self.index).count
    }
}

/// True if `stream` is the connection that `flow` means.
pub(crate) fn is_of(stream: &Stream, flow: &Flow) -> bool {
    flow.stream == Some(stream.id)
        && stream.flow.remote == flow.remote
        && stream.flow.transport == flow.transport
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn waiter(shard: u16) -> Waiter {
        Waiter {
            shard,
            request: ConnectId(u64::from(shard)),
        }
    }

    fn flow(slot: u32) -> Flow {
        let stream = Some(StreamId {
            worker: 0,
            slot,
            generation: 1,
        });
        Flow {
            transport: Transport::Tcp,
            listener: ListenerId(0),
            remote: remote("192.0.2.1:5060"),
            stream,
        }
    }

    #[test]
    fn one_connection_is_opened_for_all_who_ask() {
        let directory = Directory::new(1, 10, 10);
        let at = flow(0).remote;
        assert!(matches!(
            directory.find_or_begin(Transport::Tcp, at, waiter(1)),
            Found::Absent
        ));
        assert!(matches!(
            directory.find_or_begin(Transport::Tcp, at, waiter(2)),
            Found::Opening
        ));
        assert_eq!(directory.opened(flow(0)), [waiter(1), waiter(2)]);
        assert!(
            matches!(directory.find_or_begin(Transport::Tcp, at, waiter(3)), Found::Open(open) if open == flow(0))
        );
        directory.remove(&flow(0));
        assert!(matches!(
            directory.find_or_begin(Transport::Tcp, at, waiter(4)),
            Found::Absent
        ));
        assert_eq!(directory.failed(Transport::Tcp, at), [waiter(4)]);
    }

    #[test]
    fn removing_a_second_connection_leaves_the_first_in_the_index() {
        let directory = Directory::new(1, 10, 10);
        directory.opened(flow(0));
        directory.opened(flow(1));
        directory.remove(&flow(1));
        let found = directory.find_or_begin(Transport::Tcp, flow(0).remote, waiter(1));
        assert!(matches!(found, Found::Open(open) if open == flow(0)));
    }

    #[test]
    fn limits_hold_per_source_and_in_all() {
        let directory = Directory::new(1, 3, 2);
        let source = remote("[2001:db8::1]:1");
        assert_eq!(directory.admit(source, false), Ok(()));
        assert_eq!(directory.admit(remote("[2001:db8::2]:1"), false), Ok(()));
        assert_eq!(directory.admit(source, false), Err(Refused::Source));
        assert_eq!(directory.admit(source, true), Ok(()));
        assert_eq!(
            directory.admit(remote("192.0.2.1:1"), true),
            Err(Refused::Total)
        );
        assert_eq!(directory.admit_outgoing(), Err(Refused::Total));
        directory.release(source, true);
        assert_eq!(directory.admit_outgoing(), Ok(()));
        assert_eq!(directory.count(), 3);
    }

    #[test]
    fn strangers_leave_some_connections_to_us() {
        let directory = Directory::new(1, 32, 1_000);
        let source = remote("192.0.2.1:1");
        let admitted = (0..40).filter(|_| directory.admit(source, false).is_ok());
        assert_eq!(admitted.count(), 30);
        assert_eq!(directory.admit_outgoing(), Ok(()));
        assert_eq!(directory.admit(source, true), Ok(()));
        assert_eq!(directory.admit_outgoing(), Err(Refused::Total));
    }
}
