//! Watching a slice: its time, its memory, and the error that nothing can swallow.
//!
//! A hook runs every so many instructions. Functions of the library do not pass it: what takes long in them says so by
//! [`Shared::spend`]. When a slice takes much memory, the hook is set to run more often, because then a single instruction
//! may take long. Once a slice has used up its time or its memory, the hook is set to every instruction, so that a loop
//! around a protected call ends as well; the host puts it back after the slice.

use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlua::{HookTriggers, Lua, VmState};
use strowger_sip::{Now, Time};

use super::place;
use crate::clock::BudgetClock;
use crate::error::{ErrorKind, ScriptError};
use crate::pattern::{OCTETS_PER_STEP, STEPS_PER_CHECK_MAX};
use crate::run::{LogLine, LogSink};
use crate::settings::HostSettings;
use crate::source::ScriptFolder;
use crate::table::Wait;

/// Instructions between two checks of a slice that takes much memory, at most.
const GREEDY_INSTRUCTIONS_PER_CHECK_MAX: u32 = 50;

/// By which part of the memory limit a slice may grow before it is called greedy.
const GREEDY_PART: usize = 16;

/// Where the context of the running script lies while the script runs, and what its slice may still use. One lock: nearly
/// all that a slice costs of the host are its locks.
pub(crate) struct Slot<C> {
    pub context: Option<C>,
    /// What the function that was called last waits for.
    pub wait: Option<Wait>,
    /// The error that the script ended with.
    pub error: Option<Box<ScriptError>>,
    pub argument_faults: u64,
    watch: Watch,
}

/// How a slice ended, apart from what the script says.
pub(crate) struct Ended<C> {
    pub context: Option<C>,
    /// Why it was ended, if it was.
    pub verdict: Option<Box<ScriptError>>,
    pub full_collections: u64,
    pub argument_faults: u64,
    /// A function waited, but nobody waits for it.
    pub abandoned_wait: bool,
}

/// What the running slice may still use.
struct Watch {
    clock: Box<dyn BudgetClock>,
    /// Reading of the clock at the first check of the slice.
    started: Option<u64>,
    budget_nanos: u64,
    memory_soft: usize,
    /// Memory in use when the slice began.
    memory_begin: usize,
    collected: bool,
    /// Where the slice was when it was last seen to be greedy.
    greedy_at: Option<(String, u32)>,
    /// Why the slice must end.
    verdict: Option<Box<ScriptError>>,
    full_collections: u64,
    now: Now,
}

/// What the host, its VMs and their functions share.
pub(crate) struct Shared<C> {
    slot: Mutex<Slot<C>>,
    over: AtomicBool,
    /// True once the slice took much memory: it is checked more often.
    greedy: AtomicBool,
    /// Steps of library functions since the last reading of the clock.
    spent: AtomicU64,
    every: u32,
    growth_max: usize,
    /// Memory that may be in use at a check.
    pub memory_soft: usize,
    slice_nanos: u64,
    pub folder: Mutex<Box<dyn ScriptFolder>>,
    log: Mutex<LogSink>,
}

