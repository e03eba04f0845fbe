//! Expressions and text: `textops`, `ipops`, `xlog`, `cfgutils`, `siptrace`.

use core::time::Duration;

use strowger_lua::{Outcome, Value as Answer};
use strowger_routing::ErrandAnswer;

use super::{INVITE, REPLY, bodiless, check, check_with, lines, of};
use crate::cfg::Value;
use crate::kemi::fake::FakeHost;

#[test]
fn the_message_and_its_body_are_searched() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.textops.search("ALICE") => 1
        KSR.textops.search("^User-Agent") => 1
        KSR.textops.search("^INVITE") => 1
        KSR.textops.search("zzz") => -1
        KSR.textops.search("(") => -1
        KSR.textops.search_body("AUDIO") => 1
        KSR.textops.search_body("alice") => -1
        KSR.textops.search_body("(") => -1
        "#,
    );
    check(of(&bodiless()), "KSR.textops.search_body('.*') => -1");
}

#[test]
fn matches_are_replaced() {
    // Observed: the start line stays as it is, and Content-Length follows.
    for (call, result, line) in [
        ("replace('h.test', 'Q')", 1, "To: Bob <sip:bob@Q>"),
        ("replace('zzz', 'Q')", -1, "To: Bob <sip:bob@h.test>"),
        ("replace('(', 'Q')", -1, "To: Bob <sip:bob@h.test>"),
        (
            "replace('\\r\\n\\r\\nv=0', 'Q')",
            1,
            "To: Bob <sip:bob@h.test>",
        ),
        (
            "replace('Alice X', 'A\\r\\nB: x')",
            1,
            "From: \"A  B: x\" <sip:alice@a.test:5071;p=1>;tag=ft1",
        ),
        ("replace_all('a=rtpmap', 'b=R')", 1, "Content-Length: 228"),
        ("replace_hdrs('Bob', 'Rob')", 1, "To: Rob <sip:bob@h.test>"),
        ("replace_hdrs('rtpmap', 'Rob')", -1, "Content-Length: 248"),
        ("replace_body('PCMU', 'Y')", 1, "a=rtpmap:0 Y/8000"),
        ("replace_body('PCMU', 'Y')", 1, "Content-Length: 245"),
        ("replace_body('zzz', 'Y')", -1, "Content-Length: 248"),
        ("replace_body('s=-\\r\\n', '')", 1, "Content-Length: 243"),
        ("replace_body_all('a=', 'bb=')", 1, "Content-Length: 254"),
        ("replace_body_atonce('a=', 'bb=')", 1, "Content-Length: 254"),
        ("replace_body_all('zzz', '')", -1, "Content-Length: 248"),
        ("replace_body_atonce('zzz', '')", -1, "Content-Length: 248"),
        (
            "replace_str('Bob', 'Rob', 'f')",
            1,
            "To: Rob <sip:bob@h.test>",
        ),
        (
            "replace_str('BOB', 'Rob', 'f')",
            1,
            "To: Bob <sip:bob@h.test>",
        ),
        (
            "replace_str('', 'Rob', 'f')",
            -1,
            "To: Bob <sip:bob@h.test>",
        ),
        (
            "replace_str('alice', 'a', 'a')",
            1,
            "From: \"Alice X\" <sip:a@a.test:5071;p=1>;tag=ft1",
        ),
        (
            "replace_hdrs_str('X-A', 'Y-A', 'a')",
            1,
            "Y-A:  three, four",
        ),
        ("replace_body_str('a=', 'b=', 'f')", 1, "a=sendrecv"),
        ("replace_body_str('a=', 'b=', 'a')", 1, "b=sendrecv"),
        (
            "search_append('UA/1', '-suffix')",
            1,
            "User-Agent: UA/1-suffix",
        ),
        ("search_append('zzz', '-suffix')", -1, "User-Agent: UA/1"),
        (
            "search_append_body('s=-', 'sess')",
            1,
            "Content-Length: 252",
        ),
        (
            "search_append_body('zzz', 'sess')",
            -1,
            "Content-Length: 248",
        ),
        ("subst('/h.test/Q/')", 1, "To: Bob <sip:bob@Q>"),
        ("subst('/zzz/Q/')", -1, "To: Bob <sip:bob@h.test>"),
        ("subst('garbage')", -1, "To: Bob <sip:bob@h.test>"),
        ("subst_body('/PCMU/XXXXX/')", 1, "Content-Length: 249"),
        ("subst_body('/a=/b=/g')", 1, "b=sendrecv"),
        ("subst_body('/zzz/X/')", -1, "Content-Length: 248"),
        ("subst_body('/x')", -1, "Content-Length: 248"),
        ("subst_hf('X-A', '/one/1/', 'f')", 1, "X-A: 1"),
        ("subst_hf('X-A', '/t/T/g', 'a')", 1, "X-A:  Three, four"),
        ("subst_hf('X-A', '/o/0/g', 'l')", 1, "X-A:  three, f0ur"),
        ("subst_hf('X-A', '/zzz/T/g', 'a')", -1, "X-A: one"),
        ("subst_hf('X-Nope', '/t/T/g', 'a')", -1, "X-A: one"),
        ("subst_hf('X-A', '/t', 'a')", -1, "X-A: one"),
    ] {
        let run = check(of(INVITE), &format!("KSR.textops.{call} => {result}"));
        let message = run.message();
        assert!(
            message.contains(&format!("\n{line}\n")),
            "{call}: {message}"
        );
        assert!(
            message.starts_with("INVITE sip:bob%20x:pw@h.test:5070;"),
            "{call}"
        );
    }
    let run = check(of(INVITE), "KSR.textops.replace_all('alice', 'carol') => 1");
    assert_eq!(run.message().matches("carol").count(), 3);
    assert!(!run.draft().body_replaced);
    let run = check(of(INVITE), "KSR.textops.replace_all('PCMU', 'x') => 1");
    assert!(run.draft().body_replaced);
    // Expressions match in either case, substitutions only if asked to.
    let run = check(of(INVITE), "KSR.textops.subst('/(ali)ce/\\\\1-$rm/g') => 1");
    assert_eq!(run.message().matches("ali-INVITE").count(), 2);
}

