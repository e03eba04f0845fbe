//! Which class a disagreement belongs to. It is found by what the octets have, never by the outcome alone.

use strowger_sip::{
    CSEQ_MAX, FieldError, HeaderName, Message, NameAddr, ParseError, Uri, unescape,
};

use super::classes::Class;
use super::facts::Field;
use super::octets::{
    field, fields, is_blank, is_token, is_word, lines, start_line, trim, trim_start,
};
use super::theirs::Stage;

/// Why only we read it.
pub fn explain_their_refusal(mine: &Message, stage: &Stage) -> Option<Class> {
    let head = mine.as_bytes().get(..mine.header_end()).unwrap_or_default();
    match stage {
        Stage::NotUtf8 => core::str::from_utf8(head)
            .is_err()
            .then_some(Class::NotUtf8),
        Stage::StartLine => request_uri(mine),
        Stage::Field("From" | "To", value) => address(value),
        Stage::Field("Via", value) => via(value),
        Stage::Incomplete | Stage::Line(_) | Stage::Field(..) => None,
    }
}

fn request_uri(mine: &Message) -> Option<Class> {
    let line = start_line(mine.as_bytes());
    if mine.is_response() {
        return (!line.starts_with(b"SIP/2.0")).then_some(Class::VersionCase);
    }
    let uri = mine.request_uri_parsed().ok()?;
    match uri.is_sip() {
        false => Some(Class::OtherScheme),
        true if !line.ends_with(b"SIP/2.0") => Some(Class::VersionCase),
        true => uri_part(&uri),
    }
}

/// What they do not take of a URI that we take.
fn uri_part(uri: &Uri<'_>) -> Option<Class> {
    if uri.as_bytes().windows(3).any(|three| three == b":::") {
        return Some(Class::Ipv6Colons);
    }
    let mut host = Vec::new();
    uri.host.write(&mut host);
    if is_odd_name(&host) {
        return Some(Class::HostOctet);
    }
    if uri.host.ip().is_none() && begins_like_ipv4(&host) {
        return Some(Class::HostCutShort);
    }
    let known = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,".contains(octet);
    let in_user = |octet: &u8| known(octet) || b";?/".contains(octet);
    let (user, password) = (
        uri.user.unwrap_or_default(),
        uri.password.unwrap_or_default(),
    );
    let odd = !user.iter().all(in_user)
        || !password.iter().all(known)
        || core::str::from_utf8(&unescape(user)).is_err();
    let parameters = [uri.parameters.as_bytes(), uri.headers];
    let odd_parameters = parameters
        .iter()
        .any(|part| core::str::from_utf8(&unescape(part)).is_err());
    if odd || odd_parameters {
        return Some(Class::UserOctet);
    }
    let mut parameters = uri.parameters.as_bytes().split(|octet| *octet == b';');
    let odd = |part: &[u8]| ends_their_list(part) || part.ends_with(b"=");
    parameters.any(odd).then_some(Class::UriParameter)
}

/// True for a host name that they refuse.
fn is_odd_name(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut labels = host.split(|octet| *octet == b'.');
    labels.any(|label| {
        let edge = [label.first(), label.last()].contains(&Some(&b'-'));
        label.is_empty() || label.contains(&b'_') || edge
    })
}

/// True for a name with an IPv4 address before its other octets.
fn begins_like_ipv4(host: &[u8]) -> bool {
    let mut labels = host.split(|octet| *octet == b'.');
    let three = labels
        .by_ref()
        .take(3)
        .filter(|label| !label.is_empty() && label.iter().all(u8::is_ascii_digit));
    three.count() == 3
        && labels
            .next()
            .is_some_and(|label| label.first().is_some_and(u8::is_ascii_digit))
}

fn address(value: &[u8]) -> Option<Class> {
    let view = NameAddr::parse(value).ok()?;
    if view.display_name.contains(&b'\\') || view.display_name == b"\"\"" {
        return Some(Class::QuotedPair);
    }
    if view.display_name.windows(2).any(|two| two == b"\r\n") {
        return Some(Class::Blank);
    }
    let behind = &value[view.uri_range().end..];
    if !view.bracketed && behind.contains(&b'@') {
        return Some(Class::BareAddress);
    }
    match Uri::parse(view.uri) {
        Err(_) => Some(Class::UriUnread),
        Ok(uri) if !uri.is_sip() => Some(Class::OtherScheme),
        Ok(uri) => uri_part(&uri),
    }
}

fn via(value: &[u8]) -> Option<Class> {
    let protocol: Vec<&[u8]> = value.splitn(3, |octet| *octet == b'/').collect();
    let [name, version, rest] = protocol[..] else {
        return None;
    };
    if trim(name) != b"SIP" || trim(version) != b"2.0" {
        return Some(Class::ViaProtocol);
    }
    let mut words = trim_start(rest).splitn(2, is_blank);
    let sent_by = trim_start(words.nth(1)?);
    let end = sent_by
        .iter()
        .position(|octet| b":; \t\r,".contains(octet))
        .unwrap_or(sent_by.len());
    if sent_by
        .split(|octet| *octet == b']')
        .next()?
        .windows(3)
        .any(|three| three == b":::")
    {
        return Some(Class::Ipv6Colons);
    }
    let bracket = sent_by.iter().position(|octet| *octet == b']');
    if let Some(end) = bracket.filter(|_| sent_by.starts_with(b"[")) {
        return is_spaced(&sent_by[end + 1..]).then_some(Class::Blank);
    }
    if is_odd_name(&sent_by[..end]) {
        return Some(Class::HostOctet);
    }
    is_spaced(&sent_by[end..]).then_some(Class::Blank)
}

