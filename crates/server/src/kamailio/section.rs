//! The section `[kamailio]` of a `strowger.toml`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use strowger_kamailio::cfg::modules::{self, Module, Takes};
use strowger_kamailio::cfg::{Class, CompatibilityReport, Value};
use strowger_kamailio::kemi::LogLevel;
use toml::de::{DeTable, DeValue};

use super::{Script, parameters};
use crate::config::{Config, Report, Table, nearest};

/// Reads the section into the configuration, if the file has it.
pub fn section(top: Table<'_>, folder: &Path, config: &mut Config, report: &mut Report) {
    let table = top.table("kamailio");
    let Some(found) = table.text("script") else {
        return;
    };
    let path = folder.join(found.value);
    if found.value.is_empty() || !path.is_file() {
        let message = format!("there is no script {}", path.display());
        let fix = "a relative path begins at the folder of this file";
        report.error(Some(found.span), message, fix);
    }
    let mut script = Script::new(&path);
    for define in table.texts("define").unwrap_or_default() {
        let (name, text) = define.value.split_once('=').unwrap_or((define.value, ""));
        script.definitions.insert(name.to_owned(), text.to_owned());
    }
    if let Some(names) = table.texts("modules") {
        let mut known = BTreeSet::new();
        for name in names {
            module(name.value, name.span, report);
            known.insert(name.value.to_owned());
        }
        script.modules = Some(known);
    }
    if let Some(modparam) = table.raw("modparam") {
        for (name, values) in modparam {
            let module = module(name.get_ref(), name.span(), report);
            match values.get_ref() {
                DeValue::Table(inner) => {
                    parameters_of(&mut script, name.get_ref(), module, inner, report);
                }
                _ => {
                    let fix = format!("write [kamailio.modparam.{}]", name.get_ref());
                    let message = "the parameters of a module stand in a table of their own";
                    report.error(Some(values.span()), message, fix);
                }
            }
        }
    }
    script.log_level = match table.word("log_level") {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warning,
        "info" => LogLevel::Info,
        "debug" => LogLevel::Debug,
        _ => LogLevel::Notice,
    };
    // As `lookup` does: all contacts at once, unless the file asks for an order.
    if top.table("proxy").span("fork").is_none() {
        config.proxy.parallel = true;
    }
    parameters::apply(&script, config, &mut CompatibilityReport::default());
    config.script = Some(Arc::new(script));
}

/// The module of this name; one that is not known is a warning.
fn module(name: &str, span: Range<usize>, report: &mut Report) -> Option<&'static Module> {
    // What scripts call otherwise than `loadmodule` does.
    let found = modules::module(match name {
        "kx" => "kemix",
        "pvx" => "pv",
        other => other,
    });
    match found.map(|module| (module.class, module.why)) {
        None => {
            let fix = suggestion(name, modules::names());
            let message = format!("the module `{}` is not known", name.escape_debug());
            report.warning(Some(span), message, fix, "scripts do not see it");
        }
        Some((Class::NotSupported, why)) => {
            let message = format!("the module `{name}` is not supported");
            report.warning(Some(span), message, "", why);
        }
        Some(_) => {}
    }
    found
}

fn suggestion(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    nearest(name, known)
        .map(|name| format!("did you mean `{name}`?"))
        .unwrap_or_default()
}

fn parameters_of(
    script: &mut Script,
    name: &str,
    module: Option<&'static Module>,
    table: &DeTable<'_>,
    report: &mut Report,
) {
    for (parameter, value) in table {
        let takes = module.and_then(|module| module.parameter(parameter.get_ref()));
        if let (Some(module), None) = (module, takes)
            && module.class == Class::Used
        {
            let fix = suggestion(parameter.get_ref(), module.parameters());
            let message = format!(
                "the module `{name}` has no parameter `{}`",
                parameter.get_ref().escape_debug()
            );
            report.warning(Some(parameter.span()), message, fix, "it has no effect");
        }
        let mut add = |one: &DeValue<'_>, span: Range<usize>| match read(one) {
            Some(read) if takes.is_none_or(|(takes, _)| fits(takes, &read)) => {
                script.add_parameter(name, parameter.get_ref(), read);
            }
            read => {
                let wanted = match (read, takes) {
                    (Some(_), Some((Takes::Number, _))) => "a number",
                    (Some(_), Some((Takes::Text, _))) => "a string",
                    _ => "a string, a number, true or false, or a list of them",
                };
                let message = format!("`{}` takes {wanted}", parameter.get_ref().escape_debug());
                report.error(Some(span), message, "");
            }
        };
        match value.get_ref() {
            DeValue::Array(items) => {
                for item in items.iter() {
                    add(item.get_ref(), item.span());
                }
            }
            one => add(one, value.span()),
        }
    }
}

fn fits(takes: Takes, value: &Value) -> bool {
    match takes {
        Takes::Number => value.integer().is_some(),
        Takes::Text => value.text().is_some(),
        Takes::Any => true,
    }
}

fn read(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::Text(text.to_string())),
        DeValue::Boolean(flag) => Some(Value::Integer((*flag).into())),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(Value::Integer(number))
        }
        _ => None,
    }
}
