//! Sends the datagrams of a batch in few calls: runs of equal length to one peer as one segmented send, the rest many
//! per call (RFC 3261 §18.1.1, §18.4).

use core::sync::atomic::{AtomicBool, Ordering};
use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg, sendmsg, sendto,
};
use smallvec::SmallVec;
use strowger_transaction::{Transmit, TransmitBatch};

use crate::counters::Meter;
use crate::send_order::SendOrder;

/// Datagrams handed over by one call.
const BATCH: usize = 64;

/// Longest datagram that is sent as a segment: fits any IPv6 path (1280 octets less IPv6 and UDP headers).
/// Longer ones must be able to be fragmented, which segments cannot.
const SEGMENT_OCTETS_MAX: usize = 1_232;

/// Octets of one segmented send: what one UDP length field can say, less the headers.
const SEGMENTED_OCTETS_MAX: usize = 65_000;

/// Sends of one datagram that may fail with the report of an earlier one, before the error is taken as its own.
const REPORTS_MAX: usize = 8;

/// Where the datagrams of one call go.
pub(crate) struct Outlet<'a> {
    /// The socket of a listener, by its number; `None` if it is no UDP listener.
    pub(crate) socket: &'a dyn Fn(u16) -> Option<&'a UdpSocket>,
    /// False once the kernel has refused segmented sends.
    pub(crate) segmentation: &'a AtomicBool,
    pub(crate) meter: &'a Meter,
}

impl Outlet<'_> {
    fn count(&self, datagrams: usize, octets: usize) {
        self.meter.datagrams_sent.add(datagrams as u64);
        self.meter.datagram_octets_sent.add(octets as u64);
    }
}

/// The buffers of one thread that sends.
pub(crate) struct DatagramSender {
    headers: MultiHeaders<SockaddrStorage>,
    arranger: SendOrder,
    order: Vec<u32>,
    run: Vec<u32>,
    failed: Vec<u32>,
}

