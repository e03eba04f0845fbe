//! `{s.encode.…}`, `{s.escape.…}` and digests: a text in another writing.

use strowger_sip::Algorithm;

use super::super::value::PvValue;

/// A transformation of the writing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum EncodeOp {
    ToHex,
    FromHex,
    /// With the alphabet of URLs; with padding.
    ToBase64 {
        url: bool,
        padded: bool,
    },
    FromBase64,
    EscapeCommon,
    UnescapeCommon,
    EscapeUser,
    EscapeParam,
    Unescape,
    EscapeCsv,
    UrlEncode,
    UrlDecode,
    Md5,
    Sha256,
}

impl EncodeOp {
    pub(crate) fn parse(name: &str) -> Option<EncodeOp> {
        Some(match name {
            "encode.hexa" => EncodeOp::ToHex,
            "decode.hexa" => EncodeOp::FromHex,
            "encode.base64" => EncodeOp::ToBase64 {
                url: false,
                padded: true,
            },
            "encode.base64t" => EncodeOp::ToBase64 {
                url: false,
                padded: false,
            },
            "encode.base64url" => EncodeOp::ToBase64 {
                url: true,
                padded: true,
            },
            "encode.base64urlt" => EncodeOp::ToBase64 {
                url: true,
                padded: false,
            },
            "decode.base64" | "decode.base64t" | "decode.base64url" | "decode.base64urlt" => {
                EncodeOp::FromBase64
            }
            "escape.common" => EncodeOp::EscapeCommon,
            "unescape.common" => EncodeOp::UnescapeCommon,
            "escape.user" => EncodeOp::EscapeUser,
            "escape.param" => EncodeOp::EscapeParam,
            "unescape.user" | "unescape.param" => EncodeOp::Unescape,
            "escape.csv" => EncodeOp::EscapeCsv,
            "urlencode.param" => EncodeOp::UrlEncode,
            "urldecode.param" => EncodeOp::UrlDecode,
            "md5" => EncodeOp::Md5,
            "sha256" => EncodeOp::Sha256,
            _ => return None,
        })
    }

    pub(crate) fn apply<'s>(self, text: &[u8]) -> PvValue<'s> {
        let mut out = Vec::with_capacity(text.len() + text.len() / 2);
        let done = match self {
            EncodeOp::ToHex => {
                text.iter().for_each(|octet| push_hex(&mut out, *octet));
                Some(())
            }
            EncodeOp::FromHex => from_hex(text, &mut out),
            EncodeOp::ToBase64 { url, padded } => {
                to_base64(text, url, padded, &mut out);
                Some(())
            }
            EncodeOp::FromBase64 => from_base64(text, &mut out),
            EncodeOp::EscapeCommon => {
                escape_common(text, &mut out);
                Some(())
            }
            EncodeOp::UnescapeCommon => {
                unescape_common(text, &mut out);
                Some(())
            }
            EncodeOp::EscapeUser => {
                let plain = |octet: u8| b"-_.!~*'()&=+$,;?".contains(&octet);
                percent(text, plain, &mut out);
                Some(())
            }
            EncodeOp::EscapeParam => {
                let plain = |octet: u8| b"-_.!~*'()[]/:&+$".contains(&octet);
                percent(text, plain, &mut out);
                Some(())
            }
            EncodeOp::UrlEncode => {
                percent(text, |octet| b"-_.~".contains(&octet), &mut out);
                Some(())
            }
            EncodeOp::Unescape => unpercent(text, false, &mut out),
            EncodeOp::UrlDecode => unpercent(text, true, &mut out),
            EncodeOp::EscapeCsv => {
                out.push(b'"');
                for octet in text {
                    out.extend_from_slice(if *octet == b'"' { b"\"" } else { b"" });
                    out.push(*octet);
                }
                out.push(b'"');
                Some(())
            }
            EncodeOp::Md5 => {
                out.extend_from_slice(Algorithm::Md5.hash(&[text]).as_bytes());
                Some(())
            }
            EncodeOp::Sha256 => {
                out.extend_from_slice(Algorithm::Sha256.hash(&[text]).as_bytes());
                Some(())
            }
        };
        done.map_or(PvValue::Null, |()| PvValue::owned(out))
    }
}

fn push_hex(out: &mut Vec<u8>, octet: u8) {
    for digit in [octet >> 4, octet & 15] {
        out.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit as u8));
    }
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn from_hex(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    for pair in text.chunks(2) {
        let [high, low] = pair else {
            return None;
        };
        out.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
    }
    Some(())
}

/// A backslash before quotes and backslashes; `\0` for the octet zero.
pub(crate) fn escape_common(text: &[u8], out: &mut Vec<u8>) {
    for &octet in text {
        match octet {
            b'\'' | b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            0 => out.extend_from_slice(b"\\0"),
            _ => out.push(octet),
        }
    }
}

fn unescape_common(text: &[u8], out: &mut Vec<u8>) {
    let mut octets = text.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match (octet, octets.peek()) {
            (b'\\', Some(&next @ (b'\'' | b'"' | b'\\'))) => {
                out.push(next);
                octets.next();
            }
            (b'\\', Some(b'0')) => {
                out.push(0);
                octets.next();
            }
            _ => out.push(octet),
        }
    }
}

fn percent(text: &[u8], plain: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    for &octet in text {
        if octet.is_ascii_alphanumeric() || plain(octet) {
            out.push(octet);
        } else {
            out.push(b'%');
            push_hex(out, octet);
        }
    }
}

fn unpercent(text: &[u8], plus_is_blank: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'%' => out.push(hex_digit(octets.next()?)? << 4 | hex_digit(octets.next()?)?),
            b'+' if plus_is_blank => out.push(b' '),
            _ => out.push(octet),
        }
    }
    Some(())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(text: &[u8], url: bool, padded: bool, out: &mut Vec<u8>) {
    for chunk in text.chunks(3) {
        let octet = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let word = octet(0) << 16 | octet(1) << 8 | octet(2);
        for index in 0..4 {
            if index > chunk.len() {
                out.extend(padded.then_some(b'='));
                continue;
            }
            let digit = word >> (18 - 6 * index) & 63;
            let digit = usize::try_from(digit)
                .ok()
                .and_then(|digit| BASE64.get(digit))
                .copied();
            out.push(match digit.unwrap_or_default() {
                b'+' if url => b'-',
                b'/' if url => b'_',
                digit => digit,
            });
        }
    }
}

/// Either alphabet, with or without padding.
fn from_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut word, mut bits) = (0_u32, 0);
    for &octet in text.iter().take_while(|octet| **octet != b'=') {
        let digit = match octet {
            b'-' => 62,
            b'_' => 63,
            octet => u32::try_from(BASE64.iter().position(|digit| *digit == octet)?).ok()?,
        };
        word = (word << 6 | digit) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    Some(())
}
