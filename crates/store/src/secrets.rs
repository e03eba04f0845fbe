//! The server's secrets: two 128-bit keys that sign To tags, branches, flow tokens and nonces.
//!
//! Two keys are valid at a time (DESIGN §2a rule 10): new tokens carry the id of the current one, old ones are still
//! known after one rotation. Kept in the data folder so that tokens survive a restart.
//!
//! ```text
//! strowger-secrets 1
//! current <id> <32 hexadecimal digits>
//! previous <id> <32 hexadecimal digits>
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use strowger_transaction::token::{SecretKey, Secrets};

use crate::folder::FILE_MODE;
use crate::{DataFolder, StoreError};

const FIRST_LINE: &str = "strowger-secrets 1";
/// Octets of a secrets file; longer ones are not ours.
const FILE_OCTETS_MAX: u64 = 1024;
const KEY_OCTETS: usize = 16;

/// Two new keys from the operating system's random source, for servers without a data folder.
pub fn new_secrets() -> Result<Secrets, StoreError> {
    let previous = SecretKey {
        id: 0,
        key: random_octets()?,
    };
    let current = SecretKey {
        id: 1,
        key: random_octets()?,
    };
    Ok(Secrets {
        current,
        previous: Some(previous),
    })
}

/// A new current key; the present one becomes the previous.
fn rotated(secrets: &Secrets) -> Result<Secrets, StoreError> {
    let current = SecretKey {
        id: secrets.current.id.wrapping_add(1),
        key: random_octets()?,
    };
    Ok(Secrets {
        current,
        previous: Some(secrets.current),
    })
}

/// The secrets of a data folder.
#[derive(Clone, Debug)]
pub struct SecretsFile {
    path: PathBuf,
}

impl SecretsFile {
    /// The secrets file of this folder.
    pub fn of(folder: &DataFolder) -> SecretsFile {
        SecretsFile {
            path: folder.secrets(),
        }
    }

    /// Read the secrets; made first if there are none.
    pub fn load_or_create(&self) -> Result<Secrets, StoreError> {
        match File::open(&self.path) {
            Ok(file) => self.read(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = new_secrets()?;
                self.replace(&secrets)?;
                Ok(secrets)
            }
            Err(error) => Err(StoreError::io("open the secrets file", &self.path, error)),
        }
    }

    /// Make a new current key and keep the present one as previous.
    pub fn rotate(&self) -> Result<Secrets, StoreError> {
        let secrets = rotated(&self.load_or_create()?)?;
        self.replace(&secrets)?;
        Ok(secrets)
    }

    fn read(&self, file: File) -> Result<Secrets, StoreError> {
        let wrap = |error| StoreError::io("read the secrets file", &self.path, error);
        let mode = file.metadata().map_err(wrap)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StoreError::SecretsExposed {
                path: self.path.clone(),
                mode,
            });
        }
        let mut text = String::new();
        file.take(FILE_OCTETS_MAX)
            .read_to_string(&mut text)
            .map_err(wrap)?;
        parse(&text).map_err(|reason| StoreError::SecretsMalformed {
            path: self.path.clone(),
            reason,
        })
    }

    /// Write a new file beside the old one and rename it: whoever reads sees the one or the other, whole.
    fn replace(&self, secrets: &Secrets) -> Result<(), StoreError> {
        let wrap = |error| StoreError::io("write the secrets file", &self.path, error);
        let new = self.path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrap(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&new)
            .map_err(wrap)?;
        file.write_all(text_of(secrets).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(wrap)?;
        fs::rename(&new, &self.path).map_err(wrap)?;
        sync_folder_of(&self.path).map_err(wrap)
    }
}

fn text_of(secrets: &Secrets) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (name, key) in [
        ("current", Some(&secrets.current)),
        ("previous", secrets.previous.as_ref()),
    ] {
        if let Some(key) = key {
            let digits: String = key.key.iter().map(|octet| format!("{octet:02x}")).collect();
            text.push_str(&format!("{name} {} {digits}\n", key.id));
        }
    }
    text
}

fn parse(text: &str) -> Result<Secrets, &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err("its first line is not `strowger-secrets 1`");
    }
    let current =
        key_of(lines.next(), "current").ok_or("no line `current <id> <32 hexadecimal digits>`")?;
    let previous = match lines.next() {
        None => None,
        line => Some(
            key_of(line, "previous").ok_or("no line `previous <id> <32 hexadecimal digits>`")?,
        ),
    };
    match previous.is_some_and(|previous| previous.id == current.id) {
        true => Err("both keys have the same id"),
        false => Ok(Secrets { current, previous }),
    }
}

fn key_of(line: Option<&str>, name: &str) -> Option<SecretKey> {
    let mut words = line?.split(' ');
    if words.next()? != name {
        return None;
    }
    let id = words.next()?.parse().ok()?;
    let digits = words.next()?;
    let mut key = [0; KEY_OCTETS];
    if digits.len() != 2 * KEY_OCTETS || !digits.is_ascii() || words.next().is_some() {
        return None;
    }
    for (position, octet) in key.iter_mut().enumerate() {
        *octet = u8::from_str_radix(digits.get(2 * position..2 * position + 2)?, 16).ok()?;
    }
    Some(SecretKey { id, key })
}

fn random_octets() -> Result<[u8; KEY_OCTETS], StoreError> {
    let path = Path::new("/dev/urandom");
    let mut octets = [0; KEY_OCTETS];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut octets))
        .map_err(|error| StoreError::io("read random octets from", path, error))?;
    Ok(octets)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
