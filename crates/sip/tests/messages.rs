//! Whole messages: what is tolerated, what is refused, which limit was hit.

use strowger_sip::{
    Edits, FieldError, HeaderName, Limit, Limits, Message, Method, ParseError, ParseFailure,
    StatusCode, write_response,
};

const HEAD: &str = "OPTIONS sip:b@example.com SIP/2.0\r\n";
const FIELDS: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n\
    To: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n";

fn parse(text: impl AsRef<[u8]>) -> Result<Message, ParseFailure> {
    Message::parse(text.as_ref().to_vec(), &Limits::default())
}

fn with(fields: &str) -> Result<Message, ParseFailure> {
    parse(format!("{HEAD}{FIELDS}{fields}\r\n"))
}

fn error(result: Result<Message, ParseFailure>) -> Option<ParseError> {
    result.err().map(|failure| failure.error)
}

#[test]
fn compact_forms_are_read_and_stay() {
    let text = "BYE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: c\r\nCSeq: 1 BYE\r\nl: 0\r\n\r\n";
    let message = parse(text).expect("valid");
    assert_eq!(message.call_id(), b"c");
    assert_eq!(
        message
            .header(HeaderName::Via)
            .map(|header| header.name_raw),
        Some(&b"v"[..])
    );
    assert_eq!(message.as_bytes(), text.as_bytes());
    assert_eq!(
        message.header_raw_name(b"VIA").map(|header| header.index),
        Some(0)
    );
}

#[test]
fn octets_that_are_no_text_are_kept() {
    let mut text = format!("{HEAD}Subject: ").into_bytes();
    text.extend_from_slice(b"\xe9t\xe9\r\nX-\x7f: 1\r\n");
    text.extend_from_slice(FIELDS.as_bytes());
    text.extend_from_slice(b"\r\n");
    // A name that is no token is an error, a value of any octets is not.
    assert!(matches!(
        error(parse(&text)),
        Some(ParseError::HeaderLine(_))
    ));
    let sound = String::from_utf8_lossy(&text).replace("X-\x7f: 1\r\n", "");
    assert!(parse(sound).is_ok());
    let mut latin = format!("{HEAD}Subject: ").into_bytes();
    latin.extend_from_slice(b"\xe9t\xe9\r\n");
    latin.extend_from_slice(FIELDS.as_bytes());
    latin.extend_from_slice(b"\r\n");
    let message = parse(&latin).expect("valid");
    assert_eq!(
        message
            .header(HeaderName::Subject)
            .map(|header| header.value),
        Some(&b"\xe9t\xe9"[..])
    );
}

#[test]
fn line_breaks_before_the_start_line_are_passed_over() {
    let message = parse(format!("\r\n\r\n{HEAD}{FIELDS}\r\n")).expect("valid");
    assert_eq!(message.as_bytes(), format!("{HEAD}{FIELDS}\r\n").as_bytes());
    let failure = parse("\r\n\r\n").expect_err("a keep-alive");
    assert_eq!(
        (failure.error, failure.error.status()),
        (ParseError::KeepAlive, None)
    );
    assert_eq!(error(parse("")), Some(ParseError::KeepAlive));
}

#[test]
fn stray_line_breaks_and_nul_are_refused_and_do_not_reach_the_answer() {
    for stray in ["\n", "\r", "\0", "\nX-Evil: 1", "\rX-Evil: 1"] {
        let in_subject = with(&format!("Subject: a{stray}b\r\n")).expect_err("refused");
        assert!(
            matches!(in_subject.error, ParseError::StrayOctet(_)),
            "{stray:?}"
        );
        assert!(in_subject.answer().is_some());
        let text = format!("{HEAD}{FIELDS}\r\n").replace(
            "<sip:b@example.com>",
            &format!("<sip:b@example.com>;x=a{stray}b"),
        );
        let failure = parse(text).expect_err("refused");
        let (message, status) = failure.answer().expect("answerable");
        let mut out = Vec::new();
        write_response(
            &mut out,
            message,
            "192.0.2.1:5060".parse().expect("address"),
            status,
            None,
            None,
            b"",
            None,
        );
        assert!(
            !out.windows(6).any(|window| window == b"X-Evil"),
            "{stray:?}"
        );
        assert!(!out.contains(&0));
        assert_eq!(
            out.iter().filter(|&&octet| octet == b'\n').count(),
            out.windows(2).filter(|pair| pair == b"\r\n").count()
        );
    }
    assert!(matches!(
        error(parse(format!("{HEAD}{FIELDS}\r\n").replace("\r\n", "\n"))),
        Some(ParseError::NoEmptyLine)
    ));
}

