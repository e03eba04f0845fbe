//! The other side: `ezk-sip-types`, put together as its own endpoint does it (start line, lines, typed header fields).

use bytes::Bytes;
use ezk_sip_types::header::typed::{CSeq, CallID, FromTo, Via};
use ezk_sip_types::host::Host;
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse;
use ezk_sip_types::print::{AppendCtx, PrintCtx};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers, Name};
use strowger_sip::unescape;

use super::facts::{Facts, Field};

/// Where it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The header section has no end.
    Incomplete,
    /// The line is not UTF-8.
    NotUtf8,
    /// The start line.
    StartLine,
    /// A line without a name.
    Line(Vec<u8>),
    /// A header field that is not there or is not understood, with its value.
    Field(&'static str, Vec<u8>),
}

impl core::fmt::Display for Stage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Stage::Line(line) => write!(f, "the line `{}`", line.escape_ascii()),
            Stage::Field(name, value) => write!(f, "the field {name} `{}`", value.escape_ascii()),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Reads a message.
///
/// # Errors
/// It is none.
pub fn read(input: &[u8]) -> Result<Facts, Stage> {
    let begins = input.iter().position(|octet| !b"\r\n".contains(octet));
    let octets = Bytes::copy_from_slice(&input[begins.unwrap_or(0)..]);
    let mut lines = PullParser::new(&octets, 0);
    let text = |line: &[u8]| {
        core::str::from_utf8(line)
            .map(str::to_owned)
            .map_err(|_| Stage::NotUtf8)
    };
    let first = lines
        .next()
        .ok_or(Stage::StartLine)?
        .map_err(|_| Stage::Incomplete)?;
    let start = MessageLine::parse_str(&text(first)?).map_err(|_| Stage::StartLine)?;
    let mut headers = Headers::new();
    let mut count = 0;
    for line in lines {
        let line = text(line.map_err(|_| Stage::Incomplete)?)?;
        let source = Bytes::copy_from_slice(line.as_bytes());
        let slice = core::str::from_utf8(&source).map_err(|_| Stage::NotUtf8)?;
        match Line::parse(&source, slice) {
            Ok((_, line)) => {
                headers.insert(line.name, line.value);
                count += 1;
            }
            Err(_) => return Err(Stage::Line(line.into_bytes())),
        }
    }
    facts(&start, &headers, count)
}

fn facts(start: &MessageLine, headers: &Headers, count: usize) -> Result<Facts, Stage> {
    let stage = |name: &'static str, key: &Name| {
        let value = headers.get_raw(key).next();
        Stage::Field(
            name,
            value
                .map(|value| value.as_bytes().to_vec())
                .unwrap_or_default(),
        )
    };
    let mut facts = Facts::default();
    match start {
        MessageLine::Request(line) => {
            facts.push(Field::Start, line.method.to_string());
            facts.push(Field::Scheme, if line.uri.sips { "sips" } else { "sip" });
            facts.push(Field::User, user(&line.uri));
            facts.push(Field::Host, host(&line.uri.host_port.host));
            facts.push(Field::Port, port(line.uri.host_port.port));
        }
        MessageLine::Response(line) => facts.push(Field::Start, line.code.into_u16().to_string()),
    }
    let via: Via = headers.get_named().map_err(|_| stage("Via", &Name::VIA))?;
    let from: FromTo = headers
        .get(Name::FROM)
        .map_err(|_| stage("From", &Name::FROM))?;
    let to: FromTo = headers.get(Name::TO).map_err(|_| stage("To", &Name::TO))?;
    let call_id: CallID = headers
        .get_named()
        .map_err(|_| stage("Call-ID", &Name::CALL_ID))?;
    let cseq: CSeq = headers
        .get_named()
        .map_err(|_| stage("CSeq", &Name::CSEQ))?;
    facts.push(Field::CallId, call_id.0.as_bytes());
    facts.push(Field::CSeqNumber, cseq.cseq.to_string());
    facts.push(Field::CSeqMethod, cseq.method.to_string());
    facts.push(
        Field::FromTag,
        from.tag.map(|tag| tag.to_string()).unwrap_or_default(),
    );
    facts.push(
        Field::ToTag,
        to.tag.map(|tag| tag.to_string()).unwrap_or_default(),
    );
    facts.push(Field::ViaTransport, via.transport.as_bytes());
    facts.push(Field::ViaHost, host(&via.sent_by.host));
    facts.push(Field::ViaPort, port(via.sent_by.port));
    let branch = via.params.get_val("branch").map(ToString::to_string);
    facts.push(Field::ViaBranch, branch.unwrap_or_default());
    facts.push(Field::Headers, count.to_string());
    Ok(facts)
}

/// The user, unescaped. It can be seen in the printed URI alone.
fn user(uri: &SipUri) -> Vec<u8> {
    let printed = format!("{uri:?}");
    let mut without = uri.clone();
    let host = without.host_port.print_ctx(PrintCtx::default()).to_string();
    without.uri_params = Default::default();
    without.header_params = Default::default();
    let tail = printed.len() - format!("{without:?}").len();
    let before = &printed[..printed.len() - tail - host.len()];
    let user = before.split_once(':').map_or("", |(_, user)| user);
    let user = user.strip_suffix('@').unwrap_or("");
    let user = user.split(':').next().unwrap_or_default();
    // A `%` of the user is printed as it is, beside escapes: what was meant is found by trying.
    let tries = [
        unescape(user.as_bytes()).into_owned(),
        user.into(),
        partly_unescaped(user),
    ];
    let is_it = |user: &&Vec<u8>| {
        let user = String::from_utf8_lossy(user).into_owned();
        SipUri::new(uri.host_port.clone())
            .sips(uri.sips)
            .user(user.into())
            .compare(uri)
    };
    let found = tries.iter().find(is_it);
    found.or(tries.first()).cloned().unwrap_or_default()
}

/// Without the escapes that printing makes: of octets that a user must not have.
fn partly_unescaped(user: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = user.as_bytes();
    while let Some((octet, tail)) = rest.split_first() {
        let escape = rest
            .get(..3)
            .map(unescape)
            .filter(|octets| octets.len() == 1);
        match escape.as_deref() {
            Some([one]) if !one.is_ascii_alphanumeric() && !b"-_.!~*'()%&=+$,;?/".contains(one) => {
                out.push(*one);
                rest = &rest[3..];
            }
            _ => {
                out.push(*octet);
                rest = tail;
            }
        }
    }
    out
}

fn host(host: &Host) -> String {
    match host {
        Host::IP6(address) => format!("[{address}]"),
        Host::IP4(address) => address.to_string(),
        Host::Name(name) => name.to_ascii_lowercase(),
    }
}

fn port(port: Option<u16>) -> String {
    port.map(|port| port.to_string()).unwrap_or_default()
}
