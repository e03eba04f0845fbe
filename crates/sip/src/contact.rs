//! Contact: `*` or an address with q and expires (RFC 3261 §20.10, §10.2.1).

use crate::charset;
use crate::error::FieldError;
use crate::name_addr::NameAddr;

/// One Contact value.
#[derive(Clone, Debug)]
pub enum Contact<'a> {
    /// `*`: all bindings (§10.2.2).
    Star,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads the first value of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Contact<'a>, FieldError> {
        Contact::parse_at(octets, octets.len(), 0)
    }

    pub(crate) fn parse_at(
        octets: &'a [u8],
        end: usize,
        at: usize,
    ) -> Result<Contact<'a>, FieldError> {
        if charset::trim(octets.get(at..end).unwrap_or_default()) == b"*" {
            return Ok(Contact::Star);
        }
        NameAddr::parse_at(octets, end, at).map(Contact::Address)
    }

    /// The address; `None` for `*`.
    pub fn address(&self) -> Option<&NameAddr<'a>> {
        match self {
            Contact::Star => None,
            Contact::Address(address) => Some(address),
        }
    }

    /// The preference in thousandths, 0 to 1000; 1000 where none is given or it is malformed.
    pub fn q(&self) -> u16 {
        self.address()
            .and_then(|address| parse_q(address.params.value(b"q")?))
            .unwrap_or(1000)
    }

    /// The `expires` parameter in seconds: `None` if absent. A malformed value counts as 3600 (§20.10),
    /// one beyond 2^32-1 as 2^32-1.
    pub fn expires(&self) -> Option<u32> {
        let value = self.address()?.params.value(b"expires")?;
        Some(seconds(value).unwrap_or(3600))
    }
}

/// A number of seconds; digits that exceed 32 bits give the largest number.
pub(crate) fn seconds(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(charset::decimal(value, u64::from(u32::MAX)).map_or(u32::MAX, |seconds| seconds as u32))
}

/// Reads a `qvalue`: 0 to 1 with up to three decimals, as thousandths.
pub fn parse_q(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [whole] => (*whole, &b""[..]),
        [whole, b'.', decimals @ ..] => (*whole, decimals),
        [b'.', decimals @ ..] if !decimals.is_empty() => (b'0', decimals),
        _ => return None,
    };
    if !matches!(whole, b'0' | b'1')
        || decimals.len() > 3
        || !decimals.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let mut thousandths = u16::from(whole - b'0') * 1000;
    for (&digit, weight) in decimals.iter().zip([100, 10, 1]) {
        thousandths += u16::from(digit - b'0') * weight;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_is_read_in_thousandths() {
        for (value, expected) in [
            ("0.33", Some(330)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0", Some(0)),
            (".5", Some(500)),
        ] {
            assert_eq!(parse_q(value.as_bytes()), expected);
        }
        for bad in ["1.1", "2", "0.1234", "", "x", "-1", "."] {
            assert_eq!(parse_q(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn expires_is_bounded_and_malformed_is_an_hour() {
        let expires = |value: &str| {
            Contact::parse(format!("<sip:a@h>;expires={value}").as_bytes())
                .expect("valid")
                .expires()
        };
        assert_eq!(expires("0"), Some(0));
        assert_eq!(expires("280297596632815"), Some(u32::MAX));
        assert_eq!(expires("soon"), Some(3600));
        assert_eq!(Contact::parse(b"<sip:a@h>").expect("valid").expires(), None);
    }

    #[test]
    fn a_star_stands_alone() {
        assert!(matches!(Contact::parse(b" * "), Ok(Contact::Star)));
        assert!(Contact::parse(b"*;q=1").is_err());
    }
}