impl DatagramSender {
    pub(crate) fn new() -> DatagramSender {
        DatagramSender {
            headers: MultiHeaders::preallocate(BATCH, None),
            arranger: SendOrder::new(),
            order: Vec::new(),
            run: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Sends all datagrams of `batch`; returns the places in `batch.sends` of those that failed, full send buffers
    /// apart (a datagram may be lost, and is retransmitted).
    pub(crate) fn send(&mut self, batch: &TransmitBatch, outlet: &Outlet<'_>) -> &[u32] {
        self.failed.clear();
        self.order.clear();
        self.arranger.arrange(&batch.sends, &mut self.order);
        let order = core::mem::take(&mut self.order);
        let mut rest = order.as_slice();
        while let Some(first) = rest.first().and_then(|place| at(batch, *place)) {
            let listener = first.flow.listener;
            let same = rest
                .iter()
                .take_while(|p| at(batch, **p).is_some_and(|s| s.flow.listener == listener))
                .count();
            let (group, others) = rest.split_at(same);
            rest = others;
            match (outlet.socket)(listener.0) {
                Some(socket) => self.send_group(socket, batch, group, outlet),
                None => self.failed.extend_from_slice(group),
            }
        }
        self.order = order;
        &self.failed
    }

    /// Sends what leaves from one socket.
    fn send_group(
        &mut self,
        socket: &UdpSocket,
        batch: &TransmitBatch,
        group: &[u32],
        outlet: &Outlet<'_>,
    ) {
        let mut rest = group;
        self.run.clear();
        while let Some(first) = rest.first() {
            let segments = if outlet.segmentation.load(Ordering::Relaxed) {
                equal_run(batch, rest)
            } else {
                1
            };
            let (segment, others) = rest.split_at(segments.max(1));
            if segments > 1 {
                self.flush_run(socket, batch, outlet);
                let done = self.send_segmented(socket, batch, segment, outlet);
                self.run
                    .extend_from_slice(segment.get(done..).unwrap_or_default());
            } else {
                self.run.push(*first);
            }
            rest = others;
        }
        self.flush_run(socket, batch, outlet);
    }

    /// One segmented send; returns how many at the front are done with, the rest must go singly.
    fn send_segmented(
        &mut self,
        socket: &UdpSocket,
        batch: &TransmitBatch,
        places: &[u32],
        outlet: &Outlet<'_>,
    ) -> usize {
        let Some((place, first)) = places
            .first()
            .and_then(|place| Some((*place, at(batch, *place)?)))
        else {
            return 0;
        };
        let Ok(size) = u16::try_from(first.range.len()) else {
            return 0;
        };
        let mut octets = 0;
        let mut slices: SmallVec<[IoSlice<'_>; BATCH]> = SmallVec::new();
        for send in places.iter().filter_map(|place| at(batch, *place)) {
            slices.push(IoSlice::new(message(batch, send)));
            octets += send.range.len();
        }
        let control = [ControlMessage::UdpGsoSegments(&size)];
        let remote = SockaddrStorage::from(first.flow.remote);
        let flags = MsgFlags::MSG_DONTWAIT;
        let send = || sendmsg(socket.as_raw_fd(), &slices, &control, flags, Some(&remote));
        outlet.meter.datagram_send_calls.one();
        match past_reports(send(), send) {
            Ok(_) => {
                outlet.meter.datagrams_segmented.add(places.len() as u64);
                outlet.count(places.len(), octets);
                places.len()
            }
            // Either the kernel cannot do this, or the address is one that nothing can be sent to.
            Err(Errno::EIO | Errno::EINVAL | Errno::ENOPROTOOPT | Errno::EOPNOTSUPP)
                if send_single(socket, batch, place).is_ok() =>
            {
                outlet.segmentation.store(false, Ordering::Relaxed);
                outlet.count(1, first.range.len());
                1
            }
            Err(_) => 0,
        }
    }

    /// Sends the collected single datagrams.
    fn flush_run(&mut self, socket: &UdpSocket, batch: &TransmitBatch, outlet: &Outlet<'_>) {
        let run = core::mem::take(&mut self.run);
        let mut rest = run.as_slice();
        while let Some(first) = rest.first() {
            outlet.meter.datagram_send_calls.one();
            let sent = match rest {
                [single] => send_single(socket, batch, *single).map(|()| 1),
                many => self.send_many(socket, batch, many),
            };
            let sent = past_reports(sent, || send_single(socket, batch, *first).map(|()| 1));
            let done = match sent {
                Ok(count) => {
                    let count = count.clamp(1, rest.len());
                    let done = rest
                        .iter()
                        .take(count)
                        .filter_map(|place| at(batch, *place));
                    outlet.count(count, done.map(|send| send.range.len()).sum());
                    count
                }
                Err(Errno::EINTR) => 0,
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    outlet.meter.datagrams_unsent_buffer.one();
                    1
                }
                Err(_) => {
                    outlet.meter.datagrams_unsent_error.one();
                    self.failed.push(*first);
                    1
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
        self.run = run;
        self.run.clear();
    }

    fn send_many(
        &mut self,
        socket: &UdpSocket,
        batch: &TransmitBatch,
        places: &[u32],
    ) -> Result<usize, Errno> {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        let mut remotes = [None; BATCH];
        let mut count = 0;
        for ((slice, remote), send) in slices
            .iter_mut()
            .zip(&mut remotes)
            .zip(places.iter().filter_map(|place| at(batch, *place)))
        {
            *slice = [IoSlice::new(message(batch, send))];
            *remote = Some(SockaddrStorage::from(send.flow.remote));
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let remotes = remotes.get(..count).unwrap_or_default();
        let results = sendmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices,
            remotes,
            [],
            MsgFlags::MSG_DONTWAIT,
        )?;
        // Only the number is wanted: the addresses of the results are not filled in for sends.
        Ok(results.count())
    }
}

/// How many datagrams at the front go to one peer in segments of equal length, the last perhaps shorter.
fn equal_run(batch: &TransmitBatch, places: &[u32]) -> usize {
    let Some(first) = places.first().and_then(|place| at(batch, *place)) else {
        return 0;
    };
    let size = first.range.len();
    if size == 0 || size > SEGMENT_OCTETS_MAX {
        return 1;
    }
    let mut octets = 0;
    let mut count = 0;
    for send in places
        .iter()
        .take(BATCH)
        .filter_map(|place| at(batch, *place))
    {
        let length = send.range.len();
        octets += length;
        if send.flow.remote != first.flow.remote
            || length > size
            || length == 0
            || octets > SEGMENTED_OCTETS_MAX
        {
            break;
        }
        count += 1;
        if length < size {
            break;
        }
    }
    count
}

fn send_single(socket: &UdpSocket, batch: &TransmitBatch, place: u32) -> Result<(), Errno> {
    let Some(send) = at(batch, place) else {
        return Ok(());
    };
    let remote = SockaddrStorage::from(send.flow.remote);
    sendto(
        socket.as_raw_fd(),
        message(batch, send),
        &remote,
        MsgFlags::MSG_DONTWAIT,
    )
    .map(|_| ())
}

/// Tries again while the kernel may be reporting ICMP errors of earlier datagrams instead of sending this one.
fn past_reports(
    first: Result<usize, Errno>,
    again: impl Fn() -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut outcome = first;
    for _ in 0..REPORTS_MAX {
        match outcome {
            Err(error) if is_report(error) => outcome = again(),
            other => return other,
        }
    }
    outcome
}

/// Errors by which the kernel reports an ICMP message for some earlier datagram of the socket.
fn is_report(error: Errno) -> bool {
    matches!(
        error,
        Errno::ECONNREFUSED
            | Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::ENOPROTOOPT
            | Errno::EMSGSIZE
            | Errno::EPROTO
            | Errno::EHOSTDOWN
            | Errno::EACCES
    )
}

fn at(batch: &TransmitBatch, place: u32) -> Option<&Transmit> {
    batch.sends.get(place as usize)
}

fn message<'a>(batch: &'a TransmitBatch, send: &Transmit) -> &'a [u8] {
    batch.bytes.get(send.range.clone()).unwrap_or_default()
}
