//! ACK to a failure and CANCEL, made from the octets of the INVITE they belong to (RFC 3261 §17.1.1.3, §9.1).
//!
//! Both carry the INVITE's Request-URI, topmost Via, Route, From, Call-ID and CSeq number, and neither Require nor
//! Proxy-Require. The ACK takes To from the response.

/// Appends the ACK. `to_line` is the To line of the response with its CR LF.
pub(crate) fn write_ack(out: &mut Vec<u8>, invite: &[u8], to_line: &[u8]) {
    write_derived(out, invite, b"ACK", Some(to_line), b"");
}

/// Appends the CANCEL. `extra` are complete header lines, for example Reason.
pub(crate) fn write_cancel(out: &mut Vec<u8>, invite: &[u8], extra: &[u8]) {
    write_derived(out, invite, b"CANCEL", None, extra);
}

/// Length of the header section with its empty line: what is left when the body is cut off.
pub(crate) fn head_length(message: &[u8]) -> usize {
    // Line by line: to set up a search for four octets would cost more than to look at a dozen lines.
    memchr::memchr_iter(b'\n', message)
        .find(|at| message.get(at.wrapping_sub(1)..at + 3) == Some(b"\r\n\r\n"))
        .map_or(message.len(), |at| at + 3)
}

fn write_derived(
    out: &mut Vec<u8>,
    invite: &[u8],
    method: &[u8],
    to_line: Option<&[u8]>,
    extra: &[u8],
) {
    let mut lines = Lines(invite);
    let start_line = lines.next().unwrap_or_default();
    out.extend_from_slice(method);
    let after_method = start_line
        .iter()
        .position(|octet| *octet == b' ')
        .unwrap_or(0);
    out.extend_from_slice(start_line.get(after_method..).unwrap_or_default());
    let mut seen_via = false;
    let mut seen_max_forwards = false;
    for line in lines {
        match Field::of(line) {
            Field::Via if !seen_via => {
                seen_via = true;
                let value = first_value(line);
                out.extend_from_slice(value);
                if value.len() < line.len() {
                    out.extend_from_slice(b"\r\n");
                }
            }
            Field::MaxForwards => {
                seen_max_forwards = true;
                out.extend_from_slice(line);
            }
            Field::Copied => out.extend_from_slice(line),
            Field::To => out.extend_from_slice(to_line.unwrap_or(line)),
            Field::CSeq => write_cseq(out, line, method),
            Field::Via | Field::Other => {}
        }
    }
    if !seen_max_forwards {
        out.extend_from_slice(b"Max-Forwards: 70\r\n");
    }
    out.extend_from_slice(extra);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// What becomes of a header field.
enum Field {
    Via,
    MaxForwards,
    /// From, Call-ID, Route.
    Copied,
    To,
    CSeq,
    Other,
}

impl Field {
    fn of(line: &[u8]) -> Field {
        let name = line
            .split(|octet| *octet == b':')
            .next()
            .unwrap_or_default()
            .trim_ascii_end();
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            1 if is(b"v") => Field::Via,
            1 if is(b"f") || is(b"i") => Field::Copied,
            1 if is(b"t") => Field::To,
            2 if is(b"To") => Field::To,
            3 if is(b"Via") => Field::Via,
            4 if is(b"From") => Field::Copied,
            4 if is(b"CSeq") => Field::CSeq,
            5 if is(b"Route") => Field::Copied,
            7 if is(b"Call-ID") => Field::Copied,
            12 if is(b"Max-Forwards") => Field::MaxForwards,
            _ => Field::Other,
        }
    }
}

fn write_cseq(out: &mut Vec<u8>, line: &[u8], method: &[u8]) {
    let digits = line
        .iter()
        .skip_while(|octet| !octet.is_ascii_digit())
        .take_while(|octet| octet.is_ascii_digit());
    out.extend_from_slice(b"CSeq: ");
    out.extend(digits);
    out.push(b' ');
    out.extend_from_slice(method);
    out.extend_from_slice(b"\r\n");
}

/// The line up to the first comma between values.
fn first_value(line: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut escaped = false;
    let comma = line.iter().position(|octet| {
        let here = !quoted && *octet == b',';
        if quoted && !escaped && *octet == b'\\' {
            escaped = true;
            return false;
        }
        if *octet == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = false;
        here
    });
    comma.and_then(|comma| line.get(..comma)).unwrap_or(line)
}

/// The lines of a header section, folded ones as one, each with its CR LF; ends before the empty line.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        loop {
            let line = self.0.get(end..)?;
            end += line.iter().position(|octet| *octet == b'\n')? + 1;
            if !matches!(self.0.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = self.0.split_at_checked(end)?;
        if line.trim_ascii().is_empty() {
            return None;
        }
        self.0 = rest;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:bob@example.test SIP/2.0\r\n\
        v: SIP/2.0/UDP a;x=\"1,\\\"2\";branch=z9hG4bKa , SIP/2.0/UDP b;branch=z9hG4bKb\r\n\
        Via: SIP/2.0/UDP c;branch=z9hG4bKc\r\nroute: <sip:p1;lr>,\r\n <sip:p2;lr>\r\nRecord-Route: <sip:r;lr>\r\n\
        f: <sip:alice@example.test>;tag=1\r\nt : <sip:bob@example.test>\r\ni: c1\r\nCSEQ:  7\r\n INVITE\r\n\
        Proxy-Require: x\r\nAuthorization: Digest x\r\nContent-Length: 5\r\n\r\nTo: x";

    #[test]
    fn an_ack_takes_the_first_via_all_routes_and_the_to_of_the_response() {
        let mut out = Vec::new();
        write_ack(&mut out, INVITE, b"To: <sip:bob@example.test>;tag=2\r\n");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "ACK sip:bob@example.test SIP/2.0\r\nv: SIP/2.0/UDP a;x=\"1,\\\"2\";branch=z9hG4bKa \r\n\
             route: <sip:p1;lr>,\r\n <sip:p2;lr>\r\nf: <sip:alice@example.test>;tag=1\r\n\
             To: <sip:bob@example.test>;tag=2\r\ni: c1\r\nCSeq: 7 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_cancel_keeps_to_and_adds_what_its_user_wants() {
        let mut out = Vec::new();
        write_cancel(&mut out, INVITE, b"Reason: SIP;cause=200\r\n");
        let text = String::from_utf8_lossy(&out);
        assert!(text.starts_with("CANCEL sip:bob@example.test SIP/2.0\r\nv: SIP/2.0/UDP a;"));
        assert!(text.contains("\r\nt : <sip:bob@example.test>\r\n"));
        assert!(text.ends_with("CSeq: 7 CANCEL\r\nMax-Forwards: 70\r\nReason: SIP;cause=200\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn the_head_ends_after_the_empty_line() {
        assert!(
            INVITE
                .split_at(head_length(INVITE))
                .0
                .ends_with(b"\r\n\r\n")
        );
        assert_eq!(head_length(b"no end"), 6);
    }

    #[test]
    fn octets_without_sense_do_no_harm() {
        for octets in [
            &b""[..],
            b"\r\n",
            b"x",
            b"INVITE\r\n\r\n",
            b"\n\n\n",
            b"I\r\n :\r\n,\r\n\r\n",
        ] {
            write_ack(&mut Vec::new(), octets, b"");
        }
    }
}
