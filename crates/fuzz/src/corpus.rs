//! The committed inputs: `fuzz/corpus/<target>/`, one file each.

use std::io;
use std::path::{Path, PathBuf};

/// Octets of one input; longer ones are cut by the mutator and refused by the replay.
pub const INPUT_OCTETS_MAX: usize = 16_384;

/// Inputs of one target.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Names of the files and their octets, in the order of the names.
    pub inputs: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    /// The folder of all corpora.
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
    }

    /// The inputs of a target.
    ///
    /// # Errors
    /// The folder or a file cannot be read.
    pub fn load(folder: &Path, target: &str) -> io::Result<Corpus> {
        let mut inputs = Vec::new();
        for entry in std::fs::read_dir(folder.join(target))? {
            let path = entry?.path();
            if path.is_file() {
                let name = path.file_name().unwrap_or_default();
                inputs.push((name.to_string_lossy().into_owned(), std::fs::read(&path)?));
            }
        }
        inputs.sort();
        Ok(Corpus { inputs })
    }
}
