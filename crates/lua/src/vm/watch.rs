//! Watching a slice: its time, its memory, and the error that nothing can swallow.
//!
//! A hook runs every so many instructions. Once a slice has used up its time or its memory, the hook is set to every
//! instruction, so that a loop around a protected call ends as well; the host puts it back after the slice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlua::debug::Debug;
use mlua::{HookTriggers, Lua, VmState};
use strowger_sip::{Now, Time};

use super::place;
use crate::clock::BudgetClock;
use crate::error::{ErrorKind, ScriptError};
use crate::run::{LogLine, LogSink};
use crate::settings::HostSettings;
use crate::source::ScriptFolder;
use crate::table::Wait;

/// Where the context of the running script lies while the script runs.
pub(crate) struct Slot<C> {
    pub context: Option<C>,
    /// What the function that was called last waits for.
    pub wait: Option<Wait>,
    /// The error that the script ended with.
    pub error: Option<Box<ScriptError>>,
    pub argument_faults: u64,
}

/// What the running slice may still use.
pub(crate) struct Watch {
    clock: Box<dyn BudgetClock>,
    /// Reading of the clock at the first check of the slice.
    started: Option<u64>,
    budget_nanos: u64,
    memory_soft: usize,
    collected: bool,
    /// Why the slice must end.
    verdict: Option<Box<ScriptError>>,
    full_collections: u64,
    now: Now,
}

/// What the host, its VMs and their functions share.
pub(crate) struct Shared<C> {
    slot: Mutex<Slot<C>>,
    watch: Mutex<Watch>,
    over: AtomicBool,
    every: u32,
    slice: std::time::Duration,
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
            }),
            watch: Mutex::new(Watch {
                clock,
                started: None,
                budget_nanos: 0,
                memory_soft,
                collected: false,
                verdict: None,
                full_collections: 0,
                now: Now::default(),
            }),
            over: AtomicBool::new(false),
            every: settings.instructions_per_check.max(1),
            slice: settings.slice,
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
        open(&self.watch).now.wall
    }

    pub fn clock_nanos(&self) -> u64 {
        open(&self.watch).clock.read(0)
    }

    pub fn memory_soft(&self) -> usize {
        open(&self.watch).memory_soft
    }

    /// Begins a slice.
    pub fn begin(&self, now: Now, budget: Option<std::time::Duration>) {
        let budget = budget.unwrap_or(self.slice);
        let mut watch = open(&self.watch);
        watch.started = None;
        watch.collected = false;
        watch.budget_nanos = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        watch.now = now;
    }

    /// Ends a slice: why it was ended, if it was, and how many full collections it took.
    pub fn end(self: &Arc<Self>, lua: &Lua) -> (Option<Box<ScriptError>>, u64) {
        let (verdict, collections) = {
            let mut watch = open(&self.watch);
            // What the host runs between slices is not measured from the last one.
            watch.started = None;
            (
                watch.verdict.take(),
                std::mem::take(&mut watch.full_collections),
            )
        };
        if verdict.is_some() {
            self.over.store(false, Ordering::Relaxed);
            // Without memory for the hook the strict one stays, and the next slice ends at once.
            let _ = self.watch_every(lua, self.every);
        }
        (verdict, collections)
    }

    /// Puts the hook in.
    pub fn watch(self: &Arc<Self>, lua: &Lua) -> mlua::Result<()> {
        self.watch_every(lua, self.every)
    }

    fn watch_every(self: &Arc<Self>, lua: &Lua, every: u32) -> mlua::Result<()> {
        let shared = Arc::clone(self);
        let triggers = HookTriggers::new().every_nth_instruction(every);
        lua.set_global_hook(triggers, move |lua, debug| shared.check(lua, debug, every))
    }

    fn check(self: &Arc<Self>, lua: &Lua, debug: &Debug<'_>, every: u32) -> mlua::Result<VmState> {
        let mut watch = open(&self.watch);
        if let Some(verdict) = &watch.verdict {
            return Err(mlua::Error::RuntimeError(verdict.message.clone()));
        }
        let now = watch.clock.read(u64::from(every));
        let started = *watch.started.get_or_insert(now);
        let kind = if now.saturating_sub(started) > watch.budget_nanos {
            ErrorKind::Overrun
        } else if lua.used_memory() > watch.memory_soft {
            if !watch.collected {
                watch.collected = true;
                watch.full_collections += 1;
                lua.gc_collect()?;
            }
            if lua.used_memory() <= watch.memory_soft {
                return Ok(VmState::Continue);
            }
            ErrorKind::Memory
        } else {
            return Ok(VmState::Continue);
        };
        let text = match kind {
            ErrorKind::Memory => format!(
                "used up its memory: {} octets in use after a full collection",
                lua.used_memory()
            ),
            _ => format!(
                "used up its time: the slice may take {} ms",
                watch.budget_nanos / 1_000_000
            ),
        };
        let place = place::of_hook(lua, debug);
        let traceback = lua.traceback(None, 0).ok();
        let traceback = traceback.as_ref().map(|text| text.to_string_lossy());
        let error = ScriptError::new(kind, "")
            .at(place)
            .with_traceback(traceback.as_deref().unwrap_or(""));
        watch.verdict = Some(Box::new(ScriptError {
            message: text.clone(),
            ..error
        }));
        drop(watch);
        self.over.store(true, Ordering::Relaxed);
        self.watch_every(lua, 1)?;
        Err(mlua::Error::RuntimeError(text))
    }
}
