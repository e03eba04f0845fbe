//! `message`: octets to a message and back (RFC 3261 §7, §8.1.1, §8.2.6, §16.6).
//!
//! * The lines of the header fields lie side by side from the start line to the empty line; every range is inside them.
//! * Reading the octets again, or what a builder writes of the fields, gives the same message.
//! * Changes that a proxy makes leave a message that is read again, with what was not touched unchanged.
//! * What answers a request is read again and belongs to it, also if the request was refused.

use std::net::SocketAddr;

use strowger_sip::{
    Edits, Header, HeaderName, Limits, Message, MessageBuilder, Method, ParseFailure, StatusCode,
    write_response,
};

use crate::Verdict;
use crate::random::Random;

/// Room for what is added to a message that was as long as it may be.
pub(crate) fn roomy() -> Limits {
    Limits {
        message_octets_max: 1 << 20,
        headers_max: 10_000,
        header_octets_max: 1 << 20,
        uri_octets_max: 1 << 20,
        parameters_max: 10_000,
        ..Limits::default()
    }
}

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let message = match Message::parse(input.to_vec(), &Limits::default()) {
        Ok(message) => message,
        Err(failure) => return refused(input, &failure),
    };
    let octets = message.as_bytes();
    let begins = input
        .iter()
        .position(|octet| !matches!(octet, b'\r' | b'\n'));
    let received = &input[begins.expect("a message is not empty")..];
    assert!(
        received.starts_with(octets),
        "octets that were not received"
    );
    index_is_sound(&message);
    let again = Message::parse(octets.to_vec(), &Limits::default()).expect("it was read before");
    assert_same(&message, &again);
    let shared = Message::parse_shared(input.to_vec(), &Limits::default());
    assert_same(&message, &shared.expect("the same reader"));
    is_rebuilt(&message);
    if message.is_request() {
        is_answered(&message, StatusCode::OK, true);
    }
    // What stands in the message decides what is done to it, so that an input always does the same.
    is_edited(&message, &mut Random::of(octets));
    Verdict::Read
}

/// A request that is refused can be answered if it says where to; the answer is read if what it copies was sound.
fn refused(input: &[u8], failure: &ParseFailure) -> Verdict {
    assert!(!failure.error.to_string().is_empty());
    if let Some((request, status)) = failure.answer() {
        assert!(status.get() >= 400);
        assert!(!input.is_empty());
        is_answered(request, status, false);
    }
    Verdict::Refused
}

/// Lines, names and values lie where they should, and look-ups find what a walk finds.
pub(crate) fn index_is_sound(message: &Message) {
    let octets = message.as_bytes();
    let mut at = message.header_start();
    assert!(octets[..at].ends_with(b"\r\n"));
    for (place, header) in message.headers().enumerate() {
        assert_eq!(header.index, place);
        assert_eq!(header.line.start, at, "lines lie side by side");
        at = header.line.end;
        assert!(octets[header.line.clone()].ends_with(b"\r\n"));
        let value = &header.value_range;
        assert!(header.line.start <= value.start && value.end <= header.line.end);
        assert_eq!(&octets[value.clone()], header.value);
        assert!(octets[header.line.clone()].starts_with(header.name_raw));
        assert_eq!(HeaderName::from_bytes(header.name_raw), header.name);
        let is_lws = |octet: Option<&u8>| octet.is_some_and(|octet| b" \t\r\n".contains(octet));
        assert!(!is_lws(header.value.first()) && !is_lws(header.value.last()));
        line_breaks_are_folds(&octets[header.line.start..header.line.end - 2]);
    }
    assert_eq!(at, message.header_end());
    assert_eq!(octets.get(at..at + 2), Some(&b"\r\n"[..]), "the empty line");
    assert_eq!(message.header_count(), message.headers().count());
    assert_eq!(message.body(), &octets[at + 2..]);
    assert!(
        message
            .content_length()
            .is_none_or(|said| said == message.body().len())
    );
    for &name in HeaderName::ALL {
        let walked = || message.headers().filter(move |header| header.name == name);
        assert_eq!(message.has_header(name), walked().next().is_some());
        let first = message.header(name).map(|header| header.index);
        assert_eq!(first, walked().next().map(|header| header.index));
        assert_eq!(message.headers_named(name).count(), walked().count());
        let by_text = message.header_raw_name(name.as_str().as_bytes());
        assert_eq!(by_text.map(|header| header.index), first);
    }
}

