//! `nathelper`: signs of a NAT, and addresses in session descriptions.

use strowger_sip::Transport;

use super::{INVITE, OPTIONS, bodiless, check, lines, of};

/// The INVITE with another Contact and another Via, alone.
fn invite(contact: &str, via: &str) -> String {
    INVITE
        .replace("<sip:alice@10.0.0.5:5888>;q=0.5", contact)
        .replace("Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef\n", "")
        .replace("UDP 127.0.0.2:15070", &format!("UDP {via}"))
}

const BITS: [i64; 12] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 19, 0];

/// The bits of which the test says yes.
fn signs(context: impl Fn() -> crate::kemi::fake::FakeContext) -> Vec<i64> {
    let calls: Vec<String> = BITS
        .iter()
        .map(|bit| format!("KSR.nathelper.nat_uac_test({bit})"))
        .collect();
    let script = format!("return {}", calls.join(", "));
    let run = crate::kemi::fake::run_lua(&script, context());
    let answers = run.values().iter().zip(BITS);
    answers
        .filter(|(answer, _)| **answer == strowger_lua::Value::Int(1))
        .map(|(_, bit)| bit)
        .collect()
}

#[test]
fn signs_of_a_nat() {
    // Observed on 5.6.3; the SDP names 10.0.0.5.
    for (contact, via, expected) in [
        (
            "<sip:z@10.0.0.5:5060>",
            "127.0.0.2:15070",
            &[1, 8, 128, 256, 19][..],
        ),
        ("<sip:z@127.0.0.2:15070>", "127.0.0.2:15070", &[8, 256]),
        (
            "<sip:z@127.0.0.2:99>",
            "127.0.0.2:99",
            &[8, 16, 128, 256, 19],
        ),
        (
            "<sip:z@127.0.0.2>",
            "10.1.1.1",
            &[2, 4, 8, 16, 128, 256, 19],
        ),
        (
            "<sip:z@172.20.1.1;transport=ws>",
            "a.invalid",
            &[1, 2, 8, 16, 128, 256, 19],
        ),
        (
            "<sip:z@100.64.3.4>",
            "127.0.0.2:15070;received=127.0.0.2",
            &[1, 8, 128, 256, 19],
        ),
        (
            "<sip:z@192.168.1.1:7;maddr=127.0.0.2>",
            "127.0.0.9:15070",
            &[1, 2, 8, 128, 256, 19],
        ),
        ("<sip:z@name.test>", "127.0.0.9", &[2, 8, 16, 128, 256, 19]),
        ("*", "127.0.0.2:15070", &[8, 256]),
        ("<tel:+1>", "127.0.0.2:15070", &[8, 256]),
    ] {
        let text = invite(contact, via);
        assert_eq!(signs(|| of(&text)), expected, "{contact} {via}");
    }
    let plain = invite("<sip:z@127.0.0.2:15070>", "127.0.0.2:15070");
    let head = plain.split("\n\n").next().expect("a head");
    let empty = head.replace("Length: 248", "Length: 0") + "\n\n";
    assert_eq!(signs(|| of(&empty)), Vec::<i64>::new());
    assert_eq!(
        signs(|| of(&empty).from("10.0.0.9:5060", Transport::Wss)),
        [2, 16, 32, 64, 128, 512, 19]
    );
    assert_eq!(
        signs(|| of(&plain).from("10.0.0.5:15070", Transport::Udp)),
        [2, 8, 32, 19]
    );
}

#[test]
fn the_source_is_kept_for_the_binding() {
    let run = check(of(OPTIONS), "KSR.nathelper.fix_nated_register() => 1");
    assert!(run.draft().use_source_for_binding);
}

#[test]
fn private_addresses() {
    // Observed.
    check(
        of(OPTIONS),
        r#"
        KSR.nathelper.is_rfc1918("10.0.0.1") => 1
        KSR.nathelper.is_rfc1918("11.0.0.1") => -1
        KSR.nathelper.is_rfc1918("172.16.0.1") => 1
        KSR.nathelper.is_rfc1918("172.32.0.1") => -1
        KSR.nathelper.is_rfc1918("192.168.0.1") => 1
        KSR.nathelper.is_rfc1918("100.64.0.1") => 1
        KSR.nathelper.is_rfc1918("100.128.0.1") => -1
        KSR.nathelper.is_rfc1918("192.0.0.1") => 1
        KSR.nathelper.is_rfc1918("192.0.2.1") => -1
        KSR.nathelper.is_rfc1918("169.254.1.1") => -1
        KSR.nathelper.is_rfc1918("127.0.0.1") => -1
        KSR.nathelper.is_rfc1918("garbage") => -1
        KSR.nathelper.is_rfc1918("::1") => -1
        "#,
    );
}

#[test]
fn the_sdp_gets_the_source_address() {
    // Observed.
    for (call, result, length, changed) in [
        (
            "fix_nated_sdp(0)",
            2,
            248,
            &["c=IN IP4 10.0.0.5", "o=- 1 1 IN IP4 10.0.0.5"][..],
        ),
        ("fix_nated_sdp(1)", 2, 288, &["a=direction:active"]),
        (
            "fix_nated_sdp(2)",
            1,
            272,
            &[
                "c=IN IP4 127.0.0.2",
                "o=- 1 1 IN IP4 10.0.0.5",
                "a=oldmediaip:10.0.0.5",
            ],
        ),
        ("fix_nated_sdp(4)", 2, 266, &["a=nortpproxy:yes"]),
        (
            "fix_nated_sdp(8)",
            1,
            272,
            &[
                "c=IN IP4 10.0.0.5",
                "o=- 1 1 IN IP4 127.0.0.2",
                "a=oldmediaip:10.0.0.5",
            ],
        ),
        (
            "fix_nated_sdp(3)",
            1,
            312,
            &["c=IN IP4 127.0.0.2", "a=direction:active"],
        ),
        (
            "fix_nated_sdp(10)",
            1,
            296,
            &["c=IN IP4 127.0.0.2", "o=- 1 1 IN IP4 127.0.0.2"],
        ),
        (
            "fix_nated_sdp_ip(10, '1.2.3.4')",
            1,
            292,
            &["c=IN IP4 1.2.3.4", "o=- 1 1 IN IP4 1.2.3.4"],
        ),
    ] {
        let run = check(of(INVITE), &format!("KSR.nathelper.{call} => {result}"));
        let message = run.message();
        for line in changed {
            assert!(
                message.contains(&format!("\n{line}\n")),
                "{call}: {message}"
            );
        }
        assert_eq!(
            lines(&run, &["Content-Length"]),
            [format!("Content-Length: {length}")]
        );
        let body = message.split_once("\n\n").expect("a body").1;
        assert_eq!(body.replace('\n', "\r\n").len(), length, "{call}");
    }
    let run = check(of(INVITE), "KSR.nathelper.fix_nated_sdp(1) => 2");
    assert_eq!(run.message().matches("a=direction:active").count(), 2);
    assert!(run.draft().body_replaced);
    check(
        of(&bodiless()),
        "
        KSR.nathelper.fix_nated_sdp(2) => -1
        KSR.nathelper.fix_nated_sdp_ip(2, '1.2.3.4') => -1
        ",
    );
    check(
        of(INVITE),
        "KSR.nathelper.fix_nated_sdp_ip(2, 'garbage') => -1",
    );
}
