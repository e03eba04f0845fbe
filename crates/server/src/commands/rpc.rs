//! `strowger rpc`: one of Kamailio's RPC methods on the running server.

use serde_json::{Value, json};

use super::{say, say_json};
use crate::cli::RpcArgs;
use crate::exit::{Exit, Failure};
use crate::locate::{Given, instance};
use crate::socket_client::Server;

/// Calls a method and returns its result.
///
/// # Errors
/// The method failed, or does not exist.
pub fn call(server: &Server, method: &str, parameters: &[Value]) -> Result<Value, Failure> {
    let request = json!({ "jsonrpc": "2.0", "method": method, "params": parameters, "id": 1 });
    let mut answer: Value = server.order("POST", "/rpc", Some(&request))?;
    if let Some(error) = answer.get("error") {
        let message = error.get("message").and_then(Value::as_str);
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
        let text = format!("{method}: {} ({code})", message.unwrap_or("it failed"));
        let failure = Failure::new(Exit::Failed, text);
        return Err(match code {
            strowger_admin::RpcFault::METHOD_NOT_FOUND => {
                failure.fix("strowger rpc system.listMethods")
            }
            _ => failure,
        });
    }
    let result = answer.get_mut("result").map(Value::take);
    Ok(result.unwrap_or_default())
}

/// `rpc`
///
/// # Errors
/// The server does not run, or the method failed.
pub fn run(given: Given<'_>, args: &RpcArgs, json: bool) -> Result<(), Failure> {
    let server = instance(given, Exit::NotRunning)?.running()?;
    let parameters: Vec<Value> = args.parameters.iter().map(|one| value(one)).collect();
    let result = call(&server, &args.method, &parameters)?;
    match (&result, json) {
        (_, true) => say_json(&result),
        (Value::String(text), false) => say(&format!("{}\n", super::printable(text))),
        (Value::Array(items), false) if items.iter().all(Value::is_string) => {
            for text in items.iter().filter_map(Value::as_str) {
                say(&format!("{}\n", super::printable(text)));
            }
        }
        (other, false) => {
            let text = serde_json::to_string_pretty(other).unwrap_or_default();
            say(&format!("{text}\n"));
        }
    }
    Ok(())
}

/// A parameter as the tools of Kamailio read it: what looks like a number is one, `s:` makes it a text.
fn value(text: &str) -> Value {
    if let Some(rest) = text.strip_prefix("s:") {
        return rest.into();
    }
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_unless_marked_as_texts() {
        assert_eq!(value("12"), json!(12));
        assert_eq!(value("-1"), json!(-1));
        assert_eq!(value("s:12"), json!("12"));
        assert_eq!(value("sip:a@b"), json!("sip:a@b"));
        assert_eq!(value("1.5"), json!("1.5"));
    }
}
