//! Requests for the element itself (RFC 3261 §8.2, §11).

use crate::world::{ALICE, Draft, World, settings, statuses_to, the, udp};

fn to_us(method: &str) -> Draft {
    let mut draft = Draft::new(method, "alice", "x", method, udp(ALICE)).uri("sip:home.test");
    draft.to = "<sip:home.test>".into();
    draft
}

#[test]
fn options_is_answered_with_capabilities() {
    let mut world = World::new(settings());
    let sent = world.send(&to_us("OPTIONS"));
    let ok = the(&sent, "200");
    for header in [
        "Allow",
        "Accept",
        "Supported",
        "Accept-Encoding",
        "Accept-Language",
    ] {
        assert!(ok.header(header).is_some(), "{header}");
    }
    assert!(ok.message.to_tag().is_some());
    assert!(world.element.is_idle());
    let by_address = to_us("OPTIONS").uri("sip:192.0.2.10:5060");
    assert_eq!(statuses_to(&world.send(&by_address), ALICE), [200]);
}

#[test]
fn other_methods_are_not_allowed_or_not_known() {
    let mut world = World::new(settings());
    for (method, status) in [
        ("INVITE", 405),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("BYE", 405),
        ("DANCE", 501),
        ("invite", 501),
    ] {
        let sent = world.send(&to_us(method));
        assert_eq!(statuses_to(&sent, ALICE), [status], "{method}");
        assert!(sent[0].header("Allow").is_some());
    }
    assert!(world.element.is_idle());
}

#[test]
fn requests_inside_a_dialog_that_we_never_had_get_481() {
    let mut world = World::new(settings());
    for method in ["BYE", "OPTIONS", "INVITE", "NOTIFY"] {
        let mut draft = to_us(method);
        draft.to += ";tag=gone";
        assert_eq!(statuses_to(&world.send(&draft), ALICE), [481], "{method}");
    }
}

#[test]
fn what_we_do_not_support_is_named() {
    let mut world = World::new(settings());
    let sent = world.send(&to_us("OPTIONS").line("Require: path, gold, 100rel"));
    assert_eq!(statuses_to(&sent, ALICE), [420]);
    assert_eq!(
        sent[0].header("Unsupported").as_deref(),
        Some("gold, 100rel")
    );
    let sent = world.send(&to_us("OPTIONS").body("text/plain", 3));
    assert_eq!(statuses_to(&sent, ALICE), [415]);
    assert!(sent[0].header("Accept").is_some());
    let sent = world.send(&to_us("OPTIONS").body("application/sdp", 3));
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    let encoded = to_us("OPTIONS")
        .line("Content-Encoding: gzip")
        .body("application/sdp", 3);
    let sent = world.send(&encoded);
    assert_eq!(statuses_to(&sent, ALICE), [415]);
    assert!(sent[0].header("Accept-Encoding").is_some());
    let optional = to_us("OPTIONS")
        .line("Content-Disposition: render;handling=optional")
        .body("text/plain", 3);
    assert_eq!(statuses_to(&world.send(&optional), ALICE), [200]);
}

#[test]
fn a_request_that_came_by_two_ways_is_merged() {
    let mut world = World::new(settings());
    assert_eq!(statuses_to(&world.send(&to_us("OPTIONS")), ALICE), [200]);
    assert_eq!(
        statuses_to(&world.send(&to_us("OPTIONS")), ALICE),
        [200],
        "a retransmission"
    );
    let mut other_way = to_us("OPTIONS");
    other_way.branch += "2";
    assert_eq!(statuses_to(&world.send(&other_way), ALICE), [482]);
    world.pass_seconds(33);
    assert_eq!(statuses_to(&world.send(&other_way), ALICE), [200]);
}

#[test]
fn malformed_requests_are_answered_before_the_element() {
    let world = World::new(settings());
    let text = to_us("OPTIONS").text();
    for (broken, status) in [
        (text.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505),
        (text.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"), 400),
    ] {
        let failure = strowger_sip::Message::parse(broken.into_bytes(), &Default::default())
            .expect_err("malformed");
        let mut out = Vec::new();
        assert!(world.ingress().refuse(&failure, &udp(ALICE), &mut out));
        let answer = String::from_utf8(out).expect("text");
        assert!(
            answer.starts_with(&format!("SIP/2.0 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn our_own_answers_may_say_who_we_are() {
    let mut settings = settings();
    settings.server_header = Some("strowger".into());
    let mut world = crate::world::with_bob(settings);
    let sent = world.send(&to_us("OPTIONS"));
    assert_eq!(sent[0].header("Server").as_deref(), Some("strowger"));
    let sent = world.send(&Draft::new("INVITE", "alice", "bob", "i", udp(ALICE)));
    let failed = world.failed(&sent[0]);
    assert_eq!(failed[0].header("Server").as_deref(), Some("strowger"));
    let mut next = Draft::new("INVITE", "alice", "bob", "j", udp(ALICE));
    next.branch += "2";
    let sent = world.send(&next);
    let answered = world.answer(&sent[0], "486 Busy Here", "b");
    let busy = the(&answered, "486");
    assert_eq!(busy.header("Server"), None, "others speak for themselves");
}
