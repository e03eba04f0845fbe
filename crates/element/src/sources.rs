//! Per-source limits: one shared array of token buckets, looked up by a keyed hash of the source before anything is parsed.
//!
//! IPv4 addresses count singly, IPv6 addresses by their /64. What is over the rate is dropped and never answered, and
//! nothing is remembered beyond the bucket: a spoofed source can ban nobody.
//!
//! A second array bounds what a source is sent over UDP beyond one and a half times what came from it, so that a spoofed
//! source is not flooded by our answers (docs/decisions/0013-answers-within-measure.md).

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
    /// Octets that answers over UDP to one source may exceed one and a half times its requests, regained in a minute; 0
    /// switches the limit off.
    pub answer_excess_octets: u32,
}

impl Default for SourceLimits {
    fn default() -> SourceLimits {
        SourceLimits {
            messages_per_second: 2_000,
            burst_messages: 8_000,
            trusted: Vec::new(),
            answer_excess_octets: 8_192,
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
    /// What answers exceeded, by source; packed as the buckets are.
    excesses: Box<[AtomicU64]>,
    dropped: AtomicU64,
}

impl SourceTable {
    /// Buckets in each array, 512 KiB. Two sources that share one share its rate.
    pub const BUCKETS: usize = 1 << 16;

    /// In how many seconds a source regains all that answers to it may exceed (60).
    pub const EXCESS_SECONDS: u64 = 60;

    /// An empty table; `key` is secret, so that nobody can aim at another source's bucket.
    pub fn new(key: [u8; 16]) -> SourceTable {
        SourceTable {
            key,
            buckets: (0..Self::BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            excesses: (0..Self::BUCKETS).map(|_| AtomicU64::new(0)).collect(),
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
        let full = u64::from(limits.burst_messages)
            .saturating_mul(1_000)
            .min(u64::from(u32::MAX - 1_000));
        let admitted = pour(bucket, now, 1_000, full, |elapsed_ms| {
            elapsed_ms.saturating_mul(u64::from(limits.messages_per_second))
        });
        if !admitted {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// True if an answer of this length may go over UDP to `source`, which had sent so many octets for it. An answer of at
    /// most one and a half times the request always may.
    pub fn may_answer(
        &self,
        source: SocketAddr,
        (asked, answer): (usize, usize),
        limits: &SourceLimits,
        now: Time,
    ) -> bool {
        let excess = (2 * answer).saturating_sub(3 * asked).div_ceil(2) as u64;
        let most = u64::from(limits.answer_excess_octets);
        if excess == 0 || most == 0 || limits.trusts(source.ip()) {
            return true;
        }
        // The level counts octets.
        let bucket = &self.excesses[self.index(source.ip())];
        pour(bucket, now, excess, most, |elapsed_ms| {
            elapsed_ms.saturating_mul(most) / (1_000 * Self::EXCESS_SECONDS)
        })
    }

    fn index(&self, address: IpAddr) -> usize {
        let hash = match address.to_canonical() {
            IpAddr::V4(v4) => Mac::new(&self.key).part(&v4.octets()).finish(),
            IpAddr::V6(v6) => Mac::new(&self.key).part(&v6.octets()[..8]).finish(),
        };
        hash as usize % Self::BUCKETS
    }
}

/// Adds `amount` to a leaking bucket if it holds no more than `full` then; `leak` says how much has leaked in so many
/// milliseconds.
fn pour(bucket: &AtomicU64, now: Time, amount: u64, full: u64, leak: impl Fn(u64) -> u64) -> bool {
    let now_ms = now.as_millis() as u32;
    let mut poured = false;
    let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        let (last_ms, level) = ((word >> 32) as u32, word & 0xffff_ffff);
        let elapsed_ms = u64::from(now_ms.wrapping_sub(last_ms));
        // Another worker's clock reading may be a little newer than ours.
        let elapsed_ms = if elapsed_ms > u64::from(u32::MAX / 2) {
            0
        } else {
            elapsed_ms
        };
        let leaked = leak(elapsed_ms);
        // What leaks slower than one a millisecond must not be lost to many looks.
        let last_ms = if leaked == 0 && level > 0 && elapsed_ms > 0 {
            last_ms
        } else {
            now_ms
        };
        let level = level.saturating_sub(leaked);
        poured = level + amount <= full;
        let level = if poured { level + amount } else { level };
        Some((u64::from(last_ms) << 32) | level)
    });
    poured
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
            answer_excess_octets: 1_000,
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
    fn answers_exceed_requests_by_so_much_and_regain_it_in_a_minute() {
        let (table, limits) = (SourceTable::new([7; 16]), limits());
        let victim = source("192.0.2.9:5060");
        let answered = |now: Time| {
            let answers = (0..100).filter(|_| table.may_answer(victim, (100, 250), &limits, now));
            answers.count()
        };
        assert_eq!(
            answered(Time::from_secs(100)),
            10,
            "100 octets too much each"
        );
        assert_eq!(answered(Time::from_secs(103)), 0);
        assert_eq!(answered(Time::from_secs(106)), 1);
        // However often it is asked meanwhile.
        let regained: usize = (0..=60_000)
            .map(|ms| {
                usize::from(table.may_answer(
                    victim,
                    (100, 250),
                    &limits,
                    Time::from_millis(106_000 + ms),
                ))
            })
            .sum();
        assert_eq!(regained, 10);
        assert!(table.may_answer(victim, (100, 150), &limits, Time::from_secs(106)));
        assert!(table.may_answer(source("127.0.0.1:9"), (1, 10_000), &limits, Time::ZERO));
        let off = SourceLimits {
            answer_excess_octets: 0,
            ..limits
        };
        assert!(table.may_answer(victim, (1, 10_000), &off, Time::from_secs(106)));
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
