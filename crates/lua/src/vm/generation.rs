//! A generation: one VM with one version of the script, and its pooled coroutines.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Thread};

use super::convert::{from_lua, to_lua};
use super::dispatch::Dispatch;
use super::library::{MARK, SOURCE, host_table, kind, message};
use super::strings;
use super::watch::Shared;
use crate::error::{ErrorKind, OWN_CHUNK, ScriptError};
use crate::settings::HostSettings;
use crate::table::{ExitMarker, FunctionTable, Value, Wait};

/// What a coroutine is resumed with.
pub(crate) enum Resume<'a> {
    /// An entry, by its index, and arguments.
    Entry(u32, &'a [Value]),
    /// An entry without arguments whose results nobody reads.
    Plain(u32),
    /// A compiled file.
    File(Function),
    /// What a function that waited answers.
    Values(&'a [Value]),
}

/// What became of a slice.
pub(crate) enum SliceEnd {
    Returned(Vec<Value>),
    Exited(ExitMarker),
    Wait(Wait, Coroutine),
    NoEntry,
    Failed(Box<ScriptError>),
}

/// A coroutine of the host.
pub(crate) struct Coroutine {
    thread: Thread,
    body: Body,
    /// True before its first call.
    is_new: bool,
}

/// What it serves.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Body {
    /// Any call.
    Any,
    /// Calls of this entry by [`Resume::Plain`].
    Plain(u32),
}

pub(crate) struct Generation<C> {
    pub number: u64,
    pub lua: Lua,
    /// Runs of it that are parked.
    pub parked: usize,
    shared: Arc<Shared<C>>,
    body: Function,
    plain_body: Function,
    names: Table,
    environment: Function,
    markers: Vec<ExitMarker>,
    pool: Vec<Thread>,
    /// By entry.
    plain_pools: Vec<Vec<Thread>>,
    /// Coroutines in the pools.
    pooled: usize,
    pooled_max: usize,
    files: BTreeMap<String, Arc<[u8]>>,
    /// Memory in use when it was last looked at.
    pub memory: usize,
    /// Memory in use after the last full collection that the host asked for.
    pub after_collection: usize,
}

type Made = (Function, Function, Table, Function, Function, Function);

