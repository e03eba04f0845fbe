//! `siputils`, `corex`, `maxfwd`.

use strowger_sip::{Time, write_date};

use super::{INVITE, OPTIONS, REPLY, check, check_with, lines, of};
use crate::cfg::Value;

#[test]
fn tests_of_a_request() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.siputils.has_totag() => -1
        KSR.siputils.is_request() => 1
        KSR.siputils.is_reply() => -1
        KSR.siputils.is_first_hop() => -1
        KSR.siputils.is_first_hop_mode(1) => -1
        KSR.siputils.is_user("alice") => -1
        KSR.siputils.uri_param("x") => -1
        KSR.siputils.uri_param("nope") => -1
        KSR.siputils.uri_param_value("x","y") => 1
        KSR.siputils.uri_param_value("x","Y") => -1
        KSR.siputils.uri_param_value("X","y") => -1
        KSR.siputils.uri_param_any("x") => 1
        KSR.siputils.uri_param_any("nope") => -1
        KSR.siputils.uri_param_any("") => -1
        KSR.siputils.is_gruu() => -1
        KSR.siputils.add_uri_param("n=v") => 1
        KSR.pv.get("$ru") => [sip:bob%20x:pw@h.test:5070;transport=tcp;x=y;n=v]
        KSR.siputils.add_uri_param("m") => 1
        KSR.siputils.uri_param("m") => 1
        KSR.siputils.add_uri_param("") => 1
        KSR.siputils.add_uri_param("a b") => -1
        KSR.siputils.uri_param_rm("x") => 1
        KSR.pv.get("$ru") => [sip:bob%20x:pw@h.test:5070;transport=tcp;n=v;m]
        KSR.siputils.uri_param_rm("nope") => 1
        KSR.siputils.uri_param_rm("transport") => 1
        KSR.pv.get("$ru") => [sip:bob%20x:pw@h.test:5070;n=v;m]
        KSR.siputils.add_uri_param(";gr=x") => 1
        KSR.siputils.is_gruu() => 1
        KSR.siputils.uri_param_rm("gr") => 1
        KSR.siputils.add_uri_param("gr") => 1
        KSR.siputils.is_gruu() => 2
        KSR.siputils.hdr_date_check(30) => -1
        KSR.siputils.options_reply() => -1
        "#,
    );
    let known = of(INVITE).with(|context| {
        context.draft.authenticated_user = Some(b"alice"[..].into());
    });
    check(known, "KSR.siputils.is_user('alice') => 1");
}

#[test]
fn tests_of_replies_and_small_requests() {
    check(
        of(REPLY),
        "
        KSR.siputils.has_totag() => 1
        KSR.siputils.is_request() => -1
        KSR.siputils.is_reply() => 1
        KSR.siputils.uri_param_any('x') => -1
        KSR.siputils.uri_param_rm('x') => -1
        KSR.siputils.add_uri_param('x') => -1
        KSR.siputils.options_reply() => -1
        ",
    );
    // Observed: a reply comes from its origin if the topmost Record-Route is ours, or there is none.
    for (route, result) in [
        ("", 1),
        ("Record-Route: <sip:1.1.1.1;lr>\n", -1),
        ("Record-Route: <sip:127.0.0.1:5060;lr>\n", 1),
        (
            "Record-Route: <sip:127.0.0.1:5060;lr>, <sip:1.1.1.1;lr>\n",
            1,
        ),
        (
            "Record-Route: <sip:1.1.1.1;lr>, <sip:127.0.0.1:5060;lr>\n",
            -1,
        ),
        ("Record-Route: garbage\n", -1),
    ] {
        let reply = REPLY.replace("From:", &format!("{route}From:"));
        check(
            of(&reply),
            &format!("KSR.siputils.is_first_hop() => {result}"),
        );
    }
    let request = OPTIONS.replace("Max", "Record-Route: <sip:1.1.1.1;lr>\nMax");
    check(of(&request), "KSR.siputils.is_first_hop() => 1");
}

