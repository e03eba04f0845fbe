//! `siputils`: tests of the message, of URIs and of text.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{HeaderName, Method, Uri, parse_date};

use super::yes_no;
use crate::kemi::run::KemiRun;
use crate::pv::UriText;

const TEXT: &[Parameter] = &[Parameter::text("text")];
const URI: &[Parameter] = &[Parameter::text("uri")];
const NAME: &[Parameter] = &[Parameter::text("name")];
const TWO_URIS: &[Parameter] = &[Parameter::text("uri"), Parameter::text("other")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("siputils", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f("has_totag", &[], "To has a tag", |run, _| {
        yes_no(run.context.message().to_tag().is_some())
    }),
    f("is_request", &[], "the message is a request", |run, _| {
        yes_no(run.context.message().is_request())
    }),
    f("is_reply", &[], "the message is a reply", |run, _| {
        yes_no(run.context.message().is_response())
    }),
    f(
        "is_first_hop",
        &[],
        "the message comes from its origin: a request with one Via; a reply whose topmost Record-Route is ours, or none",
        |run, _| yes_no(is_first_hop(run)),
    ),
    f(
        "is_first_hop_mode",
        &[Parameter::int("mode")],
        "the same",
        |run, _| yes_no(is_first_hop(run)),
    ),
    f(
        "is_uri",
        TEXT,
        "the text is a sip, sips, tel or urn URI",
        |_, args| yes_no(UriText::parse(args.text(0)).is_some()),
    ),
    f(
        "is_user",
        NAME,
        "the user whose credentials were verified has this name",
        |run, args| {
            let user = run.context.draft().authenticated_user.as_deref();
            yes_no(user.is_some_and(|user| user == args.text(0)))
        },
    ),
    f(
        "uri_param",
        NAME,
        "the Request-URI has this parameter, without a value",
        |run, args| yes_no(param(run, args.text(0)) == Some(Vec::new())),
    ),
    f(
        "uri_param_value",
        &[Parameter::text("name"), Parameter::text("value")],
        "the Request-URI has this parameter with this value",
        |run, args| {
            let value = param(run, args.text(0));
            yes_no(value.is_some_and(|value| value == args.text(1)))
        },
    ),
    f(
        "uri_param_any",
        NAME,
        "the Request-URI has this parameter",
        |run, args| yes_no(param(run, args.text(0)).is_some()),
    ),
    f(
        "uri_param_rm",
        NAME,
        "removes a parameter of the Request-URI",
        |run, args| yes_no(remove_param(run, args.text(0))),
    ),
    f(
        "add_uri_param",
        &[Parameter::text("parameter")],
        "adds a parameter to the Request-URI",
        |run, args| yes_no(add_param(run, args.text(0))),
    ),
    f(
        "is_tel_number",
        TEXT,
        "the text has digits only, perhaps behind a plus; -2 if not",
        |_, args| {
            let text = args.text(0);
            test(is_numeric(text.strip_prefix(b"+").unwrap_or(text)), -2)
        },
    ),
    f(
        "is_numeric",
        TEXT,
        "the text has digits only; -2 if not",
        |_, args| test(is_numeric(args.text(0)), -2),
    ),
    f(
        "is_alphanum",
        TEXT,
        "the text has letters and digits only; -3 if not, -2 if it is empty",
        |_, args| is_alphanum(args.text(0), b""),
    ),
    f(
        "is_alphanumex",
        &[Parameter::text("text"), Parameter::text("more")],
        "the text has letters, digits and the octets given only; -3 if not, -2 if it is empty",
        |_, args| is_alphanum(args.text(0), args.text(1)),
    ),
    f(
        "options_reply",
        &[],
        "answers an OPTIONS to us: one whose Request-URI has no user",
        |run, _| options_reply(run),
    ),
    f(
        "hdr_date_check",
        &[Parameter::int("seconds")],
        "Date is no older; -1 without Date, -2 if it cannot be read, -3 if it is older",
        hdr_date_check,
    ),
    f(
        "cmp_uri",
        TWO_URIS,
        "the URIs are equivalent (RFC 3261 §19.1.4); -2 if one is none",
        |_, args| compare(args, &|one, other| one.equivalent(other)),
    ),
    f(
        "cmp_aor",
        TWO_URIS,
        "the URIs have the same user, host and port; -2 if one is none",
        |_, args| {
            compare(args, &|one, other| {
                one.user == other.user
                    && one.host.eq_ignore_case(&other.host)
                    && one.port_or_default() == other.port_or_default()
            })
        },
    ),
    f(
        "cmp_hdr_name",
        &[Parameter::text("name"), Parameter::text("other")],
        "both name the same header field",
        |_, args| {
            let (one, other) = (args.text(0), args.text(1));
            let known = HeaderName::from_bytes(one);
            let same = known != HeaderName::Unknown && known == HeaderName::from_bytes(other);
            yes_no(same || one.eq_ignore_ascii_case(other))
        },
    ),
    f(
        "is_gruu",
        &[],
        "the Request-URI is a GRUU: 1 if public, 2 if temporary",
        |run, _| {
            Ret::Int(match param(run, b"gr") {
                Some(value) if value.is_empty() => 2,
                Some(_) => 1,
                None => -1,
            })
        },
    ),
];

fn test(yes: bool, no: i64) -> Ret {
    Ret::Int(if yes { 1 } else { no })
}

fn is_numeric(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn is_alphanum(text: &[u8], more: &[u8]) -> Ret {
    if text.is_empty() {
        return Ret::Int(-2);
    }
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || more.contains(octet);
    test(text.iter().all(fits), -3)
}

fn is_first_hop(run: &KemiRun) -> bool {
    let message = run.context.message();
    if message.is_request() {
        return message.vias().count() == 1;
    }
    match message.record_routes().next() {
        None => true,
        Some(Ok(first)) => first
            .uri_parsed()
            .is_ok_and(|uri| run.context.is_ours(&uri)),
        Some(Err(_)) => false,
    }
}

/// The value of a parameter of the Request-URI; empty without `=`. Its name is compared with regard to case.
fn param(run: &KemiRun, name: &[u8]) -> Option<Vec<u8>> {
    let message = run.context.message();
    let uri = UriText::parse(run.context.request_uri()).filter(|_| message.is_request())?;
    params(uri.params)
        .find(|(key, _)| *key == name && !name.is_empty())
        .map(|(_, param)| param.get(name.len() + 1..).unwrap_or_default().to_vec())
}

/// Parameters with their names.
fn params(params: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    params
        .split(|octet| *octet == b';')
        .filter(|param| !param.is_empty())
        .map(|param| {
            let end = param.iter().position(|octet| *octet == b'=');
            (
                param.get(..end.unwrap_or(param.len())).unwrap_or(param),
                param,
            )
        })
}

fn set_params(run: &mut KemiRun, change: impl FnOnce(&[u8]) -> Vec<u8>) -> bool {
    if !run.is_request() {
        return false;
    }
    let Some(uri) = UriText::parse(run.context.request_uri()) else {
        return false;
    };
    let params = change(uri.params);
    let mut out = Vec::new();
    UriText {
        params: &params,
        ..uri
    }
    .write(&mut out);
    let fits = UriText::parse(&out).is_some() && !out.iter().any(u8::is_ascii_whitespace);
    if fits {
        run.context.draft_mut().set_request_uri(&out);
    }
    fits
}

fn remove_param(run: &mut KemiRun, name: &[u8]) -> bool {
    set_params(run, |before| {
        let kept = params(before).filter(|(key, _)| *key != name);
        kept.map(|(_, param)| param).collect::<Vec<_>>().join(&b';')
    })
}

fn add_param(run: &mut KemiRun, param: &[u8]) -> bool {
    let param = param.strip_prefix(b";").unwrap_or(param);
    if param.is_empty() {
        return true;
    }
    set_params(run, |before| {
        let mut params = before.to_vec();
        if !params.is_empty() {
            params.push(b';');
        }
        params.extend_from_slice(param);
        params
    })
}

fn compare(args: Args<'_>, equal: &dyn Fn(&Uri<'_>, &Uri<'_>) -> bool) -> Ret {
    match (Uri::parse(args.text(0)), Uri::parse(args.text(1))) {
        (Ok(one), Ok(other)) => yes_no(equal(&one, &other)),
        _ => Ret::Int(-2),
    }
}

fn options_reply(run: &mut KemiRun) -> Ret {
    let message = run.context.message();
    let has_user = UriText::parse(run.context.request_uri()).is_none_or(|uri| uri.user.is_some());
    if !message.is_request() || message.method() != Method::Options || has_user {
        return Ret::Int(-1);
    }
    run.context.reply_options();
    Ret::Int(1)
}

fn hdr_date_check(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let message = run.context.message();
    let Some(date) = message.header(HeaderName::Date) else {
        return Ret::Int(-1);
    };
    let Ok(date) = parse_date(date.value) else {
        return Ret::Int(-2);
    };
    let age = run.context.now().wall.saturating_since(date).as_secs();
    test(i64::try_from(age).is_ok_and(|age| age <= args.int(0)), -3)
}