#[test]
fn no_quoted_pair_hides_a_line_break() {
    for stray in [
        "\\\r",
        "\\\n",
        "\\\r\n",
        "\r",
        "\0",
        "\\\r\nVia: SIP/2.0/UDP evil\r\n",
    ] {
        let text =
            format!("{HEAD}{FIELDS}\r\n").replace("From: ", &format!("From: \"a{stray}b\" "));
        assert!(parse(text).is_err(), "{stray:?}");
        let text =
            format!("{HEAD}{FIELDS}\r\n").replace("tag=1", &format!("tag=1;x=\"a{stray}b\""));
        assert!(parse(text).is_err(), "{stray:?}");
    }
}

#[test]
fn folded_and_spaced_lines_read_like_plain_ones() {
    let plain = parse(format!("{HEAD}{FIELDS}Max-Forwards: 7\r\nl: 0\r\n\r\n")).expect("valid");
    for (colon, end) in [
        (" : ", ""),
        (":", " "),
        (":\r\n ", ""),
        (": ", "\r\n\t"),
        (":\t ", " \r\n  "),
    ] {
        let fields = format!("{FIELDS}Max-Forwards: 7\r\nl: 0\r\n");
        let changed: String = fields
            .split_terminator("\r\n")
            .map(|line| line.replacen(": ", colon, 1) + end + "\r\n")
            .collect();
        let message = parse(format!("{HEAD}{changed}\r\n"))
            .unwrap_or_else(|failure| panic!("{changed}: {failure}"));
        assert_eq!(message.via().branch(), plain.via().branch());
        assert_eq!(
            (message.via().host(), message.via().port),
            (plain.via().host(), plain.via().port)
        );
        assert_eq!(
            (message.from().uri, message.from_tag()),
            (plain.from().uri, plain.from_tag())
        );
        assert_eq!(
            (message.to().uri, message.to_tag()),
            (plain.to().uri, plain.to_tag())
        );
        assert_eq!(
            (message.call_id(), message.cseq()),
            (plain.call_id(), plain.cseq())
        );
        assert_eq!(
            (message.max_forwards(), message.content_length()),
            (Ok(Some(7)), Some(0))
        );
        let values = |message: &Message| {
            message
                .headers()
                .map(|header| header.value.to_vec())
                .collect::<Vec<_>>()
        };
        assert_eq!(values(&message), values(&plain));
    }
}

#[test]
fn a_name_holds_no_line_break() {
    for (name, changed) in [
        ("Call-ID", "Call\rID"),
        ("Call-ID", "Call\nID"),
        ("Call-ID", "Call\0ID"),
        ("Max-Forwards", "Max\rForwards"),
        ("Content-Length", "Content\rLength"),
        ("Record-Route", "Record\rRoute"),
        ("To", "To\0"),
        ("Via", "\0Via"),
    ] {
        let fields =
            format!("{FIELDS}Max-Forwards: 7\r\nContent-Length: 0\r\nRecord-Route: <sip:p;lr>\r\n");
        assert!(parse(format!("{HEAD}{fields}\r\n")).is_ok());
        assert!(
            parse(format!("{HEAD}{}\r\n", fields.replacen(name, changed, 1))).is_err(),
            "{changed:?}"
        );
    }
}

