//! The functions of the host that the library of a VM uses (`library.lua`).

use std::collections::BTreeMap;
use std::sync::Arc;

use mlua::{Either, Lua, LuaString, Table, Value};

use super::place;
use super::watch::{Shared, open};
use crate::error::{ErrorKind, ScriptError};
use crate::settings::HostSettings;
use crate::source::inside;

/// What a coroutine of the host yields first if its run waits: a number that no script comes upon by chance.
pub(super) const MARK: f64 = 6.022_140_76e-301;

/// The library, run in every VM before anything else.
pub(super) const SOURCE: &str = include_str!("library.lua");

/// The table that the library gets.
pub(super) fn host_table<C: Send + 'static>(
    lua: &Lua,
    shared: &Arc<Shared<C>>,
    settings: &HostSettings,
) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.set("mark", MARK)?;
    // The generator of the VM takes 53 bits.
    host.set("seed", (settings.seed & ((1 << 53) - 1)) as f64)?;
    host.set("ordered", settings.ordered_pairs)?;
    errors(lua, &host, shared)?;
    times(lua, &host, shared, settings.environment.clone())?;
    files(lua, &host, shared)?;
    frames(lua, &host)?;
    super::strings::add(lua, &host, shared, settings.result_octets_max)?;
    let sink = Arc::clone(shared);
    host.set(
        "print",
        lua.create_function(move |lua, text: LuaString| {
            sink.log(lua, false, &text.to_string_lossy());
            Ok(())
        })?,
    )?;
    Ok(host)
}

fn errors<C: Send + 'static>(lua: &Lua, host: &Table, shared: &Arc<Shared<C>>) -> mlua::Result<()> {
    let watch = Arc::clone(shared);
    host.set(
        "over",
        lua.create_function(move |_, ()| Ok(watch.is_over()))?,
    )?;
    host.set(
        "error_text",
        lua.create_function(|_, value: Value| match value {
            Value::Error(error) => Ok(Either::Left(message(&error))),
            other => Ok(Either::Right(other)),
        })?,
    )?;
    let slot = Arc::clone(shared);
    host.set(
        "describe",
        lua.create_function(move |lua, value: Value| {
            let error = match &value {
                Value::Error(error) => ScriptError::new(kind(error), &message(error)),
                Value::String(text) => {
                    ScriptError::new(ErrorKind::Runtime, &text.to_string_lossy())
                }
                other => ScriptError::new(ErrorKind::Runtime, other.type_name()),
            };
            let traceback = lua.traceback(None, 1)?;
            let error = error
                .at(place::of_script(lua))
                .with_traceback(&traceback.to_string_lossy());
            slot.slot().error = Some(Box::new(error));
            Ok(())
        })?,
    )
}

/// The message of an error without the layers around it.
pub(super) fn message(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => message(cause),
        mlua::Error::RuntimeError(text)
        | mlua::Error::MemoryError(text)
        | mlua::Error::SyntaxError { message: text, .. } => text.clone(),
        other => other.to_string(),
    }
}

/// The kind of an error of the VM.
pub(super) fn kind(error: &mlua::Error) -> ErrorKind {
    match error {
        mlua::Error::CallbackError { cause, .. } => kind(cause),
        mlua::Error::MemoryError(_) => ErrorKind::Memory,
        _ => ErrorKind::Runtime,
    }
}

fn times<C: Send + 'static>(
    lua: &Lua,
    host: &Table,
    shared: &Arc<Shared<C>>,
    environment: BTreeMap<String, String>,
) -> mlua::Result<()> {
    let watch = Arc::clone(shared);
    host.set(
        "time",
        lua.create_function(move |_, ()| Ok(watch.wall().as_secs()))?,
    )?;
    let watch = Arc::clone(shared);
    host.set(
        "clock",
        lua.create_function(move |_, ()| Ok(watch.clock_nanos() as f64 / 1e9))?,
    )?;
    host.set(
        "getenv",
        lua.create_function(move |_, name: String| Ok(environment.get(&name).cloned()))?,
    )
}

fn files<C: Send + 'static>(lua: &Lua, host: &Table, shared: &Arc<Shared<C>>) -> mlua::Result<()> {
    let shared = Arc::clone(shared);
    host.set(
        "read",
        lua.create_function(move |lua, path: LuaString| {
            let path = path.to_string_lossy();
            let folder = open(&shared.folder);
            let answer = match inside(&**folder, &path) {
                None => (None, format!("{path}: is outside the script folder")),
                Some(inner) => match folder.read(&inner) {
                    Ok(source) => (Some(source), inner),
                    Err(error) => (None, format!("{path}: {error}")),
                },
            };
            drop(folder);
            let source = answer
                .0
                .map(|octets| lua.create_string(octets))
                .transpose()?;
            Ok((source, answer.1))
        })?,
    )
}

fn frames(lua: &Lua, host: &Table) -> mlua::Result<()> {
    host.set(
        "traceback",
        lua.create_function(|lua, (text, level): (Value, Option<usize>)| {
            let text = match &text {
                Value::String(text) => Some(text.to_string_lossy()),
                _ => None,
            };
            lua.traceback(text.as_deref(), level.unwrap_or(1))
        })?,
    )?;
    host.set(
        "getinfo",
        lua.create_function(|lua, level: Value| {
            let Value::Integer(level) = level else {
                return Err(mlua::Error::runtime(
                    "debug.getinfo takes the level of a running function",
                ));
            };
            let info = lua.create_table()?;
            let found = lua.inspect_stack(usize::try_from(level).unwrap_or(0), |debug| {
                let source = debug.source();
                info.set(
                    "currentline",
                    debug.current_line().map_or(-1, |line| line as i64),
                )?;
                info.set("source", source.source.as_deref())?;
                info.set("short_src", source.short_src.as_deref())?;
                info.set("linedefined", source.line_defined)?;
                info.set("what", source.what)?;
                info.set("name", debug.names().name.as_deref())
            });
            Ok(match found {
                Some(filled) => filled.map(|()| Some(info))?,
                None => None,
            })
        })?,
    )
}
