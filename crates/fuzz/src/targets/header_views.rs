//! `header_views`: the value of a header field, as every typed view reads it (RFC 3261 §7.3.1, §20).
//!
//! * What a view shows lies in the value; the part it says it was read from gives the same view again.
//! * A view of a whole message shows what the view of the value alone shows, in whichever field it stands.
//! * Lists are cut where they are cut again.

use strowger_sip::{
    CSeq, Contact, HeaderName, Limits, ListItems, MediaType, Message, NameAddr, RAck, Replaces,
    TokenParams, Via, parse_date, unquote, write_date, write_quoted,
};

use super::uri::is_sound;
use crate::Verdict;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let alone = [
        via(input),
        address(input),
        small_views(input),
        list(input),
        quoting(input),
    ];
    let placed = HEADERS
        .iter()
        .filter(|name| in_message(**name, input))
        .count();
    match (alone.contains(&true), placed) {
        (false, 0) => Verdict::Refused,
        (_, 0..10) => Verdict::Read,
        _ => Verdict::Deep,
    }
}

/// Where the value is put.
const HEADERS: &[HeaderName] = &[
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Path,
    HeaderName::MaxForwards,
    HeaderName::Expires,
    HeaderName::ContentType,
    HeaderName::Require,
    HeaderName::ReferTo,
];

fn lies_in(part: &[u8], whole: &[u8]) {
    let (start, end) = (
        whole.as_ptr() as usize,
        whole.as_ptr() as usize + whole.len(),
    );
    let at = part.as_ptr() as usize;
    assert!(part.is_empty() || (start <= at && at + part.len() <= end));
}

fn via(input: &[u8]) -> bool {
    let Ok(via) = Via::parse(input) else {
        return false;
    };
    lies_in(via.params.as_bytes(), input);
    lies_in(via.branch().unwrap_or_default(), input);
    assert!(via.range.end <= input.len());
    assert!((via.range.start..=via.range.end).contains(&via.sent_by_end()));
    let again = Via::parse(&input[via.range.clone()]).expect("the part that was read");
    same_via(&via, &again);
    assert!(via.ttl().is_none() || via.params.has(b"ttl"));
    let branch = via
        .params
        .value(b"branch")
        .filter(|value| !value.is_empty());
    assert_eq!(via.branch().is_some(), branch.is_some());
    let _ = (via.sent_by_port_or_default(), via.has_unique_branch());
    true
}

fn same_via(a: &Via<'_>, b: &Via<'_>) {
    assert_eq!(a.transport_token, b.transport_token);
    assert_eq!((a.host(), a.port), (b.host(), b.port));
    assert_eq!(a.params.as_bytes(), b.params.as_bytes());
    assert_eq!((a.branch(), a.received()), (b.branch(), b.received()));
    assert_eq!((a.rport(), a.maddr()), (b.rport(), b.maddr()));
}

fn address(input: &[u8]) -> bool {
    if let Ok(contact) = Contact::parse(input) {
        assert!(contact.q() <= 1000);
        let _ = contact.expires();
    }
    let Ok(address) = NameAddr::parse(input) else {
        return false;
    };
    for part in [address.display_name, address.uri, address.params.as_bytes()] {
        lies_in(part, input);
    }
    assert_eq!(&input[address.uri_range()], address.uri);
    let again = NameAddr::parse(&input[address.range.clone()]).expect("the part that was read");
    same_address(&address, &again);
    if let Ok(uri) = address.uri_parsed() {
        is_sound(&uri);
        // Written as we would write it: in brackets, with the name in quotes.
        let mut out = Vec::new();
        let name = address.display_name_unquoted();
        write_quoted(&mut out, &name);
        out.extend_from_slice(b" <");
        out.extend_from_slice(address.uri);
        out.extend_from_slice(b">");
        out.extend_from_slice(address.params.as_bytes());
        let written = NameAddr::parse(&out).expect("what is written is read");
        assert_eq!((written.uri, written.tag()), (address.uri, address.tag()));
        assert_eq!(written.params.as_bytes(), address.params.as_bytes());
    }
    true
}

fn same_address(a: &NameAddr<'_>, b: &NameAddr<'_>) {
    assert_eq!((a.display_name, a.uri), (b.display_name, b.uri));
    assert_eq!(a.params.as_bytes(), b.params.as_bytes());
    assert_eq!((a.tag(), a.bracketed), (b.tag(), b.bracketed));
}

