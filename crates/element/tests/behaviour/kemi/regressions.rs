//! What was wrong once: each of these ways lost a request, held one for ever, or mixed two up.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use strowger_element::{Answer, Input};
use strowger_routing::ErrandAnswer;

use super::host::{invite, request, scripted, scripted_with, world};
use crate::world::{ALICE, BOB, CAROL, World, lines, settings, statuses_to, the};

fn must_end(what: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        what();
        let _ = done.send(());
    });
    match wait.recv_timeout(Duration::from_secs(8)) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the shard never comes back"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the inner test panicked"),
    }
}

fn found() -> ErrandAnswer {
    ErrandAnswer::Http {
        status: 200,
        body: b"bob".as_slice().into(),
    }
}

#[test]
fn a_failure_route_that_rearms_itself_without_targets_ends() {
    must_end(|| {
        let mut world = world(
            r#"
            function ksr_request_route()
                if KSR.is_ACK() then return 1 end
                KSR.tm.t_on_failure("failed")
                KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
                KSR.tm.t_relay()
            end
            function failed()
                KSR.tm.t_on_failure("failed")
            end
        "#,
        );
        let sent = world.send(&invite("bob", "r01"));
        let sent = world.answer(the(&sent, "INVITE"), "486 Busy Here", "b1");
        assert_eq!(
            sent.iter().filter(|s| s.status() == 486).count(),
            1,
            "{:?}",
            lines(&sent)
        );
    });
}

/// The same with a wire trigger: a serial forking script that is right, and a CANCEL.
#[test]
fn a_cancel_against_a_serial_forking_failure_route_ends() {
    must_end(|| {
        let mut world = world(
            r#"
            function ksr_request_route()
                if KSR.is_ACK() then return 1 end
                if KSR.is_CANCEL() then KSR.tm.t_relay(); return 1 end
                KSR.tm.t_on_failure("failed")
                KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
                KSR.tm.t_relay()
            end
            function failed()
                KSR.tm.t_on_failure("failed")
                KSR.pv.sets("$ru", "sip:carol@192.0.2.3:5060")
                KSR.tm.t_relay()
            end
        "#,
        );
        let draft = invite("bob", "r02");
        let sent = world.send(&draft);
        let to_bob = the(&sent, "INVITE");
        world.answer(to_bob, "180 Ringing", "b1");
        world.send(&draft.cancel());
        let sent = world.answer(to_bob, "487 Request Terminated", "b1");
        assert_eq!(statuses_to(&sent, ALICE), [487]);
    });
}

#[test]
fn a_request_that_continues_itself_for_ever_ends() {
    must_end(|| {
        let mut world = world(
            r#"
            function ksr_request_route() again() end
            function again()
                KSR.tmx.t_suspend()
                local index, label = KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)")
                KSR.tmx.t_continue(index, label, "again")
            end
        "#,
        );
        world.send(&request("OPTIONS", "bob", "r03"));
    });
}

const VOICEMAIL: &str = r#"
    function ksr_request_route()
        if KSR.is_ACK() then return 1 end
        KSR.tm.t_set_fr(10000, 5000)
        KSR.tm.t_on_failure("failed")
        KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
        KSR.tm.t_relay()
    end
    function failed()
        KSR.info("status " .. KSR.pv.get("$T_reply_code") .. "\n")
        KSR.pv.sets("$ru", "sip:carol@192.0.2.3:5060")
        KSR.info("relay " .. KSR.tm.t_relay() .. "\n")
    end
"#;

#[test]
fn nobody_answers_so_the_failure_route_goes_to_voicemail() {
    let (settings, log) = scripted(VOICEMAIL);
    let mut world = World::new(settings);
    let sent = world.send(&invite("bob", "r04"));
    let to_bob = the(&sent, "INVITE");
    world.answer(to_bob, "180 Ringing", "b1");
    let sent = world.pass_seconds(12);
    assert!(
        lines(&sent).iter().any(|l| l.starts_with("CANCEL")),
        "{:?}",
        lines(&sent)
    );
    let sent = world.answer(to_bob, "487 Request Terminated", "b1");
    let log = log.0.lock().expect("lines").concat();
    assert!(
        lines(&sent)
            .iter()
            .any(|l| l.starts_with("INVITE") && l.ends_with(CAROL)),
        "{:?} {log}",
        lines(&sent)
    );
}

