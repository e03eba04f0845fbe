//! What leaves: requests (RFC 3261 §16.6) and responses (§16.7), octet by octet; and 3xx recursion.

use std::sync::Arc;

use strowger_sip::{HeaderName, Limits, Message, Transport};
use strowger_transaction::token::BranchToken;
use strowger_transaction::{Flow, ListenerId};

use super::{HOME, parse, request, response, secrets};
use crate::forward::{Forwarder, Forwarding, LocalSide, RecordRouting};
use crate::record_route::{RecordRouteToken, Side};
use crate::recursion::recurse;
use crate::route::RoutePlan;
use crate::settings::ProxySettings;
use crate::stateless::{request_hash, stateless_branch};
use crate::target_set::{Target, TargetSet};

const UDP: LocalSide<'static> = LocalSide {
    transport: Transport::Udp,
    sent_by: b"192.0.2.1:5060",
};
const TCP: LocalSide<'static> = LocalSide {
    transport: Transport::Tcp,
    sent_by: b"[2001:db8::5]:5060",
};

fn forwarding<'a>(request: &'a Message, route: &'a RoutePlan, uri: &'a [u8]) -> Forwarding<'a> {
    Forwarding {
        request,
        route,
        uri,
        path: b"",
        source: "198.51.100.7:40000".parse().expect("address"),
        upstream: UDP,
        downstream: UDP,
        branch: b"z9hG4bKours",
        record_route: None,
        max_breadth: None,
        remove: &[],
        extra: b"",
        program: None,
    }
}

fn written(forwarding: &Forwarding<'_>) -> String {
    let mut out = Vec::new();
    Forwarder::new().write_request(forwarding, &mut out);
    Message::parse(out.clone(), &Limits::default()).expect("what leaves is valid");
    String::from_utf8(out).expect("text").replace("\r\n", "\n")
}

#[test]
fn only_what_must_change_changes() {
    let request = parse(
        "INVITE sip:bob@example.com SIP/2.0\nv: SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bKa, SIP/2.0/TCP b;branch=z9hG4bKb\n\
         X-Odd:   stays\nFrom: <sip:alice@example.com>;tag=1\nTo: <sip:bob@example.com>\nMax-Forwards: 70\nCall-ID: x\n\
         CSeq: 1 INVITE\nProxy-Authorization: Digest ours\nDate: not a date\nContent-Length: 2\n\nhi",
    );
    let credentials = request.header(HeaderName::ProxyAuthorization);
    let credentials = [credentials.expect("there").index as u16];
    let plan = RoutePlan::default();
    let out = written(&Forwarding {
        max_breadth: Some(30),
        remove: &credentials,
        extra: b"P-Hint: x\r\n",
        ..forwarding(&request, &plan, b"sip:bob@192.0.2.9:5070")
    });
    assert_eq!(
        out,
        "INVITE sip:bob@192.0.2.9:5070 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\n\
         v: SIP/2.0/UDP 10.0.0.1:5062;received=198.51.100.7;rport=40000;branch=z9hG4bKa, SIP/2.0/TCP b;branch=z9hG4bKb\n\
         X-Odd:   stays\nFrom: <sip:alice@example.com>;tag=1\nTo: <sip:bob@example.com>\nMax-Forwards: 69\nCall-ID: x\n\
         CSeq: 1 INVITE\nDate: not a date\nContent-Length: 2\nMax-Breadth: 30\nP-Hint: x\n\nhi"
    );
}

#[test]
fn missing_max_forwards_becomes_70_and_a_stream_gets_content_length() {
    let request = request("MESSAGE", "sip:bob@example.com", "");
    let plan = RoutePlan::default();
    let out = written(&Forwarding {
        downstream: TCP,
        ..forwarding(&request, &plan, b"sip:bob@example.com")
    });
    assert!(out.contains("\nMax-Forwards: 70\n"));
    assert!(out.contains("\nContent-Length: 0\n"));
    assert!(out.contains("\nVia: SIP/2.0/TCP [2001:db8::5]:5060;branch=z9hG4bKours\n"));
    assert!(
        !written(&forwarding(&request, &plan, b"sip:bob@example.com")).contains("Content-Length")
    );
}