#[test]
fn the_request_uri_is_substituted() {
    // Observed, but the first: there the result may be no URI.
    check(
        of(INVITE),
        r#"
        KSR.textops.subst_uri("/sip:(.*)$/\\1/") => -1
        KSR.textops.subst_uri("/zzz/x/") => -1
        KSR.textops.subst_uri("/(.*)/sip:$fU@x.test/") => 1
        KSR.pv.get("$ru") => [sip:alice@x.test]
        KSR.textops.subst_user("/alice/dave/") => 1
        KSR.pv.get("$ru") => [sip:dave@x.test]
        KSR.textops.subst_user("/zzz/x/") => -1
        KSR.textops.subst_user("/dave/a b/") => -1
        KSR.textops.subst_user("/dave//") => 1
        KSR.pv.get("$ru") => [sip:x.test]
        KSR.textops.subst_user("x") => -1
        "#,
    );
    check(
        of(REPLY),
        "
        KSR.textops.subst_uri('/(.*)/sip:x/') => -1
        KSR.textops.subst_user('/(.*)/x/') => -1
        ",
    );
}

#[test]
fn texts_are_compared() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.textops.cmp_str("a","a") => 1
        KSR.textops.cmp_str("a","A") => -1
        KSR.textops.cmp_str("a","ab") => -2
        KSR.textops.cmp_istr("a","A") => 1
        KSR.textops.cmp_istr("b","A") => -1
        KSR.textops.cmp_istr("a","b") => -2
        KSR.textops.starts_with("abc","ab") => 1
        KSR.textops.starts_with("abc","AB") => -1
        KSR.textops.starts_with("abc","bc") => -2
        KSR.textops.starts_with("a","abc") => -1
        KSR.textops.ends_with("abc","cd") => -2
        KSR.textops.ends_with("abc","ab") => -1
        KSR.textops.starts_with("abc","") => 1
        KSR.textops.ends_with("abc","bc") => 1
        KSR.textops.ends_with("abc","ab") => -1
        KSR.textops.search_str("hello","L+") => 1
        KSR.textops.search_str("hello","z") => -1
        KSR.textops.search_str("hello","(") => -1
        KSR.textops.search_str("","z") => -2
        KSR.textops.str_find("hello","ell") => 2
        KSR.textops.str_find("hello","ELL") => -1
        KSR.textops.str_ifind("hello","ELL") => 2
        KSR.textops.str_find("","") => 1
        KSR.textops.in_list("b","a,b,c",",") => 1
        KSR.textops.in_list("d","a,b,c",",") => -1
        KSR.textops.in_list("b","a b c"," ") => 1
        KSR.textops.in_list("B","a,b,c",",") => -1
        KSR.textops.in_list("b","a, b ,c",",") => 1
        KSR.textops.in_list("","a,b,c",",") => -1
        KSR.textops.in_list("b","",",") => -1
        KSR.textops.in_list("b","a;b",",;") => -1
        KSR.textops.in_list("b","a,b","") => -1
        KSR.textops.in_list_prefix("bcd","a,b,c",",") => 1
        KSR.textops.in_list_prefix("xbcd","a,b,c",",") => -1
        KSR.textops.in_list_prefix("","a,b,c",",") => -1
        KSR.textops.regex_substring("hello","h(.)l",1,2,"$var(r)") => 1
        KSR.pv.get("$var(r)") => [e]
        KSR.textops.regex_substring("hello","h(.)l",1,1,"$var(r)") => -1
        KSR.textops.regex_substring("hello","z",0,1,"$var(r)") => -1
        KSR.textops.regex_substring("hello","h",0,1,"$nope") => -1
        KSR.textopsx.fnmatch("abc","a*") => 0
        KSR.textopsx.fnmatch("abc","A*") => -1
        KSR.textopsx.fnmatch_ex("abc","A*","i") => 0
        KSR.textopsx.fnmatch_ex("abc","A*","") => -1
        "#,
    );
}

