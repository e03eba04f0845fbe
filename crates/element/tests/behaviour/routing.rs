//! Where requests go, and which go nowhere (RFC 3261 §16.3 to §16.6, §16.12; RFC 5393).

use strowger_resolve::{Answer as DnsAnswer, Record};
use strowger_routing::Mode;

use crate::world::{
    ALICE, BOB, CAROL, Dialog, Draft, HERE, World, guarded, lines, password, settings, statuses_to,
    the, udp, with_bob, world_with_bob,
};

fn to(user: &str) -> Draft {
    Draft::new("INVITE", "alice", user, "i", udp(ALICE))
}

#[test]
fn a_contact_that_is_its_own_address_of_record_is_a_loop() {
    for contact in [
        "sip:bob@home.test",
        "sip:bob@192.0.2.10",
        "sip:bob@192.0.2.10:5060;transport=tcp",
        "sip:home.test",
    ] {
        let mut world = World::new(settings());
        world.register("bob", contact, udp(BOB));
        let sent = world.send(&to("bob"));
        assert_eq!(statuses_to(&sent, ALICE), [482], "{contact}");
        assert!(world.questions.is_empty() && world.looped.is_empty());
        assert!(world.element.is_idle());
    }
}

#[test]
fn contacts_that_lead_in_circles_cost_one_answer() {
    for contacts in [
        ["sip:bob@home.test", "sip:bob@192.0.2.10"],
        ["sip:bob@home.test;x=1", "sip:bob@home.test;x=2"],
        ["sip:carol@home.test", "sip:bob@192.0.2.10"],
    ] {
        let mut world = World::new(settings());
        for contact in contacts {
            world.register("bob", contact, udp(BOB));
        }
        world.register("carol", "sip:bob@home.test", udp(CAROL));
        let sent = world.send(&to("bob"));
        assert_eq!(
            lines(&sent),
            [format!("SIP/2.0 482 Loop Detected -> {ALICE}")]
        );
        assert!(world.looped.is_empty() && world.element.is_idle());
    }
}

