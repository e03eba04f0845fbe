//! Scripts that wait: copies are absorbed, an INVITE gets its 100, a CANCEL finds the run, nothing is held for ever.

use strowger_element::{Answer, Input, Query};
use strowger_routing::{Errand, ErrandAnswer};

use super::host::{invite, request, scripted, world};
use crate::world::{ALICE, World, lines, statuses_to};

const ASK: &str = r#"
    function ksr_request_route()
        if KSR.is_ACK() or KSR.is_CANCEL() then return 1 end
        local status = KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
        KSR.sl.send_reply(480, "Waited " .. status)
    end
"#;

/// Answers what the script asked for.
fn answer(world: &mut World, answer: &ErrandAnswer) -> Vec<crate::world::Sent> {
    let mut sent = Vec::new();
    for (query, asked) in core::mem::take(&mut world.journal) {
        assert!(matches!(asked, Query::Errand(Errand::Http(_))));
        let answer = Answer::Errand(answer.clone());
        sent.extend(world.input(Input::Completed { query, answer }));
    }
    sent
}

fn found() -> ErrandAnswer {
    ErrandAnswer::Http {
        status: 200,
        body: b"bob".as_slice().into(),
    }
}

#[test]
fn a_run_goes_on_when_the_answer_is_there() {
    let mut world = world(ASK);
    let draft = request("MESSAGE", "bob", "a1");
    assert!(world.send(&draft).is_empty());
    assert!(world.send(&draft).is_empty(), "a copy is absorbed");
    assert_eq!(world.journal.len(), 1);
    let sent = answer(&mut world, &found());
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 Waited 200 -> {ALICE}")]);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_run_goes_on_at_its_deadline() {
    let mut world = world(ASK);
    world.send(&request("MESSAGE", "bob", "a2"));
    let sent = world.pass_seconds(61);
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    let late = answer(&mut world, &found());
    assert!(late.is_empty());
    assert_eq!(world.element.counters().late_answers, 1);
    assert!(world.element.is_idle());
}

#[test]
fn an_invite_that_waits_is_answered_100_after_200_milliseconds() {
    let mut world = world(ASK);
    let draft = invite("bob", "b1");
    assert!(world.send(&draft).is_empty());
    let trying = world.pass(core::time::Duration::from_millis(250));
    assert_eq!(trying.len(), 1);
    assert_eq!(trying[0].0, core::time::Duration::from_millis(200));
    assert_eq!(trying[0].1.status(), 100);
    let sent = answer(&mut world, &found());
    assert_eq!(statuses_to(&sent, ALICE), [480]);
}

#[test]
fn a_cancel_ends_an_invite_that_waits() {
    let (settings, log) = scripted(
        r#"
        function ksr_request_route()
            if KSR.is_ACK() then return 1 end
            KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
            KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
            KSR.info("relay " .. KSR.tm.t_relay() .. "\n")
        end
    "#,
    );
    let mut world = World::new(settings);
    let draft = invite("bob", "c1");
    world.send(&draft);
    let sent = world.send(&draft.cancel());
    assert_eq!(statuses_to(&sent, ALICE), [200, 487]);
    world.send(&draft.ack(&sent[1]));
    assert!(answer(&mut world, &found()).is_empty());
    assert!(
        log.0
            .lock()
            .expect("lines")
            .concat()
            .starts_with("Info: relay -")
    );
    world.pass_seconds(40);
    assert!(world.element.is_idle());
}

#[test]
fn a_suspended_request_goes_on_where_another_says() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_MESSAGE() then
                KSR.tmx.t_continue(index, label, "resumed")
                KSR.sl.sl_send_reply(202, "Continued")
                return 1
            end
            KSR.tmx.t_suspend()
            index, label = KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)")
        end
        function resumed()
            KSR.sl.send_reply(480, "Resumed")
        end
    "#;
    let mut world = world(script);
    assert!(world.send(&request("OPTIONS", "bob", "d1")).is_empty());
    let sent = world.send(&request("MESSAGE", "bob", "d2"));
    assert_eq!(
        lines(&sent),
        [
            format!("SIP/2.0 202 Continued -> {ALICE}"),
            format!("SIP/2.0 480 Resumed -> {ALICE}"),
        ]
    );
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_request_goes_on_in_a_function_after_a_time() {
    let script = r#"
        function ksr_request_route()
            if KSR.async.ms_route("later", 500) < 0 then KSR.sl.send_reply(500, "Not now") end
        end
        function later()
            KSR.sl.send_reply(480, "Later " .. KSR.tmx.t_is_failure_route())
        end
    "#;
    let mut world = world(script);
    assert!(world.send(&request("OPTIONS", "bob", "f1")).is_empty());
    let sent = world.pass(core::time::Duration::from_millis(499));
    assert!(sent.is_empty());
    let sent = world.pass(core::time::Duration::from_millis(1));
    let sent: Vec<_> = sent.into_iter().map(|(_, sent)| sent).collect();
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 Later 1 -> {ALICE}")]);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_request_that_continues_itself_goes_on_when_its_function_has_ended() {
    let script = r#"
        function ksr_request_route()
            KSR.tmx.t_suspend()
            local index, label = KSR.pv.get("$T(id_index)"), KSR.pv.get("$T(id_label)")
            first, second = KSR.tmx.t_continue(index, label, "resumed"), KSR.tmx.t_continue(index, label, "again")
        end
        function resumed()
            KSR.sl.send_reply(480, first .. " " .. second)
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("OPTIONS", "bob", "g1"));
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 1 -1 -> {ALICE}")]);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_suspended_request_that_nobody_continues_is_ended() {
    let script = "function ksr_request_route() KSR.tmx.t_suspend() end";
    let mut world = world(script);
    let draft = request("OPTIONS", "bob", "e1");
    assert!(world.send(&draft).is_empty());
    let sent = world.pass_seconds(130);
    assert!(statuses_to(&sent, ALICE).len() <= 1);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_reload_loses_no_request_that_waits() {
    let script = |text: &str| {
        format!(
            r#"
            function ksr_request_route()
                KSR.http_client.query("http://127.0.0.1:8080/who", "$var(answer)")
                KSR.sl.send_reply(480, "{text}")
            end
        "#
        )
    };
    let (settings, _) = scripted(&script("old"));
    let mut world = World::new(settings);
    world.send(&request("MESSAGE", "bob", "f1"));
    let (settings, _) = scripted(&script("new"));
    world.input(Input::Reconfigure(std::sync::Arc::new(settings)));
    world.send(&request("MESSAGE", "bob", "f2"));
    assert_eq!(world.journal.len(), 2);
    let sent = answer(&mut world, &found());
    assert_eq!(statuses_to(&sent, ALICE).len(), 2);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}
