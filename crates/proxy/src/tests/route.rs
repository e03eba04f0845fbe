//! Route preprocessing (RFC 3261 §16.4) and the walks of §16.12.1.

use strowger_sip::{Message, Transport, Uri};
use strowger_transaction::{Flow, ListenerId};

use super::{parse, request, secrets};
use crate::forward::{Forwarder, Forwarding, LocalSide, next_hop};
use crate::record_route::{RecordRouteToken, Side};
use crate::route::{OWN_ROUTES_MAX, Ownership, RoutePlan};
use crate::validate::Refusal;

fn plan_at(host: &str, request: &Message) -> Result<RoutePlan, Refusal> {
    let is_ours = |uri: &Uri<'_>| {
        format!("{:?}", uri.host) == format!("{:?}", strowger_sip::Host::Name(host.as_bytes()))
    };
    let plan = |own_end: &dyn Fn(&[u8]) -> Option<usize>| {
        RoutePlan::of(
            request,
            &Ownership {
                is_ours: &is_ours,
                own_end,
                received_on: (Transport::Udp, 5060),
            },
        )
    };
    let known_as_text = plan(&|uri| {
        let end = format!("@{host};lr");
        uri.ends_with(end.as_bytes()).then_some(end.len())
    });
    // What is known as text is what is read as a URI.
    let read = plan(&|_| None);
    assert_eq!(format!("{known_as_text:?}"), format!("{read:?}"));
    known_as_text
}

