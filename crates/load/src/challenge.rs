//! The answer to a 401 or 407 (RFC 3261 §22, RFC 7616 §3.4).

use strowger_sip::{AnswerInput, Challenge, HeaderName, Message, Secret};

/// Appends the header line with the credentials. False, and nothing appended, if no challenge can be answered.
pub(crate) fn write_credentials(
    out: &mut Vec<u8>,
    response: &Message,
    user: &[u8],
    password: &[u8],
    request: (&str, &[u8], &[u8]),
    cnonce: &[u8],
) -> bool {
    let (method, uri, body) = request;
    let (asked_in, answer_in) = match response.status().map(|status| status.get()) {
        Some(401) => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        _ => (
            HeaderName::ProxyAuthenticate,
            HeaderName::ProxyAuthorization,
        ),
    };
    // The first that is understood: servers list what they prefer first (RFC 8760 §2.4).
    let challenge = response
        .headers_named(asked_in)
        .filter_map(|header| Challenge::parse(header.value).ok())
        .find(|challenge| challenge.is_digest() && challenge.algorithm.is_some());
    let Some(challenge) = challenge else {
        return false;
    };
    out.extend_from_slice(answer_in.as_str().as_bytes());
    out.extend_from_slice(b": ");
    let input = AnswerInput {
        user,
        method: method.as_bytes(),
        uri,
        body,
        cnonce,
        nonce_count: 1,
    };
    challenge.write_answer(out, Secret::Password(password), &input);
    out.extend_from_slice(b"\r\n");
    true
}
