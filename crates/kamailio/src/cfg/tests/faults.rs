//! What is told, all at once, with the place.

use super::*;

#[test]
fn faults_of_the_preprocessor() {
    insta::assert_snapshot!(told(
        "#!define A 1
#!define A 2
#!ifdef
#!endif
#!else
#!endif
#!endif
#!ifdef B stray
#!else
#!else
#!endif
#!foobar x
#!ifexp A == 1
children=1
#!endif
#!defenv HOME
#!subst \"/a\"
#!subst nothing
#!substdef \"!a.b!c!\"
include_file \"nowhere.cfg\"
include_file nowhere
#!ifdef OPEN
children=3"
    ));
}

#[test]
fn faults_of_global_parameters() {
    insta::assert_snapshot!(told(
        "childern=4
children=\"4\"
children 4
fork=maybe
log_name=abc
log_facility=\"LOG_LOCAL0\"
port=70000
debug=-3
foo bar
= 3
children=
pidfile"
    ));
}

#[test]
fn faults_of_addresses() {
    insta::assert_snapshot!(told(
        "listen=ws:127.0.0.1:80
listen=sctp:127.0.0.1:5060
listen=udp:127.0.0.1:x
listen=(127.0.0.1 127.0.0.2)
listen=udp:127.0.0.1:5060 name sock
listen=udp:127.0.0.1:5998 name \"s1\" advertise a.test:99
alias=sip:a.test
listen="
    ));
}

#[test]
fn faults_of_modules() {
    insta::assert_snapshot!(told(
        "loadmodule sl
loadmodule \"registar.so\"
loadmodule(\"sl.so\")
loadmodule \"tm.so\"
modparam(\"tm\", \"fr_timre\", 1)
modparam(\"tm\", \"fr_timer\", \"100\")
modparam(\"tm\", \"auto_inv_100_reason\", 3)
modparam(\"tm.so\", \"fr_timer\", 1)
modparam(\"usrloc\", \"db_mode\", 0)
modparam(\"tm\", \"fr_timer\", UNDEFINED)
modparam(\"tm\", \"fr_timer\")
modparam(\"t(\", \"fr_timer\", 1)
modparam(\"tm\", \"db_url\", \"mysql://kam:secret@db/kam\")"
    ));
}

#[test]
fn route_blocks_get_one_message_each() {
    let reading = read_with(
        "#!define FLAG 1
request_route {
    # a } in a comment
    if ($(ru{s.select,0,;}) == \"}\" && is_method(\"INVITE\")) { route(RELAY); }
    xlog(\"$var(x) { \\\"\\n\");
    #!ifdef FLAG
    setflag(FLAG);
    #!endif
    /* } */
}
route[RELAY] { t_relay(); }
event_route[xhttp:request] { }
failure_route[\"X\"] { drop; }
children=3
onreply_route { if (1) {
",
        &[],
        &[],
    );
    insta::assert_snapshot!(format!("{}\n{}", reading.diagnostics, reading.report));
    assert_eq!(reading.config.routes.len(), 4);
    assert_eq!(
        reading.config.global("children").and_then(Value::integer),
        Some(3)
    );
}

#[test]
fn route_blocks_beside_a_script_are_passed_over() {
    let reading = read_with(
        &format!("{ENGINE}event_route[tm:local-request] {{ }}\n"),
        &[],
        &[],
    );
    assert_eq!(
        (reading.diagnostics.errors(), reading.diagnostics.warnings()),
        (0, 1)
    );
}

#[test]
fn an_engine_needs_its_module_and_its_script() {
    let told = |text: &str| read_with(text, &[], &[]).diagnostics.to_string();
    let all = [
        told(""),
        told("cfgengine \"lua\""),
        told("loadmodule \"app_lua\"\ncfgengine=\"lua\""),
        told("cfgengine \"python\""),
        told("cfgengine \"perl\""),
        told("cfgengine lua"),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn strings_end() {
    insta::assert_snapshot!(
        read_with("log_name=\"abc\n", &[], &[])
            .diagnostics
            .to_string()
    );
}

#[test]
fn faults_are_bounded() {
    let reading = read_with(&"foo bar\n".repeat(DIAGNOSTICS_MAX + 7), &[], &[]);
    assert_eq!(reading.diagnostics.list.len(), DIAGNOSTICS_MAX);
    assert!(reading.diagnostics.to_string().ends_with("and 8 more\n"));
}
