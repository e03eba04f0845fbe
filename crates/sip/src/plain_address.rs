//! `user@host` of From and To where it stands in the URI as it is: for whoever tells of a message.

use core::ops::Range;

use crate::field::Field;
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
}
