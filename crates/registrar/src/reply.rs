//! Replies of the registrar: status and complete header lines, without the parts that every response has.

use strowger_sip::{StatusCode, Time, Transport};

use crate::binding::Binding;
use crate::settings::RegistrarSettings;

/// Why a REGISTER was answered as it was; for counters and logs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 200, bindings changed.
    Changed,
    /// 200, a query or nothing to do.
    Unchanged,
    /// 200, the REGISTER had been processed before.
    Retransmission,
    /// 400, syntax, or `*` with anything beside `Expires: 0`.
    Malformed,
    /// 400, too many contacts in the request.
    TooManyContacts,
    /// 400, more text than a binding may hold.
    TooLong,
    /// 403, the address of record has as many bindings as it may.
    TooManyBindings,
    /// 404, the address of record is not of our domains.
    NotOurs,
    /// 420, Require or Path.
    BadExtension,
    /// 423.
    TooBrief,
    /// 500, a lower or equal CSeq under the same Call-ID.
    OutOfOrder,
    /// 500, too many REGISTERs for one address of record wait for the store.
    Busy,
    /// 500, the store failed; the change was forgotten.
    StoreFailed,
    /// 503, the location table is full.
    Full,
}

/// The answer to a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterReply {
    /// The status.
    pub status: StatusCode,
    /// A reason phrase that says more than the usual one.
    pub reason: Option<&'static str>,
    /// Complete header lines: Contact, Min-Expires, Unsupported, Path and so on.
    pub headers: Vec<u8>,
    /// So many octets at the beginning of `headers` list the bindings.
    pub(crate) listed: usize,
    /// Why.
    pub cause: Cause,
}

impl RegisterReply {
    /// The answer when the store failed (RFC 3261 §10.3 step 7).
    pub fn store_failed() -> RegisterReply {
        RegisterReply::refuse_plainly(StatusCode::SERVER_INTERNAL_ERROR, Cause::StoreFailed)
    }
    /// The answer when too many REGISTERs for the address of record wait.
    pub fn busy() -> RegisterReply {
        RegisterReply::refuse(
            StatusCode::SERVER_INTERNAL_ERROR,
            "Registration In Progress",
            Cause::Busy,
        )
        .with_headers(b"Retry-After: 2\r\n")
    }
    pub(crate) fn refuse(status: StatusCode, reason: &'static str, cause: Cause) -> RegisterReply {
        RegisterReply {
            status,
            reason: Some(reason),
            headers: Vec::new(),
            listed: 0,
            cause,
        }
    }
    pub(crate) fn refuse_plainly(status: StatusCode, cause: Cause) -> RegisterReply {
        RegisterReply {
            status,
            reason: None,
            headers: Vec::new(),
            listed: 0,
            cause,
        }
    }
    /// Lists these bindings instead of those it was made with: while a store was asked some may have come or gone, and
    /// all have less time left (RFC 3261 §10.3 step 8).
    pub fn list(&mut self, bindings: &[Binding], now: Time, settings: &RegistrarSettings) {
        if self.status.is_success() {
            let rest = self.headers.split_off(self.listed);
            self.headers.clear();
            write_list(bindings, now, settings, &mut self.headers);
            self.listed = self.headers.len();
            self.headers.extend_from_slice(&rest);
        }
    }
    pub(crate) fn with_headers(mut self, lines: &[u8]) -> RegisterReply {
        self.headers.extend_from_slice(lines);
        self
    }
}

/// Appends the bindings that are live, in the form that is set.
pub(crate) fn write_list(
    bindings: &[Binding],
    now: Time,
    settings: &RegistrarSettings,
    out: &mut Vec<u8>,
) {
    if settings.profile.lists_as_kamailio {
        write_contacts_as_kamailio(bindings, now, out);
    } else {
        write_contacts(bindings, now, out);
    }
}

/// Appends a Contact line for each binding that is live, with the seconds it has left (RFC 3261 §10.3 step 8).
pub fn write_contacts(bindings: &[Binding], now: Time, out: &mut Vec<u8>) {
    for binding in bindings.iter().filter(|binding| binding.is_live(now)) {
        write_contact(binding.contact(), binding.params(), binding.q_given(), out);
        out.extend_from_slice(b";expires=");
        write_seconds(binding.remaining_seconds(now), out);
        out.extend_from_slice(b"\r\n");
    }
}

fn write_seconds(seconds: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut rest = seconds;
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - length..).unwrap_or_default());
}

/// Appends one Contact line with all live bindings, the latest first, and where those behind a NAT are reached.
fn write_contacts_as_kamailio(bindings: &[Binding], now: Time, out: &mut Vec<u8>) {
    let mut first = true;
    for binding in bindings.iter().rev().filter(|binding| binding.is_live(now)) {
        out.extend_from_slice(if first { b"Contact: <" } else { b", <" });
        first = false;
        out.extend_from_slice(binding.contact());
        out.push(b'>');
        if let Some(q) = binding.q_given() {
            out.extend_from_slice(b";q=");
            write_q(q, out);
        }
        out.extend_from_slice(b";expires=");
        write_seconds(binding.remaining_seconds(now), out);
        if binding.behind_nat() {
            let flow = binding.flow();
            let transport = match flow.transport {
                Transport::Udp => String::new(),
                other => format!(";transport={}", other.as_str()),
            };
            out.extend_from_slice(
                format!(";received=\"sip:{}{transport}\"", flow.remote).as_bytes(),
            );
        }
        out.extend_from_slice(binding.params());
    }
    if !first {
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends `Contact: <uri>`, the contact parameters and `q`, without the end of the line.
pub(crate) fn write_contact(uri: &[u8], params: &[u8], q: Option<u16>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Contact: <");
    out.extend_from_slice(uri);
    out.push(b'>');
    out.extend_from_slice(params);
    if let Some(q) = q {
        out.extend_from_slice(b";q=");
        write_q(q, out);
    }
}

fn write_q(thousandths: u16, out: &mut Vec<u8>) {
    out.push(if thousandths >= 1_000 { b'1' } else { b'0' });
    let mut rest = thousandths % 1_000;
    if rest > 0 {
        out.push(b'.');
    }
    let mut weight = 100;
    while rest > 0 && weight > 0 {
        out.push(b'0' + u8::try_from(rest / weight).unwrap_or(0));
        rest %= weight;
        weight /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_is_written_shortest() {
        let q = |thousandths| {
            let mut out = Vec::new();
            write_q(thousandths, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(
            [q(1_000), q(0), q(500), q(70), q(123)],
            ["1", "0", "0.5", "0.07", "0.123"]
        );
    }
}
