//! The journal of bindings that an element waits for: slow, failing or lying as the seed has it, and there after a crash.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use strowger_element::Answer;
use strowger_registrar::{
    AddressOfRecord, Binding, BindingChange, BindingParts, Bindings, LocationChange,
};
use strowger_sip::{Now, Time};
use strowger_transaction::{Flow, StreamId};

use crate::random::Random;

/// How the journal behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Longest wait in the ordinary case.
    pub delay_max: Duration,
    /// Changes that take up to three seconds, in thousandths. After two the store gives up.
    pub slow_per_mille: u32,
    /// Changes that cannot be made durable, in thousandths.
    pub failure_per_mille: u32,
    /// Changes that are durable although the journal says that they failed, in thousandths.
    pub lie_per_mille: u32,
}

impl Default for JournalSettings {
    fn default() -> JournalSettings {
        JournalSettings {
            delay_max: Duration::from_millis(5),
            slow_per_mille: 0,
            failure_per_mille: 0,
            lie_per_mille: 0,
        }
    }
}

/// What will become of a change.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It is kept.
    Kept,
    /// It is not, and the journal says so.
    Failed,
    /// It is, and the journal says that it is not.
    Denied,
}

/// The journal of one element: what is still there after a crash.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    random: Random,
    last: Time,
    next: u64,
    under_way: VecDeque<(u64, Fate, LocationChange)>,
    stored: BTreeMap<Box<[u8]>, Bindings>,
    /// Both clocks when a binding was written; expiries are kept in wall time.
    written: BTreeMap<Key, Now>,
    /// Changes that failed.
    pub failures: u64,
    /// Changes that took too long.
    pub timeouts: u64,
    /// Changes that are kept although the journal denies it.
    pub denied: u64,
}

type Key = (Box<[u8]>, Vec<u8>);

impl Journal {
    /// The longest that a slow change takes to be answered: by then the store gives up (DESIGN §3, "default store").
    pub const SLOW_MILLIS: u64 = 2_000;
    /// The longest that a slow change would take.
    const SLOWEST_MILLIS: u64 = 3_000;

    /// An empty journal.
    pub fn new(settings: JournalSettings, random: Random) -> Journal {
        Journal {
            settings,
            random,
            last: Time::ZERO,
            next: 0,
            under_way: VecDeque::new(),
            stored: BTreeMap::new(),
            written: BTreeMap::new(),
            failures: 0,
            timeouts: 0,
            denied: 0,
        }
    }

    /// Takes a change in; says when it is done, and its number. Changes are done in the order in which they came.
    pub fn submit(&mut self, now: Time, change: LocationChange) -> (Time, u64) {
        let mut fate = if self.random.chance(self.settings.failure_per_mille) {
            Fate::Failed
        } else if self.random.chance(self.settings.lie_per_mille) {
            Fate::Denied
        } else {
            Fate::Kept
        };
        let delay = if self.random.chance(self.settings.slow_per_mille) {
            self.random.millis(10, Self::SLOWEST_MILLIS)
        } else {
            self.random
                .between(Duration::from_micros(50), self.settings.delay_max)
        };
        let limit = now + Duration::from_millis(Self::SLOW_MILLIS);
        self.last = self.last.max(now + delay);
        if self.last > limit {
            self.timeouts += 1;
            self.last = limit;
            fate = Fate::Failed;
        }
        self.next += 1;
        self.under_way.push_back((self.next, fate, change));
        (self.last, self.next)
    }

    /// Whose bindings a change is about.
    pub fn aor_of(&self, number: u64) -> Box<[u8]> {
        let change = self.under_way.iter().find(|(one, ..)| *one == number);
        change.map_or_else(Box::default, |(_, _, change)| change.aor.as_bytes().into())
    }