#[test]
fn addresses_as_text() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.ipops.is_ip("1.2.3.4") => 1
        KSR.ipops.is_ip("[::1]") => 1
        KSR.ipops.is_ip("1.2.3.400") => -1
        KSR.ipops.is_pure_ip("::1") => 1
        KSR.ipops.is_pure_ip("[::1]") => -1
        KSR.ipops.is_ip4("1.2.3.4") => 1
        KSR.ipops.is_ip4("::1") => -1
        KSR.ipops.is_ip6("::1") => 1
        KSR.ipops.is_ip6("1.2.3.4") => -1
        KSR.ipops.is_ip6("[::1]") => -1
        KSR.ipops.is_ip6_reference("[::1]") => 1
        KSR.ipops.is_ip6_reference("::1") => -1
        KSR.ipops.is_ip6_reference("[1.2.3.4]") => -1
        KSR.ipops.ip_type("1.2.3.4") => 1
        KSR.ipops.ip_type("::1") => 2
        KSR.ipops.ip_type("[::1]") => 3
        KSR.ipops.ip_type("") => -1
        KSR.ipops.compare_ips("::1","[::1]") => 1
        KSR.ipops.compare_ips("::1","0:0::1") => 1
        KSR.ipops.compare_ips("1.2.3.4","1.2.3.5") => -1
        KSR.ipops.compare_ips("a","a") => -1
        KSR.ipops.compare_pure_ips("::1","0:0::1") => 1
        KSR.ipops.compare_pure_ips("::1","[::1]") => -1
        KSR.ipops.is_in_subnet("10.1.2.3","10.0.0.0/8") => 1
        KSR.ipops.is_in_subnet("11.1.2.3","10.0.0.0/8") => -1
        KSR.ipops.is_in_subnet("10.1.2.3","10.1.2.3") => 1
        KSR.ipops.is_in_subnet("10.1.2.3","10.0.0.0/33") => -1
        KSR.ipops.is_in_subnet("10.1.2.3","10.0.0.0/255.0.0.0") => -1
        KSR.ipops.is_in_subnet("2001:db8::1","2001:db8::/32") => 1
        KSR.ipops.is_in_subnet("10.1.2.3","2001:db8::/32") => -1
        KSR.ipops.is_in_subnet("10.1.2.3","11.0.0.0/8,10.0.0.0/8") => 1
        KSR.ipops.is_in_subnet("10.1.2.3","10.0.0.0/0") => 1
        KSR.ipops.is_in_subnet("::1","::/0") => 1
        KSR.ipops.is_in_subnet("a","10.0.0.0/8") => -1
        KSR.ipops.ip_is_in_subnet("10.1.2.3","10.0.0.0/8") => 1
        KSR.ipops.ip_is_in_subnet("10.1.2.3","") => -1
        KSR.ipops.is_ip_rfc1918("10.0.0.1") => 1
        KSR.ipops.is_ip_rfc1918("100.64.0.1") => -1
        KSR.ipops.is_ip_rfc1918("::1") => -1
        KSR.ipops.detailed_ip_type("10.0.0.1","$var(x)") => 1
        KSR.pv.get("$var(x)") => [PRIVATE]
        KSR.ipops.detailed_ip_type("::1","$var(x)") => 1
        KSR.pv.get("$var(x)") => [LOOPBACK]
        KSR.ipops.detailed_ip_type("garbage","$var(x)") => -1
        KSR.ipops.detailed_ip_type("::1","$nope") => -1
        KSR.ipops.detailed_ipv4_type("224.0.0.1","$var(x)") => 1
        KSR.pv.get("$var(x)") => [MULTICAST]
        KSR.ipops.detailed_ipv4_type("::1","$var(x)") => -1
        KSR.ipops.detailed_ipv6_type("fe80::1","$var(x)") => 1
        KSR.pv.get("$var(x)") => [LINK-LOCAL-UNICAST]
        KSR.ipops.detailed_ipv6_type("1.2.3.4","$var(x)") => -1
        "#,
    );
    for (ip, kind) in [
        ("8.8.8.8", "PUBLIC"),
        ("127.0.0.1", "LOOPBACK"),
        ("169.254.1.1", "LINK-LOCAL"),
        ("100.64.0.1", "SHARED"),
        ("172.31.0.1", "PRIVATE"),
        ("192.0.2.1", "DOCUMENTATION"),
        ("198.19.0.1", "BENCHMARKING"),
        ("240.0.0.1", "RESERVED"),
        ("255.255.255.255", "BROADCAST"),
        ("0.0.0.1", "THIS"),
        ("192.88.99.1", "6TO4-RELAY-ANYCAST"),
        ("::", "UNSPECIFIED"),
        ("fd00::1", "UNIQUE-LOCAL-UNICAST"),
        ("ff02::1", "MULTICAST"),
        ("::ffff:1.2.3.4", "IPV4-MAPPED"),
        ("2001:4860::1", "GLOBAL-UNICAST"),
        ("4000::1", "RESERVED"),
    ] {
        let table = format!(
            "
            KSR.ipops.detailed_ip_type('{ip}', '$var(x)') => 1
            KSR.pv.get('$var(x)') => [{kind}]
            "
        );
        check(of(INVITE), &table);
    }
}

