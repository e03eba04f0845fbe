//! Which crate may depend on which: only on crates listed above it, doors only on their service, `lua` and syntax.

use super::Findings;
use crate::tree::Tree;

/// The crates from the bottom up. A crate may use those before it; `sim` and `net` are two drivers of `element` and
/// do not know each other, but order allows what review would refuse.
pub const ORDER: &[&str] = &[
    "sip",
    "sdp",
    "transaction",
    "resolve",
    "proxy",
    "registrar",
    "user-agent",
    "media",
    "routing",
    "call",
    "bus",
    "lua",
    "kamailio",
    "freeswitch",
    "yate",
    "element",
    "sim",
    "load",
    "net",
    "robust",
    "store",
    "admin",
    "server",
    "fuzz",
];

/// A door and the service crate whose verbs it names.
const DOORS: &[(&str, &str)] = &[
    ("kamailio", "routing"),
    ("freeswitch", "call"),
    ("yate", "bus"),
];

/// What a door may use beside its service crate.
const DOORS_MAY_USE: &[&str] = &["lua", "sip", "sdp"];

/// Third-party crates that bring sockets, threads, clocks or chance; only `net` and what stands after it may use them.
const ABOVE_NET_MAY_NOT_USE: &[&str] = &[
    "tokio",
    "mio",
    "rand",
    "getrandom",
    "socket2",
    "nix",
    "rustix",
    "libc",
    "hickory-resolver",
    "rusqlite",
    "axum",
    "fastrand",
];

/// Position of a crate in the order.
pub fn position(name: &str) -> Option<usize> {
    ORDER.iter().position(|one| *one == name)
}

/// True for crates that must stay free of sockets, threads, clocks and chance.
pub fn is_above_net(name: &str) -> bool {
    name != "sim" && position(name) < position("net") && position(name).is_some()
}

pub fn check(tree: &Tree, findings: &mut Findings) {
    let manifests = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    for file in manifests {
        let Some(name) = file.crate_name() else {
            continue;
        };
        if position(name).is_none() {
            findings.error(&file.path, 1, format_args!("crate `{name}` is not in the order of DESIGN; list it in xtask/src/tidy/dependencies.rs with a decision page"));
            continue;
        }
        let manifest: toml::Table = match file.text().parse() {
            Ok(manifest) => manifest,
            Err(problem) => {
                findings.error(&file.path, 1, problem);
                continue;
            }
        };
        for (section, is_dev) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for used in table.keys() {
                let line = line_of(file.text(), used);
                match used.strip_prefix("strowger-") {
                    Some(used) => {
                        if let Some(fault) = fault(name, used, is_dev) {
                            findings.error(&file.path, line, fault);
                        }
                    }
                    None if !is_dev
                        && is_above_net(name)
                        && ABOVE_NET_MAY_NOT_USE.contains(&used.as_str()) =>
                    {
                        findings.error(
                            &file.path,
                            line,
                            format_args!("`{name}` stands above `net` and may not use `{used}`"),
                        );
                    }
                    None => {}
                }
            }
        }
    }
}

/// What is wrong with `name` using `used`, if anything.
fn fault(name: &str, used: &str, is_dev: bool) -> Option<String> {
    let (Some(own), Some(other)) = (position(name), position(used)) else {
        return Some(format!("`strowger-{used}` is not in the order of DESIGN"));
    };
    if other >= own && !is_dev {
        return Some(format!(
            "`{name}` may depend only on crates listed above it, and `{used}` is not"
        ));
    }
    let service = DOORS
        .iter()
        .find(|(door, _)| *door == name)
        .map(|(_, service)| *service)?;
    (used != service && !DOORS_MAY_USE.contains(&used)).then(|| {
        format!(
            "`{name}` is a door: it may use `{service}`, `lua` and the syntax crates, not `{used}`"
        )
    })
}

fn line_of(text: &str, key: &str) -> usize {
    text.lines()
        .position(|line| line.trim_start().starts_with(key))
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_upwards_only() {
        assert!(fault("proxy", "sip", false).is_none());
        assert!(fault("sip", "proxy", false).is_some());
        assert!(fault("proxy", "proxy", false).is_some());
    }

    #[test]
    fn a_door_uses_its_service_lua_and_syntax() {
        assert!(fault("kamailio", "routing", false).is_none());
        assert!(fault("kamailio", "proxy", false).is_some());
        assert!(fault("yate", "kamailio", false).is_some());
        assert!(fault("freeswitch", "lua", false).is_none());
    }
}
