//! Writes a pseudo-variable: URIs by parts, kept values, flags. Everything else is read-only.

use super::item::{BranchPart, FieldPart, MessagePart, Pv, UriOf, UriPart};
use super::source::{AddressPart, Family, PvSink, StoreKey};
use super::spec::{PvSpec, number};
use super::uri::UriText;
use super::value::PvValue;

/// What came of writing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It has the new value.
    Written,
    /// It cannot be written; a script is not told, as in Kamailio.
    ReadOnly,
    /// The value does not fit, or a limit was met.
    Refused,
}

impl From<bool> for WriteOutcome {
    fn from(done: bool) -> WriteOutcome {
        if done {
            WriteOutcome::Written
        } else {
            WriteOutcome::Refused
        }
    }
}

impl PvSpec {
    /// Gives it a value; null takes it away where that means something. Transformations have no part in it.
    pub fn write(&self, sink: &mut dyn PvSink, value: PvValue<'_>) -> WriteOutcome {
        let text = value.text().filter(|text| !text.is_empty());
        let text = text.as_deref();
        match &self.item {
            Pv::Uri(UriOf::Request, UriPart::Whole) => match text {
                Some(uri) => sink.set_request_uri(uri).into(),
                None => WriteOutcome::Refused,
            },
            Pv::Uri(UriOf::Request, part) => write_request_part(sink, *part, text),
            Pv::Uri(UriOf::Destination, UriPart::Whole) => sink.set_destination_uri(text).into(),
            Pv::Uri(of @ (UriOf::From | UriOf::To), part) => {
                let part = match part {
                    UriPart::Whole => AddressPart::Uri,
                    UriPart::User => AddressPart::User,
                    UriPart::Host => AddressPart::Host,
                    _ => return WriteOutcome::ReadOnly,
                };
                sink.set_address(*of == UriOf::From, part, text.unwrap_or_default())
                    .into()
            }
            Pv::Field(of @ (UriOf::From | UriOf::To), FieldPart::DisplayName) => {
                let name = text.unwrap_or_default();
                sink.set_address(*of == UriOf::From, AddressPart::DisplayName, name)
                    .into()
            }
            Pv::Message(MessagePart::Body) => sink.set_body(text.unwrap_or_default()).into(),
            Pv::SendSocket => text
                .is_some_and(|text| sink.set_send_socket(text, false))
                .into(),
            Pv::SendSocketName => text
                .is_some_and(|text| sink.set_send_socket(text, true))
                .into(),
            Pv::Branch(BranchPart::Uri) => sink.set_branch(text).into(),
            Pv::Flags(which, false) => {
                match value.int().and_then(|flags| u32::try_from(flags).ok()) {
                    Some(flags) => sink.set_flags(*which, flags).into(),
                    None => WriteOutcome::Refused,
                }
            }
            Pv::Variable(..)
            | Pv::Avp(_)
            | Pv::Shared(_)
            | Pv::DialogVariable(_)
            | Pv::Table(..)
            | Pv::Xavp(..)
            | Pv::XavpField(..) => self.write_stored(sink, value),
            _ => WriteOutcome::ReadOnly,
        }
    }

    fn write_stored(&self, sink: &mut dyn PvSink, value: PvValue<'_>) -> WriteOutcome {
        // The key may be made of other values, so it is read before the sink is written.
        let mut owned = None;
        self.with_key(sink, &mut |key| owned = Some(OwnedKey::of(key)));
        let Some(owned) = owned else {
            return WriteOutcome::ReadOnly;
        };
        let is_root = |family| matches!(self.item, Pv::Xavp(of, ..) if of == family);
        if (is_root(Family::Many) || is_root(Family::AnyCase)) && !value.is_null() {
            return WriteOutcome::Refused;
        }
        sink.set_stored_value(&owned.key(), value).into()
    }
}

/// A key with octets of its own.
struct OwnedKey {
    shape: StoreKey<'static>,
    first: Vec<u8>,
    second: Vec<u8>,
}

impl OwnedKey {
    fn of(key: &StoreKey<'_>) -> OwnedKey {
        let (shape, first, second): (StoreKey<'static>, &[u8], &[u8]) = match *key {
            StoreKey::Variable(name) => (StoreKey::Variable(b""), name, b""),
            StoreKey::Shared(name) => (StoreKey::Shared(b""), name, b""),
            StoreKey::Dialog(name) => (StoreKey::Dialog(b""), name, b""),
            StoreKey::Avp(name, place) => (StoreKey::Avp(b"", place), name, b""),
            StoreKey::Table { item, table, key } => (
                StoreKey::Table {
                    item,
                    table: b"",
                    key: b"",
                },
                table,
                key,
            ),
            StoreKey::Xavp {
                family,
                root,
                place,
                field,
            } => {
                let empty: Option<(&'static [u8], _)> = field.map(|(_, place)| (&b""[..], place));
                let name = field.map(|(name, _)| name).unwrap_or_default();
                (
                    StoreKey::Xavp {
                        family,
                        root: b"",
                        place,
                        field: empty,
                    },
                    root,
                    name,
                )
            }
        };
        OwnedKey {
            shape,
            first: first.to_vec(),
            second: second.to_vec(),
        }
    }

    fn key(&self) -> StoreKey<'_> {
        match self.shape {
            StoreKey::Variable(_) => StoreKey::Variable(&self.first),
            StoreKey::Shared(_) => StoreKey::Shared(&self.first),
            StoreKey::Dialog(_) => StoreKey::Dialog(&self.first),
            StoreKey::Avp(_, place) => StoreKey::Avp(&self.first, place),
            StoreKey::Table { item, .. } => StoreKey::Table {
                item,
                table: &self.first,
                key: &self.second,
            },
            StoreKey::Xavp {
                family,
                place,
                field,
                ..
            } => StoreKey::Xavp {
                family,
                root: &self.first,
                place,
                field: field.map(|(_, place)| (self.second.as_slice(), place)),
            },
        }
    }
}

/// Changes a part of the Request-URI. Without a user goes the password too.
fn write_request_part(sink: &mut dyn PvSink, part: UriPart, text: Option<&[u8]>) -> WriteOutcome {
    let Some(uri) = sink.request_uri().and_then(UriText::parse) else {
        return WriteOutcome::Refused;
    };
    let changed = match part {
        UriPart::User => UriText {
            user: text,
            password: uri.password.filter(|_| text.is_some()),
            ..uri
        },
        UriPart::Host => match text {
            Some(host) => UriText { host, ..uri },
            None => return WriteOutcome::Refused,
        },
        UriPart::Port => {
            let port = text
                .and_then(number)
                .is_some_and(|port| u16::try_from(port).is_ok_and(|port| port > 0));
            if text.is_some() && !port {
                return WriteOutcome::Refused;
            }
            UriText { port: text, ..uri }
        }
        // Observed on 5.6.3: writing scheme or transport changes nothing.
        _ => return WriteOutcome::ReadOnly,
    };
    let mut out = Vec::new();
    changed.write(&mut out);
    let fits = UriText::parse(&out).is_some()
        && !out.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
    (fits && sink.set_request_uri(&out)).into()
}