#[test]
fn a_603_can_be_followed_by_another_target_in_the_failure_route() {
    let (settings, log) = scripted(VOICEMAIL);
    let mut world = World::new(settings);
    let sent = world.send(&invite("bob", "r05"));
    let to_bob = the(&sent, "INVITE");
    let sent = world.answer(to_bob, "603 Decline", "b1");
    let log = log.0.lock().expect("lines").concat();
    assert!(
        lines(&sent)
            .iter()
            .any(|l| l.starts_with("INVITE") && l.ends_with(CAROL)),
        "{:?} {log}",
        lines(&sent)
    );
}

#[test]
fn t_send_reply_makes_the_transaction() {
    let (settings, log) = scripted(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.info("reply " .. KSR.tm.t_send_reply(480, "Gone") .. "\n")
        end
    "#,
    );
    let mut world = World::new(settings);
    let sent = world.send(&request("OPTIONS", "bob", "r06"));
    assert_eq!(
        statuses_to(&sent, ALICE),
        [480],
        "{}",
        log.0.lock().expect("lines").concat()
    );
}

#[test]
fn a_reload_with_other_modules_never_gives_one_request_to_the_run_of_another() {
    let script = r#"
        function ksr_request_route()
            local who = KSR.kx.get_ruser()
            KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
            KSR.sl.send_reply(480, who .. " is " .. KSR.kx.get_ruser())
        end
    "#;
    let (first, _) = scripted(script);
    let mut world = World::new(first);
    world.send(&request("MESSAGE", "bob", "r07a"));
    let other = script.replace("480", "481");
    let (second, _) = scripted_with(&other, settings(), |door| {
        door.script.folder = "elsewhere".into();
    });
    world.input(Input::Reconfigure(Arc::new(second)));
    world.send(&request("MESSAGE", "carol", "r07b"));
    assert_eq!(world.journal.len(), 2);
    let mut told = Vec::new();
    for (query, _) in core::mem::take(&mut world.journal) {
        let answer = Answer::Errand(found());
        let sent = world.input(Input::Completed { query, answer });
        told.extend(sent.iter().map(|s| {
            format!(
                "{} to {}",
                s.line(),
                s.header("Call-ID").unwrap_or_default()
            )
        }));
    }
    assert!(
        told.iter().all(|line| !line.contains("carol is bob")),
        "{told:?}"
    );
}

#[test]
fn loose_route_then_apply_changes_takes_our_route_off() {
    let mut world = world(
        r#"
        function ksr_request_route()
            KSR.rr.loose_route()
            KSR.hdr.append("X-A: b\r\n")
            KSR.textopsx.msg_apply_changes()
            KSR.tm.t_relay()
        end
    "#,
    );
    let mut draft = request("BYE", "bob", "r08")
        .uri("sip:bob@192.0.2.2:5060")
        .line("Route: <sip:192.0.2.10:5060;lr>");
    draft.to += ";tag=b1";
    let sent = world.send(&draft);
    let to_bob = the(&sent, "BYE");
    assert_eq!(to_bob.headers("Route"), Vec::<String>::new());
}

#[test]
fn a_cancel_goes_to_the_shard_of_its_invite() {
    let mut settings = settings();
    settings.shards = 8;
    let (settings, _) = scripted_with("function ksr_request_route() end", settings, |_| {});
    let world = World::new(settings);
    let ingress = world.ingress();
    for number in 0..40 {
        let draft = invite("bob", &format!("r09{number}")).uri("sip:home.test");
        let invite = ingress.shard_for(&crate::world::parse(&draft.text()));
        let cancel = ingress.shard_for(&crate::world::parse(&draft.cancel().text()));
        assert_eq!(invite, cancel, "call {number}");
    }
}

#[test]
fn a_200_that_waits_in_the_reply_route_is_not_lost() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_set_fr(60000, 2000)
            KSR.tm.t_on_reply("heard")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function heard()
            KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
        end
    "#,
    );
    let sent = world.send(&invite("bob", "r10"));
    let to_bob = the(&sent, "INVITE");
    assert!(world.answer(to_bob, "200 OK", "b1").is_empty());
    let mut got = world.pass_seconds(3);
    for (query, _) in core::mem::take(&mut world.journal) {
        let answer = Answer::Errand(found());
        got.extend(world.input(Input::Completed { query, answer }));
    }
    let told = statuses_to(&got, ALICE);
    assert!(told.contains(&200) && !told.contains(&408), "{told:?}");
}

