//! Events: what happened, small and of fixed size, built only if somebody's interest mask asks.
//!
//! Metrics, log lines, the live view and (later) call records, bus messages and statistics are all made from these.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{Time, Transport};

/// Who wants which events: a set of bits.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest(pub u32);

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// Final responses of 300 and above, challenges apart; time-outs; refused messages.
    pub const FAILURES: Interest = Interest(1);
    /// Bindings that appeared, went or changed their contact.
    pub const REGISTRATIONS: Interest = Interest(1 << 1);
    /// Calls that were answered, ended or failed.
    pub const CALLS: Interest = Interest(1 << 2);
    /// Every request with its answer (the live view).
    pub const REQUESTS: Interest = Interest(1 << 3);
    /// What a server logs unless told otherwise: failures, state changes, call ends.
    pub const DEFAULT: Interest = Interest(0b111);
    /// Everything.
    pub const ALL: Interest = Interest(u32::MAX);

    /// True if any bit of `other` is asked for.
    pub const fn wants(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }
    /// Both sets.
    pub const fn and(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

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
        let kept = source.len().min(Text::OCTETS_MAX);
        text.octets[..kept].copy_from_slice(&source[..kept]);
        text.length = if source.len() > kept {
            Text::CUT
        } else {
            kept as u8
        };
        text
    }
    /// The octets kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..(self.length as usize).min(Text::OCTETS_MAX)]
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
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
        if self.length == Text::CUT {
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

/// What kind of thing happened.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A request got its final answer (`status`); `elapsed` since it arrived.
    Answered,
    /// A request was not answered, `detail` says why.
    Dropped,
    /// A binding was added; `detail` is the contact.
    Registered,
    /// A binding was refreshed; `detail` is the contact.
    Refreshed,
    /// A binding was removed or expired; `detail` is the contact.
    Unregistered,
    /// A call was answered with 2xx.
    CallAnswered,
    /// A call ended with BYE.
    CallEnded,
    /// A call got another final response than 2xx.
    CallFailed,
    /// A message could not be understood; `detail` is the reason.
    Malformed,
    /// Credentials were refused; `detail` is the user name as sent.
    CredentialsRefused,
}

/// One event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, wall clock.
    pub wall: Time,
    /// Time since the request arrived; zero where there is none.
    pub elapsed: Duration,
    /// Response status, 0 if there is none.
    pub status: u16,
    /// Transport of the source.
    pub transport: Transport,
    /// Where the request came from.
    pub source: SocketAddr,
    /// The method.
    pub method: Text,
    /// The caller: From as `user@host`.
    pub from: Text,
    /// The called: To as `user@host`.
    pub to: Text,
    /// Call-ID.
    pub call_id: Text,
    /// More, by kind.
    pub detail: Text,
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
}
