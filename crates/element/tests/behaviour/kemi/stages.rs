//! Branches and responses as scripts see and change them.

use super::host::{invite, request, scripted, world};
use crate::world::{ALICE, BOB, CAROL, HERE, World, lines, statuses_to, the};

#[test]
fn a_branch_function_changes_its_branch_alone() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.hdr.append("X-All: yes\r\n")
            KSR.tm.t_on_branch("each")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.pv.sets("$br", "sip:carol@192.0.2.3:5060")
            KSR.tm.t_relay()
        end
        function each()
            local number = KSR.pv.get("$T_branch_idx")
            KSR.hdr.append("X-Branch: " .. number .. "\r\n")
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&invite("bob", "a1"));
    let headers = |remote: &str| {
        let sent = sent
            .iter()
            .find(|sent| sent.flow.remote.to_string() == remote);
        let sent = sent.expect("a branch");
        (sent.header("X-All"), sent.header("X-Branch"))
    };
    assert_eq!(headers(BOB), (Some("yes".into()), Some("0".into())));
    assert_eq!(headers(CAROL), (Some("yes".into()), Some("1".into())));
}

#[test]
fn a_branch_that_is_dropped_is_not_sent() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_branch("each")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.pv.sets("$br", "sip:carol@192.0.2.3:5060")
            KSR.tm.t_relay()
        end
        function each()
            if KSR.pv.get("$rU") == "bob" then KSR.x.drop() end
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&invite("bob", "a2"));
    let to: Vec<String> = sent
        .iter()
        .map(|sent| sent.flow.remote.to_string())
        .collect();
    assert!(to.contains(&CAROL.to_string()) && !to.contains(&BOB.to_string()));
}

#[test]
fn replies_pass_both_functions_and_can_be_changed_and_dropped() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_reply("heard")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function ksr_reply_route()
            KSR.info("core " .. KSR.kx.get_status() .. "\n")
        end
        function heard()
            KSR.info("branch " .. KSR.kx.get_status() .. "\n")
            if KSR.kx.get_status() == 183 then KSR.x.drop() end
            KSR.hdr.append("X-Seen: yes\r\n")
        end
    "#;
    let (settings, log) = scripted(script);
    let mut world = World::new(settings);
    let sent = world.send(&invite("bob", "b1"));
    let to_bob = the(&sent, "INVITE");
    assert!(
        world
            .answer(to_bob, "183 Session Progress", "b1")
            .is_empty()
    );
    let sent = world.answer(to_bob, "180 Ringing", "b1");
    assert_eq!(sent[0].header("X-Seen").as_deref(), Some("yes"));
    let sent = world.answer(to_bob, "200 OK", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    assert_eq!(sent[0].header("X-Seen").as_deref(), Some("yes"));
    assert_eq!(
        log.0.lock().expect("lines").concat(),
        "Info: core 183\nInfo: branch 183\nInfo: core 180\nInfo: branch 180\nInfo: core 200\nInfo: branch 200\n"
    );
}

#[test]
fn a_reply_that_the_core_function_drops_reaches_no_transaction() {
    let script = r#"
        function ksr_request_route()
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function ksr_reply_route()
            if KSR.kx.get_status() == 404 then KSR.set_drop() end
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("MESSAGE", "bob", "c1"));
    let to_bob = the(&sent, "MESSAGE");
    assert!(world.answer(to_bob, "404 Not Found", "b1").is_empty());
    let sent = world.answer(to_bob, "200 OK", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [200]);
}

#[test]
fn flags_and_values_live_as_long_as_the_transaction() {
    let script = r#"
        function ksr_request_route()
            KSR.setflag(3)
            KSR.pv.sets("$avp(from)", KSR.pv.get("$fU"))
            KSR.tm.t_on_failure("failed")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function failed()
            local flag = KSR.isflagset(3) and "set" or "unset"
            KSR.info(flag .. " " .. KSR.pv.get("$avp(from)") .. " " .. KSR.pv.get("$T_reply_code") .. "\n")
        end
    "#;
    let (settings, log) = scripted(script);
    let mut world = World::new(settings);
    let sent = world.send(&request("MESSAGE", "bob", "d1"));
    let sent = world.answer(the(&sent, "MESSAGE"), "488 No", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [488]);
    assert_eq!(
        log.0.lock().expect("lines").concat(),
        "Info: set alice 488\n"
    );
}