#[test]
fn stateless_forwarding_keeps_record_route() {
    let mut world = world(
        r#"
        function ksr_request_route()
            KSR.rr.record_route()
            KSR.pv.sets("$du", "sip:192.0.2.2:5060")
            KSR.forward()
        end
    "#,
    );
    let sent = world.send(&invite("bob", "r11"));
    assert_eq!(the(&sent, "INVITE").headers("Record-Route").len(), 1);
}

#[test]
fn a_second_suspension_has_its_own_time() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_MESSAGE() then
                KSR.tmx.t_continue(index, label, "again")
                KSR.sl.sl_send_reply(202, "Continued")
                return 1
            end
            again()
        end
        function again()
            KSR.tmx.t_suspend()
            index, label = KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)")
        end
    "#,
    );
    world.send(&invite("bob", "r12a"));
    world.pass_seconds(100);
    world.send(&request("MESSAGE", "bob", "r12b"));
    let sent = world.pass_seconds(60);
    assert_eq!(statuses_to(&sent, ALICE), Vec::<u16>::new());
}

#[test]
fn an_ack_leaves_where_its_invite_left() {
    let mut settings = settings();
    settings.listeners.push(strowger_element::Listener {
        transport: strowger_sip::Transport::Udp,
        address: crate::world::addr("192.0.2.10:5080"),
        advertised: None,
    });
    let (settings, _) = scripted_with(
        r#"
        function ksr_request_route()
            KSR.pv.sets("$du", "sip:192.0.2.2:5060")
            KSR.tm.t_relay()
        end
    "#,
        settings,
        |_| {},
    );
    let mut world = World::new(settings);
    let flow = strowger_transaction::Flow::udp(
        strowger_transaction::ListenerId(2),
        crate::world::addr(ALICE),
    );
    let mut draft = invite("bob", "r13");
    draft.flow = flow;
    let sent = world.send(&draft);
    let invite_from = the(&sent, "INVITE").flow.listener;
    let mut draft = request("ACK", "bob", "r13b");
    draft.flow = flow;
    let sent = world.send(&draft);
    assert_eq!(the(&sent, "ACK").flow.listener, invite_from);
}

#[test]
fn values_stay_visible_after_t_relay() {
    let (settings, log) = scripted(
        r#"
        function ksr_request_route()
            KSR.pv.sets("$avp(from)", "x")
            KSR.setflag(3)
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
            KSR.info(tostring(KSR.pv.get("$avp(from)")) .. " " .. tostring(KSR.isflagset(3)) .. " " .. KSR.pv.get("$ru") .. "\n")
        end
    "#,
    );
    let mut world = World::new(settings);
    world.send(&request("MESSAGE", "bob", "r14"));
    assert_eq!(
        log.0.lock().expect("lines").concat(),
        "Info: x true sip:bob@192.0.2.2:5060\n"
    );
}

#[test]
fn values_survive_two_branch_runs_of_which_one_waits() {
    let (settings, log) = scripted(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.pv.sets("$avp(from)", "x")
            KSR.tm.t_on_branch("each")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.pv.sets("$br", "sip:carol@192.0.2.3:5060")
            KSR.tm.t_relay()
        end
        function each()
            KSR.info(KSR.kx.get_ruser() .. " " .. tostring(KSR.pv.get("$avp(from)")) .. "\n")
            KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
        end
    "#,
    );
    let mut world = World::new(settings);
    world.send(&invite("bob", "r15"));
    assert_eq!(
        log.0.lock().expect("lines").concat(),
        "Info: bob x\nInfo: carol x\n"
    );
}

