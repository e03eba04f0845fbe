//! Where scripts come from: one folder, and nothing outside it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// Reads the files of the script folder.
pub trait ScriptFolder: Send {
    /// The octets of a file. `path` is relative, with `/` between its parts, none of which is `..`.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// The folder's own name, so that scripts which name files absolutely find them.
    fn name(&self) -> &str {
        ""
    }
}

/// A folder of the file system.
#[derive(Clone, Debug)]
pub struct DiskFolder {
    path: PathBuf,
    name: String,
}

impl DiskFolder {
    /// The folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        DiskFolder {
            name: path.to_string_lossy().into_owned(),
            path,
        }
    }
}

impl ScriptFolder for DiskFolder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(path))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Files in memory, for tests and simulations.
#[derive(Clone, Debug, Default)]
pub struct MemoryFolder {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFolder {
    /// An empty folder.
    pub fn new() -> Self {
        MemoryFolder::default()
    }

    /// The same folder with one more file.
    pub fn with(mut self, path: &str, source: &str) -> Self {
        self.files.insert(path.to_owned(), source.into());
        self
    }
}

impl ScriptFolder for MemoryFolder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

/// The path within the folder, or `None` if it leads outside.
pub(crate) fn inside(folder: &dyn ScriptFolder, path: &str) -> Option<String> {
    let name = folder.name().trim_end_matches('/');
    let relative = match path.strip_prefix('/') {
        None => path,
        Some(_) if name.is_empty() => return None,
        Some(_) => path.strip_prefix(name)?.strip_prefix('/')?,
    };
    let mut parts = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_folder() {
        let folder = DiskFolder::new("/etc/scripts");
        for (path, result) in [
            ("main.lua", Some("main.lua")),
            ("./lib/../main.lua", Some("main.lua")),
            ("/etc/scripts/lib/a.lua", Some("lib/a.lua")),
            ("../passwd", None),
            ("/etc/passwd", None),
            ("/etc/scripts2/a.lua", None),
            ("a/../../b", None),
        ] {
            assert_eq!(inside(&folder, path).as_deref(), result, "{path}");
        }
    }
}
