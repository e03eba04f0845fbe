//! The To tag of stateless replies: a function of the request, so that a retransmission gets the same tag and the ACK
//! is recognised by it (RFC 3261 §8.2.7, §19.3).

use super::sealed::check_head;
use super::{Kind, Mac, SecretKey, Secrets, TokenError, VERSION, base32};
use crate::request_key::RequestKey;

/// Digits of a To tag.
pub const TO_TAG_DIGITS: usize = 16;
const OCTETS: usize = 10;

/// A To tag as text.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ToTag([u8; TO_TAG_DIGITS]);

impl ToTag {
    /// The digits.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The tag for replies to the request with this key and Call-ID. It names neither node nor shard: all workers give the
/// same, also after a restart.
pub(crate) fn to_tag(secret: &SecretKey, request: RequestKey, call_id: &[u8]) -> ToTag {
    let mut digits = [b'0'; TO_TAG_DIGITS];
    let octets = octets_with(secret, request, call_id);
    let (places, groups) = (digits.as_chunks_mut::<8>().0, octets.as_chunks::<5>().0);
    for (place, group) in places.iter_mut().zip(groups) {
        *place = base32::group(group);
    }
    ToTag(digits)
}

/// True if `tag` is what [`to_tag`] gave or gives for a request with that Call-ID, with either secret; `key` says what
/// key the request has under a secret.
pub(crate) fn is_own_to_tag(
    secrets: &Secrets,
    tag: &[u8],
    key: impl FnOnce(&SecretKey) -> RequestKey,
    call_id: &[u8],
) -> bool {
    let check = || -> Result<bool, TokenError> {
        let mut octets = [0; OCTETS];
        if tag.len() != TO_TAG_DIGITS {
            return Err(TokenError::Foreign);
        }
        base32::decode(tag, &mut octets).ok_or(TokenError::Foreign)?;
        check_head(octets[0], &[Kind::ToTag])?;
        let secret = secrets
            .key(octets[1])
            .ok_or(TokenError::UnknownKey(octets[1]))?;
        Ok(octets == octets_with(secret, key(secret), call_id))
    };
    check().unwrap_or(false)
}

fn octets_with(secret: &SecretKey, request: RequestKey, call_id: &[u8]) -> [u8; OCTETS] {
    let mut mac = Mac::for_kind(secret, Kind::ToTag);
    // Half of the key is as many bits as the tag has.
    mac.add_number(request.bits());
    mac.add(call_id);
    let mac = mac.finish();
    let mut octets = [0; OCTETS];
    octets[0] = VERSION << 4 | Kind::ToTag as u8;
    octets[1] = secret.id;
    octets[2..].copy_from_slice(&mac.to_be_bytes());
    octets
}
