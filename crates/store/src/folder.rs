//! The data folder, and the lock that keeps a second instance out of it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::StoreError;

const DATABASE: &str = "strowger.db";
const LOCK: &str = "strowger.lock";
const SECRETS: &str = "secrets";
/// Mode of folders we make.
const FOLDER_MODE: u32 = 0o700;
/// Mode of files we make: they hold password hashes, contacts and keys.
pub(crate) const FILE_MODE: u32 = 0o600;

/// A folder that exists and can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// Use the folder, making it (and its parents) with mode 0700 if it does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<DataFolder, StoreError> {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(StoreError::NotAFolder(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => DirBuilder::new()
                .recursive(true)
                .mode(FOLDER_MODE)
                .create(path)
                .map_err(|error| StoreError::io("create the data folder", path, error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(StoreError::NotAFolder(parent_that_is_a_file(path)));
            }
            Err(error) => return Err(StoreError::io("open the data folder", path, error)),
        }
        fs::read_dir(path).map_err(|error| StoreError::io("read the data folder", path, error))?;
        Ok(DataFolder {
            path: path.to_owned(),
        })
    }

    /// Its path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the database.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The path of the secrets.
    pub fn secrets(&self) -> PathBuf {
        self.path.join(SECRETS)
    }

    /// Become the one instance that serves from this folder.
    ///
    /// The kernel drops the lock with the process, also on `kill -9`; the file stays and means nothing by
    /// itself. Account commands do not take it.
    pub fn lock(&self) -> Result<InstanceLock, StoreError> {
        let path = self.path.join(LOCK);
        let wrap = |action| move |error| StoreError::io(action, &self.path.join(LOCK), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(wrap("open the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Running {
                    folder: self.path.clone(),
                    pid: pid_in(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(wrap("lock")(error)),
        }
        file.set_len(0)
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
            .map_err(wrap("write the lock file"))?;
        Ok(InstanceLock { file })
    }
}

/// Held while this process serves from a data folder.
#[derive(Debug)]
pub struct InstanceLock {
    file: File,
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        // A number left behind would do no harm; an empty file says more to those who look.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The part of a path that should be a folder and is a file.
fn parent_that_is_a_file(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|part| part.is_file())
        .unwrap_or(path)
        .to_owned()
}

/// Make an empty file with mode 0600 if it does not exist; SQLite gives its side files the same mode.
pub(crate) fn ensure_private_file(path: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map(drop)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem
                if path.exists() =>
            {
                StoreError::ReadOnly(path.to_owned())
            }
            _ => StoreError::io("create the database", path, error),
        })
}
