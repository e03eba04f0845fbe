//! Kamailio's RPC methods over our own tables: the names and shapes that existing tools call for.

mod core;
mod dispatcher;
mod hash_tables;
mod permissions;
mod script;
mod statistics;
mod user_location;

use serde_json::Value;
use strowger_admin::RpcFault;

use super::live::Live;

/// A method: its name, what it does, and how.
type Method = (&'static str, &'static str, fn(&Live, &Params<'_>) -> Answer);
/// What a method gives back.
type Answer = Result<Value, RpcFault>;

/// Every method, by module.
const METHODS: &[&[Method]] = &[
    script::METHODS,
    core::METHODS,
    dispatcher::METHODS,
    hash_tables::METHODS,
    permissions::METHODS,
    statistics::METHODS,
    user_location::METHODS,
];

/// The code of a fault that is the method's own.
const FAILED: i64 = 500;
/// What was named is not there.
const NOT_FOUND: i64 = 404;

/// Calls a method.
pub fn call(live: &Live, name: &str, params: &[Value]) -> Answer {
    let found = methods().find(|(other, ..)| *other == name);
    match found {
        Some((_, _, method)) => method(live, &Params(params)),
        None => Err(RpcFault::new(
            RpcFault::METHOD_NOT_FOUND,
            "Method Not Found",
        )),
    }
}

fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().flat_map(|group| group.iter())
}

fn fault<T>(message: impl Into<String>) -> Result<T, RpcFault> {
    Err(RpcFault::new(FAILED, message))
}

fn not_found<T>(message: impl Into<String>) -> Result<T, RpcFault> {
    Err(RpcFault::new(NOT_FOUND, message))
}

/// Parameters by position.
struct Params<'p>(&'p [Value]);

impl Params<'_> {
    fn missing(&self, name: &str) -> RpcFault {
        RpcFault::new(
            RpcFault::INVALID_PARAMS,
            format!("Not enough parameters: {name} is missing"),
        )
    }

    /// A text, or a number as text.
    fn text(&self, at: usize, name: &str) -> Result<String, RpcFault> {
        self.optional_text(at).ok_or_else(|| self.missing(name))
    }

    fn optional_text(&self, at: usize) -> Option<String> {
        match self.0.get(at)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A number, or a text of digits.
    fn int(&self, at: usize, name: &str) -> Result<i64, RpcFault> {
        let value = self.0.get(at).ok_or_else(|| self.missing(name))?;
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .ok_or_else(|| RpcFault::new(RpcFault::INVALID_PARAMS, format!("{name} is no number")))
    }

    fn optional_int(&self, at: usize, name: &str) -> Result<Option<i64>, RpcFault> {
        match self.0.len() > at {
            true => self.int(at, name).map(Some),
            false => Ok(None),
        }
    }
}

/// Octets as text.
fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_order_within_their_module() {
        for group in METHODS {
            let names: Vec<&str> = group.iter().map(|(name, ..)| *name).collect();
            let mut sorted = names.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(names, sorted);
        }
    }

    #[test]
    fn parameters_are_numbers_or_texts() {
        let values = [Value::from("a"), Value::from("12"), Value::from(7)];
        let params = Params(&values);
        assert_eq!(params.text(0, "x").as_deref(), Ok("a"));
        assert_eq!(params.int(1, "x"), Ok(12));
        assert_eq!(params.text(2, "x").as_deref(), Ok("7"));
        assert_eq!(params.optional_int(3, "x"), Ok(None));
        let codes = [params.int(0, "x"), params.int(3, "x")].map(|one| one.map_err(|e| e.code));
        assert_eq!(codes, [Err(RpcFault::INVALID_PARAMS); 2]);
    }
}
