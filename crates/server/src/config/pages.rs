//! What is written from the key table: the commented file of `strowger init` and `docs/configuration.md`.

use std::fmt::Write;

use super::document::kind_name;
use super::keys::{Key, Kind, LISTS, Preset, SECTIONS, keys_of, place};

/// The file that `strowger init` writes: what a real server needs is set, the rest is there as comments with its default.
pub fn template(domain: &str, listen: &[String], data: &str) -> String {
    let mut out = String::from(
        "# Configuration of Strowger. Check it with `strowger check`; a running server takes it over with `strowger reload`.\n\
         # Lines that begin with `#` show the defaults.\n",
    );
    for section in SECTIONS
        .iter()
        .filter(|section| !section.name.contains('.') && section.name != "kamailio")
        .filter(|section| !LISTS.contains(&section.name))
    {
        let _ = writeln!(out, "\n# {}", section.meaning);
        if !section.name.is_empty() {
            let _ = writeln!(out, "{}", place(section.name));
        }
        for key in keys_of(section.name) {
            write_key(key, domain, listen, data, &mut out);
        }
    }
    out.push_str(
        "\n# A domain may offer other digest algorithms than `[auth]` says.\n\
         # [[realm]]\n# name = \"example.test\"\n# algorithms = [\"SHA-256\", \"MD5\"]\n\
         \n# A Kamailio KEMI script may decide about requests.\n\
         # [kamailio]\n# script = \"main.lua\"\n# define = [\"WITH_AUTH\"]\n\
         # [kamailio.modparam.registrar]\n# max_contacts = 5\n\
         \n# Accounts are best kept with `strowger user add NAME`; this file can hold some too.\n\
         # [[user]]\n# name = \"1001\"\n# password = \"choose-one\"\n",
    );
    out
}

fn write_key(key: &Key, domain: &str, listen: &[String], data: &str, out: &mut String) {
    for line in wrap(key.meaning, 110) {
        let _ = writeln!(out, "# {line}");
    }
    let _ = match (key.section, key.name, key.preset) {
        ("", "domains", _) => writeln!(out, "domains = [{domain:?}]"),
        ("", "listen", _) => {
            let lines: String = listen.iter().map(|one| format!("  {one:?},\n")).collect();
            writeln!(out, "listen = [\n{lines}]")
        }
        ("", "data", _) => writeln!(out, "data = {data:?}"),
        ("registrar", "expires_seconds", _) => writeln!(
            out,
            "# expires_seconds = {}",
            inline_table("registrar.expires_seconds")
        ),
        ("admin", "listen", _) => writeln!(out, "# listen = \"127.0.0.1:8060\""),
        (_, name, Preset::Value(default)) => writeln!(out, "# {name} = {default}"),
        (_, name, _) => writeln!(out, "# {name} = {}", sample(key)),
    };
}

fn inline_table(section: &str) -> String {
    let pairs: Vec<String> = keys_of(section)
        .map(|key| match key.preset {
            Preset::Value(default) => format!("{} = {default}", key.name),
            _ => key.name.to_owned(),
        })
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A value to show where there is no default.
fn sample(key: &Key) -> &'static str {
    match (key.section, key.name) {
        ("", "advertise") => "\"sip.example.test\"",
        ("", "workers") => "4",
        ("", "shards") => "16",
        ("", "server_header") => "\"Strowger\"",
        ("proxy", "ring_seconds_max") => "120",
        ("dns", "servers") => "[\"192.0.2.53\"]",
        ("admin", "socket") => "\"./admin.sock\"",
        _ => "\"\"",
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width)
        {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The reference page of all keys.
#[cfg(test)]
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         One TOML file, `strowger.toml`. Make a commented one with `strowger init`, check it with `strowger check`, put it\n\
         into effect in a running server with `strowger reload` (or SIGHUP). A file is taken whole or not at all: if anything\n\
         is wrong, all errors are shown and nothing changes. Unknown keys are errors.\n\n\
         What a reload cannot change is said when it is tried: `listen`, `advertise`, `data`, `durability`, `workers`,\n\
         `shards`, `[dns]`, `[admin]`, `[log] format` and the connection limits need a restart.\n\n\
         This page is generated from the key table in `crates/server/src/config/keys.rs`.\n",
    );
    for section in SECTIONS {
        let title = if section.name.is_empty() {
            "Top of the file".to_owned()
        } else {
            format!("`{}`", place(section.name))
        };
        let _ = write!(
            out,
            "\n## {title}\n\n{}\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
            section.meaning
        );
        for key in keys_of(section.name) {
            let preset = match key.preset {
                Preset::Required => "required".to_owned(),
                Preset::Value(value) => format!("`{value}`"),
                Preset::Unset(words) => words.to_owned(),
            };
            let _ = writeln!(
                out,
                "| `{}` | {} | {preset} | {} |",
                key.name,
                type_words(key.kind),
                key.meaning
            );
        }
    }
    out
}

/// The type of a key in words, with its bounds.
#[cfg_attr(not(test), allow(dead_code))]
fn type_words(kind: Kind) -> String {
    match kind {
        Kind::Number { min, max } => format!("number, {min} to {max}"),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`\"{word}\"`"))
            .collect::<Vec<_>>()
            .join(" or "),
        Kind::Choices(words) => format!(
            "list of {}",
            words
                .iter()
                .map(|word| format!("`\"{word}\"`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Kind::Texts => "list of strings".to_owned(),
        other => kind_name(other).trim_start_matches("a ").to_owned(),
    }
}