#[test]
fn nul_may_be_quoted() {
    assert!(with("Subject: \"a\\\0b\"\r\n").is_ok());
}

#[test]
fn mandatory_fields_stand_exactly_once() {
    use HeaderName::{CSeq, CallId, ContentLength, From, MaxForwards, To, Via};
    for (line, name) in [
        ("Via", Via),
        ("From", From),
        ("To", To),
        ("Call-ID", CallId),
        ("CSeq", CSeq),
    ] {
        let without: String = FIELDS
            .split_inclusive("\r\n")
            .filter(|field| !field.starts_with(line))
            .collect();
        assert_eq!(
            error(parse(format!("{HEAD}{without}\r\n"))),
            Some(ParseError::Missing(name))
        );
    }
    for (line, name) in [
        ("From: <sip:a@example.com>;tag=1", From),
        ("t: <sip:b@example.com>", To),
        ("i: c", CallId),
        ("CSeq: 1 OPTIONS", CSeq),
        ("l: 0\r\nContent-Length: 0", ContentLength),
        ("Max-Forwards: 7\r\nMax-Forwards: 7", MaxForwards),
    ] {
        assert_eq!(
            error(with(&format!("{line}\r\n"))),
            Some(ParseError::Repeated(name)),
            "{line}"
        );
    }
    assert!(with("Via: SIP/2.0/TCP h\r\nMax-Forwards: 7\r\n").is_ok());
}

#[test]
fn lists_in_single_fields_are_refused() {
    let text = format!("{HEAD}{FIELDS}\r\n").replace(
        "To: <sip:b@example.com>",
        "To: <sip:b@example.com>, <sip:c@example.com>",
    );
    assert_eq!(
        error(parse(text)),
        Some(ParseError::Field(HeaderName::To, FieldError::Trailing))
    );
}

#[test]
fn max_forwards_that_is_no_number_is_told_apart() {
    let hops = |value: &str| {
        with(&format!("Max-Forwards: {value}\r\n"))
            .expect("parses")
            .max_forwards()
    };
    assert_eq!(hops("0070"), Ok(Some(70)));
    assert_eq!(hops("300"), Ok(Some(300)));
    assert_eq!(hops("-1"), Err(FieldError::Number));
    assert_eq!(hops("99999999999999999999"), Err(FieldError::Number));
    assert_eq!(with("").expect("valid").max_forwards(), Ok(None));
}

#[test]
fn each_limit_is_named_when_it_is_hit() {
    let long = "x".repeat(9_000);
    let many = "X-A: 1\r\n".repeat(201);
    let parameters =
        format!("{HEAD}{FIELDS}\r\n").replace("tag=1", &format!("tag=1{}", ";p".repeat(70)));
    let cases = [
        (
            with(&format!("X-Long: {long}\r\n")),
            Limit::HeaderOctets,
            400,
        ),
        (with(&many), Limit::Headers, 513),
        (parse(parameters), Limit::Parameters, 400),
        (
            parse(format!(
                "OPTIONS sip:{}@h SIP/2.0\r\n{FIELDS}\r\n",
                "u".repeat(3_000)
            )),
            Limit::UriOctets,
            414,
        ),
        (
            parse(format!("{HEAD}{FIELDS}\r\n{}", "b".repeat(66_000))),
            Limit::MessageOctets,
            513,
        ),
    ];
    for (result, limit, status) in cases {
        let failure = result.expect_err("too much");
        assert_eq!(failure.error, ParseError::TooMuch(limit));
        assert_eq!(
            failure.answer().map(|(_, status)| status.get()),
            Some(status),
            "{}",
            limit.name()
        );
    }
    let limits = Limits {
        header_section_octets_max: 100,
        ..Limits::default()
    };
    let failure =
        Message::parse(format!("{HEAD}{FIELDS}\r\n").into_bytes(), &limits).expect_err("too much");
    assert_eq!(
        failure.error,
        ParseError::TooMuch(Limit::HeaderSectionOctets)
    );
}