fn small_views(input: &[u8]) -> bool {
    let mut read = false;
    if let Ok(media) = MediaType::parse(input) {
        assert!(media.is(media.kind, media.subtype) && media.covers(media.kind, media.subtype));
        read = true;
    }
    if let Ok(value) = TokenParams::parse(input) {
        lies_in(value.token, input);
        assert!(!value.token.is_empty());
        read = true;
    }
    if let Ok(cseq) = CSeq::parse(input) {
        let written = [
            format!("{} ", cseq.number).as_bytes(),
            cseq.method.as_bytes(),
        ]
        .concat();
        assert_eq!(CSeq::parse(&written), Ok(cseq));
        read = true;
    }
    if let Ok(rack) = RAck::parse(input) {
        let cseq = rack.cseq;
        let head = format!("{} {} ", rack.rseq, cseq.number);
        assert_eq!(
            RAck::parse(&[head.as_bytes(), cseq.method.as_bytes()].concat()),
            Ok(rack)
        );
        read = true;
    }
    if let Ok(replaces) = Replaces::parse(input) {
        lies_in(replaces.call_id, input);
        read = true;
    }
    if let Ok(date) = parse_date(input) {
        let mut written = Vec::new();
        write_date(&mut written, date);
        assert_eq!(parse_date(&written), Ok(date));
        read = true;
    }
    read
}

fn list(input: &[u8]) -> bool {
    let mut items = ListItems::new(input);
    let mut at = 0;
    let mut count = 0;
    while let Some(range) = items.next_range() {
        assert!(at <= range.start && range.start < range.end && range.end <= input.len());
        at = range.end;
        count += 1;
        let item = &input[range];
        let again: Vec<&[u8]> = ListItems::new(item).collect();
        assert_eq!(again, [item], "an item is not a list");
    }
    count > 1
}

fn quoting(input: &[u8]) -> bool {
    let mut out = Vec::new();
    write_quoted(&mut out, input);
    let plain: Vec<u8> = input
        .iter()
        .map(|octet| {
            if b"\r\n\0".contains(octet) {
                b' '
            } else {
                *octet
            }
        })
        .collect();
    assert_eq!(*unquote(&out), *plain, "a text does not survive its quotes");
    input.first() == Some(&b'"') && unquote(input).len() + 2 <= input.len()
}

/// The value in a field of an otherwise sound request; true if that is one.
fn in_message(name: HeaderName, value: &[u8]) -> bool {
    let mut octets = b"REFER sip:b@h SIP/2.0\r\n".to_vec();
    for (field, own) in [
        (HeaderName::Via, &b"SIP/2.0/UDP c;branch=z9hG4bK1"[..]),
        (HeaderName::From, b"<sip:a@h>;tag=1"),
        (HeaderName::To, b"<sip:b@h>"),
        (HeaderName::CallId, b"c"),
        (HeaderName::CSeq, b"1 REFER"),
    ] {
        let value = if field == name { value } else { own };
        line(&mut octets, field, value);
    }
    if !HEADERS[..5].contains(&name) {
        line(&mut octets, name, value);
    }
    octets.extend_from_slice(b"\r\n");
    let Ok(message) = Message::parse(octets, &Limits::default()) else {
        return false;
    };
    // A value that ends its line and begins another is another message.
    let Some(header) = message.header(name).filter(|_| message.header_count() <= 6) else {
        return false;
    };
    if name == HeaderName::Contact {
        super::message::index_is_sound(&message);
    }
    let value = header.value;
    if let (HeaderName::Via, Ok(view)) = (name, Via::parse(value)) {
        same_via(&view, &message.via());
    }
    for (field, parsed) in [
        (HeaderName::From, message.from()),
        (HeaderName::To, message.to()),
    ] {
        if field == name {
            same_address(
                &NameAddr::parse(value).expect("the message was read"),
                &parsed,
            );
        }
    }
    if name == HeaderName::CSeq {
        assert_eq!(CSeq::parse(value), Ok(message.cseq()));
    }
    values_are_items(&message, name, value);
    let _ = (
        message.max_forwards(),
        message.expires(),
        message.content_type().map(|it| it.is_ok()),
    );
    true
}

fn line(out: &mut Vec<u8>, name: HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The walk over values: ranges rise, and each gives its view alone.
fn values_are_items(message: &Message, name: HeaderName, value: &[u8]) {
    let octets = message.as_bytes();
    let mut at = 0;
    let mut walk: Vec<(core::ops::Range<usize>, &[u8])> = Vec::new();
    match name {
        HeaderName::Via => {
            for via in message.vias().flatten() {
                walk.push((via.range.clone(), via.params.as_bytes()));
            }
        }
        HeaderName::Contact => {
            for contact in message.contacts().flatten() {
                if let Some(address) = contact.address() {
                    walk.push((address.range.clone(), address.uri));
                }
            }
        }
        HeaderName::Route | HeaderName::RecordRoute | HeaderName::Path | HeaderName::ReferTo => {
            for address in message.addresses(name).flatten() {
                walk.push((address.range.clone(), address.uri));
            }
        }
        HeaderName::Require => {
            for tag in message.option_tags(name) {
                lies_in(tag, value);
            }
        }
        _ => {}
    }
    for (range, part) in walk {
        assert!(at <= range.start && range.start < range.end && range.end <= octets.len());
        at = range.end;
        lies_in(part, &octets[range]);
    }
}
