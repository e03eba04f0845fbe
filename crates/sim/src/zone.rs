//! The DNS of a world: slow, silent or wrong, as the seed has it.

use core::time::Duration;
use std::collections::HashMap;
use std::net::Ipv4Addr;

use strowger_resolve::{Answer, Question, QuestionKind, Record};
use strowger_sip::Time;

use crate::random::Random;

/// How the DNS behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Longest wait for an answer.
    pub delay_max: Duration,
    /// Questions that are never answered, in thousandths.
    pub silence_per_mille: u32,
    /// Answers that take up to eight seconds, in thousandths.
    pub slow_per_mille: u32,
    /// Answers that are wrong, in thousandths: no such name, nothing at all, a failure, an address where nobody is.
    pub lie_per_mille: u32,
    /// Time to live of every answer.
    pub ttl_seconds: u32,
}

impl Default for ZoneSettings {
    fn default() -> ZoneSettings {
        ZoneSettings {
            delay_max: Duration::from_millis(30),
            silence_per_mille: 0,
            slow_per_mille: 0,
            lie_per_mille: 0,
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
    /// Questions that got a wrong one.
    pub lies: u64,
}

impl Zone {
    /// The longest that a slow answer takes: longer than an element waits.
    const SLOWEST_MILLIS: u64 = 8_000;
    /// Where nobody is.
    const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

    /// An empty zone.
    pub fn new(settings: ZoneSettings, random: Random) -> Zone {
        Zone {
            settings,
            random,
            records: HashMap::new(),
            silences: 0,
            lies: 0,
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
        let delay = if self.random.chance(self.settings.slow_per_mille) {
            self.random.millis(100, Self::SLOWEST_MILLIS)
        } else {
            self.random
                .between(Duration::from_micros(100), self.settings.delay_max)
        };
        let at = now + delay;
        if self.random.chance(self.settings.lie_per_mille) {
            self.lies += 1;
            return Some((at, self.lie(question)));
        }
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

    /// A wrong answer, good for a few seconds.
    fn lie(&mut self, question: &Question) -> Answer {
        let ttl_seconds = 2;
        match (self.random.below(4), question.kind) {
            (0, _) => Answer::NoSuchName { ttl_seconds },
            (1, _) => Answer::Failed,
            (2, QuestionKind::A) => Answer::Records {
                records: vec![Record::A(Self::NOWHERE)],
                ttl_seconds,
            },
            _ => Answer::Records {
                records: Vec::new(),
                ttl_seconds,
            },
        }
    }
}