#[test]
fn a_request_uri_keeps_no_headers_and_no_method() {
    let request = request("INVITE", "sip:bob@example.com", "");
    let plan = RoutePlan::default();
    for (contact, expected) in [
        (
            "sip:bob@192.0.2.9;method=INVITE;ob?Subject=x",
            "sip:bob@192.0.2.9;ob",
        ),
        ("sip:bob@192.0.2.9?Subject=x", "sip:bob@192.0.2.9"),
        (
            "sip:bob@192.0.2.9;transport=tcp",
            "sip:bob@192.0.2.9;transport=tcp",
        ),
        ("tel:+1555;phone-context=x", "tel:+1555;phone-context=x"),
    ] {
        let out = written(&forwarding(&request, &plan, contact.as_bytes()));
        assert!(
            out.starts_with(&format!("INVITE {expected} SIP/2.0\n")),
            "{out}"
        );
    }
}

#[test]
fn path_values_become_the_first_routes() {
    let request = request(
        "INVITE",
        "sip:bob@example.com",
        "Route: <sip:later.example.com;lr>\n",
    );
    let plan = RoutePlan::default();
    let out = written(&Forwarding {
        path: b"<sip:edge.example.com;lr>, <sip:p2;lr>",
        ..forwarding(&request, &plan, b"sip:bob@10.0.0.9")
    });
    assert!(
        out.contains(
            "\nRoute: <sip:edge.example.com;lr>, <sip:p2;lr>\nRoute: <sip:later.example.com;lr>\n"
        ),
        "{out}"
    );
}

#[test]
fn a_strict_first_path_value_moves_into_the_request_line() {
    let request = request("INVITE", "sip:bob@example.com", "");
    let plan = RoutePlan::default();
    let out = written(&Forwarding {
        path: b"<sip:old.example.com>, <sip:p2;lr>",
        ..forwarding(&request, &plan, b"sip:bob@10.0.0.9")
    });
    assert!(
        out.starts_with("INVITE sip:old.example.com SIP/2.0\n"),
        "{out}"
    );
    let first = out.find("Route: <sip:p2;lr>\n").expect("rest of the path");
    let last = out.find("Route: <sip:bob@10.0.0.9>\n").expect("the target");
    assert!(first < last);
}

fn record_routed(upstream: LocalSide<'_>, downstream: LocalSide<'_>, uri: &str) -> Vec<String> {
    let secrets = secrets();
    let side = Side {
        flow: Flow::udp(
            ListenerId(0),
            "198.51.100.7:40000".parse().expect("address"),
        ),
        sticky: true,
        behind_nat: true,
    };
    let token = RecordRouteToken::new(&secrets, 0, b"a1", Some(side), None);
    let mut user = Vec::new();
    token.write(&secrets, b"c1@u1", &mut user);
    let user = String::from_utf8(user).expect("text");
    let request = request("INVITE", uri, "Record-Route: <sip:before;lr>\n");
    let plan = RoutePlan::default();
    let record_route = Some(RecordRouting::Token(&token, &secrets));
    let out = written(&Forwarding {
        upstream,
        downstream,
        record_route,
        ..forwarding(&request, &plan, uri.as_bytes())
    });
    out.lines()
        .filter(|line| line.starts_with("Record-Route"))
        .map(|line| line.replace(&user, "TOKEN"))
        .collect()
}

#[test]
fn one_record_route_where_both_sides_are_the_same() {
    assert_eq!(
        record_routed(UDP, UDP, "sip:bob@example.com"),
        [
            "Record-Route: <sip:TOKEN@192.0.2.1:5060;lr>",
            "Record-Route: <sip:before;lr>"
        ]
    );
}

