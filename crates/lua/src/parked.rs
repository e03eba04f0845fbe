//! Runs that wait, by token and by deadline.

use std::collections::BTreeSet;

use strowger_sip::Time;

use crate::run::WaitToken;
use crate::table::Value;
use crate::vm::Coroutine;

/// A run that waits.
pub(crate) struct ParkedRun {
    pub coroutine: Coroutine,
    /// The generation it runs on.
    pub number: u64,
    /// The entry that it was called by.
    pub entry: u32,
    pub deadline: Time,
    pub at_deadline: Vec<Value>,
    /// Octets by which memory grew during its slices.
    pub grown: i64,
}

#[derive(Default)]
struct Place {
    generation: u32,
    run: Option<ParkedRun>,
}

/// The table of parked runs.
#[derive(Default)]
pub(crate) struct Parked {
    places: Vec<Place>,
    free: Vec<u32>,
    deadlines: BTreeSet<(Time, WaitToken)>,
}

impl Parked {
    pub fn len(&self) -> usize {
        self.deadlines.len()
    }

    pub fn insert(&mut self, run: ParkedRun) -> WaitToken {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let mut token = WaitToken {
            slot,
            generation: 0,
        };
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.generation = place.generation.wrapping_add(1);
            token.generation = place.generation;
            self.deadlines.insert((run.deadline, token));
            place.run = Some(run);
        }
        token
    }

    pub fn remove(&mut self, token: WaitToken) -> Option<ParkedRun> {
        let place = self.places.get_mut(token.slot as usize)?;
        if place.generation != token.generation {
            return None;
        }
        let run = place.run.take()?;
        self.free.push(token.slot);
        self.deadlines.remove(&(run.deadline, token));
        Some(run)
    }

    pub fn first_deadline(&self) -> Option<(Time, WaitToken)> {
        self.deadlines.first().copied()
    }

    /// The parked run of this generation that grew most; of equals the oldest deadline.
    pub fn greediest(&self, number: u64) -> Option<(WaitToken, i64)> {
        let mut best: Option<(WaitToken, i64)> = None;
        for (token, run) in self.of_generation(number) {
            if best.is_none_or(|(_, grown)| run.grown > grown) {
                best = Some((token, run.grown));
            }
        }
        best
    }

    /// The parked runs of a generation in order of their deadlines.
    pub fn of_generation(&self, number: u64) -> impl Iterator<Item = (WaitToken, &ParkedRun)> {
        self.deadlines.iter().filter_map(move |(_, token)| {
            let run = self.places.get(token.slot as usize)?.run.as_ref()?;
            (run.number == number).then_some((*token, run))
        })
    }
}
