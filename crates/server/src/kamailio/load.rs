//! Reads the files of Kamailio's forms.

use std::io;
use std::path::Path;
use std::sync::Arc;

use strowger_kamailio::cfg;

use super::machine::{ThisMachine, read_file};
use super::translate::translate;
use super::{Findings, Script};
use crate::config::Config;

/// Files that a configuration includes.
struct Disk;

impl cfg::Loader for Disk {
    fn load(&mut self, path: &str) -> Result<String, String> {
        read_file(Path::new(path)).map_err(|error| {
            let text = error.to_string();
            let reason = text.split(" (os error").next().unwrap_or(&text);
            reason.to_lowercase()
        })
    }
}

/// Reads a `kamailio.cfg`; `defines` are `NAME` or `NAME=VALUE`. The findings hold warnings even where it is good.
///
/// # Errors
/// The file cannot be read.
pub fn cfg(file: &Path, defines: &[String]) -> io::Result<(Option<Config>, Findings)> {
    let text = read_file(file)?;
    let defines: Vec<&str> = defines.iter().map(String::as_str).collect();
    let reading = cfg::read(&file.display().to_string(), &text, &defines, &mut Disk);
    Ok(translate(file, reading, &ThisMachine))
}

/// Gives a configuration the script, with definitions as the command line has them.
///
/// # Errors
/// The script is not there.
pub fn script_alone(config: &mut Config, path: &Path, defines: &[String]) -> io::Result<()> {
    std::fs::File::open(path)?;
    let mut script = match config.script.take() {
        Some(configured) => {
            let Script { folder, file, .. } = Script::new(path);
            Script {
                folder,
                file,
                ..(*configured).clone()
            }
        }
        None => Script::new(path),
    };
    for define in defines {
        let (name, text) = define.split_once('=').unwrap_or((define, ""));
        script.definitions.insert(name.to_owned(), text.to_owned());
    }
    config.script = Some(Arc::new(script));
    Ok(())
}
