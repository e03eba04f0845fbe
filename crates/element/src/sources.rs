//! Per-source limits: one shared array of token buckets, looked up by a keyed hash of the source before anything is parsed.
//!
//! IPv4 addresses count singly, IPv6 addresses by their /64. What is over the rate is dropped and never answered, and
//! nothing is remembered beyond the bucket: a spoofed source can ban nobody.

use core::sync::atomic::{AtomicU64, Ordering};
use std::net::{IpAddr, SocketAddr};

use strowger_sip::Time;
use strowger_transaction::token::Mac;

/// A network prefix, for `limits.trusted_sources`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Any address of the network.
    pub address: IpAddr,
    /// Number of leading bits that count; at most 32 or 128.
    pub bits: u8,
}

impl Prefix {
    /// True if `address` lies in this network. An IPv4-mapped IPv6 address counts as its IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.bits);
        // What is left of the difference when only the bits that count are; of none of them, nothing.
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let differs = a.to_bits() ^ b.to_bits();
                differs.checked_shr(32 - bits.min(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let differs = a.to_bits() ^ b.to_bits();
                differs.checked_shr(128 - bits.min(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// How many messages one source may send.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceLimits {
    /// Messages per second and source; 0 switches the limit off.
    pub messages_per_second: u32,
    /// Messages a quiet source may send at once.
    pub burst_messages: u32,
    /// Sources that are exempt (trunks, load tests).
    pub trusted: Vec<Prefix>,
}

impl Default for SourceLimits {
    fn default() -> SourceLimits {
        SourceLimits {
            messages_per_second: 2_000,
            burst_messages: 8_000,
            trusted: Vec::new(),
        }
    }
}

impl SourceLimits {
    /// True if the source is exempt from limits.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|prefix| prefix.contains(address))
    }
}

/// The shared array of buckets. A bucket packs the millisecond of its last use and its level in one word.
#[derive(Debug)]
pub struct SourceTable {
    key: [u8; 16],
    buckets: Box<[AtomicU64]>,
    dropped: AtomicU64,
}

impl SourceTable {
    /// Buckets in the array, 512 KiB in all. Two sources that share one share its rate.
    pub const BUCKETS: usize = 1 << 16;

    /// An empty table; `key` is secret, so that nobody can aim at another source's bucket.
    pub fn new(key: [u8; 16]) -> SourceTable {
        SourceTable {
            key,
            buckets: (0..Self::BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Messages dropped because their source was over its rate.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Counts one message of `source`; false if it is over the rate and must be dropped.
    pub fn admit(&self, source: SocketAddr, limits: &SourceLimits, now: Time) -> bool {
        if limits.messages_per_second == 0 || limits.trusts(source.ip()) {
            return true;
        }
        let bucket = &self.buckets[self.index(source.ip())];
        // The level counts thousandths of a message and leaks at the configured rate.
        let now_ms = now.as_millis() as u32;
        let full = u64::from(limits.burst_messages)
            .saturating_mul(1_000)
            .min(u64::from(u32::MAX - 1_000));
        let mut admitted = false;
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let (last_ms, level) = ((word >> 32) as u32, word & 0xffff_ffff);
            let elapsed_ms = u64::from(now_ms.wrapping_sub(last_ms));
            // Another worker's clock reading may be a little newer than ours.
            let elapsed_ms = if elapsed_ms > u64::from(u32::MAX / 2) {
                0
            } else {
                elapsed_ms
            };
            let level = level
                .saturating_sub(elapsed_ms.saturating_mul(u64::from(limits.messages_per_second)));
            admitted = level + 1_000 <= full;
            let level = if admitted { level + 1_000 } else { level };
            Some((u64::from(now_ms) << 32) | level)
        });
        if !admitted {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn index(&self, address: IpAddr) -> usize {
        let hash = match address.to_canonical() {
            IpAddr::V4(v4) => Mac::new(&self.key).part(&v4.octets()).finish(),
            IpAddr::V6(v6) => Mac::new(&self.key).part(&v6.octets()[..8]).finish(),
        };
        hash as usize % Self::BUCKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> SourceLimits {
        SourceLimits {
            messages_per_second: 10,
            burst_messages: 5,
            trusted: vec![Prefix {
                address: [127, 0, 0, 0].into(),
                bits: 8,
            }],
        }
    }

    fn source(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let (table, limits, start) = (SourceTable::new([7; 16]), limits(), Time::from_secs(100));
        let admitted = (0..20)
            .filter(|_| table.admit(source("192.0.2.1:5060"), &limits, start))
            .count();
        assert_eq!(admitted, 5);
        assert_eq!(table.dropped(), 15);
        let later = Time::from_millis(100_200);
        let admitted = (0..20)
            .filter(|_| table.admit(source("192.0.2.1:5061"), &limits, later))
            .count();
        assert_eq!(admitted, 2, "200 ms at 10/s, whatever the port");
    }

    #[test]
    fn trusted_sources_are_exempt() {
        let (table, limits) = (SourceTable::new([7; 16]), limits());
        assert!((0..1_000).all(|_| table.admit(source("127.0.0.1:9"), &limits, Time::ZERO)));
    }

    #[test]
    fn one_v6_network_is_one_source() {
        let (table, limits) = (SourceTable::new([7; 16]), limits());
        let admitted = (0..20)
            .filter(|i| {
                table.admit(
                    source(&format!("[2001:db8::{i:x}]:5060")),
                    &limits,
                    Time::ZERO,
                )
            })
            .count();
        assert_eq!(admitted, 5);
    }

    #[test]
    fn prefixes_compare_bits() {
        let net = Prefix {
            address: [10, 1, 128, 0].into(),
            bits: 17,
        };
        assert!(net.contains([10, 1, 255, 1].into()));
        assert!(!net.contains([10, 1, 127, 1].into()));
        assert!(net.contains("::ffff:10.1.200.1".parse().expect("an address")));
        let within = |network: &str, bits, address: &str| {
            let address = address.parse().expect("an address");
            let network = network.parse().expect("an address");
            Prefix {
                address: network,
                bits,
            }
            .contains(address)
        };
        assert!(within("10.0.0.0", 0, "203.0.113.1"));
        assert!(within("::", 0, "2001:db8::1"));
        assert!(within("192.0.2.1", 32, "192.0.2.1"));
        assert!(!within("192.0.2.1", 32, "192.0.2.0"));
        assert!(within("2001:db8::", 33, "2001:db8:7fff::1"));
        assert!(!within("2001:db8::", 33, "2001:db8:8000::1"));
        assert!(!within("2001:db8::1", 128, "2001:db8::"));
        assert!(!within("::", 0, "192.0.2.1"));
    }
}
