//! Configurations of the shapes that people have.

use strowger_sip::Transport;

use super::*;

/// The configuration of the speed comparison, `bench/` has the script.
const BENCH: &str = include_str!("bench-kemi.cfg");
/// A configuration of the shape that distributions install: many features behind definitions.
const FEATURES: &str = include_str!("features.cfg");

const BENCH_DEFINES: &[&str] = &[
    "BENCH_PORT=5060",
    "BENCH_CHILDREN=4",
    "BENCH_LUA=\"/etc/bench.lua\"",
];

#[test]
fn the_configuration_of_the_speed_comparison() {
    let reading = read_with(BENCH, BENCH_DEFINES, &[]);
    assert!(
        reading.diagnostics.list.is_empty(),
        "{}",
        reading.diagnostics
    );
    insta::assert_snapshot!(reading.report);
    let config = reading.config;
    assert_eq!(config.script(), Some("/etc/bench.lua"));
    assert_eq!(
        config
            .parameter("registrar", "max_contacts")
            .and_then(Value::integer),
        Some(4)
    );
    let listen = config.listen.first().expect("a socket");
    assert_eq!(
        (listen.transport, listen.port),
        (Some(Transport::Udp), Some(5060))
    );
}

#[test]
fn a_definition_that_is_missing_is_told() {
    insta::assert_snapshot!(
        read_with(BENCH, &["BENCH_PORT=5060", "BENCH_CHILDREN=4"], &[]).diagnostics
    );
}

#[test]
fn many_features_behind_definitions() {
    let defines = [
        "WITH_AUTH",
        "WITH_NAT",
        "WITH_ANTIFLOOD",
        "WITH_ACCDB",
        "WITH_TLS",
        "WITH_MYSQL",
        "WITH_PSTN",
    ];
    let reading = read_with(
        FEATURES,
        &defines,
        &[("local.cfg", "listen=udp:127.0.0.1:5070\n")],
    );
    insta::assert_snapshot!(format!("{}\n{}", reading.diagnostics, reading.report));
    let config = reading.config;
    assert_eq!(
        config.parameter("nathelper", "received_avp"),
        config.parameter("registrar", "received_avp")
    );
    let url = config.parameter("auth_db", "db_url").and_then(Value::text);
    assert_eq!(url, Some("mysql://kamailio:secret@localhost/kamailio"));
    assert_eq!(
        config
            .custom
            .first()
            .map(|one| (one.group.as_str(), one.name.as_str())),
        Some(("pstn", "gw_ip"))
    );
    assert_eq!(
        config.parameter("acc", "log_extra").and_then(Value::text),
        Some("src_user=$fU;src_ip=$si;dst_user=$rU")
    );
}

#[test]
fn the_same_without_any_feature() {
    let reading = read_with(FEATURES, &[], &[]);
    assert_eq!(reading.diagnostics.errors(), 0, "{}", reading.diagnostics);
    assert!(!reading.config.has_module("auth_db"));
    assert_eq!(
        reading.config.global("debug").and_then(Value::integer),
        Some(2)
    );
}

#[test]
fn kinds_of_addresses() {
    let config = config_of(
        "#!define NODE \"127.0.0.9\"
listen=127.0.0.1
listen=udp:NODE:5060
listen=lo
listen=udp:lo:5998
listen=udp:127.0.0.1:5998 advertise 1.2.3.4:5060
listen=udp:127.0.0.1:5998 advertise \"a.test\":99 name \"s1\"
listen=tcp:[::1]:5998 virtual
listen=(127.0.0.1, 127.0.0.2)
listen=tls:*:5061
alias=a.test b.test:5080 udp:c.test:*
alias=\"d.test\"",
    );
    let shown: Vec<String> = config
        .listen
        .iter()
        .map(|one| {
            let (transport, advertise, name) = (one.transport, &one.advertise, &one.name);
            format!(
                "{transport:?} {:?} {:?} {advertise:?} {name:?} {}",
                one.hosts, one.port, one.is_virtual
            )
        })
        .chain(
            config
                .aliases
                .iter()
                .map(|one| format!("{:?} {} {:?}", one.transport, one.host, one.port)),
        )
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn kinds_of_values() {
    let config = config_of(
        "children=0x10 fork=yes
debug=-3
tcp_max_connections=010; udp_mtu=0b
server_header=\"Server: \\\"x\\\"\\t\\q\" 'y\\n'
log_facility=LOG_LOCAL0 // facility
mpath=\"/usr/lib/modules:/opt/modules\"
loadpath \"/x/\"
loadmodule \"/usr/lib/modules/sl.so\"
loadmodulex \"tm\"
modparam(\"sl|tm\", \"event_callback_lres_sent\", \"ksr_sent\")",
    );
    let shown: Vec<String> = config
        .globals
        .iter()
        .map(|one| format!("{} = {}", one.name, one.value))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    children = 16
    fork = 1
    debug = -3
    tcp_max_connections = 8
    udp_mtu = 0
    server_header = "Server: \"x\"\t\\qy\\n"
    log_facility = LOG_LOCAL0
    "#);
    assert_eq!(config.module_paths.len(), 2);
    assert!(config.has_module("sl") && config.has_module("tm"));
    assert!(config.parameter("tm", "event_callback_lres_sent").is_some());
    assert_eq!(
        config.parameter("sl", "event_callback_lres_sent"),
        config.parameter("tm", "event_callback_lres_sent")
    );
}