fn remaining(request: &Message, plan: &RoutePlan) -> Vec<String> {
    plan.remaining(request)
        .map(|route| String::from_utf8_lossy(route.uri).into_owned())
        .collect()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Passes a request through the proxy at `host` and gives what leaves, and the URI it is sent by.
fn hop(host: &str, request: &Message) -> (Message, String) {
    let plan = plan_at(host, request).expect("valid routes");
    let side = LocalSide {
        transport: Transport::Udp,
        sent_by: host.as_bytes(),
    };
    let uri = plan.request_uri(request);
    let mut out = Vec::new();
    let forwarding = Forwarding {
        request,
        route: &plan,
        uri,
        path: b"",
        source: "192.0.2.9:5060".parse().expect("address"),
        upstream: side,
        downstream: side,
        branch: b"z9hG4bKp",
        record_route: None,
        max_breadth: None,
        remove: &[],
        extra: b"",
        program: None,
    };
    Forwarder::new().write_request(&forwarding, &mut out);
    let target = text(next_hop(request, &plan, uri, b""));
    (
        Message::parse(out, &strowger_sip::Limits::default()).expect("valid"),
        target,
    )
}

/// Request-URI and Route values.
fn routes(request: &Message) -> (String, Vec<String>) {
    let routes = request
        .routes()
        .filter_map(Result::ok)
        .map(|route| text(route.uri))
        .collect();
    (text(request.request_uri()), routes)
}

#[test]
fn the_trapezoid_takes_off_each_proxy_in_turn() {
    let bye = request(
        "BYE",
        "sip:callee@u2.domain.com",
        "Route: <sip:p1.example.com;lr>,<sip:p2.domain.com;lr>\n",
    );
    let (bye, target) = hop("p1.example.com", &bye);
    assert_eq!(
        routes(&bye),
        (
            "sip:callee@u2.domain.com".into(),
            vec!["sip:p2.domain.com;lr".into()]
        )
    );
    assert_eq!(target, "sip:p2.domain.com;lr");
    let (bye, target) = hop("p2.domain.com", &bye);
    assert_eq!(routes(&bye), ("sip:callee@u2.domain.com".into(), vec![]));
    assert_eq!(target, "sip:callee@u2.domain.com");
}

#[test]
fn a_strict_router_is_traversed_and_recovered_from() {
    let bye = request(
        "BYE",
        "sip:caller@u1.example.com",
        "Route: <sip:p4.domain.com;lr>\nRoute: <sip:p3.middle.com>\nRoute: <sip:p2.example.com;lr>\nRoute: <sip:p1.example.com;lr>\n",
    );
    // P4 formats the request as the strict router P3 wants it.
    let (bye, target) = hop("p4.domain.com", &bye);
    assert_eq!(target, "sip:p3.middle.com");
    let expected = [
        "sip:p2.example.com;lr",
        "sip:p1.example.com;lr",
        "sip:caller@u1.example.com",
    ]
    .map(String::from)
    .to_vec();
    assert_eq!(routes(&bye), ("sip:p3.middle.com".into(), expected));
    // What P3 makes of it arrives at P2, which undoes it.
    let bye = request(
        "BYE",
        "sip:p2.example.com;lr",
        "Route: <sip:p1.example.com;lr>\nRoute: <sip:caller@u1.example.com>\n",
    );
    let (bye, target) = hop("p2.example.com", &bye);
    assert_eq!(target, "sip:p1.example.com;lr");
    assert_eq!(
        routes(&bye),
        (
            "sip:caller@u1.example.com".into(),
            vec!["sip:p1.example.com;lr".into()]
        )
    );
    let (bye, target) = hop("p1.example.com", &bye);
    assert_eq!(target, "sip:caller@u1.example.com");
    assert_eq!(routes(&bye), ("sip:caller@u1.example.com".into(), vec![]));
}

#[test]
fn both_values_of_a_double_record_route_are_taken_off() {
    let lines = "Route: <sip:t1@p.example.com;transport=tcp;lr>, <sip:t1@p.example.com;lr>\nRoute: <sip:next.example.com;lr>\n";
    let bye = request("BYE", "sip:callee@u2", lines);
    let plan = plan_at("p.example.com", &bye).expect("valid");
    assert_eq!(remaining(&bye, &plan), ["sip:next.example.com;lr"]);
    assert!(plan.reached_own_route() && !plan.is_strict_recovery());
}

#[test]
fn after_a_strict_router_the_second_value_of_ours_goes_too() {
    let lines = "Route: <sip:t1@p.example.com;lr>, <sip:callee@u2>\n";
    let bye = request("BYE", "sip:t1@p.example.com;transport=tcp;lr", lines);
    let plan = plan_at("p.example.com", &bye).expect("valid");
    assert!(plan.is_strict_recovery());
    assert_eq!(plan.request_uri(&bye), b"sip:callee@u2");
    assert!(remaining(&bye, &plan).is_empty());
}

#[test]
fn our_own_uri_without_a_route_is_no_strict_routing() {
    let options = request("OPTIONS", "sip:p.example.com;lr", "");
    let plan = plan_at("p.example.com", &options).expect("valid");
    assert_eq!(plan.request_uri(&options), b"sip:p.example.com;lr");
    assert!(!plan.reached_own_route());
}

#[test]
fn a_route_to_another_stays_with_all_behind_it() {
    let invite = request(
        "INVITE",
        "sip:x@domain.com",
        "Route: <sip:other.example.com;lr>, <sip:p.example.com;lr>\n",
    );
    let plan = plan_at("p.example.com", &invite).expect("valid");
    assert_eq!(
        remaining(&invite, &plan),
        ["sip:other.example.com;lr", "sip:p.example.com;lr"]
    );
}

#[test]
fn a_malformed_route_is_refused_where_it_matters() {
    assert_eq!(
        plan_at(
            "p.example.com",
            &request("INVITE", "sip:x@h", "Route: <sip:>\n")
        )
        .err(),
        Some(Refusal::BadRoute)
    );
}

#[test]
fn our_maddr_is_taken_off_where_the_request_came_in_as_it_says() {
    for (uri, expected) in [
        ("sip:a@foreign.com;maddr=p.example.com", "sip:a@foreign.com"),
        (
            "sip:a@foreign.com;maddr=p.example.com;transport=udp;user=phone",
            "sip:a@foreign.com;user=phone",
        ),
        (
            "sip:a@foreign.com:5060;maddr=p.example.com",
            "sip:a@foreign.com",
        ),
        (
            "sip:a@foreign.com:5070;maddr=p.example.com",
            "sip:a@foreign.com:5070;maddr=p.example.com",
        ),
        (
            "sip:a@foreign.com;maddr=p.example.com;transport=tcp",
            "sip:a@foreign.com;maddr=p.example.com;transport=tcp",
        ),
        (
            "sip:a@foreign.com;maddr=q.example.com",
            "sip:a@foreign.com;maddr=q.example.com",
        ),
    ] {
        let invite = request("INVITE", uri, "");
        let plan = plan_at("p.example.com", &invite).expect("valid");
        assert_eq!(text(plan.request_uri(&invite)), expected);
    }
}

#[test]
fn the_last_token_of_several_leads_on() {
    let side = |address: &str| Side {
        flow: Flow::udp(ListenerId(0), address.parse().expect("address")),
        sticky: true,
        behind_nat: false,
    };
    let write = |callee: &str| {
        let mut out = Vec::new();
        RecordRouteToken::new(&secrets(), 0, b"a1", None, Some(side(callee))).write(
            &secrets(),
            b"c1@u1",
            &mut out,
        );
        text(&out)
    };
    let lines = format!(
        "Route: <sip:{}@p.example.com;lr>, <sip:{}@p.example.com;lr>\n",
        write("192.0.2.1:5060"),
        write("192.0.2.2:5060")
    );
    let bye = request("BYE", "sip:callee@10.0.0.1", &lines);
    let plan = plan_at("p.example.com", &bye).expect("valid");
    let token = plan.token(&bye, &secrets()).expect("valid");
    assert_eq!(token.callee, Some(side("192.0.2.2:5060")));
    let foreign = parse(&text(bye.as_bytes()).replace("c1@u1", "c2@u1"));
    assert!(
        plan_at("p.example.com", &foreign)
            .expect("valid")
            .token(&foreign, &secrets())
            .is_none()
    );
}

#[test]
fn a_token_is_good_for_the_dialog_it_was_written_for_alone() {
    let mut token = Vec::new();
    RecordRouteToken::new(&secrets(), 0, b"a1", None, None).write(&secrets(), b"c1@u1", &mut token);
    let routed = |from: &str, to: &str| {
        let request = parse(&format!(
            "BYE sip:x@u2 SIP/2.0\nVia: SIP/2.0/UDP u1;branch=z9hG4bK1\nRoute: <sip:{}@p.example.com;lr>\n\
             From: <sip:caller@u1>{from}\nTo: <sip:callee@u2>{to}\nCall-ID: c1@u1\nCSeq: 2 BYE\n\n",
            text(&token)
        ));
        let plan = plan_at("p.example.com", &request).expect("valid");
        plan.token(&request, &secrets()).is_some()
    };
    assert!(routed(";tag=a1", ";tag=b1"), "from the caller");
    assert!(routed(";tag=b1", ";tag=a1"), "from the callee");
    assert!(
        !routed(";tag=z1", ";tag=z2"),
        "another dialog with that Call-ID"
    );
}

#[test]
fn what_a_strict_router_left_as_request_uri_must_be_one() {
    let invite = request(
        "INVITE",
        "sip:p.example.com;lr",
        "Route: <sip:other.example.com;lr>, <sip:>\n",
    );
    assert_eq!(
        plan_at("p.example.com", &invite).err(),
        Some(Refusal::BadRoute)
    );
}

#[test]
fn more_routes_of_ours_than_any_dialog_has_are_refused() {
    let lines = |count: usize| {
        format!(
            "Route: <sip:p.example.com;lr>{}\n",
            ",<sip:p.example.com;lr>".repeat(count - 1)
        )
    };
    let plan = |count| plan_at("p.example.com", &request("BYE", "sip:x@u2", &lines(count)));
    assert!(plan(OWN_ROUTES_MAX).is_ok());
    assert_eq!(plan(OWN_ROUTES_MAX + 1).err(), Some(Refusal::BadRoute));
}
