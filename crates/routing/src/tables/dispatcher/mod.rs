//! Sets of destinations: Kamailio's `dispatcher`, without its requests. Whoever probes asks here which probes are due
//! and tells what came back.

mod call_load;
mod destination;
mod entry;
mod list_file;
mod select;
mod settings;
mod status;

use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use strowger_sip::{Time, Transport};

pub use call_load::{COUNTED_CALL_ID_OCTETS_MAX, COUNTED_CALLS_MAX};
pub use destination::{ADDRESSES_OF_HOST_MAX, Destination};
pub use entry::{
    DESTINATION_ATTRIBUTES_OCTETS_MAX, DESTINATION_URI_OCTETS_MAX, DestinationAttributes,
    DestinationEntry, DestinationError,
};
pub use list_file::{
    DESTINATIONS_MAX, LIST_ERRORS_MAX, LineError, ListError, ListErrors, parse_list,
};
pub use select::{Algorithm, NoDestination, SelectionKeys};
pub use settings::{BadReplyCodes, DispatcherSettings, ProbeMode, ReplyCodes};
pub use status::{DestinationChange, DestinationState, DestinationStatus};

use super::locks::lock;
use call_load::CallLoad;
use destination::Thresholds;
use select::{DestinationSet, Turns};

/// There are more than [`DESTINATIONS_MAX`] destinations.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TooManyDestinations;

impl core::fmt::Display for TooManyDestinations {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "more than {DESTINATIONS_MAX} destinations")
    }
}

impl core::error::Error for TooManyDestinations {}

/// There is no such destination.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct UnknownDestination;

impl core::fmt::Display for UnknownDestination {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("there is no such destination")
    }
}

impl core::error::Error for UnknownDestination {}

/// What came back from a probe.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// A final response.
    Reply(u16),
    /// Nothing, or it could not be sent.
    Timeout,
}

type Sets = BTreeMap<i64, DestinationSet>;

/// All sets, shared by all shards; the lists are replaced as a whole.
#[derive(Debug)]
pub struct Dispatcher {
    sets: ArcSwap<Sets>,
    reloading: Mutex<()>,
    settings: ArcSwap<DispatcherSettings>,
    probing_off: AtomicBool,
    calls: CallLoad,
    selected: AtomicU64,
    not_selected: AtomicU64,
    probes: AtomicU64,
    went_down: AtomicU64,
    came_up: AtomicU64,
}

impl Dispatcher {
    /// No destinations. `seed` spreads the counted calls over the stripes.
    pub fn new(settings: DispatcherSettings, seed: u64) -> Dispatcher {
        Dispatcher {
            sets: ArcSwap::default(),
            reloading: Mutex::new(()),
            settings: ArcSwap::from_pointee(settings),
            probing_off: AtomicBool::new(false),
            calls: CallLoad::new(seed),
            selected: AtomicU64::new(0),
            not_selected: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            went_down: AtomicU64::new(0),
            came_up: AtomicU64::new(0),
        }
    }

    /// Changes the settings.
    pub fn configure(&self, settings: DispatcherSettings) {
        self.settings.store(Arc::new(settings));
    }
    /// The settings.
    pub fn settings(&self) -> Arc<DispatcherSettings> {
        self.settings.load_full()
    }

    /// Replaces all sets at once. A destination that was there before with the same set, URI, flags and `duid` keeps
    /// its state and its calls; a set keeps its turns.
    pub fn reload(&self, entries: Vec<DestinationEntry>) -> Result<(), TooManyDestinations> {
        if entries.len() > DESTINATIONS_MAX {
            return Err(TooManyDestinations);
        }
        let _reloading = lock(&self.reloading);
        let old = self.sets.load();
        let known: BTreeMap<(i64, &str), &Arc<Destination>> = old
            .iter()
            .flat_map(|(id, set)| set.destinations.iter().map(|one| ((*id, one.uri()), one)))
            .collect();
        let mut by_set: BTreeMap<i64, Vec<DestinationEntry>> = BTreeMap::new();
        for entry in entries {
            by_set.entry(entry.set).or_default().push(entry);
        }
        let sets = by_set.into_iter().map(|(id, mut entries)| {
            select::into_order(&mut entries);
            let destinations = entries.into_iter().map(|entry| {
                let same = known.get(&(id, &*entry.uri)).filter(|same| {
                    same.entry().flags == entry.flags
                        && same.attributes().duid == entry.attributes.duid
                });
                let live = same.map(|same| same.live.clone());
                Arc::new(Destination::new(entry, live))
            });
            let turns = old.get(&id).map(|set| set.turns.clone());
            let set = DestinationSet {
                destinations: destinations.collect(),
                turns: turns.unwrap_or_else(|| Arc::new(Turns::default())),
            };
            (id, set)
        });
        self.sets.store(Arc::new(sets.collect()));
        Ok(())
    }

