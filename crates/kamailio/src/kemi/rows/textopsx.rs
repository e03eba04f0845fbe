//! `textopsx`: changes that take effect at once, single values of header fields, patterns of file names.

use core::ops::Range;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{HeaderName, ListItems};

use super::textops::{EXPRESSION, holds};
use super::yes_no;
use crate::kemi::change::headers_named;
use crate::kemi::glob::matches_glob;
use crate::kemi::run::KemiRun;
use crate::sl::changed_code;

const NAME_VALUE: &[Parameter] = &[Parameter::text("name"), Parameter::text("value")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("textopsx", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "msg_apply_changes",
        &[],
        "makes the changes so far visible to the script",
        |run, _| yes_no(run.context.apply_changes()),
    ),
    f(
        "change_reply_status",
        &[Parameter::int("code"), Parameter::text("reason")],
        "another code of its class, and another reason, for a reply",
        |run, args| yes_no(change_status(run, args.int(0), Some(args.text(1)))),
    ),
    f(
        "change_reply_status_code",
        &[Parameter::int("code")],
        "another code of its class for a reply",
        |run, args| yes_no(change_status(run, args.int(0), None)),
    ),
    f("remove_body", &[], "removes the body", |run, _| {
        let range = super::textops::Part::Body.range(run);
        if range.is_empty() {
            return Ret::Int(1);
        }
        yes_no(run.replace_in_body(&[(range, Vec::new())]))
    }),
    f(
        "keep_hf",
        &[],
        "removes header fields that a call does not need",
        |run, _| yes_no(keep(run, &|_| false)),
    ),
    f(
        "keep_hf_re",
        EXPRESSION,
        "the same, but those whose name matches stay",
        |run, args| {
            let Some(pattern) = run.shard.pattern(args.text(0)) else {
                return Ret::Int(-1);
            };
            yes_no(keep(run, &|name| pattern.is_match(name)))
        },
    ),
    f(
        "fnmatch",
        &[Parameter::text("text"), Parameter::text("pattern")],
        "the text matches a pattern of a file name: 0 if so, as in Kamailio, else -1",
        |_, args| glob(args.text(0), args.text(1), false),
    ),
    f(
        "fnmatch_ex",
        &[
            Parameter::text("text"),
            Parameter::text("pattern"),
            Parameter::text("flags"),
        ],
        "the same; flag `i` for either case",
        |_, args| {
            let ignore_case = args.text(2).contains(&b'i');
            glob(args.text(0), args.text(1), ignore_case)
        },
    ),
    f(
        "append_hf_value",
        NAME_VALUE,
        "adds a header field behind all others; with `name[n]` a value behind value n, 0 for the last",
        |run, args| yes_no(insert(run, args, true)),
    ),
    f(
        "insert_hf_value",
        NAME_VALUE,
        "adds a header field before the first of its name; with `name[n]` a value before value n",
        |run, args| yes_no(insert(run, args, false)),
    ),
    f(
        "assign_hf_value",
        NAME_VALUE,
        "another value for the first of a header field, or for `name[n]`",
        |run, args| {
            let (name, index) = indexed(args.text(0));
            let place = value_at(&values(run, name), index.unwrap_or(Index::At(1)));
            yes_no(place.is_some_and(|place| run.replace(&[(place, args.text(1).to_vec())])))
        },
    ),
    f(
        "remove_hf_value",
        &[Parameter::text("name")],
        "removes the first value of a header field, or `name[n]`, or all with `name[*]`",
        |run, args| {
            let (name, index) = indexed(args.text(0));
            let places = values(run, name);
            let places = match index.unwrap_or(Index::At(1)) {
                Index::All => places,
                index => value_at(&places, index).into_iter().collect(),
            };
            yes_no(!places.is_empty() && remove(run, &places))
        },
    ),
    f(
        "include_hf_value",
        NAME_VALUE,
        "adds a value to a header field that has not got it",
        |run, args| yes_no(include(run, args)),
    ),
    f(
        "exclude_hf_value",
        NAME_VALUE,
        "removes a value from a header field",
        |run, args| {
            let octets = run.context.message().as_bytes();
            let equal = |place: &Range<usize>| octets.get(place.clone()) == Some(args.text(1));
            let places: Vec<_> = values(run, args.text(0))
                .into_iter()
                .filter(equal)
                .collect();
            yes_no(remove(run, &places))
        },
    ),
    f(
        "hf_value_exists",
        NAME_VALUE,
        "a header field has this value",
        |run, args| {
            let mut headers = headers_named(run.context.message(), args.text(0));
            yes_no(headers.any(|header| holds(header.value, args.text(1))))
        },
    ),
];

