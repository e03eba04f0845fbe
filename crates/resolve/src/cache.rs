//! The cache of DNS answers that all shards share: striped, bounded, expired by time to live (RFC 1035 §3.2.1, RFC 2308).

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::FixedState;
use strowger_sip::Time;

use crate::counters::ResolveCounters;
use crate::question::{Answer, Question, Record};
use crate::settings::ResolveSettings;

/// Number of stripes: shards seldom wait for one another.
const STRIPES: usize = 16;

/// A live answer of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// Records of the kind asked for; at least one.
    Records(Arc<[Record]>),
    /// The name has no such record.
    NoSuchName,
}

/// Answers of the DNS with the time until which they hold.
#[derive(Debug)]
pub struct DnsCache {
    stripes: Box<[Mutex<Stripe>]>,
    entries_per_stripe_max: usize,
    records_per_answer_max: usize,
    ttl_min: Duration,
    ttl_max: Duration,
    negative_ttl_max: Duration,
    hasher: FixedState,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
struct Stripe {
    entries: HashMap<Question, Entry, FixedState>,
    /// Keys in the order of their first insertion; the oldest makes room.
    order: VecDeque<Question>,
}

#[derive(Debug)]
struct Entry {
    cached: Cached,
    expires_at: Time,
}

/// The counters behind [`ResolveCounters`].
#[derive(Debug, Default)]
pub(crate) struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    inserts: AtomicU64,
    evictions: AtomicU64,
    negative: AtomicU64,
    failed: AtomicU64,
    records_dropped: AtomicU64,
    pub(crate) questions_limited: AtomicU64,
    pub(crate) targets_limited: AtomicU64,
    pub(crate) failovers: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl DnsCache {
    /// An empty cache. The seed keeps strangers from choosing names that collide.
    pub fn new(settings: &ResolveSettings, seed: u64) -> DnsCache {
        let hasher = FixedState::with_seed(seed);
        let stripe = |hasher: &FixedState| {
            Mutex::new(Stripe {
                entries: HashMap::with_hasher(hasher.clone()),
                order: VecDeque::new(),
            })
        };
        DnsCache {
            stripes: (0..STRIPES).map(|_| stripe(&hasher)).collect(),
            entries_per_stripe_max: settings.cache_entries_max.div_ceil(STRIPES).max(1),
            records_per_answer_max: settings.records_per_answer_max,
            ttl_min: Duration::from_secs(settings.ttl_seconds_min.into()),
            ttl_max: Duration::from_secs(settings.ttl_seconds_max.into()),
            negative_ttl_max: Duration::from_secs(settings.negative_ttl_seconds_max.into()),
            hasher,
            counts: Counts::default(),
        }
    }

    /// The live answer to a question.
    pub fn lookup(&self, question: &Question, now: Time) -> Option<Cached> {
        let found = self.stripe(question).and_then(|stripe| {
            let entry = stripe.entries.get(question)?;
            (entry.expires_at > now).then(|| entry.cached.clone())
        });
        count(
            if found.is_some() {
                &self.counts.hits
            } else {
                &self.counts.misses
            },
            1,
        );
        found
    }

    /// Stores an answer and gives it back as the cache holds it; `None` for a failure, which is not stored. Records of
    /// another kind than asked for and records beyond the limit are left out.
    pub fn insert(&self, question: &Question, answer: Answer, now: Time) -> Option<Cached> {
        let (mut records, ttl_seconds) = match answer {
            Answer::Records {
                records,
                ttl_seconds,
            } => (records, ttl_seconds),
            Answer::NoSuchName { ttl_seconds } => (Vec::new(), ttl_seconds),
            Answer::Failed => {
                count(&self.counts.failed, 1);
                return None;
            }
        };
        records.retain(|record| record.kind() == question.kind);
        count(
            &self.counts.records_dropped,
            records.len().saturating_sub(self.records_per_answer_max),
        );
        records.truncate(self.records_per_answer_max);
        let ttl = Duration::from_secs(ttl_seconds.into()).max(self.ttl_min);
        let (cached, ttl) = if records.is_empty() {
            count(&self.counts.negative, 1);
            (Cached::NoSuchName, ttl.min(self.negative_ttl_max))
        } else {
            (Cached::Records(records.into()), ttl.min(self.ttl_max))
        };
        let entry = Entry {
            cached: cached.clone(),
            expires_at: now + ttl,
        };
        if let Some(mut stripe) = self.stripe(question) {
            let evicted = stripe.insert(question, entry, self.entries_per_stripe_max, now);
            count(&self.counts.evictions, usize::from(evicted));
            count(&self.counts.inserts, 1);
        }
        Some(cached)
    }

    /// Answers in the cache, live or expired.
    pub fn len(&self) -> usize {
        self.stripes
            .iter()
            .map(|stripe| lock(stripe).entries.len())
            .sum()
    }

    /// True if the cache holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts a numeric target that failed: there is no resolution that would count it.
    pub fn count_failover(&self) {
        count(&self.counts.failovers, 1);
    }

    /// What has been counted so far.
    pub fn counters(&self) -> ResolveCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ResolveCounters {
            cache_hits: get(&self.counts.hits),
            cache_misses: get(&self.counts.misses),
            cache_inserts: get(&self.counts.inserts),
            cache_evictions: get(&self.counts.evictions),
            answers_negative: get(&self.counts.negative),
            answers_failed: get(&self.counts.failed),
            records_dropped: get(&self.counts.records_dropped),
            questions_limited: get(&self.counts.questions_limited),
            targets_limited: get(&self.counts.targets_limited),
            failovers: get(&self.counts.failovers),
        }
    }

