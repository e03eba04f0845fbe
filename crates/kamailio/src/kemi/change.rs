//! How functions of scripts change the message: whole header lines, ranges of the header section, the body.

use core::ops::Range;

use strowger_sip::{Edits, Header, HeaderName, Message};

use super::door::LogLevel;
use super::run::KemiRun;

/// Octets that scripts may write into one message (128 KiB).
pub const CHANGED_OCTETS_MAX: usize = 128 * 1_024;
/// Changes that scripts may make to one message (1,024).
pub const CHANGES_MAX: usize = 1_024;

impl KemiRun {
    /// Changes the message, writing about so many octets; false, after an error line, if the script has changed too much.
    pub(crate) fn change(
        &mut self,
        octets: usize,
        f: &mut dyn FnMut(&Message, &mut Edits),
    ) -> bool {
        let edits = &self.context.draft().edits;
        if edits.written().saturating_add(octets) > CHANGED_OCTETS_MAX || edits.len() >= CHANGES_MAX
        {
            self.log(LogLevel::Error, b"the script changes the message too much");
            return false;
        }
        self.context
            .edit(&mut |message, draft| f(message, &mut draft.edits));
        true
    }

    /// Replaces ranges of the header section; line ends become spaces.
    pub(crate) fn replace(&mut self, changes: &[(Range<usize>, Vec<u8>)]) -> bool {
        changes.iter().all(|(range, octets)| {
            self.change(octets.len(), &mut |_, edits| {
                edits.replace_range(range.clone(), octets);
            })
        })
    }

    /// Replaces ranges of the message that lie in its body.
    pub(crate) fn replace_in_body(&mut self, changes: &[(Range<usize>, Vec<u8>)]) -> bool {
        let done = changes.iter().all(|(range, octets)| {
            self.change(octets.len(), &mut |message, edits| {
                edits.replace_in_body(message, range.clone(), octets);
            })
        });
        if !changes.is_empty() {
            self.context.draft_mut().body_replaced = true;
        }
        done
    }
}

/// Complete header lines as they may stand in a message, each with its CR LF: those that lack it get it. `None` if one of
/// them is no header line, or the header section would end behind it.
pub(crate) fn lines(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 2);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Some(out);
    }
    for (index, line) in text.split(|octet| *octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let folded = index > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        if !folded {
            let colon = line.iter().position(|octet| *octet == b':')?;
            let name = line.get(..colon)?.trim_ascii_end();
            if name.is_empty() || !name.iter().all(|octet| is_token(*octet)) || is_framing(name) {
                return None;
            }
        }
        if line.iter().any(|octet| matches!(octet, 0 | b'\r')) {
            return None;
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    Some(out)
}

/// True for header fields that say whose a message is and where it ends: a second one of them is a conflict that every
/// reader settles in its own way.
fn is_framing(name: &[u8]) -> bool {
    matches!(
        HeaderName::from_bytes(name),
        HeaderName::ContentLength
            | HeaderName::Via
            | HeaderName::CSeq
            | HeaderName::CallId
            | HeaderName::From
            | HeaderName::To
            | HeaderName::MaxForwards
    )
}

/// True for octets of a token (RFC 3261 §25.1).
pub(crate) fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

/// All header fields of a name, long or compact, in either case.
pub(crate) fn headers_named<'m>(
    message: &'m Message,
    name: &'m [u8],
) -> impl Iterator<Item = Header<'m>> {
    let known = HeaderName::from_bytes(name);
    message.headers().filter(move |header| match known {
        HeaderName::Unknown => header.name_raw.eq_ignore_ascii_case(name),
        known => header.name == known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_lines_do_and_nothing_but_lines_is_let_pass() {
        let read = |text: &str| {
            lines(text.as_bytes()).map(|lines| String::from_utf8_lossy(&lines).into_owned())
        };
        for (text, result) in [
            ("", Some("")),
            ("\r\n", Some("")),
            ("A: 1", Some("A: 1\r\n")),
            ("A: 1\n", Some("A: 1\r\n")),
            ("A: 1\r\nB : 2\r\n", Some("A: 1\r\nB : 2\r\n")),
            ("A: 1\r\n folded", Some("A: 1\r\n folded\r\n")),
            (" A: 1", None),
            ("A", None),
            (": 1", None),
            ("A B: 1", None),
            ("A: 1\r\n\r\nbody: x", None),
            ("A: 1\r\n\r\n", None),
            ("A: 1\0", None),
            ("A: 1\rB: 2", None),
        ] {
            assert_eq!(read(text).as_deref(), result, "{text:?}");
        }
    }
}
