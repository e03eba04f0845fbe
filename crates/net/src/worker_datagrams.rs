//! A worker's datagrams: one batch per port and turn, and the ICMP errors of its sockets (RFC 3261 §18.3, §18.4).

use std::net::UdpSocket;
use std::sync::Arc;

use nix::errno::Errno;
use strowger_sip::Now;
use strowger_transaction::{Flow, TransmitToken};

use crate::arrivals::{Classified, Letter, Memory, Source};
use crate::driver::{BoundListener, Driver, ListenerSockets};
use crate::quoted_branch::quoted_branch;
use crate::seam::Input;
use crate::worker::Worker;

/// Longest datagram of only CR, LF and NUL that counts as a keep-alive.
const KEEP_ALIVE_OCTETS_MAX: usize = 8;

impl Worker {
    /// Receives and handles what waits at each port; true if something did.
    pub(crate) fn read_datagrams(&mut self, now: Now) -> bool {
        let driver = Arc::clone(&self.driver);
        let mut received = false;
        for place in 0..self.ports.len() {
            let Some(port) = self.ports.get_mut(place) else {
                continue;
            };
            let (listener, v6) = (port.listener, port.v6);
            let Some((_, socket)) = socket_of(&driver, listener.0, self.index) else {
                continue;
            };
            if core::mem::take(&mut port.errors) {
                self.read_errors(&driver, place, socket);
            }
            let Some(port) = self.ports.get_mut(place).filter(|port| port.readable) else {
                continue;
            };
            match self.receiver.receive(socket, v6) {
                Ok(batch) => {
                    port.readable = batch.more;
                    received = true;
                    self.take_datagrams(&driver, place, batch.count, now);
                }
                Err(Errno::EAGAIN) => port.readable = false,
                Err(Errno::EINTR) => {}
                // The kernel reports an ICMP error this way too; it is read from the queue of errors.
                Err(_) => port.errors = true,
            }
        }
        received
    }

    /// Parses a batch, runs the shards it is for, and sends what they answer.
    fn take_datagrams(&mut self, driver: &Driver, place: usize, count: usize, now: Now) {
        let Some(listener) = self.ports.get(place).map(|port| port.listener) else {
            return;
        };
        let meter = driver.meter(Some(self.index));
        let limits = driver.ingress.limits();
        let mut octets_received = 0;
        let Worker {
            receiver,
            arrivals,
            turn,
            index,
            read_in_turn,
            ..
        } = self;
        let source = Source {
            driver,
            worker: *index,
            limits: &limits,
            now,
        };
        driver.ingress.admit_batch(now, &mut |admits| {
            for (evidence, datagram) in (0u32..).zip(receiver.datagrams()) {
                let octets = receiver.octets(datagram);
                octets_received += octets.len() as u64;
                if datagram.truncated {
                    meter.datagrams_truncated.one();
                } else if datagram.remote.port() == 0 {
                    meter.datagrams_unanswerable.one();
                } else if !admits(&datagram.remote) {
                    meter.messages_not_admitted.one();
                } else if is_keep_alive(octets) {
                    meter.datagram_keep_alives.one();
                } else if driver.blocklist.blocks(octets, now.monotonic) {
                    meter.messages_blocked.one();
                } else {
                    let flow = Flow::udp(listener, datagram.remote);
                    let start = turn.batch.bytes.len();
                    let letter = Letter {
                        flow,
                        memory: Memory::Spare(turn.spare_messages.take(octets.len())),
                        original: octets,
                        evidence,
                    };
                    let classified = arrivals.classify(&source, letter, &mut turn.batch.bytes);
                    let range = start..turn.batch.bytes.len();
                    if classified == Classified::Malformed && !range.is_empty() {
                        let token = TransmitToken::NONE;
                        turn.batch.sends.push(strowger_transaction::Transmit {
                            flow,
                            range,
                            token,
                        });
                    }
                }
            }
        });
        // The answers to malformed messages belong to no shard.
        turn.own(u16::MAX);
        meter.datagram_receive_batches.one();
        meter.datagrams_received.add(count as u64);
        meter.datagram_octets_received.add(octets_received);
        let octets = |evidence: u32| {
            receiver
                .datagrams()
                .get(evidence as usize)
                .map_or(&[][..], |datagram| receiver.octets(datagram))
        };
        read_in_turn.0 += count as u64;
        read_in_turn.1 += arrivals.len() as u64;
        arrivals.run(driver, *index, now, turn, octets);
        driver.finish(turn, Some(*index));
    }

    /// Reads ICMP errors and tells the shards whose branch they quote.
    fn read_errors(&mut self, driver: &Driver, place: usize, socket: &UdpSocket) {
        let Some(port) = self.ports.get_mut(place) else {
            return;
        };
        let listener = port.listener;
        let meter = driver.meter(Some(self.index));
        let pending = &mut self.turn.pending;
        let read = self.receiver.receive_errors(socket, |remote, quoted| {
            meter.icmp_errors.one();
            let Some(branch) = quoted_branch(quoted) else {
                return;
            };
            let Some(shard) = driver.ingress.shard_for_branch(branch) else {
                return;
            };
            meter.icmp_errors_matched.one();
            let flow = Flow::udp(listener, remote);
            let branch = Some(Box::from(branch));
            pending.push_back((
                shard,
                Input::TransmitFailed {
                    flow,
                    token: TransmitToken::NONE,
                    branch,
                },
            ));
        });
        // More may wait if the limit of one go was reached; an empty queue raises a new event.
        port.errors = read == crate::datagram_receive::ERRORS_MAX;
    }
}

fn socket_of(driver: &Driver, listener: u16, worker: u16) -> Option<(&BoundListener, &UdpSocket)> {
    let listener = driver.listeners.get(usize::from(listener))?;
    match &listener.sockets {
        ListenerSockets::Datagram(sockets) => sockets
            .get(usize::from(worker))
            .map(|socket| (listener, socket)),
        ListenerSockets::Stream(_) => None,
    }
}

fn is_keep_alive(octets: &[u8]) -> bool {
    octets.len() <= KEEP_ALIVE_OCTETS_MAX
        && octets
            .iter()
            .all(|octet| matches!(octet, b'\r' | b'\n' | 0))
}