/// White space before or behind the colon of a port.
fn is_spaced(rest: &[u8]) -> bool {
    let port = trim_start(rest);
    port.first() == Some(&b':') && (port.len() < rest.len() || port.get(1).is_some_and(is_blank))
}

/// Why only they read it.
pub fn explain_our_refusal(input: &[u8], error: ParseError) -> Option<Class> {
    let begins = input.iter().position(|octet| !b"\r\n".contains(octet))?;
    let octets = &input[begins..];
    let (is_so, class) = match error {
        ParseError::StrayOctet(at) => (is_stray(octets, at), Class::StrayOctet),
        ParseError::NoEmptyLine => (
            (0..octets.len()).any(|at| is_stray(octets, at)),
            Class::StrayOctet,
        ),
        ParseError::StartLine | ParseError::Version => (!has_three_parts(octets), Class::StartLine),
        ParseError::StatusCode => (has_odd_code(octets), Class::StatusCode),
        ParseError::RequestUri(_) => (has_odd_uri(octets), Class::RequestUri),
        ParseError::HeaderLine(_) => (lines(octets).any(|line| !has_name(line)), Class::HeaderLine),
        ParseError::Repeated(name) => (fields(octets, name).count() > 1, Class::Repeated),
        ParseError::Truncated => (true, Class::Truncated),
        ParseError::CSeqMethod => (true, Class::CSeqMethod),
        ParseError::Field(name, error) => return our_field(octets, name, error),
        ParseError::TooMuch(_) => (is_beyond(octets), Class::Limit),
        _ => return None,
    };
    is_so.then_some(class)
}

fn is_stray(octets: &[u8], at: usize) -> bool {
    match octets.get(at) {
        Some(0) => true,
        Some(b'\r') => octets.get(at + 1) != Some(&b'\n'),
        Some(b'\n') => at == 0 || octets[at - 1] != b'\r',
        _ => false,
    }
}

fn has_three_parts(octets: &[u8]) -> bool {
    let line = start_line(octets);
    let parts: Vec<&[u8]> = line.split(|octet| *octet == b' ').collect();
    match parts[..] {
        [b"SIP/2.0", code, ..] => code.len() == 3 && code.iter().all(u8::is_ascii_digit),
        [method, uri, version] => is_token(method) && !uri.is_empty() && version == b"SIP/2.0",
        _ => false,
    }
}

fn has_odd_code(octets: &[u8]) -> bool {
    let code = start_line(octets).split(|octet| *octet == b' ').nth(1);
    let code = code.and_then(|code| core::str::from_utf8(code).ok()?.parse::<u32>().ok());
    code.is_none_or(|code| !(100..700).contains(&code))
}

fn has_odd_uri(octets: &[u8]) -> bool {
    let uri = start_line(octets)
        .split(|octet| *octet == b' ')
        .nth(1)
        .unwrap_or_default();
    uri.contains(&b'?') || Uri::parse(uri).is_err()
}

fn has_name(line: &[u8]) -> bool {
    let end = line.iter().position(|octet| *octet == b':');
    end.is_some_and(|end| {
        let name = &line[..end];
        let last = name.iter().rposition(|octet| !b" \t".contains(octet));
        is_token(&name[..last.map_or(0, |last| last + 1)])
    })
}

/// Near one of the limits (`strowger_sip::Limits`).
fn is_beyond(octets: &[u8]) -> bool {
    octets.len() > 65_535
        || start_line(octets).len() > 2_048
        || lines(octets).count() > 200
        || lines(octets).any(|line| {
            line.len() > 8_190 || line.iter().filter(|octet| **octet == b';').count() > 64
        })
}

fn our_field(octets: &[u8], name: HeaderName, error: FieldError) -> Option<Class> {
    let value = field(octets, name)?;
    let (is_so, class) = match (name, error) {
        (HeaderName::ContentLength, _) => (
            !value.iter().all(u8::is_ascii_digit) || value.len() > 9 || value.is_empty(),
            Class::ContentLength,
        ),
        (HeaderName::CSeq, _) => (!is_cseq(value), Class::CSeqSyntax),
        (HeaderName::CallId, _) => (!is_call_id(value), Class::CallIdSyntax),
        (
            HeaderName::From | HeaderName::To | HeaderName::Via,
            FieldError::Parameter | FieldError::RepeatedParameter,
        ) => (value.contains(&b';'), Class::ParameterSyntax),
        (HeaderName::From | HeaderName::To, FieldError::DisplayName) => {
            (!has_sound_name(value), Class::DisplayName)
        }
        (HeaderName::From | HeaderName::To, _) => (
            NameAddr::parse(value).is_err() || value.contains(&b','),
            Class::AddressSyntax,
        ),
        (HeaderName::Via, _) => (strowger_sip::Via::parse(value).is_err(), Class::ViaSyntax),
        _ => return None,
    };
    is_so.then_some(class)
}

