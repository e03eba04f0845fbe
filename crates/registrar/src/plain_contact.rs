//! URIs of the plain forms that most have: `sip:user@host` and `sip:user@192.0.2.1:5060`. What such a one says can be had
//! without reading it as a URI.

use std::net::{IpAddr, SocketAddr};

use strowger_sip::Host;

/// User and host of `sip:user@host`, if the user is one that is written the same wherever it stands: letters, digits,
/// `-`, `.` and `_`. Whether the host is one, and what follows it, is not looked at.
pub fn plain_user(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = uri.strip_prefix(b"sip:")?;
    let at = rest.iter().position(|octet| *octet == b'@')?;
    let (user, host) = (rest.get(..at)?, rest.get(at + 1..)?);
    is_plain(user).then_some((user, host))
}

/// True for a user that is written as it stands in any canonical form.
pub(crate) fn is_plain(user: &[u8]) -> bool {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    // All octets are looked at, whatever the first ones are: that is done many at a time.
    !user.is_empty() && user.iter().fold(true, |all, octet| all & plain(octet))
}

/// The address that a contact names which is a plain user at an IPv4 address and a port, and nothing else.
pub fn plain_contact(uri: &[u8]) -> Option<SocketAddr> {
    let (_, place) = plain_user(uri)?;
    let colon = place.iter().position(|octet| *octet == b':')?;
    let (host, port) = (place.get(..colon)?, place.get(colon + 1..)?);
    let Some(Host::V4(address)) = Host::parse(host) else {
        return None;
    };
    // Nobody writes zeros in front.
    if !(1..=5).contains(&port.len()) || port.first() == Some(&b'0') {
        return None;
    }
    let mut number = 0_u32;
    for octet in port {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    let port = u16::try_from(number).ok()?;
    Some(SocketAddr::new(IpAddr::V4(address), port))
}

#[cfg(test)]
mod tests {
    use strowger_sip::Uri;

    use super::plain_contact;

    #[test]
    fn a_plain_contact_is_what_its_uri_says() {
        for (uri, plain) in [
            ("sip:bob@192.0.2.7:5060", true),
            ("sip:b.o-b_1@10.0.0.255:65535", true),
            ("sip:bob@192.0.2.7", false),
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
        ] {
            let address = plain_contact(uri.as_bytes());
            assert_eq!(address.is_some(), plain, "{uri}");
            if let Some(address) = address {
                let read = Uri::parse(uri.as_bytes()).expect("it is a URI");
                assert_eq!(read.host.ip(), Some(address.ip()), "{uri}");
                assert_eq!(read.port, Some(address.port()), "{uri}");
                assert!(read.is_sip() && read.parameters.as_bytes().is_empty());
            }
        }
    }
}
