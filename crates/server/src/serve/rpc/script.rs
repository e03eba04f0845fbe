//! `app_lua.*`: the script.

use serde_json::{Value, json};
use strowger_admin::Control;
use strowger_lua::{Kind, Returns, Signature};

use super::{Answer, Live, Method, Params, fault};

pub(super) const METHODS: &[Method] = &[
    (
        "app_lua.api_list",
        "the functions that the script may call",
        api,
    ),
    ("app_lua.list", "the script's file", list),
    (
        "app_lua.reload",
        "takes over the changed script, as `strowger reload` does",
        reload,
    ),
];

fn list(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    match &config.script {
        Some(script) => Ok(format!("0: [{}]", script.path().display()).into()),
        None => fault("there is no script"),
    }
}

fn reload(live: &Live, _: &Params<'_>) -> Answer {
    if live.config.load().script.is_none() {
        return fault("there is no script");
    }
    match live.reload() {
        Ok(_) => Ok(json!({})),
        Err(error) => fault(error.message()),
    }
}

fn api(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    let Some(script) = &config.script else {
        return fault("there is no script");
    };
    let all = script.factory(live.lines.clone()).table().signatures();
    let methods: Value = all.iter().map(function).collect();
    Ok(json!({ "msize": all.len(), "methods": methods }))
}

fn function(one: &Signature) -> Value {
    let ret = match one.returns {
        Returns::Int => "int",
        Returns::Bool => "bool",
        Returns::None => "none",
        Returns::Value => "xval",
    };
    let kinds = one.parameters.iter().map(|parameter| match parameter.kind {
        Kind::Int => "int",
        _ => "str",
    });
    let params = match one.parameters.is_empty() {
        true => "none".to_owned(),
        false => kinds.collect::<Vec<_>>().join(", "),
    };
    json!({ "func": { "ret": ret, "module": one.module, "name": one.name, "params": params } })
}