fn change_status(run: &mut KemiRun, code: i64, reason: Option<&[u8]>) -> bool {
    let message = run.context.message();
    let Some(status) = message.status() else {
        return false;
    };
    let Some(changed) = changed_code(status, code) else {
        return false;
    };
    let reason = reason.filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or(message.reason());
    let text = [&changed.digits()[..], b" ", reason].concat();
    // `SIP/2.0 ` stands before it, CR LF behind.
    let end = message.header_start().saturating_sub(2);
    run.replace(&[(8..end, text)])
}

/// Header fields that stay whatever is asked for.
const KEPT: &[HeaderName] = &[
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::ContentType,
    HeaderName::ContentLength,
    HeaderName::Expires,
    HeaderName::Event,
    HeaderName::SubscriptionState,
    HeaderName::Require,
    HeaderName::ProxyRequire,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::WwwAuthenticate,
    HeaderName::ProxyAuthenticate,
    HeaderName::RAck,
    HeaderName::RSeq,
    HeaderName::ReferTo,
];

fn keep(run: &mut KemiRun, stays: &dyn Fn(&[u8]) -> bool) -> bool {
    run.change(0, &mut |message, edits| {
        for header in message.headers() {
            if !KEPT.contains(&header.name) && !stays(header.name_raw) {
                edits.remove(message, &header);
            }
        }
    })
}

/// Which value of a header field.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Index {
    /// From 1; 0 is the last, below 0 from the end.
    At(i64),
    All,
}

/// A name with what stands in its brackets.
fn indexed(text: &[u8]) -> (&[u8], Option<Index>) {
    let Some(open) = text.iter().position(|octet| *octet == b'[') else {
        return (text, None);
    };
    let (name, rest) = text.split_at_checked(open).unwrap_or((text, b""));
    let inside = rest
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    let index = match inside {
        Some(b"*") => Some(Index::All),
        Some(digits) => core::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .map(Index::At),
        None => None,
    };
    (name, index)
}

/// Where the values of all header fields of a name lie.
fn values(run: &KemiRun, name: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for header in headers_named(run.context.message(), name) {
        let mut items = ListItems::new(header.value);
        while let Some(range) = items.next_range() {
            let start = header.value_range.start;
            places.push(start + range.start..start + range.end);
        }
    }
    places
}

fn value_at(places: &[Range<usize>], index: Index) -> Option<Range<usize>> {
    let Index::At(index) = index else { return None };
    let at = match index {
        1.. => usize::try_from(index - 1).ok()?,
        0 => places.len().checked_sub(1)?,
        _ => places
            .len()
            .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    places.get(at).cloned()
}

fn line(name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let value: Vec<u8> = value
        .iter()
        .map(|octet| {
            if matches!(octet, b'\r' | b'\n') {
                b' '
            } else {
                *octet
            }
        })
        .collect();
    crate::kemi::change::lines(&[name, b": ", &value].concat())
}

/// Adds a header field, or a value to one that is there.
fn insert(run: &mut KemiRun, args: Args<'_>, behind: bool) -> bool {
    let (name, index) = indexed(args.text(0));
    let place = index.and_then(|index| value_at(&values(run, name), index));
    if let Some(place) = place {
        let value = args.text(1);
        return match behind {
            true => run.replace(&[(place.end..place.end, [b",", value].concat())]),
            false => run.replace(&[(place.start..place.start, [value, b","].concat())]),
        };
    }
    let Some(line) = line(name, args.text(1)) else {
        return false;
    };
    run.change(line.len(), &mut |message, edits| {
        let first = headers_named(message, name).next();
        match first.filter(|_| !behind) {
            Some(first) => edits.insert_lines(first.line.start, &line),
            None => edits.append_lines(message, &line),
        }
    })
}

fn remove(run: &mut KemiRun, places: &[Range<usize>]) -> bool {
    run.change(0, &mut |message, edits| {
        for place in places {
            edits.remove_list_item(message, place.clone());
        }
    })
}

fn include(run: &mut KemiRun, args: Args<'_>) -> bool {
    let (name, value) = (args.text(0), args.text(1));
    let mut headers = headers_named(run.context.message(), name);
    let first = headers.next();
    let there = first.iter().cloned().chain(headers);
    if there.into_iter().any(|header| holds(header.value, value)) {
        return true;
    }
    if let Some(first) = first {
        let end = first.value_range.end;
        let comma: &[u8] = if first.value.is_empty() { b"" } else { b"," };
        return run.replace(&[(end..end, [comma, value].concat())]);
    }
    let Some(line) = line(name, value) else {
        return false;
    };
    run.change(line.len(), &mut |message, edits| {
        edits.append_lines(message, &line);
    })
}

/// 0 if the text matches, -1 if not.
fn glob(text: &[u8], pattern: &[u8], ignore_case: bool) -> Ret {
    let matched = if ignore_case {
        matches_glob(&text.to_ascii_lowercase(), &pattern.to_ascii_lowercase())
    } else {
        matches_glob(text, pattern)
    };
    Ret::Int(if matched { 0 } else { -1 })
}
