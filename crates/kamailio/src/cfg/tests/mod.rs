//! Configurations of the shapes that people have, what is told of faulty ones, and the preprocessor. What is said of
//! 5.6.3 was tried with `kamailio -c`.

mod faults;
mod preprocessing;
mod shapes;

use std::collections::BTreeMap;

use super::*;

/// Files by name.
pub(crate) struct Files(pub(crate) BTreeMap<&'static str, &'static str>);

impl Loader for Files {
    fn load(&mut self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .map(|text| (*text).to_owned())
            .ok_or_else(|| "no such file".into())
    }
}

/// What a script needs beside what is tested.
pub(crate) const ENGINE: &str =
    "loadmodule \"app_lua.so\"\nmodparam(\"app_lua\", \"load\", \"main.lua\")\ncfgengine \"lua\"\n";

pub(crate) fn read_with(
    text: &str,
    defines: &[&str],
    files: &[(&'static str, &'static str)],
) -> Reading {
    let mut files = Files(files.iter().copied().collect());
    read("kamailio.cfg", text, defines, &mut files)
}

/// The configuration of a text without faults.
pub(crate) fn config_of(text: &str) -> KamailioConfig {
    let reading = read_with(&format!("{text}\n{ENGINE}"), &[], &[]);
    assert_eq!(reading.diagnostics.errors(), 0, "{}", reading.diagnostics);
    reading.config
}

/// What is told of a text.
pub(crate) fn told(text: &str) -> String {
    read_with(&format!("{text}\n{ENGINE}"), &[], &[])
        .diagnostics
        .to_string()
}
