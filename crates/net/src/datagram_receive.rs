//! Receives datagrams in batches, and the ICMP errors that came back for datagrams of ours (RFC 3261 §18.4).

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, recvmsg,
};

use crate::address::from_kernel;

/// Datagrams taken by one receive call, at most.
const BATCH_MAX: usize = 64;

/// Datagrams that a receive call has room for at least. More is offered while that much comes.
const BATCH_MIN: usize = 8;

/// Room for one datagram: the largest that IP can carry.
const SLOT_OCTETS: usize = 65_536;

/// ICMP errors read from one socket in a row.
pub(crate) const ERRORS_MAX: usize = 64;

/// One received datagram, its octets in the receiver's slab.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) remote: SocketAddr,
    slot: usize,
    length: usize,
    pub(crate) truncated: bool,
}

/// What a receive call brought.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Received {
    pub(crate) count: usize,
    /// True if more may wait.
    pub(crate) more: bool,
}

/// The buffers of one worker.
pub(crate) struct DatagramReceiver {
    slab: Vec<u8>,
    // One per family: the kernel leaves the length of the last address behind.
    headers_v4: MultiHeaders<SockaddrStorage>,
    headers_v6: MultiHeaders<SockaddrStorage>,
    datagrams: Vec<Datagram>,
    /// How many datagrams the next call has room for.
    room: usize,
}

impl DatagramReceiver {
    pub(crate) fn new() -> DatagramReceiver {
        DatagramReceiver {
            // Pages that no datagram reaches are never touched, so this costs little memory.
            slab: vec![0; BATCH_MAX * SLOT_OCTETS],
            headers_v4: MultiHeaders::preallocate(BATCH_MAX, None),
            headers_v6: MultiHeaders::preallocate(BATCH_MAX, None),
            datagrams: Vec::with_capacity(BATCH_MAX),
            room: BATCH_MIN,
        }
    }

    /// Receives what is there, as far as there is room; replaces what was received before.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, v6: bool) -> Result<Received, Errno> {
        // As many buffers as are offered: to list them all costs as much as to read a datagram.
        if self.room == BATCH_MIN {
            self.receive_up_to::<BATCH_MIN>(socket, v6)
        } else {
            self.receive_up_to::<BATCH_MAX>(socket, v6)
        }
    }

    fn receive_up_to<const BUFFERS: usize>(
        &mut self,
        socket: &UdpSocket,
        v6: bool,
    ) -> Result<Received, Errno> {
        self.datagrams.clear();
        let headers = if v6 {
            &mut self.headers_v6
        } else {
            &mut self.headers_v4
        };
        let room = self.room.min(BUFFERS);
        let mut slots = self.slab.chunks_exact_mut(SLOT_OCTETS).take(room);
        let mut buffers: [[IoSliceMut<'_>; 1]; BUFFERS] =
            core::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let received = recvmmsg(
            socket.as_raw_fd(),
            headers,
            buffers.iter_mut().take(room),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let mut count = 0;
        for (slot, message) in received.enumerate() {
            count += 1;
            let Some(remote) = message.address.as_ref().and_then(from_kernel) else {
                continue;
            };
            let truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
            self.datagrams.push(Datagram {
                remote,
                slot,
                length: message.bytes,
                truncated,
            });
        }
        self.room = (2 * count).clamp(BATCH_MIN, BATCH_MAX);
        let more = count == room;
        Ok(Received { count, more })
    }

    /// What the last call received.
    pub(crate) fn datagrams(&self) -> &[Datagram] {
        &self.datagrams
    }

    /// The octets of one datagram.
    pub(crate) fn octets(&self, datagram: &Datagram) -> &[u8] {
        let start = datagram.slot * SLOT_OCTETS;
        self.slab
            .get(start..start + datagram.length.min(SLOT_OCTETS))
            .unwrap_or_default()
    }

    /// Reads the socket's queue of errors; calls `found` with the peer and the quoted datagram of each that means
    /// that the datagram did not arrive. Returns how many were read.
    pub(crate) fn receive_errors(
        &mut self,
        socket: &UdpSocket,
        mut found: impl FnMut(SocketAddr, &[u8]),
    ) -> usize {
        self.datagrams.clear();
        let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        for count in 0..ERRORS_MAX {
            let buffer = self.slab.get_mut(..SLOT_OCTETS).unwrap_or_default();
            let mut buffers = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let received = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut buffers,
                Some(&mut control),
                flags,
            );
            let Ok(message) = received else { return count };
            let unreachable = message
                .cmsgs()
                .is_ok_and(|mut all| all.any(|one| is_unreachable(&one)));
            let remote = message.address.as_ref().and_then(from_kernel);
            let length = message.bytes;
            if let Some(remote) = remote.filter(|_| unreachable) {
                found(remote, self.slab.get(..length).unwrap_or_default());
            }
        }
        ERRORS_MAX
    }
}

/// Host, network, port or protocol unreachable, or a parameter problem; not "too big" (the kernel has learnt the
/// path's limit and the retransmission will be cut to it), not "time exceeded" (RFC 3261 §18.4).
fn is_unreachable(control: &ControlMessageOwned) -> bool {
    const ICMP_DEST_UNREACH: u8 = 3;
    const ICMP_FRAG_NEEDED: u8 = 4;
    const ICMP_PARAMETERPROB: u8 = 12;
    const ICMPV6_DEST_UNREACH: u8 = 1;
    const ICMPV6_PARAMPROB: u8 = 4;
    match control {
        ControlMessageOwned::Ipv4RecvErr(error, _)
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP =>
        {
            error.ee_type == ICMP_PARAMETERPROB
                || (error.ee_type == ICMP_DEST_UNREACH && error.ee_code != ICMP_FRAG_NEEDED)
        }
        ControlMessageOwned::Ipv6RecvErr(error, _)
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 =>
        {
            matches!(error.ee_type, ICMPV6_DEST_UNREACH | ICMPV6_PARAMPROB)
        }
        _ => false,
    }
}
