//! `textops`: expressions over the message, header fields by expression, bodies.

use core::ops::Range;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{HeaderName, ListItems};

use super::{hdr, yes_no};
use crate::kemi::change::headers_named;
use crate::kemi::run::KemiRun;
use crate::kemi::sdp::SdpLines;
use crate::pv::PvSink;

pub(super) const EXPRESSION: &[Parameter] = &[Parameter::text("expression")];
const NAME: &[Parameter] = &[Parameter::text("name")];
pub(super) const EXPRESSION_TEXT: &[Parameter] =
    &[Parameter::text("expression"), Parameter::text("text")];

/// A row.
pub(super) const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("textops", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "search",
        EXPRESSION,
        "the message matches an expression",
        |run, args| matches(run, args, Part::Message),
    ),
    f(
        "search_body",
        EXPRESSION,
        "the body matches an expression",
        |run, args| matches(run, args, Part::Body),
    ),
    f(
        "search_hf",
        &[
            Parameter::text("name"),
            Parameter::text("expression"),
            Parameter::text("which"),
        ],
        "the first (f), the last (l) or any (a) header field of a name matches an expression",
        search_hf,
    ),
    f(
        "is_present_hf",
        NAME,
        "there is a header field of that name",
        |run, args| {
            let name = args.text(0);
            yes_no(headers_named(run.context.message(), name).next().is_some())
        },
    ),
    f(
        "is_present_hf_re",
        EXPRESSION,
        "there is a header field whose name matches an expression",
        |run, args| {
            let Some(pattern) = run.shard.pattern(args.text(0)) else {
                return Ret::Int(-1);
            };
            let mut headers = run.context.message().headers();
            yes_no(headers.any(|header| pattern.is_match(header.name_raw)))
        },
    ),
    f(
        "remove_hf",
        NAME,
        "removes all header fields of a name",
        |run, args| yes_no(hdr::remove(run, args.text(0))),
    ),
    f(
        "remove_hf_re",
        EXPRESSION,
        "removes header fields whose name matches an expression; -1 if none does",
        |run, args| {
            let Some(pattern) = run.shard.pattern(args.text(0)) else {
                return Ret::Int(-1);
            };
            yes_no(remove_where(run, &|name, _| pattern.is_match(name)) > 0)
        },
    ),
    f(
        "remove_hf_exp",
        &[Parameter::text("expression"), Parameter::text("but")],
        "removes header fields whose name matches the first expression and not the second",
        |run, args| {
            let pattern = run.shard.pattern(args.text(0));
            let (Some(pattern), Some(but)) = (pattern, run.shard.pattern(args.text(1))) else {
                return Ret::Int(-1);
            };
            remove_where(run, &|name, _| {
                pattern.is_match(name) && !but.is_match(name)
            });
            Ret::Int(1)
        },
    ),
    f(
        "remove_hf_idx",
        &[Parameter::text("name"), Parameter::int("index")],
        "removes a header field by name and place, from the end if negative; 2 if there is none",
        remove_at,
    ),
    f(
        "remove_hf_match",
        &[
            Parameter::text("name"),
            Parameter::text("operator"),
            Parameter::text("value"),
        ],
        "removes header fields of a name that are equal, not equal, hold or match (eq, ne, in, re) a text; -2 if none does",
        remove_match,
    ),
    f("has_body", &[], "there is a body", |run, _| {
        yes_no(!run.context.message().body().is_empty())
    }),
    f(
        "has_body_type",
        &[Parameter::text("type")],
        "the body is of that type",
        |run, args| {
            let message = run.context.message();
            let Some(Ok(kind)) = message
                .content_type()
                .filter(|_| !message.body().is_empty())
            else {
                return Ret::Int(-1);
            };
            let mut parts = args.text(0).splitn(2, |octet| *octet == b'/');
            yes_no(match (parts.next(), parts.next()) {
                (Some(b""), None) => true,
                (Some(one), Some(other)) => kind.is(one.trim_ascii(), other.trim_ascii()),
                _ => false,
            })
        },
    ),
    f(
        "set_body",
        &[Parameter::text("body"), Parameter::text("type")],
        "another body with its type",
        |run, args| {
            let (body, kind) = (args.text(0), args.text(1));
            if body.is_empty() || kind.is_empty() {
                return Ret::Int(-1);
            }
            let done = run.change(body.len() + kind.len(), &mut |message, edits| {
                edits.set_body(message, kind, body);
            });
            run.context.draft_mut().body_replaced |= done;
            yes_no(done)
        },
    ),
    f(
        "is_privacy",
        &[Parameter::text("type")],
        "Privacy has this value",
        |run, args| {
            let mut values = run.context.message().headers_named(HeaderName::Privacy);
            yes_no(values.any(|header| {
                header
                    .value
                    .split(|octet| matches!(octet, b';' | b','))
                    .any(|one| one.trim_ascii().eq_ignore_ascii_case(args.text(0)))
            }))
        },
    ),
    f(
        "is_audio_on_hold",
        &[],
        "an audio stream is on hold: 1 by its address, 2 by its direction",
        |run, _| Ret::Int(audio_on_hold(run)),
    ),
];

