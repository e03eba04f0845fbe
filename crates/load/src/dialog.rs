//! Requests that follow a response: the ACKs, and the BYE along the recorded route (RFC 3261 §12.1.2, §12.2.1.1, §17.1.1.3).

use strowger_sip::{HeaderName, Message};

use crate::identifier::Identifier;
use crate::requests::{MAX_FORWARDS, Requests};
use crate::users::write_number;

/// Appends a request inside the dialog that a 2xx made. False, and nothing appended, without Contact.
pub(crate) fn write_in_dialog(
    out: &mut Vec<u8>,
    requests: &Requests,
    port: u16,
    identifier: Identifier,
    (method, cseq): (&str, u32),
    response: &Message,
) -> bool {
    let contact = response.contacts().next().and_then(Result::ok);
    let Some(target) = contact.as_ref().and_then(|contact| contact.address()) else {
        return false;
    };
    begin(out, method, target.uri);
    requests.write_via(port, identifier, out);
    // The caller takes the recorded route in reverse order (RFC 3261 §12.1.2).
    let start = out.len();
    let mut routes = 0;
    for route in response.record_routes().flatten() {
        routes += 1;
        out.extend_from_slice(b"Route: <");
        out.extend_from_slice(route.uri);
        out.extend_from_slice(b">\r\n");
    }
    if routes > 1 {
        reverse_lines(out, start);
    }
    write_copied(out, response, (method, cseq));
    true
}

/// Appends the ACK to a failure of an INVITE. Its Request-URI is the one of To in all our INVITEs.
pub(crate) fn write_failure_ack(
    out: &mut Vec<u8>,
    requests: &Requests,
    port: u16,
    identifier: Identifier,
    response: &Message,
) {
    begin(out, "ACK", response.to().uri);
    requests.write_via(port, identifier, out);
    write_copied(out, response, ("ACK", response.cseq().number));
}

fn begin(out: &mut Vec<u8>, method: &str, uri: &[u8]) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(uri);
    out.extend_from_slice(b" SIP/2.0\r\n");
}

/// Max-Forwards, then From, To and Call-ID as in the response, CSeq and the end.
fn write_copied(out: &mut Vec<u8>, response: &Message, (method, cseq): (&str, u32)) {
    out.extend_from_slice(b"Max-Forwards: ");
    write_number(out, u64::from(MAX_FORWARDS), 1);
    out.extend_from_slice(b"\r\n");
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        if let Some(header) = response.header(name) {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"CSeq: ");
    write_number(out, u64::from(cseq), 1);
    out.push(b' ');
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
}

/// Reverses the order of the lines from `start` on.
fn reverse_lines(out: &mut Vec<u8>, start: usize) {
    let lines = out.split_off(start);
    for line in lines.split_inclusive(|octet| *octet == b'\n').rev() {
        out.extend_from_slice(line);
    }
}
