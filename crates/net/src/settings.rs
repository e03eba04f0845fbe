//! Settings of the driver, with their defaults.

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::Transport;

/// One address to listen on; its place in [`NetSettings::listeners`] is its `ListenerId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// UDP or TCP.
    pub transport: Transport,
    /// The address. Wildcards must have been expanded (see [`interface_addresses`](crate::interface_addresses)).
    pub address: SocketAddr,
}

/// All settings of the driver. Fixed while it runs.
#[derive(Clone, Debug)]
pub struct NetSettings {
    /// Where to listen, in `ListenerId` order.
    pub listeners: Vec<ListenerSettings>,
    /// Worker threads; default 1.
    pub workers: u16,
    /// Shards; default 4 per worker, so that a busy one seldom holds up another.
    pub shards: u16,
    /// Requested size of the UDP receive and send buffers, in octets; default 4 MiB.
    pub datagram_buffer_octets: usize,
    /// Polls without sleeping after a batch, before the worker sleeps; default 0. Trades idle CPU for fewer wake-ups.
    pub spin_polls: u32,
    /// Whether equal datagrams to one peer leave in one segmented send, where the kernel can; default true.
    pub segmentation: bool,
    /// How long a message may have waited, or a turn take, before new requests are refused; default 250 ms, zero never
    /// refuses.
    pub queue_delay_max: Duration,
    /// How long datagrams that come one by one in quick succession may gather; default 20 µs, to which the kernel adds its
    /// slack of some 50. Zero never waits.
    pub gathering: Duration,
    /// Limits of connections.
    pub streams: StreamSettings,
}

impl Default for NetSettings {
    fn default() -> NetSettings {
        NetSettings {
            listeners: Vec::new(),
            workers: 1,
            shards: 4,
            datagram_buffer_octets: 4 << 20,
            spin_polls: 0,
            segmentation: true,
            queue_delay_max: Duration::from_millis(250),
            gathering: Duration::from_micros(20),
            streams: StreamSettings::default(),
        }
    }
}

/// Limits and time limits of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Connections in all; default 16,384. Lowered to the limit of open files less [`StreamSettings::FILES_RESERVED`].
    pub connections_max: usize,
    /// Accepted connections of one IPv4 address or IPv6 /64, unless trusted; default 64.
    pub connections_per_source_max: usize,
    /// How long opening a connection may take; default 2 s.
    pub connect_timeout: Duration,
    /// How long the first message of an accepted connection, and the rest of a message that has begun, may take;
    /// default 10 s.
    pub message_timeout: Duration,
    /// How long a connection stays open without a message in either direction; default 2 h 5 min, longer than the longest
    /// registration by default, because a phone behind NAT is reached over nothing else.
    pub idle_timeout: Duration,
    /// How long octets may stay unacknowledged before the kernel gives a connection up; default 30 s, less than
    /// 64*T1, so that a transaction hears of it.
    pub unacknowledged_timeout: Duration,
    /// Octets waiting to be written on one connection; default 1 MiB. A connection that exceeds it is closed.
    pub output_octets_max: usize,
    /// Malformed messages in a row after which a connection is closed; default 8.
    pub malformed_max: u32,
}

impl StreamSettings {
    /// Descriptors kept free for listeners, the store and the administration.
    pub const FILES_RESERVED: u64 = 64;
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            connections_max: 16_384,
            connections_per_source_max: 64,
            connect_timeout: Duration::from_secs(2),
            message_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(7_200 + 300),
            unacknowledged_timeout: Duration::from_secs(30),
            output_octets_max: 1 << 20,
            malformed_max: 8,
        }
    }
}