#[test]
fn a_circle_with_a_way_out_takes_it() {
    let mut world = World::new(settings());
    world.register("bob", "sip:bob@home.test", udp(CAROL));
    world.register("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    let sent = world.send(&to("bob"));
    assert_eq!(
        lines(&sent),
        [format!("INVITE sip:bob@{BOB} SIP/2.0 -> {BOB}")]
    );
}

#[test]
fn forwarding_from_user_to_user_costs_no_second_pass() {
    for contact in ["sip:bob@home.test", "sip:bob@192.0.2.10:5060"] {
        let mut world = World::new(guarded());
        world.register_as_owner("bob", &format!("sip:bob@{BOB}"), udp(BOB));
        world.register_as_owner("carol", contact, udp(CAROL));
        let challenge = world.send(&to("carol"));
        let draft = to("carol").authorized(&challenge[0], "alice", &password("alice"), 1);
        let sent = world.send(&draft);
        let invite = the(&sent, "INVITE");
        assert_eq!(
            lines(&sent),
            [format!("INVITE sip:bob@{BOB} SIP/2.0 -> {BOB}")]
        );
        assert_eq!(invite.header("Max-Forwards").as_deref(), Some("69"));
        assert!(world.looped.is_empty());
        let ok = world.answer(invite, "200 OK", "b");
        assert_eq!(statuses_to(&ok, ALICE), [200]);
        let caller = Dialog::of_caller(&draft, the(&ok, "200"));
        let callee = Dialog::of_callee(invite, "b");
        let ack = world.send(&caller.request("ACK", draft.cseq));
        assert_eq!(lines(&ack), [format!("ACK sip:bob@{BOB} SIP/2.0 -> {BOB}")]);
        let bye = world.send(&callee.request("BYE", 1));
        assert_eq!(
            lines(&bye),
            [format!("BYE sip:alice@{ALICE} SIP/2.0 -> {ALICE}")]
        );
        world.answer(&bye[0], "200 OK", "a");
        world.pass_seconds(140);
        assert!(world.element.is_idle());
    }
}

#[test]
fn forwarding_goes_on_only_so_far() {
    let mut world = World::new(settings());
    for hop in 0..20 {
        let contact = format!("sip:hop{}@home.test", hop + 1);
        world.register(&format!("hop{hop}"), &contact, udp(BOB));
    }
    world.register("hop20", &format!("sip:bob@{BOB}"), udp(BOB));
    assert_eq!(statuses_to(&world.send(&to("hop0")), ALICE), [482]);
    let mut near = to("hop15");
    near.branch += "near";
    the(&world.send(&near), "INVITE");
}

#[test]
fn a_name_that_leads_back_to_us_is_a_loop() {
    let mut world = World::new(settings());
    let sent = world.send(&to("bob").uri("sip:bob@alias.test:5060"));
    assert!(sent.is_empty());
    let sent = world.answer_dns(|_| DnsAnswer::Records {
        records: vec![Record::A([192, 0, 2, 10].into())],
        ttl_seconds: 60,
    });
    assert_eq!(world.looped[0], "INVITE sip:bob@alias.test:5060 SIP/2.0");
    assert_eq!(statuses_to(&sent, ALICE), [482]);
    assert_eq!(
        world
            .looped
            .iter()
            .filter(|line| line.starts_with("INVITE"))
            .count(),
        1
    );
    world.pass_seconds(140);
    assert!(world.element.is_idle());
}

#[test]
fn our_own_address_as_a_source_proves_nothing() {
    let mut world = World::new(guarded());
    world.register_as_owner("bob", &format!("sip:bob@{BOB}"), udp(BOB));
    let challenge = world.send(&to("bob"));
    let sent = world.send(&to("bob").authorized(&challenge[0], "alice", &password("alice"), 1));
    let seen = the(&sent, "INVITE").text();
    let forged = seen.replacen(
        &format!("INVITE sip:bob@{BOB}"),
        "INVITE sip:carol@home.test",
        1,
    );
    world.register_as_owner("carol", &format!("sip:carol@{CAROL}"), udp(CAROL));
    let sent = world.receive(udp(HERE), &forged);
    assert!(
        sent.iter().all(|sent| !sent.line().starts_with("INVITE")),
        "{:?}",
        lines(&sent)
    );
    assert!(world.looped.iter().all(|line| !line.starts_with("INVITE")));
}

#[test]
fn hops_run_out() {
    let mut world = world_with_bob();
    let mut draft = to("bob");
    draft.hops = 0;
    assert_eq!(statuses_to(&world.send(&draft), ALICE), [483]);
    let mut counted = 0;
    world.element.visit_counters(&mut |name, _, value| {
        if name == "proxy_refused_hops" {
            counted += value;
        }
    });
    assert_eq!(counted, 1);
    draft.hops = 1;
    draft.branch += "1";
    assert_eq!(
        the(&world.send(&draft), "INVITE")
            .header("Max-Forwards")
            .as_deref(),
        Some("0")
    );
    let mut options = Draft::new("OPTIONS", "alice", "bob", "o", udp(ALICE));
    options.hops = 0;
    let sent = world.send(&options);
    assert_eq!(
        statuses_to(&sent, ALICE),
        [200],
        "we are its last recipient"
    );
    assert!(sent[0].header("Allow").is_some());
}

#[test]
fn unknown_extensions_and_schemes_are_refused() {
    let mut world = world_with_bob();
    let sent = world.send(&to("bob").line("Proxy-Require: gold, silver"));
    assert_eq!(statuses_to(&sent, ALICE), [420]);
    assert_eq!(
        sent[0].header("Unsupported").as_deref(),
        Some("gold, silver")
    );
    let mut draft = to("bob").line("Require: gold");
    draft.branch += "r";
    the(&world.send(&draft), "INVITE");
    for (uri, status) in [
        ("http://home.test/", 416),
        ("tel:+123456", 416),
        ("mailto:bob@home.test", 416),
    ] {
        let mut draft = to("bob").uri(uri);
        draft.branch += uri;
        draft.branch.retain(|c| c.is_ascii_alphanumeric());
        assert_eq!(statuses_to(&world.send(&draft), ALICE), [status], "{uri}");
    }
}

#[test]
fn a_tel_uri_follows_its_route() {
    let mut world = world_with_bob();
    let draft = to("bob")
        .uri("tel:+123456")
        .line("Route: <sip:192.0.2.99;lr>");
    let sent = world.send(&draft);
    assert_eq!(
        lines(&sent),
        ["INVITE tel:+123456 SIP/2.0 -> 192.0.2.99:5060"]
    );
    let mut draft = to("bob")
        .uri("tel:+123456")
        .line(&format!("Route: <sip:{HERE};lr>"));
    draft.branch += "2";
    assert_eq!(
        statuses_to(&world.send(&draft), ALICE),
        [416],
        "a Route of ours leads no further"
    );
}

#[test]
fn unknown_methods_are_relayed() {
    let mut world = world_with_bob();
    let draft = Draft::new("NEGOTIATE", "alice", "bob", "n", udp(ALICE));
    let sent = world.send(&draft);
    let relayed = the(&sent, "NEGOTIATE");
    assert!(
        relayed.header("Record-Route").is_some(),
        "it may make a dialog"
    );
    let sent = world.answer(relayed, "299 Fine", "b");
    assert_eq!(statuses_to(&sent, ALICE), [299]);
    assert_eq!(sent[0].line(), "SIP/2.0 299 Fine");
}

#[test]
fn stray_responses_are_dropped() {
    let mut world = world_with_bob();
    let sent = world.send(&to("bob"));
    let ok = crate::world::response(&sent[0], "200 OK", "b", "");
    let foreign = ok.replacen("branch=z9hG4bK", "branch=z9hG4bKx", 1);
    assert!(world.receive(udp(BOB), &foreign).is_empty());
    let other_method = ok.replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    assert!(world.receive(udp(BOB), &other_method).is_empty());
    let other_sent_by = ok.replacen("192.0.2.10:5060", "192.0.2.11:5060", 1);
    assert!(world.receive(udp(BOB), &other_sent_by).is_empty());
    let via = sent[0].header("Via").expect("Via");
    let ours_alone: String = ok
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("Via") || line.contains(&via))
        .collect();
    assert!(world.receive(udp(BOB), &ours_alone).is_empty());
    assert_eq!(world.element.counters().stray_responses, 4);
    assert_eq!(statuses_to(&world.receive(udp(BOB), &ok), ALICE), [200]);
}

