//! A destination as a list or a database row says it.

use core::fmt;

use strowger_sip::Uri;

/// Octets of the URI of a destination.
pub const DESTINATION_URI_OCTETS_MAX: usize = 512;
/// Octets of the attributes of a destination.
pub const DESTINATION_ATTRIBUTES_OCTETS_MAX: usize = 2_048;

/// The attributes of a destination: `name=value;…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationAttributes {
    text: Box<str>,
    /// `duid`: names the destination for the call load.
    pub duid: Option<Box<str>>,
    /// `maxload`: calls at once; 0 is any number.
    pub maxload: u32,
    /// `weight`: hundredths of all requests.
    pub weight: u32,
    /// `rweight`: share of the requests, relative to that of others in use.
    pub rweight: u32,
    /// `socket`: the socket to send from.
    pub socket: Option<Box<str>>,
}

impl DestinationAttributes {
    /// Reads attributes. Numbers that are none count as 0.
    pub fn parse(text: &str) -> DestinationAttributes {
        let text_of = |name| attribute(text, name).filter(|value| !value.is_empty());
        let number_of = |name| {
            attribute(text, name)
                .and_then(|value| value.parse().ok())
                .unwrap_or(0)
        };
        DestinationAttributes {
            duid: text_of("duid").map(Box::from),
            maxload: number_of("maxload"),
            weight: number_of("weight").min(100),
            rweight: match number_of("rweight") {
                rweight @ 1..=100 => rweight,
                _ => 0,
            },
            socket: text_of("socket").map(Box::from),
            text: text.into(),
        }
    }
    /// As they were written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The value of an attribute, empty if it has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        attribute(&self.text, name)
    }
}

fn attribute<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    text.split(';')
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .find(|(name, _)| name.trim() == wanted)
        .map(|(_, value)| value.trim())
}

/// Why something cannot be a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationError {
    /// The URI is no SIP URI, or too long.
    BadUri(String),
    /// The attributes are longer than [`DESTINATION_ATTRIBUTES_OCTETS_MAX`].
    AttributesTooLong,
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationError::BadUri(uri) => write!(
                f,
                "`{}` is not a sip or sips URI of at most {DESTINATION_URI_OCTETS_MAX} octets",
                uri.escape_debug()
            ),
            DestinationError::AttributesTooLong => write!(
                f,
                "the attributes are longer than {DESTINATION_ATTRIBUTES_OCTETS_MAX} octets"
            ),
        }
    }
}

impl core::error::Error for DestinationError {}

/// A destination as a list or a database row says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationEntry {
    /// Its set.
    pub set: i64,
    /// Where it is.
    pub uri: Box<str>,
    /// Its first state, as bits.
    pub flags: u32,
    /// Higher goes first.
    pub priority: i32,
    /// Everything else.
    pub attributes: DestinationAttributes,
}

impl DestinationEntry {
    /// A destination, checked.
    pub fn new(
        set: i64,
        uri: &str,
        flags: u32,
        priority: i32,
        attributes: &str,
    ) -> Result<DestinationEntry, DestinationError> {
        let parsed = Uri::parse(uri.as_bytes());
        if uri.len() > DESTINATION_URI_OCTETS_MAX || !parsed.is_ok_and(|parsed| parsed.is_sip()) {
            return Err(DestinationError::BadUri(uri.to_owned()));
        }
        if attributes.len() > DESTINATION_ATTRIBUTES_OCTETS_MAX {
            return Err(DestinationError::AttributesTooLong);
        }
        Ok(DestinationEntry {
            set,
            uri: uri.into(),
            flags,
            priority,
            attributes: DestinationAttributes::parse(attributes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read() {
        let attributes = DestinationAttributes::parse(
            "duid=abc;maxload=20;weight=50;rweight=101;socket=udp:192.0.2.1:5060;class=4;flag",
        );
        assert_eq!(attributes.duid.as_deref(), Some("abc"));
        assert_eq!((attributes.maxload, attributes.weight), (20, 50));
        assert_eq!(attributes.rweight, 0, "101 is out of range");
        assert_eq!(attributes.socket.as_deref(), Some("udp:192.0.2.1:5060"));
        assert_eq!(attributes.get("class"), Some("4"));
        assert_eq!(attributes.get("flag"), Some(""));
        assert_eq!(attributes.get("none"), None);
    }

    #[test]
    fn only_sip_uris_are_destinations() {
        assert!(DestinationEntry::new(1, "192.0.2.1", 0, 0, "").is_err());
        assert!(DestinationEntry::new(1, "tel:+1234", 0, 0, "").is_err());
        assert!(DestinationEntry::new(1, "sips:gw.example.org;lr", 0, 0, "").is_ok());
    }
}