#[test]
fn a_body_ends_where_content_length_says() {
    let message = parse(format!("{HEAD}{FIELDS}Content-Length: 2\r\n\r\nabcd")).expect("valid");
    assert_eq!(
        (message.body(), message.len()),
        (&b"ab"[..], HEAD.len() + FIELDS.len() + 23)
    );
    let open = parse(format!("{HEAD}{FIELDS}\r\nabcd")).expect("valid");
    assert_eq!((open.body(), open.content_length()), (&b"abcd"[..], None));
    let failure = parse(format!("{HEAD}{FIELDS}l: 5\r\n\r\nabcd")).expect_err("too short");
    assert_eq!(failure.error, ParseError::Truncated);
    assert!(failure.answer().is_some());
}

#[test]
fn ack_and_responses_are_never_answered() {
    let ack = format!("{HEAD}{FIELDS}l: x\r\n\r\n").replace("OPTIONS", "ACK");
    assert!(parse(ack).expect_err("bad length").answer().is_none());
    let response =
        parse(format!("SIP/2.0 200 OK\r\n{FIELDS}l: x\r\n\r\n")).expect_err("bad length");
    assert!(response.message.is_none());
}

#[test]
fn versions_other_than_two_are_told() {
    for (line, expected) in [
        ("OPTIONS sip:b@h SIP/3.0", ParseError::Version),
        ("OPTIONS sip:b@h SIP/2.1", ParseError::Version),
        ("OPTIONS sip:b@h HTTP/1.1", ParseError::StartLine),
        ("OPTIONS sip:b@h SIP/2.0.1", ParseError::StartLine),
        ("OPTIONS sip:b@h", ParseError::StartLine),
        ("OPTIONS", ParseError::StartLine),
        ("SIP/3.0 200 OK", ParseError::Version),
        ("SIP/2.0 99 OK", ParseError::StatusCode),
        ("SIP/2.0 700 OK", ParseError::StatusCode),
    ] {
        assert_eq!(
            error(parse(format!("{line}\r\n{FIELDS}\r\n"))),
            Some(expected),
            "{line}"
        );
    }
    assert!(parse(format!("OPTIONS sip:b@h sip/2.0\r\n{FIELDS}\r\n")).is_ok());
    assert_eq!(
        parse(format!("SIP/2.0 200\r\n{FIELDS}\r\n"))
            .expect("valid")
            .reason(),
        b""
    );
}

#[test]
fn more_headers_than_the_index_holds_inline_are_indexed() {
    let message = with(&"X-A: 1\r\n".repeat(100)).expect("valid");
    assert_eq!(message.header_count(), 105);
    assert_eq!(message.headers_named(HeaderName::Unknown).count(), 100);
}

#[test]
fn lists_and_lines_make_one_list() {
    let message = with("Require: a, b\r\nk: x\r\nRequire: c\r\nRoute: <sip:p1;lr>,\r\n <sip:p2;lr>\r\nRoute: <sip:p3;lr>\r\n").expect("valid");
    assert_eq!(
        message.option_tags(HeaderName::Require).collect::<Vec<_>>(),
        [b"a", b"b", b"c"]
    );
    assert_eq!(message.option_tags(HeaderName::ProxyRequire).count(), 0);
    let routes: Vec<_> = message
        .routes()
        .map(|route| route.expect("valid").uri.to_vec())
        .collect();
    assert_eq!(routes, [b"sip:p1;lr", b"sip:p2;lr", b"sip:p3;lr"]);
    let mut edits = Edits::new();
    let second = message.routes().nth(1).expect("there").expect("valid");
    edits.remove_list_item(&message, second.range);
    let mut out = Vec::new();
    edits.write(&message, &mut out);
    assert!(String::from_utf8_lossy(&out).contains("Route: <sip:p1;lr>\r\nRoute: <sip:p3;lr>\r\n"));
}