impl<C: Send + 'static> Generation<C> {
    /// A VM with the functions of the table, and no script yet.
    pub fn new(
        number: u64,
        table: &FunctionTable<C>,
        shared: &Arc<Shared<C>>,
        settings: &HostSettings,
        entries: &[String],
    ) -> mlua::Result<Self> {
        // Without the JIT library the compiler stays off: a compiled loop would not see the hook.
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS | StdLib::BIT;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_memory_limit(settings.memory_octets_max)?;
        shared.watch(&lua)?;
        let host = host_table(&lua, shared, settings)?;
        lua.load(strings::SOURCE)
            .set_name(format!("={OWN_CHUNK}"))
            .call::<()>(&host)?;
        let (body, plain_body, names, waiting, exiting, environment): Made = lua
            .load(SOURCE)
            .set_name(format!("={OWN_CHUNK}"))
            .call(host)?;
        let mut generation = Generation {
            number,
            lua,
            parked: 0,
            shared: Arc::clone(shared),
            body,
            plain_body,
            names,
            environment,
            markers: Vec::new(),
            pool: Vec::new(),
            plain_pools: Vec::new(),
            pooled: 0,
            pooled_max: settings.pooled_max,
            files: BTreeMap::new(),
            memory: 0,
            after_collection: 0,
        };
        for (index, name) in (0..).zip(entries) {
            generation.name_entry(index, name)?;
        }
        let dispatch = Dispatch {
            shared: Arc::clone(shared),
            fault: table.fault_answer(),
            tolerance: table.tolerance(),
            memory_octets_max: settings.memory_octets_max,
        };
        generation.register(table, &dispatch, &waiting, &exiting)?;
        Ok(generation)
    }

    fn register(
        &mut self,
        table: &FunctionTable<C>,
        dispatch: &Dispatch<C>,
        waiting: &Function,
        exiting: &Function,
    ) -> mlua::Result<()> {
        let globals = self.lua.globals();
        let root = if table.root().is_empty() {
            globals.clone()
        } else {
            let root = self.lua.create_table()?;
            globals.raw_set(table.root(), &root)?;
            root
        };
        for row in table.rows() {
            let mut function = dispatch.function(&self.lua, row)?;
            if row.yields {
                function = waiting.call((function, row.full_name()))?;
            }
            if let Some(marker) = row.exits {
                function = exiting.call((function, marker.0))?;
                if !self.markers.contains(&marker) {
                    self.markers.push(marker);
                }
            }
            let home = match row.module {
                "" => root.clone(),
                module => match root.raw_get::<Option<Table>>(module)? {
                    Some(home) => home,
                    None => {
                        let home = self.lua.create_table()?;
                        root.raw_set(module, &home)?;
                        home
                    }
                },
            };
            home.raw_set(row.name, function)?;
        }
        for prelude in table.preludes() {
            self.lua
                .load(prelude.source)
                .set_name(format!("@{}", prelude.name))
                .set_mode(ChunkMode::Text)
                .call::<()>(&root)?;
        }
        Ok(())
    }

    /// Makes an entry known under its index.
    pub fn name_entry(&self, index: u32, name: &str) -> mlua::Result<()> {
        self.names.raw_set(index, name)
    }

    /// True if the script defines this function.
    pub fn defines(&self, name: &str) -> bool {
        matches!(
            self.lua.globals().raw_get::<mlua::Value>(name),
            Ok(mlua::Value::Function(_))
        )
    }

    /// Compiles and runs the main script.
    pub fn run_main(&self, path: &str, source: &[u8]) -> Result<(), Box<ScriptError>> {
        let chunk = self.compile(path, source, None)?;
        chunk.call::<()>(()).map_err(|error| {
            let error = failure(&error);
            let place = self.place_of_growth(&error);
            let mut error = error.at(place);
            if error.file.is_empty() {
                path.clone_into(&mut error.file);
            }
            Box::new(error)
        })
    }

    fn compile(
        &self,
        path: &str,
        source: &[u8],
        environment: Option<Table>,
    ) -> Result<Function, Box<ScriptError>> {
        let mut chunk = self
            .lua
            .load(source)
            .set_name(format!("@{path}"))
            .set_mode(ChunkMode::Text);
        if let Some(environment) = environment {
            chunk = chunk.set_environment(environment);
        }
        chunk
            .into_function()
            .map_err(|error| match error {
                mlua::Error::SyntaxError { message, .. } => {
                    Box::new(ScriptError::syntax(&message, source))
                }
                error => failure(&error),
            })
            .map_err(|mut error| {
                if error.file.is_empty() {
                    path.clone_into(&mut error.file);
                }
                error
            })
    }

    /// The source of a file that runs execute, read once per generation.
    pub fn file(
        &mut self,
        path: &str,
        read: impl FnOnce() -> Result<Vec<u8>, Box<ScriptError>>,
    ) -> Result<Arc<[u8]>, Box<ScriptError>> {
        if let Some(source) = self.files.get(path) {
            return Ok(Arc::clone(source));
        }
        let source: Arc<[u8]> = read()?.into();
        self.files.insert(path.to_owned(), Arc::clone(&source));
        Ok(source)
    }

    /// Compiles a file in an environment of its own with these globals.
    pub fn open_file(
        &self,
        path: &str,
        source: &[u8],
        globals: &[(&str, Value)],
    ) -> Result<Function, Box<ScriptError>> {
        let make = || -> mlua::Result<Table> {
            let environment: Table = self.environment.call(())?;
            for (name, value) in globals {
                environment.raw_set(*name, to_lua(&self.lua, value)?)?;
            }
            Ok(environment)
        };
        let environment = make().map_err(|error| failure(&error))?;
        self.compile(path, source, Some(environment))
    }

    /// Memory in use now.
    pub fn look_at_memory(&mut self) -> usize {
        self.memory = self.lua.used_memory();
        self.memory
    }

    /// A coroutine that serves this.
    pub fn coroutine(&mut self, resume: &Resume<'_>) -> Result<Coroutine, Box<ScriptError>> {
        let (body, function, pool) = match resume {
            Resume::Plain(entry) => (
                Body::Plain(*entry),
                &self.plain_body,
                self.plain_pools.get_mut(*entry as usize),
            ),
            _ => (Body::Any, &self.body, Some(&mut self.pool)),
        };
        if let Some(thread) = pool.and_then(Vec::pop) {
            self.pooled -= 1;
            let is_new = false;
            return Ok(Coroutine {
                thread,
                body,
                is_new,
            });
        }
        let made = self.lua.create_thread(function.clone());
        Ok(Coroutine {
            thread: made.map_err(|error| failure(&error))?,
            body,
            is_new: true,
        })
    }

    /// Runs a coroutine until it ends or waits. Time and context are set by the caller.
    pub fn slice(&mut self, coroutine: Coroutine, resume: Resume<'_>) -> SliceEnd {
        let thread = &coroutine.thread;
        let answer = match resume {
            Resume::Plain(entry) => {
                let answer = if coroutine.is_new {
                    thread.resume::<PlainAnswer>(entry)
                } else {
                    thread.resume::<PlainAnswer>(())
                };
                match answer {
                    // Nearly always.
                    Ok((RETURNED, ..)) => {
                        self.pool_again(coroutine);
                        return SliceEnd::Returned(Vec::new());
                    }
                    Ok((code, first, rest)) => {
                        let first = first.unwrap_or(mlua::Value::Nil);
                        Ok((code, first, rest.into_iter().collect()))
                    }
                    Err(error) => Err(error),
                }
            }
            Resume::Entry(index, []) => thread.resume::<Answer>(index),
            Resume::Entry(index, arguments) => self
                .values(Some(mlua::Value::Integer(index.into())), arguments)
                .and_then(|values| thread.resume::<Answer>(values)),
            Resume::File(function) => thread.resume::<Answer>(function),
            Resume::Values(values) => self
                .values(None, values)
                .and_then(|values| thread.resume::<Answer>(values)),
        };
        match answer {
            Ok(answer) => self.ended(coroutine, answer),
            Err(error) => SliceEnd::Failed(failure(&error)),
        }
    }

    fn ended(&mut self, coroutine: Coroutine, (code, first, rest): Answer) -> SliceEnd {
        match code {
            RETURNED => {
                self.pool_again(coroutine);
                SliceEnd::Returned(returned(&first, &rest))
            }
            2 => {
                self.pool_again(coroutine);
                let error = self.shared.slot().error.take();
                SliceEnd::Failed(error.unwrap_or_else(|| self.unhandled(&first, rest.front())))
            }
            3 | 4 => {
                if code == 4 {
                    self.pool_again(coroutine);
                }
                self.exited(&first)
            }
            5 => {
                self.pool_again(coroutine);
                SliceEnd::NoEntry
            }
            WAITS => {
                let wait = self.shared.slot().wait.take();
                match wait {
                    Some(wait) => SliceEnd::Wait(wait, coroutine),
                    None => yielded_to_nobody(),
                }
            }
            _ => yielded_to_nobody(),
        }
    }

    /// Where the slice was last seen to take much memory, if that is what the error is about.
    fn place_of_growth(&self, error: &ScriptError) -> Option<(String, u32)> {
        if error.kind == ErrorKind::Memory {
            self.shared.greedy_at()
        } else {
            None
        }
    }

    /// An error for which no handler ran: memory, or an error in the handler. If nothing better is known, its place is the
    /// begin of the function that ran.
    fn unhandled(&self, value: &mlua::Value, ran: Option<&mlua::Value>) -> Box<ScriptError> {
        let mut error = match value {
            mlua::Value::String(text) => of_text(&text.to_string_lossy()),
            mlua::Value::Error(error) => failure(error),
            other => of_text(other.type_name()),
        };
        if error.line > 0 {
            return error;
        }
        let place = self.place_of_growth(&error);
        if place.is_none()
            && let Some(mlua::Value::Function(function)) = ran
        {
            let info = function.info();
            let file = info
                .source
                .as_deref()
                .and_then(|file| file.strip_prefix('@'));
            let line = info.line_defined.and_then(|line| u32::try_from(line).ok());
            if let (Some(file), Some(line)) = (file, line) {
                error.message.push_str(", in the function that begins here");
                return Box::new(error.at(Some((file.to_owned(), line.max(1)))));
            }
        }
        Box::new(error.at(place))
    }

    fn values(&self, first: Option<mlua::Value>, values: &[Value]) -> mlua::Result<MultiValue> {
        let mut list = MultiValue::with_capacity(values.len() + 1);
        list.extend(first);
        for value in values {
            list.push_back(to_lua(&self.lua, value)?);
        }
        Ok(list)
    }

    fn pool_again(&mut self, coroutine: Coroutine) {
        let pool = match coroutine.body {
            Body::Any => &mut self.pool,
            Body::Plain(entry) => {
                let entry = entry as usize;
                if entry >= self.plain_pools.len() {
                    self.plain_pools.resize_with(entry + 1, Vec::new);
                }
                match self.plain_pools.get_mut(entry) {
                    Some(pool) => pool,
                    None => return,
                }
            }
        };
        // Coroutines of one entry must not keep those of the others from being used again.
        if pool.is_empty() || self.pooled < self.pooled_max {
            pool.push(coroutine.thread);
            self.pooled += 1;
        }
    }

    fn exited(&self, index: &mlua::Value) -> SliceEnd {
        let index = index.as_usize().unwrap_or(0);
        let marker = self.markers.get(index.wrapping_sub(1)).copied();
        SliceEnd::Exited(marker.unwrap_or(ExitMarker("")))
    }
}

