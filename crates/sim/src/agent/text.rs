//! Messages of a simulated agent, written as text.

use std::net::SocketAddr;

use strowger_sip::{HeaderName, Message, Uri};

/// A request before it is written.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The sender's address.
    pub sent_by: SocketAddr,
    /// The transport in its Via.
    pub transport: &'a str,
    /// The branch.
    pub branch: &'a str,
    /// From with its tag.
    pub from: &'a str,
    /// To with its tag, if it has one.
    pub to: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq number.
    pub cseq: u32,
    /// Complete header lines.
    pub lines: &'a str,
    /// An SDP body, or none.
    pub body: &'a str,
}

impl Draft<'_> {
    /// The octets.
    pub fn write(&self) -> Vec<u8> {
        let Draft {
            method,
            uri,
            sent_by,
            transport,
            branch,
            from,
            to,
            call_id,
            cseq,
            lines,
            body,
        } = self;
        let kind = content_type(body);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{lines}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

fn content_type(body: &str) -> &'static str {
    if body.is_empty() {
        ""
    } else if body.starts_with("v=0") {
        "Content-Type: application/sdp\r\n"
    } else {
        "Content-Type: text/plain\r\n"
    }
}

/// A response to `request`.
pub fn response(request: &Message, status: &str, tag: &str, lines: &str, body: &str) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status}\r\n").into_bytes();
    for header in request.headers() {
        match header.name {
            HeaderName::Via
            | HeaderName::From
            | HeaderName::CallId
            | HeaderName::CSeq
            | HeaderName::RecordRoute => {
                let line = request.as_bytes().get(header.line.clone());
                out.extend_from_slice(line.unwrap_or_default());
            }
            HeaderName::To => {
                out.extend_from_slice(b"To: ");
                out.extend_from_slice(header.value);
                if request.to_tag().is_none() && !tag.is_empty() {
                    out.extend_from_slice(format!(";tag={tag}").as_bytes());
                }
                out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
    }
    let kind = content_type(body);
    let tail = format!("{lines}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    out.extend_from_slice(tail.as_bytes());
    out
}

/// The branch of the topmost Via.
pub fn first_via(message: &Message) -> &[u8] {
    message.via().branch().unwrap_or_default()
}

/// Octets as text.
pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The address in a URI whose host is one.
pub fn address_in(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri.as_bytes()).ok()?;
    Some(SocketAddr::new(uri.host.ip()?, uri.port_or_default()))
}

/// The value of the first header field of that name.
pub fn value(message: &Message, name: HeaderName) -> String {
    message
        .header(name)
        .map_or_else(String::new, |header| text(header.value))
}

/// A session description that names its errand, so that the other side can tell whether it came through as it was.
pub fn session(number: u32, address: SocketAddr) -> String {
    let ip = address.ip();
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- {number} 1 IN {family} {ip}\r\ns=errand {number}\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\n"
    )
}
