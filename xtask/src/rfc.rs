//! Requirement tags: every `RFC nnnn §s` in the sources, gathered into docs/rfc/coverage.md, and the list of
//! deliberate deviations, docs/rfc/exceptions.toml.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::tidy::Findings;
use crate::tree::Tree;

const COVERAGE: &str = "docs/rfc/coverage.md";
const EXCEPTIONS: &str = "docs/rfc/exceptions.toml";

/// A cited section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    rfc: u32,
    /// Numbers of the section, for the order: 16.7 before 16.10.
    numbers: Vec<u32>,
    /// As written, `16.7 step 5`.
    text: String,
}

/// Write the table; a line about it.
pub fn write(tree: &Tree) -> Result<String, String> {
    let table = table(tree);
    let path = tree.root.join(COVERAGE);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    }
    std::fs::write(&path, &table).map_err(|e| format!("{COVERAGE}: {e}"))?;
    Ok(format!(
        "{COVERAGE}: {} sections",
        table.lines().filter(|line| line.starts_with("| §")).count()
    ))
}

/// Fail if the table is not what would be written.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings {
        checked: COVERAGE.to_owned(),
        ..Findings::default()
    };
    if tree
        .file(COVERAGE)
        .is_none_or(|file| file.text() != table(tree))
    {
        findings.error(COVERAGE, 1, "is out of date: run `cargo xtask rfc`");
    }
    findings
}

/// Every exception has a section, what we do, and why.
pub fn check_exceptions(tree: &Tree, findings: &mut Findings) {
    let Some(file) = tree.file(EXCEPTIONS) else {
        return findings.error(EXCEPTIONS, 1, "is missing");
    };
    let parsed: toml::Table = match file.text().parse() {
        Ok(parsed) => parsed,
        Err(problem) => return findings.error(EXCEPTIONS, 1, problem),
    };
    let entries = parsed.get("exception").and_then(toml::Value::as_array);
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        for key in ["section", "says", "we", "why"] {
            if entry
                .get(key)
                .and_then(toml::Value::as_str)
                .is_none_or(str::is_empty)
            {
                findings.error(
                    EXCEPTIONS,
                    1,
                    format_args!("exception {} has no `{key}`", index + 1),
                );
            }
        }
        let section = entry
            .get("section")
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        if sections(section).is_empty() {
            findings.error(
                EXCEPTIONS,
                1,
                format_args!("exception {}: `{section}` is no `RFC nnnn §s`", index + 1),
            );
        }
    }
}

fn table(tree: &Tree) -> String {
    let mut cited: BTreeMap<Section, BTreeMap<&str, bool>> = BTreeMap::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        let mut in_tests = file.is_test();
        for line in file.text().lines() {
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            for section in sections(line) {
                let place = cited
                    .entry(section)
                    .or_default()
                    .entry(file.path.as_str())
                    .or_insert(true);
                *place &= in_tests;
            }
        }
    }
    let mut out = String::from(
        "# Requirements cited in the sources\n\nWritten by `cargo xtask rfc`: every section that a comment names, and where. A file in *italics* names it in its\ntests only. What we do differently on purpose is in [exceptions.toml](exceptions.toml).\n",
    );
    let mut rfc = 0;
    for (section, places) in &cited {
        if section.rfc != rfc {
            rfc = section.rfc;
            let _ = write!(out, "\n## RFC {rfc}\n\n| section | where |\n|---|---|\n");
        }
        let places: Vec<String> = places
            .iter()
            .map(|(path, only_tests)| {
                let path = path.trim_start_matches("crates/").replace("/src/", "/");
                if *only_tests {
                    format!("*{path}*")
                } else {
                    path
                }
            })
            .collect();
        let _ = writeln!(out, "| §{} | {} |", section.text, places.join(", "));
    }
    out
}

/// The sections a line names: `RFC 3261 §16.7 step 5`, also `RFC 3261 §10, §16.3` and `RFC 3261 §16.3 to §16.5`.
fn sections(line: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("RFC ") {
        let rest = &line[at + 4..];
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let Ok(rfc) = digits.parse::<u32>() else {
            continue;
        };
        let mut rest = rest[digits.len()..].trim_start();
        while let Some(after) = rest.strip_prefix('§') {
            let number: String = after
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            let number = number.trim_end_matches('.');
            if number.is_empty() {
                break;
            }
            rest = &after[number.len()..];
            let mut text = number.to_owned();
            for word in ["step", "item"] {
                if let Some(step) = rest.trim_start().strip_prefix(word).map(str::trim_start) {
                    let step: String = step.chars().take_while(char::is_ascii_digit).collect();
                    if !step.is_empty() {
                        let _ = write!(text, " {word} {step}");
                        rest = rest.split_once(step.as_str()).map_or("", |(_, rest)| rest);
                    }
                }
            }
            let numbers = number
                .split('.')
                .filter_map(|part| part.parse().ok())
                .collect();
            found.push(Section { rfc, numbers, text });
            rest = rest.trim_start_matches([',', ' ', ';']).trim_start();
            for joint in ["and ", "to ", "or "] {
                rest = rest.strip_prefix(joint).unwrap_or(rest);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &str) -> Vec<String> {
        sections(line)
            .into_iter()
            .map(|section| format!("{} {}", section.rfc, section.text))
            .collect()
    }

    #[test]
    fn lists_and_steps_are_read() {
        assert_eq!(named("// RFC 3261 §16.7 step 5: x"), ["3261 16.7 step 5"]);
        assert_eq!(
            named("//! Read RFC 3261 §8.2, §10.3, §16.3 to §16.5."),
            ["3261 8.2", "3261 10.3", "3261 16.3", "3261 16.5"]
        );
        assert_eq!(
            named("RFC 3581 §4 and RFC 6026 §7.1"),
            ["3581 4", "6026 7.1"]
        );
        assert!(named("RFC 4475").is_empty());
    }

    #[test]
    fn sections_stand_in_the_order_of_the_text() {
        let mut found = sections("RFC 3261 §16.10, §16.7");
        found.sort();
        assert_eq!(
            found.first().map(|section| section.text.as_str()),
            Some("16.7")
        );
    }
}
