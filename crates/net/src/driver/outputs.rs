//! What shards want sent and done: messages go to sockets and into the buffers of connections, the rest to those who do it.

use std::net::SocketAddr;

use strowger_sip::{Now, Transport};
use strowger_transaction::{Flow, ListenerId, TransmitToken};

use super::{Driver, ListenerSockets};
use crate::connect::begin_connect;
use crate::datagram_send::Outlet;
use crate::directory::{Found, Waiter, is_of};
use crate::seam::{ConnectId, Input, Output};
use crate::stream::Appended;
use crate::turn::Turn;

impl Driver {
    /// Copies a shard's messages for connections into their output buffers.
    pub(super) fn buffer_stream_messages(
        &self,
        shard: u16,
        now: Now,
        turn: &mut Turn,
        worker: Option<u16>,
    ) {
        let octets_max = self.settings.streams.output_octets_max;
        let Turn {
            batch,
            touched,
            pending,
            ..
        } = turn;
        let start = turn.owners.last().map_or(0, |(end, _)| *end);
        for send in batch.sends.get(start..).unwrap_or_default() {
            if send.flow.stream.is_none() {
                continue;
            }
            let known = touched.last().filter(|stream| is_of(stream, &send.flow));
            let is_known = known.is_some();
            let stream = known.cloned().or_else(|| self.directory.stream(&send.flow));
            let message = batch.bytes.get(send.range.clone()).unwrap_or_default();
            let appended = stream.as_ref().map_or(Appended::Gone, |s| {
                s.append(message, octets_max, now.monotonic)
            });
            match appended {
                Appended::Buffered => {
                    self.meter(worker).stream_messages_sent.one();
                    if let Some(stream) = stream.filter(|_| !is_known) {
                        touched.push(stream);
                    }
                    continue;
                }
                Appended::Full => {
                    self.directory.unlist(&send.flow);
                    self.meter(worker).streams_closed_overflow.one();
                }
                Appended::Gone => {}
            }
            self.meter(worker).stream_messages_unsent.one();
            if send.token != TransmitToken::NONE {
                pending.push_back((shard, transmit_failed(send.flow, send.token)));
            }
        }
        turn.own(shard);
    }

    /// Sends the gathered datagrams and writes what connections have to write.
    pub(super) fn transmit(&self, turn: &mut Turn, worker: Option<u16>) {
        if !turn.batch.is_empty() {
            let place = usize::from(worker.unwrap_or(0));
            let socket = |listener: u16| match &self.listeners.get(usize::from(listener))?.sockets {
                ListenerSockets::Datagram(sockets) => sockets.get(place),
                ListenerSockets::Stream(_) => None,
            };
            let outlet = Outlet {
                socket: &socket,
                segmentation: &self.segmentation,
                meter: self.meter(worker),
            };
            let failed = turn.sender.send(&turn.batch, &outlet);
            // Rare: collected so that the turn is free again.
            let failed: Vec<u32> = failed.to_vec();
            for place in failed.into_iter().map(|place| place as usize) {
                let Some(send) = turn.batch.sends.get(place) else {
                    continue;
                };
                if let Some(shard) = turn
                    .owner(place)
                    .filter(|_| send.token != TransmitToken::NONE)
                {
                    turn.pending
                        .push_back((shard, transmit_failed(send.flow, send.token)));
                }
            }
            turn.clear_sent();
        }
        for stream in turn.touched.drain(..) {
            self.meter(worker)
                .stream_octets_sent
                .add(stream.flush() as u64);
        }
    }

    /// Does what shards asked for, transmissions apart.
    pub(super) fn dispatch(&self, turn: &mut Turn, worker: Option<u16>) {
        let mut deferred = core::mem::take(&mut turn.deferred);
        for (shard, output) in deferred.drain(..) {
            match output {
                Output::Transmit => {}
                Output::Connect {
                    request,
                    remote,
                    transport,
                    listener,
                } => {
                    self.connect(
                        Waiter { shard, request },
                        remote,
                        transport,
                        listener,
                        turn,
                        worker,
                    );
                }
                Output::Close { flow } => {
                    if let Some(stream) = self.directory.stream(&flow) {
                        self.directory.unlist(&flow);
                        stream.close_when_flushed();
                    }
                }
                Output::Resolve { query, question } => {
                    self.services.resolve(shard, query, question)
                }
                Output::Query { query, request } => self.services.query(shard, query, request),
                Output::Event(event) => self.services.event(shard, event),
                Output::ToShard { shard: to, message } => {
                    self.deliver(to, Input::FromShard(message));
                }
            }
        }
        turn.deferred = deferred;
    }

    /// Finds or opens a connection.
    fn connect(
        &self,
        waiter: Waiter,
        remote: SocketAddr,
        transport: Transport,
        listener: ListenerId,
        turn: &mut Turn,
        worker: Option<u16>,
    ) {
        let failed = |request: ConnectId| Input::ConnectFailed { request };
        if transport != Transport::Tcp || self.stop_at() != u64::MAX {
            turn.pending
                .push_back((waiter.shard, failed(waiter.request)));
            return;
        }
        match self.directory.find_or_begin(transport, remote, waiter) {
            Found::Open(flow) => {
                turn.pending.push_back((
                    waiter.shard,
                    Input::Connected {
                        request: waiter.request,
                        flow,
                    },
                ));
            }
            Found::Opening => {}
            Found::TooMany => turn
                .pending
                .push_back((waiter.shard, failed(waiter.request))),
            Found::Absent => {
                if begin_connect(self, self.home(waiter.shard), remote, transport, listener)
                    .is_err()
                {
                    self.meter(worker).streams_connect_failed.one();
                    let waiters = self.directory.failed(transport, remote);
                    turn.pending
                        .extend(waiters.into_iter().map(|w| (w.shard, failed(w.request))));
                }
            }
        }
    }
}

fn transmit_failed(flow: Flow, token: TransmitToken) -> Input {
    Input::TransmitFailed {
        flow,
        token,
        branch: None,
    }
}
