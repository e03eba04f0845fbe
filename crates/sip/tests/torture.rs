//! The messages of RFC 4475 and RFC 5118 as the parser sees them. What depends on routing (404, 416, 420, 483 …)
//! is decided above this crate; here such a message has to parse.

use std::path::PathBuf;

use strowger_sip::{
    FieldError, Frame, HeaderName, Host, Limits, Message, Method, ParseError, ParseFailure,
    StatusCode, StreamFramer, Transport, UriError, Via,
};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn octets(file: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn parse(file: &str) -> Result<Message, ParseFailure> {
    Message::parse(octets(file), &Limits::default())
}

fn parsed(file: &str) -> Message {
    parse(file).unwrap_or_else(|failure| panic!("{file}: {failure}"))
}

fn entries() -> Vec<serde_json::Value> {
    let text = std::fs::read(fixtures().join("expectations.json")).expect("expectations");
    serde_json::from_slice(&text).expect("a list")
}

fn text<'a>(entry: &'a serde_json::Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_default()
}

/// Requests that this crate refuses, with the code; every other request of the fixtures parses.
const REFUSED: [(&str, u16, bool); 17] = [
    // file, code, can be answered
    ("badinv01", 400, true),
    ("clerr", 400, true),
    ("ncl", 400, true),
    ("scalar02", 400, true),
    ("quotbal", 400, true),
    ("ltgtruri", 400, true),
    ("lwsruri", 400, true),
    ("lwsstart", 400, true),
    ("trws", 400, true),
    ("escruri", 400, true),
    ("badaspec", 400, true),
    ("baddn", 400, true),
    ("badvers", 505, true),
    ("mismatch01", 400, true),
    ("mismatch02", 400, true),
    ("insuf", 400, true),
    ("multi01", 400, true),
];
const REFUSED_TOO: [(&str, u16, bool); 3] = [
    ("mcl01", 400, true),
    ("ipv6-bad", 400, true),
    ("test", 400, false),
];

fn refusal(id: &str) -> Option<(u16, bool)> {
    let mut all = REFUSED.iter().chain(&REFUSED_TOO);
    all.find(|(name, ..)| *name == id)
        .map(|&(_, code, answerable)| (code, answerable))
}