fn line_breaks_are_folds(line: &[u8]) {
    for (at, octet) in line.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(line.get(at + 1), Some(&b'\n')),
            b'\n' => {
                assert!(at > 0 && line[at - 1] == b'\r');
                assert!(matches!(line.get(at + 1), Some(b' ' | b'\t')));
            }
            _ => {}
        }
    }
}

/// Equal octets, equal fields.
pub(crate) fn assert_same(a: &Message, b: &Message) {
    assert_eq!(a.as_bytes(), b.as_bytes());
    assert_eq!((a.is_request(), a.status()), (b.is_request(), b.status()));
    assert_eq!(a.method(), b.method());
    assert_eq!((a.request_uri(), a.reason()), (b.request_uri(), b.reason()));
    assert_eq!((a.call_id(), a.cseq()), (b.call_id(), b.cseq()));
    assert_eq!((a.from_tag(), a.to_tag()), (b.from_tag(), b.to_tag()));
    assert_eq!(
        (a.branch(), a.max_forwards()),
        (b.branch(), b.max_forwards())
    );
    assert_eq!((a.from().uri, a.to().uri), (b.from().uri, b.to().uri));
    assert_eq!(a.body(), b.body());
    let lines = |message: &Message| -> Vec<_> { message.headers().map(|one| one.line).collect() };
    assert_eq!(lines(a), lines(b));
}

/// The value with its folds as single spaces, which is what a builder makes of CR LF.
fn unfolded(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .map(|octet| match octet {
            b'\r' | b'\n' => b' ',
            other => *other,
        })
        .collect()
}

/// A builder that is given the fields writes a message with the same fields.
fn is_rebuilt(message: &Message) {
    let mut builder = match message.status() {
        None => MessageBuilder::request(message.method(), message.request_uri()),
        Some(status) => MessageBuilder::response(status, Some(message.reason())),
    };
    let kept = |header: &Header<'_>| header.name != HeaderName::ContentLength;
    let has_nul = message.headers().any(|header| header.value.contains(&0));
    for header in message.headers().filter(kept) {
        builder.push_header(header.name_raw, header.value);
    }
    let mut octets = builder.finish();
    // The body would bring a Content-Type of its own.
    let length = format!("Content-Length: {}\r\n\r\n", message.body().len());
    let head = octets.len() - b"Content-Length: 0\r\n\r\n".len();
    octets.truncate(head);
    octets.extend_from_slice(length.as_bytes());
    octets.extend_from_slice(message.body());
    let built = match Message::parse(octets, &roomy()) {
        Ok(built) => built,
        // NUL is allowed in a quoted pair, and a builder writes a space for it.
        Err(_) if has_nul => return,
        Err(failure) => panic!("what was built is refused: {failure}"),
    };
    assert_eq!(built.method(), message.method());
    assert_eq!(built.request_uri(), message.request_uri());
    assert_eq!(
        (built.status(), built.body()),
        (message.status(), message.body())
    );
    assert_eq!(built.cseq(), message.cseq());
    let mut written = built.headers();
    for header in message.headers().filter(kept) {
        let other = written.next().expect("every field was written");
        assert_eq!(other.name_raw, header.name_raw);
        if !has_nul {
            assert_eq!(other.value, unfolded(header.value));
        }
    }
}

/// The answer to a request: it has the Vias, Call-ID, CSeq and From of the request (§8.2.6.2).
fn is_answered(request: &Message, status: StatusCode, is_sound: bool) {
    let source: SocketAddr = "[2001:db8::7]:5062".parse().expect("an address");
    let mut out = Vec::new();
    let tag = Some(&b"t"[..]);
    write_response(
        &mut out,
        request,
        source,
        status,
        None,
        tag,
        b"X-A: b\r\n",
        None,
    );
    let response = match Message::parse(out, &roomy()) {
        Ok(response) => response,
        // What was broken in the request is copied.
        Err(_) if !is_sound => return,
        Err(failure) => panic!("an answer that cannot be read: {failure}"),
    };
    assert_eq!(response.status(), Some(status));
    assert!(response.to_tag().is_some());
    assert!(response.header_raw_name(b"x-a").is_some());
    if !is_sound {
        return;
    }
    index_is_sound(&response);
    assert_eq!(response.call_id(), request.call_id());
    assert_eq!(response.cseq(), request.cseq());
    assert_eq!(response.from_tag(), request.from_tag());
    assert_eq!(response.branch(), request.branch());
    assert_eq!(response.vias().count(), request.vias().count());
    if request.method() != Method::Register {
        assert_eq!(
            response.record_routes().count(),
            match request.to_tag() {
                Some(_) => 0,
                None => request.record_routes().count(),
            }
        );
    }
}