/// A part of the message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Message,
    /// What follows the start line.
    AfterStart,
    /// The header section.
    Headers,
    /// The body.
    Body,
}

impl Part {
    /// Where it lies.
    pub(super) fn range(self, run: &KemiRun) -> Range<usize> {
        let message = run.context.message();
        let body = message.len() - message.body().len();
        match self {
            Part::Message => 0..message.len(),
            Part::AfterStart => message.header_start()..message.len(),
            Part::Headers => message.header_start()..message.header_end(),
            Part::Body => body..message.len(),
        }
    }
}

fn matches(run: &mut KemiRun, args: Args<'_>, part: Part) -> Ret {
    let Some(pattern) = run.shard.pattern(args.text(0)) else {
        return Ret::Int(-1);
    };
    let text = run.context.message().as_bytes().get(part.range(run));
    yes_no(
        text.is_some_and(|text| (part != Part::Body || !text.is_empty()) && pattern.is_match(text)),
    )
}

fn search_hf(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let Some(pattern) = run.shard.pattern(args.text(1)) else {
        return Ret::Int(-1);
    };
    let mut found = headers_named(run.context.message(), args.text(0))
        .map(|header| pattern.is_match(header.value));
    yes_no(match args.text(2).first() {
        Some(b'f' | b'F') => found.next().unwrap_or(false),
        Some(b'l' | b'L') => found.last().unwrap_or(false),
        _ => found.any(|one| one),
    })
}

/// Removes the header fields that `which` chooses by name and value: how many.
fn remove_where(run: &mut KemiRun, which: &dyn Fn(&[u8], &[u8]) -> bool) -> usize {
    let mut count = 0;
    run.change(0, &mut |message, edits| {
        for header in message.headers() {
            if which(header.name_raw, header.value) {
                edits.remove(message, &header);
                count += 1;
            }
        }
    });
    count
}

fn remove_at(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let name = args.text(0);
    let mut answer = 2;
    let done = run.change(0, &mut |message, edits| {
        let count = headers_named(message, name).count();
        let index = match usize::try_from(args.int(1)) {
            Ok(index) => Some(index),
            Err(_) => usize::try_from(args.int(1).unsigned_abs())
                .ok()
                .and_then(|back| count.checked_sub(back)),
        };
        if let Some(header) = index.and_then(|index| headers_named(message, name).nth(index)) {
            edits.remove(message, &header);
            answer = 1;
        }
    });
    Ret::Int(if done { answer } else { -1 })
}

fn remove_match(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let (name, wanted) = (args.text(0), args.text(2));
    let operator = args.text(1);
    let pattern = match operator {
        b"re" => match run.shard.pattern(wanted) {
            Some(pattern) => Some(pattern),
            None => return Ret::Int(-1),
        },
        b"eq" | b"ne" | b"in" => None,
        _ => return Ret::Int(-1),
    };
    let fits = |value: &[u8]| match (&pattern, operator) {
        (Some(pattern), _) => pattern.is_match(value),
        (None, b"eq") => value == wanted,
        (None, b"ne") => value != wanted,
        _ => find(value, wanted).is_some(),
    };
    let mut count = 0;
    let done = run.change(0, &mut |message, edits| {
        for header in headers_named(message, name).filter(|header| fits(header.value)) {
            edits.remove(message, &header);
            count += 1;
        }
    });
    Ret::Int(match (done, count) {
        (false, _) => -1,
        (true, 0) => -2,
        (true, _) => 1,
    })
}

/// Where a text stands in another.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    text.windows(wanted.len()).position(|one| one == wanted)
}

fn audio_on_hold(run: &KemiRun) -> i64 {
    let Some(lines) = SdpLines::of(run.context.message()) else {
        return -1;
    };
    let zero = |text: &[u8]| matches!(text, b"c=IN IP4 0.0.0.0" | b"c=IN IP6 ::");
    let session = lines.session().any(|line| zero(line.text));
    for media in lines.media().filter(|media| media.kind == b"audio") {
        let own = media.attributes.iter().any(|line| zero(line.text));
        let has_own = media
            .attributes
            .iter()
            .any(|line| line.text.starts_with(b"c="));
        if own || (session && !has_own) {
            return 1;
        }
        if media.has(b"a=sendonly") || media.has(b"a=inactive") {
            return 2;
        }
    }
    -1
}

/// Splits a list at one octet; blanks around items do not count.
pub(super) fn items<'t>(list: &'t [u8], separator: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let separator = match separator {
        [one] => Some(*one),
        _ => None,
    };
    list.split(move |octet| separator == Some(*octet))
        .map(<[u8]>::trim_ascii)
        .filter(move |item| separator.is_some() && !item.is_empty())
}

/// True if a comma list holds an item.
pub(super) fn holds(list: &[u8], item: &[u8]) -> bool {
    ListItems::new(list).any(|one| one == item)
}

/// Sets the Request-URI; false if the text is none.
pub(super) fn set_request_uri(run: &mut KemiRun, uri: &[u8]) -> bool {
    let sound = crate::pv::UriText::parse(uri).is_some()
        && !uri
            .iter()
            .any(|octet| octet.is_ascii_whitespace() || *octet == 0);
    sound && run.set_request_uri(uri)
}
