//! Header fields by name, digest credentials, and Via.

use strowger_sip::{Header, HeaderName, ListItems, Message, Via, digest_parameter};

use super::item::{Credential, HeaderPart};
use super::read::{push_number, written};
use super::source::Place;
use super::uri::split_at;
use super::value::PvValue;

/// Header fields whose values are lists.
const LISTS: &[HeaderName] = &[
    HeaderName::Via,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Path,
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::Diversion,
];

/// All header fields of a name, long or compact, in either case.
fn named<'m>(message: &'m Message, name: &[u8]) -> impl Iterator<Item = Header<'m>> {
    let known = HeaderName::from_bytes(name);
    let name = name.to_ascii_lowercase();
    message.headers().filter(move |header| match known {
        HeaderName::Unknown => header.name_raw.eq_ignore_ascii_case(&name),
        known => header.name == known,
    })
}

/// `$hdr`, `$hdrc`, `$hfl`, `$hflc`.
pub(crate) fn fields<'m>(
    message: &'m Message,
    name: &[u8],
    part: HeaderPart,
    place: Place,
) -> PvValue<'m> {
    let values = named(message, name).map(|header| header.value);
    let is_list = LISTS.contains(&HeaderName::from_bytes(name));
    match part {
        HeaderPart::Body => choose(values, place),
        HeaderPart::Count => count(values),
        HeaderPart::Item if is_list => choose(values.flat_map(ListItems::new), place),
        HeaderPart::Item => choose(values, place),
        HeaderPart::ItemCount if is_list => count(values.flat_map(ListItems::new)),
        HeaderPart::ItemCount => count(values),
    }
}

fn count<'m>(values: impl Iterator<Item = &'m [u8]>) -> PvValue<'m> {
    PvValue::Int(i64::try_from(values.count()).unwrap_or(i64::MAX))
}

fn choose<'m>(mut values: impl Iterator<Item = &'m [u8]>, place: Place) -> PvValue<'m> {
    match place {
        Place::Newest => PvValue::maybe(values.next()),
        Place::At(index) => {
            if let Ok(index) = usize::try_from(index) {
                return PvValue::maybe(values.nth(index));
            }
            let values: Vec<&[u8]> = values.collect();
            let from_end = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            let at = values.len().checked_sub(from_end);
            PvValue::maybe(at.and_then(|at| values.get(at).copied()))
        }
        Place::All => {
            let values: Vec<&[u8]> = values.collect();
            if values.is_empty() {
                PvValue::Null
            } else {
                PvValue::owned(values.join(&b','))
            }
        }
    }
}

/// A part of the credentials: those that were found to be good (by their position), else those for a proxy before those
/// for a registrar.
pub(crate) fn credential(
    message: &Message,
    verified: Option<usize>,
    part: Credential,
) -> PvValue<'_> {
    let header = verified
        .and_then(|index| message.header_at(index))
        .or_else(|| message.header(HeaderName::ProxyAuthorization))
        .or_else(|| message.header(HeaderName::Authorization));
    let Some(header) = header else {
        return PvValue::Null;
    };
    // Read as the verifier reads it: a script must not see another user than the one whose password was right.
    let user = || digest_parameter(header.value, b"username");
    let domain = |user| split_at(user, |octet| octet == b'@');
    match part {
        Credential::Whole => PvValue::maybe(user()),
        Credential::User => {
            PvValue::maybe(user().map(|user| domain(user).map_or(user, |(user, _)| user)))
        }
        Credential::Domain => PvValue::maybe(user().and_then(domain).map(|(_, domain)| domain)),
        Credential::Field(name) => PvValue::maybe(digest_parameter(header.value, name.as_bytes())),
    }
}

/// Parts of a Via that scripts ask for.
pub(crate) const VIA_PARTS: &[&str] = &[
    "host",
    "port",
    "proto",
    "transport",
    "branch",
    "rport",
    "received",
    "name",
    "version",
];

/// Where the Via lies that is meant: from 0, or back from -1, the last.
pub(crate) fn via_at(message: &Message, place: i64) -> Option<usize> {
    if let Ok(place) = usize::try_from(place) {
        return Some(place);
    }
    let back = usize::try_from(place.unsigned_abs()).ok()?;
    message.vias().count().checked_sub(back)
}

/// A parameter of a Via; null if it is absent or has no value.
pub(crate) fn via_param<'m>(message: &'m Message, place: usize, name: &str) -> PvValue<'m> {
    let Some(Ok(via)) = message.vias().nth(place) else {
        return PvValue::Null;
    };
    let value = via.params.value(name.as_bytes());
    PvValue::maybe(value.filter(|value| !value.is_empty()))
}

/// A part of a Via, counted from 0.
pub(crate) fn via<'m>(message: &'m Message, place: usize, part: &str) -> PvValue<'m> {
    let Some(Ok(via)) = message.vias().nth(place) else {
        return PvValue::Null;
    };
    via_part(&via, part).unwrap_or_default()
}

fn via_part<'m>(via: &Via<'m>, part: &str) -> Option<PvValue<'m>> {
    match part {
        "host" => Some(written(|out| via.host().write(out))),
        "port" => Some(PvValue::Int(i64::from(via.sent_by_port_or_default()))),
        "transport" => Some(PvValue::octets(via.transport_token)),
        "name" => Some(PvValue::octets(b"SIP")),
        "version" => Some(PvValue::octets(b"2.0")),
        "proto" => Some(PvValue::owned(via.transport_token.to_ascii_lowercase())),
        "branch" => via.branch().map(PvValue::octets),
        "rport" => via
            .rport()
            .map(|port| written(|out| port.map_or((), |port| push_number(out, port)))),
        "received" => via.params.value(b"received").map(PvValue::octets),
        _ => None,
    }
}