#[test]
fn a_cancel_reaches_the_script_and_ends_the_call() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_CANCEL() then
                if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
                return 1
            end
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_failure("failed")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function failed()
            KSR.info("canceled " .. KSR.tm.t_is_canceled() .. "\n")
        end
    "#;
    let (settings, log) = scripted(script);
    let mut world = World::new(settings);
    let draft = invite("bob", "e1");
    let sent = world.send(&draft);
    let to_bob = the(&sent, "INVITE");
    world.answer(to_bob, "180 Ringing", "b1");
    let sent = world.send(&draft.cancel());
    assert_eq!(
        lines(&sent),
        [
            format!("SIP/2.0 200 OK -> {ALICE}"),
            format!("CANCEL sip:bob@{BOB} SIP/2.0 -> {BOB}"),
        ]
    );
    let sent = world.answer(to_bob, "487 Request Terminated", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [487]);
    assert_eq!(log.0.lock().expect("lines").concat(), "Info: canceled 1\n");
}

#[test]
fn an_ack_is_forwarded_without_a_transaction() {
    let script = r#"
        function ksr_request_route()
            KSR.pv.sets("$du", "sip:192.0.2.2:5060")
            KSR.tm.t_relay()
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("ACK", "bob", "f1"));
    assert_eq!(
        lines(&sent),
        [format!("ACK sip:bob@home.test SIP/2.0 -> {BOB}")]
    );
    assert!(world.element.is_idle());
}

#[test]
fn stateless_forwarding_brings_responses_back() {
    let script = r#"
        function ksr_request_route()
            KSR.pv.sets("$du", "sip:192.0.2.2:5060")
            KSR.forward()
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("MESSAGE", "bob", "g1"));
    let to_bob = the(&sent, "MESSAGE");
    let sent = world.answer(to_bob, "200 OK", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [200]);
    assert!(world.element.is_idle());
}

#[test]
fn a_route_that_was_obeyed_does_not_leave_though_the_message_was_made_anew() {
    for (apply, changes) in [(false, false), (true, false), (true, true)] {
        let script = format!(
            r#"
            function ksr_request_route()
                local code = KSR.rr.loose_route()
                if {changes} then KSR.hdr.append("X-Code: " .. code .. "\r\n") end
                if {apply} then KSR.textopsx.msg_apply_changes() end
                KSR.info((KSR.pv.get("$hdr(Route)") or "none") .. "\n")
                KSR.info(KSR.rr.check_route_param("mark=1") .. "\n")
                KSR.tm.t_relay()
            end
            "#
        );
        let (settings, log) = scripted(&script);
        let mut world = World::new(settings);
        let draft = request("OPTIONS", "bob", "g1")
            .uri("sip:bob@192.0.2.9")
            .line(&format!("Route: <sip:{HERE};lr;mark=1>, <sip:{BOB};lr>"));
        let sent = world.send(&draft);
        let relayed = the(&sent, "OPTIONS");
        assert_eq!(relayed.flow.remote.to_string(), BOB);
        assert_eq!(relayed.header("Route"), Some(format!("<sip:{BOB};lr>")));
        let lines = log.0.lock().expect("lines");
        let expected = match apply {
            true => format!("Info: <sip:{BOB};lr>\n"),
            false => format!("Info: <sip:{HERE};lr;mark=1>, <sip:{BOB};lr>\n"),
        };
        assert_eq!(
            *lines,
            [expected, "Info: 1\n".to_owned()],
            "{apply} {changes}"
        );
    }
}
