//! Quoted strings: where they end, and what they say (RFC 3261 §25.1 `quoted-string`).

use std::borrow::Cow;

use crate::field::Field;

/// Position after the closing quote of the string that opens at `open`.
pub(crate) fn end_of_quoted(octets: &[u8], open: usize) -> Option<usize> {
    Field::whole(octets).quoted_end(open)
}

/// Without the quotes around it, if there are any.
pub(crate) fn strip_quotes(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

/// What a quoted string says: quotes taken off, `\x` turned into `x`. Other values come back as they are.
pub fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = value else {
        return Cow::Borrowed(value);
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut octets = inner.iter().copied();
    while let Some(octet) = octets.next() {
        plain.push(if octet == b'\\' {
            octets.next().unwrap_or(octet)
        } else {
            octet
        });
    }
    Cow::Owned(plain)
}

/// Appends `text` as a quoted string. CR, LF and NUL become spaces.
pub fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let plain = text
        .iter()
        .all(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n' | 0));
    if plain {
        out.extend_from_slice(text);
    } else {
        write_escaped(out, text);
    }
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for &octet in text {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            b'\r' | b'\n' | 0 => out.push(b' '),
            _ => out.push(octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        let mut out = Vec::new();
        write_quoted(&mut out, b"a \"b\" \\c");
        assert_eq!(out, b"\"a \\\"b\\\" \\\\c\"");
        assert_eq!(unquote(&out).as_ref(), b"a \"b\" \\c");
        assert_eq!(end_of_quoted(&out, 0), Some(out.len()));
    }

    #[test]
    fn a_string_without_end_has_none() {
        assert_eq!(end_of_quoted(b"\"abc\\\"", 0), None);
        assert_eq!(end_of_quoted(b"\"abc\\", 0), None);
    }
}
