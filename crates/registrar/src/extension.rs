//! Extensions of REGISTER: Require (RFC 3261 §10.3 step 2), Path (RFC 3327), and the contact parameters that are kept.

use strowger_sip::{HeaderName, Message, Param, Params, StatusCode, Uri};

use crate::reply::{Cause, RegisterReply};
use crate::settings::PathMode;

/// Extensions a REGISTER may require (RFC 3327, RFC 5626).
pub const SUPPORTED: [&[u8]; 2] = [b"path", b"outbound"];

/// §10.3 step 2, §8.2.2.3.
pub(crate) fn check_require(request: &Message) -> Result<(), RegisterReply> {
    let unknown = |tag: &&[u8]| {
        !SUPPORTED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
    };
    let mut tags = request
        .option_tags(HeaderName::Require)
        .filter(unknown)
        .peekable();
    if tags.peek().is_none() {
        return Ok(());
    }
    let mut line = b"Unsupported: ".to_vec();
    for (index, tag) in tags.enumerate() {
        if index > 0 {
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(tag);
    }
    line.extend_from_slice(b"\r\n");
    Err(
        RegisterReply::refuse_plainly(StatusCode::BAD_EXTENSION, Cause::BadExtension)
            .with_headers(&line),
    )
}

/// Path values joined by commas (RFC 3327).
pub(crate) fn path_of(
    request: &Message,
    mode: PathMode,
    supported: bool,
) -> Result<Vec<u8>, RegisterReply> {
    let mut path = Vec::new();
    if mode == PathMode::Ignore || request.header(HeaderName::Path).is_none() {
        return Ok(path);
    }
    if mode == PathMode::Strict && !supported {
        return Err(
            RegisterReply::refuse_plainly(StatusCode::BAD_EXTENSION, Cause::BadExtension)
                .with_headers(b"Unsupported: path\r\n"),
        );
    }
    let bad = || RegisterReply::refuse(StatusCode::BAD_REQUEST, "Bad Path", Cause::Malformed);
    for hop in request.paths() {
        let hop = hop.map_err(|_| bad())?;
        Uri::parse(hop.uri).map_err(|_| bad())?;
        if !path.is_empty() {
            path.extend_from_slice(b", ");
        }
        path.push(b'<');
        path.extend_from_slice(hop.uri);
        path.push(b'>');
        for param in hop.params.iter() {
            write_param(&param, &mut path);
        }
    }
    Ok(path)
}

pub(crate) fn write_kept_params(params: &Params<'_>, out: &mut Vec<u8>) {
    for param in params.iter() {
        if !param.name.eq_ignore_ascii_case(b"q") && !param.name.eq_ignore_ascii_case(b"expires") {
            write_param(&param, out);
        }
    }
}

fn write_param(param: &Param<'_>, out: &mut Vec<u8>) {
    out.push(b';');
    out.extend_from_slice(param.name);
    if let Some(value) = param.value {
        out.push(b'=');
        write_unfolded(value, out);
    }
}

/// A value as one line: a fold inside quotes becomes its space (RFC 3261 §7.3.1).
pub(crate) fn write_unfolded(value: &[u8], out: &mut Vec<u8>) {
    if !value.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
        return out.extend_from_slice(value);
    }
    out.extend(value.iter().filter(|octet| !matches!(octet, b'\r' | b'\n')));
}
