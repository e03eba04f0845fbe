//! Seed 2's own examples through KEMI: replies with and without a transaction, from request and failure routes, with the
//! counters before and after; the statistics.

use super::host::{invite, request, scripted, statistics, world};
use crate::world::{ALICE, BOB, World, lines, statuses_to, the, udp};

const REFUSALS: &str = r#"
function ksr_request_route()
    if KSR.is_ACK() then return 1 end
    local user = KSR.pv.get("$rU")
    if string.find(user, "stateful") then KSR.tm.t_newtran() end
    if string.find(user, "missing") then
        KSR.sl.send_reply(404, "Not found")
    elseif string.find(user, "invalid") then
        KSR.sl.send_reply(403, "Invalid user - " .. KSR.pv.get("$fU"))
    end
    return 1
end
"#;

#[test]
fn without_a_transaction_the_reply_is_sent_once_and_counted() {
    let mut world = world(REFUSALS);
    assert_eq!(statistics(&world), "");
    let sent = world.send(&invite("missing", "a1"));
    assert_eq!(lines(&sent), [format!("SIP/2.0 404 Not found -> {ALICE}")]);
    assert_eq!(statistics(&world), "404_replies=1 sent_replies=1");
    let sent = world.send(&invite("invalid", "a2"));
    assert_eq!(
        lines(&sent),
        [format!("SIP/2.0 403 Invalid user - alice -> {ALICE}")]
    );
    assert_eq!(
        statistics(&world),
        "403_replies=1 404_replies=1 sent_replies=2"
    );
    assert!(world.pass_seconds(10).is_empty());
    assert!(world.element.is_idle());
}

#[test]
fn with_a_transaction_the_reply_is_repeated_until_the_ack_and_not_counted() {
    let mut world = world(REFUSALS);
    let invite = invite("stateful-missing", "b1");
    let sent = world.send(&invite);
    assert_eq!(lines(&sent), [format!("SIP/2.0 404 Not found -> {ALICE}")]);
    let repeated = world.pass_seconds(2);
    assert_eq!(statuses_to(&repeated, ALICE), [404, 404]);
    assert!(world.send(&invite.ack(&sent[0])).is_empty());
    assert!(world.pass_seconds(10).is_empty());
    assert_eq!(statistics(&world), "");
}

#[test]
fn a_failure_route_replies_through_the_transaction() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_failure("ksr_failure_manage")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function ksr_failure_manage()
            if KSR.tm.t_is_canceled() > 0 then return 1 end
            KSR.sl.send_reply(403, "Invalid user - " .. KSR.pv.get("$fU"))
        end
    "#;
    let mut world = world(script);
    let invite = invite("bob", "c1");
    let sent = world.send(&invite);
    let to_bob = the(&sent, "INVITE").line();
    assert_eq!(to_bob, format!("INVITE sip:bob@{BOB} SIP/2.0"));
    let sent = world.answer(the(&sent, "INVITE"), "486 Busy Here", "b1");
    assert_eq!(
        lines(&sent),
        [
            format!("ACK sip:bob@{BOB} SIP/2.0 -> {BOB}"),
            format!("SIP/2.0 403 Invalid user - alice -> {ALICE}"),
        ]
    );
    assert_eq!(statistics(&world), "");
    world.send(&invite.ack(&sent[1]));
    world.pass_seconds(40);
    assert!(world.element.is_idle());
}

#[test]
fn a_failure_route_tries_another_target() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_failure("next")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function next()
            KSR.pv.sets("$ru", "sip:carol@192.0.2.3:5060")
            KSR.tm.t_relay()
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&invite("bob", "d1"));
    let sent = world.answer(the(&sent, "INVITE"), "486 Busy Here", "b1");
    let second = the(&sent, "INVITE");
    assert!(second.line().starts_with("INVITE sip:carol@192.0.2.3:5060"));
    let sent = world.answer(second, "603 Decline", "c1");
    assert_eq!(statuses_to(&sent, ALICE), [603]);
}

#[test]
fn a_second_final_answer_is_refused_and_counted() {
    let script = r#"
        first, second = 0, 0
        function ksr_request_route()
            first = KSR.sl.sl_send_reply(404, "Not found")
            second = KSR.sl.sl_send_reply(500, "Again")
            KSR.info(first .. " " .. second .. "\n")
        end
    "#;
    let (settings, log) = scripted(script);
    let mut world = World::new(settings);
    let sent = world.send(&request("OPTIONS", "bob", "e1"));
    assert_eq!(statuses_to(&sent, ALICE), [404]);
    assert_eq!(log.0.lock().expect("lines").concat(), "Info: 1 -2\n");
    assert_eq!(world.element.counters().double_answers_refused, 1);
}

#[test]
fn every_statistic_counts_what_it_says() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then
                KSR.sl.sl_send_reply(200, "OK")
                return 1
            end
            local code = tonumber(KSR.pv.get("$rU"))
            if code == 0 then
                KSR.sl.sl_reply_error()
            else
                KSR.sl.sl_send_reply(code, "Reason")
            end
        end
    "#;
    let mut world = world(script);
    let mut table = Vec::new();
    for code in [
        100, 183, 200, 202, 204, 300, 301, 302, 305, 400, 401, 403, 404, 407, 408, 480, 483, 500,
        503, 600, 699, 0,
    ] {
        let before = world.shared.sl.total();
        let draft = request("OPTIONS", &code.to_string(), &format!("f{code}"));
        world.send(&draft);
        table.push(format!("{code:03}: {}", changed(&before, &world)));
    }
    let before = world.shared.sl.total();
    world.send(&request("ACK", "200", "f1"));
    table.push(format!("ACK: {}", changed(&before, &world)));
    insta::assert_snapshot!(table.join("\n"));
}

/// What the statistics say now that they did not before.
fn changed(before: &strowger_routing::SlStatistics, world: &World) -> String {
    let after = world.shared.sl.total();
    let pairs = before.iter().zip(after.iter());
    let grown: Vec<String> = pairs
        .filter(|((_, a), (_, b))| a != b)
        .map(|((name, a), (_, b))| format!("{name}+{}", b - a))
        .collect();
    grown.join(" ")
}

#[test]
fn a_redirection_lists_changed_targets_alone() {
    let script = r#"
        function ksr_request_route()
            if KSR.pv.get("$rU") == "moved" then
                KSR.pv.sets("$ru", "sip:new@192.0.2.9")
            end
            KSR.sl.sl_send_reply(302, "Moved")
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("OPTIONS", "moved", "g1"));
    assert_eq!(
        sent[0].header("Contact").as_deref(),
        Some("<sip:new@192.0.2.9>")
    );
    let sent = world.send(&request("OPTIONS", "bob", "g2"));
    assert_eq!(sent[0].header("Contact"), None);
}

#[test]
fn replies_go_to_the_source_port_where_the_script_says_so() {
    let script = r#"
        function ksr_request_route()
            if KSR.pv.get("$rU") == "forced" then KSR.force_rport() end
            KSR.sl.sl_send_reply(200, "OK")
        end
    "#;
    let mut world = world(script);
    let other = "192.0.2.1:7777";
    for (user, remote) in [("plain", ALICE), ("forced", other)] {
        let text = request("OPTIONS", user, user).text();
        let sent = world.receive(udp(other), &text.replace(";rport", ""));
        assert_eq!(statuses_to(&sent, remote), [200], "{user}");
    }
}
