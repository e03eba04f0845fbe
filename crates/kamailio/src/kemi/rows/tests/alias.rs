//! `nathelper`: addresses in Contact and Request-URI.

use strowger_sip::Transport;

use super::{INVITE, OPTIONS, bodiless, check, lines, of};

#[test]
fn contact_gets_the_source_address() {
    // Observed, but that there `add_contact_alias` puts its parameter before the others.
    for (contact, call, result, changed) in [
        (
            "<sip:z@10.0.0.5:5060>",
            "set_contact_alias()",
            1,
            "<sip:z@10.0.0.5:5060;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sip:z@10.0.0.5>;q=0.5",
            "set_contact_alias()",
            1,
            "<sip:z@10.0.0.5;alias=127.0.0.2~15070~1>;q=0.5",
        ),
        (
            "sip:z@10.0.0.5;expires=5",
            "set_contact_alias()",
            1,
            "<sip:z@10.0.0.5;alias=127.0.0.2~15070~1>;expires=5",
        ),
        (
            "<sip:z@10.0.0.5;transport=tcp?x=y>",
            "set_contact_alias()",
            1,
            "<sip:z@10.0.0.5;transport=tcp;alias=127.0.0.2~15070~1?x=y>",
        ),
        (
            "<sip:a@b>;q=1, <sip:z@10.0.0.6>",
            "set_contact_alias()",
            1,
            "<sip:a@b>;q=1, <sip:z@10.0.0.6;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sip:z@[2001:db8::1]:5060>",
            "set_contact_alias()",
            1,
            "<sip:z@[2001:db8::1]:5060;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sips:z@10.0.0.5>",
            "set_contact_alias()",
            1,
            "<sips:z@10.0.0.5;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sip:z@h;alias=1.1.1.1~5~1>",
            "set_contact_alias()",
            1,
            "<sip:z@h;alias=1.1.1.1~5~1;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sip:z@h;alias=1.1.1.1~5~1>",
            "set_contact_alias_trim()",
            1,
            "<sip:z@h;alias=127.0.0.2~15070~1>",
        ),
        (
            "<sip:z@h>",
            "set_contact_alias_trim()",
            1,
            "<sip:z@h;alias=127.0.0.2~15070~1>",
        ),
        ("*", "set_contact_alias()", -1, "*"),
        ("<tel:+123>", "set_contact_alias()", -1, "<tel:+123>"),
        (
            "<sip:z@10.0.0.5>",
            "add_contact_alias()",
            1,
            "<sip:z@10.0.0.5;alias=127.0.0.2~15070~1>",
        ),
        ("*", "add_contact_alias()", -1, "*"),
        (
            "<sip:z@h>",
            "add_contact_alias_addr('1.2.3.4', '77', 'tcp')",
            1,
            "<sip:z@h;alias=1.2.3.4~77~2>",
        ),
        (
            "<sip:z@h>",
            "add_contact_alias_addr('::1', '77', 'wss')",
            1,
            "<sip:z@h;alias=[::1]~77~6>",
        ),
        (
            "<sip:z@h>",
            "add_contact_alias_addr('1.2.3.4', '77', 'xxx')",
            -1,
            "<sip:z@h>",
        ),
        (
            "<sip:z@h>",
            "add_contact_alias_addr('1.2.3.4', 'x', 'tcp')",
            -1,
            "<sip:z@h>",
        ),
        (
            "<sip:z@h>",
            "add_contact_alias_addr('garbage', '77', 'tcp')",
            -1,
            "<sip:z@h>",
        ),
        (
            "<sip:z@10.0.0.5:5060>",
            "fix_nated_contact()",
            1,
            "<sip:z@127.0.0.2:15070>",
        ),
        (
            "sip:z@10.0.0.5;expires=5",
            "fix_nated_contact()",
            1,
            "sip:z@127.0.0.2:15070;expires=5",
        ),
        (
            "<sip:z@10.0.0.5;transport=tcp>",
            "fix_nated_contact()",
            1,
            "<sip:z@127.0.0.2:15070;transport=tcp>",
        ),
        ("<tel:+123>", "fix_nated_contact()", -1, "<tel:+123>"),
        (
            "<sip:z@h>",
            "add_rcv_param(0)",
            1,
            "<sip:z@h>;received=\"sip:127.0.0.2:15070\"",
        ),
        (
            "<sip:z@h>",
            "add_rcv_param(1)",
            1,
            "<sip:z@h;received=sip:127.0.0.2:15070>",
        ),
        ("*", "add_rcv_param(0)", -1, "*"),
    ] {
        let message = bodiless().replace("<sip:alice@10.0.0.5:5888>;q=0.5", contact);
        let run = check(of(&message), &format!("KSR.nathelper.{call} => {result}"));
        assert_eq!(
            lines(&run, &["Contact"]),
            [format!("Contact: {changed}")],
            "{call}"
        );
    }
    let message = bodiless().replace("Contact: <sip:alice@10.0.0.5:5888>;q=0.5\n", "");
    check(
        of(&message),
        "
        KSR.nathelper.set_contact_alias() => -1
        KSR.nathelper.add_contact_alias() => 2
        KSR.nathelper.add_contact_alias_addr('1.2.3.4', '77', 'tcp') => 2
        KSR.nathelper.fix_nated_contact() => -1
        KSR.nathelper.add_rcv_param(0) => -1
        ",
    );
    let run = check(
        of(INVITE).from("127.0.0.2:15070", Transport::Tls),
        "
        KSR.nathelper.set_contact_alias() => 1
        KSR.nathelper.set_contact_alias() => -1
        KSR.nathelper.add_contact_alias() => -1
        ",
    );
    let changed = "Contact: <sip:alice@10.0.0.5:5888;alias=127.0.0.2~15070~3>;q=0.5";
    assert_eq!(lines(&run, &["Contact"]), [changed]);
    let run = check(
        of(INVITE).from("127.0.0.2:15070", Transport::Tcp),
        "KSR.nathelper.add_rcv_param(1) => 1",
    );
    let changed =
        "Contact: <sip:alice@10.0.0.5:5888;received=sip:127.0.0.2:15070%3Btransport%3Dtcp>;q=0.5";
    assert_eq!(lines(&run, &["Contact"]), [changed]);
}

