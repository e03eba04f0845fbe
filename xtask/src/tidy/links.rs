//! Links between Markdown files: each relative target exists, and so does the heading behind its `#`.

use super::Findings;
use crate::tree::Tree;

pub fn check(tree: &Tree, findings: &mut Findings) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let mut in_code = false;
        for (index, line) in file.text().lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for target in targets(line) {
                if let Some(fault) = fault(tree, &file.path, target) {
                    findings.error(&file.path, index + 1, fault);
                }
            }
        }
    }
}

/// The targets of `[text](target)` on a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

fn fault(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let path = if path.is_empty() {
        from.to_owned()
    } else {
        resolved(from, path)
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let Some(file) = tree.file(&path) else {
        let is_folder = tree.files.iter().any(|file| file.path.starts_with(&folder));
        return (!is_folder).then(|| format!("the link {target} leads nowhere"));
    };
    let heading = heading?;
    let found = file
        .text()
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == heading);
    (!found).then(|| format!("{path} has no heading for #{heading}"))
}

/// `path` as seen from the folder of `from`.
fn resolved(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor that a Markdown heading gets.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_seen_from_the_file() {
        assert_eq!(resolved("docs/nat.md", "../README.md"), "README.md");
        assert_eq!(resolved("docs/nat.md", "limits.md"), "docs/limits.md");
    }

    #[test]
    fn headings_become_anchors() {
        assert_eq!(
            anchor("## Phones behind NAT: what happens"),
            "phones-behind-nat-what-happens"
        );
    }
}
