//! Every text file: no paths of somebody's machine, no private package hosts, no unfinished markers.

use super::Findings;
use crate::tree::Tree;

/// Folders that exist on one machine only. (Written in parts, so that this file does not find itself.)
const MACHINE_PATHS: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("/fa", "rm/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("C:\\Us", "ers\\"),
    ("/tmp/str", "owger/"),
    (".lib", "rary"),
];

/// Marks of work that was left.
const UNFINISHED: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("HA", "CK:"),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("@", "STATUS@"),
];

/// The only place packages come from.
const PACKAGE_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub fn check(tree: &Tree, findings: &mut Findings) {
    for file in &tree.files {
        if file.path.starts_with("fixtures/") || file.path.starts_with("fuzz/corpus/") {
            continue;
        }
        for (index, line) in file.text().lines().enumerate() {
            let number = index + 1;
            if file.path.ends_with("Cargo.lock") {
                if line.starts_with("source = ") && !line.contains(PACKAGE_SOURCE) {
                    findings.error(
                        &file.path,
                        number,
                        format_args!("a package from elsewhere: {line}"),
                    );
                }
                continue;
            }
            if let Some(path) = find(line, MACHINE_PATHS, true) {
                findings.error(
                    &file.path,
                    number,
                    format_args!("`{path}` is a path of one machine"),
                );
            }
            if let Some(mark) = find(line, UNFINISHED, false) {
                findings.error(
                    &file.path,
                    number,
                    format_args!("`{mark}` marks unfinished work"),
                );
            }
        }
    }
}

/// The first of the words in the line. A path must begin there, not be the middle of a longer one (`a/work/b`).
fn find(line: &str, words: &[(&str, &str)], is_path: bool) -> Option<String> {
    words
        .iter()
        .map(|(first, second)| format!("{first}{second}"))
        .find(|word| {
            line.match_indices(word.as_str()).any(|(at, _)| {
                !line[..at].chars().next_back().is_some_and(|before| {
                    before.is_alphanumeric()
                        || before == '_'
                        || (is_path && matches!(before, '-' | '.' | '}' | ')'))
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_from_the_root_are_found() {
        let path = format!("{}{}x", "/wo", "rk/");
        assert!(find(&path, MACHINE_PATHS, true).is_some());
        assert!(find(&format!("a{path}"), MACHINE_PATHS, true).is_none());
    }
}
