//! The linter.

use std::fmt::Write;

use strowger_lua::check;

use crate::world::table;

fn findings(source: &str) -> String {
    let mut out = String::new();
    for finding in check(source, "KSR", &table().signatures()) {
        let _ = write!(out, "{}:{}: {}", finding.line, finding.column, finding.text);
        let _ = writeln!(
            out,
            "{}",
            finding.fix.map_or(String::new(), |fix| format!(" [{fix}]"))
        );
    }
    out
}

#[test]
fn what_a_script_should_change_is_found() {
    insta::assert_snapshot!(findings(
        r#"#!/usr/bin/lua
-- KSR.sl.nothing() in a comment
function ksr_request_route()
    KSR.sl.send_replay(404, "Not found")
    KSR.sl.sendreply(404, "Not found")
    KSR.infos("x")
    KSR.unheard.of(1)
    KSR.pike.check()
    if KSR.siputils.has_totag() then
        KSR.sl.send_reply(404)
    elseif not KSR.siputils.has_totag() then
        KSR.sl.send_reply(404, "a", "b")
    end
    if KSR.is_INVITE() and KSR.siputils.has_totag() then KSR.info() end
    if (KSR.siputils.has_totag()) then end
    while KSR.t.maybe(1, 2, 3) do end
    repeat until KSR.siputils.has_totag()
    KSR.info([[long
        KSR.sl.nothing()]])   KSR.inof("after")
end
"#
    ));
}

#[test]
fn good_scripts_pass() {
    let source = r#"
function ksr_request_route()
    if KSR.nathelper then KSR.nathelper.fix_contact() end
    if KSR.siputils.has_totag() > 0 and KSR.is_INVITE() then KSR.x.exit() end
    if KSR.siputils.has_totag()<0 or not KSR.is_INVITE() then return end
    if 1 == KSR.siputils.has_totag() then return end
    local ok, result = pcall(KSR.sl.send_reply, 200, "OK")
    local number = KSR.siputils.has_totag()
    KSR.info("a, b" .. tostring(number) .. f({1, 2}, (3)))
    KSR.sl.send_reply(lookup(number))
    KSR.sl.send_reply(...)
    KSR.t.maybe(1)
    KSR.t.echo(function(a, b) if a then return a, b end end)
    KSR.info "text"
    if check(KSR.siputils.has_totag()) then return end
    local mine = other.KSR.foo.bar
    if KSR.kx.get_user() then return KSR.siputils.has_totag() end
end
"#;
    assert_eq!(findings(source), "");
}

#[test]
fn what_is_no_lua_is_passed_over() {
    for source in [
        "KSR",
        "KSR.",
        "KSR.sl.",
        "KSR.sl.send_reply(",
        "KSR.sl.send_reply(1, ))",
        "'",
        "[[",
        "--[==[",
        "\u{e4}\u{20ac}",
        "KSR.info)",
        "KSR.info(}",
    ] {
        findings(source);
    }
}

#[test]
fn a_route_that_can_end_unanswered_is_found() {
    let answers: strowger_lua::Answers<'_> =
        &|module, name| matches!((module, name), ("sl", "send_reply") | ("tm", "t_relay"));
    let found = |script: &str| {
        strowger_lua::check_answers(script, "KSR", "route", answers).map(|finding| finding.line)
    };
    let relayed = "function relay()\n KSR.tm.t_relay()\n KSR.x.exit()\nend\n";
    for (script, line) in [
        ("function route()\n return 1\nend", Some(3)),
        ("function route()\n KSR.sl.send_reply(404, 'x')\nend", None),
        (
            "function route()\n if KSR.is_ACK() then return 1 end\n KSR.tm.t_relay()\nend",
            None,
        ),
        (
            "function route()\n if KSR.is_ACK() then return 1 end\nend",
            Some(3),
        ),
        (
            "function route()\n if a then\n  KSR.tm.t_relay()\n end\nend",
            Some(5),
        ),
        (
            "function route()\n if a then\n  KSR.tm.t_relay()\n else\n  KSR.sl.send_reply(1, 2)\n end\nend",
            None,
        ),
        (
            "function route()\n if a then\n  KSR.tm.t_relay()\n elseif b then\n  c()\n else\n  KSR.tm.t_relay()\n end\nend",
            Some(9),
        ),
        (
            "function route()\n while a do KSR.tm.t_relay() end\nend",
            Some(3),
        ),
        (
            "function route()\n if KSR.tm.t_relay() < 0 then\n  log()\n end\nend",
            None,
        ),
        (
            "function route()\n local f = function() KSR.tm.t_relay() end\nend",
            Some(3),
        ),
    ] {
        assert_eq!(found(script), line, "{script}");
    }
    let calls = format!("{relayed}function route()\n relay()\nend");
    assert_eq!(found(&calls), None);
    let circle = "function a() b() end\nfunction b() a() end\nfunction route() a() end";
    assert_eq!(found(circle), None);
    assert_eq!(found("function other() end"), None);
}
