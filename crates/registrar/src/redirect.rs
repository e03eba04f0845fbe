//! The redirect server's list of alternative locations (RFC 3261 §8.3).

use strowger_sip::{Time, Uri};

use crate::binding::Binding;
use crate::reply::write_contact;

/// Appends a Contact line for each binding, with its `q` and the seconds it is valid, and says how many there are.
///
/// A contact equal to the Request-URI is left out: a redirect to the same URI is forbidden. With none left the
/// request is refused (404 or 480).
pub fn write_redirect_contacts(
    request_uri: &[u8],
    bindings: &[Binding],
    now: Time,
    out: &mut Vec<u8>,
) -> usize {
    let requested = Uri::parse(request_uri).ok();
    let mut written = 0;
    for binding in bindings.iter().filter(|binding| binding.is_live(now)) {
        let same = match (&requested, Uri::parse(binding.contact())) {
            (Some(requested), Ok(contact)) => requested.equivalent(&contact),
            _ => binding.contact() == request_uri,
        };
        if same {
            continue;
        }
        // Parameters of the registration (instance, reg-id) are between the UA and us.
        write_contact(binding.contact(), b"", binding.q_given(), out);
        out.extend_from_slice(b";expires=");
        out.extend_from_slice(binding.remaining_seconds(now).to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
        written += 1;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::BindingParts;
    use strowger_transaction::{Flow, ListenerId};

    #[test]
    fn contacts_keep_their_q_and_never_repeat_the_request_uri() {
        let binding = |contact: &str, q: Option<u16>, expires: u64| {
            Binding::new(&BindingParts {
                contact: contact.as_bytes(),
                params: b";+sip.instance=\"<urn:uuid:1>\"",
                q,
                expires_at: Time::from_secs(expires),
                updated_at: Time::ZERO,
                call_id: b"c",
                cseq: 1,
                path: b"",
                user_agent: b"",
                flow: Flow::udp(ListenerId(0), "192.0.2.1:5060".parse().expect("an address")),
                behind_nat: false,
                flow_lost: false,
                outbound: false,
                branch_hash: 0,
            })
            .expect("fits")
        };
        let bindings = [
            binding("sip:bob@192.0.2.9;transport=tcp", Some(700), 60),
            binding("sip:bob@EXAMPLE.test", None, 60),
            binding("sip:bob@192.0.2.10", None, 10),
            binding("sip:bob@192.0.2.11", None, 11),
        ];
        let mut out = Vec::new();
        let written = write_redirect_contacts(
            b"sip:%62ob@example.test",
            &bindings,
            Time::from_secs(10),
            &mut out,
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "Contact: <sip:bob@192.0.2.9;transport=tcp>;q=0.7;expires=50\r\nContact: <sip:bob@192.0.2.11>;expires=1\r\n"
        );
        assert_eq!(written, 2);
    }
}
