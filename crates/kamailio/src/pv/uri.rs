//! URIs by parts, as leniently as scripts meet them: any text may be asked for its user.
//!
//! [`strowger_sip::Uri`] is for URIs that were validated; here an odd octet in a parameter is nobody's matter.

/// The parts of a URI as they stand.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct UriText<'a> {
    /// The scheme.
    pub scheme: &'a [u8],
    /// The user, or the number of a tel URI.
    pub user: Option<&'a [u8]>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// The host with its brackets; empty in a tel URI.
    pub host: &'a [u8],
    /// The port.
    pub port: Option<&'a [u8]>,
    /// The parameters without the first semicolon.
    pub params: &'a [u8],
    /// What follows `?`.
    pub headers: &'a [u8],
}

impl<'a> UriText<'a> {
    /// Reads a sip, sips, tel or urn URI.
    pub fn parse(text: &'a [u8]) -> Option<UriText<'a>> {
        let (scheme, rest) = split_at(text, |octet| octet == b':')?;
        let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
        let mut uri = UriText {
            scheme,
            ..UriText::default()
        };
        if is(b"tel") || is(b"urn") {
            let (number, params) = split_at(rest, |octet| octet == b';').unwrap_or((rest, b""));
            uri.params = params;
            if is(b"tel") {
                uri.user = Some(number);
            } else {
                uri.host = number;
            }
            return (!number.is_empty()).then_some(uri);
        }
        if !is(b"sip") && !is(b"sips") {
            return None;
        }
        let (before, headers) = split_at(rest, |octet| octet == b'?').unwrap_or((rest, b""));
        uri.headers = headers;
        let authority = match split_at(before, |octet| octet == b'@') {
            Some((user, host)) => {
                let parts = split_at(user, |octet| octet == b':');
                uri.user = Some(parts.map_or(user, |(user, _)| user));
                uri.password = parts.map(|(_, password)| password);
                host
            }
            None => before,
        };
        let (place, params) =
            split_at(authority, |octet| octet == b';').unwrap_or((authority, b""));
        uri.params = params;
        let bracket = place.first() == Some(&b'[');
        let close = if bracket {
            place.iter().position(|octet| *octet == b']')?
        } else {
            0
        };
        let colon = place
            .iter()
            .skip(close)
            .position(|octet| *octet == b':')
            .map(|at| at + close);
        uri.host = place.get(..colon.unwrap_or(place.len()))?;
        uri.port = colon.and_then(|at| place.get(at + 1..));
        let digits = |port: &[u8]| {
            !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
        };
        let host = !uri.host.is_empty()
            && !uri
                .host
                .iter()
                .any(|octet| octet.is_ascii_whitespace() || b"<>\"".contains(octet));
        (host && uri.port.is_none_or(digits)).then_some(uri)
    }

    /// The value of a parameter: empty without `=`, `None` if it is absent.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params.split(|octet| *octet == b';').find_map(|param| {
            let (key, value) = split_at(param, |octet| octet == b'=').unwrap_or((param, b""));
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The port, or the default of the scheme.
    pub fn port_or_default(&self) -> &'a [u8] {
        self.port
            .unwrap_or(if self.scheme.eq_ignore_ascii_case(b"sips") {
                b"5061"
            } else {
                b"5060"
            })
    }

    /// Writes the URI.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.scheme);
        out.push(b':');
        if let Some(user) = self.user {
            out.extend_from_slice(user);
            if let Some(password) = self.password {
                out.push(b':');
                out.extend_from_slice(password);
            }
            if !self.host.is_empty() {
                out.push(b'@');
            }
        }
        out.extend_from_slice(self.host);
        for (mark, part) in [
            (b':', self.port.unwrap_or_default()),
            (b';', self.params),
            (b'?', self.headers),
        ] {
            if !part.is_empty() {
                out.push(mark);
                out.extend_from_slice(part);
            }
        }
    }
}

/// The text before and after the first octet that matches.
pub(crate) fn split_at(text: &[u8], matches: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|octet| matches(*octet))?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_full_uri() {
        let text = b"sip:us:pw@h.test:99;transport=tcp;lr?a=b";
        let uri = UriText::parse(text).expect("a URI");
        assert_eq!(
            (uri.user, uri.password),
            (Some(&b"us"[..]), Some(&b"pw"[..]))
        );
        assert_eq!((uri.host, uri.port), (&b"h.test"[..], Some(&b"99"[..])));
        assert_eq!(
            (uri.params, uri.headers),
            (&b"transport=tcp;lr"[..], &b"a=b"[..])
        );
        assert_eq!((uri.param(b"LR"), uri.param(b"x")), (Some(&b""[..]), None));
        let mut out = Vec::new();
        uri.write(&mut out);
        assert_eq!(out, text);
    }

    #[test]
    fn what_is_no_uri_has_no_parts() {
        for text in [
            "abc",
            "",
            "\"A\" <sip:a@b>",
            "sip:",
            "sip:a@",
            "sip:a@h:x",
            "sip:[::1",
            "http://h",
        ] {
            assert_eq!(UriText::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses_keep_their_brackets() {
        let uri = UriText::parse(b"sip:[::1]:5070").expect("a URI");
        assert_eq!((uri.host, uri.port), (&b"[::1]"[..], Some(&b"5070"[..])));
    }
}
