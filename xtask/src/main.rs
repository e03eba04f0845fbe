//! `cargo xtask tidy` checks the project's invariants; `cargo xtask rfc` writes the table of cited requirements.
//!
//! Both work on the files git knows (tracked, or new and not ignored), so a fresh clone and a working tree agree.
#![forbid(unsafe_code)]

mod rfc;
mod tidy;
mod tree;

use std::process::ExitCode;

use tree::Tree;

const USAGE: &str = "\
cargo xtask tidy          check the invariants of the project (also run by cargo test)
cargo xtask rfc           write docs/rfc/coverage.md from the requirement tags in the sources
cargo xtask rfc --check   fail if docs/rfc/coverage.md is not what would be written
cargo xtask limits        write docs/limits-reference.md from the limits in the sources";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tree = match Tree::load() {
        Ok(tree) => tree,
        Err(problem) => return fail(&problem),
    };
    match words.as_slice() {
        ["tidy"] => report(&tidy::check(&tree)),
        ["rfc"] => written(rfc::write(&tree)),
        ["limits"] => written(tidy::limits::write(&tree)),
        ["rfc", "--check"] => report(&rfc::check(&tree)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn written(outcome: Result<String, String>) -> ExitCode {
    match outcome {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(problem) => fail(&problem),
    }
}

fn report(findings: &tidy::Findings) -> ExitCode {
    print!("{findings}");
    if findings.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let tree = Tree::load().expect("the project's files");
        let findings = tidy::check(&tree);
        assert!(findings.errors.is_empty(), "{findings}");
    }
}