    /// The destination for a request, and after it those for when it fails.
    pub fn select(
        &self,
        set: i64,
        algorithm: Algorithm,
        keys: &SelectionKeys<'_>,
        now: Time,
    ) -> Result<Vec<Arc<Destination>>, NoDestination> {
        let settings = self.settings.load();
        let mut selected = match self.sets.load().get(&set) {
            None => Err(NoDestination::UnknownSet),
            Some(set) => set
                .select(algorithm, keys, settings.use_default)
                .ok_or(NoDestination::NoneUsable),
        };
        if algorithm == Algorithm::CallLoad
            && keys.begins_call
            && let Ok(destinations) = selected
        {
            let seconds = settings.call_initial_expire_seconds;
            let expires_at = now + Duration::from_secs(u64::from(seconds));
            selected = self.begin_call(destinations, keys.call_id, expires_at);
        }
        let counter = match &selected {
            Ok(_) => &self.selected,
            Err(_) => &self.not_selected,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        selected
    }

    /// Another shard may have filled a destination since it was selected: then the next one takes the call.
    fn begin_call(
        &self,
        mut destinations: Vec<Arc<Destination>>,
        call_id: &[u8],
        expires_at: Time,
    ) -> Result<Vec<Arc<Destination>>, NoDestination> {
        let taken = destinations
            .iter()
            .position(|one| self.calls.begin(call_id, one, expires_at));
        let full = taken.ok_or(NoDestination::NoneUsable)?;
        destinations.drain(..full);
        Ok(destinations)
    }

    /// A call was answered: it is counted for the longer time. False if it is not counted.
    pub fn call_answered(&self, call_id: &[u8], now: Time) -> bool {
        let seconds = self.settings.load().call_expire_seconds;
        let expires_at = now + Duration::from_secs(u64::from(seconds));
        self.calls.confirm(call_id, expires_at)
    }
    /// A counted call goes to another destination (`ds_next_dst`). False if it is not counted.
    pub fn call_moved(&self, call_id: &[u8], to: &Destination) -> bool {
        self.calls.transfer(call_id, &to.live)
    }
    /// A call is over or was refused. False if it is not counted.
    pub fn call_ended(&self, call_id: &[u8]) -> bool {
        self.calls.end(call_id)
    }
    /// Forgets calls that nobody ended, looking at about `budget` of them.
    pub fn sweep(&self, now: Time, budget: usize) -> usize {
        self.calls.sweep(now, budget)
    }

    /// What a script has found of a destination (`ds_mark_dst`): `Active` counts as a success, `Trying` as a failure.
    pub fn mark(
        &self,
        set: i64,
        uri: &str,
        found: DestinationStatus,
    ) -> Result<Option<DestinationChange>, UnknownDestination> {
        let destination = self.get(set, uri).ok_or(UnknownDestination)?;
        let change = destination.live.mark(found, self.thresholds());
        Ok(self.counted(change))
    }
    /// What an operator orders for a destination, or for all of a set (`dispatcher.set_state`).
    pub fn set_state(
        &self,
        set: i64,
        uri: Option<&str>,
        status: DestinationStatus,
    ) -> Result<(), UnknownDestination> {
        let sets = self.sets.load();
        let destinations = sets.get(&set).map(|set| &set.destinations);
        let mut found = false;
        for destination in destinations.into_iter().flatten() {
            if uri.is_none_or(|uri| uri == destination.uri()) {
                self.counted(destination.live.set(status));
                found = true;
            }
        }
        if found {
            Ok(())
        } else {
            Err(UnknownDestination)
        }
    }

    /// Switches probing off and on (`dispatcher.ping_active`); returns what it was.
    pub fn set_probing(&self, on: bool) -> bool {
        !self.probing_off.swap(!on, Ordering::Relaxed)
    }
    /// Destinations to probe now, `limit` at most; each is due again after the interval.
    pub fn due_probes(&self, now: Time, limit: usize) -> Vec<Arc<Destination>> {
        let settings = self.settings.load();
        if !self.is_probing(&settings) {
            return Vec::new();
        }
        let next = now + Duration::from_secs(u64::from(settings.probe_interval_seconds));
        let due: Vec<_> = self
            .destinations()
            .into_iter()
            .filter(|one| is_probed(settings.probe_mode, one.status()))
            .filter(|one| one.live.take_probe(now, next))
            .take(limit)
            .collect();
        self.probes.fetch_add(due.len() as u64, Ordering::Relaxed);
        due
    }
    /// When the next probe is due; [`Time::ZERO`] if one never was.
    pub fn next_probe_at(&self) -> Option<Time> {
        let settings = self.settings.load();
        if !self.is_probing(&settings) {
            return None;
        }
        let probed = self.destinations().into_iter();
        probed
            .filter(|one| is_probed(settings.probe_mode, one.status()))
            .map(|one| one.live.probe_at().unwrap_or(Time::ZERO))
            .min()
    }
    /// What came back from a probe of a destination.
    pub fn probe_result(
        &self,
        destination: &Destination,
        result: ProbeResult,
    ) -> Option<DestinationChange> {
        let settings = self.settings.load();
        let flagged = destination.status().probing;
        let up = match result {
            ProbeResult::Reply(code) => settings.reply_codes.accepts(code),
            ProbeResult::Timeout => false,
        };
        let found = if up {
            DestinationStatus {
                state: DestinationState::Active,
                probing: match settings.probe_mode {
                    ProbeMode::All => true,
                    ProbeMode::FlaggedAlways => flagged,
                    ProbeMode::Flagged | ProbeMode::Inactive => false,
                },
            }
        } else {
            DestinationStatus {
                state: DestinationState::Trying,
                probing: settings.probe_mode != ProbeMode::Flagged,
            }
        };
        self.counted(destination.live.mark(found, self.thresholds()))
    }

    /// The destination that a message could come from, of one set or of any (`ds_is_from_list`). `None` for port or
    /// transport does not compare it.
    pub fn is_from_list(
        &self,
        address: IpAddr,
        port: Option<u16>,
        transport: Option<Transport>,
        set: Option<i64>,
    ) -> Option<Arc<Destination>> {
        let sets = self.sets.load();
        let asked = sets
            .iter()
            .filter(|(id, _)| set.is_none_or(|set| set == **id));
        asked
            .flat_map(|(_, set)| &set.destinations)
            .find(|one| one.is_at(address, port, transport))
            .cloned()
    }
    /// Host names of destinations, in their order, to be resolved for [`Dispatcher::is_from_list`].
    pub fn host_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .destinations()
            .iter()
            .filter_map(|one| one.host_name().map(str::to_owned))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
    /// The addresses that a host name was resolved to; the first [`ADDRESSES_OF_HOST_MAX`] count.
    pub fn note_addresses(&self, host_name: &str, addresses: &[IpAddr]) {
        for destination in self.destinations() {
            if destination.host_name() == Some(host_name) {
                destination.note_addresses(addresses);
            }
        }
    }

    /// The destination of a set with exactly this URI.
    pub fn get(&self, set: i64, uri: &str) -> Option<Arc<Destination>> {
        let sets = self.sets.load();
        let mut destinations = sets.get(&set)?.destinations.iter();
        destinations.find(|one| one.uri() == uri).cloned()
    }
    /// True if there is such a set (`ds_list_exist`).
    pub fn has_set(&self, set: i64) -> bool {
        self.sets.load().contains_key(&set)
    }
    /// All sets by number, each with its destinations in their order (`dispatcher.list`).
    pub fn list(&self) -> Vec<(i64, Vec<Arc<Destination>>)> {
        let sets = self.sets.load();
        sets.iter()
            .map(|(id, set)| (*id, set.destinations.clone()))
            .collect()
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let all = self.destinations();
        let usable = all.iter().filter(|one| one.status().is_usable()).count();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        f("dispatcher_destinations", "Destinations.", all.len() as u64);
        f(
            "dispatcher_destinations_usable",
            "Destinations in use.",
            usable as u64,
        );
        f(
            "dispatcher_selected_total",
            "Requests for which a destination was found.",
            load(&self.selected),
        );
        f(
            "dispatcher_not_selected_total",
            "Requests for which no destination was found.",
            load(&self.not_selected),
        );
        f(
            "dispatcher_probes_total",
            "Probes that were due.",
            load(&self.probes),
        );
        f(
            "dispatcher_went_down_total",
            "Destinations that went out of use.",
            load(&self.went_down),
        );
        f(
            "dispatcher_came_up_total",
            "Destinations that came into use again.",
            load(&self.came_up),
        );
        f(
            "dispatcher_calls",
            "Calls counted at destinations.",
            self.calls.len() as u64,
        );
        f(
            "dispatcher_calls_uncounted_total",
            "Calls not counted because of a limit.",
            self.calls.uncounted(),
        );
        f(
            "dispatcher_calls_expired_total",
            "Calls no longer counted because nobody ended them.",
            self.calls.expired(),
        );
    }

    fn destinations(&self) -> Vec<Arc<Destination>> {
        let sets = self.sets.load();
        sets.values()
            .flat_map(|set| set.destinations.iter().cloned())
            .collect()
    }

    fn thresholds(&self) -> Thresholds {
        let settings = self.settings.load();
        Thresholds {
            failures: settings.probing_threshold,
            successes: settings.inactive_threshold,
        }
    }

    fn is_probing(&self, settings: &DispatcherSettings) -> bool {
        settings.probe_interval_seconds > 0 && !self.probing_off.load(Ordering::Relaxed)
    }

    fn counted(&self, change: Option<DestinationChange>) -> Option<DestinationChange> {
        match change {
            Some(DestinationChange::Up) => self.came_up.fetch_add(1, Ordering::Relaxed),
            Some(DestinationChange::Down) => self.went_down.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
        change
    }
}

fn is_probed(mode: ProbeMode, status: DestinationStatus) -> bool {
    status.state != DestinationState::Disabled
        && match mode {
            ProbeMode::All => true,
            ProbeMode::Flagged | ProbeMode::FlaggedAlways => status.probing,
            ProbeMode::Inactive => status.probing && status.state == DestinationState::Inactive,
        }
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
