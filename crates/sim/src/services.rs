//! The services an element waits for: the journal of bindings and the DNS. Slow, failing or silent, as the seed has it.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use strowger_element::Answer as JournalAnswer;
use strowger_registrar::{Bindings, LocationChange};
use strowger_resolve::{Answer, Question, QuestionKind, Record};
use strowger_sip::Time;

use crate::random::Random;

/// How the journal behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Longest wait in the ordinary case.
    pub delay_max: Duration,
    /// Changes that take up to two seconds, in thousandths.
    pub slow_per_mille: u32,
    /// Changes that cannot be made durable, in thousandths.
    pub failure_per_mille: u32,
}

impl Default for JournalSettings {
    fn default() -> JournalSettings {
        JournalSettings {
            delay_max: Duration::from_millis(5),
            slow_per_mille: 0,
            failure_per_mille: 0,
        }
    }
}

/// The journal of one element: what would still be there after a crash.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    random: Random,
    last: Time,
    stored: BTreeMap<Box<[u8]>, Bindings>,
    /// Changes that failed.
    pub failures: u64,
}

impl Journal {
    /// The longest that a slow change takes.
    pub const SLOW_MILLIS: u64 = 2_000;

    /// An empty journal.
    pub fn new(settings: JournalSettings, random: Random) -> Journal {
        Journal {
            settings,
            random,
            last: Time::ZERO,
            stored: BTreeMap::new(),
            failures: 0,
        }
    }

    /// Takes a change in; says when it is done. Changes are done in the order in which they came.
    pub fn submit(&mut self, now: Time) -> Time {
        let delay = if self.random.chance(self.settings.slow_per_mille) {
            self.random.millis(10, Self::SLOW_MILLIS)
        } else {
            self.random
                .between(Duration::from_micros(50), self.settings.delay_max)
        };
        self.last = self.last.max(now + delay);
        self.last
    }

    /// The change's turn has come.
    pub fn commit(&mut self, change: &LocationChange) -> JournalAnswer {
        if self.random.chance(self.settings.failure_per_mille) {
            self.failures += 1;
            return JournalAnswer::Failed;
        }
        let bindings = self.stored.entry(change.aor.as_bytes().into()).or_default();
        change.apply(bindings);
        JournalAnswer::Journaled
    }

    /// True if a binding of this contact would be there after a crash.
    pub fn holds(&self, aor: &[u8], contact: &[u8]) -> bool {
        self.stored
            .get(aor)
            .is_some_and(|bindings| bindings.iter().any(|binding| binding.contact() == contact))
    }
}

/// How the DNS behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Longest wait for an answer.
    pub delay_max: Duration,
    /// Questions that are never answered, in thousandths.
    pub silence_per_mille: u32,
    /// Time to live of every answer.
    pub ttl_seconds: u32,
}

impl Default for ZoneSettings {
    fn default() -> ZoneSettings {
        ZoneSettings {
            delay_max: Duration::from_millis(30),
            silence_per_mille: 0,
            ttl_seconds: 30,
        }
    }
}

/// The DNS of a world.
#[derive(Debug)]
pub struct Zone {
    settings: ZoneSettings,
    random: Random,
    records: HashMap<(Box<str>, QuestionKind), Vec<Record>>,
    /// Questions that got no answer.
    pub silences: u64,
}

impl Zone {
    /// An empty zone.
    pub fn new(settings: ZoneSettings, random: Random) -> Zone {
        Zone {
            settings,
            random,
            records: HashMap::new(),
            silences: 0,
        }
    }

    /// Adds a record.
    pub fn add(&mut self, name: &str, record: Record) {
        self.records
            .entry((name.into(), record.kind()))
            .or_default()
            .push(record);
    }

    /// Answers a question, or never does.
    pub fn ask(&mut self, now: Time, question: &Question) -> Option<(Time, Answer)> {
        if self.random.chance(self.settings.silence_per_mille) {
            self.silences += 1;
            return None;
        }
        let at = now
            + self
                .random
                .between(Duration::from_micros(100), self.settings.delay_max);
        let ttl_seconds = self.settings.ttl_seconds;
        let answer = match self.records.get(&(question.name.clone(), question.kind)) {
            Some(records) => Answer::Records {
                records: records.clone(),
                ttl_seconds,
            },
            None => Answer::NoSuchName { ttl_seconds },
        };
        Some((at, answer))
    }
}
