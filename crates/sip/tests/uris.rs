//! URIs: reading, comparing (RFC 3261 §19.1.4 with its examples), the canonical address of record.

use strowger_sip::{Host, Scheme, Transport, Uri, UriError, unescape, write_escaped_user};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn equivalent(a: &str, b: &str) -> bool {
    let forth = uri(a).equivalent(&uri(b));
    assert_eq!(forth, uri(b).equivalent(&uri(a)), "{a} {b}");
    forth
}

#[test]
fn equivalent_uris_of_the_section() {
    for (a, b) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        assert!(equivalent(a, b), "{a} {b}");
    }
}

#[test]
fn different_uris_of_the_section() {
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
    ] {
        assert!(!equivalent(a, b), "{a} {b}");
    }
}

#[test]
fn further_rules_of_the_section() {
    assert!(!equivalent("sip:a@h", "sips:a@h"));
    assert!(!equivalent("sip:a@h", "sip:a:secret@h"));
    assert!(!equivalent("sip:h", "sip:a@h"));
    for parameter in ["user=phone", "ttl=1", "method=INVITE", "maddr=192.0.2.1"] {
        assert!(
            !equivalent("sip:a@h", &format!("sip:a@h;{parameter}")),
            "{parameter}"
        );
    }
    assert!(
        !equivalent("sip:a%3Bb@h", "sip:a;b@h"),
        "reserved octets differ from their escapes"
    );
    assert!(equivalent("sip:a%2db@h", "sip:a-b@h"));
    assert!(!equivalent("sip:null-%00-null@h", "sip:null-%00-null%00@h"));
    assert!(equivalent("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"));
    assert!(equivalent("tel:+1-201-555-0123", "tel:+12015550123"));
    assert!(!equivalent("tel:+12015550123", "tel:+12015550124"));
    assert!(equivalent("URN:service:sos", "urn:service:SOS"));
    assert!(equivalent(
        "nobodyKnowsThisScheme:x",
        "nobodyknowsthisscheme:x"
    ));
    assert!(!equivalent("unknown:x", "unknown:X"));
}

#[test]
fn parts_are_told_apart() {
    let full =
        uri("sips:al%69ce;day=tue:pass@[::1]:5071;transport=tls;lr;maddr=192.0.2.9?subject=x");
    assert_eq!(full.scheme, Scheme::Sips);
    assert_eq!(full.user, Some(&b"al%69ce;day=tue"[..]));
    assert_eq!(full.password, Some(&b"pass"[..]));
    assert_eq!(
        (full.host.ip(), full.port),
        ("::1".parse().ok(), Some(5071))
    );
    assert_eq!((full.transport(), full.lr()), (Some(Transport::Tls), true));
    assert_eq!(
        full.maddr().and_then(|host| host.ip()),
        "192.0.2.9".parse().ok()
    );
    assert_eq!(full.headers, b"subject=x");
    assert_eq!(uri("sips:h").port_or_default(), 5061);
    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!(
        (tel.scheme, tel.user),
        (Scheme::Tel, Some(&b"+1-201-555-0123"[..]))
    );
    assert!(tel.host.is_empty());
    assert_eq!(
        uri("soap.beep://192.0.2.103:3002").scheme,
        Scheme::Other(b"soap.beep")
    );
    assert_eq!(uri("sip:*21#@h").user, Some(&b"*21#"[..]));
    assert_eq!(uri("sip:a@h.example.").host, Host::Name(b"h.example."));
}

#[test]
fn malformed_uris_are_refused() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("bob@biloxi.com", UriError::Scheme),
        ("<sip:bob@biloxi.com>", UriError::Scheme),
        ("sip:", UriError::Host),
        ("sip:@h", UriError::UserInfo),
        ("sip:a b@h", UriError::UserInfo),
        ("sip:a@", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@h:", UriError::Port),
        ("sip:a@h:65536", UriError::Port),
        ("sip:a@h:123456789012345678901234567890", UriError::Port),
        ("sip:2001:db8::10", UriError::Port),
        ("sip:a@[2001:db8::10", UriError::Host),
        ("sip:a@h;", UriError::Parameter),
        ("sip:a@h;;lr", UriError::Parameter),
        ("sip:a@h;x=\"y\"", UriError::Parameter),
        ("sip:a@h?", UriError::Headers),
        ("sip:a@h?x=<y>", UriError::Headers),
        ("sip:a%4@h", UriError::Escape),
        ("sip:a%zz@h", UriError::Escape),
        ("sip:a@h\r\nEvil: x", UriError::Host),
        ("tel:", UriError::Scheme),
        ("tel:abc xyz", UriError::UserInfo),
        ("tel:-", UriError::UserInfo),
        ("tel:+", UriError::UserInfo),
        ("tel:;a=b", UriError::UserInfo),
        ("http://a b", UriError::Octet),
    ] {
        assert_eq!(Uri::parse(text.as_bytes()).err(), Some(error), "{text}");
    }
}

#[test]
fn the_address_of_record_is_canonical() {
    let canonical = |text: &str| {
        let mut out = Vec::new();
        uri(text).write_address_of_record(&mut out);
        String::from_utf8(out).expect("text")
    };
    assert_eq!(
        canonical("sip:%61lice:pw@Example.COM:5070;transport=tcp"),
        "sip:alice@example.com"
    );
    assert_eq!(canonical("sips:Alice@example.com"), "sip:Alice@example.com");
    assert_eq!(canonical("sip:a%3bb%2Fc@h"), "sip:a%3Bb%2Fc@h");
    assert_eq!(canonical("sip:a;b@h"), "sip:a;b@h");
    assert_eq!(canonical("sip:null%00@h"), "sip:null%00@h");
    assert_eq!(canonical("sip:*21#@h"), canonical("sip:*21%23@h"));
    assert_eq!(canonical("sip:u@[2001:DB8::1]"), "sip:u@[2001:db8::1]");
    assert_eq!(canonical("sip:Example.com"), "sip:example.com");
    assert_eq!(canonical("tel:+1-(201)-555.0123"), "tel:+12015550123");
}

#[test]
fn users_are_escaped_and_unescaped() {
    let mut out = Vec::new();
    write_escaped_user(&mut out, b"a b@c%d");
    assert_eq!(out, b"a%20b%40c%25d");
    assert_eq!(unescape(&out).as_ref(), b"a b@c%d");
    assert_eq!(unescape(b"100%").as_ref(), b"100%");
}

#[test]
fn a_uri_equals_itself_even_with_a_parameter_twice() {
    for text in [
        "sip:a;x=1;x",
        "sip:a@h;x=1;x=2",
        "tel:1;a=1;a=2",
        "sip:h?a=1&a=2",
    ] {
        assert!(equivalent(text, text), "{text}");
        let spelled = text.replacen("sip:", "SIP:", 1);
        assert!(equivalent(text, &spelled), "{text}");
    }
    assert!(!equivalent("sip:h;x=1;x=2", "sip:h;x=2;x=1"));
    assert!(equivalent("sip:h;x=1;x=2", "sip:h;x=1"));
}