#[test]
fn a_request_inside_a_dialog_without_our_token_is_treated_as_out_of_dialog() {
    let mut world = with_bob(guarded());
    let mut bye = Draft::new("BYE", "alice", "bob", "b", udp(ALICE));
    bye.to += ";tag=x";
    assert_eq!(statuses_to(&world.send(&bye), ALICE), [407]);
    let bye = bye.line(&format!("Route: <sip:{HERE};lr>"));
    assert_eq!(statuses_to(&world.send(&bye), ALICE), [407]);
    let mut foreign = bye.clone();
    foreign.from = "<sip:x@else.test>;tag=1".into();
    assert_eq!(statuses_to(&world.send(&foreign), ALICE), [403]);
}

#[test]
fn a_strict_router_is_served_on_either_side() {
    let mut world = world_with_bob();
    let sent = world.send(&to("bob"));
    let ok = world.answer(&sent[0], "200 OK", "b");
    let caller = Dialog::of_caller(&to("bob"), the(&ok, "200"));
    // A strict router before us has put our URI into the request line and the target at the end of the Routes.
    let ours = caller.routes[0].trim_matches(['<', '>']).to_string();
    let mut strict = caller.clone();
    strict.target = ours;
    strict.routes = vec![format!("<{}>", caller.target)];
    let sent = world.send(&strict.request("BYE", 2));
    assert_eq!(
        lines(&sent),
        [format!("BYE sip:bob@{BOB} SIP/2.0 -> {BOB}")]
    );
    assert_eq!(sent[0].header("Route"), None);
    // One after us finds itself in the request line.
    let draft = Draft::new("INVITE", "alice", "x", "s", udp(ALICE))
        .uri("sip:x@else.test")
        .line("Route: <sip:192.0.2.99>");
    let sent = world.send(&draft);
    assert_eq!(
        lines(&sent),
        ["INVITE sip:192.0.2.99 SIP/2.0 -> 192.0.2.99:5060"]
    );
    assert_eq!(
        sent[0].header("Route").as_deref(),
        Some("<sip:x@else.test>")
    );
}

#[test]
fn a_redirection_is_passed_on_or_followed() {
    for recurse in [false, true] {
        let mut settings = settings();
        settings.proxy.recurse_on_3xx = recurse;
        let mut world = with_bob(settings);
        let sent = world.send(&to("bob"));
        let moved = crate::world::response(
            &sent[0],
            "302 Moved Temporarily",
            "b",
            "sip:bob@192.0.2.3:5060",
        );
        let sent = world.receive(udp(BOB), &moved);
        if recurse {
            assert!(statuses_to(&sent, ALICE).is_empty());
            let next = the(&sent, "INVITE");
            assert_eq!(next.flow, udp(CAROL));
            assert_eq!(
                statuses_to(&world.answer(next, "200 OK", "c"), ALICE),
                [200]
            );
        } else {
            assert_eq!(statuses_to(&sent, ALICE), [302]);
        }
    }
}

