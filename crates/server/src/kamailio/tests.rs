//! Configurations of the shapes that people have, and what they amount to.

use std::net::IpAddr;
use std::path::Path;

use strowger_kamailio::cfg::{self, NoFiles};
use strowger_kamailio::kemi::LogLevel;

use super::machine::Machine;
use super::translate::translate;
use super::{Findings, Script};
use crate::config::{Config, Data, Durability, Source};

/// A machine with one interface, one name and two processors.
struct Lab;

impl Machine for Lab {
    fn interface(&self, name: &str) -> Option<Vec<IpAddr>> {
        (name == "eth0").then(|| vec![[192, 0, 2, 7].into()])
    }

    fn resolve(&self, name: &str) -> Vec<IpAddr> {
        match name {
            "sip.example.test" => vec![[192, 0, 2, 9].into()],
            _ => Vec::new(),
        }
    }

    fn processors(&self) -> usize {
        2
    }

    fn has_file(&self, path: &Path) -> bool {
        path == Path::new("/etc/kamailio/main.lua")
    }
}

const ENGINE: &str =
    "loadmodule \"app_lua.so\"\nmodparam(\"app_lua\", \"load\", \"main.lua\")\ncfgengine \"lua\"\n";

fn read(text: &str) -> (Option<Config>, Findings) {
    let file = Path::new("/etc/kamailio/kamailio.cfg");
    let text = format!("{text}\n{ENGINE}");
    let reading = cfg::read("kamailio.cfg", &text, &[], &mut NoFiles);
    translate(file, reading, &Lab)
}

fn good(text: &str) -> Config {
    let (config, findings) = read(text);
    config.unwrap_or_else(|| panic!("{findings}"))
}

fn script(config: &Config) -> &Script {
    config.script.as_deref().expect("a script")
}

fn listening(config: &Config) -> Vec<String> {
    let shown = config.listen.iter().map(|one| match &one.advertised {
        Some((host, port)) => format!("{} as {host}:{}", one.text, port.unwrap_or(0)),
        None => one.text.clone(),
    });
    shown.collect()
}

#[test]
fn without_listen_every_ipv4_address_is_opened_over_udp_and_tcp() {
    assert_eq!(
        listening(&good("")),
        ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
    );
    assert_eq!(
        listening(&good("disable_tcp=yes\nport=5070")),
        ["udp:0.0.0.0:5070"]
    );
    assert_eq!(listening(&good("auto_bind_ipv6=1")).len(), 4);
}

#[test]
fn listen_names_addresses_interfaces_and_hosts() {
    let config = good(
        "listen=udp:127.0.0.1:5080\nlisten=eth0\nlisten=tcp:sip.example.test:5062 advertise 198.51.100.1:5060\n\
         listen=tls:127.0.0.1:5061",
    );
    assert_eq!(
        listening(&config),
        [
            "udp:127.0.0.1:5080",
            "udp:192.0.2.7:5060",
            "tcp:192.0.2.7:5060",
            "tcp:192.0.2.9:5062 as 198.51.100.1:5060"
        ]
    );
    assert_eq!(config.listen.first().map(|one| one.position), Some((1, 8)));
    let (config, findings) = read("listen=udp:nowhere.test:5060");
    assert!(config.is_none());
    assert!(
        findings.to_string().contains("`nowhere.test`"),
        "{findings}"
    );
}

#[test]
fn aliases_are_the_domains_and_else_the_first_address_is() {
    let config = good("listen=udp:127.0.0.1:5080\nalias=\"Kam.Test\" kam.test:5060\nalias=b.test");
    assert_eq!(config.domains, ["kam.test".into(), "b.test".into()]);
    assert_eq!(
        good("listen=udp:127.0.0.1:5080").domains,
        ["127.0.0.1".into()]
    );
    assert_eq!(
        good("listen=udp:sip.example.test").domains,
        ["sip.example.test".into()]
    );
}

#[test]
fn kamailios_defaults_apply_where_nothing_is_said() {
    let config = good("");
    let registrar = &config.registrar;
    assert_eq!(
        (
            registrar.expires_min,
            registrar.expires_default,
            registrar.expires_max
        ),
        (60, 3_600, 31_536_000)
    );
    assert_eq!(registrar.bindings_per_aor_max, 100);
    assert_eq!(config.proxy.ring_seconds_max, Some(120));
    assert_eq!(config.durability, Durability::Memory);
    assert!(
        config
            .server_header
            .as_deref()
            .is_some_and(|text| text.starts_with("Strowger/"))
    );
    assert!(script(&config).is_one_domain());
    assert_eq!(script(&config).log_level, LogLevel::Notice);
    assert_eq!(script(&config).path(), Path::new("/etc/kamailio/main.lua"));
}

#[test]
fn parameters_have_their_effect() {
    let config = good(
        "debug=3\nserver_signature=no\ntcp_max_connections=100\nadvertised_address=\"sip.example.test\"\n\
         loadmodule \"tm.so\"\nloadmodule \"registrar.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"auth.so\"\n\
         modparam(\"tm\", \"fr_inv_timer\", 30000)\nmodparam(\"tm\", \"retr_timer1\", 250)\n\
         modparam(\"registrar\", \"max_expires\", 1800)\nmodparam(\"registrar\", \"max_contacts\", 4)\n\
         modparam(\"usrloc\", \"db_mode\", 2)\nmodparam(\"usrloc\", \"use_domain\", 1)\n\
         modparam(\"auth\", \"nonce_expire\", 120)\nmodparam(\"auth\", \"algorithm\", \"SHA-256\")",
    );
    assert_eq!(config.proxy.ring_seconds_max, Some(30));
    assert_eq!(config.timers.t1_ms, 250);
    assert_eq!(config.registrar.expires_max, 1_800);
    assert_eq!(config.registrar.expires_default, 1_800);
    assert_eq!(config.registrar.bindings_per_aor_max, 4);
    assert_eq!(config.durability, Durability::Process);
    assert_eq!(config.auth.nonce_seconds, 120);
    assert_eq!(config.auth.algorithms, ["SHA-256"]);
    assert_eq!(config.server_header, None);
    assert_eq!(config.limits.connections_max, 100);
    assert_eq!(config.advertise, Some(("sip.example.test".into(), None)));
    assert_eq!(config.log.level, "debug");
    assert!(!script(&config).is_one_domain());
    assert_eq!(script(&config).log_level, LogLevel::Debug);
}

