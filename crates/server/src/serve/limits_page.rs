//! The page of limits says what is so: every limit of the configuration with its default, and counters that exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use strowger_element::{Element, Ingress, Settings};
use strowger_net::NetCounters;
use strowger_resolve::ResolveSettings;
use strowger_store::JournalCounters;
use strowger_transaction::token::{SecretKey, Secrets};

use super::dns::DnsCounters;
use super::live::OWN_COUNTERS;
use super::start::shared_tables;
use crate::config::documented_numbers;

/// Names of everything that is counted.
fn counters() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::from(OWN_COUNTERS);
    let mut add = |name: &'static str, _: &'static str, _: u64| {
        names.insert(name);
    };
    let Ok(shared) = shared_tables(&ResolveSettings::default(), 1) else {
        panic!("the system has no random source")
    };
    let shared = Arc::new(shared);
    let settings = Arc::new(Settings::default());
    let key = SecretKey {
        id: 1,
        key: [7; 16],
    };
    let secrets = Secrets {
        current: key,
        previous: None,
    };
    Element::new(settings.clone(), shared.clone(), secrets, 0, 1).visit_counters(&mut add);
    Ingress::new(settings, shared.clone(), secrets).visit(&mut add);
    NetCounters::default().visit(&mut add);
    DnsCounters::default().visit(&mut add);
    JournalCounters::default().visit(&mut add);
    shared.location.counters().visit(&mut add);
    shared.nonces.counters().visit(&mut add);
    shared.dns.counters().visit(&mut add);
    names
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    std::fs::read_to_string(path).expect("the page")
}

/// The cells of the rows of tables.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_configured_limit_stands_in_the_page_with_its_default_and_counters_that_exist() {
    let (text, counters) = (page("limits.md"), counters());
    let rows = rows(&text);
    for (key, default) in documented_numbers() {
        let named: Vec<_> = rows
            .iter()
            .filter(|row| quoted(row[0]) == [&*key])
            .collect();
        let [row] = &named[..] else {
            panic!("{} rows for {key}", named.len())
        };
        let [_, shown, counted, seen] = &row[..] else {
            panic!("{row:?}")
        };
        assert_eq!(shown.trim_matches('`'), default, "{key}");
        assert!(!quoted(counted).is_empty() && !seen.is_empty(), "{row:?}");
    }
    for row in &rows {
        let counted = row[row.len() - 2];
        assert!(row.len() >= 3 && !quoted(counted).is_empty(), "{row:?}");
        for name in quoted(counted) {
            assert!(
                counters.contains(name),
                "{name} of {row:?} does not exist: {counters:?}"
            );
        }
    }
}

#[test]
fn the_constants_of_the_page_exist() {
    let (text, reference) = (page("limits.md"), page("limits-reference.md"));
    let exist: BTreeSet<&str> = rows(&reference)
        .iter()
        .map(|row| quoted(row[0])[0])
        .collect();
    let rows = rows(&text);
    let constants = rows.iter().map(|row| quoted(row[0])[0]);
    let constants: Vec<&str> = constants.filter(|name| !name.contains('.')).collect();
    assert!(constants.len() >= 10);
    for name in constants {
        assert!(exist.contains(name), "{name}");
    }
}
