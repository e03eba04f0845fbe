//! How to call this program again: what is printed for the reader to paste must work.

use std::path::{Path, PathBuf};

/// The program as the reader can type it: its bare name if the shell finds this very file, else its path.
pub fn program() -> String {
    let Ok(path) = std::env::current_exe() else {
        return "strowger".to_owned();
    };
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if in_search_path(&name).is_some_and(|found| found == path) {
        return name;
    }
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(relative) => quoted(&Path::new(".").join(relative)),
        Err(_) => quoted(&path),
    }
}

fn in_search_path(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&paths)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())?;
    found.canonicalize().ok()
}

/// Quoted for a shell where that is needed.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
