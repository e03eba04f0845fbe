//! `{tobody.…}` and `{nameaddr.…}`: parts of an address with display name and parameters.

use strowger_sip::NameAddr;

use super::super::uri::UriText;
use super::super::value::PvValue;

/// A transformation of addresses.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum AddressOp {
    Uri,
    Tag,
    Display,
    Params,
    User,
    Host,
    /// As it stands, with the blank before the bracket.
    Name,
    /// The URI; all of the text where there are no brackets.
    NameAddrUri,
    /// Octets up to the closing bracket.
    Length,
}

impl AddressOp {
    pub(crate) fn parse(name: &str) -> Option<AddressOp> {
        Some(match name {
            "tobody.uri" => AddressOp::Uri,
            "tobody.tag" => AddressOp::Tag,
            "tobody.display" => AddressOp::Display,
            "tobody.params" => AddressOp::Params,
            "tobody.user" => AddressOp::User,
            "tobody.host" => AddressOp::Host,
            "nameaddr.name" => AddressOp::Name,
            "nameaddr.uri" => AddressOp::NameAddrUri,
            "nameaddr.len" => AddressOp::Length,
            _ => return None,
        })
    }

    pub(crate) fn apply<'s>(self, text: &[u8]) -> PvValue<'s> {
        match self {
            AddressOp::Name | AddressOp::NameAddrUri | AddressOp::Length => self.bracketed(text),
            _ => self
                .part(text)
                .map_or(PvValue::Null, |part| PvValue::owned(part.to_vec())),
        }
    }

    fn part(self, text: &[u8]) -> Option<&[u8]> {
        let address = NameAddr::parse(text).ok()?;
        let uri = UriText::parse(address.uri)?;
        Some(match self {
            AddressOp::Uri => address.uri,
            AddressOp::Tag => address.params.value(b"tag").unwrap_or_default(),
            AddressOp::Display => address.display_name,
            AddressOp::Params => {
                let params = address.params.as_bytes().trim_ascii();
                params.strip_prefix(b";").unwrap_or(params).trim_ascii()
            }
            AddressOp::User => uri.user.unwrap_or_default(),
            AddressOp::Host => uri.host,
            AddressOp::Name | AddressOp::NameAddrUri | AddressOp::Length => return None,
        })
    }

    fn bracketed<'s>(self, text: &[u8]) -> PvValue<'s> {
        let mut quoted = false;
        let open = text.iter().position(|octet| {
            quoted ^= *octet == b'"';
            *octet == b'<' && !quoted
        });
        let close = open.and_then(|open| {
            text.iter()
                .skip(open)
                .position(|octet| *octet == b'>')
                .map(|at| at + open)
        });
        let (name, uri, length) = match (open, close) {
            (Some(open), Some(close)) => (text.get(..open), text.get(open + 1..close), close + 1),
            _ => (None, Some(text), text.len()),
        };
        match self {
            AddressOp::Length => PvValue::Int(i64::try_from(length).unwrap_or(i64::MAX)),
            AddressOp::Name => PvValue::owned(name.unwrap_or_default().to_vec()),
            _ => PvValue::owned(uri.unwrap_or_default().to_vec()),
        }
    }
}
