//! `{uri.…}`: parts of a URI. What is no URI has none: null.

use super::super::source::PvSource;
use super::super::spec::PvError;
use super::super::uri::UriText;
use super::super::value::PvValue;
use super::{Argument, Arguments};

/// A transformation of URIs.
#[derive(Clone, Debug)]
pub(crate) enum UriOp {
    User,
    Host,
    Password,
    Port,
    Params,
    Param(Argument),
    /// A parameter by its own transformation.
    Named(&'static str),
    Headers,
    Scheme,
    Socket,
    /// Scheme, host, port and transport.
    Destination,
    /// Scheme, user and host.
    AddressOfRecord,
    /// Scheme, user, host, port and transport.
    Short,
}

impl UriOp {
    pub(crate) fn parse(
        name: &str,
        arguments: &mut Arguments<'_>,
    ) -> Result<Option<UriOp>, PvError> {
        Ok(Some(match name {
            "user" => UriOp::User,
            "host" => UriOp::Host,
            "passwd" => UriOp::Password,
            "port" => UriOp::Port,
            "params" => UriOp::Params,
            "param" => UriOp::Param(Argument::parse(arguments.rest()?.trim_ascii())?),
            "headers" => UriOp::Headers,
            "transport" => UriOp::Named("transport"),
            "ttl" => UriOp::Named("ttl"),
            "uparam" => UriOp::Named("user"),
            "maddr" => UriOp::Named("maddr"),
            "method" => UriOp::Named("method"),
            "lr" => UriOp::Named("lr"),
            "r2" => UriOp::Named("r2"),
            "scheme" => UriOp::Scheme,
            "tosocket" => UriOp::Socket,
            "duri" => UriOp::Destination,
            "saor" => UriOp::AddressOfRecord,
            "suri" => UriOp::Short,
            _ => return Ok(None),
        }))
    }

    pub(crate) fn apply<'s>(&self, text: &[u8], source: &dyn PvSource) -> PvValue<'s> {
        let Some(uri) = UriText::parse(text) else {
            return PvValue::Null;
        };
        let part = match self {
            UriOp::User => uri.user,
            UriOp::Host => Some(uri.host),
            UriOp::Password => uri.password,
            UriOp::Params => Some(uri.params),
            UriOp::Headers => Some(uri.headers),
            UriOp::Scheme => Some(uri.scheme),
            UriOp::Named(name) => uri.param(name.as_bytes()),
            UriOp::Param(name) => match name.text(source) {
                Some(name) => uri.param(&name),
                None => return PvValue::Null,
            },
            UriOp::Port => {
                let port = uri.port.and_then(super::super::spec::number);
                return PvValue::Int(port.unwrap_or(0));
            }
            UriOp::Socket => return PvValue::owned(socket(&uri)),
            UriOp::Destination | UriOp::AddressOfRecord | UriOp::Short => {
                return PvValue::owned(self.shortened(&uri));
            }
        };
        PvValue::owned(part.unwrap_or_default().to_vec())
    }

    fn shortened(&self, uri: &UriText<'_>) -> Vec<u8> {
        let with_user = !matches!(self, UriOp::Destination);
        let with_port = !matches!(self, UriOp::AddressOfRecord);
        let transport = uri.param(b"transport").filter(|_| with_port);
        let params = transport
            .map(|transport| [b"transport=", transport].concat())
            .unwrap_or_default();
        let short = UriText {
            scheme: uri.scheme,
            user: uri.user.filter(|_| with_user),
            host: uri.host,
            port: uri.port.filter(|_| with_port),
            params: &params,
            ..UriText::default()
        };
        let mut out = Vec::new();
        short.write(&mut out);
        out
    }
}

/// `udp:host:port`.
fn socket(uri: &UriText<'_>) -> Vec<u8> {
    let transport = uri.param(b"transport").map(<[u8]>::to_ascii_lowercase);
    let transport = transport.unwrap_or_else(|| b"udp".to_vec());
    [transport.as_slice(), uri.host, uri.port_or_default()].join(&b':')
}
