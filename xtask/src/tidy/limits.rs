//! Every limit is named and documented: a constant `…_MAX` has a comment and stands with it in
//! docs/limits-reference.md. (Settings are documented by the table of configuration keys.)

use std::fmt::Write;

use super::Findings;
use super::sources::code_lines;
use crate::tree::{File, Tree};

const REFERENCE: &str = "docs/limits-reference.md";

/// A limit as declared in a source.
struct Limit<'a> {
    path: &'a str,
    line: usize,
    name: &'a str,
    /// What it is set to.
    value: &'a str,
    /// Its doc comment in one line.
    comment: String,
}

/// Limits without a comment are errors, and so is a reference that does not list them as they are.
pub fn check(tree: &Tree, findings: &mut Findings) {
    for limit in limits(tree).filter(|limit| limit.comment.is_empty()) {
        findings.error(
            limit.path,
            limit.line,
            format_args!(
                "the limit `{}` has no comment that says what it bounds",
                limit.name
            ),
        );
    }
    if tree
        .file(REFERENCE)
        .is_none_or(|file| file.text() != reference(tree))
    {
        findings.error(REFERENCE, 1, "is out of date: run `cargo xtask limits`");
    }
}

/// Write docs/limits-reference.md.
pub fn write(tree: &Tree) -> Result<String, String> {
    let text = reference(tree);
    std::fs::write(tree.root.join(REFERENCE), &text).map_err(|e| format!("{REFERENCE}: {e}"))?;
    Ok(format!(
        "{REFERENCE}: {} limits",
        text.lines().filter(|line| line.starts_with("| `")).count()
    ))
}

fn reference(tree: &Tree) -> String {
    let mut out = String::from(
        "# Built-in limits\n\nWritten by `cargo xtask limits` from the sources: what is bounded by a constant. What an operator can set stands in\n[configuration.md](configuration.md); how limits work, in [limits.md](limits.md).\n\n| limit | value | what it bounds | where |\n|---|---|---|---|\n",
    );
    for limit in limits(tree) {
        let place = limit
            .path
            .trim_start_matches("crates/")
            .replace("/src/", "/");
        let comment = limit.comment.replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{}` | {} | {comment} | {place} |",
            limit.name, limit.value
        );
    }
    out
}

fn limits(tree: &Tree) -> impl Iterator<Item = Limit<'_>> {
    tree.rust()
        .filter(|file| {
            file.path.starts_with("crates/")
                && !file.path.starts_with("crates/sim/")
                && !file.path.starts_with("crates/fuzz/")
                && !file.is_test()
        })
        .flat_map(limits_of)
}

fn limits_of(file: &File) -> impl Iterator<Item = Limit<'_>> {
    let lines: Vec<&str> = file.text().lines().collect();
    code_lines(file.text()).filter_map(move |(number, code)| {
        let (name, value) = declaration(code)?;
        let mut comment: Vec<&str> = lines
            .iter()
            .take(number.saturating_sub(1))
            .rev()
            .map(|line| line.trim_start())
            .take_while(|line| line.starts_with("//") || line.starts_with("#["))
            .filter(|line| line.starts_with("//"))
            .map(|line| line.trim_start_matches('/').trim())
            .collect();
        comment.reverse();
        Some(Limit {
            path: &file.path,
            line: number,
            name,
            value,
            comment: comment.join(" "),
        })
    })
}

/// Name and value of a limit that this line declares.
fn declaration(code: &str) -> Option<(&str, &str)> {
    let code = code.trim();
    let code = code
        .strip_prefix("pub(crate) ")
        .or_else(|| code.strip_prefix("pub "))
        .unwrap_or(code);
    let (name, rest) = code.strip_prefix("const ")?.split_once(':')?;
    let value = rest.split_once('=')?.1.trim().trim_end_matches(';');
    name.ends_with("_MAX").then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_constants() {
        assert_eq!(
            declaration("pub const HEADERS_MAX: usize = 200;"),
            Some(("HEADERS_MAX", "200"))
        );
        assert_eq!(declaration("    headers_max: usize,"), None);
        assert_eq!(declaration("let x = 3;"), None);
    }
}
