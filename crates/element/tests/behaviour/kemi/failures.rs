//! Scripts that fail, loop, or do nothing: the request ends, the operator is told, others are served.

use strowger_element::EventKind;

use super::host::{invite, request, scripted, world};
use crate::world::{ALICE, World, lines, statuses_to};

#[test]
fn an_error_is_answered_500_with_its_place_in_the_log() {
    let script = "function ksr_request_route()\n  local x = nil\n  x.y = 1\nend\n";
    let (settings, log) = scripted(script);
    let mut world = World::new(settings);
    let sent = world.send(&request("OPTIONS", "bob", "a1"));
    assert_eq!(statuses_to(&sent, ALICE), [500]);
    let lines = log.0.lock().expect("lines").concat();
    assert!(lines.contains("main.lua:3"), "{lines}");
    assert_eq!(world.element.counters().program_failures, 1);
    assert!(world.element.is_idle());
}

#[test]
fn an_error_after_a_transaction_began_is_answered_through_it() {
    let script = "function ksr_request_route()\n KSR.tm.t_newtran()\n error('no')\nend\n";
    let mut world = world(script);
    let invite = invite("bob", "a2");
    let sent = world.send(&invite);
    assert_eq!(statuses_to(&sent, ALICE), [500]);
    assert_eq!(statuses_to(&world.pass_seconds(1), ALICE), [500]);
    world.send(&invite.ack(&sent[0]));
    world.pass_seconds(40);
    assert!(world.element.is_idle());
}

#[test]
fn a_loop_without_end_is_stopped_and_soon_not_begun_any_more() {
    let script = r#"
        function ksr_request_route()
            if KSR.pv.get("$rU") == "loop" then
                while true do end
            end
            KSR.sl.sl_send_reply(200, "OK")
        end
    "#;
    let mut world = world(script);
    for number in 0..5 {
        let sent = world.send(&request("OPTIONS", "loop", &format!("b{number}")));
        assert_eq!(statuses_to(&sent, ALICE), [500]);
        let sent = world.send(&request("OPTIONS", "bob", &format!("c{number}")));
        assert_eq!(statuses_to(&sent, ALICE), [200]);
    }
    let mut counted = std::collections::BTreeMap::new();
    world.element.visit_counters(&mut |name, _, value| {
        counted.insert(name.to_owned(), value);
    });
    let of = |part: &str| {
        counted
            .iter()
            .filter(|(name, _)| name.contains(part))
            .map(|(_, value)| *value)
            .sum::<u64>()
    };
    assert_eq!((of("overruns"), of("quarantined")), (3, 2));
}

#[test]
fn memory_without_end_is_stopped() {
    let script = r#"
        function ksr_request_route()
            if KSR.pv.get("$rU") == "eat" then
                local t = {}
                for i = 1, 100 do t[i] = string.rep("x", 4000000) .. i end
            end
            KSR.sl.sl_send_reply(200, "OK")
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("OPTIONS", "eat", "d1"));
    assert_eq!(statuses_to(&sent, ALICE), [500]);
    let sent = world.send(&request("OPTIONS", "bob", "d2"));
    assert_eq!(statuses_to(&sent, ALICE), [200]);
}

#[test]
fn a_script_that_does_nothing_is_told_of_with_the_call_id() {
    let script = "function ksr_request_route() return 1 end";
    let mut world = world(script);
    let draft = request("OPTIONS", "bob", "e1");
    let call_id = crate::world::parse(&draft.text()).call_id().to_vec();
    assert!(world.send(&draft).is_empty());
    assert_eq!(world.element.counters().unanswered, 1);
    let told = world
        .events
        .iter()
        .find(|event| event.kind == EventKind::Dropped);
    assert_eq!(told.map(|event| event.call_id.as_bytes()), Some(&*call_id));
}

#[test]
fn a_transaction_that_a_script_leaves_is_ended() {
    let script = "function ksr_request_route() KSR.tm.t_newtran() end";
    let mut world = world(script);
    let sent = world.send(&request("OPTIONS", "bob", "f1"));
    assert_eq!(statuses_to(&sent, ALICE), [500]);
    world.pass_seconds(70);
    assert!(world.element.is_idle());
}

#[test]
fn a_cancel_without_a_transaction_is_481_though_the_script_says_nothing() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_CANCEL() then
                if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
                return 1
            end
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&invite("bob", "g1").cancel());
    assert_eq!(statuses_to(&sent, ALICE), [481]);
}

#[test]
fn a_circle_is_broken() {
    let script = r#"
        function ksr_request_route()
            KSR.pv.sets("$ru", "sip:bob@192.0.2.10:5060")
            KSR.tm.t_relay()
        end
    "#;
    let mut world = world(script);
    let sent = world.send(&request("MESSAGE", "bob", "h1"));
    assert_eq!(statuses_to(&sent, ALICE), [482]);
    assert!(world.looped.len() < 8, "{:?}", lines(&sent));
}