    fn stripe(&self, question: &Question) -> Option<MutexGuard<'_, Stripe>> {
        let index = (self.hasher.hash_one(question) >> 32) as usize % STRIPES;
        self.stripes.get(index).map(lock)
    }
}

impl Stripe {
    /// True if a live entry had to go.
    fn insert(&mut self, question: &Question, entry: Entry, entries_max: usize, now: Time) -> bool {
        if let Some(old) = self.entries.get_mut(question) {
            *old = entry;
            return false;
        }
        let mut evicted = false;
        if self.entries.len() >= entries_max
            && let Some(oldest) = self.order.pop_front()
        {
            evicted = self
                .entries
                .remove(&oldest)
                .is_some_and(|old| old.expires_at > now);
        }
        self.order.push_back(question.clone());
        self.entries.insert(question.clone(), entry);
        evicted
    }
}

/// A panic elsewhere leaves a stripe whole: every change is one insertion or removal.
fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::question::QuestionKind;

    fn question(name: &str) -> Question {
        Question::new(name, QuestionKind::A)
    }

    fn answer(last: u8, ttl_seconds: u32) -> Answer {
        Answer::Records {
            records: vec![Record::A(Ipv4Addr::new(192, 0, 2, last))],
            ttl_seconds,
        }
    }

    #[test]
    fn answers_hold_for_their_time_to_live_within_the_bounds() {
        let cache = DnsCache::new(&ResolveSettings::default(), 1);
        for (ttl, held, gone) in [(60, 59, 60), (0, 4, 5), (1_000_000, 3_599, 3_600)] {
            cache.insert(&question("Host.Example."), answer(1, ttl), Time::ZERO);
            assert!(
                cache
                    .lookup(&question("host.example"), Time::from_secs(held))
                    .is_some(),
                "{ttl}"
            );
            assert!(
                cache
                    .lookup(&question("host.example"), Time::from_secs(gone))
                    .is_none(),
                "{ttl}"
            );
        }
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn absence_is_remembered_for_a_short_time() {
        let cache = DnsCache::new(&ResolveSettings::default(), 1);
        cache.insert(
            &question("no.example"),
            Answer::NoSuchName {
                ttl_seconds: 86_400,
            },
            Time::ZERO,
        );
        assert_eq!(
            cache.lookup(&question("no.example"), Time::from_secs(59)),
            Some(Cached::NoSuchName)
        );
        assert_eq!(
            cache.lookup(&question("no.example"), Time::from_secs(60)),
            None
        );
    }

    #[test]
    fn failures_are_not_remembered() {
        let cache = DnsCache::new(&ResolveSettings::default(), 1);
        assert_eq!(
            cache.insert(&question("slow.example"), Answer::Failed, Time::ZERO),
            None
        );
        assert!(cache.is_empty());
        assert_eq!(cache.counters().answers_failed, 1);
    }

    #[test]
    fn the_oldest_answer_makes_room_at_the_limit() {
        let settings = ResolveSettings {
            cache_entries_max: 32,
            ..ResolveSettings::default()
        };
        let cache = DnsCache::new(&settings, 7);
        for number in 0..200u8 {
            cache.insert(
                &question(&format!("h{number}.example")),
                answer(number, 300),
                Time::ZERO,
            );
        }
        assert!(cache.len() <= 32);
        assert!(cache.counters().cache_evictions >= 168);
        assert!(
            cache
                .lookup(&question("h199.example"), Time::from_secs(1))
                .is_some()
        );
    }

    #[test]
    fn records_of_another_kind_and_beyond_the_limit_are_left_out() {
        let settings = ResolveSettings {
            records_per_answer_max: 2,
            ..ResolveSettings::default()
        };
        let cache = DnsCache::new(&settings, 7);
        let mut records: Vec<Record> = (1..5)
            .map(|last| Record::A(Ipv4Addr::new(192, 0, 2, last)))
            .collect();
        records.insert(0, Record::Aaaa(core::net::Ipv6Addr::LOCALHOST));
        let kept = cache.insert(
            &question("many.example"),
            Answer::Records {
                records,
                ttl_seconds: 60,
            },
            Time::ZERO,
        );
        let Some(Cached::Records(kept)) = kept else {
            panic!("no records")
        };
        assert_eq!(kept.len(), 2);
        assert_eq!(cache.counters().records_dropped, 2);
    }
}
