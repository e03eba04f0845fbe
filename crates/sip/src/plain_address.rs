//! URIs of the plain forms that most have: `sip:user@host`, `sip:user@192.0.2.1:5060`. What such a one says can be had without
//! reading it as a URI.

use core::net::SocketAddr;
use core::ops::Range;

use crate::field::Field;
use crate::host::Host;
use crate::message::Message;
use crate::scan;

impl Message {
    /// `user@host` of From as it stands, if that is a sip URI without password whose host has no capitals.
    pub fn plain_from_address(&self) -> Option<&[u8]> {
        plain_address(&self.octets, self.from.uri.range())
    }

    /// The same of To.
    pub fn plain_to_address(&self) -> Option<&[u8]> {
        plain_address(&self.octets, self.to.uri.range())
    }
}

/// User and host of `sip:user@host`, if the user is one that is written the same wherever it stands: letters, digits,
/// `-`, `.` and `_`. Whether the host is one, and what follows it, is not looked at.
pub fn plain_user(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = plain_user_end(uri)?;
    Some((uri.get(b"sip:".len()..at)?, uri.get(at + 1..)?))
}

/// True for a user that is written as it stands in any canonical form.
pub fn is_plain_user(user: &[u8]) -> bool {
    !user.is_empty() && scan::host_end(user, 0) == user.len()
}

/// Where the `@` stands.
#[inline(always)]
fn plain_user_end(uri: &[u8]) -> Option<usize> {
    let start = b"sip:".len();
    if !uri.starts_with(b"sip:") {
        return None;
    }
    // A host is made of the same octets.
    let at = scan::host_end(uri, start);
    (at > start && uri.get(at) == Some(&b'@')).then_some(at)
}

/// The address that a contact names which is a plain user at an IPv4 address and a port, and nothing else.
pub fn plain_contact(uri: &[u8]) -> Option<SocketAddr> {
    let field: Field<'_> = Field::whole(uri);
    let (Host::V4(address), colon) = Host::parse_at(field, plain_user_end(uri)? + 1)? else {
        return None;
    };
    let start = colon + 1;
    let (port, end) = field.port(start)?;
    // Nobody writes zeros in front.
    let plain = uri.get(colon) == Some(&b':') && end == uri.len() && uri.get(start) != Some(&b'0');
    plain.then(|| SocketAddr::from((address, port)))
}

#[inline(never)]
fn plain_address(octets: &[u8], uri: Range<usize>) -> Option<&[u8]> {
    let field: Field<'_> = Field::new(octets, uri.end);
    let start = uri.start + b"sip:".len();
    if !field.has(uri.start, b"sip:") {
        return None;
    }
    let (at, _) = field.user_end(start);
    let host = at + 1;
    let end = scan::plain_host_end(octets, host).min(uri.end);
    let followed = matches!(field.get(end), None | Some(b':' | b';'));
    let plain = at > start && field.get(at) == Some(b'@') && end > host && followed;
    plain.then(|| field.slice(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_read_is_not_plain() {
        for (uri, address) in [
            ("sip:alice@example.test", Some("alice@example.test")),
            (
                "sip:alice@192.0.2.7:5070;transport=tcp",
                Some("alice@192.0.2.7"),
            ),
            (
                "sip:+1%20;x=y@example.test;lr",
                Some("+1%20;x=y@example.test"),
            ),
            ("sip:alice@example.test?subject=x", None),
            ("sip:alice@Example.test", None),
            ("sip:alice@under_score.test", None),
            ("sip:alice:secret@example.test", None),
            ("sip:example.test", None),
            ("sip:alice@[2001:db8::1]", None),
            ("sip:@example.test", None),
            ("sip:alice@", None),
            ("sips:alice@example.test", None),
            ("tel:+1-201", None),
        ] {
            for behind in ["", ">;tag=1\r\nCall-ID: 1@example.test\r\n"] {
                let octets = format!("f: <{uri}{behind}");
                let place = 4..4 + uri.len();
                let read = plain_address(octets.as_bytes(), place);
                assert_eq!(read, address.map(str::as_bytes), "{octets}");
            }
        }
    }

    #[test]
    fn a_plain_contact_is_what_its_uri_says() {
        for (uri, plain) in [
            ("sip:bob@192.0.2.7:5060", true),
            ("sip:b.o-b_1@10.0.0.255:65535", true),
            ("sip:bob@192.0.2.7", false),
            ("sip:bob@192.0.2.7:", false),
            ("sip:bob@192.0.2.7:0", false),
            ("sip:bob@192.0.2.7:65536", false),
            ("sip:bob@192.0.2.7:05060", false),
            ("sip:bob@192.0.2.256:5060", false),
            ("sip:bob@192.0.02.7:5060", false),
            ("sip:bob@192.0.2.7:5060;ob", false),
            ("sip:bob@192.0.2.7.1:5060", false),
            ("sip:bob:secret@192.0.2.7:5060", false),
            ("sip:bo%20b@192.0.2.7:5060", false),
            ("sip:@192.0.2.7:5060", false),
            ("sip:192.0.2.7:5060", false),
            ("sips:bob@192.0.2.7:5060", false),
            ("SIP:bob@192.0.2.7:5060", false),
            ("sip:bob@pc.example.test:5060", false),
            ("sip:bob@[2001:db8::1]:5060", false),
            ("sip:", false),
            ("", false),
        ] {
            let read = crate::Uri::parse(uri.as_bytes()).ok();
            let address = read.and_then(|uri| Some(SocketAddr::new(uri.host.ip()?, uri.port?)));
            let expected = address.filter(|_| plain);
            assert_eq!(plain_contact(uri.as_bytes()), expected, "{uri}");
        }
    }

    #[test]
    fn a_plain_user_has_letters_digits_and_three_marks() {
        for octet in 0..=u8::MAX {
            let plain = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
            for user in [[octet].to_vec(), [&[b'a'; 20][..], &[octet]].concat()] {
                assert_eq!(is_plain_user(&user), plain, "{octet:#x}");
                let uri = [b"sip:", &user[..], b"@h"].concat();
                let whole = plain_user(&uri).filter(|(read, _)| *read == user);
                assert_eq!(whole.is_some(), plain, "{octet:#x}");
            }
        }
        assert!(!is_plain_user(b""));
    }
}