    /// The change's turn has come.
    pub fn commit(&mut self, number: u64) -> Answer {
        let place = self.under_way.iter().position(|(one, ..)| *one == number);
        let Some((_, fate, change)) = place.and_then(|place| self.under_way.remove(place)) else {
            return Answer::Failed;
        };
        match fate {
            Fate::Kept => {
                self.keep(&change);
                Answer::Journaled
            }
            Fate::Denied => {
                self.denied += 1;
                self.keep(&change);
                Answer::Failed
            }
            Fate::Failed => {
                self.failures += 1;
                Answer::Failed
            }
        }
    }

    /// The change's turn has come, and a journal that is out of order forgets it.
    pub fn forget(&mut self, number: u64) -> Answer {
        self.under_way.retain(|(one, ..)| *one != number);
        Answer::Journaled
    }

    /// The process ends. Of what was under way the first few changes were written, as many as chance has it.
    pub fn crash(&mut self) {
        let written = self.random.below(self.under_way.len() as u64 + 1);
        for place in 0..self.under_way.len() {
            let Some((_, fate, change)) = self.under_way.pop_front() else {
                break;
            };
            if (place as u64) < written && fate != Fate::Failed {
                self.keep(&change);
            }
        }
        self.last = Time::ZERO;
    }

    fn keep(&mut self, change: &LocationChange) {
        let aor: Box<[u8]> = change.aor.as_bytes().into();
        change.apply(self.stored.entry(aor.clone()).or_default());
        for step in &change.steps {
            if let BindingChange::Put { binding, .. } = step {
                self.written.insert((aor.clone(), key(binding)), change.now);
            }
        }
    }

    /// True if a binding of this contact would be there after a crash.
    pub fn holds(&self, aor: &[u8], contact: &[u8]) -> bool {
        self.stored_until(aor, contact).is_some()
    }

    /// When the binding of this contact expires that would be there after a crash.
    pub fn stored_until(&self, aor: &[u8], contact: &[u8]) -> Option<Time> {
        let bindings = self.stored.get(aor)?.iter();
        let of_contact = bindings.filter(|binding| binding.contact() == contact);
        of_contact.map(Binding::expires_at).max()
    }

    /// What a process that begins now finds: expiries turned from wall time, connections lost.
    pub fn load(&mut self, now: Now) -> Vec<(AddressOfRecord, Binding)> {
        let mut loaded = Vec::new();
        for (aor, bindings) in &mut self.stored {
            let written = &self.written;
            let turned = |binding: &Binding| {
                let then = written.get(&(aor.clone(), key(binding)))?;
                reborn(binding, *then, now)
            };
            let alive: Bindings = bindings.iter().filter_map(turned).collect();
            bindings.retain(|binding| alive.iter().any(|other| other.same_key(binding)));
            let name = AddressOfRecord::from_canonical(aor);
            loaded.extend(alive.into_iter().map(|binding| (name.clone(), binding)));
        }
        loaded
    }
}

fn key(binding: &Binding) -> Vec<u8> {
    let mut key = Vec::new();
    binding.write_key(&mut key);
    key
}

/// A binding as the next process sees it; none if it has expired by the wall clock.
fn reborn(binding: &Binding, then: Now, now: Now) -> Option<Binding> {
    let millis = |time: Time| i128::from(time.as_millis());
    let moved = |time: Time| {
        let wall = millis(then.wall) + millis(time) - millis(then.monotonic);
        let monotonic = millis(now.monotonic) + wall - millis(now.wall);
        Time::from_millis(u64::try_from(monotonic).unwrap_or(0))
    };
    let expires_at = moved(binding.expires_at());
    if expires_at <= now.monotonic {
        return None;
    }
    let flow = binding.flow();
    // No connection of the new process has this name.
    let gone = StreamId {
        worker: u16::MAX,
        slot: u32::MAX,
        generation: u32::MAX,
    };
    Binding::new(&BindingParts {
        expires_at,
        updated_at: moved(binding.updated_at()),
        flow: Flow {
            stream: flow.stream.map(|_| gone),
            ..flow
        },
        flow_lost: flow.stream.is_some(),
        ..binding.parts()
    })
}
