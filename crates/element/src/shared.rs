//! What the shards of a process share, and nothing else: read tables and bounded counters, each striped or atomic,
//! none locked across a callback or an output (DESIGN §2, "Shards").

use strowger_registrar::{LocationTable, NonceTable, SubscriberTable};
use strowger_resolve::DnsCache;

use crate::sources::SourceTable;

/// The shared tables.
#[derive(Debug)]
pub struct Shared {
    /// Bindings: the truth for reads.
    pub location: LocationTable,
    /// Accounts.
    pub subscribers: SubscriberTable,
    /// Digest nonces in use.
    pub nonces: NonceTable,
    /// Per-source rates.
    pub sources: SourceTable,
    /// DNS answers.
    pub dns: DnsCache,
    /// Tables of programs.
    pub scripts: strowger_routing::tables::ScriptTables,
    /// Statistics of stateless replies.
    pub sl: strowger_routing::SharedSlStatistics,
    /// Seed of the hash that maps addresses of record and Call-IDs to shards.
    pub shard_seed: u64,
}
