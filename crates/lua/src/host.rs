//! The script host of one shard: loads scripts, calls their functions, parks and resumes their runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use strowger_sip::{Now, Time};

use crate::clock::BudgetClock;
use crate::counters::LuaCounters;
use crate::error::{ErrorKind, ScriptError};
use crate::parked::{Parked, ParkedRun};
use crate::quarantine::{Quarantine, RouteKey};
use crate::run::{Call, Entry, Loaded, LogSink, Outcome, Run, WaitToken};
use crate::settings::{HostSettings, HostingForm};
use crate::source::{ScriptFolder, inside};
use crate::table::{FunctionTable, Value};
use crate::vm::{Coroutine, Generation, Resume, Shared, SliceEnd, failure, open};

/// The entry under which runs of files are remembered by the quarantine.
const FILE_ENTRY: u32 = u32::MAX;

/// Whose slice it is.
#[derive(Copy, Clone)]
struct Origin {
    /// True if it runs on the generation of new calls.
    is_current: bool,
    entry: u32,
    /// Octets by which memory grew during its earlier slices.
    grown: i64,
}

/// The script host of one shard. `C` is what a run lends to the functions that it calls.
pub struct ScriptHost<C: 'static> {
    table: Arc<FunctionTable<C>>,
    settings: HostSettings,
    shared: Arc<Shared<C>>,
    entries: Vec<String>,
    by_name: BTreeMap<String, Entry>,
    current: Option<Generation<C>>,
    /// The generation before, as long as runs of it are parked.
    previous: Option<Generation<C>>,
    path: String,
    generations: u64,
    parked: Parked,
    ended: VecDeque<(WaitToken, Box<ScriptError>)>,
    quarantine: Quarantine,
    /// Tells routes of one entry apart for the quarantine.
    key: fn(&C) -> u64,
    counters: LuaCounters,
}

