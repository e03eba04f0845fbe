//! `textops`: replacing by expression, and tests of text.

use core::ops::Range;

use strowger_lua::{Args, Parameter, Ret, Row};

use super::pv::written;
use super::textops::{EXPRESSION_TEXT, Part, f, find, items, set_request_uri};
use super::yes_no;
use crate::kemi::change::headers_named;
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{PvValue, UriText, WriteOutcome};
use crate::substitution::Substitution;

const SUBSTITUTION: &[Parameter] = &[Parameter::text("substitution")];
const MATCH_TEXT_MODE: &[Parameter] = &[
    Parameter::text("match"),
    Parameter::text("text"),
    Parameter::text("mode"),
];
const TWO: &[Parameter] = &[Parameter::text("text"), Parameter::text("other")];
const IN_LIST: &[Parameter] = &[
    Parameter::text("text"),
    Parameter::text("list"),
    Parameter::text("separator"),
];

/// Matches of one expression that are replaced at once (1,024).
const REPLACED_MAX: usize = 1_024;

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "replace",
        EXPRESSION_TEXT,
        "replaces the first match behind the start line",
        |run, args| replace(run, args, Part::AfterStart, false),
    ),
    f(
        "replace_all",
        EXPRESSION_TEXT,
        "replaces every match behind the start line",
        |run, args| replace(run, args, Part::AfterStart, true),
    ),
    f(
        "replace_hdrs",
        EXPRESSION_TEXT,
        "replaces the first match in the header fields",
        |run, args| replace(run, args, Part::Headers, false),
    ),
    f(
        "replace_body",
        EXPRESSION_TEXT,
        "replaces the first match in the body",
        |run, args| replace(run, args, Part::Body, false),
    ),
    f(
        "replace_body_all",
        EXPRESSION_TEXT,
        "replaces every match in the body",
        |run, args| replace(run, args, Part::Body, true),
    ),
    f(
        "replace_body_atonce",
        EXPRESSION_TEXT,
        "replaces every match in the body",
        |run, args| replace(run, args, Part::Body, true),
    ),
    f(
        "replace_str",
        MATCH_TEXT_MODE,
        "replaces the first (f) or every (a) occurrence behind the start line",
        |run, args| replace_text(run, args, Part::AfterStart),
    ),
    f(
        "replace_hdrs_str",
        MATCH_TEXT_MODE,
        "replaces the first (f) or every (a) occurrence in the header fields",
        |run, args| replace_text(run, args, Part::Headers),
    ),
    f(
        "replace_body_str",
        MATCH_TEXT_MODE,
        "replaces the first (f) or every (a) occurrence in the body",
        |run, args| replace_text(run, args, Part::Body),
    ),
    f(
        "search_append",
        EXPRESSION_TEXT,
        "adds a text behind the first match behind the start line",
        |run, args| append(run, args, Part::AfterStart),
    ),
    f(
        "search_append_body",
        EXPRESSION_TEXT,
        "adds a text behind the first match in the body",
        |run, args| append(run, args, Part::Body),
    ),
    f(
        "subst",
        SUBSTITUTION,
        "`/expression/replacement/flags` behind the start line",
        |run, args| substitute_in(run, args.text(0), Part::AfterStart),
    ),
    f(
        "subst_body",
        SUBSTITUTION,
        "`/expression/replacement/flags` in the body",
        |run, args| substitute_in(run, args.text(0), Part::Body),
    ),
    f(
        "subst_uri",
        SUBSTITUTION,
        "`/expression/replacement/flags` in the Request-URI",
        |run, args| {
            let before = run.context.request_uri().to_vec();
            let changed = substituted(run, args.text(0), &before);
            yes_no(changed.is_some_and(|uri| set_request_uri(run, &uri)))
        },
    ),
    f(
        "subst_user",
        SUBSTITUTION,
        "`/expression/replacement/flags` in the user of the Request-URI",
        |run, args| yes_no(subst_user(run, args.text(0))),
    ),
    f(
        "subst_hf",
        &[
            Parameter::text("name"),
            Parameter::text("substitution"),
            Parameter::text("which"),
        ],
        "`/expression/replacement/flags` in the first (f), the last (l) or all (a) header fields of a name",
        subst_hf,
    ),
    f(
        "cmp_str",
        TWO,
        "the texts are equal; -2 if the first is the lesser",
        |_, args| ordered(args.text(0), args.text(1)),
    ),
    f(
        "cmp_istr",
        TWO,
        "the texts are equal, in either case; -2 if the first is the lesser",
        |_, args| {
            let lower = |index| args.text(index).to_ascii_lowercase();
            ordered(&lower(0), &lower(1))
        },
    ),
    f(
        "starts_with",
        TWO,
        "the text begins with the other; -2 if it would come before it",
        |_, args| match args.text(0).get(..args.text(1).len()) {
            Some(start) => ordered(start, args.text(1)),
            None => Ret::Int(-1),
        },
    ),
    f(
        "ends_with",
        TWO,
        "the text ends with the other; -2 if its end would come before it",
        |_, args| {
            let start = args.text(0).len().checked_sub(args.text(1).len());
            match start.and_then(|start| args.text(0).get(start..)) {
                Some(end) => ordered(end, args.text(1)),
                None => Ret::Int(-1),
            }
        },
    ),
    f(
        "search_str",
        &[Parameter::text("text"), Parameter::text("expression")],
        "the text matches an expression; -2 if it is empty",
        |run, args| {
            if args.text(0).is_empty() {
                return Ret::Int(-2);
            }
            let pattern = run.shard.pattern(args.text(1));
            yes_no(pattern.is_some_and(|pattern| pattern.is_match(args.text(0))))
        },
    ),
    f(
        "str_find",
        TWO,
        "where the text holds the other, from 1",
        |_, args| found(find(args.text(0), args.text(1))),
    ),
    f("str_ifind", TWO, "the same in either case", |_, args| {
        let lower = |index| args.text(index).to_ascii_lowercase();
        found(find(&lower(0), &lower(1)))
    }),
    f(
        "in_list",
        IN_LIST,
        "a list holds the text; blanks around its items do not count",
        |_, args| yes_no(items(args.text(1), args.text(2)).any(|item| item == args.text(0))),
    ),
    f(
        "in_list_prefix",
        IN_LIST,
        "an item of a list begins the text",
        |_, args| {
            yes_no(items(args.text(1), args.text(2)).any(|item| args.text(0).starts_with(item)))
        },
    ),
    f(
        "regex_substring",
        &[
            Parameter::text("text"),
            Parameter::text("expression"),
            Parameter::int("group"),
            Parameter::int("groups"),
            Parameter::text("pv"),
        ],
        "writes a group of a match into a pseudo-variable",
        regex_substring,
    ),
];

