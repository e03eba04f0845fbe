//! Where the lines of a header section end (RFC 3261 §7.3.1, §25.1 `LWS`, `HCOLON`).

use crate::charset::{self, TOKEN};
use crate::field::Field;
use crate::header_name::HeaderName;
use crate::scan;

/// Whether the empty line follows the line that ends at this CR LF; `None` if it is none, or a fold.
#[inline(always)]
pub(crate) fn line_break(octets: &[u8], at: usize) -> Option<bool> {
    let next = u32::from_le_bytes(*octets.get(at..at.wrapping_add(4))?.first_chunk()?);
    if next & 0xffff != LINE_BREAK {
        return None;
    }
    // What begins a name is beyond SP, HTAB and CR.
    if (next >> 16) as u8 > b' ' {
        return Some(false);
    }
    (next >> 16 == LINE_BREAK).then_some(true)
}

/// CR LF as a number.
const LINE_BREAK: u32 = u16::from_le_bytes(*b"\r\n") as u32;

/// Name, its length and where the value starts, where LWS stands before the colon, or the name is long or unknown.
/// A fold is no part of either: `HCOLON` has only SP and HTAB before the colon (§25.1).
#[inline(never)]
pub(crate) fn unusual_name(
    octets: &[u8],
    end: usize,
    at: usize,
) -> Option<(HeaderName, usize, usize)> {
    let line = Field::new(octets, end);
    let colon = line.find(at, b':');
    let mut name = line.slice(at, colon);
    while let [head @ .., b' ' | b'\t'] = name {
        name = head;
    }
    let sound = colon < end && !name.is_empty() && charset::all(name, TOKEN);
    sound.then(|| (HeaderName::from_bytes(name), name.len(), colon + 1))
}

/// Where a line ends (at its CR), the first octet in it that must not be there, and whether the empty line follows.
pub(crate) struct WholeLine {
    pub(crate) end: usize,
    pub(crate) stray: Option<usize>,
    pub(crate) last: bool,
}

/// Finds the CR LF that ends the line at `start`; with `folds`, one that no SP or HTAB follows (§7.3.1).
pub(crate) fn whole_line(octets: &[u8], start: usize, folds: bool) -> Option<WholeLine> {
    let mut line = WholeLine {
        end: start,
        stray: None,
        last: false,
    };
    let mut at = scan::control(octets, start);
    loop {
        match octets.get(at..)? {
            [] => return None,
            [b'\r', b'\n', b' ' | b'\t', ..] if folds => at += 1,
            [b'\r', b'\n', rest @ ..] => {
                line.end = at;
                line.last = rest.starts_with(b"\r\n");
                return Some(line);
            }
            _ if is_stray(octets, start, at) && line.stray.is_none() => line.stray = Some(at),
            _ => {}
        }
        at = scan::control(octets, at + 1);
    }
}

/// CR, LF and NUL; but NUL may be quoted in a quoted string (§25.1 `quoted-pair`). Other controls are let pass.
fn is_stray(octets: &[u8], start: usize, at: usize) -> bool {
    match octets.get(at) {
        Some(b'\r' | b'\n') => true,
        Some(0) => at == start || octets.get(at - 1) != Some(&b'\\'),
        _ => false,
    }
}