#[test]
fn a_redirection_to_a_local_user_is_looked_up() {
    let mut settings = settings();
    settings.proxy.recurse_on_3xx = true;
    let mut world = with_bob(settings);
    world.register("carol", &format!("sip:carol@{CAROL}"), udp(CAROL));
    for (contact, status) in [
        ("sip:carol@home.test", 0),
        ("sip:bob@home.test", 480),
        ("sip:nobody@home.test", 480),
    ] {
        let mut draft = to("bob");
        draft.branch += contact;
        draft.branch.retain(|c| c.is_ascii_alphanumeric());
        let sent = world.send(&draft);
        let moved = crate::world::response(&sent[0], "302 Moved Temporarily", "b", contact);
        let sent = world.receive(udp(BOB), &moved);
        if status == 0 {
            assert_eq!(the(&sent, "INVITE").flow, udp(CAROL));
        } else {
            assert_eq!(statuses_to(&sent, ALICE), [status], "{contact}");
        }
    }
    assert!(world.questions.is_empty() && world.looped.is_empty());
}

#[test]
fn a_dialog_with_an_address_of_record_for_a_contact_finds_its_peer() {
    let mut world = world_with_bob();
    let sent = world.send(&to("bob"));
    let ok = crate::world::response(&sent[0], "200 OK", "b", "sip:bob@home.test");
    let ok = world.receive(udp(BOB), &ok);
    let caller = Dialog::of_caller(&to("bob"), the(&ok, "200"));
    for (method, cseq) in [("ACK", 1), ("BYE", 2)] {
        let sent = world.send(&caller.request(method, cseq));
        assert_eq!(
            lines(&sent),
            [format!("{method} sip:bob@{BOB} SIP/2.0 -> {BOB}")]
        );
    }
    assert!(world.questions.is_empty());
}

#[test]
fn a_route_that_is_left_leads_past_the_flow_of_a_binding() {
    let mut world = World::new(settings());
    world.register("bob", "sip:bob@10.0.0.5:5060", udp(BOB));
    let sent = world.send(&to("bob").line("Route: <sip:192.0.2.99;lr>"));
    assert_eq!(
        lines(&sent),
        ["INVITE sip:bob@10.0.0.5:5060 SIP/2.0 -> 192.0.2.99:5060"]
    );
}

#[test]
fn a_redirect_server_answers_302() {
    let mut settings = settings();
    settings.policy.native().mode = Mode::Redirect;
    let mut world = with_bob(settings);
    world.register_with("bob", "sip:bob@192.0.2.3", udp(CAROL), ";q=0.2");
    let sent = world.send(&to("bob"));
    assert_eq!(statuses_to(&sent, ALICE), [302]);
    let contacts = sent[0].headers("Contact").join(", ");
    assert!(contacts.contains(&format!("sip:bob@{BOB}")), "{contacts}");
    assert!(contacts.contains("q=0.2"), "{contacts}");
    assert!(world.send(&to("bob").ack(&sent[0])).is_empty());
    assert!(world.element.is_idle());
    assert_eq!(statuses_to(&world.send(&to("nobody")), ALICE), [404]);
    assert_eq!(statuses_to(&world.send(&to("carol")), ALICE), [480]);
}

#[test]
fn calls_survive_a_reconfiguration() {
    let mut world = world_with_bob();
    let sent = world.send(&to("bob"));
    world.answer(&sent[0], "180 Ringing", "b");
    let mut changed = guarded();
    changed.proxy.ring_seconds_max = Some(5);
    changed.domains.push("second.test".into());
    world.input(strowger_element::Input::Reconfigure(std::sync::Arc::new(
        changed,
    )));
    assert!(
        world.pass_seconds(30).is_empty(),
        "a call keeps the limits it began with"
    );
    let ok = world.answer(&sent[0], "200 OK", "b");
    assert_eq!(statuses_to(&ok, ALICE), [200]);
    let caller = Dialog::of_caller(&to("bob"), the(&ok, "200"));
    the(&world.send(&caller.request("ACK", 1)), "ACK");
    the(&world.send(&caller.request("BYE", 2)), "BYE");
    let mut next = to("bob");
    next.branch += "2";
    assert_eq!(
        statuses_to(&world.send(&next), ALICE),
        [407],
        "the new policy holds for new calls"
    );
}
