//! The checks before proxying (RFC 3261 §16.3, RFC 5393).

use strowger_sip::Message;
use strowger_transaction::token::{BranchMode, BranchToken, SecretKey, Secrets, write_branch};

use super::{HOME, request, secrets};
use crate::hash_keys::HashKeys;
use crate::loop_hash::LoopHash;
use crate::settings::ProxySettings;
use crate::validate::{Checks, Refusal, Validated, validate, write_refusal_lines};

const URI: &str = "sip:callee@domain.com";

fn no_credential(_: &[u8]) -> bool {
    false
}

fn check_with(request: &Message, settings: &ProxySettings) -> Result<Validated, Refusal> {
    let secrets = secrets();
    let loop_hash = || LoopHash::of(request, &HashKeys::new(&secrets), &no_credential);
    validate(
        request,
        &Checks {
            secrets: &secrets,
            home: HOME,
            loop_hash: &loop_hash,
            settings,
        },
    )
}

fn check(request: &Message) -> Result<Validated, Refusal> {
    check_with(request, &ProxySettings::default())
}

/// A Via line of ours as we would have written it when forwarding `before`.
fn own_via(before: &Message, mode: BranchMode) -> String {
    let secrets = secrets();
    let loop_hash = LoopHash::of(before, &HashKeys::new(&secrets), &no_credential).value();
    let token = BranchToken {
        mode,
        node: 0,
        shard: 1,
        slot: 3,
        generation: 4,
        loop_hash,
    };
    let mut branch = Vec::new();
    write_branch(&secrets, &token, &mut branch);
    format!(
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch={}\n",
        String::from_utf8(branch).expect("text")
    )
}

#[test]
fn schemes_that_we_cannot_route_by_are_refused() {
    for (uri, route, expected) in [
        ("sip:a@h", "", Ok(())),
        ("sips:a@h", "", Ok(())),
        ("tel:+1555", "", Err(Refusal::UnsupportedScheme)),
        ("tel:+1555", "Route: <sip:gw.example.com;lr>\n", Ok(())),
        ("nobodyknows:this", "", Err(Refusal::UnsupportedScheme)),
        (
            "nobodyknows:this",
            "Route: <sip:gw.example.com;lr>\n",
            Err(Refusal::UnsupportedScheme),
        ),
    ] {
        assert_eq!(
            check(&request("INVITE", uri, route)).map(|_| ()),
            expected,
            "{uri} {route}"
        );
    }
}

#[test]
fn max_forwards_is_obeyed() {
    let hops = |method: &str, value: &str| {
        check(&request(method, URI, &format!("Max-Forwards: {value}\n")))
    };
    for value in ["1", "70", "255"] {
        assert!(hops("INVITE", value).is_ok(), "{value}");
    }
    assert!(check(&request("INVITE", URI, "")).is_ok());
    for value in ["256", "300", "abc", "-1", "99999999999"] {
        assert_eq!(
            hops("INVITE", value).err(),
            Some(Refusal::BadMaxForwards),
            "{value}"
        );
    }
    assert_eq!(hops("INVITE", "0").err(), Some(Refusal::TooManyHops));
    assert_eq!(hops("OPTIONS", "0").map(|valid| valid.last_hop), Ok(true));
    assert_eq!(hops("OPTIONS", "1").map(|valid| valid.last_hop), Ok(false));
}

#[test]
fn unknown_extensions_are_refused_and_named() {
    let request = request(
        "INVITE",
        URI,
        "Proxy-Require: foo, privacy\nProxy-Require: bar\n",
    );
    let settings = ProxySettings {
        proxy_require: vec!["privacy".into()],
        ..ProxySettings::default()
    };
    assert_eq!(
        check_with(&request, &settings).err(),
        Some(Refusal::BadExtension)
    );
    let mut lines = Vec::new();
    write_refusal_lines(Refusal::BadExtension, &request, &settings, &mut lines);
    assert_eq!(lines, b"Unsupported: foo, bar\r\n");
}

