//! A response to a request, written in one go (RFC 3261 §8.2.6): the hot path of every reply.

use core::net::SocketAddr;
use core::ops::Range;

use crate::charset;
use crate::header_name::HeaderName;
use crate::index::NameSet;
use crate::message::Message;
use crate::method::Method;
use crate::source::write_via_line;
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
    write_status_line(out, status, reason);
    let may_make_dialog = status.get() > 100
        && status.get() < 300
        && request.method() != Method::Register
        && request.to_tag().is_none();
    let tag = to_tag.filter(|_| request.to_tag().is_none() && status != StatusCode::TRYING);
    let mut top = source;
    let mut copy = CopiedLines {
        octets: request.as_bytes(),
        run: 0..0,
    };
    for at in request.index.positions_in(&COPIED) {
        let name = request
            .index
            .get(at)
            .map_or(HeaderName::Unknown, |entry| entry.name);
        // Of a request that is refused for its repeated header fields the first ones are copied.
        let is_first = || request.index.first(name) == Some(at);
        let wanted = match name {
            HeaderName::Via => {
                if let Some(source) = top.take() {
                    copy.flush(out);
                    write_via_line(out, request, source, request.line_range(at));
                    continue;
                }
                true
            }
            HeaderName::From | HeaderName::CallId | HeaderName::CSeq => is_first(),
            HeaderName::To if is_first() => {
                if let Some(tag) = tag {
                    let (line, value_end) = (request.line_range(at), to_end(request, at));
                    copy.line(out, line.start..value_end);
                    copy.flush(out);
                    out.extend_from_slice(b";tag=");
                    charset::write_value(out, tag);
                    copy.line(out, value_end..line.end);
                    continue;
                }
                true
            }
            HeaderName::RecordRoute => may_make_dialog,
            HeaderName::Timestamp => status == StatusCode::TRYING,
            _ => false,
        };
        if wanted {
            copy.line(out, request.line_range(at));
        }
    }
    copy.flush(out);
}

/// What a response may copy.
static COPIED: NameSet = NameSet::of(&[
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::RecordRoute,
    HeaderName::Timestamp,
]);

/// Where the value of To ends.
fn to_end(request: &Message, at: usize) -> usize {
    let end = usize::from(request.to.whole.end);
    // Of a malformed one nothing is known.
    if end == 0 {
        request.value_range(at).end
    } else {
        end
    }
}

/// Lines of a request on their way into a response: those that stand side by side are copied at once.
struct CopiedLines<'a> {
    octets: &'a [u8],
    run: Range<usize>,
}

impl CopiedLines<'_> {
    #[inline(always)]
    fn line(&mut self, out: &mut Vec<u8>, line: Range<usize>) {
        if line.start == self.run.end {
            self.run.end = line.end;
        } else {
            self.flush(out);
            self.run = line;
        }
    }

    #[inline(always)]
    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.octets.get(self.run.clone()).unwrap_or_default());
        self.run.start = self.run.end;
    }
}

pub(crate) fn write_status_line(out: &mut Vec<u8>, status: StatusCode, reason: Option<&[u8]>) {
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(&status.digits());
    out.push(b' ');
    match reason {
        Some(reason) => charset::write_value(out, reason),
        None => out.extend_from_slice(status.reason_phrase().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
}

/// Content-Type, Content-Length, empty line and body.
pub(crate) fn write_end(out: &mut Vec<u8>, body: Option<(&[u8], &[u8])>) {
    let (content_type, octets) = body.unwrap_or_default();
    if body.is_some() {
        out.extend_from_slice(b"Content-Type: ");
        charset::write_value(out, content_type);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"Content-Length: ");
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