#[test]
fn log_lines_with_values() {
    let run = check(
        of(INVITE),
        r#"
        KSR.xlog.xdbg("1 $fU\n") => 1
        KSR.xlog.xinfo("2") => 1
        KSR.xlog.xnotice("3") => 1
        KSR.xlog.xwarn("4") => 1
        KSR.xlog.xerr("5 $tt $sp") => 1
        KSR.xlog.xcrit("6") => 1
        KSR.xlog.xalert("7") => 1
        KSR.xlog.xlog("L_ERR","8 $$") => 1
        KSR.xlog.xlog("warn","9") => 1
        KSR.xlog.xlog("zzz","10") => 1
        KSR.xlog.xerr("$nope(") => -1
        "#,
    );
    assert_eq!(
        run.log,
        [
            "Debug: 1 alice",
            "Info: 2",
            "Notice: 3",
            "Warning: 4",
            "Error: 5 <null> 15070",
            "Critical: 6",
            "Alert: 7",
            "Error: 8 $",
            "Warning: 9",
            "Info: 10",
        ]
    );
}

#[test]
fn chance_and_route_blocks() {
    let context = of(INVITE).with(|context| context.randoms.extend([9, 10, 0, 99]));
    check(
        context,
        r#"
        KSR.cfgutils.check_route_exists("x") => -1
        KSR.cfgutils.route_if_exists("x") => -1
        KSR.cfgutils.rand_get_prob() => 10
        KSR.cfgutils.rand_event() => 1
        KSR.cfgutils.rand_event() => -1
        KSR.cfgutils.rand_set_prob(0) => 1
        KSR.cfgutils.rand_event() => -1
        KSR.cfgutils.rand_set_prob(100) => 1
        KSR.cfgutils.rand_event() => 1
        KSR.cfgutils.rand_set_prob(101) => -1
        KSR.cfgutils.rand_set_prob(-1) => -1
        KSR.cfgutils.rand_get_prob() => 100
        KSR.cfgutils.rand_reset_prob() => 1
        KSR.cfgutils.rand_get_prob() => 10
        KSR.cfgutils.usleep(0) => 1
        KSR.cfgutils.sleep(-1) => -1
        "#,
    );
    check_with(
        |door| door.set_parameter("cfgutils", "initial_probability", Value::Integer(70)),
        of(INVITE),
        "KSR.cfgutils.rand_get_prob() => 70",
    );
}

