//! Rust sources: what crates above `net` may not touch, unsafe code, names, headers and lengths of files.

use super::Findings;
use super::dependencies::is_above_net;
use crate::tree::{File, Tree};

/// A file longer than this must be split.
const LINES_MAX: usize = 1_000;
/// A file longer than this is listed.
const LINES_NOTED: usize = 600;

/// Names that say nothing.
const FORBIDDEN_NAMES: &[&str] = &["util", "utils", "common", "helpers", "helper", "manager"];

/// What crates above `net` may not write outside tests: time, seeds and secrets are arguments.
const FORBIDDEN_ABOVE_NET: &[(&str, &str)] = &[
    ("UdpSocket", "sockets belong to `net`"),
    ("TcpStream", "sockets belong to `net`"),
    ("TcpListener", "sockets belong to `net`"),
    ("UnixStream", "sockets belong to `net`"),
    ("std::thread", "threads belong to `net`"),
    ("thread::spawn", "threads belong to `net`"),
    ("thread::sleep", "nothing sleeps; time is an argument"),
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    ("tokio::", "async belongs to `net` and what drives it"),
    ("rand::", "chance comes from the seed argument"),
    (
        "RandomState",
        "hash seeds come from the secrets argument, or iteration order would differ from run to run",
    ),
];

/// Crates that may hold unsafe code, with a `// SAFETY:` reason.
const UNSAFE_ALLOWED: &[&str] = &["net"];

pub fn check(tree: &Tree, findings: &mut Findings) {
    for file in tree.rust() {
        check_name(file, findings);
        check_length(file, findings);
        check_header(file, findings);
        check_unsafe(file, findings);
        if file.crate_name().is_some_and(is_above_net) && !file.is_test() {
            check_tokens(file, findings);
        }
    }
}

fn check_name(file: &File, findings: &mut Findings) {
    let forbidden = |name: &str| {
        let stem = name.strip_suffix(".rs").unwrap_or(name);
        FORBIDDEN_NAMES
            .iter()
            .any(|bad| stem.split(['_', '-']).any(|part| part == *bad))
    };
    for part in file.path.split('/') {
        if forbidden(part) {
            findings.error(
                &file.path,
                1,
                format_args!("the name `{part}` says nothing; name what it is"),
            );
        }
    }
}

fn check_length(file: &File, findings: &mut Findings) {
    let lines = file.text().lines().count();
    if lines > LINES_MAX {
        findings.error(
            &file.path,
            1,
            format_args!("{lines} lines, more than {LINES_MAX}: split it"),
        );
    } else if lines > LINES_NOTED {
        findings
            .notes
            .push(format!("{} has {lines} lines", file.path));
    }
}

fn check_header(file: &File, findings: &mut Findings) {
    let first = file
        .text()
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with("#!["));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.error(
            &file.path,
            1,
            "begins without a `//!` header: what it is in one sentence, the RFC sections to read",
        );
    }
}

fn check_unsafe(file: &File, findings: &mut Findings) {
    let is_root = file.path.ends_with("/src/lib.rs") || file.path.ends_with("/src/main.rs");
    let allowed = file
        .crate_name()
        .is_some_and(|name| UNSAFE_ALLOWED.contains(&name))
        || file.path.starts_with("bench/");
    if is_root && !allowed && !file.text().contains("#![forbid(unsafe_code)]") {
        findings.error(&file.path, 1, "lacks #![forbid(unsafe_code)]");
    }
    let lines: Vec<&str> = file.text().lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        let begins = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
            .iter()
            .any(|word| has_word(code, word));
        if begins && !code.contains('"') {
            let explained = lines
                .iter()
                .take(index + 1)
                .rev()
                .take(4)
                .any(|near| near.contains("// SAFETY:"));
            if !allowed {
                findings.error(&file.path, index + 1, "unsafe code is not allowed here");
            } else if !explained && !code.contains("unsafe fn") {
                findings.error(
                    &file.path,
                    index + 1,
                    "unsafe code without a `// SAFETY:` reason",
                );
            }
        }
    }
}

fn check_tokens(file: &File, findings: &mut Findings) {
    for (number, line) in code_lines(file.text()) {
        for (token, why) in FORBIDDEN_ABOVE_NET {
            if has_word(line, token) {
                findings.error(
                    &file.path,
                    number,
                    format_args!("`{token}` above `net`: {why}"),
                );
            }
        }
    }
}

/// The lines outside comments and outside `#[cfg(test)]` items, with their numbers.
pub fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut skipped = Skipped::Nothing;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let code = line.split("//").next().unwrap_or("");
        match skipped {
            Skipped::Nothing if code.trim_start().starts_with("#[cfg(test)]") => {
                skipped = Skipped::Item {
                    depth: 0,
                    opened: false,
                };
                None
            }
            Skipped::Nothing => Some((index + 1, code)),
            Skipped::Item { depth, opened } => {
                let depth =
                    depth + code.matches('{').count() as isize - code.matches('}').count() as isize;
                let opened = opened || code.contains('{');
                let ended = if opened {
                    depth <= 0
                } else {
                    code.trim_end().ends_with(';')
                };
                skipped = if ended {
                    Skipped::Nothing
                } else {
                    Skipped::Item { depth, opened }
                };
                None
            }
        }
    })
}

/// What of a file is being passed over.
#[derive(Copy, Clone)]
enum Skipped {
    Nothing,
    Item { depth: isize, opened: bool },
}

/// True if `word` stands in the line and does not go on a longer name before it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_and_comments_are_passed_over() {
        let text = "use a;\n// Instant::now\n#[cfg(test)]\nmod tests {\n    fn x() { Instant::now(); }\n}\nfn y() {}\n";
        let lines: Vec<_> = code_lines(text)
            .map(|(number, line)| (number, line.trim()))
            .collect();
        assert_eq!(lines, [(1, "use a;"), (2, ""), (7, "fn y() {}")]);
    }

    #[test]
    fn a_test_module_in_another_file_ends_at_its_semicolon() {
        let lines: Vec<_> = code_lines("#[cfg(test)]\nmod tests;\nfn y() {}\n")
            .map(|(number, _)| number)
            .collect();
        assert_eq!(lines, [3]);
    }

    #[test]
    fn words_do_not_begin_inside_names() {
        assert!(has_word("let x = rand::random();", "rand::"));
        assert!(!has_word("operand::new()", "rand::"));
    }
}