#[test]
fn two_record_routes_where_the_sides_differ_the_downstream_one_on_top() {
    assert_eq!(
        record_routed(UDP, TCP, "sip:bob@example.com"),
        [
            "Record-Route: <sip:TOKEN@[2001:db8::5]:5060;transport=tcp;lr>",
            "Record-Route: <sip:TOKEN@192.0.2.1:5060;lr>",
            "Record-Route: <sip:before;lr>"
        ]
    );
}

#[test]
fn a_sips_request_is_record_routed_with_sips() {
    let tls = LocalSide {
        transport: Transport::Tls,
        sent_by: b"192.0.2.1:5061",
    };
    assert_eq!(
        record_routed(tls, tls, "sips:bob@example.com"),
        [
            "Record-Route: <sips:TOKEN@192.0.2.1:5061;lr>",
            "Record-Route: <sip:before;lr>"
        ]
    );
}

#[test]
fn a_response_leaves_without_our_via() {
    let mut out = Vec::new();
    assert!(Forwarder::new().write_response(
        &response(180, "X-Odd:   stays\n"),
        b"WWW-Authenticate: x\r\n",
        Transport::Udp,
        &mut out
    ));
    assert_eq!(
        String::from_utf8(out).expect("text").replace("\r\n", "\n"),
        "SIP/2.0 180 Whatever\nVia: SIP/2.0/UDP u1.example.com:5060;branch=z9hG4bKu1\nX-Odd:   stays\n\
         From: <sip:caller@u1.example.com>;tag=a1\nTo: <sip:callee@domain.com>;tag=b180\nCall-ID: c1@u1\nCSeq: 1 INVITE\n\
         WWW-Authenticate: x\n\n"
    );
}

#[test]
fn identities_that_the_called_party_asserts_are_taken_off_its_responses() {
    let mut out = Vec::new();
    let asserted = "P-Asserted-Identity: <sip:queen@example.com>\nP-Asserted-Identity: <tel:+1>\n";
    let claimed = response(200, asserted);
    assert!(Forwarder::new().write_response(&claimed, b"", Transport::Udp, &mut out));
    let text = String::from_utf8(out).expect("text");
    assert!(!text.contains("P-Asserted-Identity"), "{text}");
    assert!(text.contains("Call-ID: c1@u1"), "{text}");
}

#[test]
fn a_response_in_one_via_line_keeps_the_others() {
    let both = parse(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp, SIP/2.0/UDP u1;branch=z9hG4bKu;received=10.0.0.1\n\
         From: <sip:a@h>;tag=1\nTo: <sip:b@h>;tag=2\nCall-ID: c\nCSeq: 1 INVITE\n\n",
    );
    let mut out = Vec::new();
    assert!(Forwarder::new().write_response(&both, b"", Transport::Tcp, &mut out));
    let out = String::from_utf8(out).expect("text");
    assert!(
        out.contains("\r\nVia: SIP/2.0/UDP u1;branch=z9hG4bKu;received=10.0.0.1\r\n"),
        "{out}"
    );
    assert!(out.contains("\r\nContent-Length: 0\r\n"));
}

#[test]
fn a_response_with_our_via_alone_is_for_us() {
    let ours = parse(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>;tag=2\n\
         Call-ID: c\nCSeq: 1 OPTIONS\n\n",
    );
    let mut out = Vec::new();
    assert!(!Forwarder::new().write_response(&ours, b"", Transport::Udp, &mut out));
    assert!(out.is_empty());
}