#[test]
fn a_bad_item_does_not_hide_the_next() {
    let message =
        with("Contact: <sip:a@h>, sip:b@h?x=y, <sip:c@h>;q=0.5\r\nContact:\r\n").expect("valid");
    let contacts: Vec<_> = message
        .contacts()
        .map(|contact| contact.map(|contact| contact.q()))
        .collect();
    assert_eq!(contacts[0], Ok(1000));
    assert!(contacts[1].is_err());
    assert_eq!(contacts[2], Ok(500));
    assert_eq!(contacts[3], Err(FieldError::Empty));
}

#[test]
fn a_folded_name_is_no_name() {
    assert!(matches!(
        error(with("Subject\r\n : x\r\n")),
        Some(ParseError::HeaderLine(_))
    ));
    // A fold goes on with the field before it, here CSeq.
    assert_eq!(
        error(with(" Subject: x\r\n")),
        Some(ParseError::Field(HeaderName::CSeq, FieldError::Trailing))
    );
    assert!(matches!(
        error(with("Subject x\r\n")),
        Some(ParseError::HeaderLine(_))
    ));
    let message = with("Subject :\r\n\tx\r\n").expect("valid");
    assert_eq!(
        message
            .header(HeaderName::Subject)
            .map(|header| header.value),
        Some(&b"x"[..])
    );
}

#[test]
fn seed_codes_have_their_phrases() {
    for (code, phrase) in [
        (409, "Conflict"),
        (411, "Length Required"),
        (489, "Bad Event"),
        (494, "Security Agreement Required"),
        (513, "Message Too Large"),
        (606, "Not Acceptable"),
    ] {
        assert_eq!(
            StatusCode::new(code).map(StatusCode::reason_phrase),
            Some(phrase)
        );
    }
    assert_eq!(
        parse(format!("SIP/2.0 489 x\r\n{FIELDS}\r\n"))
            .expect("valid")
            .method(),
        Method::Options
    );
}

#[test]
fn the_request_uri_is_kept_as_it_would_be_read() {
    for uri in [
        "sip:bob@example.com",
        "sips:bob:secret@192.0.2.1:5062;transport=tcp;lr",
        "sip:bob:@[2001:db8::1]:5062",
        "sip:example.com;maddr=192.0.2.9",
        "sip:+1%2055@192.0.2.300.example",
        "tel:+15551234;phone-context=example.com",
        "urn:service:sos",
    ] {
        let text = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        let message = Message::parse(text.into_bytes(), &Limits::default()).expect("valid");
        let read = strowger_sip::Uri::parse(message.request_uri()).expect("valid");
        let kept = message.request_uri_parsed().expect("valid");
        assert_eq!(format!("{kept:?}"), format!("{read:?}"), "{uri}");
    }
}

