//! Scripts use the registrar, accounts, dialogs, destinations and serial forking of the element.

use strowger_kamailio::cfg::Value;
use strowger_routing::tables::dispatcher::parse_list;

use super::host::{invite, request, scripted_with, world};
use crate::world::{ALICE, BOB, CAROL, World, lines, settings, statuses_to, the, udp};

/// A world whose script has these module parameters.
fn world_with(script: &str, parameters: &[(&str, &str, Value)]) -> World {
    let (settings, _) = scripted_with(script, settings(), |door| {
        for (module, name, value) in parameters {
            door.set_parameter(module, name, value.clone());
        }
    });
    World::new(settings)
}

#[test]
fn bindings_are_saved_found_and_removed() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_REGISTER() then return KSR.registrar.save("location", 0) end
            local r = KSR.registrar
            local before = r.registered("location")
            local removed, after = "", ""
            if KSR.is_MESSAGE() then removed, after = r.unregister("location", KSR.pv.get("$ru")), r.registered("location") end
            KSR.sl.send_reply(480, before .. " " .. removed .. " " .. after)
        end
    "#;
    let mut world = world(script);
    let sent = world.register("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    assert_eq!(statuses_to(&sent, BOB), [200]);
    let sent = world.send(&request("OPTIONS", "bob", "a1"));
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 1   -> {ALICE}")]);
    let sent = world.send(&request("OPTIONS", "carol", "a2"));
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 -1   -> {ALICE}")]);
    let sent = world.send(&request("MESSAGE", "bob", "a3"));
    assert_eq!(
        sent[0].line().split(' ').nth(3),
        Some("1"),
        "{}",
        sent[0].line()
    );
    let sent = world.send(&request("OPTIONS", "bob", "a4"));
    assert_eq!(lines(&sent), [format!("SIP/2.0 480 -1   -> {ALICE}")]);
}

#[test]
fn accounts_are_known_by_their_uri() {
    let script = r#"
        function ksr_request_route()
            KSR.sl.send_reply(480, "" .. KSR.auth_db.is_subscriber(KSR.pv.get("$ru"), "subscriber", 0))
        end
    "#;
    let mut world = world(script);
    for (user, known) in [("bob", "1"), ("nobody", "-1")] {
        let sent = world.send(&request("OPTIONS", user, &format!("b{user}")));
        assert_eq!(lines(&sent), [format!("SIP/2.0 480 {known} -> {ALICE}")]);
    }
}

#[test]
fn the_status_of_an_own_reply_is_that_of_the_transaction() {
    let script = r#"
        function ksr_request_route()
            local before = KSR.tm.t_get_status_code()
            KSR.tm.t_newtran()
            KSR.tm.t_reply(480, "Nobody")
            KSR.info(before .. " " .. KSR.tm.t_get_status_code() .. " " .. KSR.pv.get("$T_reply_code"))
        end
    "#;
    let (settings, log) = scripted_with(script, settings(), |_| {});
    let sent = World::new(settings).send(&request("OPTIONS", "bob", "g1"));
    assert_eq!(statuses_to(&sent, ALICE), [480]);
    assert_eq!(log.0.lock().expect("lines").concat(), "Info: -1 480 480");
}

const LIMITED: &str = r#"
    function ksr_request_route()
        if KSR.is_ACK() or KSR.is_CANCEL() then return 1 end
        KSR.dialog.dlg_manage()
        KSR.dialog.get_profile_size("caller", "alice", "$var(calls)")
        if KSR.pv.get("$var(calls)") >= 1 then
            KSR.sl.send_reply(503, "Limit")
            return 1
        end
        KSR.dialog.set_dlg_profile("caller", "alice")
        KSR.pv.sets("$ru", "sip:bob@192.0.2.2:5060")
        KSR.tm.t_relay()
    end
"#;

#[test]
fn a_call_counts_in_its_profile_until_it_is_refused() {
    let parameters = [(
        "dialog",
        "profiles_with_value",
        Value::Text("caller".into()),
    )];
    let mut world = world_with(LIMITED, &parameters);
    let sent = world.send(&invite("bob", "c1"));
    assert_eq!(
        world
            .shared
            .scripts
            .dialogs
            .profile_size(b"caller", b"alice"),
        1
    );
    let second = world.send(&invite("bob", "c2"));
    assert_eq!(statuses_to(&second, ALICE), [503]);
    assert_eq!(world.shared.scripts.dialogs.len(), 1, "the second is over");
    world.answer(the(&sent, "INVITE"), "486 Busy Here", "b1");
    assert_eq!(world.shared.scripts.dialogs.len(), 0);
    let third = world.send(&invite("bob", "c3"));
    assert_eq!(the(&third, "INVITE").flow.remote.to_string(), BOB);
}

