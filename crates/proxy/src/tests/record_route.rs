//! The token in our Record-Route URIs.

use proptest::prelude::*;
use strowger_sip::Transport;
use strowger_transaction::token::{SecretKey, Secrets, TokenError};
use strowger_transaction::{Flow, ListenerId, StreamId};

use super::{parse, request, secrets};
use crate::record_route::{DialogHop, Direction, RecordRouteToken, Side, is_record_routed};

const CALL_ID: &[u8] = b"c1@u1";

fn udp(address: &str, sticky: bool, behind_nat: bool) -> Side {
    Side {
        flow: Flow::udp(ListenerId(2), address.parse().expect("address")),
        sticky,
        behind_nat,
    }
}

fn tcp(address: &str, behind_nat: bool) -> Side {
    let stream = StreamId {
        worker: 1,
        slot: 7,
        generation: 9,
    };
    let remote = address.parse().expect("address");
    let flow = Flow {
        transport: Transport::Tcp,
        listener: ListenerId(0),
        remote,
        stream: Some(stream),
    };
    Side {
        flow,
        sticky: true,
        behind_nat,
    }
}

fn token(caller: Option<Side>, callee: Option<Side>) -> RecordRouteToken {
    RecordRouteToken::new(&secrets(), 3, b"a1", caller, callee)
}

fn text(token: &RecordRouteToken) -> Vec<u8> {
    let mut out = Vec::new();
    token.write(&secrets(), CALL_ID, &mut out);
    out
}

#[test]
fn what_is_written_is_read() {
    for sides in [
        (None, None),
        (Some(udp("192.0.2.7:5062", true, true)), None),
        (
            Some(udp("192.0.2.7:5062", true, false)),
            Some(tcp("198.51.100.1:40000", true)),
        ),
        (
            Some(tcp("[2001:db8::1]:1", true)),
            Some(tcp("[2001:db8::2]:65535", false)),
        ),
    ] {
        let token = token(sides.0, sides.1);
        let text = text(&token);
        assert!(
            text.iter()
                .all(|octet| octet.is_ascii_digit() || octet.is_ascii_lowercase())
        );
        assert_eq!(
            RecordRouteToken::parse(&secrets(), &text, CALL_ID),
            Ok(token)
        );
    }
}

#[test]
fn a_token_of_two_udp_phones_is_short() {
    let token = token(
        Some(udp("192.0.2.7:5062", true, true)),
        Some(udp("192.0.2.8:5062", true, true)),
    );
    assert_eq!(text(&token).len(), 55);
}

#[test]
fn another_dialog_another_key_and_forgeries_are_refused() {
    let token = token(Some(udp("192.0.2.7:5062", true, true)), None);
    let good = text(&token);
    assert_eq!(
        RecordRouteToken::parse(&secrets(), &good, b"other"),
        Err(TokenError::BadMac)
    );
    assert_eq!(
        RecordRouteToken::parse(&secrets(), b"alice", CALL_ID),
        Err(TokenError::Foreign)
    );
    let other = Secrets::new([8; 16]);
    assert_eq!(
        RecordRouteToken::parse(&other, &good, CALL_ID),
        Err(TokenError::BadMac)
    );
    for place in 0..good.len() {
        let mut forged = good.clone();
        forged[place] = if forged[place] == b'0' { b'1' } else { b'0' };
        assert!(
            RecordRouteToken::parse(&secrets(), &forged, CALL_ID).is_err(),
            "{place}"
        );
    }
}

#[test]
fn a_token_survives_a_change_of_keys_with_its_direction() {
    let old = secrets();
    let token = token(None, Some(udp("192.0.2.7:5062", true, true)));
    let new = Secrets {
        current: SecretKey {
            id: 1,
            key: [9; 16],
        },
        previous: Some(old.current),
    };
    let read = RecordRouteToken::parse(&new, &text(&token), CALL_ID).expect("still valid");
    assert_eq!(
        read.direction(&new, &request("BYE", "sip:x@h", "")),
        Direction::ToCallee
    );
}

#[test]
fn direction_follows_the_from_tag() {
    let token = token(None, None);
    let from_caller = request("BYE", "sip:callee@u2", "");
    assert_eq!(
        token.direction(&secrets(), &from_caller),
        Direction::ToCallee
    );
    let from_callee = parse(
        "BYE sip:caller@u1 SIP/2.0\nVia: SIP/2.0/UDP u2;branch=z9hG4bK2\nFrom: <sip:callee@domain.com>;tag=b1\n\
         To: <sip:caller@u1>;tag=a1\nCall-ID: c1@u1\nCSeq: 1 BYE\n\n",
    );
    assert_eq!(
        token.direction(&secrets(), &from_callee),
        Direction::ToCaller
    );
}

#[test]
fn live_flows_win_and_dead_ones_behind_nat_are_not_dialled() {
    let hop = |side: Option<Side>, live: bool| token(None, side).hop(Direction::ToCallee, |_| live);
    let phone = udp("192.0.2.7:5062", true, true);
    assert_eq!(hop(Some(phone), false), DialogHop::Flow(phone.flow));
    assert_eq!(
        hop(Some(udp("192.0.2.7:5062", false, false)), true),
        DialogHop::Uri
    );
    assert_eq!(hop(None, true), DialogHop::Uri);
    let (natted, open) = (tcp("192.0.2.7:5062", true), tcp("192.0.2.7:5062", false));
    assert_eq!(hop(Some(natted), true), DialogHop::Flow(natted.flow));
    assert_eq!(hop(Some(natted), false), DialogHop::Dead);
    assert_eq!(hop(Some(open), false), DialogHop::Uri);
}

#[test]
fn only_what_may_make_a_dialog_is_record_routed() {
    let contact = "Contact: <sip:caller@u1.example.com>\n";
    for (method, lines, expected) in [
        ("INVITE", "", true),
        ("SUBSCRIBE", "", true),
        ("REFER", "", true),
        ("MESSAGE", contact, false),
        ("OPTIONS", contact, false),
        ("REGISTER", contact, false),
        ("FROBNICATE", contact, true),
        ("FROBNICATE", "", false),
    ] {
        assert_eq!(
            is_record_routed(&request(method, "sip:x@h", lines)),
            expected,
            "{method}"
        );
    }
    let inside = parse(
        "INVITE sip:x@h SIP/2.0\nVia: SIP/2.0/UDP u2;branch=z9hG4bK2\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>;tag=2\n\
         Call-ID: c\nCSeq: 2 INVITE\n\n",
    );
    assert!(!is_record_routed(&inside));
}

proptest! {
    #[test]
    fn reading_any_text_is_harmless(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(RecordRouteToken::parse(&secrets(), &text, CALL_ID).is_err());
    }
}
