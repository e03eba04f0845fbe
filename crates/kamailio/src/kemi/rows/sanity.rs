//! `sanity`: checks of a message, a bit each, and the refusals that they send.
//!
//! What our own parser refuses (versions, mandatory fields, CSeq, lengths beyond the message) was answered before the
//! script ran; what it lets pass and a proxy may pass on is checked here.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::{Answer, How};
use strowger_sip::{Credentials, HeaderName, Message, Method, NameAddr, StatusCode, Uri};

use super::yes_no;
use crate::kemi::run::KemiRun;

const RURI_SCHEME: i64 = 1 << 1;
const CONTENT_LENGTH: i64 = 1 << 7;
const EXPIRES: i64 = 1 << 8;
const PROXY_REQUIRE: i64 = 1 << 9;
const PARSE_URIS: i64 = 1 << 10;
const DIGEST: i64 = 1 << 11;
const AUTHORIZATION: i64 = 1 << 13;
/// The checks that are made if nothing else is asked for.
const MESSAGE_CHECKS: i64 = 999;
const URI_CHECKS: i64 = 3;

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("sanity", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sanity_check",
        &[
            Parameter::int("message_checks"),
            Parameter::int("uri_checks"),
        ],
        "checks the message, and answers it if it fails",
        |run, args| check(run, args.int(0), args.int(1)),
    ),
    f(
        "sanity_check_defaults",
        &[],
        "the checks that the module's parameters ask for",
        |run, _| {
            let door = &run.shard.door;
            let message = door.int("sanity", "default_msg_checks");
            let uri = door.int("sanity", "default_uri_checks");
            check(
                run,
                message.unwrap_or(MESSAGE_CHECKS),
                uri.unwrap_or(URI_CHECKS),
            )
        },
    ),
    f(
        "sanity_reply",
        &[],
        "sends the refusal that the parameter `noreply` kept back; 1 also if there is none",
        |run, _| match run.kept().refusal.take() {
            Some((status, reason, headers)) => yes_no(answer(run, status, reason, &headers)),
            None => Ret::Int(1),
        },
    ),
];

/// Why a message is refused; without a status nothing is answered.
struct Refusal {
    status: Option<StatusCode>,
    reason: &'static str,
    headers: Vec<u8>,
}

fn bad(reason: &'static str) -> Refusal {
    Refusal {
        status: Some(StatusCode::BAD_REQUEST),
        reason,
        headers: Vec::new(),
    }
}

fn check(run: &mut KemiRun, message_checks: i64, uri_checks: i64) -> Ret {
    let Some(refusal) = first_fault(run, message_checks, uri_checks) else {
        return Ret::Int(1);
    };
    let message = run.context.message();
    let answerable = message.is_request() && message.method() != Method::Ack;
    if let Some(status) = refusal.status.filter(|_| answerable) {
        if run.shard.door.int("sanity", "noreply") == Some(1) {
            run.kept().refusal = Some((status, refusal.reason, refusal.headers));
        } else {
            answer(run, status, refusal.reason, &refusal.headers);
        }
    }
    Ret::Int(-1)
}

fn answer(run: &mut KemiRun, status: StatusCode, reason: &str, headers: &[u8]) -> bool {
    let outcome = run.context.answer(&Answer {
        headers,
        ..Answer::new(How::Stateless, status, Some(reason.as_bytes()))
    });
    crate::sl::return_code(outcome) > 0
}

fn first_fault(run: &KemiRun, message_checks: i64, uri_checks: i64) -> Option<Refusal> {
    let message = run.context.message();
    let asked = |bit: i64| message_checks & bit != 0;
    if asked(RURI_SCHEME)
        && message.is_request()
        && !Uri::parse(message.request_uri()).is_ok_and(|uri| is_known_scheme(&uri))
    {
        return Some(bad("Bad Request URI"));
    }
    let length = message.content_length();
    if asked(CONTENT_LENGTH) && length.is_some_and(|length| length != message.body().len()) {
        return Some(bad("Content-Length mis-match"));
    }
    if asked(EXPIRES)
        && !message
            .headers_named(HeaderName::Expires)
            .all(|one| is_number(one.value))
    {
        return Some(bad("Expires value is illegal"));
    }
    if asked(PROXY_REQUIRE)
        && let Some(refusal) = unsupported(run, message)
    {
        return Some(refusal);
    }
    if asked(PARSE_URIS)
        && let Some(refusal) = bad_uri(message, uri_checks)
    {
        return Some(refusal);
    }
    let credentials = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
    let sound = |name: HeaderName| {
        message
            .headers_named(name)
            .all(|header| is_sound(header.value))
    };
    if (asked(DIGEST) || asked(AUTHORIZATION)) && !credentials.into_iter().all(sound) {
        return Some(bad("Bad Auth Header"));
    }
    None
}

fn is_known_scheme(uri: &Uri<'_>) -> bool {
    use strowger_sip::Scheme;
    matches!(
        uri.scheme,
        Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Urn
    )
}

/// A number of 32 bits.
fn is_number(value: &[u8]) -> bool {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits && core::str::from_utf8(value).is_ok_and(|value| value.parse::<u32>().is_ok())
}

/// Extensions that are required of proxies and that `proxy_require` does not list.
fn unsupported(run: &KemiRun, message: &Message) -> Option<Refusal> {
    let door = &run.shard.door;
    let known = door.text("sanity", "proxy_require").unwrap_or_default();
    let is_known = |tag: &[u8]| {
        known
            .split(',')
            .any(|one| one.trim().as_bytes().eq_ignore_ascii_case(tag))
    };
    let tags: Vec<&[u8]> = message
        .option_tags(HeaderName::ProxyRequire)
        .filter(|tag| !is_known(tag))
        .collect();
    if tags.is_empty() {
        return None;
    }
    let headers = [b"Unsupported: ", tags.join(&b", "[..]).as_slice(), b"\r\n"].concat();
    Some(Refusal {
        status: StatusCode::new(420),
        reason: "Bad Proxy Require Extension",
        headers,
    })
}

/// A URI among those asked for that cannot be read: 1 Request-URI, 2 From, 4 To, 8 Contact.
fn bad_uri(message: &Message, which: i64) -> Option<Refusal> {
    let sound =
        |address: &NameAddr<'_>| address.uri_parsed().is_ok_and(|uri| is_known_scheme(&uri));
    let ruri = || Uri::parse(message.request_uri()).is_ok_and(|uri| is_known_scheme(&uri));
    if which & 1 != 0 && message.is_request() && !ruri() {
        return Some(bad("Bad Request URI"));
    }
    if which & 2 != 0 && !sound(&message.from()) {
        return Some(bad("Invalid From Header"));
    }
    if which & 4 != 0 && !sound(&message.to()) {
        return Some(bad("Invalid To Header"));
    }
    let contact = |contact: Result<strowger_sip::Contact<'_>, _>| {
        contact.is_ok_and(|contact| contact.address().is_none_or(sound))
    };
    if which & 8 != 0 && !message.contacts().all(contact) {
        return Some(bad("Invalid Contact Header"));
    }
    None
}

/// Digest credentials that can be read; other schemes are nobody's matter here.
fn is_sound(value: &[u8]) -> bool {
    let is_digest = value
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Digest"));
    !is_digest || Credentials::parse(value).is_ok()
}