#[test]
fn every_message_has_the_expected_outcome() {
    let entries = entries();
    assert_eq!(entries.len(), 62);
    for entry in entries
        .iter()
        .filter(|entry| text(entry, "kind") == "request")
    {
        let id = text(entry, "id");
        match (parse(text(entry, "file")), refusal(id)) {
            (Ok(message), None) => assert!(message.is_request(), "{id}"),
            (Err(failure), Some((code, answerable))) => {
                assert_eq!(
                    failure.error.status().map(StatusCode::get),
                    Some(code),
                    "{id}: {failure}"
                );
                assert_eq!(failure.answer().is_some(), answerable, "{id}");
                let expected: Vec<_> = entry["expect"]["proxy"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .collect();
                assert!(
                    expected.contains(&&serde_json::json!(code.to_string())),
                    "{id}: {expected:?}"
                );
            }
            (Ok(_), Some(_)) => panic!("{id} should be refused"),
            (Err(failure), None) => panic!("{id}: {failure}"),
        }
    }
}

#[test]
fn valid_messages_are_never_refused() {
    for entry in entries()
        .iter()
        .filter(|entry| text(entry, "class") == "valid")
    {
        assert!(parse(text(entry, "file")).is_ok(), "{}", text(entry, "id"));
    }
}

#[test]
fn files_are_what_the_expectations_were_written_for() {
    for entry in entries() {
        let octets = octets(text(&entry, "file"));
        assert_eq!(
            entry["bytes"].as_u64(),
            Some(octets.len() as u64),
            "{}",
            text(&entry, "id")
        );
    }
}

#[test]
fn responses_are_read_or_dropped_in_silence() {
    let unusual = parsed("rfc4475/unreason.dat");
    assert_eq!(unusual.status(), Some(StatusCode::OK));
    assert!(unusual.reason().starts_with(b"= 2**3 * 5**2 "));
    assert_eq!(
        unusual.reason().len(),
        octets("rfc4475/unreason.dat")
            .split(|&octet| octet == b'\r')
            .next()
            .map_or(0, |line| line.len() - 12)
    );
    let empty = parsed("rfc4475/noreason.dat");
    assert_eq!(
        (empty.status(), empty.reason()),
        (Some(StatusCode::TRYING), &b""[..])
    );
    assert_eq!(empty.method(), Method::Invite);
    let broadcast = parsed("rfc4475/bcast.dat");
    let hosts: Vec<_> = broadcast
        .vias()
        .map(|via| via.expect("valid").host().ip())
        .collect();
    assert_eq!(
        hosts,
        ["192.0.2.198", "255.255.255.255"].map(|address| address.parse().ok())
    );
    for (file, error) in [
        (
            "rfc4475/scalarlg.dat",
            ParseError::Field(HeaderName::CSeq, FieldError::Number),
        ),
        ("rfc4475/bigcode.dat", ParseError::StatusCode),
    ] {
        let failure = parse(file).expect_err(file);
        assert_eq!(failure.error, error);
        assert!(failure.message.is_none(), "a response is never answered");
    }
}

#[test]
fn the_first_error_is_the_one_that_is_meant() {
    use HeaderName::{CSeq, ContentLength, From, To, Via};
    for (id, error) in [
        ("badinv01", ParseError::Field(Via, FieldError::Parameter)),
        ("clerr", ParseError::Truncated),
        ("ncl", ParseError::Field(ContentLength, FieldError::Number)),
        ("scalar02", ParseError::Field(CSeq, FieldError::Number)),
        ("quotbal", ParseError::Field(To, FieldError::Quotes)),
        ("ltgtruri", ParseError::RequestUri(UriError::Scheme)),
        ("lwsruri", ParseError::StartLine),
        ("lwsstart", ParseError::StartLine),
        ("trws", ParseError::StartLine),
        ("escruri", ParseError::RequestUri(UriError::Headers)),
        (
            "badaspec",
            ParseError::Field(To, FieldError::Uri(UriError::Octet)),
        ),
        ("baddn", ParseError::Field(From, FieldError::DisplayName)),
        ("badvers", ParseError::Version),
        ("mismatch01", ParseError::CSeqMethod),
        ("mismatch02", ParseError::CSeqMethod),
        ("insuf", ParseError::Missing(From)),
        ("multi01", ParseError::Repeated(CSeq)),
        ("mcl01", ParseError::Repeated(ContentLength)),
        ("test", ParseError::StartLine),
    ] {
        assert_eq!(
            parse(&format!("rfc4475/{id}.dat"))
                .err()
                .map(|failure| failure.error),
            Some(error),
            "{id}"
        );
    }
    let bad = parse("rfc5118/ipv6-bad.dat").expect_err("no brackets");
    assert_eq!(bad.error, ParseError::RequestUri(UriError::Port));
}

#[test]
fn the_tortuous_invite_says_what_it_says() {
    let message = parsed("rfc4475/wsinv.dat");
    assert_eq!(message.to().uri, b"sip:vivekg@chair-dnrc.example.com");
    assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
    assert_eq!(
        message.from().display_name_unquoted().as_ref(),
        b"J Rosenberg \\\""
    );
    assert_eq!(message.from_tag(), Some(&b"98asjd8"[..]));
    assert_eq!(message.max_forwards(), Ok(Some(68)));
    assert_eq!(
        (message.cseq().number, message.cseq().method),
        (9, Method::Invite)
    );
    let vias: Vec<Via<'_>> = message.vias().collect::<Result<_, _>>().expect("valid");
    assert_eq!(vias.len(), 3);
    assert_eq!(vias[0].branch(), Some(&b"390skdjuw"[..]));
    assert_eq!(vias[1].transport, Some(Transport::Tcp));
    assert_eq!(vias[1].host(), Host::Name(b"spindle.example.com"));
    assert_eq!(vias[2].branch(), Some(&b"z9hG4bK30239"[..]));
    let contact = message.contacts().next().expect("there").expect("valid");
    assert_eq!(contact.q(), 330);
    let contact = contact.address().expect("an address").clone();
    assert_eq!(
        contact.display_name_unquoted().as_ref(),
        b"Quoted string \"\""
    );
    assert_eq!(contact.params.value(b"newparam"), Some(&b"newvalue"[..]));
    assert!(contact.params.has(b"secondparam"));
    assert_eq!(
        message
            .header(HeaderName::Subject)
            .map(|header| header.value),
        Some(&b""[..])
    );
    let unknown = message
        .header_raw_name(b"unknownheaderwithunusualvalue")
        .expect("kept");
    assert_eq!(unknown.value, b";;,,;;,;");
    assert_eq!(message.routes().count(), 1);
    assert!(message.body().starts_with(b"v=0\r\n"));
}

#[test]
fn wide_ranges_of_characters_are_kept() {
    let message = parsed("rfc4475/intmeth.dat");
    assert_eq!(
        message.method(),
        Method::Extension(b"!interesting-Method0123456789_*+`.%indeed'~")
    );
    let to = message.to();
    assert_eq!(
        to.display_name_unquoted().as_ref(),
        b"BEL:\x07 NUL:\x00 DEL:\x7f"
    );
    assert_eq!(message.from_tag(), Some(&b"_token~1'+`*%!-."[..]));
    let binding = message.request_uri().to_vec();
    let uri = strowger_sip::Uri::parse(&binding).expect("valid");
    assert_eq!(
        uri.user,
        Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..])
    );
    assert_eq!(
        uri.password,
        Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..])
    );
    assert!(
        message
            .header_raw_name(b"extensionHeader-!.%*+_`'~")
            .is_some()
    );
}

