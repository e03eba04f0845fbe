//! A response to a request, written in one go (RFC 3261 §8.2.6): the hot path of every reply.

use core::net::SocketAddr;

use crate::charset;
use crate::copied_octets::CopiedOctets;
use crate::header_name::HeaderName;
use crate::message::Message;
use crate::method::Method;
use crate::scan;
use crate::source::write_source;
use crate::status::StatusCode;

/// Appends a response to `request` to `out`.
///
/// Copied: every Via in its order, From, To, Call-ID, CSeq; Timestamp into a 100; Record-Route into what may
/// make a dialog (101-299 to a request without To tag, REGISTER apart). The topmost Via gets `received` and `rport` for `received_from`. `to_tag` is added
/// if To has none and the code is not 100. `reason` is the registered phrase where `None`; CR, LF and NUL in it become
/// spaces. `extra` are complete header lines, each with its CR LF. `body` is Content-Type and octets.
#[allow(
    clippy::too_many_arguments,
    reason = "one call writes one response; a struct would be built and taken apart"
)]
pub fn write_response(
    out: &mut Vec<u8>,
    request: &Message,
    received_from: SocketAddr,
    status: StatusCode,
    reason: Option<&[u8]>,
    to_tag: Option<&[u8]>,
    extra: &[u8],
    body: Option<(&[u8], &[u8])>,
) {
    write_head(out, request, Some(received_from), status, reason, to_tag);
    out.extend_from_slice(extra);
    write_end(out, body);
}

/// Status line and copied header fields. Without a source the topmost Via is copied as it is.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    request: &Message,
    source: Option<SocketAddr>,
    status: StatusCode,
    reason: Option<&[u8]>,
    to_tag: Option<&[u8]>,
) {
    // Room for all that most responses have, so that the buffer grows once.
    out.reserve(request.header_end() + HEAD_OCTETS);
    write_status_line(out, status, reason);
    let method = request.method();
    let has_tag = request.to_tag().is_some();
    let mut wanted = VIA | ONCE;
    if status == StatusCode::TRYING {
        wanted |= TIMESTAMP;
    } else if status.get() < 300 && !has_tag && method != Method::Register {
        wanted |= RECORD_ROUTE;
    }
    let tag = to_tag.filter(|_| !has_tag && status != StatusCode::TRYING);
    let mut copy = CopiedOctets::of(request.as_bytes());
    let mut source = source.as_ref();
    for line in request.index.lines().iter() {
        let start = usize::from(*line as u16);
        let class = CLASSES[usize::from((line >> 24) as u8)] & wanted;
        if class == 0 {
            copy.end(out, start);
            continue;
        }
        copy.begin(start);
        // Of a request that is refused for its repeated header fields the first ones are copied.
        wanted &= !(class & ONCE);
        match class {
            VIA => {
                if let Some(source) = source.take() {
                    copy = write_source(out, copy, request, source);
                }
            }
            TO => {
                if let Some(tag) = tag {
                    copy = write_to_tag(out, copy, request, tag);
                }
            }
            _ => {}
        }
    }
    copy.end(out, request.header_end());
}

/// What a response may be longer than the header section that it copies, before anybody adds to it.
const HEAD_OCTETS: usize = 512;

const VIA: u8 = 1;
const TO: u8 = 2;
const FROM: u8 = 4;
const CALL_ID: u8 = 8;
const CSEQ: u8 = 16;
const RECORD_ROUTE: u8 = 32;
const TIMESTAMP: u8 = 64;
/// Stands once in a message.
const ONCE: u8 = TO | FROM | CALL_ID | CSEQ;

/// What a response may copy, by the number of the name.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    classes[HeaderName::Via as usize] = VIA;
    classes[HeaderName::To as usize] = TO;
    classes[HeaderName::From as usize] = FROM;
    classes[HeaderName::CallId as usize] = CALL_ID;
    classes[HeaderName::CSeq as usize] = CSEQ;
    classes[HeaderName::RecordRoute as usize] = RECORD_ROUTE;
    classes[HeaderName::Timestamp as usize] = TIMESTAMP;
    classes
};

/// Adds the tag to To, which is being copied.
#[inline(never)]
fn write_to_tag<'a>(
    out: &mut Vec<u8>,
    mut copy: CopiedOctets<'a>,
    request: &Message,
    tag: &[u8],
) -> CopiedOctets<'a> {
    let end = match usize::from(request.to.whole.end) {
        // Of a malformed one nothing is known.
        0 => request.header_value_end(HeaderName::To),
        end => end,
    };
    copy.skip(out, end..end);
    // As long as the tags are that we make.
    match tag.try_into() {
        Ok(tag) if scan::is_without_control(tag) => {
            let mut parameter = *b";tag=................";
            if let Some(place) = parameter.last_chunk_mut::<16>() {
                *place = *tag;
            }
            out.extend_from_slice(&parameter);
        }
        _ => {
            out.extend_from_slice(b";tag=");
            charset::write_value(out, tag);
        }
    }
    copy
}

/// The status line, as a whole where it has the registered phrase.
#[inline(always)]
pub(crate) fn write_status_line(out: &mut Vec<u8>, status: StatusCode, reason: Option<&[u8]>) {
    let registered = || status.reason_phrase().as_bytes();
    if let Some(line) = status.line()
        && reason.is_none_or(|reason| reason == registered())
    {
        return out.extend_from_slice(line);
    }
    write_unusual_status_line(out, status, reason);
}