#[test]
fn tests_of_text_and_uris() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.siputils.is_uri("sip:a@b") => 1
        KSR.siputils.is_uri("tel:123") => 1
        KSR.siputils.is_uri("urn:a:b") => 1
        KSR.siputils.is_uri("http://x") => -1
        KSR.siputils.is_uri("garbage") => -1
        KSR.siputils.is_uri("") => -1
        KSR.siputils.is_uri("sip:") => -1
        KSR.siputils.is_tel_number("+123") => 1
        KSR.siputils.is_tel_number("123") => 1
        KSR.siputils.is_tel_number("+1-2") => -2
        KSR.siputils.is_tel_number("*12#") => -2
        KSR.siputils.is_tel_number("+") => -2
        KSR.siputils.is_tel_number("") => -2
        KSR.siputils.is_numeric("123") => 1
        KSR.siputils.is_numeric("-123") => -2
        KSR.siputils.is_numeric("12a") => -2
        KSR.siputils.is_numeric("") => -2
        KSR.siputils.is_alphanum("ab1") => 1
        KSR.siputils.is_alphanum("ab_1") => -3
        KSR.siputils.is_alphanum("") => -2
        KSR.siputils.is_alphanumex("ab_1","_") => 1
        KSR.siputils.is_alphanumex("ab-1","_") => -3
        KSR.siputils.cmp_uri("sip:a@b","sip:a@B") => 1
        KSR.siputils.cmp_uri("sip:a@b","sip:c@B") => -1
        KSR.siputils.cmp_uri("sip:a@b;x=1","sip:a@B") => 1
        KSR.siputils.cmp_uri("garbage","sip:a@B") => -2
        KSR.siputils.cmp_uri("sip:a@b:5060","sip:a@b") => -1
        KSR.siputils.cmp_aor("sip:a@b:5060;x","sip:a@b") => 1
        KSR.siputils.cmp_aor("sip:a@b:5061;x","sip:a@b") => -1
        KSR.siputils.cmp_aor("garbage","sip:a@b") => -2
        KSR.siputils.cmp_hdr_name("From","f") => 1
        KSR.siputils.cmp_hdr_name("From","FROM") => 1
        KSR.siputils.cmp_hdr_name("From","To") => -1
        KSR.siputils.cmp_hdr_name("X-A","x-a") => 1
        KSR.siputils.cmp_hdr_name("X-A","x-b") => -1
        "#,
    );
}

#[test]
fn dates_grow_old() {
    let dated = |seconds: u64| {
        let mut date = Vec::new();
        write_date(&mut date, Time::from_secs(seconds));
        let line = format!("Date: {}\nMax", String::from_utf8_lossy(&date));
        OPTIONS.replace("Max", &line)
    };
    for (message, result) in [
        (dated(1_699_999_970), 1),
        (dated(1_699_999_969), -3),
        (dated(1_700_000_100), 1),
        (OPTIONS.replace("Max", "Date: yesterday\nMax"), -2),
        (OPTIONS.to_owned(), -1),
    ] {
        check(
            of(&message),
            &format!("KSR.siputils.hdr_date_check(30) => {result}"),
        );
    }
}

#[test]
fn an_options_to_us_is_answered() {
    let run = check(
        of(&OPTIONS.replace("OPTIONS sip:bob@", "OPTIONS sip:")),
        "KSR.siputils.options_reply() => 1",
    );
    assert_eq!(run.acts, ["reply_options"]);
    check(of(OPTIONS), "KSR.siputils.options_reply() => -1");
}

#[test]
fn targets_are_added() {
    // Observed, but that there what is no URI is a target too.
    let run = check(
        of(INVITE),
        r#"
        KSR.corex.has_ruri_user() => 1
        KSR.corex.has_user_agent() => 1
        KSR.corex.append_branch_uri("sip:new@h") => 1
        KSR.pv.get("$ds") => [Contact: <sip:new@h>]
        KSR.corex.append_branch_uri("garbage") => -1
        KSR.corex.append_branch_uri("") => 1
        KSR.corex.append_branch_uri_q("sip:q@h","0.5") => 1
        KSR.corex.append_branch_uri_q("sip:q2@h","x") => -1
        KSR.corex.append_branch_uri_q("sip:q3@h","1.5") => -1
        KSR.corex.append_branch_uri_q("sip:q4@h","") => 1
        KSR.corex.append_branch() => 1
        (function() local n = 0 for i = 1, 40 do n = n + KSR.corex.append_branch() end return n end)() => 10
        "#,
    );
    let branches = &run.draft().branches;
    let uris: Vec<_> = branches
        .iter()
        .take(5)
        .map(|branch| String::from_utf8_lossy(&branch.uri).into_owned())
        .collect();
    assert_eq!(
        uris.join(" "),
        "sip:new@h sip:bob%20x:pw@h.test:5070;transport=tcp;x=y sip:q@h sip:q4@h \
         sip:bob%20x:pw@h.test:5070;transport=tcp;x=y"
    );
    assert_eq!(branches[2].q, Some(500));
    assert_eq!(branches.len(), strowger_routing::DRAFT_BRANCHES_MAX);
    check(
        of(REPLY),
        "
        KSR.corex.append_branch() => -1
        KSR.corex.has_ruri_user() => -1
        KSR.corex.has_user_agent() => -1
        ",
    );
    check(
        of(&OPTIONS.replace("sip:bob@kam.test", "sip:kam.test")),
        "KSR.corex.has_ruri_user() => -1",
    );
}