/// Observed on 5.6.3: which of two texts comes first counts.
fn ordered(one: &[u8], other: &[u8]) -> Ret {
    Ret::Int(match one.cmp(other) {
        core::cmp::Ordering::Equal => 1,
        core::cmp::Ordering::Less => -2,
        core::cmp::Ordering::Greater => -1,
    })
}

fn found(at: Option<usize>) -> Ret {
    let place = at.and_then(|at| i64::try_from(at).ok());
    Ret::Int(place.map_or(-1, |at| at.saturating_add(1)))
}

/// Makes changes at places of the message: those of its body with their line ends.
fn apply(run: &mut KemiRun, changes: Vec<(Range<usize>, Vec<u8>)>) -> bool {
    let body = Part::Body.range(run).start;
    let (inside, before): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|(range, _)| range.start >= body);
    // What would reach over the empty line is left as it is.
    let before: Vec<_> = before
        .into_iter()
        .filter(|(range, _)| range.end <= run.context.message().header_end())
        .collect();
    run.replace(&before) && run.replace_in_body(&inside)
}

/// Matches of an expression in a part of the message; `None` if it is none.
fn places(
    run: &mut KemiRun,
    expression: &[u8],
    part: Part,
    all: bool,
) -> Option<Vec<Range<usize>>> {
    let pattern = run.shard.pattern(expression)?;
    let range = part.range(run);
    let text = run.context.message().as_bytes().get(range.clone())?;
    let most = if all { REPLACED_MAX } else { 1 };
    let found = pattern
        .find_iter(text)
        .filter(|one| !one.is_empty())
        .take(most)
        .map(|one| range.start + one.start()..range.start + one.end());
    Some(found.collect())
}

fn replace(run: &mut KemiRun, args: Args<'_>, part: Part, all: bool) -> Ret {
    let places = places(run, args.text(0), part, all).unwrap_or_default();
    if places.is_empty() {
        return Ret::Int(-1);
    }
    let text = args.text(1);
    let changes = places.into_iter().map(|place| (place, text.to_vec()));
    yes_no(apply(run, changes.collect()))
}

