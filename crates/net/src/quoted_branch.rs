//! Finds the branch of the topmost Via in a datagram that an ICMP error quotes (RFC 3261 §18.4, §20.42).
//!
//! The quotation may be cut anywhere, so this does not parse a message: it looks for the first Via line
//! and its branch parameter, and answers only if the parameter's end was seen.

/// The branch parameter's value; `None` if it is absent or was cut off.
pub(crate) fn quoted_branch(octets: &[u8]) -> Option<&[u8]> {
    let mut lines = octets.split_inclusive(|octet| *octet == b'\n');
    lines.next()?;
    let mut value: Option<&[u8]> = None;
    for line in lines {
        match value {
            None => value = via_value(line),
            // A folded Via continues on lines that begin with white space.
            Some(_)
                if line
                    .first()
                    .is_some_and(|octet| matches!(octet, b' ' | b'\t')) =>
            {
                value = Some(line)
            }
            Some(_) => return None,
        }
        if let Some(branch) = value.and_then(branch_in) {
            return Some(branch);
        }
    }
    None
}

fn via_value(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii_end();
    (name.eq_ignore_ascii_case(b"via") || name.eq_ignore_ascii_case(b"v")).then_some(value)
}

fn branch_in(value: &[u8]) -> Option<&[u8]> {
    // Only the first Via of a comma list; octets after its comma belong to the next hop back.
    let end = value
        .iter()
        .position(|octet| matches!(octet, b',' | b'\r' | b'\n'));
    let first = value.get(..end.unwrap_or(value.len()))?;
    let mut rest = first;
    loop {
        let semicolon = rest.iter().position(|octet| *octet == b';')?;
        rest = rest.get(semicolon + 1..)?;
        let parameter_end = rest.iter().position(|octet| *octet == b';');
        let parameter = rest.get(..parameter_end.unwrap_or(rest.len()))?;
        let Some(equals) = parameter.iter().position(|octet| *octet == b'=') else {
            continue;
        };
        let (name, branch) = parameter.split_at(equals);
        if name.trim_ascii().eq_ignore_ascii_case(b"branch") {
            let complete = parameter_end.is_some() || end.is_some();
            let branch = branch.get(1..)?.trim_ascii();
            return (complete && !branch.is_empty()).then_some(branch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_topmost_branch() {
        let octets = b"OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 70\r\nvia : SIP/2.0/UDP h:5060;rport;Branch=z9hG4bKabc ;x=y\r\nVia: SIP/2.0/UDP i;branch=z9hG4bKother\r\n";
        assert_eq!(quoted_branch(octets), Some(&b"z9hG4bKabc"[..]));
    }

    #[test]
    fn finds_it_in_compact_form_in_a_list_and_folded() {
        assert_eq!(
            quoted_branch(b"A b C\r\nv:SIP/2.0/UDP h;branch=one,SIP/2.0/UDP i;branch=two\r\n"),
            Some(&b"one"[..])
        );
        assert_eq!(
            quoted_branch(b"A b C\r\nVia: SIP/2.0/UDP h\r\n ;branch=one\r\n"),
            Some(&b"one"[..])
        );
    }

    #[test]
    fn a_cut_or_absent_branch_is_none() {
        assert_eq!(
            quoted_branch(b"A b C\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKab"),
            None
        );
        assert_eq!(
            quoted_branch(b"A b C\r\nVia: SIP/2.0/UDP h\r\nVia: SIP/2.0/UDP i;branch=two\r\n"),
            None
        );
        assert_eq!(quoted_branch(b"A b C\r\nVia: SIP/2.0/UDP h;bran"), None);
        assert_eq!(quoted_branch(b""), None);
        assert_eq!(quoted_branch(b"\xff\xfe\x00"), None);
    }
}