fn is_cseq(value: &[u8]) -> bool {
    let mut words = value.split(is_blank).filter(|word| !word.is_empty());
    let number = words
        .next()
        // More digits we do not read, whatever they say.
        .filter(|word| word.len() <= 19)
        .and_then(|word| core::str::from_utf8(word).ok()?.parse::<u64>().ok());
    let method = words.next();
    number.is_some_and(|number| number <= u64::from(CSEQ_MAX))
        && method.is_some_and(is_token)
        && words.next().is_none()
}

fn is_call_id(value: &[u8]) -> bool {
    let words: Vec<&[u8]> = value.split(|octet| *octet == b'@').collect();
    words.len() <= 2 && words.iter().all(|word| is_word(word))
}

/// The part before the bracket is quoted or made of tokens.
fn has_sound_name(value: &[u8]) -> bool {
    let name = trim(
        value
            .split(|octet| *octet == b'<')
            .next()
            .unwrap_or_default(),
    );
    match name {
        [b'"', inner @ .., b'"'] => !has_open_quote(inner),
        name => name
            .split(is_blank)
            .all(|word| word.is_empty() || is_token(word)),
    }
}

/// A quote that no backslash stands before.
fn has_open_quote(inner: &[u8]) -> bool {
    let mut escaped = false;
    inner.iter().any(|octet| {
        let ends = *octet == b'"' && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    })
}

/// Why both read it, but not the same.
pub fn explain_field(mine: &Message, place: Field, ours: &[u8], theirs: &[u8]) -> Option<Class> {
    match place {
        Field::Start | Field::CSeqMethod => method(ours, theirs),
        Field::FromTag => parameter(mine, HeaderName::From, b"tag", ours, theirs),
        Field::ToTag => parameter(mine, HeaderName::To, b"tag", ours, theirs),
        Field::ViaHost | Field::ViaPort => via_host(mine),
        Field::ViaBranch => parameter(mine, HeaderName::Via, b"branch", ours, theirs),
        _ => None,
    }
}

fn method(ours: &[u8], theirs: &[u8]) -> Option<Class> {
    const KNOWN: &[&[u8]] = &[
        b"INVITE",
        b"ACK",
        b"CANCEL",
        b"BYE",
        b"REGISTER",
        b"MESSAGE",
        b"UPDATE",
        b"PRACK",
        b"OPTIONS",
        b"SUBSCRIBE",
        b"NOTIFY",
        b"PUBLISH",
        b"INFO",
        b"REFER",
    ];
    let begins = ours
        .get(..theirs.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(theirs));
    (KNOWN.contains(&theirs) && begins).then_some(Class::MethodByPrefix)
}

/// Why they do not come to the end of sent-by.
fn via_host(mine: &Message) -> Option<Class> {
    let mut host = Vec::new();
    mine.via().host().write(&mut host);
    if is_odd_name(&host) {
        return Some(Class::HostOctet);
    }
    if mine.via().host().ip().is_none() && begins_like_ipv4(&host) {
        return Some(Class::HostCutShort);
    }
    via(mine.header(HeaderName::Via)?.value)
}

/// Why a parameter is lost or another.
fn parameter(
    mine: &Message,
    name: HeaderName,
    parameter: &[u8],
    ours: &[u8],
    theirs: &[u8],
) -> Option<Class> {
    let value = mine.header(name)?.value;
    let before = match name {
        HeaderName::Via => via_host(mine),
        _ => address(value),
    };
    if let Some(class) = before.filter(|_| theirs.is_empty()) {
        return Some(class);
    }
    if *unescape(ours) == *theirs {
        return Some(Class::EscapeInParameter);
    }
    if !ours.starts_with(theirs) && !unescape(ours).starts_with(theirs) {
        return None;
    }
    let stands_so = value
        .windows(parameter.len())
        .any(|window| window == parameter);
    if !stands_so {
        return Some(Class::ParameterCase);
    }
    let from = value.iter().rposition(|octet| *octet == b'>').unwrap_or(0);
    let mut parts = value[from..].split(|octet| *octet == b';').skip(1);
    parts
        .any(ends_their_list)
        .then_some(Class::ParametersCutShort)
}

/// A parameter that they cannot take, so that they leave the list there.
fn ends_their_list(part: &[u8]) -> bool {
    let known =
        |octet: &u8| octet.is_ascii_alphanumeric() || b"%-_.!~*'()[]/:&+$`= \t\r\n".contains(octet);
    let equals = part.iter().filter(|octet| **octet == b'=').count();
    !part.iter().all(known) || equals > 1 || core::str::from_utf8(&unescape(part)).is_err()
}
