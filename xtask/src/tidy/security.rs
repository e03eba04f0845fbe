//! SECURITY.md names the tests that show each behaviour: they must exist.

use std::collections::HashSet;

use super::Findings;
use crate::tree::Tree;

const PAGE: &str = "SECURITY.md";

/// Classes of attack that the page has at least; one that is lost from it by mistake is noticed.
const CLASSES_MIN: usize = 20;

/// A row without a test, or with one that does not exist, is an error.
pub fn check(tree: &Tree, findings: &mut Findings) {
    let Some(page) = tree.file(PAGE) else {
        return findings.error(PAGE, 1, "is missing");
    };
    let tests = tests(tree);
    let mut classes = 0;
    for (number, row) in rows(page.text()) {
        classes += 1;
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            findings.error(PAGE, number, "a class of attack without a test");
        }
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            findings.error(PAGE, number, format_args!("there is no test `{name}`"));
        }
    }
    if classes < CLASSES_MIN {
        let what = format_args!("{classes} classes of attack, of {CLASSES_MIN}");
        findings.error(PAGE, 1, what);
    }
}

/// Line and last cell of each row of the table of classes.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    let table = lines.skip_while(|(_, line)| !line.starts_with("| class |"));
    let rows = table.skip(2).take_while(|(_, line)| line.starts_with('|'));
    rows.filter_map(|(number, line)| {
        let cell = line.trim_end_matches('|').rsplit('|').next()?;
        Some((number, cell))
    })
}

/// Names of the functions that stand below `#[test]`.
fn tests(tree: &Tree) -> HashSet<&str> {
    let mut found = HashSet::new();
    for file in tree.rust() {
        let mut marked = false;
        for line in file.text().lines().map(str::trim) {
            if line == "#[test]" {
                marked = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| marked) {
                found.extend(rest.split('(').next());
                marked = false;
            } else if !line.starts_with("#[") && !line.starts_with("//") {
                marked = false;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cells_of_the_table_are_read() {
        let text = "| other | x |\n|---|\n\n| class | behaviour | shown by |\n|---|---|---|\n| a | b `no` | `one`, `two` |\n\n| x |";
        let cells: Vec<_> = rows(text).collect();
        assert_eq!(cells, [(6, " `one`, `two` ")]);
    }
}
