//! Tests of [`Edits`].

use super::*;
use crate::Limits;

const REQUEST: &str = "INVITE sip:bob@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
    Route: <sip:a;lr>, <sip:b;lr> , <sip:c;lr>\r\n\
    From: <sip:alice@example.com>;tag=1\r\n\
    To: <sip:bob@example.com>\r\n\
    Call-ID: x\r\nCSeq: 1 INVITE\r\n\
    Max-Forwards: 70\r\nSubject:\r\n\r\nbody";

fn message() -> Message {
    Message::parse(REQUEST.as_bytes().to_vec(), &Limits::default()).expect("valid")
}

fn edited(edit: impl FnOnce(&Message, &mut Edits)) -> String {
    let message = message();
    let mut edits = Edits::new();
    edit(&message, &mut edits);
    let mut out = Vec::new();
    edits.write(&message, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn without_edits_the_octets_stay() {
    assert_eq!(edited(|_, _| {}), REQUEST);
}

#[test]
fn a_proxy_changes_only_what_it_names() {
    let out = edited(|message, edits| {
        edits.set_number(message, HeaderName::MaxForwards, 69);
        edits.set_request_uri(message, b"sip:bob@192.0.2.9:5070");
        edits.insert_first(message, HeaderName::RecordRoute, |out| {
            out.extend_from_slice(b"<sip:p;lr>")
        });
        edits.insert_first(message, HeaderName::Via, |out| {
            out.extend_from_slice(b"SIP/2.0/UDP p;branch=z9hG4bK2")
        });
        edits.insert_at(message.via().sent_by_end(), b";received=192.0.2.7");
        edits.ensure_content_length(message);
    });
    let expected = REQUEST
        .replace("sip:bob@example.com SIP", "sip:bob@192.0.2.9:5070 SIP")
        .replace("Via: SIP/2.0/UDP 192.0.2.1;", "Via: SIP/2.0/UDP p;branch=z9hG4bK2\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/UDP 192.0.2.1;received=192.0.2.7;")
        .replace("Forwards: 70", "Forwards: 69")
        .replace("Subject:\r\n", "Subject:\r\nContent-Length: 4\r\n");
    assert_eq!(out, expected);
}

#[test]
fn content_length_follows_every_change_of_the_body() {
    let twice = |message: &Message, edits: &mut Edits| {
        let start = message.as_bytes().len() - 4;
        edits.replace_in_body(message, start..start + 1, b"BBB");
        edits.replace_in_body(message, start + 4..start + 4, b"\r\n");
    };
    let expected = REQUEST
        .replace("Subject:\r\n", "Subject:\r\nContent-Length: 8\r\n")
        .replace("\r\n\r\nbody", "\r\n\r\nBBBody\r\n");
    assert_eq!(edited(twice), expected);
    let known = |length: &str| {
        REQUEST.replace("Subject:", &format!("Content-Length: {length}\r\nSubject:"))
    };
    let message = Message::parse(known("4").into_bytes(), &Limits::default()).expect("valid");
    let mut edits = Edits::new();
    twice(&message, &mut edits);
    let mut out = Vec::new();
    edits.write(&message, &mut out);
    let changed = known("8").replace("\r\n\r\nbody", "\r\n\r\nBBBody\r\n");
    assert_eq!(String::from_utf8_lossy(&out), changed);
    edits.set_body(&message, b"text/plain", b"first");
    edits.set_body(&message, b"text/x", b"x");
    out.clear();
    edits.write(&message, &mut out);
    let changed = known("1")
        .replace("Subject:\r\n", "Subject:\r\nContent-Type: text/x\r\n")
        .replace("\r\n\r\nbody", "\r\n\r\nx");
    assert_eq!(String::from_utf8_lossy(&out), changed);
}

#[test]
fn lines_at_one_place_stand_in_their_order() {
    let out = edited(|message, edits| {
        edits.insert_lines(message.header_start(), b"A: 1\r\n");
        edits.insert_lines(message.header_start(), b"B: 1\r\n");
        edits.prepend_lines(message, |out| out.extend_from_slice(b"C: 1\r\n"));
        assert!(edits.touches(&(message.header_start()..message.header_start() + 1)));
        assert!(!edits.touches(&(0..5)));
    });
    let expected = REQUEST.replacen("Via:", "C: 1\r\nA: 1\r\nB: 1\r\nVia:", 1);
    assert_eq!(out, expected);
}

#[test]
fn list_items_go_with_their_comma_and_the_last_with_its_line() {
    let without = |remove: &[usize]| {
        edited(|message, edits| {
            let routes: Vec<_> = message
                .routes()
                .filter_map(Result::ok)
                .map(|route| route.range)
                .collect();
            for &index in remove {
                edits.remove_list_item(message, routes[index].clone());
            }
        })
    };
    let line = |text: &str| REQUEST.replace("Route: <sip:a;lr>, <sip:b;lr> , <sip:c;lr>\r\n", text);
    assert_eq!(without(&[0]), line("Route: <sip:b;lr> , <sip:c;lr>\r\n"));
    assert_eq!(without(&[1]), line("Route: <sip:a;lr> , <sip:c;lr>\r\n"));
    assert_eq!(without(&[2]), line("Route: <sip:a;lr>, <sip:b;lr>\r\n"));
    assert_eq!(without(&[0, 1]), line("Route: <sip:c;lr>\r\n"));
    assert_eq!(without(&[2, 0]), line("Route: <sip:b;lr>\r\n"));
    assert_eq!(without(&[1, 2]), line("Route: <sip:a;lr>\r\n"));
    assert_eq!(without(&[2, 0, 1]), line(""));
}

#[test]
fn line_breaks_of_a_value_do_not_reach_the_wire() {
    let out = edited(|message, edits| {
        edits.append(message, b"X-Test", b"a\r\nRoute: <sip:evil>\0");
        let subject = message
            .header(HeaderName::Subject)
            .map_or(0, |header| header.index);
        edits.replace_value(message, subject, b"hello\nworld");
    });
    assert!(out.contains("X-Test: a  Route: <sip:evil> \r\n\r\nbody"));
    assert!(out.contains("Subject: hello world\r\n"));
}

#[test]
fn an_edit_inside_a_removed_line_is_void() {
    let out = edited(|message, edits| {
        let via = message.header(HeaderName::Via).expect("there");
        edits.insert_at(message.via().sent_by_end(), b";rport=1");
        edits.remove(message, &via);
        edits.insert_first(message, HeaderName::Via, |out| {
            out.extend_from_slice(b"SIP/2.0/UDP q")
        });
    });
    assert_eq!(
        out,
        REQUEST.replace(
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            "Via: SIP/2.0/UDP q"
        )
    );
}

#[test]
fn a_new_body_brings_type_and_length() {
    let out = edited(|message, edits| edits.set_body(message, b"text/plain", b"hello"));
    assert!(
        out.ends_with("Subject:\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
    );
}