#[test]
fn a_call_that_was_answered_counts_on() {
    let parameters = [(
        "dialog",
        "profiles_with_value",
        Value::Text("caller".into()),
    )];
    let mut world = world_with(LIMITED, &parameters);
    let sent = world.send(&invite("bob", "d1"));
    world.answer(the(&sent, "INVITE"), "200 OK", "b1");
    world.pass_seconds(400);
    let second = world.send(&invite("bob", "d2"));
    assert_eq!(statuses_to(&second, ALICE), [503]);
}

#[test]
fn the_next_destination_is_tried_when_one_fails() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() or KSR.is_CANCEL() then return 1 end
            KSR.dispatcher.ds_select_dst(1, 8)
            KSR.tm.t_on_failure("failed")
            KSR.tm.t_relay()
        end
        function failed()
            KSR.dispatcher.ds_mark_dst_state("ip")
            if KSR.dispatcher.ds_next_dst() > 0 then
                KSR.tm.t_on_failure("failed")
                KSR.tm.t_relay()
            end
        end
    "#;
    let mut world = world_with(script, &[("dispatcher", "flags", Value::Integer(2))]);
    let list = format!("1 sip:{BOB} 0 2\n1 sip:{CAROL} 0 1\n");
    let list = parse_list(&list).expect("a list");
    world.shared.scripts.dispatcher.reload(list).expect("room");
    let sent = world.send(&invite("bob", "e1"));
    let first = the(&sent, "INVITE");
    assert_eq!(first.flow.remote.to_string(), BOB);
    let sent = world.answer(first, "503 Service Unavailable", "b1");
    let second = the(&sent, "INVITE");
    assert_eq!(second.flow.remote.to_string(), CAROL);
    assert!(
        second.line().starts_with("INVITE sip:bob@home.test"),
        "{}",
        second.line()
    );
    let sent = world.answer(second, "503 Service Unavailable", "c1");
    assert_eq!(statuses_to(&sent, ALICE).len(), 1);
    // Both are out of use now.
    let dispatcher = &world.shared.scripts.dispatcher;
    let usable = dispatcher
        .list()
        .into_iter()
        .flat_map(|(_, all)| all)
        .filter(|one| one.status().is_usable())
        .count();
    assert_eq!(usable, 0);
}

#[test]
fn contacts_are_tried_one_after_the_other() {
    let script = r#"
        function ksr_request_route()
            if KSR.is_ACK() or KSR.is_CANCEL() then return 1 end
            if KSR.is_REGISTER() then return KSR.registrar.save("location", 0) end
            KSR.registrar.lookup("location")
            KSR.tm.t_load_contacts()
            KSR.tm.t_next_contacts()
            KSR.tm.t_on_failure("failed")
            KSR.tm.t_relay()
        end
        function failed()
            if KSR.tm.t_next_contacts() > 0 then
                KSR.tm.t_on_failure("failed")
                KSR.tm.t_relay()
            end
        end
    "#;
    let parameters = [("tm", "contacts_avp", Value::Text("tm_contacts".into()))];
    let mut world = world_with(script, &parameters);
    for (remote, q) in [(CAROL, ";q=0.2"), (BOB, ";q=0.8")] {
        world.register_with("bob", &format!("sip:bob@{remote}"), udp(remote), q);
    }
    let sent = world.send(&invite("bob", "f1"));
    let invites: Vec<_> = sent
        .iter()
        .filter(|sent| sent.line().starts_with("INVITE"))
        .collect();
    assert_eq!(invites.len(), 1);
    assert_eq!(invites[0].flow.remote.to_string(), BOB);
    let sent = world.answer(invites[0], "486 Busy Here", "b1");
    assert_eq!(the(&sent, "INVITE").flow.remote.to_string(), CAROL);
    let sent = world.answer(the(&sent, "INVITE"), "486 Busy Here", "c1");
    assert_eq!(statuses_to(&sent, ALICE), [486]);
}