#[test]
fn stateless_branches_depend_on_the_request_alone() {
    let hash = |request: &Message| request_hash(request, &crate::HashKeys::new(&secrets()));
    let invite = request("INVITE", "sip:x@h", "");
    assert_eq!(hash(&invite), hash(&request("ACK", "sip:x@h", "")));
    assert_eq!(hash(&invite), hash(&request("CANCEL", "sip:x@h", "")));
    let other =
        parse(&String::from_utf8_lossy(invite.as_bytes()).replace("z9hG4bKu1", "z9hG4bKu2"));
    assert_ne!(hash(&invite), hash(&other));
    let old = |cseq: &str| {
        parse(
            &String::from_utf8_lossy(invite.as_bytes())
                .replace("z9hG4bKu1", "1")
                .replace("CSeq: 1", cseq),
        )
    };
    assert_eq!(hash(&old("CSeq: 1")), hash(&old("CSeq: 1")));
    assert_ne!(hash(&old("CSeq: 1")), hash(&old("CSeq: 2")));
}

#[test]
fn only_responses_to_what_was_forwarded_statelessly_pass() {
    let secrets = secrets();
    let with_branch = |branch: Vec<u8>| {
        let branch = String::from_utf8(branch).expect("text");
        parse(&String::from_utf8_lossy(response(200, "").as_bytes()).replace("z9hG4bKp1", &branch))
    };
    let token = BranchToken::stateless(HOME, 1, 0x1234, 99);
    let branch_of = |token: &BranchToken| {
        let mut branch = Vec::new();
        strowger_transaction::token::write_branch(&secrets, token, &mut branch);
        with_branch(branch)
    };
    assert_eq!(
        stateless_branch(&branch_of(&token), &secrets, HOME),
        Some(token)
    );
    let stateful = BranchToken {
        mode: strowger_transaction::token::BranchMode::StatefulProxy,
        ..token
    };
    assert_eq!(
        stateless_branch(&branch_of(&stateful), &secrets, HOME),
        None
    );
    assert_eq!(stateless_branch(&response(200, ""), &secrets, HOME), None);
}

#[test]
fn contacts_of_a_redirection_become_targets() {
    let settings = ProxySettings::default();
    let uris = |set: &TargetSet| {
        set.iter()
            .map(|target| String::from_utf8_lossy(&target.uri).into_owned())
            .collect::<Vec<_>>()
    };
    let mut set = TargetSet::new(&settings);
    set.add(Target::from_uri(b"sip:tried@h"));
    let moved = response(302, "Contact: <sip:a@h>;q=0.5, <sip:b@h>, <sip:tried@h>\n");
    let recursion = recurse(Arc::new(moved), false, &mut set, &Limits::default());
    assert_eq!((recursion.added, recursion.response.is_none()), (2, true));
    assert_eq!(uris(&set), ["sip:tried@h", "sip:a@h", "sip:b@h"]);

    let mut set = TargetSet::new(&settings);
    let mixed = response(
        302,
        "Contact: <mailto:a@h>, <sip:b@h>\nContact: <tel:+1555>\n",
    );
    let recursion = recurse(Arc::new(mixed), false, &mut set, &Limits::default());
    let left = recursion.response.expect("contacts are left");
    let contacts: Vec<_> = left
        .contacts()
        .filter_map(Result::ok)
        .filter_map(|contact| {
            contact
                .address()
                .map(|a| String::from_utf8_lossy(a.uri).into_owned())
        })
        .collect();
    assert_eq!(
        (recursion.added, contacts),
        (1, vec!["mailto:a@h".to_owned(), "tel:+1555".to_owned()])
    );
}

#[test]
fn a_sips_request_follows_sips_contacts_alone() {
    let mut set = TargetSet::new(&ProxySettings::default());
    let recursion = recurse(
        Arc::new(response(302, "Contact: <sip:a@h>, <sips:b@h>\n")),
        true,
        &mut set,
        &Limits::default(),
    );
    assert_eq!((recursion.added, set.len()), (1, 1));
    let recursion = recurse(
        Arc::new(response(302, "Contact: <sip:a@h>\n")),
        true,
        &mut set,
        &Limits::default(),
    );
    assert!(recursion.added == 0 && recursion.response.is_some());
}