impl<C: Send + 'static> ScriptHost<C> {
    /// A host without a script.
    pub fn new(
        table: Arc<FunctionTable<C>>,
        settings: HostSettings,
        clock: Box<dyn BudgetClock>,
        folder: Box<dyn ScriptFolder>,
        log: LogSink,
    ) -> Self {
        ScriptHost {
            table,
            shared: Arc::new(Shared::new(&settings, clock, folder, log)),
            entries: Vec::new(),
            by_name: BTreeMap::new(),
            current: None,
            previous: None,
            path: String::new(),
            generations: 0,
            parked: Parked::default(),
            ended: VecDeque::new(),
            quarantine: Quarantine::new(
                settings.overruns,
                settings.overrun_window,
                settings.overrun_routes_max,
            ),
            settings,
            key: |_| 0,
            counters: LuaCounters::default(),
        }
    }

    /// Tells routes of one entry apart for the quarantine by a key of the context: scripts have one request route, and one
    /// bad kind of request must not stop the others. The key must be the same before and after a run.
    pub fn tell_apart(&mut self, key: fn(&C) -> u64) {
        self.key = key;
    }

    /// Loads a script into a new VM and, if that succeeds, makes it the one that new calls run on. Parked runs of the one
    /// before finish there. While runs of an even older one are parked, nothing is loaded ([`ErrorKind::Busy`]).
    ///
    /// An empty path makes a VM without a script, for hosts whose runs execute files. With a context, functions of the
    /// table may be called while the script loads.
    pub fn load(&mut self, path: &str, context: Option<C>, now: Now) -> Loaded<C> {
        if self.previous.is_some() {
            let text = "runs of two generations are parked; let them finish, or retire them";
            self.counters.load_failures += 1;
            return Loaded {
                context,
                result: Err(Box::new(ScriptError::new(ErrorKind::Busy, text))),
            };
        }
        self.shared
            .begin(now, Some(self.settings.load_slice), 0, context);
        let made = self.make(path);
        let context = self.shared.slot().context.take();
        let result = made.map(|generation| {
            let number = generation.number;
            self.path = path.to_owned();
            self.quarantine.clear();
            self.previous = self
                .current
                .replace(generation)
                .filter(|before| before.parked > 0);
            number
        });
        match result {
            Ok(_) => self.counters.loads += 1,
            Err(_) => self.counters.load_failures += 1,
        }
        Loaded { context, result }
    }

    /// Loads the same script again.
    pub fn reload(&mut self, context: Option<C>, now: Now) -> Loaded<C> {
        let path = std::mem::take(&mut self.path);
        let loaded = self.load(&path, context, now);
        self.path = path;
        loaded
    }

    fn make(&mut self, path: &str) -> Result<Generation<C>, Box<ScriptError>> {
        let source = if path.is_empty() {
            None
        } else {
            Some(read(&self.shared, path)?)
        };
        let number = self.generations + 1;
        let mut generation = Generation::new(
            number,
            &self.table,
            &self.shared,
            &self.settings,
            &self.entries,
        )
        .map_err(|error| failure(&error))?;
        let result = match &source {
            Some(source) => generation.run_main(path, source),
            None => Ok(()),
        };
        let ended = self.shared.end(&generation.lua);
        self.shared.slot().context = ended.context;
        self.counters.full_collections += ended.full_collections;
        self.counters.argument_faults += ended.argument_faults;
        self.assert_sound();
        ended.verdict.map_or(result, Err)?;
        self.generations = number;
        generation.look_at_memory();
        Ok(generation)
    }

    /// Number of the generation that new calls run on.
    pub fn generation(&self) -> Option<u64> {
        self.current.as_ref().map(|generation| generation.number)
    }

    /// True while runs of the generation before are parked.
    pub fn has_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// Ends the parked runs of the generation before; they are told by [`Self::poll_ended`].
    pub fn retire_previous(&mut self) {
        let Some(previous) = self.previous.take() else {
            return;
        };
        let tokens: Vec<WaitToken> = self
            .parked
            .of_generation(previous.number)
            .map(|(token, _)| token)
            .collect();
        for token in tokens {
            self.parked.remove(token);
            self.counters.ended_by_reload += 1;
            let text = "ended: its generation of the script was retired";
            self.ended
                .push_back((token, Box::new(ScriptError::new(ErrorKind::Ended, text))));
        }
    }

    /// The handle of a function that is called by name. The script may define it or not, now or later.
    pub fn entry(&mut self, name: &str) -> Entry {
        if let Some(entry) = self.by_name.get(name) {
            return *entry;
        }
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        for generation in self.current.iter().chain(&self.previous) {
            // Fails only without memory; then the call answers that there is no such entry.
            let _ = generation.name_entry(index, name);
        }
        self.entries.push(name.to_owned());
        self.by_name.insert(name.to_owned(), Entry(index));
        Entry(index)
    }

    /// True if the script that is loaded defines this function.
    pub fn defines(&self, name: &str) -> bool {
        self.current
            .as_ref()
            .is_some_and(|generation| generation.defines(name))
    }

    /// Calls an entry. The context goes to the functions that the script calls and comes back with the outcome.
    pub fn call(&mut self, call: Call<'_>, context: C, now: Now) -> Run<C> {
        self.start(call.entry.0, context, now, |_| {
            Ok(if call.arguments.is_empty() && !call.wants_results {
                Resume::Plain(call.entry.0)
            } else {
                Resume::Entry(call.entry.0, call.arguments)
            })
        })
    }

    /// Executes a file in an environment of its own, with these globals. The file is read once per generation.
    pub fn run_file(
        &mut self,
        path: &str,
        globals: &[(&str, Value)],
        context: C,
        now: Now,
    ) -> Run<C> {
        self.start(FILE_ENTRY, context, now, |host| {
            let generation = host.current.as_mut().ok_or_else(no_vm)?;
            let source = generation.file(path, || read(&host.shared, path))?;
            let function = generation.open_file(path, &source, globals)?;
            Ok(Resume::File(function))
        })
    }

    fn start<'a>(
        &mut self,
        entry: u32,
        context: C,
        now: Now,
        resume: impl FnOnce(&mut Self) -> Result<Resume<'a>, Box<ScriptError>>,
    ) -> Run<C> {
        if !self.quarantine.is_empty()
            && self
                .quarantine
                .holds(self.route(entry, &context), now.monotonic)
        {
            self.counters.quarantined += 1;
            return Run {
                context,
                outcome: Outcome::Quarantined,
            };
        }
        self.counters.started += 1;
        let begun = resume(self).and_then(|resume| {
            let generation = self.current.as_mut().ok_or_else(no_vm)?;
            let coroutine = generation.coroutine(&resume)?;
            Ok((resume, coroutine))
        });
        match begun {
            Ok((resume, coroutine)) => {
                let origin = Origin {
                    is_current: true,
                    entry,
                    grown: 0,
                };
                self.slice(origin, coroutine, resume, context, now)
            }
            Err(error) => {
                self.counters.failed += 1;
                Run {
                    context,
                    outcome: Outcome::Failed(error),
                }
            }
        }
    }

    /// Lets a parked run go on: the function that it waits in answers these values.
    pub fn resume(&mut self, token: WaitToken, values: &[Value], context: C, now: Now) -> Run<C> {
        match self.parked.remove(token) {
            Some(run) => self.go_on(run, values, context, now),
            None => Run {
                context,
                outcome: Outcome::Gone,
            },
        }
    }

    /// Lets a parked run go on at its deadline: the function answers what it said it would.
    pub fn time_out(&mut self, token: WaitToken, context: C, now: Now) -> Run<C> {
        match self.parked.remove(token) {
            Some(mut run) => {
                self.counters.timed_out += 1;
                let values = std::mem::take(&mut run.at_deadline);
                self.go_on(run, &values, context, now)
            }
            None => Run {
                context,
                outcome: Outcome::Gone,
            },
        }
    }

    /// Ends a parked run where it is. False if there is none.
    pub fn abandon(&mut self, token: WaitToken) -> bool {
        let Some(run) = self.parked.remove(token) else {
            return false;
        };
        self.left(run.number);
        true
    }

    /// The earliest deadline of a parked run.
    pub fn poll_deadline(&self) -> Option<Time> {
        self.parked.first_deadline().map(|(deadline, _)| deadline)
    }

    /// The first parked run whose deadline has come; give it to [`Self::time_out`].
    pub fn next_expired(&self, now: Time) -> Option<WaitToken> {
        self.parked
            .first_deadline()
            .filter(|(deadline, _)| *deadline <= now)
            .map(|(_, token)| token)
    }

    /// A parked run that the host ended, and why.
    pub fn poll_ended(&mut self) -> Option<(WaitToken, Box<ScriptError>)> {
        self.ended.pop_front()
    }

    /// Number of parked runs.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Octets in use, all generations together.
    pub fn memory_octets(&self) -> usize {
        self.current
            .iter()
            .chain(&self.previous)
            .map(|generation| generation.lua.used_memory())
            .sum()
    }

    /// What the host did.
    pub fn counters(&self) -> &LuaCounters {
        &self.counters
    }

    /// The form in which scripts are hosted.
    pub fn form(&self) -> HostingForm {
        self.settings.form
    }

    fn go_on(&mut self, run: ParkedRun, values: &[Value], context: C, now: Now) -> Run<C> {
        self.counters.resumed += 1;
        let origin = Origin {
            is_current: self.generation() == Some(run.number),
            entry: run.entry,
            grown: run.grown,
        };
        let answer = self.slice(origin, run.coroutine, Resume::Values(values), context, now);
        self.left(run.number);
        answer
    }

    /// A run of this generation is not parked any more.
    fn left(&mut self, number: u64) {
        if let Some(generation) = self
            .current
            .iter_mut()
            .chain(&mut self.previous)
            .find(|generation| generation.number == number)
        {
            generation.parked = generation.parked.saturating_sub(1);
        }
        if self
            .previous
            .as_ref()
            .is_some_and(|generation| generation.parked == 0)
        {
            self.previous = None;
        }
    }

    fn slice(
        &mut self,
        origin: Origin,
        coroutine: Coroutine,
        resume: Resume<'_>,
        context: C,
        now: Now,
    ) -> Run<C> {
        let Origin {
            is_current, grown, ..
        } = origin;
        let generation = if is_current {
            &mut self.current
        } else {
            &mut self.previous
        };
        let Some(generation) = generation else {
            return Run {
                context,
                outcome: Outcome::Gone,
            };
        };
        let before = generation.memory;
        self.shared.begin(now, None, before, Some(context));
        let mut end = generation.slice(coroutine, resume);
        while let SliceEnd::Wait(wait, coroutine) = end {
            if self.parked.len() < self.settings.parked_max {
                end = SliceEnd::Wait(wait, coroutine);
                break;
            }
            // One budget for all of it: a script that waits in a loop ends as any other.
            self.counters.park_refused += 1;
            end = generation.slice(coroutine, Resume::Values(&wait.at_deadline));
        }
        let number = generation.number;
        let ended = self.shared.end(&generation.lua);
        let after = generation.look_at_memory();
        self.assert_sound();
        self.counters.full_collections += ended.full_collections;
        self.counters.argument_faults += ended.argument_faults;
        self.counters.waits_abandoned += u64::from(ended.abandoned_wait);
        let Some(context) = ended.context else {
            unreachable!("a run does not take its context away");
        };
        if let Some(verdict) = ended.verdict {
            end = SliceEnd::Failed(verdict);
        }
        let grown = grown
            .saturating_add_unsigned(after as u64)
            .saturating_sub_unsigned(before as u64);
        if let SliceEnd::Failed(error) = &end
            && matches!(error.kind, ErrorKind::Overrun | ErrorKind::Memory)
        {
            let route = self.route(origin.entry, &context);
            self.quarantine.count(route, now.monotonic);
        }
        let outcome = self.conclude(end, number, Origin { grown, ..origin });
        self.relieve(is_current);
        Run { context, outcome }
    }

    fn route(&self, entry: u32, context: &C) -> RouteKey {
        RouteKey {
            entry,
            key: (self.key)(context),
        }
    }

    fn conclude(&mut self, end: SliceEnd, number: u64, origin: Origin) -> Outcome {
        let Origin {
            is_current,
            entry,
            grown,
        } = origin;
        match end {
            SliceEnd::Returned(values) => {
                self.counters.finished += 1;
                Outcome::Returned(values)
            }
            SliceEnd::Exited(marker) => {
                self.counters.finished += 1;
                self.counters.exited += 1;
                Outcome::Exited(marker)
            }
            SliceEnd::NoEntry => {
                self.counters.no_entry += 1;
                Outcome::NoEntry
            }
            SliceEnd::Failed(error) => {
                match error.kind {
                    ErrorKind::Overrun => self.counters.overruns += 1,
                    ErrorKind::Memory => self.counters.out_of_memory += 1,
                    _ => self.counters.failed += 1,
                }
                Outcome::Failed(error)
            }
            SliceEnd::Wait(wait, coroutine) => {
                self.counters.parked += 1;
                let generation = if is_current {
                    &mut self.current
                } else {
                    &mut self.previous
                };
                if let Some(generation) = generation {
                    generation.parked += 1;
                }
                let deadline = wait.deadline;
                let token = self.parked.insert(ParkedRun {
                    coroutine,
                    number,
                    entry,
                    deadline,
                    at_deadline: wait.at_deadline,
                    grown,
                });
                Outcome::Parked { token, deadline }
            }
        }
    }

    /// Ends parked runs, the greediest first, while memory is short: so that a run which holds much while it waits does
    /// not starve those that come after it.
    fn relieve(&mut self, is_current: bool) {
        let share = self.settings.memory_octets_max / 16;
        let mark = self.shared.memory_soft / 4 * 3;
        loop {
            let generation = if is_current {
                &mut self.current
            } else {
                &mut self.previous
            };
            let Some(generation) = generation else { return };
            let used = generation.memory;
            if used <= mark || used <= generation.after_collection.saturating_add(share) {
                return;
            }
            self.counters.full_collections += 1;
            let collected = generation.lua.gc_collect();
            generation.after_collection = generation.look_at_memory();
            if collected.is_err() || generation.after_collection <= mark {
                return;
            }
            let number = generation.number;
            let Some((token, grown)) = self.parked.greediest(number) else {
                return;
            };
            if grown < i64::try_from(share).unwrap_or(i64::MAX) {
                return;
            }
            generation.after_collection = 0;
            self.parked.remove(token);
            self.left(number);
            self.counters.ended_for_memory += 1;
            let text = format!("ended: it held about {grown} octets while memory was short");
            self.ended
                .push_back((token, Box::new(ScriptError::new(ErrorKind::Ended, &text))));
        }
    }

    /// A panic in a function of the table is our own bug. A script may have swallowed it; the shard must not.
    fn assert_sound(&self) {
        assert!(
            !self.shared.is_poisoned(),
            "a function of the table panicked"
        );
    }
}

fn read<C: Send + 'static>(shared: &Shared<C>, path: &str) -> Result<Vec<u8>, Box<ScriptError>> {
    let fault = |text: String| {
        let mut error = ScriptError::new(ErrorKind::Source, "");
        error.message = text;
        Box::new(error)
    };
    let folder = open(&shared.folder);
    let inner = inside(&**folder, path)
        .ok_or_else(|| fault(format!("{path}: is outside the script folder")))?;
    folder
        .read(&inner)
        .map_err(|error| fault(format!("{path}: {error}")))
}

fn no_vm() -> Box<ScriptError> {
    Box::new(ScriptError::new(ErrorKind::Source, "no script is loaded"))
}
