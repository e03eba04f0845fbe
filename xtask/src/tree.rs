//! The project's files: paths from the root, and the text of those that are text.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Largest file that is read as text; bigger ones are data.
const TEXT_OCTETS_MAX: u64 = 2_000_000;

/// One file.
pub struct File {
    /// Path from the root of the project, with `/`.
    pub path: String,
    /// Its text; `None` for binary and very large files.
    pub text: Option<String>,
}

impl File {
    /// The text, or nothing.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }

    /// True for a Rust source.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate a path under `crates/` belongs to.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// True for what only tests compile: `tests/`, `benches/`, a file `tests.rs` or one below `src/tests/`.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || self.path.ends_with("tests.rs")
    }
}

/// All files git knows or would add.
pub struct Tree {
    /// The root of the project.
    pub root: PathBuf,
    /// The files, sorted by path.
    pub files: Vec<File>,
}

impl Tree {
    /// Read the tree this program was built from.
    pub fn load() -> Result<Tree, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("xtask has no parent folder")?
            .to_path_buf();
        let mut paths = match listed_by_git(&root) {
            Some(paths) => paths,
            None => walked(&root)?,
        };
        paths.sort();
        paths.dedup();
        let files = paths
            .into_iter()
            .filter(|path| root.join(path).is_file())
            .map(|path| File {
                text: text_of(&root.join(&path)),
                path,
            })
            .collect();
        Ok(Tree { root, files })
    }

    /// The Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// A file by its path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let list = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = list
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    (!paths.is_empty()).then_some(paths)
}

/// Without git (a source archive): every file outside `target` and hidden folders.
fn walked(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != ".git" && name != "__pycache__" {
                    folders.push(path);
                }
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}

fn text_of(path: &Path) -> Option<String> {
    if std::fs::metadata(path).ok()?.len() > TEXT_OCTETS_MAX {
        return None;
    }
    String::from_utf8(std::fs::read(path).ok()?).ok()
}
