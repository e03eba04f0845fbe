//! JSON-RPC 2.0 around [`Control::rpc`](crate::Control::rpc), for tools that were written for other servers.

use serde_json::{Value, json};

/// Calls in one batch (100).
pub const RPC_BATCH_MAX: usize = 100;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcFault {
    /// A code of JSON-RPC, or one of the method's own.
    pub code: i64,
    /// What is wrong.
    pub message: String,
}

impl RpcFault {
    /// The body is no JSON.
    pub const PARSE_ERROR: i64 = -32_700;
    /// The body is no call.
    pub const INVALID_REQUEST: i64 = -32_600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32_601;
    /// The method takes other parameters.
    pub const INVALID_PARAMS: i64 = -32_602;

    /// A fault.
    pub fn new(code: i64, message: impl Into<String>) -> RpcFault {
        RpcFault {
            code,
            message: message.into(),
        }
    }
}

/// Calls a method by its name.
type Call<'c> = dyn Fn(&str, &[Value]) -> Result<Value, RpcFault> + 'c;

/// Answers a body: a call or a batch of calls. `None` if nothing in it wants an answer.
pub(crate) fn answer(method: &Call<'_>, body: &[u8]) -> Option<Value> {
    let fault = |code, message: &str| Some(failed(Value::Null, RpcFault::new(code, message)));
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return fault(RpcFault::PARSE_ERROR, "Parse error");
    };
    match request {
        Value::Array(calls) if calls.is_empty() => {
            fault(RpcFault::INVALID_REQUEST, "Invalid Request")
        }
        Value::Array(calls) if calls.len() > RPC_BATCH_MAX => {
            let message = format!("more than {RPC_BATCH_MAX} calls in a batch");
            fault(RpcFault::INVALID_REQUEST, &message)
        }
        Value::Array(calls) => {
            let answers = calls.iter().filter_map(|call| call_one(method, call));
            let answers: Vec<Value> = answers.collect();
            (!answers.is_empty()).then(|| answers.into())
        }
        call => call_one(method, &call),
    }
}

fn call_one(method: &Call<'_>, call: &Value) -> Option<Value> {
    let id = call.get("id").cloned();
    let invalid = |message: &str| {
        let fault = RpcFault::new(RpcFault::INVALID_REQUEST, message);
        Some(failed(id.clone().unwrap_or_default(), fault))
    };
    let Some(name) = call.get("method").and_then(Value::as_str) else {
        return invalid("Invalid Request");
    };
    if matches!(
        id,
        Some(Value::Object(_) | Value::Array(_) | Value::Bool(_))
    ) {
        return invalid("Invalid Request: the id is a string or a number");
    }
    let result = match call.get("params") {
        None | Some(Value::Null) => method(name, &[]),
        Some(Value::Array(params)) => method(name, params),
        Some(_) => Err(RpcFault::new(
            RpcFault::INVALID_PARAMS,
            "parameters are given by position, in an array",
        )),
    };
    let id = id?;
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
        Err(fault) => failed(id, fault),
    })
}

fn failed(id: Value, fault: RpcFault) -> Value {
    let error = json!({ "code": fault.code, "message": fault.message });
    json!({ "jsonrpc": "2.0", "error": error, "id": id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        let call = |name: &str, params: &[Value]| match name {
            "count" => Ok(params.len().into()),
            _ => Err(RpcFault::new(
                RpcFault::METHOD_NOT_FOUND,
                "Method Not Found",
            )),
        };
        let answered = answer(&call, body.as_bytes());
        answered.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
    }

    #[test]
    fn calls_batches_and_notifications_are_answered_as_json_rpc_says() {
        let bodies = [
            r#"{"jsonrpc": "2.0", "method": "count", "params": [1, "a"], "id": 7}"#,
            r#"{"method": "count", "id": "x"}"#,
            r#"{"method": "count"}"#,
            r#"{"method": "other", "id": 1}"#,
            r#"{"method": "count", "params": {"a": 1}, "id": 1}"#,
            r#"{"method": "count", "id": [1]}"#,
            r#"[{"method": "count", "id": 1}, {"method": "count"}, 5]"#,
            r#"[{"method": "count"}]"#,
            "[]",
            "{",
        ];
        let lines: Vec<String> = bodies.into_iter().map(told).collect();
        insta::assert_snapshot!(lines.join("\n"));
        let many = vec![r#"{"method": "count"}"#; RPC_BATCH_MAX + 1].join(",");
        assert!(told(&format!("[{many}]")).contains("-32600"));
    }
}
