//! Tokens with a payload of the caller's: what Record-Route users and nonces are made of.

use super::{Kind, Mac, Secrets, TokenError, VERSION, base32};

/// Longest payload of a sealed token.
pub const SEALED_PAYLOAD_MAX: usize = 96;

const HEAD: usize = 2;
const MAC: usize = 8;

/// Appends a token of `kind` that carries `payload`. False, with nothing written, if the payload is too long.
pub fn seal(secrets: &Secrets, kind: Kind, payload: &[u8], out: &mut Vec<u8>) -> bool {
    let mut octets = [0; HEAD + SEALED_PAYLOAD_MAX + MAC];
    let key = &secrets.current;
    let body = HEAD + payload.len();
    octets[0] = VERSION << 4 | kind as u8;
    octets[1] = key.id;
    let Some(place) = octets.get_mut(HEAD..body) else {
        return false;
    };
    place.copy_from_slice(payload);
    let mac = Mac::for_kind(key, kind)
        .part(octets.get(..body).unwrap_or_default())
        .finish();
    let Some(place) = octets.get_mut(body..body + MAC) else {
        return false;
    };
    place.copy_from_slice(&mac.to_be_bytes());
    base32::encode(octets.get(..body + MAC).unwrap_or_default(), out);
    true
}

/// Reads a token of `kind` into `buffer` and returns its payload. `buffer` takes [`SEALED_PAYLOAD_MAX`] + 10 octets.
pub fn open<'a>(
    secrets: &Secrets,
    kind: Kind,
    token: &[u8],
    buffer: &'a mut [u8; SEALED_PAYLOAD_MAX + HEAD + MAC],
) -> Result<&'a [u8], TokenError> {
    let length = base32::decode(token, buffer).ok_or(TokenError::Foreign)?;
    let (body, mac) = buffer
        .get(..length)
        .and_then(|octets| octets.split_last_chunk::<MAC>())
        .ok_or(TokenError::Foreign)?;
    let (head, payload) = body
        .split_first_chunk::<HEAD>()
        .ok_or(TokenError::Foreign)?;
    check_head(head[0], &[kind])?;
    let key = secrets
        .key(head[1])
        .ok_or(TokenError::UnknownKey(head[1]))?;
    if Mac::for_kind(key, kind).part(body).finish().to_be_bytes() != *mac {
        return Err(TokenError::BadMac);
    }
    Ok(payload)
}

/// Reads the first octet of a token.
pub(super) fn check_head(octet: u8, kinds: &[Kind]) -> Result<Kind, TokenError> {
    let (version, kind) = (octet >> 4, octet & 15);
    if version != VERSION {
        return Err(TokenError::UnknownVersion(version));
    }
    kinds
        .iter()
        .copied()
        .find(|known| *known as u8 == kind)
        .ok_or(TokenError::WrongKind(kind))
}
