//! A message looked at with the simplest means, so that an explanation does not rest on either parser.

use strowger_sip::HeaderName;

/// What RFC 3261 §25.1 calls LWS is made of these. Other octets that are white space in ASCII, such as a form feed, are not.
pub const fn is_blank(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without LWS before it.
pub fn trim_start(octets: &[u8]) -> &[u8] {
    let begin = octets.iter().position(|octet| !is_blank(octet));
    &octets[begin.unwrap_or(octets.len())..]
}

/// Without LWS behind it.
pub fn trim_end(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| !is_blank(octet));
    &octets[..end.map_or(0, |end| end + 1)]
}

/// Without LWS around it.
pub fn trim(octets: &[u8]) -> &[u8] {
    trim_start(trim_end(octets))
}

/// The first line without its end.
pub fn start_line(octets: &[u8]) -> &[u8] {
    let end = octets.iter().position(|octet| b"\r\n".contains(octet));
    &octets[..end.unwrap_or(octets.len())]
}

/// The lines of the header fields, folds included, without their ends.
pub fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = match octets.windows(2).position(|two| two == b"\r\n") {
        Some(end) => &octets[end + 2..],
        None => &[],
    };
    core::iter::from_fn(move || {
        let mut at = 0;
        let end = loop {
            let found = rest.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
            let end = at + found;
            match rest.get(end + 2) {
                Some(b' ' | b'\t') if end > 0 => at = end + 2,
                _ => break end,
            }
        };
        let line = &rest[..end];
        rest = &rest[end + 2..];
        (!line.is_empty()).then_some(line)
    })
}

/// The values of the fields of a name, long or compact.
pub fn fields(octets: &[u8], name: HeaderName) -> impl Iterator<Item = &[u8]> {
    lines(octets).filter_map(move |line| {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let own = trim_end(&line[..colon]);
        (HeaderName::from_bytes(own) == name).then(|| trim(&line[colon + 1..]))
    })
}

/// The first of them.
pub fn field(octets: &[u8], name: HeaderName) -> Option<&[u8]> {
    fields(octets, name).next()
}

/// RFC 3261 §25.1 `token`.
pub fn is_token(octets: &[u8]) -> bool {
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(octet);
    !octets.is_empty() && octets.iter().all(fits)
}

/// RFC 3261 §25.1 `word`.
pub fn is_word(octets: &[u8]) -> bool {
    let fits =
        |octet: &u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~()<>:\\\"/[]?{}".contains(octet);
    !octets.is_empty() && octets.iter().all(fits)
}
