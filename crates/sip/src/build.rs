//! New messages, for user agents and for what an element sends by itself (RFC 3261 §8.1.1, §8.2.6).

use crate::charset;
use crate::header_name::HeaderName;
use crate::message::Message;
use crate::method::Method;
use crate::response;
use crate::status::StatusCode;

/// The name of a header field to write: a [`HeaderName`] or text.
pub trait FieldName {
    /// The octets of the name.
    fn octets(&self) -> &[u8];
}

impl FieldName for HeaderName {
    fn octets(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl FieldName for &str {
    fn octets(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl FieldName for &[u8] {
    fn octets(&self) -> &[u8] {
        self
    }
}

/// Builds a message. Content-Length is always written, as the last header field. CR, LF and NUL in names and values become
/// spaces.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    octets: Vec<u8>,
    body: Vec<u8>,
}

impl MessageBuilder {
    /// A request.
    pub fn request(method: Method<'_>, uri: &[u8]) -> MessageBuilder {
        let mut octets = Vec::with_capacity(512);
        charset::write_value(&mut octets, method.as_bytes());
        octets.push(b' ');
        charset::write_value(&mut octets, uri);
        octets.extend_from_slice(b" SIP/2.0\r\n");
        MessageBuilder {
            octets,
            body: Vec::new(),
        }
    }

    /// A response of its own; the registered phrase where `reason` is `None`.
    pub fn response(status: StatusCode, reason: Option<&[u8]>) -> MessageBuilder {
        let mut octets = Vec::with_capacity(512);
        response::write_status_line(&mut octets, status, reason);
        MessageBuilder {
            octets,
            body: Vec::new(),
        }
    }

    /// A response with what §8.2.6 has it copy from the request (see [`crate::write_response`]). The Vias are
    /// copied as they stand in `request`. `to_tag` is added if To has none.
    pub fn response_to(
        request: &Message,
        status: StatusCode,
        to_tag: Option<&[u8]>,
    ) -> MessageBuilder {
        let mut octets = Vec::with_capacity(512);
        response::write_head(&mut octets, request, None, status, None, to_tag);
        MessageBuilder {
            octets,
            body: Vec::new(),
        }
    }

    /// Adds a header field.
    pub fn header(mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> MessageBuilder {
        self.push_header(name, value);
        self
    }

    /// Adds a header field.
    pub fn push_header(
        &mut self,
        name: impl FieldName,
        value: impl AsRef<[u8]>,
    ) -> &mut MessageBuilder {
        charset::write_value(&mut self.octets, name.octets());
        self.octets.extend_from_slice(b": ");
        charset::write_value(&mut self.octets, value.as_ref());
        self.octets.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header field whose value `write` appends.
    pub fn header_with(
        mut self,
        name: impl FieldName,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> MessageBuilder {
        charset::write_value(&mut self.octets, name.octets());
        self.octets.extend_from_slice(b": ");
        let start = self.octets.len();
        write(&mut self.octets);
        charset::blank_line_breaks(self.octets.get_mut(start..).unwrap_or_default());
        self.octets.extend_from_slice(b"\r\n");
        self
    }

    /// Adds complete header lines, each with its CR LF.
    pub fn lines(mut self, lines: &[u8]) -> MessageBuilder {
        self.octets.extend_from_slice(lines);
        self
    }

    /// Sets the body and adds its Content-Type.
    pub fn body(
        mut self,
        content_type: impl AsRef<[u8]>,
        octets: impl AsRef<[u8]>,
    ) -> MessageBuilder {
        self.push_header(HeaderName::ContentType, content_type);
        self.body.clear();
        self.body.extend_from_slice(octets.as_ref());
        self
    }

    /// The octets.
    pub fn finish(mut self) -> Vec<u8> {
        let mut octets = core::mem::take(&mut self.octets);
        self.write_tail(&mut octets);
        octets
    }

    /// Appends the octets to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets);
        self.write_tail(out);
    }

    fn write_tail(&self, out: &mut Vec<u8>) {
        response::write_end(out, None::<(&[u8], &[u8])>);
        if !self.body.is_empty() {
            out.truncate(out.len().saturating_sub(b"0\r\n\r\n".len()));
            charset::write_decimal(out, self.body.len() as u64);
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(&self.body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn a_built_request_parses_and_is_framed() {
        let octets = MessageBuilder::request(Method::Message, b"sip:bob@example.com")
            .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
            .header(HeaderName::From, "<sip:a@example.com>;tag=1")
            .header(HeaderName::To, "<sip:b@example.com>")
            .header(HeaderName::CallId, "c")
            .header(HeaderName::CSeq, "1 MESSAGE")
            .header("X-Note", "a\r\nInjected: yes")
            .body("text/plain", "hello");
        let mut written = Vec::new();
        octets.write(&mut written);
        assert_eq!(written, octets.finish());
        let message = Message::parse(written, &Limits::default()).expect("valid");
        assert_eq!(message.body(), b"hello");
        assert_eq!(message.content_length(), Some(5));
        assert!(message.header_raw_name(b"injected").is_none());
    }
}