#[test]
fn children_become_workers_and_the_report_says_how_many() {
    let (config, findings) = read("children=8");
    assert_eq!(config.and_then(|config| config.workers), Some(2));
    let report = findings.compatibility().expect("a report").to_string();
    assert!(report.contains("2 worker threads"), "{report}");
    assert_eq!(good("children=1").workers, Some(1));
    assert_eq!(good("").workers, None);
}

#[test]
fn variables_of_our_group_say_what_kamailio_has_no_word_for() {
    let config = good(
        "strowger.data = \"state\" desc \"x\"\nstrowger.trusted_sources = \"127.0.0.1, 10.0.0.0/8\" desc \"x\"\n\
         strowger.admin_listen = \"127.0.0.1:8060\" desc \"x\"\nstrowger.messages_per_second = 0 desc \"x\"",
    );
    assert_eq!(config.data, Data::Folder("/etc/kamailio/state".into()));
    assert_eq!(config.limits.trusted_sources.len(), 2);
    assert_eq!(config.limits.messages_per_second, 0);
    assert_eq!(config.admin.listen, Some(([127, 0, 0, 1], 8060).into()));
    let (config, findings) = read(
        "strowger.trusted_sources = \"10.0.0.0/40\" desc \"x\"\nstrowger.admin_listen = \"0.0.0.0:80\" desc \"x\"\n\
         strowger.dta = \"x\" desc \"x\"",
    );
    assert!(config.is_none());
    assert_eq!(
        (findings.errors(), findings.warnings()),
        (2, 1),
        "{findings}"
    );
}

#[test]
fn faults_are_told_with_their_place() {
    let text = "listen=udp:127.0.0.1:5060\nchildern=2\nalias=\"a_b.test\"\nroute[X] { exit; }\n\
                loadmodule \"nope.so\"\nloadmodule \"tm.so\"\nmodparam(\"tm\", \"fr_timr\", 3)\n";
    let (config, findings) = read(text);
    assert!(config.is_none());
    insta::assert_snapshot!(findings);
}

#[test]
fn a_script_that_is_not_there_is_an_error_with_its_line() {
    let text = "loadmodule \"app_lua.so\"\nmodparam(\"app_lua\", \"load\", \"/opt/main.lua\")\ncfgengine \"lua\"\n";
    let reading = cfg::read("kamailio.cfg", text, &[], &mut NoFiles);
    let (config, findings) = translate(Path::new("/etc/kamailio/kamailio.cfg"), reading, &Lab);
    assert!(config.is_none());
    insta::assert_snapshot!(findings);
}

#[test]
fn the_section_of_a_toml_file_is_read_and_its_mistakes_are_told() {
    let folder = std::env::temp_dir().join(format!("strowger-section-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("main.lua"), "").expect("a file");
    let parse = |text: &str| {
        let head = "domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1\"]\n";
        let source = Source::new("strowger.toml".into(), format!("{head}{text}"));
        Config::parse(source, &folder)
    };
    let (config, report) = parse(
        "[kamailio]\nscript = \"main.lua\"\ndefine = [\"WITH_AUTH\", \"FLT=1\"]\nmodules = [\"tm\", \"sl\"]\n\
         [kamailio.modparam.htable]\nhtable = [\"a=>size=8\", \"b=>size=4\"]\n\
         [kamailio.modparam.registrar]\nmax_contacts = 3\nmethod_filtering = true\n",
    );
    assert_eq!(report.to_string(), "");
    let config = config.expect("a configuration");
    assert_eq!(config.registrar.bindings_per_aor_max, 3);
    assert_eq!(
        config.registrar.expires_max, 7_200,
        "ours where nothing is said"
    );
    assert!(config.proxy.parallel);
    let read = script(&config);
    assert_eq!(read.values("htable", "htable").len(), 2);
    assert_eq!(read.int("registrar", "method_filtering"), Some(1));
    assert_eq!(read.definitions.get("FLT").map(String::as_str), Some("1"));
    assert!(!read.is_one_domain());

    let (config, report) = parse(
        "[kamailio]\nscript = \"main.lau\"\ndefin = [\"X\"]\nmodules = [\"tmm\"]\n\
         [kamailio.modparam]\ntm = 3\n[kamailio.modparam.usrloc]\ndb_mod = 1\ndb_mode = \"x\"\nhash_size = [1.5]\n",
    );
    assert!(config.is_none());
    let text = report
        .to_string()
        .replace(&folder.display().to_string(), "FOLDER");
    insta::assert_snapshot!(text);
    let (_, report) = parse("[kamailio]\nmodules = []\n");
    assert!(
        report.to_string().contains("`script` is missing"),
        "{report}"
    );
    let _ = std::fs::remove_dir_all(folder);
}