fn append(run: &mut KemiRun, args: Args<'_>, part: Part) -> Ret {
    let place = places(run, args.text(0), part, false).and_then(|places| places.into_iter().next());
    match place {
        Some(place) => yes_no(apply(
            run,
            vec![(place.end..place.end, args.text(1).to_vec())],
        )),
        None => Ret::Int(-1),
    }
}

/// Replaces a text, not an expression: 1 also if it stands nowhere.
fn replace_text(run: &mut KemiRun, args: Args<'_>, part: Part) -> Ret {
    let (wanted, text) = (args.text(0), args.text(1));
    if wanted.is_empty() {
        return Ret::Int(-1);
    }
    let all = matches!(args.text(2).first(), Some(b'a' | b'A'));
    let range = part.range(run);
    let octets = run.context.message().as_bytes();
    let mut changes = Vec::new();
    let mut at = range.start;
    while let Some(place) = octets
        .get(at..range.end)
        .and_then(|rest| find(rest, wanted))
    {
        let start = at + place;
        at = start + wanted.len();
        changes.push((start..at, text.to_vec()));
        if !all || changes.len() >= REPLACED_MAX {
            break;
        }
    }
    yes_no(apply(run, changes))
}

/// The text with a substitution applied; `None` if it is none, or changes nothing.
fn substituted(run: &mut KemiRun, substitution: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    match Substitution::with_values(substitution) {
        Ok(substitution) => substitution.apply(text, &mut |spec, out| spec.read(run).write(out)),
        Err(error) => {
            let line = format!("{}: {error}", String::from_utf8_lossy(substitution));
            run.log(LogLevel::Error, line.as_bytes());
            None
        }
    }
}

fn substitute_in(run: &mut KemiRun, substitution: &[u8], part: Part) -> Ret {
    let substitution = match Substitution::with_values(substitution) {
        Ok(substitution) => substitution,
        Err(error) => {
            let line = format!("{}: {error}", String::from_utf8_lossy(substitution));
            run.log(LogLevel::Error, line.as_bytes());
            return Ret::Int(-1);
        }
    };
    let range = part.range(run);
    let text = run.context.message().as_bytes().get(range.clone());
    let changes: Vec<_> = substitution
        .changes(text.unwrap_or_default(), &mut |spec, out| {
            spec.read(run).write(out);
        })
        .into_iter()
        .take(REPLACED_MAX)
        .map(|(at, text)| (range.start + at.start..range.start + at.end, text))
        .collect();
    if changes.is_empty() {
        return Ret::Int(-1);
    }
    yes_no(apply(run, changes))
}

fn subst_user(run: &mut KemiRun, substitution: &[u8]) -> bool {
    let before = run.context.request_uri().to_vec();
    let Some(uri) = UriText::parse(&before) else {
        return false;
    };
    let user = uri.user.unwrap_or_default();
    let Some(changed) = substituted(run, substitution, user) else {
        return false;
    };
    let mut text = Vec::new();
    UriText {
        user: Some(&changed[..]).filter(|user| !user.is_empty()),
        ..uri
    }
    .write(&mut text);
    set_request_uri(run, &text)
}

fn subst_hf(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let message = run.context.message();
    let mut places: Vec<Range<usize>> = headers_named(message, args.text(0))
        .map(|header| header.value_range)
        .collect();
    match args.text(2).first() {
        Some(b'f' | b'F') => places.truncate(1),
        Some(b'l' | b'L') => drop(places.drain(..places.len().saturating_sub(1))),
        _ => {}
    }
    let mut changes = Vec::new();
    for place in places {
        let octets = run.context.message().as_bytes();
        let value = octets.get(place.clone()).unwrap_or_default().to_vec();
        if let Some(text) = substituted(run, args.text(1), &value) {
            changes.push((place, text));
        }
    }
    yes_no(!changes.is_empty() && apply(run, changes))
}

fn regex_substring(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let (group, groups) = (args.int(2), args.int(3));
    let Some(pattern) = run.shard.pattern(args.text(1)).filter(|_| group < groups) else {
        return Ret::Int(-1);
    };
    let captures = pattern.captures(args.text(0));
    let matched = usize::try_from(group)
        .ok()
        .and_then(|group| captures.as_ref()?.get(group));
    let Some(matched) = matched else {
        return Ret::Int(-1);
    };
    let outcome = written(run, args.text(4), PvValue::octets(matched.as_bytes()));
    yes_no(outcome == Some(WriteOutcome::Written))
}