#[test]
fn a_cancelled_failure_route_that_waits_is_let_go() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            if KSR.is_CANCEL() then KSR.tm.t_relay(); return 1 end
            KSR.tm.t_on_failure("failed")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function failed()
            KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
        end
    "#,
    );
    let draft = invite("bob", "r17");
    let sent = world.send(&draft);
    world.answer(the(&sent, "INVITE"), "486 Busy Here", "b1");
    let sent = world.send(&draft.cancel());
    assert_eq!(statuses_to(&sent, ALICE), [200, 487]);
    world.send(&draft.ack(&sent[1]));
    world.pass_seconds(6);
    let mut parked = 0;
    world.element.visit_counters(&mut |name, _, value| {
        if name == "parked" {
            parked = value;
        }
    });
    let sent = world.pass_seconds(80);
    assert!(world.element.is_idle(), "{:?}", lines(&sent));
    assert_eq!(
        (parked, world.element.counters().program_failures),
        (0, 0),
        "parked after the CANCEL, failures counted at the deadline"
    );
}

#[test]
fn a_copy_of_a_cancel_whose_run_waits_is_absorbed() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_CANCEL() then
                KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
                KSR.tm.t_relay()
                return 1
            end
            if KSR.is_ACK() then return 1 end
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
    "#,
    );
    let draft = invite("bob", "r18");
    let sent = world.send(&draft);
    world.answer(the(&sent, "INVITE"), "180 Ringing", "b1");
    world.send(&draft.cancel());
    world.send(&draft.cancel());
    assert_eq!(world.journal.len(), 1);
}

#[test]
fn an_invite_that_waits_again_and_again_is_answered_100() {
    let mut world = world(
        r#"
        function ksr_request_route()
            for i = 1, 20 do KSR.async.ms_sleep(150) end
            KSR.sl.send_reply(480, "Done")
        end
    "#,
    );
    world.send(&invite("bob", "r19"));
    let sent = world.pass(Duration::from_millis(500));
    assert_eq!(sent.len(), 1, "one 100");
}

#[test]
fn a_program_cannot_relay_what_has_no_hops_left() {
    let mut world = world(
        r#"
        function ksr_request_route()
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
    "#,
    );
    let mut draft = request("MESSAGE", "bob", "r20");
    draft.hops = 0;
    let sent = world.send(&draft);
    assert_eq!(statuses_to(&sent, ALICE), [483], "{:?}", lines(&sent));
}

/// A spiral whose Request-URI grows: what ends it?

#[test]
fn an_error_in_a_branch_function_does_not_end_the_call() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_on_branch("nosuch")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
    "#,
    );
    let sent = world.send(&invite("bob", "r22"));
    assert!(
        lines(&sent)
            .iter()
            .any(|l| l.starts_with("INVITE") && l.ends_with(BOB)),
        "{:?}",
        lines(&sent)
    );
}

fn answer_errands(world: &mut World) -> Vec<crate::world::Sent> {
    let mut sent = Vec::new();
    for (query, _) in core::mem::take(&mut world.journal) {
        let answer = Answer::Errand(found());
        sent.extend(world.input(Input::Completed { query, answer }));
    }
    sent
}

const WAIT: &str = r#"KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")"#;

