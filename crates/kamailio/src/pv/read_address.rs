//! URIs and their parts: Request-URI, next hop, From, To, Contact and identities.

use strowger_sip::{Contact, HeaderName, Message, NameAddr};

use super::item::{FieldPart, UriOf, UriPart};
use super::read::written;
use super::source::PvSource;
use super::uri::UriText;
use super::value::PvValue;

/// A part of a URI.
pub(crate) fn uri(of: UriOf, part: UriPart, source: &dyn PvSource) -> PvValue<'_> {
    let message = source.message();
    let octets = match of {
        UriOf::Request => source.request_uri(),
        UriOf::Original => message.is_request().then(|| message.request_uri()),
        UriOf::Destination => source.destination_uri(),
        UriOf::NextHop => source.destination_uri().or_else(|| source.request_uri()),
        UriOf::From => Some(message.from().uri),
        UriOf::To => Some(message.to().uri),
        UriOf::Header(name) => address(message, name).map(|address| address.uri),
    };
    let Some(octets) = octets else {
        return PvValue::Null;
    };
    if part == UriPart::Whole {
        return PvValue::octets(octets);
    }
    let Some(uri) = UriText::parse(octets) else {
        return PvValue::Null;
    };
    let full = |part: &'_ [u8]| !part.is_empty();
    match part {
        UriPart::Whole => PvValue::octets(octets),
        UriPart::User => PvValue::maybe(uri.user.filter(|user| full(user))),
        UriPart::Host => PvValue::maybe(Some(uri.host).filter(|host| full(host))),
        UriPart::Port => PvValue::octets(uri.port_or_default()),
        // In upper case where it is not said: observed on 5.6.3.
        UriPart::Transport => PvValue::octets(uri.param(b"transport").unwrap_or(b"UDP")),
        UriPart::Scheme => PvValue::octets(uri.scheme),
    }
}

/// The first address of a header field.
fn address(message: &Message, name: HeaderName) -> Option<NameAddr<'_>> {
    NameAddr::parse(message.header(name)?.value).ok()
}

/// Display name, with its quotes, or a parameter.
pub(crate) fn field(of: UriOf, part: FieldPart, message: &Message) -> PvValue<'_> {
    let address = match of {
        UriOf::From => Some(message.from()),
        UriOf::To => Some(message.to()),
        UriOf::Header(name) => address(message, name),
        _ => None,
    };
    let Some(address) = address else {
        return PvValue::Null;
    };
    match part {
        FieldPart::DisplayName => {
            PvValue::maybe(Some(address.display_name).filter(|name| !name.is_empty()))
        }
        FieldPart::Param(name) => PvValue::maybe(address.params.value(name.as_bytes())),
    }
}

/// `user@host` of From.
pub(crate) fn from_address_of_record(message: &Message) -> PvValue<'_> {
    let from = message.from();
    let Some(uri) = UriText::parse(from.uri) else {
        return PvValue::Null;
    };
    written(|out| {
        if let Some(user) = uri.user {
            out.extend_from_slice(user);
            out.push(b'@');
        }
        out.extend_from_slice(uri.host);
    })
}

/// The URI of the first Contact.
pub(crate) fn contact_uri(message: &Message) -> PvValue<'_> {
    match message
        .header(HeaderName::Contact)
        .map(|header| Contact::parse(header.value))
    {
        Some(Ok(Contact::Address(address))) => PvValue::octets(address.uri),
        _ => PvValue::Null,
    }
}

/// 1 if Contact is `*`, 0 if it is not, null without one.
pub(crate) fn contact_is_star(message: &Message) -> PvValue<'_> {
    match message.header(HeaderName::Contact) {
        Some(header) => PvValue::Int(i64::from(header.value == b"*")),
        None => PvValue::Null,
    }
}
