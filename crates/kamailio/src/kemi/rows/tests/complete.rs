//! Every function has a test.

use std::collections::BTreeSet;
use std::path::Path;

use strowger_lua::{Class, Returns, Row, Value};

use super::{INVITE, of};
use crate::kemi::fake::FakeHost;
use crate::kemi::rows::ALL;
use crate::kemi::run::KemiRun;

/// The text of all files below `folder` that hold tests.
fn tests_below(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_below(&path, out);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let is_test = path.to_string_lossy().contains("tests");
        let tests = text
            .find("#[cfg(test)]\nmod tests {")
            .and_then(|at| text.get(at..));
        out.push_str(if is_test {
            &text
        } else {
            tests.unwrap_or_default()
        });
    }
}

/// Functions whose names are made by macros in tests: their tests spell the family as `F`.
fn spelled(row: &Row<KemiRun>) -> Vec<String> {
    let mut names = vec![row.name.to_owned()];
    for family in ["xavp", "xavu", "xavi"] {
        if let Some(rest) = row.name.strip_prefix(family) {
            names.push(format!("F{rest}"));
        }
    }
    if row.module.is_empty()
        && let Some(rest) = row.name.strip_prefix("is_")
    {
        names.push(rest.to_owned());
    }
    names
}

#[test]
fn every_function_is_called_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kemi");
    let mut text = String::new();
    tests_below(&folder, &mut text);
    let words: BTreeSet<&str> = text
        .split(|one: char| !(one.is_alphanumeric() || one == '_'))
        .collect();
    let untested: Vec<String> = ALL
        .iter()
        .copied()
        .flatten()
        .filter(|row| row.class == Class::Real)
        .filter(|row| {
            !spelled(row)
                .iter()
                .any(|name| words.contains(name.as_str()))
        })
        .map(Row::full_name)
        .collect();
    assert!(
        untested.is_empty(),
        "without a test: {}",
        untested.join(" ")
    );
}

#[test]
fn what_has_no_engine_fails_and_is_counted() {
    let engineless = ALL.iter().copied().flatten();
    for row in engineless.filter(|row| row.class == Class::WithoutEngine) {
        let arguments = vec!["'1'"; row.parameters.len()].join(", ");
        let call = format!("return KSR.{}({arguments})", row.full_name());
        let mut host = FakeHost::new(&call, |_| {});
        let run = host.request(of(INVITE));
        let failed = matches!(run.value(), Value::Int(..=0) | Value::Nil);
        assert!(failed, "{call}: {}", run.shown());
        assert_eq!(host.shard().engine_failures, 1, "{call}");
        assert!(run.acts.is_empty() && run.message() == INVITE, "{call}");
    }
}

#[test]
fn what_is_absent_is_nil() {
    let absent = ALL.iter().copied().flatten();
    for row in absent.filter(|row| row.class == Class::Absent) {
        let module = row.module;
        let script = format!("return KSR.{module} and KSR.{module}.{}", row.name);
        let run = FakeHost::new(&script, |_| {}).request(of(INVITE));
        assert_eq!(run.value(), Value::Nil, "{}", row.full_name());
    }
}

#[test]
fn no_function_stands_twice() {
    let mut names = BTreeSet::new();
    for row in ALL.iter().copied().flatten() {
        assert!(names.insert(row.full_name()), "{}", row.full_name());
    }
}

#[test]
fn booleans_belong_to_the_core_and_to_values_alone() {
    for row in ALL.iter().copied().flatten() {
        let allowed = matches!(row.module, "" | "pv")
            || matches!(row.name, "ifdef" | "ifndef" | "match_content");
        assert!(
            row.returns != Returns::Bool || allowed,
            "{}",
            row.full_name()
        );
    }
}