/// A CANCEL wherever the INVITE is: (name, script, is it relayed and answered 180 before the CANCEL).
#[test]
fn a_cancel_finds_the_invite_wherever_it_is() {
    let cancel =
        "if KSR.is_ACK() then return 1 end if KSR.is_CANCEL() then KSR.tm.t_relay() return 1 end";
    let to_bob = r#"KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060") KSR.tm.t_relay()"#;
    let cases = [
        (
            "parked",
            format!("function ksr_request_route() {cancel} {WAIT} {to_bob} end"),
        ),
        (
            "parked with transaction",
            format!("function ksr_request_route() {cancel} KSR.tm.t_newtran() {WAIT} {to_bob} end"),
        ),
        (
            "suspended",
            format!("function ksr_request_route() {cancel} KSR.tmx.t_suspend() end"),
        ),
        (
            "async route",
            format!(
                "function ksr_request_route() {cancel} KSR.async.route('later', 20) end function later() {to_bob} end"
            ),
        ),
        (
            "branch parked",
            format!(
                "function ksr_request_route() {cancel} KSR.tm.t_on_branch('b') {to_bob} end function b() {WAIT} end"
            ),
        ),
        (
            "reply parked 180",
            format!(
                "function ksr_request_route() {cancel} KSR.tm.t_on_reply('b') {to_bob} end function b() if KSR.kx.get_status() == 180 then {WAIT} end end"
            ),
        ),
        (
            "core reply parked",
            format!(
                "function ksr_request_route() {cancel} {to_bob} end function ksr_reply_route() {WAIT} end"
            ),
        ),
        (
            "failure parked",
            format!(
                "function ksr_request_route() {cancel} KSR.tm.t_on_failure('b') {to_bob} end function b() {WAIT} {to_bob} end"
            ),
        ),
        (
            "relayed",
            format!("function ksr_request_route() {cancel} {to_bob} end"),
        ),
    ];
    let mut bad = Vec::new();
    for (name, script) in cases {
        let mut world = world(&script);
        let draft = invite("bob", "s01");
        let mut sent = world.send(&draft);
        let to_bob = sent
            .iter()
            .position(|s| s.line().starts_with("INVITE"))
            .map(|at| sent.remove(at));
        let mut all = Vec::new();
        if let Some(to_bob) = &to_bob {
            let status = if name == "failure parked" {
                "486 Busy"
            } else {
                "180 Ringing"
            };
            world.answer(to_bob, status, "b1");
        }
        all.extend(world.send(&draft.cancel()));
        all.extend(answer_errands(&mut world));
        if let Some(to_bob) = &to_bob
            && name != "failure parked"
        {
            all.extend(world.answer(to_bob, "487 Request Terminated", "b1"));
            all.extend(answer_errands(&mut world));
        }
        let finals: Vec<u16> = statuses_to(&all, ALICE)
            .into_iter()
            .filter(|s| *s >= 200)
            .collect();
        if let Some(failed) = all.iter().find(|s| s.status() == 487) {
            world.send(&draft.ack(failed));
        }
        let late = world.pass_seconds(200);
        if finals != [200, 487] || !world.element.is_idle() {
            bad.push(format!(
                "{name}: {finals:?} idle {} late {:?} all {:?}",
                world.element.is_idle(),
                lines(&late),
                lines(&all)
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn an_empty_password_is_no_password() {
    let mut world = world(
        r#"
        function ksr_request_route()
            local ok = KSR.auth.pv_auth_check("home.test", KSR.pv.gete("$avp(nothing)"), 0, 0)
            if ok < 0 then KSR.auth.auth_challenge("home.test", 4) return 1 end
            KSR.sl.send_reply(200, "Let in")
        end
    "#,
    );
    let draft = request("OPTIONS", "bob", "s02");
    let sent = world.send(&draft);
    let again = draft.authorized(&sent[0], "alice", "", 1);
    let sent = world.send(&again);
    assert_ne!(statuses_to(&sent, ALICE), [200]);
}

/// Resume of a reply function that disarms, and a failure, in one tick of a late driver.
#[test]
fn a_failure_function_that_is_disarmed_meanwhile_holds_nothing() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_set_fr(60000, 6000)
            KSR.tm.t_on_reply("heard")
            KSR.tm.t_on_failure("failed")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function heard()
            KSR.async.ms_sleep(5000)
            KSR.tm.t_on_failure("")
        end
        function failed() end
    "#,
    );
    let draft = invite("bob", "s04");
    let sent = world.send(&draft);
    world.answer(the(&sent, "INVITE"), "183 Session Progress", "b1");
    let end = world.now.monotonic + Duration::from_millis(6_500);
    world.now.monotonic = end;
    world.element.handle_timeout(world.now);
    let sent = world.pass_seconds(1);
    let got = statuses_to(&sent, ALICE);
    let failed = sent.iter().find(|s| s.status() >= 300);
    if let Some(failed) = failed {
        world.send(&draft.ack(failed));
    }
    world.pass_seconds(600);
    assert!(world.element.is_idle(), "{got:?} {:?}", lines(&sent));
}

/// A 200 that waits in the reply function while the caller cancels.
#[test]
fn a_200_that_waits_while_the_caller_cancels_is_not_lost() {
    let cancel =
        "if KSR.is_ACK() then return 1 end if KSR.is_CANCEL() then KSR.tm.t_relay() return 1 end";
    let mut world = world(&format!(
        r#"
        function ksr_request_route() {cancel}
            KSR.tm.t_on_reply("heard")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.tm.t_relay()
        end
        function heard() if KSR.kx.get_status() == 200 then KSR.async.sleep(50) end end
    "#
    ));
    let draft = invite("bob", "s05");
    let sent = world.send(&draft);
    let to_bob = the(&sent, "INVITE");
    world.answer(to_bob, "180 Ringing", "b1");
    world.answer(to_bob, "200 OK", "b1");
    let mut all = world.send(&draft.cancel());
    all.extend(world.pass_seconds(100));
    let got = statuses_to(&all, ALICE);
    assert!(got[1..].first() == Some(&200), "{got:?}");
}

/// A value of one message is not seen by the next.
#[test]
fn nothing_of_a_message_is_seen_by_the_next() {
    let (settings, log) = scripted(
        r#"
        function ksr_request_route()
            local bits = tostring(KSR.pv.get("$avp(a)")) .. tostring(KSR.isflagset(1)) .. tostring(KSR.isbflagset(1))
                .. tostring(KSR.issflagset(1)) .. tostring(KSR.pv.get("$du")) .. tostring(KSR.tm.t_is_set("failure_route"))
                .. tostring(KSR.pv.get("$xavp(a=>b)")) .. tostring(KSR.corex.isxflagset(1))
            KSR.info(bits .. "\n")
            KSR.pv.sets("$avp(a)", "x") KSR.setflag(1) KSR.setbflag(1) KSR.setsflag(1)
            KSR.pv.sets("$du", "sip:192.0.2.2") KSR.tm.t_on_failure("f") KSR.pv.sets("$xavp(a=>b)", "c") KSR.corex.setxflag(1)
            KSR.hdr.append_to_reply("X-Leak: " .. KSR.kx.get_ruser() .. "\r\n")
            KSR.hdr.append("X-Req: a\r\n")
            KSR.force_rport()
            if KSR.kx.get_ruser() == "bob" then KSR.sl.sl_send_reply(480, "A") elseif KSR.kx.get_ruser() == "carol" then KSR.tm.t_newtran() KSR.tm.t_reply(480, "B") elseif KSR.kx.get_ruser() == "dave" then KSR.x.drop() else error("no") end
        end
        function f() end
    "#,
    );
    let mut world = World::new(settings);
    for (n, user) in ["bob", "carol", "dave", "erin", "bob", "bob"]
        .iter()
        .enumerate()
    {
        let sent = world.send(&request("OPTIONS", user, &format!("s06{n}")));
        for sent in sent {
            let leaks = sent.headers("X-Leak");
            assert!(leaks.len() <= 1, "{leaks:?}");
        }
    }
    let log = log.0.lock().expect("lines");
    let first: Vec<&String> = log.iter().filter(|l| l.starts_with("Info")).collect();
    assert!(first.iter().all(|l| *l == first[0]), "{first:?}");
}

#[test]
fn a_stateless_reply_after_t_newtran_and_save() {
    let mut world = world(
        r#"
        function ksr_request_route()
            KSR.tm.t_newtran()
            KSR.info("save " .. KSR.registrar.save("location", 0) .. "\n")
            KSR.info("second " .. KSR.sl.send_reply(200, "Again") .. "\n")
        end
    "#,
    );
    let sent = world.register("bob", &format!("sip:bob@{BOB}"), crate::world::udp(BOB));
    assert_eq!(statuses_to(&sent, BOB), [200]);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_late_200_after_the_fr_timer() {
    let mut world = world(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.tm.t_set_fr(60000, 2000)
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.pv.sets("$br", "sip:carol@192.0.2.3:5060")
            KSR.tm.t_relay()
        end
    "#,
    );
    let draft = invite("bob", "s08");
    let sent = world.send(&draft);
    let bob = sent
        .iter()
        .find(|s| s.flow.remote.to_string() == BOB)
        .expect("bob");
    let carol = sent
        .iter()
        .find(|s| s.flow.remote.to_string() == CAROL)
        .expect("carol");
    world.answer(carol, "180 Ringing", "c1");
    world.pass_seconds(3);
    let sent = world.answer(bob, "200 OK", "b1");
    assert_eq!(statuses_to(&sent, ALICE), [200], "{:?}", lines(&sent));
}