#[test]
fn further_flags_and_sockets() {
    // Observed, but set_send_socket, which there says 1 whatever happens.
    let run = check(
        of(INVITE),
        r#"
        KSR.corex.setxflag(3) => 1
        KSR.corex.setxflag(63) => 1
        KSR.corex.isxflagset(3) => 1
        KSR.corex.isxflagset(63) => 1
        KSR.corex.isxflagset(4) => -1
        KSR.corex.resetxflag(3) => 1
        KSR.corex.isxflagset(3) => -1
        KSR.corex.setxflag(64) => -1
        KSR.corex.setxflag(-1) => -1
        KSR.corex.resetxflag(64) => -1
        KSR.corex.isxflagset(99) => -1
        KSR.corex.set_send_socket("udp:127.0.0.9:5060") => -1
        KSR.corex.set_send_socket("garbage") => -1
        KSR.corex.set_send_socket("tcp:127.0.0.1:5060") => 1
        KSR.corex.is_faked_msg() => -1
        KSR.corex.is_socket_name("x") => -1
        "#,
    );
    assert_eq!(run.draft().target.listener, Some(1));
}

#[test]
fn max_forwards_is_counted_down_once() {
    // Observed, but that there every call counts it down again.
    for (value, less, process, line) in [
        ("Max-Forwards: 70\n", -1, 1, "Max-Forwards: 69"),
        ("Max-Forwards: 1\n", 1, 1, "Max-Forwards: 0"),
        ("Max-Forwards: 0\n", 1, -1, "Max-Forwards: 0"),
        ("Max-Forwards: 71\n", -1, 1, "Max-Forwards: 70"),
        ("Max-Forwards: 257\n", -1, 1, "Max-Forwards: 70"),
        ("Max-Forwards: abc\n", -3, -2, "Max-Forwards: abc"),
        ("", -2, 2, "Max-Forwards: 20"),
    ] {
        let message = OPTIONS.replace("Max-Forwards: 70\n", value);
        let run = check(
            of(&message),
            &format!(
                "
                KSR.maxfwd.is_maxfwd_lt(10) => {less}
                KSR.maxfwd.process_maxfwd(20) => {process}
                KSR.maxfwd.process_maxfwd(20) => {process}
                "
            ),
        );
        assert_eq!(lines(&run, &["Max-Forwards"]), [line], "{value}");
        assert_eq!(run.draft().max_forwards_done, process > 0, "{value}");
    }
    check(
        of(OPTIONS),
        "
        KSR.maxfwd.is_maxfwd_lt(70) => -1
        KSR.maxfwd.is_maxfwd_lt(71) => 1
        KSR.maxfwd.is_maxfwd_lt(256) => -1
        KSR.maxfwd.process_maxfwd(-1) => -1
        KSR.maxfwd.process_maxfwd(256) => -1
        ",
    );
    check(of(REPLY), "KSR.maxfwd.process_maxfwd(10) => -1");
    let lowered = OPTIONS.replace("Forwards: 70", "Forwards: 50");
    let run = check_with(
        |door| door.set_parameter("maxfwd", "max_limit", Value::Integer(40)),
        of(&lowered),
        "KSR.maxfwd.process_maxfwd(10) => 1",
    );
    assert_eq!(lines(&run, &["Max-Forwards"]), ["Max-Forwards: 40"]);
}
