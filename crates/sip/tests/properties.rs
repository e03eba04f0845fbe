//! Properties that hold for any octets: no panic, no change without edits, edits as a naive rewrite would make them.

use std::path::PathBuf;

use proptest::prelude::*;
use strowger_sip::{
    Challenge, Contact, Credentials, Edits, HeaderName, Limits, MediaType, Message, MessageBuilder,
    Method, NameAddr, RAck, Replaces, StatusCode, StreamFramer, TokenParams, Uri, Via, parse_date,
    write_response,
};

/// Reads everything that can be read of a message.
fn visit(message: &Message) {
    let _ = (
        message.method(),
        message.request_uri(),
        message.reason(),
        message.body(),
        message.content_type(),
    );
    let _ = (
        message.via().rport(),
        message.via().received(),
        message.via().maddr(),
        message.via().ttl(),
    );
    let _ = (
        message.from().uri_parsed().is_ok(),
        message.to().display_name_unquoted(),
        message.cseq(),
    );
    let _ = (
        message.max_forwards(),
        message.expires(),
        message.retry_after(),
        message.accepts(b"text", b"plain"),
    );
    let mut canonical = Vec::new();
    for address in message
        .routes()
        .chain(message.record_routes())
        .chain(message.paths())
        .flatten()
    {
        if let Ok(uri) = address.uri_parsed() {
            uri.write_address_of_record(&mut canonical);
            assert!(
                uri.equivalent(&uri) || !uri.is_sip(),
                "{}",
                address.uri.escape_ascii()
            );
        }
    }
    for contact in message.contacts().flatten() {
        let _ = (contact.q(), contact.expires());
    }
    let _ = message.vias().count() + message.option_tags(HeaderName::Require).count();
    for header in message.headers() {
        views(header.value);
        assert_eq!(
            &message.as_bytes()[header.value_range.clone()],
            header.value
        );
    }
    let mut out = Vec::new();
    let source = "[2001:db8::1]:5060".parse().expect("address");
    write_response(
        &mut out,
        message,
        source,
        StatusCode::BAD_REQUEST,
        None,
        Some(b"t"),
        b"",
        None,
    );
    let _ = format!("{message:?}");
}

/// Every reader of a single value.
fn views(octets: &[u8]) {
    let _ = (
        Via::parse(octets),
        NameAddr::parse(octets),
        Contact::parse(octets),
        Uri::parse(octets),
    );
    let _ = (
        Challenge::parse(octets),
        Credentials::parse(octets),
        MediaType::parse(octets),
        parse_date(octets),
    );
    let _ = (
        TokenParams::parse(octets),
        RAck::parse(octets),
        Replaces::parse(octets),
    );
}

/// What parsing decoded is what the typed views make of the values.
fn agrees_with_views(message: &Message) {
    let value = |name| message.header(name).expect("mandatory").value;
    let via = Via::parse(value(HeaderName::Via));
    if let Ok(via) = via {
        assert_eq!(
            (message.via().branch(), message.via().port),
            (via.branch(), via.port)
        );
        assert_eq!(message.via().params.as_bytes(), via.params.as_bytes());
        assert_eq!(message.via().host(), via.host());
    }
    for (parsed, name) in [
        (message.from(), HeaderName::From),
        (message.to(), HeaderName::To),
    ] {
        let view = NameAddr::parse(value(name)).expect("valid");
        assert_eq!(
            (parsed.uri, parsed.tag(), parsed.display_name),
            (view.uri, view.tag(), view.display_name)
        );
        assert_eq!(parsed.params.as_bytes(), view.params.as_bytes());
    }
    assert_eq!(
        strowger_sip::CSeq::parse(value(HeaderName::CSeq)),
        Ok(message.cseq())
    );
    assert_eq!(message.call_id(), value(HeaderName::CallId));
    for octets in message
        .headers()
        .map(|header| &message.as_bytes()[header.line.start..header.line.end - 2])
    {
        // Every CR and LF belongs to a fold.
        for (at, octet) in octets.iter().enumerate() {
            match octet {
                b'\r' => assert_eq!(octets.get(at + 1), Some(&b'\n')),
                b'\n' => assert!(
                    at > 0
                        && octets[at - 1] == b'\r'
                        && matches!(octets.get(at + 1), Some(b' ' | b'\t'))
                ),
                _ => {}
            }
        }
    }
}

fn parse_and_visit(octets: Vec<u8>) {
    match Message::parse(octets, &Limits::default()) {
        Ok(message) => {
            visit(&message);
            agrees_with_views(&message);
            let again = Message::parse(message.as_bytes().to_vec(), &Limits::default())
                .expect("its own octets");
            assert_eq!(again.as_bytes(), message.as_bytes());
            let mut out = Vec::new();
            Edits::new().write(&message, &mut out);
            assert_eq!(out, message.as_bytes());
        }
        Err(failure) => {
            let _ = failure.to_string();
            if let Some(message) = &failure.message {
                visit(message);
            }
        }
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut files: Vec<PathBuf> = ["rfc4475", "rfc5118", "bench"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(fixtures.join(folder)).expect("fixtures"))
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| std::fs::read(file).expect("readable"))
        .collect()
}

