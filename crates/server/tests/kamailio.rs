//! A Kamailio script that decides: from a `kamailio.cfg`, from a section of `strowger.toml`, and alone.

mod support;

use support::{Place, free_port};

const SCRIPT: &str = "function ksr_request_route()\n\
     \tif KSR.is_REGISTER() then KSR.sl.sl_send_reply(403, \"Not today\") return 1 end\n\
     \tKSR.sl.sl_send_reply(200, \"From the script\")\nend\n";

fn kamailio_cfg(port: u16) -> String {
    let text = "#!KAMAILIO\ndebug=2\nchildren=1\nlisten=udp:127.0.0.1:PORT\nalias=\"kam.test\"\n\
         loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"htable.so\"\nloadmodule \"app_lua.so\"\n\
         modparam(\"htable\", \"htable\", \"ban=>size=4;autoexpire=60\")\n\
         modparam(\"app_lua\", \"load\", \"main.lua\")\nstrowger.data = \"data\" desc \"folder\"\ncfgengine \"lua\"\n";
    text.replace("PORT", &port.to_string())
}

fn ping(place: &Place, port: u16) -> support::Outcome {
    place.run(&["ping", &format!("sip:127.0.0.1:{port}")])
}

#[test]
fn a_kamailio_cfg_runs_with_its_script_and_answers_its_rpc() {
    let place = Place::new();
    let port = free_port();
    place.write("kamailio.cfg", &kamailio_cfg(port));
    place.write("main.lua", SCRIPT);
    let server = place.start(&["run", "--kamailio", "kamailio.cfg"]);
    ping(&place, port).must_be(0, &["200 From the script"]);
    let here = ["-c", "kamailio.cfg"];
    let command = |words: &[&str]| place.run(&[&here[..], words].concat());
    command(&["status"]).must_be(0, &["main.lua", "as the script asks for it", "kam.test"]);
    command(&["stats", "sl"]).must_be(0, &["200_replies", "sent_replies"]);
    command(&["rpc", "htable.sets", "ban", "192.0.2.1", "s:1"]).must_be(0, &["Ok."]);
    command(&["rpc", "htable.get", "ban", "192.0.2.1"]).must_be(0, &["\"value\": \"1\""]);
    command(&["rpc", "stats.get_statistics", "sl:"]).must_be(0, &["sl:sent_replies = 1"]);
    command(&["rpc", "nothing.here"]).must_be(1, &["Method Not Found", "system.listMethods"]);
    command(&["rpc", "htable.sets", "ban"]).must_be(1, &["Not enough parameters"]);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_reload_takes_a_changed_script_and_refuses_a_broken_one() {
    let place = Place::new();
    let port = free_port();
    place.write("kamailio.cfg", &kamailio_cfg(port));
    place.write("main.lua", SCRIPT);
    let _server = place.start(&["run", "-c", "kamailio.cfg"]);
    place.write("main.lua", "function ksr_request_route()\n");
    place
        .run(&["reload", "-c", "kamailio.cfg"])
        .must_be(3, &["main.lua:2", "'end' expected", "stays active"]);
    ping(&place, port).must_be(0, &["200 From the script"]);
    place.write("main.lua", &SCRIPT.replace("From the script", "Changed"));
    place
        .run(&["reload", "-c", "kamailio.cfg"])
        .must_be(0, &["reloaded"]);
    ping(&place, port).must_be(0, &["200 Changed"]);
}

#[test]
fn check_shows_what_becomes_of_a_kamailio_cfg_and_where_its_script_goes_wrong() {
    let place = Place::new();
    let text = kamailio_cfg(5060) + "fork=yes\nloadmodule \"presence.so\"\n";
    place.write("kamailio.cfg", &text);
    let script = SCRIPT.replace("KSR.is_REGISTER() then", "KSR.tm.t_relay() then");
    place.write(
        "main.lua",
        &script.replace("sl_send_reply(200", "sl_send_rply(200"),
    );
    let checked = place.run(&["check", "--kamailio", "kamailio.cfg"]);
    insta::assert_snapshot!(checked.shown(&[]));
    let json = place.run(&["check", "--json", "--kamailio", "kamailio.cfg"]);
    let value: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(value["diagnostics"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["compatibility"][0]["line"], 2);
}

#[test]
fn a_script_that_does_not_load_is_told_before_anything_starts() {
    let place = Place::new();
    place.write("kamailio.cfg", &kamailio_cfg(free_port()));
    place.write("main.lua", "function ksr_request_route(\n");
    for command in ["run", "check"] {
        place
            .run(&[command, "--kamailio", "kamailio.cfg"])
            .must_be(3, &["main.lua", "does not load"]);
    }
    place
        .run(&["run", "--kemi", "absent.lua"])
        .must_be(3, &["absent.lua"]);
    let bad = kamailio_cfg(5060).replace("children=1", "children=\"x\"");
    place.write("kamailio.cfg", &bad);
    place
        .run(&["run", "-c", "kamailio.cfg"])
        .must_be(3, &["kamailio.cfg:3:10", "`children` takes a number"]);
    assert!(!place.path().join("data").exists());
}

#[test]
fn definitions_of_the_command_line_reach_file_and_script() {
    let place = Place::new();
    let port = free_port();
    let text = kamailio_cfg(port).replace(&port.to_string(), "MY_PORT");
    place.write(
        "kamailio.cfg",
        &format!("{text}#!ifdef BROKEN\nnonsense here\n#!endif\n"),
    );
    place.write("main.lua", SCRIPT);
    place
        .run(&["check", "--kamailio", "kamailio.cfg"])
        .must_be(3, &["MY_PORT"]);
    let define = format!("MY_PORT={port}");
    place
        .run(&["check", "--kamailio", "kamailio.cfg", "-A", &define])
        .must_be(0, &["is good"]);
    place
        .run(&[
            "check",
            "--kamailio",
            "kamailio.cfg",
            "-A",
            &define,
            "-A",
            "BROKEN",
        ])
        .must_be(3, &["`nonsense` begins no statement"]);
}

#[test]
fn a_section_of_the_toml_file_names_a_script() {
    let place = Place::new();
    let port = free_port();
    let text = support::configuration(port) + "[kamailio]\nscript = \"main.lua\"\n";
    place.write("strowger.toml", &text);
    place.write("main.lua", SCRIPT);
    place.run(&["check"]).must_be(0, &["the script main.lua"]);
    let _server = place.start(&["run"]);
    ping(&place, port).must_be(0, &["200 From the script"]);
    place
        .run(&["rpc", "app_lua.list"])
        .must_be(0, &["main.lua"]);
}
