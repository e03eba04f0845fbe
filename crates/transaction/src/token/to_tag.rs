//! The To tag of stateless replies: a function of the request, so that a retransmission gets the same tag and the ACK
//! is recognised by it (RFC 3261 §8.2.7, §19.3).

use super::sealed::check_head;
use super::{Kind, Mac, SecretKey, Secrets, TokenError, VERSION, base32};

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

/// The tag for replies to the request whose topmost Via and Call-ID these are. It names neither node nor shard: all
/// workers give the same, also after a restart.
pub fn stateless_to_tag(
    secrets: &Secrets,
    via_host: &[u8],
    via_port: Option<u16>,
    branch: &[u8],
    call_id: &[u8],
) -> ToTag {
    let mut digits = [b'0'; TO_TAG_DIGITS];
    let (mut places, _) = digits.as_chunks_mut::<8>();
    let octets = octets_with(&secrets.current, via_host, via_port, branch, call_id);
    base32::each_group(&octets, |group| {
        if let (Some((place, rest)), Some(group)) = (
            core::mem::take(&mut places).split_first_mut(),
            group.first_chunk(),
        ) {
            *place = *group;
            places = rest;
        }
    });
    ToTag(digits)
}

/// True if `tag` is what [`stateless_to_tag`] gave or gives for that request, with either key.
pub fn is_own_to_tag(
    secrets: &Secrets,
    tag: &[u8],
    via_host: &[u8],
    via_port: Option<u16>,
    branch: &[u8],
    call_id: &[u8],
) -> bool {
    let check = || -> Result<bool, TokenError> {
        let mut octets = [0; OCTETS];
        if tag.len() != TO_TAG_DIGITS {
            return Err(TokenError::Foreign);
        }
        base32::decode(tag, &mut octets).ok_or(TokenError::Foreign)?;
        check_head(octets[0], &[Kind::ToTag])?;
        let key = secrets
            .key(octets[1])
            .ok_or(TokenError::UnknownKey(octets[1]))?;
        Ok(octets == octets_with(key, via_host, via_port, branch, call_id))
    };
    check().unwrap_or(false)
}

fn octets_with(
    key: &SecretKey,
    host: &[u8],
    port: Option<u16>,
    branch: &[u8],
    call_id: &[u8],
) -> [u8; OCTETS] {
    let mut mac = Mac::for_kind(key, Kind::ToTag);
    mac.add_ignoring_case(host);
    mac.add_number(port.map_or(0, |port| 1 << 16 | u64::from(port)));
    mac.add_ignoring_case(branch);
    mac.add(call_id);
    let mac = mac.finish();
    let mut octets = [0; OCTETS];
    octets[0] = VERSION << 4 | Kind::ToTag as u8;
    octets[1] = key.id;
    octets[2..].copy_from_slice(&mac.to_be_bytes());
    octets
}