/// What no proxy removes; without them a message is not one.
fn is_needed(name: HeaderName) -> bool {
    use HeaderName::{CSeq, CallId, ContentLength, From, To, Via};
    matches!(name, Via | From | To | CallId | CSeq | ContentLength)
}

/// Some changes, as the octets decide; the result is read again and has them.
fn is_edited(message: &Message, random: &mut Random) {
    let mut edits = Edits::new();
    let mut touched = vec![false; message.header_count()];
    let (mut appended, mut removed) = (0, 0);
    let is_ours = |header: &Header<'_>| header.name_raw == b"X-Added";
    let (mut body, mut marked) = (None, false);
    for _ in 0..1 + random.below(6) {
        let place = random.below(message.header_count().max(1));
        let Some(header) = message.header_at(place) else {
            continue;
        };
        match random.below(7) {
            0 => {
                edits.append(message, b"X-Added", b"one\r\ntwo: three");
                appended += 1;
            }
            1 if !is_needed(header.name) && !touched[place] => {
                edits.remove(message, &header);
                removed += usize::from(is_ours(&header));
                touched[place] = true;
            }
            2 if !is_needed(header.name) && !touched[place] => {
                edits.replace_value(message, place, b"new\r\nEvil: yes");
                touched[place] = true;
            }
            3 if message.is_request() && !marked => {
                edits.mark_source(message, "192.0.2.9:6000".parse().expect("an address"));
                marked = true;
            }
            4 => edits.prepend_lines(message, |out| out.extend_from_slice(b"X-Top: 1\r\n")),
            5 if body.is_none() => {
                let new: &[u8] = b"v=0\r\n\r\nINVITE ";
                edits.set_body(message, b"text/plain", new);
                body = Some(new);
                // Its type and length are changed with it.
                for other in message.headers() {
                    if matches!(
                        other.name,
                        HeaderName::ContentType | HeaderName::ContentLength
                    ) {
                        touched[other.index] = true;
                    }
                }
            }
            6 => removes_route(message, &mut edits, &mut touched),
            _ => {}
        }
    }
    let mut out = Vec::new();
    edits.write(message, &mut out);
    let changed = Message::parse(out, &roomy()).unwrap_or_else(|failure| {
        panic!("what was edited is refused: {failure}");
    });
    index_is_sound(&changed);
    for name in [&b"Evil"[..], b"two"] {
        let smuggled = changed.header_raw_name(name).is_some();
        assert!(!smuggled || message.header_raw_name(name).is_some());
    }
    let added = |message: &Message| message.headers().filter(is_ours).count();
    assert_eq!(added(&changed) + removed, added(message) + appended);
    assert_eq!(changed.body(), body.unwrap_or(message.body()));
    assert_eq!(changed.method(), message.method());
    assert_eq!(
        (changed.call_id(), changed.cseq()),
        (message.call_id(), message.cseq())
    );
    // Whatever was not named stands there as it came.
    let mut rest = changed.headers();
    for header in message.headers().filter(|one| !touched[one.index]) {
        let is_top_via = header.name == HeaderName::Via;
        assert!(
            rest.any(
                |one| one.name_raw == header.name_raw && (is_top_via || one.value == header.value)
            ),
            "a field that was not touched is gone: {}",
            header.value.escape_ascii()
        );
    }
}

fn removes_route(message: &Message, edits: &mut Edits, touched: &mut [bool]) {
    let Some(Ok(route)) = message.routes().next() else {
        return;
    };
    let line = message
        .headers()
        .find(|header| header.line.contains(&route.range.start))
        .map(|header| header.index);
    if let Some(line) = line.filter(|&line| !touched[line]) {
        edits.remove_list_item(message, route.range);
        touched[line] = true;
    }
}