/// The code of a call that returned.
const RETURNED: i64 = 1;

/// The mark of a run that waits, read as a code: it is no integer.
const WAITS: i64 = MARK as i64;

/// What a coroutine yields: a code, and what belongs to it.
type Answer = (i64, mlua::Value, MultiValue);

/// The same of a body that yields three values at most.
type PlainAnswer = (i64, Option<mlua::Value>, Option<mlua::Value>);

fn yielded_to_nobody() -> SliceEnd {
    let text = "the script yielded to nobody";
    SliceEnd::Failed(Box::new(ScriptError::new(ErrorKind::Runtime, text)))
}

fn returned(first: &mlua::Value, rest: &MultiValue) -> Vec<Value> {
    if first.is_nil() && rest.is_empty() {
        return Vec::new();
    }
    std::iter::once(first).chain(rest).map(from_lua).collect()
}

/// An error of the VM.
pub(crate) fn failure(error: &mlua::Error) -> Box<ScriptError> {
    let mut described = of_text(&message(error));
    if kind(error) == ErrorKind::Memory {
        described.kind = ErrorKind::Memory;
    }
    described
}

fn of_text(text: &str) -> Box<ScriptError> {
    let (text, traceback) = text.split_once("\nstack traceback:").unwrap_or((text, ""));
    let kind = if text.ends_with("not enough memory") {
        ErrorKind::Memory
    } else {
        ErrorKind::Runtime
    };
    Box::new(ScriptError::new(kind, text).with_traceback(traceback))
}