fn base() -> Message {
    let octets = MessageBuilder::request(Method::Invite, b"sip:b@example.com")
        .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
        .header(HeaderName::Route, "<sip:a;lr>,<sip:b;lr>")
        .header(HeaderName::From, "<sip:a@example.com>;tag=1")
        .header(HeaderName::To, "<sip:b@example.com>")
        .header(HeaderName::CallId, "c")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::MaxForwards, "70")
        .header("X-Unknown", "x")
        .body("application/sdp", "v=0\r\n")
        .finish();
    Message::parse(octets, &Limits::default()).expect("valid")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_read_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        views(&octets);
        parse_and_visit(octets);
    }

    #[test]
    fn mutated_messages_are_read_without_panic(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..4, prop::sample::select(b"\r\n\0 \t:;,<>\"\\@[]%=?/aZ09\xff".to_vec())), 1..12),
    ) {
        let corpus = corpus();
        let mut octets = corpus[pick.index(corpus.len())].clone();
        for (place, kind, octet) in changes {
            let at = place.index(octets.len());
            match kind {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                2 if octets.len() > 1 => { octets.remove(at); }
                _ => octets.truncate(at.max(1)),
            }
        }
        parse_and_visit(octets);
    }

    #[test]
    fn a_framer_gives_the_same_messages_for_any_split(splits in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let corpus = corpus();
        let stream: Vec<u8> = corpus.iter().filter(|octets| octets.starts_with(b"REGISTER")).flatten().copied().collect();
        let frames = |cuts: &[usize]| {
            let mut framer = StreamFramer::new(&Limits::default());
            let mut frames = Vec::new();
            let mut from = 0;
            for &cut in cuts.iter().chain([&stream.len()]) {
                framer.push(&stream[from..cut]);
                from = cut;
                while let Ok(Some(frame)) = framer.next_frame() {
                    frames.push(frame);
                }
            }
            frames.retain(|frame| matches!(frame, strowger_sip::Frame::Message(_)));
            frames
        };
        let mut cuts: Vec<usize> = splits.iter().map(|place| place.index(stream.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(frames(&cuts), frames(&[]));
    }

    #[test]
    fn edits_equal_a_naive_rewrite(
        ranges in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[a-z]{0,6}"), 0..10),
    ) {
        let message = base();
        let octets = message.as_bytes();
        // Ranges that do not overlap and do not share a start, in any order of calls.
        let mut taken: Vec<(usize, usize, String)> = Vec::new();
        for (place, len, text) in ranges {
            let start = place.index(octets.len());
            let end = (start + len).min(octets.len());
            if taken.iter().all(|&(from, to, _)| end < from || to < start) {
                taken.push((start, end, text));
            }
        }
        let mut edits = Edits::new();
        for (start, end, text) in &taken {
            edits.replace_range(*start..*end, text.as_bytes());
        }
        let mut out = Vec::new();
        edits.write(&message, &mut out);
        let mut naive = octets.to_vec();
        taken.sort();
        for (start, end, text) in taken.iter().rev() {
            naive.splice(*start..*end, text.bytes());
        }
        prop_assert_eq!(out, naive);
    }

    #[test]
    fn what_edits_write_parses_with_the_values_given(
        value in "[ -~]{0,20}", hops in 0_u32..256, user in "[a-z]{1,8}", remove in any::<bool>(),
    ) {
        let message = base();
        let mut edits = Edits::new();
        let uri = format!("sip:{user}@192.0.2.9");
        edits.set_request_uri(&message, uri.as_bytes());
        edits.set_number(&message, HeaderName::MaxForwards, hops);
        edits.append(&message, b"X-Value", value.as_bytes());
        edits.insert_first(&message, HeaderName::Via, |out| out.extend_from_slice(b"SIP/2.0/TCP p;branch=z9hG4bK2"));
        if remove {
            let first = message.routes().next().expect("there").expect("valid");
            edits.remove_list_item(&message, first.range);
        }
        let mut out = Vec::new();
        edits.write(&message, &mut out);
        let written = Message::parse(out, &Limits::default()).expect("valid");
        prop_assert_eq!(written.request_uri(), uri.as_bytes());
        prop_assert_eq!(written.max_forwards(), Ok(Some(hops)));
        let kept = written.header_raw_name(b"x-value").map(|header| header.value.to_vec());
        prop_assert_eq!(kept, Some(value.trim().as_bytes().to_vec()));
        prop_assert_eq!(written.vias().count(), 2);
        prop_assert_eq!(written.routes().count(), if remove { 1 } else { 2 });
        prop_assert_eq!(written.body(), message.body());
    }
}