#[test]
fn a_script_sleeps_without_a_worker() {
    for (call, begun, answer) in [
        ("usleep(250000)", "Sleep(250ms)", Some(ErrandAnswer::Slept)),
        ("sleep(2)", "Sleep(2s)", None),
        ("sleep(1000000)", "Sleep(60s)", None),
    ] {
        let mut host = FakeHost::new(&format!("return KSR.cfgutils.{call}"), |_| {});
        let run = host.request(of(INVITE));
        assert_eq!(run.acts, [format!("begin_errand {begun}")]);
        let Outcome::Parked { deadline, .. } = run.outcome else {
            panic!("{:?}", run.outcome);
        };
        assert!(deadline > strowger_sip::Time::from_secs(100) + Duration::from_millis(249));
        let run = host.resume(answer);
        assert_eq!(run.value(), Answer::Int(1));
    }
}

#[test]
fn without_a_capture_server_nothing_is_mirrored() {
    let mut host = FakeHost::new(
        "return KSR.siptrace.sip_trace(), KSR.siptrace.sip_trace_mode('m'),
            KSR.siptrace.sip_trace_dst('sip:x'), KSR.siptrace.sip_trace_dst_cid('sip:x', 'c'),
            KSR.siptrace.sip_trace_dst_cid_type('sip:x', 'c', 'm'), KSR.siptrace.hlog('x'),
            KSR.siptrace.hlog_cid('c', 'x')",
        |_| {},
    );
    let run = host.request(of(INVITE));
    assert_eq!(run.shown(), "-1 -1 -1 -1 -1 -1 -1");
    assert_eq!(host.shard().engine_failures, 7);
    assert_eq!(run.log.len(), 1);
    assert_eq!(lines(&run, &["INVITE"]).len(), 1);
}