#[test]
fn escapes_are_no_other_names() {
    let message = parsed("rfc4475/esc02.dat");
    assert_eq!(message.method(), Method::Extension(b"RE%47IST%45R"));
    assert_eq!(message.contacts().count(), 2);
    let nulls = parsed("rfc4475/escnull.dat");
    let uris: Vec<_> = nulls
        .contacts()
        .map(|contact| {
            contact
                .expect("valid")
                .address()
                .expect("an address")
                .uri
                .to_vec()
        })
        .collect();
    let [a, b] = uris.as_slice() else {
        panic!("two contacts")
    };
    let (a, b) = (
        strowger_sip::Uri::parse(a).expect("valid"),
        strowger_sip::Uri::parse(b).expect("valid"),
    );
    assert!(!a.equivalent(&b));
}

#[test]
fn octets_after_the_body_are_dropped_from_a_datagram_and_kept_on_a_stream() {
    let message = parsed("rfc4475/dblreq.dat");
    assert_eq!(
        (message.method(), message.body()),
        (Method::Register, &b""[..])
    );
    let mut framer = StreamFramer::new(&Limits::default());
    framer.push(&octets("rfc4475/dblreq.dat"));
    let mut messages = 0;
    while let Ok(Some(frame)) = framer.next_frame() {
        messages += usize::from(matches!(frame, Frame::Message(_)));
    }
    assert_eq!(messages, 2);
}

#[test]
fn ipv6_references_are_addresses() {
    for (file, port) in [("port-ambiguous", None), ("port-unambiguous", Some(5070))] {
        let message = parsed(&format!("rfc5118/{file}.dat"));
        let uri = strowger_sip::Uri::parse(message.request_uri()).expect("valid");
        assert_eq!(uri.port, port);
        assert!(uri.host.ip().is_some_and(|address| address.is_ipv6()));
    }
    for file in [
        "via-received-param-no-delim",
        "via-received-param-with-delim",
    ] {
        assert_eq!(
            parsed(&format!("rfc5118/{file}.dat")).via().received(),
            "2001:db8::9:255".parse().ok()
        );
    }
    let three = parsed("rfc5118/ipv6-bug-abnf-3-colons.dat");
    let two = parsed("rfc5118/ipv6-correct-abnf-2-colons.dat");
    let host = |message: &Message| {
        strowger_sip::Uri::parse(message.request_uri())
            .expect("valid")
            .host
            .ip()
    };
    assert_eq!(host(&three), host(&two));
}

#[test]
fn contacts_that_need_brackets_are_told() {
    let message = parsed("rfc4475/regbadct.dat");
    assert!(message.contacts().any(|contact| contact.is_err()));
}
