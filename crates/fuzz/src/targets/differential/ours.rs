//! Our side.

use strowger_sip::{Host, Limits, Message, ParseError, unescape};

use super::facts::{Facts, Field};

/// Reads a message.
///
/// # Errors
/// It is none.
pub fn read(input: &[u8]) -> Result<Message, ParseError> {
    Message::parse(input.to_vec(), &Limits::default()).map_err(|failure| failure.error)
}

/// What it says.
pub fn facts(message: &Message) -> Facts {
    let mut facts = Facts::default();
    match message.status() {
        None => {
            facts.push(Field::Start, message.method().as_bytes());
            let uri = message.request_uri_parsed().expect("the message was read");
            let scheme = message.request_uri().split(|octet| *octet == b':').next();
            facts.push(
                Field::Scheme,
                scheme.unwrap_or_default().to_ascii_lowercase(),
            );
            facts.push(Field::User, unescape(uri.user.unwrap_or_default()));
            facts.push(Field::Host, host(&uri.host));
            facts.push(Field::Port, port(uri.port));
        }
        Some(status) => facts.push(Field::Start, status.to_string()),
    }
    let via = message.via();
    facts.push(Field::CallId, message.call_id());
    facts.push(Field::CSeqNumber, message.cseq().number.to_string());
    facts.push(Field::CSeqMethod, message.cseq().method.as_bytes());
    facts.push(Field::FromTag, message.from_tag().unwrap_or_default());
    facts.push(Field::ToTag, message.to_tag().unwrap_or_default());
    facts.push(Field::ViaTransport, via.transport_token);
    facts.push(Field::ViaHost, host(&via.host()));
    facts.push(Field::ViaPort, port(via.port));
    facts.push(Field::ViaBranch, via.branch().unwrap_or_default());
    facts.push(Field::Headers, message.header_count().to_string());
    facts
}

fn host(host: &Host<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    host.write(&mut out);
    out
}

fn port(port: Option<u16>) -> String {
    port.map(|port| port.to_string()).unwrap_or_default()
}
