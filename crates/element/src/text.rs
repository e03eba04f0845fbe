//! Text of an event: octets from the wire in a fixed place, shown so that they cannot forge a log line.

use core::fmt;
use core::net::Ipv4Addr;
use std::io::Write;

use strowger_sip::Host;

/// Octets from the wire, cut to what an event holds. Displayed with control characters and
/// non-UTF-8 octets escaped, so that nothing from the wire can forge a log line.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Text {
    length: u8,
    octets: [u8; Text::OCTETS_MAX],
}

impl Text {
    /// Longest text kept; what is longer is cut and shown with `…`.
    pub const OCTETS_MAX: usize = 63;
    const CUT: u8 = u8::MAX;
    /// No text.
    pub const EMPTY: Text = Text {
        length: 0,
        octets: [0; Text::OCTETS_MAX],
    };

    /// Keeps the first [`Text::OCTETS_MAX`] octets.
    pub fn new(source: &[u8]) -> Text {
        let mut text = Text::EMPTY;
        text.push(source);
        text
    }

    /// Appends octets as far as there is room.
    pub fn push(&mut self, source: &[u8]) {
        if self.length == Text::CUT {
            return;
        }
        let room = &mut self.octets[usize::from(self.length)..];
        let kept = source.len().min(room.len());
        room[..kept].copy_from_slice(&source[..kept]);
        self.length = match kept == source.len() {
            true => self.length + kept as u8,
            false => Text::CUT,
        };
    }

    /// Appends a host in canonical form: names in lower case, IPv6 in brackets.
    pub fn push_host(&mut self, host: &Host<'_>) {
        match host {
            Host::Name(name) => {
                let start = self.as_bytes().len();
                self.push(name);
                self.octets[start..].make_ascii_lowercase();
            }
            Host::V4(address) => self.push_v4(*address),
            Host::V6(_) => {
                let mut canonical = Vec::new();
                host.write(&mut canonical);
                self.push(&canonical);
            }
        }
    }

    fn push_v4(&mut self, address: Ipv4Addr) {
        let mut text = [b'.'; 16];
        let mut length = 0;
        let mut put = |octet| {
            text[length & 15] = octet;
            length += 1;
        };
        for octet in address.octets() {
            if octet >= 100 {
                put(b'0' + octet / 100);
            }
            if octet >= 10 {
                put(b'0' + octet / 10 % 10);
            }
            put(b'0' + octet % 10);
            put(b'.');
        }
        self.push(&text[..length - 1]);
    }

    /// The octets kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..(self.length as usize).min(Text::OCTETS_MAX)]
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// True if there was more than is kept.
    pub fn is_cut(&self) -> bool {
        self.length == Text::CUT
    }

    /// Appends what is displayed.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_displayed(self.as_bytes(), out);
        if self.is_cut() {
            out.extend_from_slice("…".as_bytes());
        }
    }
}

/// Appends octets of a text as they are displayed.
pub fn write_displayed(octets: &[u8], out: &mut Vec<u8>) {
    let printable = |octet: &u8| octet.wrapping_sub(b' ') < 0x5f;
    // Without an early end, so that many octets are looked at together.
    if octets
        .iter()
        .fold(true, |all, octet| all & printable(octet))
    {
        out.extend_from_slice(octets);
    } else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{}", Displayed(octets));
    }
}

struct Displayed<'a>(&'a [u8]);

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Displayed(self.as_bytes()))?;
        if self.is_cut() {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_wire_cannot_forge_a_line() {
        assert_eq!(
            Text::new(b"a\r\nERROR b\x1b[0m\xff").to_string(),
            "a\\r\\nERROR b\\u{1b}[0m\\xff"
        );
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let text = Text::new(&[b'x'; 200]);
        assert_eq!(text.as_bytes().len(), Text::OCTETS_MAX);
        assert!(text.to_string().ends_with('…'));
    }

    #[test]
    fn what_is_written_is_what_is_displayed() {
        for octet in 0..=u8::MAX {
            for source in [&[b'a', octet, b'b'][..], &[octet; Text::OCTETS_MAX + 1]] {
                let text = Text::new(source);
                let mut written = Vec::new();
                text.write(&mut written);
                assert_eq!(written, text.to_string().into_bytes(), "{octet}");
            }
        }
    }

    #[test]
    fn a_text_grows_until_it_is_full() {
        let mut text = Text::new(b"alice");
        text.push(b"@");
        text.push_host(&Host::Name(b"Example.Test"));
        assert_eq!(text.as_bytes(), b"alice@example.test");
        text.push(&[b'x'; Text::OCTETS_MAX]);
        text.push(b"y");
        assert!(text.is_cut());
        assert!(
            text.as_bytes()
                .ends_with(b"testxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
        );
    }

    #[test]
    fn addresses_are_written_as_hosts() {
        for address in ["0.9.10.99", "100.255.1.20", "[2001:db8::1]"] {
            let host = Host::parse(address.as_bytes()).expect("a host");
            let mut text = Text::EMPTY;
            text.push_host(&host);
            assert_eq!(text.to_string(), address);
        }
    }
}
