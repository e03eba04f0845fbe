//! What a user agent server owes a request that is for this element itself (RFC 3261 §8.2.2, §8.2.3, §11.2).

use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use strowger_sip::{HeaderName, Message, Now, StatusCode, Time};

/// A refusal: status and complete header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerRefusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<u8>,
}

/// Option tags of Require that our own answers support (RFC 3261 §8.2.2.3).
const SUPPORTED: [&[u8]; 2] = [b"path", b"outbound"];

/// Judges Require and the body of a request that we answer ourselves.
pub(crate) fn judge(request: &Message) -> Result<(), ServerRefusal> {
    let mut unsupported = Vec::new();
    for tag in request.option_tags(HeaderName::Require) {
        if !SUPPORTED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
        {
            unsupported.extend_from_slice(if unsupported.is_empty() {
                b"Unsupported: "
            } else {
                b", "
            });
            unsupported.extend_from_slice(tag);
        }
    }
    if !unsupported.is_empty() {
        unsupported.extend_from_slice(b"\r\n");
        return Err(ServerRefusal {
            status: StatusCode::BAD_EXTENSION,
            headers: unsupported,
        });
    }
    let refuse = |lines: &[u8]| {
        Err(ServerRefusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            headers: lines.to_vec(),
        })
    };
    if request.body().is_empty() || is_optional(request) {
        return Ok(());
    }
    if request
        .header(HeaderName::ContentEncoding)
        .is_some_and(|header| !header.value.eq_ignore_ascii_case(b"identity"))
    {
        return refuse(b"Accept-Encoding: identity\r\n");
    }
    let media = request
        .header(HeaderName::ContentType)
        .map_or(b"".as_slice(), |header| header.value);
    let media = media
        .split(|&octet| octet == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    if media.eq_ignore_ascii_case(b"application/sdp") {
        Ok(())
    } else {
        refuse(b"Accept: application/sdp\r\n")
    }
}

/// True if the sender lets us ignore the body (RFC 3261 §20.11).
fn is_optional(request: &Message) -> bool {
    request
        .header(HeaderName::ContentDisposition)
        .is_some_and(|header| {
            header
                .value
                .split(|&octet| octet == b';')
                .skip(1)
                .any(|parameter| {
                    let mut parts = parameter.splitn(2, |&octet| octet == b'=');
                    let (name, value) = (
                        parts.next().unwrap_or_default(),
                        parts.next().unwrap_or_default(),
                    );
                    name.trim_ascii().eq_ignore_ascii_case(b"handling")
                        && value.trim_ascii().eq_ignore_ascii_case(b"optional")
                })
        })
}

/// The requests this element answered itself of late, to find one that came by two ways (RFC 3261 §8.2.2.2).
/// One word per place; a newer request takes the place of an older one.
#[derive(Debug)]
pub(crate) struct RecentRequests {
    places: Box<[(u64, u64, Time)]>,
    hasher: FixedState,
}

impl RecentRequests {
    /// Requests remembered per shard.
    pub(crate) const PLACES: usize = 1_024;
    /// How long a request is remembered: as long as its transaction would live (64*T1).
    const REMEMBERED_SECONDS: u64 = 32;

    pub(crate) fn new(seed: u64) -> RecentRequests {
        RecentRequests {
            places: vec![(0, 0, Time::ZERO); Self::PLACES].into_boxed_slice(),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Remembers a request and the way it came by; true if the same one came before by another way.
    pub(crate) fn is_merged(&mut self, now: Now, request: &Message, way: u64) -> bool {
        let Some(tag) = request.from_tag().filter(|_| request.to_tag().is_none()) else {
            return false;
        };
        let mut hasher = self.hasher.build_hasher();
        hasher.write(tag);
        hasher.write(request.call_id());
        let method = request.method();
        match method.known_index() {
            Some(index) => hasher.write_u8(index),
            None => hasher.write(method.as_bytes()),
        }
        hasher.write_u32(request.cseq().number);
        let identity = hasher.finish();
        let Some(place) = self.places.get_mut(identity as usize % Self::PLACES) else {
            return false;
        };
        let until = Time::from_secs(place.2.as_secs() + Self::REMEMBERED_SECONDS);
        if place.0 == identity && now.monotonic < until {
            return place.1 != way;
        }
        *place = (identity, way, now.monotonic);
        false
    }
}
