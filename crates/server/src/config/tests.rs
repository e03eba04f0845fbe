//! The form of the file, its defaults, and the texts of its errors.

use std::path::Path;

use super::pages::{reference, template};
use super::*;

const EXAMPLE: &str = r#"
domains = ["example.test", "example.org"]
listen  = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:[::1]:5060", "tcp:[::1]:5060"]
data    = "./data"
durability = "process"
[auth]
required = true
algorithms = ["MD5"]
[registrar]
expires_seconds = { min = 60, default = 3600, max = 7200 }
bindings_per_aor_max = 10
[proxy]
timer_c_seconds = 185
ring_seconds_max = 120
accept_foreign = false
[limits]
trusted_sources = []
[admin]
listen = "127.0.0.1:8060"
[[user]]
name = "1001"
password = "choose-one"
"#;

fn parse(text: &str) -> (Option<Config>, Report) {
    Config::parse(
        Source::new("strowger.toml".into(), text.into()),
        Path::new("/etc/strowger"),
    )
}

#[test]
fn the_documented_form_is_accepted() {
    let (config, report) = parse(EXAMPLE);
    assert_eq!(report.to_string(), "");
    let config = config.expect("a configuration");
    assert_eq!(config.domains.len(), 2);
    assert_eq!(config.listen.len(), 4);
    assert_eq!(config.data, Data::Folder("/etc/strowger/./data".into()));
    assert_eq!(config.proxy.ring_seconds_max, Some(120));
    assert_eq!(
        config
            .users
            .first()
            .map(|user| (&*user.name, &*user.domain, user.line)),
        Some(("1001", "example.test", 21))
    );
}

#[test]
fn a_short_file_has_all_defaults() {
    let (config, report) = parse("domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1\"]\n");
    assert_eq!(report.to_string(), "");
    let config = config.expect("a configuration");
    assert_eq!(
        (
            config.registrar.expires_min,
            config.registrar.expires_default,
            config.registrar.expires_max
        ),
        (60, 3600, 7200)
    );
    assert_eq!(config.proxy.timer_c_seconds, 185);
    assert!(config.auth.required);
    assert_eq!(config.log.level, "info");
}

#[test]
fn all_errors_are_found_at_once() {
    let (config, report) = parse(
        r#"domains = ["exa mple.test", "b.test", "B.test", "sip:c.test"]
listen = ["127.0.0.1:5060", "udp:localhost:5060", "tls:127.0.0.1:5061", "tcp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
durabilty = "process"
data = ""
[auth]
required = "yes"
algorithms = ["MD4"]
timer_c_seconds = 190
[registrar]
expires_seconds = { min = 600, default = 60, max = 7200, maximum = 3 }
bindings_per_aor_max = 0
[proxy]
timer_c_seconds = 180
fork = "serial"
[limits]
trusted_sources = ["10.0.0.0/33", 7]
[admin]
listen = "0.0.0.0:8060"
[tls]
cert = "x"
[[user]]
name = "1001"
password = "secret-one"
ha1_md5 = "0123456789abcdef0123456789abcdef"
[[user]]
name = "1002@b.test"
[[user]]
name = "1003@b.test"
ha1_sha256 = "abc"
[[user]]
name = "1003@elsewhere.test"
password = "secret-two"
[[user]]
passwd = "secret-three"
"#,
    );
    assert!(config.is_none());
    assert!(!report.to_string().contains("secret-"));
    insta::assert_snapshot!(report);
}

#[test]
fn text_that_is_no_toml_is_reported_with_its_place_and_without_secrets() {
    let (config, report) =
        parse("domains = [\"a.test\"\nlisten = [\n[[user]]\npassword = \"hidden\n");
    assert!(config.is_none());
    let text = report.to_string();
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains("strowger.toml:"), "{text}");
}

#[test]
fn missing_keys_are_named() {
    let (_, report) = parse("");
    insta::assert_snapshot!(report);
}

#[test]
fn realms_and_their_errors() {
    let (config, report) = parse(
        r#"domains = ["a.test", "b.test", "c.test"]
listen = ["udp:127.0.0.1"]
[[realm]]
name = "B.test"
algorithms = ["SHA-256", "MD5"]
[[realm]]
name = "c.test"
algorithms = ["SHA-256"]
[[user]]
name = "1001@b.test"
password = "x"
algorithms = ["SHA-256"]
[[user]]
name = "1002@c.test"
ha1_md5 = "0123456789abcdef0123456789abcdef"
"#,
    );
    insta::assert_snapshot!("warning_of_a_useless_account", report);
    let config = config.expect("a configuration");
    assert_eq!(config.auth.offered("a.test"), ["MD5"]);
    assert_eq!(config.auth.offered("b.test"), ["SHA-256", "MD5"]);
    let allowed = config
        .users
        .iter()
        .map(|user| user.algorithms.names().join(" "));
    assert_eq!(allowed.collect::<Vec<_>>(), ["SHA-256", "MD5"]);

    let (config, report) = parse(
        r#"domains = ["a.test", "b.test"]
listen = ["udp:127.0.0.1"]
[[realm]]
name = "elsewhere.test"
algorithms = ["MD5"]
[[realm]]
name = "a.test"
algorithms = ["MD5", "MD5"]
[[realm]]
name = "A.test"
algorithms = []
[[realm]]
algorithms = ["SHA256"]
[[realm]]
name = "b.test"
nonce_seconds = 3
[[user]]
name = "1001"
ha1_md5 = "0123456789abcdef0123456789abcdef"
algorithms = ["SHA-256"]
"#,
    );
    assert!(config.is_none());
    insta::assert_snapshot!("errors_of_realms", report);
    let (_, report) =
        parse("domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1\"]\n[realm]\nname = \"a.test\"\n");
    assert!(report.to_string().contains("write [[realm]]"), "{report}");
}

#[test]
fn switched_off_authentication_is_a_warning() {
    let (config, report) =
        parse("domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1\"]\n[auth]\nrequired = false\n");
    assert!(config.is_some());
    assert_eq!((report.errors(), report.warnings()), (0, 1));
    insta::assert_snapshot!(report);
}

#[test]
fn the_file_that_init_writes_is_good_also_with_its_comments_taken_as_settings() {
    let text = template("example.test", &["udp:192.0.2.1:5060".into()], "./data");
    let (config, report) = parse(&text);
    assert!(config.is_some(), "{report}");
    assert_eq!(report.to_string(), "");
    let settings = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") && !rest.ends_with('.') => rest,
        _ => line,
    });
    let text = settings
        .collect::<Vec<_>>()
        .join("\n")
        // The samples of `[[realm]]` and `[[user]]` are comments as a whole.
        .split("\n# A domain may offer")
        .next()
        .unwrap_or_default()
        .to_owned();
    let (full, report) = parse(&text);
    assert!(full.is_some(), "{report}");
    let (config, full) = (
        config.expect("a configuration"),
        full.expect("a configuration"),
    );
    assert_eq!(config.limits, full.limits);
    assert_eq!(config.registrar, full.registrar);
    assert_eq!(config.timers, full.timers);
    assert_eq!(config.auth, full.auth);
    assert_eq!(config.log, full.log);
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = reference();
    if std::env::var_os("STROWGER_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/configuration.md is old: run STROWGER_WRITE_DOCS=1 cargo test -p strowger-server"
    );
}