/// Locks; a panic elsewhere does not matter here, it is found by [`Shared::is_poisoned`].
pub(crate) fn open<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Send + 'static> Shared<C> {
    pub fn new(
        settings: &HostSettings,
        clock: Box<dyn BudgetClock>,
        folder: Box<dyn ScriptFolder>,
        log: LogSink,
    ) -> Self {
        let memory_soft =
            settings.memory_octets_max / 100 * usize::from(settings.memory_use_percent.min(100));
        Shared {
            slot: Mutex::new(Slot {
                context: None,
                wait: None,
                error: None,
                argument_faults: 0,
                watch: Watch {
                    clock,
                    started: None,
                    budget_nanos: 0,
                    memory_soft,
                    memory_begin: 0,
                    collected: false,
                    greedy_at: None,
                    verdict: None,
                    full_collections: 0,
                    now: Now::default(),
                },
            }),
            over: AtomicBool::new(false),
            greedy: AtomicBool::new(false),
            spent: AtomicU64::new(0),
            every: settings.instructions_per_check.max(1),
            growth_max: settings.memory_octets_max / GREEDY_PART,
            memory_soft,
            slice_nanos: nanos(settings.slice),
            folder: Mutex::new(folder),
            log: Mutex::new(log),
        }
    }

    pub fn slot(&self) -> MutexGuard<'_, Slot<C>> {
        open(&self.slot)
    }

    /// True if a function of the table panicked.
    pub fn is_poisoned(&self) -> bool {
        self.slot.is_poisoned()
    }

    /// True if the slice has used up what it had.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Writes a line of the script at the place where it runs.
    pub fn log(&self, lua: &Lua, fault: bool, text: &str) {
        let (file, line) = place::of_script(lua).unwrap_or_default();
        open(&self.log)(LogLine {
            file: &file,
            line,
            text,
            fault,
        });
    }

    pub fn wall(&self) -> Time {
        self.slot().watch.now.wall
    }

    pub fn clock_nanos(&self) -> u64 {
        self.slot().watch.clock.read(0)
    }

    /// Begins a slice in a VM that uses this much memory.
    #[inline]
    pub fn begin(&self, now: Now, budget: Option<Duration>, memory: usize, context: Option<C>) {
        self.over.store(false, Ordering::Relaxed);
        self.greedy.store(false, Ordering::Relaxed);
        let mut slot = self.slot();
        slot.context = context;
        let watch = &mut slot.watch;
        watch.verdict = None;
        watch.started = None;
        watch.memory_begin = memory;
        watch.collected = false;
        watch.greedy_at = None;
        watch.budget_nanos = budget.map_or(self.slice_nanos, nanos);
        watch.now = now;
    }

    /// Where the slice was when it was last seen to take much memory.
    pub fn greedy_at(&self) -> Option<(String, u32)> {
        self.slot().watch.greedy_at.clone()
    }

    /// Ends a slice.
    #[inline]
    pub fn end(self: &Arc<Self>, lua: &Lua) -> Ended<C> {
        let ended = {
            let mut slot = self.slot();
            let slot = &mut *slot;
            slot.error = None;
            // What the host runs between slices is not measured from the last one.
            slot.watch.started = None;
            Ended {
                context: slot.context.take(),
                verdict: slot.watch.verdict.take(),
                full_collections: take(&mut slot.watch.full_collections),
                argument_faults: take(&mut slot.argument_faults),
                abandoned_wait: slot.wait.take().is_some(),
            }
        };
        if self.greedy.load(Ordering::Relaxed) || ended.verdict.is_some() {
            self.greedy.store(false, Ordering::Relaxed);
            self.over.store(false, Ordering::Relaxed);
            // Without memory for the hook the strict one stays, and the next slice ends at once.
            let _ = self.watch_every(lua, self.every);
        }
        ended
    }

    /// Puts the hook in.
    pub fn watch(self: &Arc<Self>, lua: &Lua) -> mlua::Result<()> {
        self.watch_every(lua, self.every)
    }

    fn watch_every(self: &Arc<Self>, lua: &Lua, every: u32) -> mlua::Result<()> {
        let shared = Arc::clone(self);
        let triggers = HookTriggers::new().every_nth_instruction(every);
        lua.set_global_hook(triggers, move |lua, debug| {
            let place = |lua: &Lua| place::of_hook(lua, debug);
            shared.check(lua, u64::from(every), place)?;
            Ok(VmState::Continue)
        })
    }

    /// A function of the library took this many steps, each about as long as an instruction. An error ends the slice.
    pub fn spend(self: &Arc<Self>, lua: &Lua, steps: u64) -> mlua::Result<()> {
        let before = self.spent.fetch_add(steps, Ordering::Relaxed);
        if before.saturating_add(steps) < u64::from(STEPS_PER_CHECK_MAX) {
            return Ok(());
        }
        self.check(lua, 0, place::of_script)
    }

    /// A function of the library is about to handle this many octets, which are many.
    pub fn spend_octets(self: &Arc<Self>, lua: &Lua, octets: u64) -> mlua::Result<()> {
        self.spend(lua, octets / OCTETS_PER_STEP as u64)?;
        self.be_greedy(lua)
    }

    /// Looks more often from now on until the slice ends.
    fn be_greedy(self: &Arc<Self>, lua: &Lua) -> mlua::Result<()> {
        if self.greedy.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.watch_every(lua, self.every.min(GREEDY_INSTRUCTIONS_PER_CHECK_MAX))
    }

    fn check(
        self: &Arc<Self>,
        lua: &Lua,
        instructions: u64,
        place: impl Fn(&Lua) -> Option<(String, u32)>,
    ) -> mlua::Result<()> {
        let mut slot = self.slot();
        let watch = &mut slot.watch;
        if let Some(verdict) = &watch.verdict {
            return Err(mlua::Error::RuntimeError(verdict.message.clone()));
        }
        let steps = self.spent.swap(0, Ordering::Relaxed);
        let Some((kind, text)) = watch.judge(lua, instructions.saturating_add(steps))? else {
            let grown = lua.used_memory().saturating_sub(watch.memory_begin);
            if grown > self.growth_max {
                watch.greedy_at = place(lua);
                drop(slot);
                self.be_greedy(lua)?;
            }
            return Ok(());
        };
        let traceback = lua.traceback(None, 0).ok();
        let traceback = traceback.as_ref().map(|text| text.to_string_lossy());
        let error = ScriptError::new(kind, "")
            .at(place(lua))
            .with_traceback(traceback.as_deref().unwrap_or(""));
        watch.verdict = Some(Box::new(ScriptError {
            message: text.clone(),
            ..error
        }));
        drop(slot);
        self.over.store(true, Ordering::Relaxed);
        self.watch_every(lua, 1)?;
        Err(mlua::Error::RuntimeError(text))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Watch {
    /// Why the slice must end after these instructions, if it must.
    fn judge(&mut self, lua: &Lua, instructions: u64) -> mlua::Result<Option<(ErrorKind, String)>> {
        let now = self.clock.read(instructions);
        let started = *self.started.get_or_insert(now);
        if now.saturating_sub(started) > self.budget_nanos {
            let millis = self.budget_nanos / 1_000_000;
            let text = format!("used up its time: the slice may take {millis} ms");
            return Ok(Some((ErrorKind::Overrun, text)));
        }
        if lua.used_memory() <= self.memory_soft {
            return Ok(None);
        }
        if !self.collected {
            self.collected = true;
            self.full_collections += 1;
            lua.gc_collect()?;
        }
        let used = lua.used_memory();
        let text = format!("used up its memory: {used} octets in use after a full collection");
        Ok((used > self.memory_soft).then_some((ErrorKind::Memory, text)))
    }
}