#[test]
fn the_alias_of_the_request_uri_becomes_the_destination() {
    // Observed, but that there ports are not looked at.
    for (uri, result, left, destination) in [
        (
            "sip:z@10.0.0.5:5060;alias=127.0.0.3~15080~1",
            1,
            "sip:z@10.0.0.5:5060",
            "[sip:127.0.0.3:15080]",
        ),
        (
            "sip:z@h;alias=127.0.0.3~15080~2",
            1,
            "sip:z@h",
            "[sip:127.0.0.3:15080;transport=tcp]",
        ),
        (
            "sip:z@h;alias=127.0.0.3~15080~3;x=y",
            1,
            "sip:z@h;x=y",
            "[sip:127.0.0.3:15080;transport=tls]",
        ),
        (
            "sip:z@h;x=y;alias=127.0.0.3~15080~5;z",
            1,
            "sip:z@h;x=y;z",
            "[sip:127.0.0.3:15080;transport=ws]",
        ),
        (
            "sip:z@h;alias=127.0.0.3~15080~6",
            1,
            "sip:z@h",
            "[sip:127.0.0.3:15080;transport=wss]",
        ),
        ("sip:z@h;alias=[::1]~5~1", 1, "sip:z@h", "[sip:[::1]:5]"),
        ("sip:z@h", 2, "sip:z@h", "nil"),
        ("sip:z@h;alias=", 2, "sip:z@h;alias=", "nil"),
        (
            "sip:z@h;alias=127.0.0.3~15080~9",
            -1,
            "sip:z@h;alias=127.0.0.3~15080~9",
            "nil",
        ),
        (
            "sip:z@h;alias=127.0.0.3~15080",
            -1,
            "sip:z@h;alias=127.0.0.3~15080",
            "nil",
        ),
        (
            "sip:z@h;alias=127.0.0.3~15080~1~1",
            -1,
            "sip:z@h;alias=127.0.0.3~15080~1~1",
            "nil",
        ),
        (
            "sip:z@h;alias=127.0.0.3~99999~1",
            -1,
            "sip:z@h;alias=127.0.0.3~99999~1",
            "nil",
        ),
        (
            "sip:z@h;alias=127.0.0.3~~1",
            -1,
            "sip:z@h;alias=127.0.0.3~~1",
            "nil",
        ),
        ("sip:z@h;alias=garbage", -1, "sip:z@h;alias=garbage", "nil"),
        ("http://x", -1, "http://x", "nil"),
    ] {
        let message = OPTIONS.replace("sip:bob@kam.test SIP", &format!("{uri} SIP"));
        let run = check(
            of(&message),
            &format!(
                "
                KSR.nathelper.handle_ruri_alias() => {result}
                KSR.pv.get('$du') => {destination}
                "
            ),
        );
        let left_is = &*run.draft().target.uri;
        let left_is = if left_is.is_empty() {
            uri.as_bytes()
        } else {
            left_is
        };
        assert_eq!(String::from_utf8_lossy(left_is), left);
    }
}
