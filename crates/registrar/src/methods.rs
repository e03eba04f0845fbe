//! The methods that a contact allows: the Contact parameter `methods` (RFC 3840), else Allow of the REGISTER.

use strowger_sip::{HeaderName, Message, Method, NameAddr};

/// A bit for each known method, by [`Method::known_index`]; `None` if the request says nothing.
pub(crate) fn allowed_methods(request: &Message, contact: &NameAddr<'_>) -> Option<u16> {
    if let Some(value) = contact.params.value(b"methods") {
        return Some(bits([value]));
    }
    request.has_header(HeaderName::Allow).then(|| {
        bits(
            request
                .headers_named(HeaderName::Allow)
                .map(|header| header.value),
        )
    })
}

fn bits<'m>(lists: impl IntoIterator<Item = &'m [u8]>) -> u16 {
    lists
        .into_iter()
        .flat_map(|list| list.split(|&octet| octet == b','))
        .filter_map(|name| Method::from_bytes(name.trim_ascii()).known_index())
        .filter(|index| *index < 16)
        .fold(0, |bits, index| bits | 1 << index)
}
