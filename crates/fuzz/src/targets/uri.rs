//! `uri`: URIs, one a line, the first two compared (RFC 3261 §19.1; RFC 3263 §4 for what becomes of them).
//!
//! * A URI that is put together again from its parts is read again, with the same parts, and equals the first.
//! * Comparison is reflexive and symmetric (§19.1.4), and never tells a URI from its own spelling with other escapes.
//! * The canonical address of record is read again and is its own canonical form (§10.3 step 5).

use strowger_registrar::{AddressOfRecord, shard_of};
use strowger_resolve::NextHop;
use strowger_sip::{Scheme, Uri, unescape, write_escaped_user};

use crate::Verdict;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let mut lines = input.split(|octet| *octet == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let Ok(uri) = Uri::parse(first) else {
        return Verdict::Refused;
    };
    is_sound(&uri);
    let Some(Ok(other)) = second.map(Uri::parse) else {
        return Verdict::Read;
    };
    is_sound(&other);
    let same = uri.equivalent(&other);
    assert_eq!(same, other.equivalent(&uri), "comparison is not symmetric");
    if same && uri.is_sip() {
        assert_eq!(
            canonical(&uri),
            canonical(&other),
            "one resource, two records"
        );
    }
    Verdict::Deep
}

/// What holds for every URI that is read.
pub(crate) fn is_sound(uri: &Uri<'_>) {
    let parsed = Uri::parse(uri.as_bytes()).expect("it was read before");
    assert!(uri.equivalent(uri), "a URI differs from itself");
    assert!(uri.equivalent(&parsed));
    assert!(
        !uri.as_bytes()
            .iter()
            .any(|octet| b"\r\n\0 <>\"".contains(octet))
    );
    let written = put_together(uri);
    let again = Uri::parse(&written).unwrap_or_else(|problem| {
        panic!("{} is refused: {problem}", written.escape_ascii());
    });
    assert_eq!((again.user, again.password), (uri.user, uri.password));
    assert_eq!((again.port, again.headers), (uri.port, uri.headers));
    assert_eq!(again.parameters, uri.parameters);
    assert!(again.host.eq_ignore_case(&uri.host));
    assert!(again.equivalent(uri) && uri.equivalent(&again));
    for param in uri.parameters {
        assert!(!param.name.is_empty() && uri.has_param(param.name));
    }
    let _ = (
        uri.transport(),
        uri.lr(),
        uri.maddr(),
        uri.port_or_default(),
    );
    has_one_canonical_form(uri);
    for secure in [false, true] {
        if let Ok(hop) = NextHop::from_uri(uri, secure) {
            assert!(uri.is_sip());
            assert!(!secure || hop.secure);
            assert!(!hop.secure || hop.transport.is_none_or(|transport| transport.is_secure()));
        }
    }
}

fn canonical(uri: &Uri<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    uri.write_address_of_record(&mut out);
    out
}

fn has_one_canonical_form(uri: &Uri<'_>) {
    let record = canonical(uri);
    let again = Uri::parse(&record).unwrap_or_else(|problem| {
        panic!("canonical {} is refused: {problem}", record.escape_ascii());
    });
    assert_eq!(canonical(&again), record, "the canonical form has another");
    if let Some(aor) = AddressOfRecord::from_uri(uri) {
        assert!(uri.is_sip() && uri.user.is_some());
        assert_eq!(*aor.user(), *unescape(uri.user.unwrap_or_default()));
        assert!(shard_of(aor.as_bytes(), 4, 7) < 4);
    }
    if let Some(user) = uri.user.filter(|_| uri.is_sip()) {
        let plain = unescape(user);
        let mut escaped = b"sip:".to_vec();
        write_escaped_user(&mut escaped, &plain);
        escaped.extend_from_slice(b"@h");
        let of_escaped = Uri::parse(&escaped).expect("every octet can be escaped");
        assert_eq!(unescape(of_escaped.user.unwrap_or_default()), plain);
    }
}

/// The URI from its parts.
fn put_together(uri: &Uri<'_>) -> Vec<u8> {
    let mut out = match uri.scheme {
        Scheme::Sip => b"SIP:".to_vec(),
        Scheme::Sips => b"sIpS:".to_vec(),
        Scheme::Tel => b"TEL:".to_vec(),
        Scheme::Urn => b"Urn:".to_vec(),
        Scheme::Other(scheme) => [&scheme.to_ascii_uppercase()[..], b":"].concat(),
    };
    match uri.scheme {
        Scheme::Urn | Scheme::Other(_) => {
            out.extend_from_slice(uri.opaque);
            return out;
        }
        Scheme::Tel => out.extend_from_slice(uri.user.unwrap_or_default()),
        Scheme::Sip | Scheme::Sips => {
            if let Some(user) = uri.user {
                out.extend_from_slice(user);
                if let Some(password) = uri.password {
                    out.push(b':');
                    out.extend_from_slice(password);
                }
                out.push(b'@');
            }
            uri.host.write(&mut out);
            if let Some(port) = uri.port {
                out.extend_from_slice(format!(":{port}").as_bytes());
            }
        }
    }
    out.extend_from_slice(uri.parameters.as_bytes());
    if !uri.headers.is_empty() {
        out.push(b'?');
        out.extend_from_slice(uri.headers);
    }
    out
}
