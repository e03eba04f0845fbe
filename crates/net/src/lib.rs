#![forbid(unsafe_code)]
//! Workers that drive the shards over UDP and TCP (RFC 3261 §18; RFC 5626 §3.5.1). The only crate with SIP sockets,
//! and the only one that reads clocks.
//!
//! [`Server::bind`] opens the listeners, [`Bound::start`] starts the workers. A worker receives a batch, parses it,
//! finds the shard of each message ([`Ingress`]), locks each shard once, runs it to completion, and then sends
//! what the shards wrote into the batch. Every other thread reaches a shard through [`Driver::deliver`].
//!
//! [`DatagramPorts`] are the same sockets and batches for a program that is no server.

mod accept;
mod address;
mod arrivals;
mod bind;
mod blocklist;
mod clock;
mod connect;
mod connection;
mod counters;
mod datagram_ports;
mod datagram_receive;
mod datagram_send;
mod directory;
mod driver;
mod element;
mod gathering;
mod kernel_drops;
mod lateness;
mod quoted_branch;
mod restarts;
mod running;
pub mod seam;
mod send_order;
mod settings;
mod shard;
mod shard_cell;
mod stream;
mod turn;
mod unserved;
mod worker;
mod worker_connections;
mod worker_datagrams;
mod worker_handle;

pub use address::{InterfaceAddress, interface_addresses};
pub use bind::{BindError, Bound, LISTENERS_MAX, Server};
pub use counters::NetCounters;
pub use datagram_ports::{Arrival, DatagramPorts, PORTS_MAX, address_towards};
pub use driver::Driver;
pub use running::Running;
pub use settings::{ListenerSettings, NetSettings, StreamSettings};
pub use shard::{Ingress, PanicReport, Services, Shard, ShardFactory};
