//! Values between the host and a VM.

use mlua::Lua;

use crate::table::Value;

/// How deep tables are followed.
const DEPTH: usize = 8;

/// Makes a value of the VM.
pub(crate) fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<mlua::Value> {
    Ok(match value {
        Value::Nil => mlua::Value::Nil,
        Value::Bool(value) => mlua::Value::Boolean(*value),
        Value::Int(number) => mlua::Value::Integer(*number),
        Value::Number(number) => mlua::Value::Number(*number),
        Value::Text(octets) => mlua::Value::String(lua.create_string(octets)?),
        Value::Table(entries) => {
            let table = lua.create_table_with_capacity(0, entries.len())?;
            for (key, value) in entries {
                // A key that is nil or not a number is none.
                if !matches!(key, Value::Nil) {
                    table.raw_set(to_lua(lua, key)?, to_lua(lua, value)?)?;
                }
            }
            mlua::Value::Table(table)
        }
    })
}

/// Reads a value of the VM. Functions and other things without a form of their own become nil.
pub(crate) fn from_lua(value: &mlua::Value) -> Value {
    read(value, DEPTH)
}

fn read(value: &mlua::Value, depth: usize) -> Value {
    match value {
        mlua::Value::Boolean(value) => Value::Bool(*value),
        mlua::Value::Integer(number) => Value::Int(*number),
        mlua::Value::Number(number) => Value::Number(*number),
        mlua::Value::String(text) => Value::Text(text.as_bytes().to_vec()),
        mlua::Value::Table(table) if depth > 0 => {
            let mut entries: Vec<(Value, Value)> = table
                .pairs::<mlua::Value, mlua::Value>()
                .filter_map(Result::ok)
                .map(|(key, value)| (read(&key, depth - 1), read(&value, depth - 1)))
                .collect();
            entries.sort_by(|(a, _), (b, _)| {
                order(a)
                    .partial_cmp(&order(b))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            Value::Table(entries)
        }
        _ => Value::Nil,
    }
}

/// Keys in a defined order: the VM's own differs from run to run.
fn order(key: &Value) -> (u8, f64, &[u8]) {
    match key {
        Value::Int(number) => (0, *number as f64, b""),
        Value::Number(number) => (0, *number, b""),
        Value::Text(octets) => (1, 0.0, octets),
        _ => (2, 0.0, b""),
    }
}