#[inline(never)]
fn write_unusual_status_line(out: &mut Vec<u8>, status: StatusCode, reason: Option<&[u8]>) {
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(&status.digits());
    out.push(b' ');
    charset::write_value(out, reason.unwrap_or(status.reason_phrase().as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// Content-Type, Content-Length, empty line and body.
#[inline(always)]
pub(crate) fn write_end(out: &mut Vec<u8>, body: Option<(&[u8], &[u8])>) {
    match body {
        None => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
        Some((content_type, octets)) => write_body(out, content_type, octets),
    }
}

#[inline(never)]
fn write_body(out: &mut Vec<u8>, content_type: &[u8], octets: &[u8]) {
    out.extend_from_slice(b"Content-Type: ");
    charset::write_value(out, content_type);
    out.extend_from_slice(b"\r\nContent-Length: ");
    charset::write_decimal(out, octets.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn answer(request: &str, source: &str, status: StatusCode) -> String {
        let message =
            Message::parse(request.as_bytes().to_vec(), &Limits::default()).expect("valid");
        let source = source.parse().expect("address");
        let mut out = Vec::new();
        write_response(
            &mut out,
            &message,
            source,
            status,
            None,
            Some(b"abc"),
            b"Server: s\r\n",
            None,
        );
        String::from_utf8(out).expect("text")
    }

    fn request(via: &str, to: &str) -> String {
        format!(
            "INVITE sip:b@example.com SIP/2.0\r\nVia: {via}\r\nTimestamp: 54\r\nv: SIP/2.0/TCP second\r\nRecord-Route: <sip:r;lr>\r\n\
             From: <sip:a@example.com>;tag=1\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
    }

    #[test]
    fn copies_what_a_response_needs_and_adds_the_tag() {
        let out = answer(
            &request(
                "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
                "<sip:b@example.com>",
            ),
            "192.0.2.1:5060",
            StatusCode::RINGING,
        );
        assert_eq!(
            out,
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nv: SIP/2.0/TCP second\r\n\
             Record-Route: <sip:r;lr>\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=abc\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\nServer: s\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn trying_has_the_timestamp_and_no_tag() {
        let out = answer(
            &request("SIP/2.0/UDP h", "<sip:b@example.com>"),
            "192.0.2.1:5060",
            StatusCode::TRYING,
        );
        assert!(out.contains("\r\nTimestamp: 54\r\n"));
        assert!(out.contains("To: <sip:b@example.com>\r\n"));
        assert!(!out.contains("Record-Route"));
    }

    #[test]
    fn a_tag_keeps_to_its_line_however_long_it_is() {
        let request = request("SIP/2.0/UDP h", "<sip:b@example.com>");
        let message = Message::parse(request.into_bytes(), &Limits::default()).expect("valid");
        for tag in [
            "",
            "x",
            "123456789abcdef",
            "123456789abcdef0",
            "123456789\r\nVia: x",
            "1\r2\n3\x004567890abc",
            "0123456789abcdef0",
        ] {
            let mut out = Vec::new();
            let source = "192.0.2.1:5060".parse().expect("address");
            let (status, tagged) = (StatusCode::OK, Some(tag.as_bytes()));
            write_response(&mut out, &message, source, status, None, tagged, b"", None);
            let plain = tag.replace(['\r', '\n', '\0'], " ");
            let expected = format!("To: <sip:b@example.com>;tag={plain}\r\n");
            assert!(String::from_utf8_lossy(&out).contains(&expected), "{tag:?}");
        }
    }

    #[test]
    fn an_existing_tag_stays() {
        let out = answer(
            &request("SIP/2.0/UDP h", "<sip:b@example.com>;tag=xyz"),
            "192.0.2.1:5060",
            StatusCode::OK,
        );
        assert!(out.contains("To: <sip:b@example.com>;tag=xyz\r\n"));
    }

    #[test]
    fn the_topmost_via_says_where_the_request_came_from() {
        let via = |via: &str, source: &str| {
            let out = answer(&request(via, "<sip:b@example.com>"), source, StatusCode::OK);
            out.lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(
            via("SIP/2.0/UDP pc.example.com:5066;branch=1", "192.0.2.7:5066"),
            "Via: SIP/2.0/UDP pc.example.com:5066;received=192.0.2.7;branch=1"
        );
        assert_eq!(
            via("SIP/2.0/UDP 10.0.0.1;rport;branch=1", "192.0.2.7:9"),
            "Via: SIP/2.0/UDP 10.0.0.1;received=192.0.2.7;rport=9;branch=1"
        );
        assert_eq!(
            via("SIP/2.0/UDP 10.0.0.1;branch=1;rport", "10.0.0.1:9"),
            "Via: SIP/2.0/UDP 10.0.0.1;branch=1;received=10.0.0.1;rport=9"
        );
        assert_eq!(
            via(
                "SIP/2.0/UDP 10.0.0.1;received=9.9.9.9;x;rport=7",
                "10.0.0.1:9"
            ),
            "Via: SIP/2.0/UDP 10.0.0.1;x;received=10.0.0.1;rport=9"
        );
        assert_eq!(
            via("SIP/2.0/UDP [::1]", "[2001:db8::1]:5060"),
            "Via: SIP/2.0/UDP [::1];received=2001:db8::1"
        );
        assert_eq!(
            via("SIP/2.0/UDP a , SIP/2.0/TCP b", "10.0.0.1:9"),
            "Via: SIP/2.0/UDP a;received=10.0.0.1 , SIP/2.0/TCP b"
        );
    }
}