#[test]
fn the_same_routing_input_again_is_a_loop() {
    let first = request("INVITE", URI, "");
    for mode in [BranchMode::StatefulProxy, BranchMode::StatelessForward] {
        let via = own_via(&first, mode);
        assert_eq!(
            check(&request("INVITE", URI, &via)).err(),
            Some(Refusal::Loop)
        );
    }
}

#[test]
fn a_loop_is_found_below_other_hops() {
    let via = own_via(&request("INVITE", URI, ""), BranchMode::StatefulProxy);
    let lines = format!("Via: SIP/2.0/UDP other.example.com;branch=z9hG4bKx\n{via}");
    assert_eq!(
        check(&request("INVITE", URI, &lines)).err(),
        Some(Refusal::Loop)
    );
}

#[test]
fn changed_routing_input_is_a_spiral_and_passes() {
    let via = own_via(&request("INVITE", URI, ""), BranchMode::StatefulProxy);
    assert!(check(&request("INVITE", "sip:another@domain.com", &via)).is_ok());
    for line in [
        "Route: <sip:gw.example.com;lr>\n",
        "Proxy-Authorization: Digest username=\"x\"\n",
    ] {
        assert!(
            check(&request("INVITE", URI, &format!("{via}{line}"))).is_ok(),
            "{line}"
        );
    }
}

#[test]
fn a_branch_without_our_mac_proves_nothing() {
    let via = own_via(&request("INVITE", URI, ""), BranchMode::StatefulProxy);
    let last = via.trim_end().chars().last().expect("a digit");
    let forged = format!(
        "{}{}\n",
        via.trim_end().trim_end_matches(last),
        if last == '0' { '8' } else { '0' }
    );
    assert!(check(&request("INVITE", URI, &forged)).is_ok());
}

#[test]
fn taking_our_credentials_off_does_not_hide_a_loop() {
    let secrets = secrets();
    let own = |value: &[u8]| value.starts_with(b"Digest realm=\"ours\"");
    let lines = "Proxy-Authorization: Digest realm=\"ours\", nonce=\"1\"\n";
    let with = LoopHash::of(
        &request("INVITE", URI, lines),
        &HashKeys::new(&secrets),
        &own,
    );
    let without = LoopHash::of(&request("INVITE", URI, ""), &HashKeys::new(&secrets), &own);
    assert_eq!(with, without);
}

#[test]
fn request_cancel_and_ack_have_one_loop_hash() {
    let secrets = secrets();
    let hash = |method: &str| {
        LoopHash::of(
            &request(method, URI, ""),
            &HashKeys::new(&secrets),
            &no_credential,
        )
        .value()
    };
    assert_eq!(hash("INVITE"), hash("CANCEL"));
    assert_eq!(hash("INVITE"), hash("ACK"));
}

#[test]
fn a_loop_is_found_after_a_change_of_keys() {
    let old = secrets();
    let new = Secrets {
        current: SecretKey {
            id: 1,
            key: [9; 16],
        },
        previous: Some(old.current),
    };
    let request = request("INVITE", URI, "");
    let before = LoopHash::of(&request, &HashKeys::new(&old), &no_credential).value();
    assert!(LoopHash::of(&request, &HashKeys::new(&new), &no_credential).matches(before));
}

#[test]
fn breadth_is_the_default_or_what_the_request_allows() {
    let breadth =
        |lines: &str| check(&request("INVITE", URI, lines)).map(|valid| valid.max_breadth);
    assert_eq!(breadth(""), Ok(60));
    assert_eq!(breadth("Max-Breadth: 7\n"), Ok(7));
    assert_eq!(breadth("Max-Breadth: 4000\n"), Ok(60));
    assert_eq!(
        breadth("Max-Breadth: 0\n"),
        Err(Refusal::MaxBreadthExceeded)
    );
    assert_eq!(breadth("Max-Breadth: x\n"), Err(Refusal::BadMaxBreadth));
}
