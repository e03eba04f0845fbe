//! Whose request it is: the digest user must own every identity the request claims (DESIGN §2a rule 2).

use strowger_sip::{HeaderName, Message, Method, NameAddr, Uri, unescape};

use crate::account::Subscriber;

/// True if the authenticated user is the one of From, of P-Preferred-Identity where present, and of To in a REGISTER.
/// Otherwise the request is refused with 403.
///
/// `domain_of` gives the local domain that the host of a URI stands for: itself, or the default domain for one of our
/// listening addresses.
pub fn owns_identity<'d>(
    subscriber: &Subscriber,
    request: &Message,
    domain_of: &dyn Fn(&Uri<'_>) -> Option<&'d str>,
) -> bool {
    let owns = |octets: &[u8]| {
        let Ok(uri) = Uri::parse(octets) else {
            return false;
        };
        uri.is_sip()
            && domain_of(&uri).is_some_and(|domain| domain.eq_ignore_ascii_case(&subscriber.domain))
            && uri
                .user
                .is_some_and(|user| *unescape(user) == *subscriber.user.as_bytes())
    };
    let preferred = request
        .headers_named(HeaderName::PPreferredIdentity)
        .all(|header| {
            // A list may hold a SIP and a tel URI; each must be the user's own.
            let mut values = strowger_sip::ListItems::new(header.value);
            values.all(|value| NameAddr::parse(value).is_ok_and(|address| owns(address.uri)))
        });
    let (from, to) = (request.from().uri, request.to().uri);
    preferred && owns(from) && (request.method() != Method::Register || to == from || owns(to))
}