#[test]
fn a_via_below_the_topmost_is_seen_wherever_it_stands() {
    let many = "X-Filler: 1\r\n".repeat(40);
    for (vias, count) in [
        ("Via: SIP/2.0/UDP a\r\n".to_owned(), 1),
        ("Via: SIP/2.0/UDP a ,\r\n".to_owned(), 1),
        ("Via: SIP/2.0/UDP a,, SIP/2.0/UDP b\r\n".to_owned(), 2),
        ("Via: SIP/2.0/UDP a\r\n , SIP/2.0/UDP b\r\n".to_owned(), 2),
        (
            "Via: SIP/2.0/UDP a\r\nv: SIP/2.0/UDP b, SIP/2.0/UDP c\r\n".to_owned(),
            3,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVIA : SIP/2.0/UDP\r\n b\r\n".to_owned(),
            2,
        ),
        (
            format!("Via: SIP/2.0/UDP a\r\n{many}Via: SIP/2.0/UDP b\r\n"),
            2,
        ),
    ] {
        let text = format!(
            "SIP/2.0 200 OK\r\n{vias}From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        let message = Message::parse(text.into_bytes(), &Limits::default()).expect("valid");
        assert_eq!(message.vias().count(), count, "{vias}");
        assert_eq!(message.vias_below().count(), count - 1, "{vias}");
        assert_eq!(message.has_one_via(), count == 1, "{vias}");
    }
}

#[test]
fn a_message_that_is_shared_takes_no_more_than_448_octets() {
    // The next size that allocators have is 512, and many messages are held.
    assert!(size_of::<Message>() + 2 * size_of::<usize>() <= 448);
}

#[test]
fn a_response_is_passed_on_if_its_next_via_can_be_read_as_a_topmost_one() {
    let many = "X-Filler: 1\r\n".repeat(40);
    for (vias, legible) in [
        ("Via: SIP/2.0/UDP a\r\n".to_owned(), false),
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1;rport\r\n".to_owned(),
            true,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nv:SIP/2.0/TCP [2001:db8::1]:5060\r\n".to_owned(),
            true,
        ),
        // A request that came with this one was let in.
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP 300.1.1.1\r\n".to_owned(),
            true,
        ),
        ("Via: SIP/2.0/UDP a, SIP/2.0/UDP b\r\n".to_owned(), true),
        (
            "Via: SIP/2.0/UDP a\r\n , SIP/2.0/UDP b\r\n".to_owned(),
            true,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP\r\n b\r\n".to_owned(),
            true,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia : SIP/2.0/UDP b, rubbish\r\n".to_owned(),
            true,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia: rubbish\r\nVia: SIP/2.0/UDP b\r\n".to_owned(),
            false,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b;branch=1;branch=2\r\n".to_owned(),
            false,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b junk\r\n".to_owned(),
            false,
        ),
        (
            "Via: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP [::1\r\n".to_owned(),
            false,
        ),
        ("Via: SIP/2.0/UDP a\r\nVia:\r\n".to_owned(), false),
        (
            format!("Via: SIP/2.0/UDP a\r\n{many}Via: SIP/2.0/UDP b\r\n"),
            true,
        ),
    ] {
        let text = format!(
            "SIP/2.0 200 OK\r\n{vias}From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        let message = Message::parse(text.into_bytes(), &Limits::default()).expect("valid");
        assert_eq!(message.has_legible_next_via(), legible, "{vias}");
    }
}

#[test]
fn nothing_of_a_hidden_line_is_taken_for_a_part_of_another() {
    let text = "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP q;rport\0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=9\0\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let failure = Message::parse(text.as_bytes().to_vec(), &Limits::default()).expect_err("NUL");
    let request = failure.message.expect("answerable");
    let mut out = Vec::new();
    let source = "10.0.0.9:5060".parse().expect("address");
    let status = strowger_sip::StatusCode::BAD_REQUEST;
    strowger_sip::write_response(
        &mut out,
        &request,
        source,
        status,
        None,
        Some(b"t"),
        b"",
        None,
    );
    assert_eq!(
        String::from_utf8_lossy(&out),
        "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;received=10.0.0.9;branch=z9hG4bKa\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=t\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
}

/// What stands behind the last line end is no field, and is not copied in front of what an answer adds.
#[test]
fn an_answer_to_a_request_that_is_cut_off_has_whole_lines() {
    let failure = parse(format!("{HEAD}{FIELDS}Subject: a\r\nX")).expect_err("it has no end");
    let (request, status) = failure.answer().expect("it says where to");
    let mut out = Vec::new();
    let source = "192.0.2.1:5060".parse().expect("an address");
    write_response(
        &mut out,
        request,
        source,
        status,
        None,
        Some(b"t"),
        b"Server: s\r\n",
        None,
    );
    let answer = Message::parse(out, &Limits::default()).expect("it is read");
    assert!(answer.header_raw_name(b"Server").is_some());
    assert_eq!(answer.header_count(), 7);
}
